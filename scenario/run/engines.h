/* The engines of a scenario: one, or with --data-parallel-size several behind one front end, and
 * with --instances as many of each of several servers behind one router. */
#pragma once

#include "scenario/scenario.h"
#include "sim/policies/routing.h"
#include "traces/random.h"

typedef struct {
  guint n;                 /* of all servers, */
  guint each;              /* and of one */
  LoopInstance *instances; /* [n], one server's behind the other's */
  const Workload *workload;
  Servers *servers;    /* NULL: there is one */
  Routing router;      /* among the servers; NULL policy: there is one */
  Routing *late;       /* who is told loads at intervals; NULL: nobody is */
  gint64 interval_ps;
  Routing *front_ends; /* [n / each] among the engines of each server */
  RandomStream stream; /* of the router */
} Engines;

/* New engines. executor: of the only engine, which takes it over; NULL: the scenario's class
 * creates one for each. */
Engines *engines_new(const Scenario *scenario, const SchedulerConfig *config,
                     const Workload *workload, Executor *executor);
void engines_free(Engines *engines);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Engines, engines_free)

/* Sets the loop's instances, its servers and who deals requests out. Among the engines of one
 * server that is the scenario's router where there is one server and a router was chosen, else the
 * engine's own front end. vLLM's DPLBAsyncMPClient sends to the least 4 x waiting + running, the
 * first of equals; its counts may be 100 ms old, these are exact. SGLang's DataParallelController
 * sends to each in turn (round_robin). */
void engines_put(Engines *engines, Loop *loop);
