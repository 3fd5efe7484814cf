/* The engines of a scenario: one, or with --data-parallel-size several behind one front end. */
#pragma once

#include "scenario/scenario.h"
#include "sim/loop.h"

typedef struct {
  guint n;
  LoopInstance *instances; /* [n] */
  gboolean in_turn;        /* each gets the next request */
} Engines;

/* Fresh ones. executor: of the only engine, taken over; NULL: as the scenario's class creates them.
 */
Engines *engines_new(const Scenario *scenario, const SchedulerConfig *config,
                     const Workload *workload, Executor *executor);
void engines_free(Engines *engines);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Engines, engines_free)

/* Sets the loop's instances, and who gets a request: the engine with the least 4 x waiting +
 * running, the first of equals, as vLLM's front end does (DPLBAsyncMPClient; its counts are up to
 * 100 ms old but for what it sent itself, these are not); under SGLang each in its turn
 * (DataParallelController, round_robin). */
void engines_put(const Engines *engines, Loop *loop);
