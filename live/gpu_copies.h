/* Swaps on the GPU: the host's pool, and copies of blocks between it and the KV pool. These are the
 * copies within a step; gpu_jobs.h makes those beside several steps with the same functions.
 *
 * Serial, as engines do it: copies out, copies in, then the step, all in its stream. Overlapped
 * (overlap_within_step): in a stream of their own. Where each layer has its own pool, a layer waits
 * for its own copies before it touches its KV; else the whole step waits for all copies.
 *
 * What must be in order, and what keeps it:
 *   a block is read before it is overwritten, by a copy in or by the step   copies out come first
 *     on their stream; the step's KV writes wait for the layer's copies, or for all
 *   a block is there before attention reads it                               the same wait
 *   a host block is read before a later victim takes it, and written before   a step is over when
 *     it comes back; a copy reads no block list that the next step overwrites  both streams are
 *   a step's KV is in the pool before a later step copies it out              the same
 * Within a step no host block is both written and read: the planner frees host blocks of sequences
 * that return after all victims have theirs.
 */
#pragma once

#include <cuda_runtime_api.h>

#include "budget.h"

typedef struct GpuCopies GpuCopies;

/* Adds the host memory that copies need besides the host's pool. */
void gpu_copies_add_needs(const DeviceSetup *setup, Budget *budget);

/* Makes the host's pool, the stream and its events. Borrows geometry and pool; setup only during
 * the call. */
GpuCopies *gpu_copies_new(const DeviceSetup *setup, const KvGeometry *geometry, void *pool,
                          GError **error);
void gpu_copies_free(GpuCopies *copies);

/* Copies a block out and in, so that what CUDA loads at first use is loaded. */
gboolean gpu_copies_warm_up(GpuCopies *copies, GError **error);

/* Enqueues the step's copies; `compute` waits for them, unless its layers wait one by one. */
gboolean gpu_copies_start(GpuCopies *copies, const StepPlan *plan, cudaStream_t compute,
                          GError **error);
/* Whether each layer of the started step must wait by gpu_copies_wait_for_layer(). */
gboolean gpu_copies_are_gated(const GpuCopies *copies);
/* A LayerGate; `copies` is a GpuCopies. */
int gpu_copies_wait_for_layer(gpointer copies, guint32 layer, cudaStream_t compute);
/* Waits until all copies of the step are done. */
gboolean gpu_copies_finish(GpuCopies *copies, GError **error);
/* Sets the times of serial copies, which must be done; nothing of overlapped ones. */
void gpu_copies_tell_times(const GpuCopies *copies, const StepPlan *plan, DeviceTimes *times);

/* Enqueues copies (of BlockCopy) in one direction, all layers. list: their device blocks, in pinned
 * memory, until the copies are done. Returns a cudaError_t. */
int gpu_copies_enqueue(const GpuCopies *copies, const GArray *blocks, const gint32 *list,
                       gboolean to_pool, cudaStream_t stream);
/* The host's pool. */
char *gpu_copies_host(const GpuCopies *copies);
