/* The decision log (--decisions): what the scheduler decided, as JSON lines.
 *
 * A header (kind "header", format 1, then the configuration), a line for each step with a
 * decision, a footer. Keys as in the recordings of real engines, so that the logs can be held
 * against each other, and t: the step's start in seconds. Repeats are written out, a line each.
 */
#pragma once

#include <jansson.h>

#include "sim/observer.h"

typedef struct DecisionLog DecisionLog;

/* config: an object whose keys the header gets, but for who executed the steps and how: the same
 * decisions are the same bytes; not kept. A path that ends in .gz is compressed. */
DecisionLog *decision_log_open(const char *path, const Workload *workload, json_t *config,
                               GError **error);
Observer *decision_log_observer(DecisionLog *log);
/* After the run. FALSE if anything could not be written, at any time since it was opened. */
gboolean decision_log_close(DecisionLog *log, GError **error);
void decision_log_free(DecisionLog *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DecisionLog, decision_log_free)
