#include "play.h"

#include <math.h>

#include "kept.h"
#include "sim/loop.h"
#include "sim/metrics.h"

/* Notes who was evicted, when. */
typedef struct {
  Observer observer; /* first */
  GArray *went;
} EvictionWatch;

typedef struct {
  const Players *players;
  Play *plays;
  guint *places; /* of those that are to be played */
  guint n;
  gint next; /* atomic: the first place that nobody has taken */
} Batch;

typedef struct {
  Batch *batch;
  const Scenario *scenario;
} Player;

static void
note_evictions(Observer *self, const StepReport *report)
{
  GArray *went = ((EvictionWatch *)self)->went;
  const GArray *victims = report->step->victims;

  for (guint i = 0; i < victims->len; i++) {
    const PlayEviction eviction = {report->start_ps, g_array_index(victims, StepVictim, i)};
    g_array_append_val(went, eviction);
  }
}

/* A latency that nobody has is worse than any. */
static double
or_infinity(double seconds)
{
  return isnan(seconds) ? INFINITY : seconds;
}

static void
take_figures(Metrics *metrics, gboolean worked, PlayFigures *figures)
{
  Summary summary;

  metrics_summary(metrics, &summary);
  *figures = (PlayFigures){
      .end = summary.end,
      .finished = summary.finished,
      .preemptions = summary.preemptions,
      .mean_latency_s =
          worked && summary.end == RUN_DONE ? or_infinity(summary.e2e_s.mean) : INFINITY,
      .ttft_p99_s = or_infinity(summary.ttft_s.p99),
      .requests_per_s = summary.requests_per_s,
      .output_tokens_per_s = summary.output_tokens_per_s,
  };
  summary_clear(&summary);
}

static void
play_one(const Players *players, const Scenario *s, Play *play)
{
  g_autoptr(Workload) own = NULL;
  const Workload *workload = players->workload;
  g_autoptr(Client) client = scenario_client_new(s, &workload, &own);
  g_autoptr(Executor) executor = s->executor->create(s->cost);
  g_autoptr(Metrics) metrics = NULL;
  g_autoptr(Scheduler) scheduler = NULL;
  g_autoptr(Script) script = NULL;
  SchedulerConfig config = play->config;
  EvictionWatch watch = {.observer = {.step = note_evictions}};
  Observer *observers[2] = {NULL, &watch.observer};
  LoopInstance instance = {.executor = executor};
  const Loop loop = {
      .client = client,
      .instances = &instance,
      .n_instances = 1,
      .observers = observers,
      .n_observers = play->notes == PLAY_NOTES_ALL ? 2 : 1,
      .stride = players->stride,
      .unit_copy_steps = players->unit_copy_steps,
  };
  RunOutcome outcome;
  gboolean worked;

  config.cost = s->cost;
  if (play->space != NULL) {
    script =
        script_new(play->space, &play->config, play->decisions, play->notes != PLAY_NOTES_NOTHING);
    script_install(script, &config);
  }
  if (play->notes == PLAY_NOTES_ALL)
    watch.went = play->went = g_array_new(FALSE, FALSE, sizeof(PlayEviction));
  metrics = metrics_new(workload, config.num_gpu_blocks - s->scheduler->hidden_blocks,
                        config.num_cpu_blocks);
  observers[0] = metrics_observer(metrics);
  instance.scheduler = scheduler = scheduler_new(s->scheduler, &config, workload);
  worked = loop_run(&loop, &outcome, NULL);
  take_figures(metrics, worked, &play->figures);
  if (play->notes != PLAY_NOTES_NOTHING && script != NULL) {
    play->evictions = script_take_evictions(script);
    play->victims = script_take_victims(script);
  }
}

static gpointer
play_some(gpointer data)
{
  const Player *player = data;
  Batch *batch = player->batch;
  guint i;

  while ((i = (guint)g_atomic_int_add(&batch->next, 1)) < batch->n)
    play_one(batch->players, player->scenario, &batch->plays[batch->places[i]]);
  return NULL;
}

static void
play_batch(Batch *batch)
{
  const Players *players = batch->players;
  guint n_threads = MIN(players->scenarios->len, batch->n),
        n_started = 1; /* this one is the first */
  g_autofree Player *all = g_new(Player, players->scenarios->len);
  g_autofree GThread **threads = g_new(GThread *, players->scenarios->len);

  for (guint i = 0; i < players->scenarios->len; i++)
    all[i] = (Player){batch, g_ptr_array_index(players->scenarios, i)};
  /* Where the system has no more threads, those that there are play all. */
  while (n_started < n_threads &&
         (threads[n_started] = g_thread_try_new("play", play_some, &all[n_started], NULL)) != NULL)
    n_started++;
  play_some(&all[0]);
  while (n_started > 1)
    g_thread_join(threads[--n_started]);
}

void
players_run(const Players *players, Play *plays, guint n)
{
  g_autofree guint *places = g_new(guint, MAX(n, 1));
  Batch batch = {.players = players, .plays = plays, .places = places};

  for (guint i = 0; i < n; i++)
    if (players->kept == NULL || !kept_plays_find(players->kept, &plays[i]))
      places[batch.n++] = i;
  play_batch(&batch);
  if (players->kept != NULL)
    kept_plays_add(players->kept, plays, places, batch.n);
}

void
play_clear(Play *play)
{
  g_clear_pointer(&play->went, g_array_unref);
  g_clear_pointer(&play->evictions, g_array_unref);
  g_clear_pointer(&play->victims, g_array_unref);
}
