/* A random scenario for tests: an engine, its settings, policies, costs and requests. */
#pragma once

#include "sim/clients/front_end.h"
#include "sim/executor.h"
#include "sim/policies/router.h"
#include "sim/scheduler.h"

/* A cost model with integer coefficients of its own, affine in the context. */
typedef struct {
  CostModel base;
  gint64 step_ps, token_ps, context_ps, sequence_ps, block_ps;
  gint64 window_ps[CONTEXT_WINDOWS];
  guint32 longest_piece;
  double slow[2]; /* by CopyDirection: what copies and steps do to each other */
} RandomCost;

extern const CostModelClass random_cost_class;

typedef struct {
  const SchedulerClass *class;
  const ExecutorClass *executor;
  SchedulerConfig config;
  RandomCost cost;
  guint32 unit_copy_steps;
  Workload *workload;
  guint32 max_concurrency; /* 0: no limit */
  guint n_instances;
  gboolean routed;            /* by length or by a policy, else each in its turn */
  const RouterPolicy *router; /* NULL: by length */
  PolicyValues router_options;
  gint64 router_interval_ps; /* between publications; 0: it sees loads as they are */
  guint n_servers;    /* 1: none, else behind that router, with as many instances each, */
  FrontEnd front_end; /* and each with this */
} RandomCase;

#define INSTANCES_MAX 4

/* What the seed makes; class: the engine, NULL: any. The caller frees the workload. */
void random_case_make(RandomCase *c, guint32 seed, const SchedulerClass *class);
/* Its victims are copied beside the steps, to a small host that has a disk behind it. The engine
 * must have such copies. */
void random_case_add_disk(RandomCase *c, guint32 seed);
/* A third of them make copies layer by layer, within the steps or beside. */
void random_case_add_layers(RandomCase *c, guint32 seed);
