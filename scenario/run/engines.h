/* The engines of a scenario: one, or with --data-parallel-size several behind one front end. */
#pragma once

#include "scenario/scenario.h"
#include "sim/policies/routing.h"
#include "traces/random.h"

typedef struct {
  guint n;
  LoopInstance *instances; /* [n] */
  const Workload *workload;
  Routing routing;
  RandomStream stream; /* of the router */
} Engines;

/* New engines. executor: of the only engine, which takes it over; NULL: the scenario's class
 * creates one for each. */
Engines *engines_new(const Scenario *scenario, const SchedulerConfig *config,
                     const Workload *workload, Executor *executor);
void engines_free(Engines *engines);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Engines, engines_free)

/* Sets the loop's instances and its router. Where none was chosen, it is the engine's own. vLLM's
 * DPLBAsyncMPClient sends to the least 4 x waiting + running, the first of equals; its counts may
 * be 100 ms old, these are exact. SGLang's DataParallelController sends to each in turn
 * (round_robin). */
void engines_put(Engines *engines, Loop *loop);
