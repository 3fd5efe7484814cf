/* Routers of random cases, among instances or among servers of several. */
#pragma once

#include "random_case.h"
#include "sim/policies/routing.h"

typedef struct {
  Routing routing;
  Servers *servers; /* NULL: there is one */
  const LoopInstance *instances;
  const Workload *workload;
  GRand *chance;
} RunRouter;

/* Sets who deals the case's requests out in the loop, whose instances are set. All zero is none. */
void run_router_init(RunRouter *router, const RandomCase *c, const Workload *workload, Loop *loop);
void run_router_clear(RunRouter *router);
