/* The planner: turns the scheduler's steps, which count blocks, into plans, which name them.
 *
 * It knows every request's tokens so far and which blocks hold its KV, on the device and on the
 * host, and hands out block ids: its own, or with prefix caching the scheduler's, which shares
 * blocks between requests. No device, no clock. Invariant: a request's KV lies in the first
 * `computed` places of its device blocks, or of its host blocks while it is swapped out.
 */
#pragma once

#include "sim/scheduler_config.h"
#include "sim/sequence.h"
#include "sim/step.h"
#include "step_plan.h"
#include "token_source.h"

#define PLANNER_ERROR (planner_error_quark())
GQuark planner_error_quark(void);
typedef enum { PLANNER_ERROR_DISAGREES } PlannerError;

typedef struct {
  const Workload *workload;
  const TokenSource *tokens;
  guint64 seed; /* of what is sampled */
  guint32 block_size;
  guint32 num_device_blocks;
  guint32 hidden_blocks; /* the first ids, which nobody uses */
  guint32 num_host_blocks;
  guint32 num_disk_blocks;
  guint32 num_through_blocks; /* behind those of the host's pool: what is read from the disk and
                                 copied in at once goes through them */
  gboolean prefix_caching;
} PlannerConfig;

typedef struct Planner Planner;

/* Blocks that come from the disk at once, past the host's pool: those of all that come back. They
 * find room in the pool together; but with prefix caching some of it is there already, and shared. */
guint32 planner_through_blocks(const SchedulerConfig *config);

Planner *planner_new(const PlannerConfig *config);
void planner_free(Planner *planner);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Planner, planner_free)

/* Fills the plan of a step that is about to run. FALSE if step and planner disagree about what is
 * where: a mistake of this program. */
gboolean planner_plan(Planner *planner, const Step *step, StepPlan *plan, GError **error);
/* The plan has run: sampled[i] is the token of its sample i. */
void planner_commit(Planner *planner, const StepPlan *plan, const gint32 *sampled);
/* The request left: its blocks are free. What it generated is kept. */
void planner_forget(Planner *planner, guint32 request);

/* The tokens that the request generated so far, `*n` of them; borrowed. */
const gint32 *planner_output(const Planner *planner, guint32 request, guint32 *n);
