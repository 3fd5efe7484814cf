/* Copies beside the steps on the GPU: one stream for each direction, and a disk behind the host.
 *
 * A job is enqueued after the launches of the step that it begins with, so that its own launches do
 * not delay that step, and reads nothing that the step writes. Events before and after it time it.
 * By the run's clock it begins with the step, after the jobs before it of its direction, and ends
 * when the measured time has passed. It has ended when the run's clock is there and its last event
 * is done; until then nobody else uses its blocks, so no step waits for a copy. The host waits for
 * an event only where no request can run.
 *
 * The run's clock leaves out the scheduler's time, so it is never ahead of the host's: an event
 * that is not done lies in the run's future, too. Idle time is skipped up to the next end, which is
 * waited for.
 *
 * With pageable memory CUDA's calls wait for a copy out, so the step that it begins with takes at
 * least as long.
 */
#pragma once

#include "gpu_copies.h"

typedef struct GpuJobs GpuJobs;

/* Adds the host memory that the jobs need. */
void gpu_jobs_add_needs(const DeviceSetup *setup, Budget *budget);

/* copies: borrowed. NULL and an error where CUDA fails, or the disk's file cannot be made. */
GpuJobs *gpu_jobs_new(const DeviceSetup *setup, const KvGeometry *geometry, GpuCopies *copies,
                      GError **error);
/* Waits for jobs under way. */
void gpu_jobs_free(GpuJobs *jobs);

/* begin_copies and end_copies of LiveDeviceClass. */
gboolean gpu_jobs_begin(GpuJobs *jobs, const StepPlan *plan, gint64 now_ps, gint64 *beside_ns,
                        GError **error);
/* Enqueues the jobs that began with this step, whose own work is enqueued. */
gboolean gpu_jobs_launch(GpuJobs *jobs, GError **error);
gboolean gpu_jobs_end(GpuJobs *jobs, gint64 now_ps, gboolean waits, CopiesEnded *ended,
                      GError **error);
