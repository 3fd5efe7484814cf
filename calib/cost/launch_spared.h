/* What a captured graph spares of kernels that a profile has timed one by one.
 *
 * Tables that a profiler took of an eager model hold a part of each kernel's launch: steps of a
 * server that replays graphs take less than their sum. The saving is so much a kernel, whatever the
 * kernel does and how many rows it has (OP_LAUNCH), so a step saves by the kernels that are in its
 * graph: of a layer its products, two norms, the rotary embedding and the activation, and two of
 * attention, which writes KV and reads it. vLLM's graphs of steps with prefills end before
 * attention, so those two are not in them. Experts' kernels are left as they are: nothing is
 * published of them. The output head and the sampler are no part of a graph. Measured by
 * LLMServingSim's profiler, the same step with a graph and without (calib/import/llmservingsim.c).
 */
#pragma once

#include "calib/profile.h"
#include "sim/cost.h"
#include "sim/model.h"

/* Picoseconds a step, at least 0. */
typedef struct {
  gint64 linear_ps, elementwise_ps, attention_ps;
} LaunchSpared;

/* Of one kernel, 0 where the profile has no OP_LAUNCH. *source: who says so. */
double launch_spared_kernel_ps(const Profile *profile, const char **source);

/* Of tables as they are, without what-ifs. All 0 where the profile has no OP_LAUNCH. */
LaunchSpared launch_spared_find(const Profile *profile, const Model *model);
/* What is spared of a time that what-ifs made `ps` of plain_ps: the same share of it. So what is
 * left is shorter wherever the time is. */
gint64 launch_spared_scaled_ps(gint64 spared_ps, gint64 plain_ps, gint64 ps);
