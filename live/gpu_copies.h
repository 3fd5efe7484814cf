/* Swaps on the GPU: the host pool, and what copies blocks between it and the KV pool. Here are the
 * copies of a step; those of several steps (gpu_jobs.h) go the same way.
 *
 * Serial, as engines do it: copies out, copies in, then the step, all in its stream. Beside the
 * step: in a stream of their own, and the step waits for no more than it must: where each layer has
 * its own pool, layer by layer (a layer's KV is touched when its copies are done), else as a whole.
 *
 * What must be in order, and what keeps it:
 *   a block is read before it is overwritten, by a copy in or by the step   copies out come first
 *     on their stream; the step's KV writes wait for the layer's copies, or for all
 *   a block is there before attention reads it                               the same wait
 *   a host block is read before a later victim takes it, and written before   a step is over when
 *     it comes back; a copy reads no block list that the next step overwrites  both streams are
 *   a step's KV is in the pool before a later step copies it out              the same
 * Within a step no host block is both written and read (the planner gives host blocks back when
 * they are planned to return, after all victims have got theirs).
 */
#pragma once

#include <cuda_runtime_api.h>

#include "budget.h"

typedef struct GpuCopies GpuCopies;

/* Of the host, what it takes for so many blocks, beside these. */
void gpu_copies_add_needs(const DeviceSetup *setup, Budget *budget);

/* setup, geometry: borrowed. */
GpuCopies *gpu_copies_new(const DeviceSetup *setup, const KvGeometry *geometry, void *pool,
                          GError **error);
void gpu_copies_free(GpuCopies *copies);

/* Copies a block out and in, so that what CUDA loads at first use is loaded. */
gboolean gpu_copies_warm_up(GpuCopies *copies, GError **error);

/* Enqueues the step's copies; `compute` waits for them, unless its layers wait one by one. */
gboolean gpu_copies_start(GpuCopies *copies, const StepPlan *plan, cudaStream_t compute,
                          GError **error);
/* Of the step that was started: layers wait one by one, by gpu_copies_wait_for_layer(). */
gboolean gpu_copies_are_gated(const GpuCopies *copies);
/* A LayerGate; `copies` is a GpuCopies. */
int gpu_copies_wait_for_layer(gpointer copies, guint32 layer, cudaStream_t compute);
/* Until all copies of the step are done. */
gboolean gpu_copies_finish(GpuCopies *copies, GError **error);
/* What serial copies took; they are over. */
void gpu_copies_tell_times(const GpuCopies *copies, const StepPlan *plan, DeviceTimes *times);

/* Enqueues copies (of BlockCopy) one way, all layers; list: their places in the pool, which kernels
 * read. A cudaError_t. */
int gpu_copies_enqueue(const GpuCopies *copies, const GArray *blocks, const gint32 *list,
                       gboolean to_pool, cudaStream_t stream);
/* The host's pool. */
char *gpu_copies_host(const GpuCopies *copies);
