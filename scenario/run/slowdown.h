/* What too little memory cost: a run against the same scenario with unlimited memory. */
#pragma once

#include "report/figures.h"
#include "scenario/scenario.h"
#include "sim/loop.h"

/* The same scenario if the pool never said no; simulated when it is first asked for. */
typedef struct {
  gboolean known;
  gint64 makespan_ps; /* -1: even that does not end well */
  guint64 finished;
  double e2e_s; /* mean from arrival to finish */
} Unlimited;

/* The scenario's configuration with more memory than can ever be asked for at once. */
SchedulerConfig slowdown_unlimited_config(const Scenario *scenario, const Workload *workload);

/* Sets the record's slowdowns. A run whose pool never said no is its own measure; one that did not
 * end well, or finished other requests, has none. */
void slowdown_measure(const Scenario *scenario, const Workload *workload, Unlimited *unlimited,
                      const RunOutcome *outcome, gboolean (*interrupted)(gpointer data),
                      RunRecord *record);
