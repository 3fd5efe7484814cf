/* The decision log (--decisions): what the scheduler decided, as JSON lines.
 *
 * The first line is a header (kind "header", format 1, then the configuration), the last a footer;
 * between them each step with a decision has a line. Keys are those of the recordings of real
 * engines, so that logs can be compared, and t, the step's start in seconds. Of repeated steps each
 * has its own line.
 */
#pragma once

#include <jansson.h>

#include "sim/observer.h"

typedef struct DecisionLog DecisionLog;

/* config: an object whose keys go into the header, but for the executor's and where values are
 * from, so that equal decisions give equal bytes; it is not kept. A path that ends in .gz is
 * compressed. */
DecisionLog *decision_log_open(const char *path, const Workload *workload, json_t *config,
                               GError **error);
Observer *decision_log_observer(DecisionLog *log);
/* After the run. FALSE if anything could not be written, at any time since it was opened. */
gboolean decision_log_close(DecisionLog *log, GError **error);
void decision_log_free(DecisionLog *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DecisionLog, decision_log_free)
