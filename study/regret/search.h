/* A better schedule than a policy's, by changing what it decides, one decision at a time.
 *
 * At each eviction of the run each other action, and each other victim, is played to the end; the
 * change that lowers the mean latency most is kept. The search goes on behind it, and again from
 * the start, until a whole pass finds nothing, and neither does a pass that changes action and
 * victim at once: then no other single decision is better. That is a local optimum; exhaustive.h
 * tries every schedule there is, where these are few.
 */
#pragma once

#include <signal.h>

#include "play.h"

/* What may be spent. A limit in runs gives the same schedule on every machine, a limit in time does
 * not. */
typedef struct {
  guint64 plays;
  gint64 deadline_us;                /* monotonic; G_MAXINT64: none */
  const volatile sig_atomic_t *stop; /* the search ends once it is not 0; NULL: never */
} SearchBudget;

/* A decision that was changed, and what it gained. */
typedef struct {
  guint32 eviction; /* from 0 */
  gint64 time_ps;
  StepVictim before, after;
  double before_s, after_s; /* mean latency of the run with either */
} SearchStep;

typedef struct {
  gboolean ran;     /* it was tried at all */
  gboolean is_done; /* a whole pass found nothing better */
  PlayFigures best;
  GArray *decisions;            /* of ScriptDecision: that lead to it from the policy's run */
  GArray *steps;                /* of SearchStep, in the order in which they were found */
  guint64 plays;                /* runs that it took */
  guint32 n_evictions, n_tried; /* of the best run; of them, those that the last pass came to */
} Search;

/* From the run of the configuration's policies, whose figures are `own`. A run that a script does
 * not repeat exactly is no place to search from: then search->ran stays FALSE. */
void search_run(const Players *players, const ScriptSpace *space, const SchedulerConfig *config,
                const PlayFigures *own, const SearchBudget *budget, Search *search);
void search_clear(Search *search);

/* TRUE if the deadline has passed or *stop is set: no further play is to begin. */
gboolean search_is_late(const SearchBudget *budget);

/* TRUE if the schedule is better than the other, by more than rounding. */
gboolean search_is_better(double mean_latency_s, double than_s);

/* A copy of `decisions` (of ScriptDecision) with this one in its place, over another of the same
 * eviction if there is one; what is AS_BASE leaves that other's. */
GArray *search_decide(const GArray *decisions, const ScriptDecision *decision);
