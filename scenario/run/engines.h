/* The engines of a scenario: one, or with --data-parallel-size several behind one front end. */
#pragma once

#include "scenario/scenario.h"
#include "sim/loop.h"
#include "traces/random.h"

typedef struct {
  guint n;
  LoopInstance *instances; /* [n] */
  const RouterPolicy *router;
  PolicyValues router_options;
  RandomStream stream; /* of the router */
  RouterLoad *loads;   /* [n] */
} Engines;

/* Fresh ones. executor: of the only engine, taken over; NULL: as the scenario's class creates them.
 */
Engines *engines_new(const Scenario *scenario, const SchedulerConfig *config,
                     const Workload *workload, Executor *executor);
void engines_free(Engines *engines);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Engines, engines_free)

/* Sets the loop's instances, and who gets a request. The engine's own router is vLLM's front end:
 * the least 4 x waiting + running, the first of equals (DPLBAsyncMPClient; its counts are up to 100
 * ms old but for what it sent itself, these are not); under SGLang each in its turn
 * (DataParallelController, round_robin). */
void engines_put(Engines *engines, Loop *loop);
