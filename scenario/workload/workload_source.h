/* Where a run's requests come from, and what the client makes of them: a file, standard input, a
 * shipped trace by its name, "gen:OPTIONS" (a trace that `spillway trace gen OPTIONS` would make
 * with the run's seed), or without a trace requests of random lengths, as benchmarks send them.
 * --num-prompts, --request-rate and --burstiness mean the same with and without a trace.
 */
#pragma once

#include "scenario/settings.h"
#include "sim/workload.h"

typedef enum { WORKLOAD_NONE, WORKLOAD_FILE, WORKLOAD_GENERATED, WORKLOAD_RANDOM } WorkloadSource;

/* WORKLOAD_NONE: no option says where from. */
WorkloadSource workload_source(const Settings *settings);

/* TRUE if another seed makes other requests of it. */
gboolean workload_is_seeded(const Settings *settings);

/* FALSE where there is no source, or its options contradict. */
gboolean workload_source_check(const Settings *settings, GError **error);

/* The same text for settings that have the same requests. Caller frees. */
char *workload_source_key(const Settings *settings);

/* Makes of a whole trace what the settings' client sends of it. */
gboolean workload_send(Workload *workload, const Settings *settings, GError **error);

/* The requests of the settings; notes go to standard error, unless verb is NULL. */
Workload *scenario_read_workload(const Settings *settings, const char *verb, GError **error);
