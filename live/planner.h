/* The planner: turns the scheduler's steps, which count blocks, into plans, which name them.
 *
 * It knows every request's tokens so far and which blocks hold its KV, on the device and on the
 * host, and hands out block ids: its own, or with prefix caching the scheduler's, which shares
 * blocks between requests. It uses no device and no clock. Invariant: the KV of a request's first
 * `computed` tokens is in its device blocks, or in its host blocks while it is swapped out.
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
  guint32 hidden_blocks; /* the first ids, which are never handed out */
  guint32 num_host_blocks;
  guint32 num_disk_blocks;
  guint32 num_through_blocks; /* after the host pool's ids: blocks that are read from the disk and
                                 copied in at once pass through them */
  gboolean prefix_caching;
} PlannerConfig;

typedef struct Planner Planner;

/* How many blocks can pass from the disk to the device at the same time without a place in the
 * host's pool. All sequences that return fit the device's pool together; with prefix caching they
 * may share blocks there, so then every sequence counts with its longest length. */
guint32 planner_through_blocks(const SchedulerConfig *config);

Planner *planner_new(const PlannerConfig *config);
void planner_free(Planner *planner);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Planner, planner_free)

/* Fills the plan of a step that is about to run. FALSE and a PLANNER_ERROR if scheduler and planner
 * disagree about tokens or blocks: a bug of this program. */
gboolean planner_plan(Planner *planner, const Step *step, StepPlan *plan, GError **error);
/* After the plan has run: appends sampled[i], the token of its sample i, to its request. */
void planner_commit(Planner *planner, const StepPlan *plan, const gint32 *sampled);
/* After the request left: frees its blocks, those that a copy reads when the copy has ended. Its
 * tokens are kept. */
void planner_forget(Planner *planner, guint32 request);

/* The tokens that the request generated so far, `*n` of them; borrowed. */
const gint32 *planner_output(const Planner *planner, guint32 request, guint32 *n);
