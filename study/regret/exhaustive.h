/* Plays every schedule that decisions at evictions can lead to, on cases with few of them: a search
 * is checked against it. At each eviction any running request, or the engine's own choice, may be
 * the victim, with each action.
 */
#pragma once

#include "search.h"

#define EXHAUSTIVE_MOST 50000 /* schedules */

typedef struct {
  gboolean is_whole; /* FALSE: there are more than EXHAUSTIVE_MOST, or than the time allowed */
  gboolean is_late;  /* the time was over, or Ctrl-C, before as many as that */
  guint64 schedules; /* that were played */
  PlayFigures best;
  GArray *decisions; /* of ScriptDecision, under recompute and the engine's own victims */
} Exhaustive;

/* Of the budget its deadline and stop hold; the number of plays is the search's. */
void exhaustive_run(const Players *players, const ScriptSpace *space, const SchedulerConfig *config,
                    const SearchBudget *budget, Exhaustive *exhaustive);
void exhaustive_clear(Exhaustive *exhaustive);
