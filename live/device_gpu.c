/* A GPU as a device: weights, the KV pool and a pinned host pool, two streams.
 *
 * Serial, as engines do it: copies out, copies in, then the step, all in one stream. With
 * overlap_copies a second stream copies, and the step waits for no more than it must: where each
 * layer has its own pool, layer by layer (a layer's KV is touched when its copies are done), else
 * as a whole. Copies out come before copies in on their stream, so that a block that leaves is read
 * before it is a target; what the step writes waits for both. A step is over when its tokens are on
 * the host, so nothing of one step runs beside the next.
 */
#include "config.h"

#include "clock.h"
#include "decoder_gpu.h"
#include "weights_gpu.h"

#include <string.h>

typedef enum {
  EVENT_START,
  EVENT_OUT_DONE,
  EVENT_IN_DONE,
  EVENT_STEP_START,
  EVENT_HEAD,
  EVENT_END,
  EVENTS
} Event;

typedef struct {
  LiveDevice base;
  KvGeometry geometry;
  KvLayout kv_layout;
  gsize block_bytes;
  char *pool, *host;
  void *weights;
  gboolean owns_weights;
  gint32 *block_list, *tokens; /* pinned */
  guint32 num_blocks, max_sequences;
  CopyMethod copy_method;
  gboolean pageable, overlap;
  DecoderGpu *decoder;
  StepUpload *upload;
  cudaStream_t compute, copies;
  cudaEvent_t events[EVENTS];
  cudaEvent_t *layer_copied; /* one a layer, where copies overlap layer by layer */
} GpuDevice;

static void
gpu_close(LiveDevice *base)
{
  GpuDevice *self = (GpuDevice *)base;

  if (self->decoder != NULL)
    decoder_gpu_free(self->decoder);
  cudaFree(self->pool);
  if (self->owns_weights)
    cudaFree(self->weights);
  gpu_free_host(self->host, self->pageable);
  gpu_free_host(self->block_list, FALSE);
  gpu_free_host(self->tokens, FALSE);
  for (guint i = 0; i < EVENTS; i++)
    if (self->events[i] != NULL)
      cudaEventDestroy(self->events[i]);
  for (guint i = 0; self->layer_copied != NULL && i < self->geometry.layers; i++)
    if (self->layer_copied[i] != NULL)
      cudaEventDestroy(self->layer_copied[i]);
  g_free(self->layer_copied);
  if (self->compute != NULL)
    cudaStreamDestroy(self->compute);
  if (self->copies != NULL)
    cudaStreamDestroy(self->copies);
  step_upload_free(self->upload);
  g_free(self);
}

static gboolean
set_geometry(GpuDevice *self, const DeviceSetup *setup, GError **error)
{
  const Model *model = setup->decoder->model;

  self->geometry = (KvGeometry){
      .form = setup->kv_form,
      .layers = model->layers,
      .kv_heads = model->kv_heads,
      .head_dim = model->head_dim,
      .block_size = setup->block_size,
      .num_blocks = setup->num_device_blocks,
      .element_bytes = sizeof(guint16),
  };
  self->block_bytes = kv_geometry_block_bytes(&self->geometry);
  if (kv_geometry_layout(&self->geometry, &self->kv_layout) && setup->block_size <= 256)
    return TRUE;
  g_set_error(
      error, LIVE_ERROR, LIVE_ERROR_SHAPE,
      "%s: found blocks of %u tokens, expected 1 to 256 on a GPU, of a multiple of %d bytes",
      model->name, setup->block_size, KV_COPY_VECTOR_BYTES);
  return FALSE;
}

static gboolean
make_streams(GpuDevice *self, GError **error)
{
  cudaError_t status = cudaStreamCreateWithFlags(&self->compute, cudaStreamNonBlocking);

  if (status == cudaSuccess)
    status = cudaStreamCreateWithFlags(&self->copies, cudaStreamNonBlocking);
  for (guint i = 0; i < EVENTS && status == cudaSuccess; i++)
    status = cudaEventCreate(&self->events[i]);
  self->layer_copied = g_new0(cudaEvent_t, self->geometry.layers);
  for (guint i = 0; i < self->geometry.layers && status == cudaSuccess; i++)
    status = cudaEventCreateWithFlags(&self->layer_copied[i], cudaEventDisableTiming);
  return status == cudaSuccess || gpu_fail(error, (int)status, "starting on the GPU");
}

static gboolean
take_weights(GpuDevice *self, const DeviceSetup *setup, GError **error)
{
  Dtype dtype = decoder_gpu_dtype(setup->decoder->model);

  self->owns_weights = setup->weights_of == NULL;
  self->weights = self->owns_weights ? weights_gpu_load(setup->layout, setup->weights, dtype, error)
                                     : ((const GpuDevice *)setup->weights_of)->weights;
  return self->weights != NULL;
}

static gboolean
allocate(GpuDevice *self, const DeviceSetup *setup, GError **error)
{
  gsize list_bytes = ((gsize)self->num_blocks + setup->num_host_blocks) * sizeof(gint32);

  return take_weights(self, setup, error) &&
         (self->decoder = decoder_gpu_new(setup, &self->geometry, self->weights, error)) != NULL &&
         (self->pool = gpu_allocate(kv_geometry_pool_bytes(&self->geometry), "the KV pool",
                                    error)) != NULL &&
         (self->host = gpu_allocate_host(self->block_bytes * setup->num_host_blocks, self->pageable,
                                         "swapped blocks", error)) != NULL &&
         (self->block_list = gpu_allocate_host(2 * list_bytes, FALSE, "lists of blocks", error)) !=
             NULL &&
         (self->tokens = gpu_allocate_host(setup->max_sequences * sizeof(gint32), FALSE,
                                           "sampled tokens", error)) != NULL;
}

static LiveDevice *
gpu_open(const DeviceSetup *setup, GError **error)
{
  GpuDevice *self = g_new0(GpuDevice, 1);
  int n_devices = 0;
  cudaError_t status = cudaGetDeviceCount(&n_devices);

  self->base.class = &live_device_gpu;
  self->copy_method = setup->copy_method;
  self->pageable = setup->pageable_host;
  self->overlap = setup->overlap_copies;
  self->num_blocks = setup->num_device_blocks;
  self->max_sequences = setup->max_sequences;
  self->upload = step_upload_new();
  if (status == cudaSuccess && n_devices == 0)
    status = cudaErrorNoDevice;
  if (status != cudaSuccess)
    gpu_fail(error, (int)status, "finding a GPU");
  if (status == cudaSuccess && set_geometry(self, setup, error) && make_streams(self, error) &&
      allocate(self, setup, error))
    return &self->base;
  gpu_close(&self->base);
  return NULL;
}

static KvCopyMethod
method_of(const GpuDevice *self)
{
  static const KvCopyMethod methods[] = {
      [COPY_METHOD_PIECES] = KV_COPY_PIECES,
      [COPY_METHOD_BATCH] = KV_COPY_BATCH,
      [COPY_METHOD_KERNEL] = KV_COPY_KERNEL,
  };
  return methods[self->copy_method];
}

/* Lists the device blocks of all copies, out then in, where the copies of this step read them. */
static void
list_blocks(GpuDevice *self, const StepPlan *plan)
{
  gint32 *list = self->block_list;

  for (guint i = 0; i < plan->copies_out->len; i++)
    *list++ = g_array_index(plan->copies_out, BlockCopy, i).device_block;
  for (guint i = 0; i < plan->copies_in->len; i++)
    *list++ = g_array_index(plan->copies_in, BlockCopy, i).device_block;
}

/* Enqueues copies in one direction: pieces first_piece … of each block, all of them or one layer's.
 * Blocks that are in a row on the host travel together where whole blocks do. */
static int
enqueue_copies(GpuDevice *self, const GArray *copies, const gint32 *list, gboolean to_pool,
               guint32 layer, guint32 layers, cudaStream_t stream)
{
  gboolean whole = layers == self->geometry.layers;
  KvLayout layout = self->kv_layout;
  gsize first_bytes = 0;
  int status = 0;

  if (!whole) { /* K and V of the layer: two pieces of each block */
    layout.num_pieces = 2 * layers;
    first_bytes = 2 * (gsize)layer;
  }
  for (guint i = 0, n = 0; i < copies->len && status == 0; i += n) {
    gint32 host_block = g_array_index(copies, BlockCopy, i).host_block;
    n = whole ? step_plan_copy_row(copies, i) : 1;
    const KvCopy copy = {
        .method = method_of(self),
        .to_pool = to_pool,
        .layout = &layout,
        .pool = self->pool + first_bytes * self->kv_layout.piece_stride_bytes,
        .block_list = list + i,
        .num_blocks = n,
        .buffer = self->host + (gsize)host_block * self->block_bytes +
                  first_bytes * self->kv_layout.piece_bytes,
        .buffer_is_settled = to_pool,
    };
    status = kv_copy(&copy, stream);
    if (status == cudaErrorNotSupported && copy.method == KV_COPY_BATCH) {
      self->copy_method = self->pageable ? COPY_METHOD_PIECES : COPY_METHOD_KERNEL;
      cudaGetLastError();
      n = 0; /* once more, as this CUDA can */
      status = 0;
    }
  }
  return status;
}

/* All copies of the step in `stream`, timed. */
static int
copy_all(GpuDevice *self, const StepPlan *plan, cudaStream_t stream)
{
  guint32 layers = self->geometry.layers;
  int status = (int)cudaEventRecord(self->events[EVENT_START], stream);

  if (status == 0)
    status = enqueue_copies(self, plan->copies_out, self->block_list, FALSE, 0, layers, stream);
  if (status == 0)
    status = (int)cudaEventRecord(self->events[EVENT_OUT_DONE], stream);
  if (status == 0)
    status = enqueue_copies(self, plan->copies_in, self->block_list + plan->copies_out->len, TRUE,
                            0, layers, stream);
  if (status == 0)
    status = (int)cudaEventRecord(self->events[EVENT_IN_DONE], stream);
  return status;
}

/* The same layer by layer, an event after each. */
static int
copy_by_layer(GpuDevice *self, const StepPlan *plan, cudaStream_t stream)
{
  const gint32 *in_list = self->block_list + plan->copies_out->len;
  int status = (int)cudaEventRecord(self->events[EVENT_START], stream);

  if (status == 0)
    status = (int)cudaEventRecord(self->events[EVENT_OUT_DONE], stream);
  for (guint32 layer = 0; layer < self->geometry.layers && status == 0; layer++) {
    status = enqueue_copies(self, plan->copies_out, self->block_list, FALSE, layer, 1, stream);
    if (status == 0)
      status = enqueue_copies(self, plan->copies_in, in_list, TRUE, layer, 1, stream);
    if (status == 0)
      status = (int)cudaEventRecord(self->layer_copied[layer], stream);
  }
  if (status == 0)
    status = (int)cudaEventRecord(self->events[EVENT_IN_DONE], stream);
  return status;
}

/* The layer's KV is touched when its copies are done. */
static gboolean
wait_for_layer(gpointer data, guint32 layer, cudaStream_t stream)
{
  GpuDevice *self = data;

  return cudaStreamWaitEvent(stream, self->layer_copied[layer], 0) == cudaSuccess;
}

static gboolean
has_copies(const StepPlan *plan)
{
  return plan->copies_out->len + plan->copies_in->len > 0;
}

/* Enqueues the step's copies. *gate: whether the layers are to wait for them one by one. */
static int
start_copies(GpuDevice *self, const StepPlan *plan, gboolean *gate)
{
  int status;

  *gate = self->overlap && has_copies(plan) && self->geometry.form == KV_BY_LAYER;
  list_blocks(self, plan);
  if (*gate)
    return copy_by_layer(self, plan, self->copies);
  status = copy_all(self, plan, self->overlap ? self->copies : self->compute);
  if (status == 0 && self->overlap)
    status = (int)cudaStreamWaitEvent(self->compute, self->events[EVENT_IN_DONE], 0);
  return status;
}

static gint64
between_ns(const GpuDevice *self, Event from, Event to)
{
  float ms = 0;

  if (cudaEventElapsedTime(&ms, self->events[from], self->events[to]) != cudaSuccess)
    return 0;
  return (gint64)((double)ms * 1e6);
}

/* A step's projections, attention and small operations are one figure here: "linear" has all of
 * them. Copies beside the step lengthen it by what it waited for them, which is not told apart. */
static void
tell_times(const GpuDevice *self, const StepPlan *plan, DeviceTimes *times)
{
  if (plan->copies_out->len > 0 && !self->overlap)
    times->component_ns[COST_SWAP_OUT] = between_ns(self, EVENT_START, EVENT_OUT_DONE);
  if (plan->copies_in->len > 0 && !self->overlap)
    times->component_ns[COST_SWAP_IN] = between_ns(self, EVENT_OUT_DONE, EVENT_IN_DONE);
  if (step_plan_rows(plan) > 0) {
    times->component_ns[COST_LINEAR] = between_ns(self, EVENT_STEP_START, EVENT_HEAD);
    times->component_ns[COST_HEAD] = between_ns(self, EVENT_HEAD, EVENT_END);
  }
}

static gboolean
run_rows(GpuDevice *self, const StepPlan *plan, gboolean gate, GError **error)
{
  gsize bytes = plan->sample_rows->len * sizeof(gint32);
  cudaError_t status = cudaEventRecord(self->events[EVENT_STEP_START], self->compute);

  if (status == cudaSuccess &&
      !decoder_gpu_run(self->decoder, plan, self->upload, self->pool, gate ? wait_for_layer : NULL,
                       self, self->events[EVENT_HEAD], self->compute, error))
    return FALSE;
  if (status == cudaSuccess && bytes > 0)
    status = cudaMemcpyAsync(self->tokens, decoder_gpu_sampled(self->decoder), bytes,
                             cudaMemcpyDeviceToHost, self->compute);
  if (status == cudaSuccess)
    status = cudaEventRecord(self->events[EVENT_END], self->compute);
  return status == cudaSuccess || gpu_fail(error, (int)status, "a step");
}

static gboolean
gpu_run_plan(LiveDevice *base, const StepPlan *plan, gint32 *sampled, DeviceTimes *times,
             GError **error)
{
  GpuDevice *self = (GpuDevice *)base;
  gint64 start_ns = live_now_ns();
  gboolean gate, rows = step_plan_rows(plan) > 0;
  int status;

  *times = (DeviceTimes){0};
  if (rows && !decoder_gpu_prepare(self->decoder, plan, self->upload, error))
    return FALSE;
  status = start_copies(self, plan, &gate);
  if (status != 0)
    return gpu_fail(error, status, "copying swapped blocks");
  if (rows && !run_rows(self, plan, gate, error))
    return FALSE;
  status = (int)cudaStreamSynchronize(self->copies);
  if (status == 0)
    status = (int)cudaStreamSynchronize(self->compute);
  if (status != 0)
    return gpu_fail(error, status, "a step");
  memcpy(sampled, self->tokens, plan->sample_rows->len * sizeof(gint32));
  tell_times(self, plan, times);
  times->total_ns = live_now_ns() - start_ns;
  return TRUE;
}

static gboolean
gpu_logits(LiveDevice *base, GArray *logits)
{
  return decoder_gpu_logits(((GpuDevice *)base)->decoder, logits);
}

const LiveDeviceClass live_device_gpu = {
    .name = "gpu",
    .open = gpu_open,
    .run = gpu_run_plan,
    .logits = gpu_logits,
    .close = gpu_close,
};
