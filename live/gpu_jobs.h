/* Copies beside the steps on the GPU: a stream each way, and a disk behind the host.
 *
 * A job is enqueued behind the step that it begins with, so that its launches do not hold the step
 * up, and reads nothing that this step writes. An event before it and one behind it say what it took;
 * in the run's time it begins when the step does, behind those before it of its way, and ends as much
 * later. It has ended once that is over and the event behind it is done, never before: until then
 * nobody else has its blocks, so no step waits for a copy. Only where nobody can run does the host
 * wait, for the event of the next one.
 *
 * The run's clock leaves out what the scheduler takes, so a copy that has not ended by the host's
 * clock has not by the run's. Idle time is skipped no further than to the next end, which is waited
 * for.
 *
 * With pageable memory CUDA's calls wait for a copy out: the step that it begins with is over no
 * earlier.
 */
#pragma once

#include "gpu_copies.h"

typedef struct GpuJobs GpuJobs;

void gpu_jobs_add_needs(const DeviceSetup *setup, Budget *budget);

/* copies: borrowed. */
GpuJobs *gpu_jobs_new(const DeviceSetup *setup, const KvGeometry *geometry, GpuCopies *copies,
                      GError **error);
/* Jobs under way are waited for. */
void gpu_jobs_free(GpuJobs *jobs);

/* As of LiveDeviceClass. */
gboolean gpu_jobs_begin(GpuJobs *jobs, const StepPlan *plan, gint64 now_ps, gint64 *beside_ns,
                        GError **error);
/* Enqueues what has begun; the step's own work is. */
gboolean gpu_jobs_launch(GpuJobs *jobs, GError **error);
gboolean gpu_jobs_end(GpuJobs *jobs, gint64 now_ps, gboolean waits, CopiesEnded *ended,
                      GError **error);
