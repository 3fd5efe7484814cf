/* The executor interface: who owns time. It takes a step and answers how long it took.
 *
 * The scheduler, the policies and the loop are the same code with each of them: with costs from a
 * model (model), with one second a step (unit), and, in live/, with a device that really computes.
 */
#pragma once

#include "cost.h"
#include "step.h"

typedef struct {
  guint32 repeats;  /* executed, 1 … step->repeat */
  gint64 first_ps;  /* duration of the first */
  gint64 growth_ps; /* each later one takes this much longer than the one before */
  gint64 elapsed_ps;
  CostPiece cost;               /* the components; all 0 where the executor knows none */
  gint64 recompute_overhead_ps; /* of first_ps, for tokens that had been computed before */
} StepTiming;

/* Until when repeats are wanted: decisions may change once until_ps have passed since the step's
 * start. A decision is made after the repeat before it or, with asynchronous scheduling (lookahead
 * 1), when that repeat starts. */
typedef struct {
  gint64 start_ps; /* when the step begins */
  gint64 until_ps;
  guint32 lookahead; /* 0 or 1 */
} RepeatLimit;

/* The copies beside the steps (step->copies) that ended since the executor was asked last: of each
 * way the first ones that were under way. */
typedef struct {
  guint32 ended[COPY_DIRECTIONS];
  guint64 blocks[COPY_DIRECTIONS];
  gint64 took_ps[COPY_DIRECTIONS]; /* in sum; each begins when the one before it ends */
  gint64 waited_ps;                /* until the first ended, where it was waited for */
} CopiesEnded;

typedef struct Executor Executor;

typedef struct {
  const char *name;
  const char *help;
  gint64 idle_tick_ps; /* an idle engine steps this often; 0: idle time is skipped, and counts no
                          step */
  gboolean bare_scheduler; /* no server before the scheduler: nothing is refused on arrival */
  gboolean needs_cost;
  gboolean tells_cost;    /* knows a step's components without a cost model */
  gboolean needs_decodes; /* plain decodes are to be listed in step->entries */
  /* Executes 1 … step->repeat repeats, as many as `limit` wants. FALSE, with an error, if it
   * failed. */
  gboolean (*run)(Executor *self, const Step *step, const RepeatLimit *limit, StepTiming *timing,
                  GError **error);
  /* Tells which copies beside the steps have ended by now_ps; they begin with the step that lists
   * them. waits: if none has, waits for the first. NULL: it makes no copies, and they take what the
   * cost model says. */
  gboolean (*end_copies)(Executor *self, gint64 now_ps, gboolean waits, CopiesEnded *ended,
                         GError **error);
  Executor *(*create)(CostModel *cost); /* cost: borrowed, NULL unless needs_cost */
  void (*free)(Executor *self);
} ExecutorClass;

struct Executor {
  const ExecutorClass *class;
};

extern const ExecutorClass executor_model;
extern const ExecutorClass executor_unit;

static inline gboolean
executor_run(Executor *self, const Step *step, const RepeatLimit *limit, StepTiming *timing,
             GError **error)
{
  timing->repeats = 1;
  timing->first_ps = timing->growth_ps = timing->elapsed_ps = timing->recompute_overhead_ps = 0;
  if (!self->class->needs_cost) /* else a cost model fills it */
    timing->cost = (CostPiece){0};
  if (!self->class->run(self, step, limit, timing, error))
    return FALSE;
  g_assert(timing->repeats >= 1 && timing->repeats <= step->repeat && timing->first_ps >= 0);
  return TRUE;
}
void executor_free(Executor *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Executor, executor_free)

/* For executors: what n repeats take, the first first_ps, each growth_ps longer than the one
 * before. */
static inline gint64
repeats_elapsed_ps(gint64 first_ps, gint64 growth_ps, guint32 n)
{
  return n * first_ps + growth_ps * ((gint64)n * (n - 1) / 2);
}

/* The fewest repeats, 1 … n, that take limit->until_ps or more, the last `lookahead` of them not
 * counted; n if none do. */
guint32 repeats_until(gint64 first_ps, gint64 growth_ps, guint32 n, const RepeatLimit *limit);
