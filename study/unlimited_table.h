/* Runs with a pool that never says no, by what decides them: the measure of slowdowns, which cells
 * share that differ in policy and memory alone.
 *
 * The table lies in memory that forked workers share, so that one makes such a run and the others
 * find it. Nobody waits for another: two that need it at once both make it, and it is the same. A
 * worker may be killed at any moment and leaves at most a slot that is never used.
 */
#pragma once

#include "scenario/run/execute.h"

typedef struct UnlimitedTable UnlimitedTable;

/* Room for `room` keys; made before the workers are. */
UnlimitedTable *unlimited_table_new(guint room);
void unlimited_table_free(UnlimitedTable *table);

/* What decides the run without limits of that scenario. Caller frees. */
char *unlimited_key(const Scenario *scenario, const Settings *settings);

/* known is FALSE where nobody has made it yet. */
Unlimited unlimited_table_look(const UnlimitedTable *table, const char *key);
/* One that is known; the first is kept. */
void unlimited_table_put(UnlimitedTable *table, const char *key, const Unlimited *unlimited);
