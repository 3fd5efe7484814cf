/* Where a run's requests come from, and how the client sends them.
 *
 * They come from a file, standard input, a shipped trace, "gen:OPTIONS" (what `spillway trace gen
 * OPTIONS` makes with the run's seed) or, without a trace, are of random lengths, as benchmarks
 * send them. --num-prompts, --request-rate and --burstiness mean the same in all cases.
 */
#pragma once

#include "scenario/settings.h"
#include "sim/workload.h"

typedef enum { WORKLOAD_NONE, WORKLOAD_FILE, WORKLOAD_GENERATED, WORKLOAD_RANDOM } WorkloadSource;

/* WORKLOAD_NONE: no option says where from. */
WorkloadSource workload_source(const Settings *settings);

/* TRUE if the requests depend on the seed. */
gboolean workload_is_seeded(const Settings *settings);

/* FALSE with an error if there is no source, or its options contradict each other. */
gboolean workload_source_check(const Settings *settings, GError **error);

/* A text that is equal for settings with the same requests. The caller frees it. */
char *workload_source_key(const Settings *settings);

/* Turns a whole trace into the requests that the settings' client sends. FALSE with an error if the
 * trace does not have them. */
gboolean workload_send(Workload *workload, const Settings *settings, GError **error);

/* Reads or makes the requests of the settings; the caller frees them. NULL with an error. Notes go
 * to standard error, unless verb is NULL. */
Workload *scenario_read_workload(const Settings *settings, const char *verb, GError **error);
