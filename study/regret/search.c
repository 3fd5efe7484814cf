#include "search.h"

#include <math.h>

/* Runs that are played before the best of them is taken: enough for many cores, and the same number
 * on few, so that the result is the same. */
#define BATCH_PLAYS 16

/* Less is the rounding of a mean over a million requests. */
#define LEAST_GAIN 1e-9

/* Where the search stands. */
typedef struct {
  const Players *players;
  const ScriptSpace *space;
  const SchedulerConfig *config;
  const SearchBudget *budget;
  Search *search;
  Play current;       /* recorded, by search->decisions */
  GArray *forks;      /* of ScriptDecision: to be tried in this batch */
  GArray *plays;      /* of Play */
  guint32 eviction;   /* the next whose decisions are tried */
  gboolean is_wide;   /* this pass tries another victim with each action */
  gboolean has_found; /* in it */
  gboolean is_cut;    /* the batch is what the budget left of one */
} Course;

gboolean
search_is_better(double mean_latency_s, double than_s)
{
  return isfinite(mean_latency_s) && mean_latency_s < than_s * (1 - LEAST_GAIN);
}

gboolean
search_is_late(const SearchBudget *budget)
{
  return g_get_monotonic_time() >= budget->deadline_us ||
         (budget->stop != NULL && *budget->stop != 0);
}

GArray *
search_decide(const GArray *decisions, const ScriptDecision *decision)
{
  GArray *all = g_array_new(FALSE, FALSE, sizeof(ScriptDecision));
  ScriptDecision own = *decision;
  guint i = 0;

  for (; i < decisions->len; i++) {
    const ScriptDecision *other = &g_array_index(decisions, ScriptDecision, i);
    if (other->eviction >= own.eviction)
      break;
    g_array_append_val(all, *other);
  }
  if (i < decisions->len) {
    const ScriptDecision *other = &g_array_index(decisions, ScriptDecision, i);
    if (other->eviction == own.eviction) {
      own.request = own.request == SCRIPT_AS_BASE ? other->request : own.request;
      own.action = own.action == SCRIPT_AS_BASE ? other->action : own.action;
      i++;
    }
  }
  g_array_append_val(all, own);
  for (; i < decisions->len; i++)
    g_array_append_val(all, g_array_index(decisions, ScriptDecision, i));
  return all;
}

/* Runs that may be tried; one more is kept for playing the best of them again. */
static guint64
plays_left(const Course *c)
{
  guint64 spent = c->search->plays + 1;

  return c->budget->plays > spent ? c->budget->plays - spent : 0;
}

static gboolean
is_spent(const Course *c)
{
  return plays_left(c) == 0 || search_is_late(c->budget);
}

/* Plays by the decisions found so far, and records it. */
static void
play_current(Course *c)
{
  play_clear(&c->current);
  c->current = (Play){
      .config = *c->config,
      .space = c->space,
      .decisions = c->search->decisions,
      .notes = PLAY_NOTES_ALL,
  };
  players_run(c->players, &c->current, 1);
  c->search->plays++;
  c->search->best = c->current.figures;
  c->search->n_evictions = c->current.evictions->len;
}

static void
add_fork(Course *c, guint32 eviction, guint32 request, guint32 action)
{
  const ScriptDecision fork = {eviction, request, action};

  g_array_append_val(c->forks, fork);
}

static void
add_forks_of(Course *c, guint32 index)
{
  const ScriptEviction *eviction = &g_array_index(c->current.evictions, ScriptEviction, index);

  for (guint a = 0; a < c->space->n_actions && !c->is_wide; a++)
    if (eviction->action_bits & (1u << a))
      add_fork(c, index, SCRIPT_AS_BASE, a);
  for (guint32 v = 0; v < eviction->n_victims; v++) {
    guint32 request = g_array_index(c->current.victims, guint32, eviction->first_victim + v);
    if (!c->is_wide)
      add_fork(c, index, request, SCRIPT_AS_BASE);
    for (guint a = 0; a < c->space->n_actions && c->is_wide; a++)
      add_fork(c, index, request, a);
  }
}

/* The decisions of the next evictions, until they fill a batch or the budget. */
static void
gather(Course *c)
{
  guint64 left = plays_left(c);

  g_array_set_size(c->forks, 0);
  while (c->eviction < c->current.evictions->len && c->forks->len < MIN(BATCH_PLAYS, left))
    add_forks_of(c, c->eviction++);
  c->is_cut = c->forks->len > left;
  if (c->is_cut)
    g_array_set_size(c->forks, (guint)left);
}

/* Plays the batch. Returns the best of it; -1: none is better than what there is. */
static gint
play_batch(Course *c)
{
  const PlayFigures *now = &c->current.figures;
  gint best = -1;

  g_array_set_size(c->plays, 0);
  for (guint i = 0; i < c->forks->len; i++) {
    const Play play = {
        .config = *c->config,
        .space = c->space,
        .decisions =
            search_decide(c->search->decisions, &g_array_index(c->forks, ScriptDecision, i)),
    };
    g_array_append_val(c->plays, play);
  }
  players_run(c->players, (Play *)(gpointer)c->plays->data, c->plays->len);
  c->search->plays += c->plays->len;
  for (guint i = 0; i < c->plays->len; i++) {
    const Play *play = &g_array_index(c->plays, Play, i);
    const double than_s =
        best < 0 ? now->mean_latency_s : g_array_index(c->plays, Play, best).figures.mean_latency_s;
    g_array_unref((GArray *)play->decisions);
    if (play->figures.finished == now->finished &&
        search_is_better(play->figures.mean_latency_s, than_s))
      best = (gint)i;
  }
  return best;
}

static void
keep(Course *c, guint fork)
{
  const ScriptDecision *decision = &g_array_index(c->forks, ScriptDecision, fork);
  const PlayEviction before = g_array_index(c->current.went, PlayEviction, decision->eviction);
  const double before_s = c->current.figures.mean_latency_s;
  GArray *decisions = search_decide(c->search->decisions, decision);
  SearchStep step = {.eviction = decision->eviction,
                     .time_ps = before.time_ps,
                     .before = before.victim,
                     .before_s = before_s};

  g_array_unref(c->search->decisions);
  c->search->decisions = decisions;
  c->eviction = decision->eviction + 1;
  play_current(c);
  step.after = g_array_index(c->current.went, PlayEviction, step.eviction).victim;
  step.after_s = c->current.figures.mean_latency_s;
  g_array_append_val(c->search->steps, step);
  c->has_found = TRUE;
}

/* From the first eviction to the last. FALSE if the budget ended first. */
static gboolean
pass(Course *c)
{
  c->eviction = 0;
  c->has_found = FALSE;
  while (c->eviction < c->current.evictions->len) {
    gint best;
    if (is_spent(c))
      return FALSE;
    gather(c);
    best = play_batch(c);
    c->search->n_tried = c->eviction;
    if (best >= 0)
      keep(c, (guint)best);
    else if (c->is_cut)
      return FALSE;
  }
  c->search->n_tried = c->current.evictions->len;
  return TRUE;
}

/* Until a pass finds nothing, and a wide one neither. FALSE if the budget ended first. */
static gboolean
search_all_passes(Course *c)
{
  gboolean was_wide;

  do {
    was_wide = c->is_wide;
    if (!pass(c))
      return FALSE;
    c->is_wide = !c->has_found;
  } while (c->has_found || !was_wide);
  return TRUE;
}

static gboolean
is_same_run(const PlayFigures *one, const PlayFigures *other)
{
  return one->end == other->end && one->preemptions == other->preemptions &&
         fabs(one->mean_latency_s - other->mean_latency_s) <= 1e-12 * other->mean_latency_s;
}

void
search_run(const Players *players, const ScriptSpace *space, const SchedulerConfig *config,
           const PlayFigures *own, const SearchBudget *budget, Search *search)
{
  Course c = {
      .players = players,
      .space = space,
      .config = config,
      .budget = budget,
      .search = search,
      .forks = g_array_new(FALSE, FALSE, sizeof(ScriptDecision)),
      .plays = g_array_new(FALSE, FALSE, sizeof(Play)),
  };

  *search = (Search){
      .decisions = g_array_new(FALSE, FALSE, sizeof(ScriptDecision)),
      .steps = g_array_new(FALSE, FALSE, sizeof(SearchStep)),
  };
  if (!is_spent(&c)) {
    play_current(&c);
    search->ran = is_same_run(&c.current.figures, own);
  }
  if (search->ran) {
    search->is_done = search_all_passes(&c);
  }
  play_clear(&c.current);
  g_array_unref(c.forks);
  g_array_unref(c.plays);
}

void
search_clear(Search *search)
{
  g_clear_pointer(&search->decisions, g_array_unref);
  g_clear_pointer(&search->steps, g_array_unref);
}
