/* The slowdown by too little memory: a run compared with the same scenario with unlimited memory.
 */
#pragma once

#include "report/figures.h"
#include "scenario/scenario.h"
#include "sim/loop.h"

/* Figures of the run with unlimited memory; simulated when first needed. */
typedef struct {
  gboolean known;
  gint64 makespan_ps; /* -1: even that run does not end well */
  guint64 finished;
  double e2e_s; /* mean from arrival to finish */
} Unlimited;

/* The scenario's configuration with more memory than can ever be asked for at once. */
SchedulerConfig slowdown_unlimited_config(const Scenario *scenario, const Workload *workload);

/* Sets the record's slowdowns. They are 1 for a run that never lacked a block. A run that did not
 * end well, or finished other requests than the unlimited one, has none. */
void slowdown_measure(const Scenario *scenario, const Workload *workload, Unlimited *unlimited,
                      const RunOutcome *outcome, const volatile sig_atomic_t *interrupted,
                      RunRecord *record);
