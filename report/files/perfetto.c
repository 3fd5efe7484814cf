/* A request is in one state at a time, and a slice is written when it leaves one: so its track has
 * no gaps and no overlaps from its arrival to its end. Repeats of a step are slices of their own.
 */
#include "perfetto.h"

#include <string.h>

#include "perfetto_events.h"
#include "sim/units.h"

typedef enum {
  STATE_NONE, /* has not been seen, or has ended */
  STATE_WAITING,
  STATE_PREFILL,
  STATE_DECODE,
  STATE_PREEMPTED, /* its KV dropped, waits to be computed again */
  STATE_SWAPPED,   /* its KV on the host */
  STATE_RECOMPUTE,
} State;

static const char *const state_names[] = {
    [STATE_WAITING] = "waiting",     [STATE_PREFILL] = "prefill", [STATE_DECODE] = "decode",
    [STATE_PREEMPTED] = "preempted", [STATE_SWAPPED] = "swapped", [STATE_RECOMPUTE] = "recompute",
};

typedef struct {
  gint64 since_ps;
  guint8 state;
  guint8 named;  /* its track has its name */
  guint8 before; /* the state before it was swapped out */
  guint8 ended;
} Track;

typedef struct {
  const char *name;
  char text[96]; /* as last written, or as last known before the window */
  gboolean pending;
} Counter;

enum { COUNTER_BLOCKS, COUNTER_BATCH, COUNTER_QUEUE, COUNTERS };

struct Perfetto {
  Observer observer; /* first */
  PerfettoEvents events;
  const Workload *workload;
  guint32 num_gpu_blocks, num_cpu_blocks;
  Track *tracks; /* one a request */
  Counter counters[COUNTERS];
  gint64 busy_until_ps;
};

/* Perfetto takes a thread whose id is its process's for the main one; requests stay clear of it. */
static guint64
track_id(guint32 request)
{
  return (guint64)request + 100;
}

static void
name_track(Perfetto *p, guint32 request)
{
  g_autofree char *id = workload_id_json(p->workload, request);
  g_autofree char *name =
      *id == '"' ? g_strdup_printf("\"request %s", id + 1) : g_strdup_printf("\"request %s\"", id);

  p->tracks[request].named = TRUE;
  perfetto_name(&p->events, "thread_name", TRACK_REQUESTS, track_id(request), name);
  perfetto_order(&p->events, TRACK_REQUESTS, track_id(request), request);
}

/* Leaves the request's state at that time, for another. */
static void
enter(Perfetto *p, guint32 request, State state, gint64 time_ps)
{
  Track *track = &p->tracks[request];

  if (track->state != STATE_NONE && perfetto_overlaps(&p->events, track->since_ps, time_ps)) {
    if (!track->named)
      name_track(p, request);
    perfetto_slice(&p->events, TRACK_REQUESTS, track_id(request), state_names[track->state],
                   track->since_ps, time_ps, NULL);
  }
  track->state = (guint8)state;
  track->since_ps = time_ps;
}

static void
begin_waiting(Perfetto *p, guint32 request)
{
  if (p->tracks[request].state == STATE_NONE)
    enter(p, request, STATE_WAITING, workload_request(p->workload, request)->arrival_ps);
}

static void
note_victims(Perfetto *p, const StepReport *report)
{
  for (guint i = 0; i < report->step->victims->len; i++) {
    const StepVictim *victim = &g_array_index(report->step->victims, StepVictim, i);
    Track *track = &p->tracks[victim->request];
    g_autofree char *args = NULL;
    g_autofree char *id = workload_id_json(p->workload, victim->beneficiary);
    g_autofree char *what =
        g_strconcat("preempted by ", overflow_action_name(victim->action), NULL);
    track->before = track->state;
    enter(p, victim->request, victim->copied_blocks > 0 ? STATE_SWAPPED : STATE_PREEMPTED,
          report->start_ps);
    /* Its last token was in flight when it was preempted. */
    if (track->ended)
      enter(p, victim->request, STATE_NONE, report->start_ps);
    args = g_strdup_printf("\"for\":%s,\"blocks\":%u,\"tokens_lost\":%u", id, victim->blocks,
                           victim->tokens_lost);
    if (report->start_ps >= p->events.from_ps && report->start_ps <= p->events.to_ps &&
        !track->named)
      name_track(p, victim->request);
    perfetto_instant(&p->events, TRACK_REQUESTS, track_id(victim->request), what, report->start_ps,
                     args);
  }
}

static void
note_returns(Perfetto *p, const StepReport *report)
{
  for (guint i = 0; i < report->step->swapped_in->len; i++) {
    guint32 request = g_array_index(report->step->swapped_in, StepSwapIn, i).request;
    Track *track = &p->tracks[request];
    if (track->state == STATE_SWAPPED)
      enter(p, request, track->before, report->start_ps);
  }
}

/* Chunks begin a prefill, or a recomputation; the one that yields a token ends it. */
static void
note_entries(Perfetto *p, const StepReport *report)
{
  for (guint i = 0; i < report->step->entries->len; i++) {
    const StepEntry *entry = &g_array_index(report->step->entries, StepEntry, i);
    Track *track = &p->tracks[entry->request];
    if (entry->kind == ENTRY_DECODE)
      continue;
    begin_waiting(p, entry->request);
    if (entry->kind == ENTRY_RESUMED)
      enter(p, entry->request, STATE_RECOMPUTE, report->start_ps);
    else if (track->state == STATE_WAITING)
      enter(p, entry->request, STATE_PREFILL, report->start_ps);
    if (entry->samples && (track->state == STATE_PREFILL || track->state == STATE_RECOMPUTE))
      enter(p, entry->request, STATE_DECODE, report->start_ps + report->first_ps);
  }
}

/* Writes the values from before the window, at its beginning. All at once, so that their place in
 * the file does not depend on how many steps a report covers. */
static void
flush_counters(Perfetto *p, gint64 time_ps)
{
  for (guint i = 0; i < COUNTERS && time_ps > p->events.from_ps; i++) {
    Counter *counter = &p->counters[i];
    if (counter->pending)
      perfetto_counter(&p->events, counter->name, p->events.from_ps, counter->text);
    counter->pending = FALSE;
  }
}

/* A value that does not change is not written again; before the window only the last is kept. */
static void
count(Perfetto *p, guint index, gint64 time_ps, const char *text)
{
  Counter *counter = &p->counters[index];

  flush_counters(p, time_ps);
  if (g_str_equal(counter->text, text))
    return;
  g_strlcpy(counter->text, text, sizeof counter->text);
  if (time_ps < p->events.from_ps)
    counter->pending = TRUE;
  else
    perfetto_counter(&p->events, counter->name, time_ps, text);
}

static void
count_blocks(Perfetto *p, gint64 time_ps, guint32 gpu_free_blocks, guint32 host_free_blocks)
{
  char text[sizeof p->counters->text];

  g_snprintf(text, sizeof text, "\"gpu\":%u,\"host\":%u", p->num_gpu_blocks - gpu_free_blocks,
             p->num_cpu_blocks - host_free_blocks);
  count(p, COUNTER_BLOCKS, time_ps, text);
}

static void
count_batch(Perfetto *p, gint64 time_ps, guint32 decodes, guint32 prefills)
{
  char text[sizeof p->counters->text];

  g_snprintf(text, sizeof text, "\"decode\":%u,\"prefill\":%u", decodes, prefills);
  count(p, COUNTER_BATCH, time_ps, text);
}

static void
count_queue(Perfetto *p, gint64 time_ps, const Step *step)
{
  char text[sizeof p->counters->text];

  g_snprintf(text, sizeof text, "\"waiting\":%u,\"swapped\":%u", step->waiting, step->swapped);
  count(p, COUNTER_QUEUE, time_ps, text);
}

/* What a step computes. */
typedef struct {
  guint32 decodes, prefills, prefill_tokens, recomputed_tokens;
} Work;

static Work
work_of(const Step *step)
{
  Work work = {.decodes = step->n_decodes};

  for (guint i = 0; i < step->entries->len; i++) {
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
    if (entry->kind == ENTRY_DECODE)
      continue;
    work.recomputed_tokens += entry->recomputed_tokens;
    if (entry->kind == ENTRY_DECODE_SWAPPED_IN) {
      work.decodes++;
    } else {
      work.prefills++;
      work.prefill_tokens += entry->tokens;
    }
  }
  return work;
}

/* The copies of a step stand at its beginning, for as long as they lengthen it; where nothing is
 * costed, for all of it. */
static void
write_copies(Perfetto *p, const StepReport *report)
{
  const Step *step = report->step;
  gint64 end_ps = report->start_ps + report->first_ps;
  gint64 out_ps =
      report->cost != NULL ? report->start_ps + report->cost->base_ps[COST_SWAP_OUT] : end_ps;
  gint64 in_from_ps = report->cost != NULL ? out_ps : report->start_ps;
  gint64 in_ps = report->cost != NULL ? in_from_ps + report->cost->base_ps[COST_SWAP_IN] : end_ps;
  char args[48];

  g_snprintf(args, sizeof args, "\"blocks\":%u", step->copy_out_blocks);
  if (step->copy_out_blocks > 0)
    perfetto_slice(&p->events, TRACK_ENGINE, LANE_COPY_OUT, "copy out", report->start_ps, out_ps,
                   args);
  g_snprintf(args, sizeof args, "\"blocks\":%u", step->copy_in_blocks);
  if (step->copy_in_blocks > 0)
    perfetto_slice(&p->events, TRACK_ENGINE, LANE_COPY_IN, "copy in", in_from_ps, in_ps, args);
}

static void
write_step(Perfetto *p, const Work *work, guint64 index, gint64 start_ps, gint64 end_ps)
{
  char args[160];

  if (!perfetto_overlaps(&p->events, start_ps, end_ps))
    return;
  g_snprintf(args, sizeof args,
             "\"step\":%" G_GUINT64_FORMAT
             ",\"decodes\":%u,\"prefills\":%u,\"prefill_tokens\":%u,\"recomputed_tokens\":%u",
             index, work->decodes, work->prefills, work->prefill_tokens, work->recomputed_tokens);
  perfetto_slice(&p->events, TRACK_ENGINE, LANE_DEVICE,
                 work->prefills == 0  ? "decode"
                 : work->decodes == 0 ? "prefill"
                                      : "prefill and decode",
                 start_ps, end_ps, args);
}

static void
write_repeats(Perfetto *p, const StepReport *report)
{
  const Step *step = report->step;
  const Work work = work_of(step);
  gint64 start_ps = report->start_ps, duration_ps = report->first_ps;
  guint32 gpu_free_blocks = step_unheld_blocks(step);

  if (start_ps > p->busy_until_ps)
    count_batch(p, p->busy_until_ps, 0, 0);
  p->busy_until_ps = start_ps + report->elapsed_ps;
  count_batch(p, start_ps, work.decodes, work.prefills);
  count_queue(p, start_ps, step);
  for (guint32 i = 0; i < report->repeats; i++) {
    if (i > 0)
      gpu_free_blocks -= (guint32)step_growth_blocks(step, i);
    count_blocks(p, start_ps, gpu_free_blocks, step->host_free_blocks);
    write_step(p, &work, report->step_index + i, start_ps, start_ps + duration_ps);
    start_ps += duration_ps;
    duration_ps += report->growth_ps;
  }
}

static void
on_step(Observer *self, const StepReport *report)
{
  Perfetto *p = (Perfetto *)self;

  note_victims(p, report);
  if (report->step->abort != NULL || step_is_empty(report->step))
    return;
  note_returns(p, report);
  note_entries(p, report);
  write_copies(p, report);
  write_repeats(p, report);
  if (report->n_finished > 0)
    count_blocks(p, report->start_ps + report->elapsed_ps, report->gpu_unheld_end_blocks,
                 report->step->host_free_blocks);
}

static void
on_request(Observer *self, const RequestResult *result)
{
  Perfetto *p = (Perfetto *)self;

  begin_waiting(p, result->request);
  if (result->finish_ps >= 0) /* the others end with the run */
    enter(p, result->request, STATE_NONE, result->finish_ps);
  p->tracks[result->request].ended = TRUE;
}

static void
on_end(Observer *self, const RunOutcome *outcome)
{
  Perfetto *p = (Perfetto *)self;

  for (guint32 i = 0; i < workload_count(p->workload); i++)
    if (p->tracks[i].state != STATE_NONE)
      enter(p, i, STATE_NONE, MAX(outcome->end_ps, p->tracks[i].since_ps));
  count_batch(p, outcome->end_ps, 0, 0);
}

static void
name_lanes(Perfetto *p)
{
  static const char *const lanes[] = {
      [LANE_DEVICE] = "\"device\"",
      [LANE_COPY_OUT] = "\"copy out\"",
      [LANE_COPY_IN] = "\"copy in\"",
  };

  perfetto_name(&p->events, "process_name", TRACK_ENGINE, 0, "\"engine\"");
  perfetto_name(&p->events, "process_name", TRACK_REQUESTS, 0, "\"requests\"");
  for (guint lane = LANE_DEVICE; lane < G_N_ELEMENTS(lanes); lane++) {
    perfetto_name(&p->events, "thread_name", TRACK_ENGINE, lane, lanes[lane]);
    perfetto_order(&p->events, TRACK_ENGINE, lane, lane);
  }
}

Perfetto *
perfetto_open(const char *path, const Workload *workload, guint32 num_gpu_blocks,
              guint32 num_cpu_blocks, gint64 from_ps, gint64 to_ps, GError **error)
{
  Sink *sink = sink_open(path, error);
  Perfetto *p;

  if (sink == NULL)
    return NULL;
  p = g_new0(Perfetto, 1);
  p->observer = (Observer){.step = on_step, .request = on_request, .end = on_end};
  p->events = (PerfettoEvents){.sink = sink, .from_ps = from_ps, .to_ps = to_ps};
  p->workload = workload;
  p->num_gpu_blocks = num_gpu_blocks;
  p->num_cpu_blocks = num_cpu_blocks;
  p->tracks = g_new0(Track, workload_count(workload));
  p->counters[COUNTER_BLOCKS].name = "KV blocks";
  p->counters[COUNTER_BATCH].name = "batch";
  p->counters[COUNTER_QUEUE].name = "queue";
  perfetto_begin(&p->events);
  name_lanes(p);
  return p;
}

Observer *
perfetto_observer(Perfetto *perfetto)
{
  return &perfetto->observer;
}

gboolean
perfetto_close(Perfetto *perfetto, GError **error)
{
  perfetto_finish(&perfetto->events);
  return sink_close(perfetto->events.sink, error);
}

void
perfetto_free(Perfetto *perfetto)
{
  if (perfetto == NULL)
    return;
  sink_free(perfetto->events.sink);
  g_free(perfetto->tracks);
  g_free(perfetto);
}
