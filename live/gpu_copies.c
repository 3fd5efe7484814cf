#include "config.h"

#include "gpu_copies.h"

#include "gpu_memory.h"

enum { EVENT_START, EVENT_OUT_DONE, EVENT_IN_DONE, EVENTS };

struct GpuCopies {
  const KvGeometry *geometry;
  KvLayout layout;
  gsize block_bytes;
  char *pool, *host;
  gint32 *block_list; /* pinned: kernels read it */
  guint32 list_room, num_host_blocks;
  CopyMethod method;
  gboolean pageable, overlap, gated;
  cudaStream_t stream;
  cudaEvent_t events[EVENTS];
  cudaEvent_t *layer_done;
};

static gsize
list_bytes(const DeviceSetup *setup)
{
  return 2 * ((gsize)setup->num_device_blocks + setup->num_host_blocks) * sizeof(gint32);
}

void
gpu_copies_add_needs(const DeviceSetup *setup, Budget *budget)
{
  budget_add(budget, "lists of blocks", list_bytes(setup));
}

static gboolean
make_stream(GpuCopies *self, GError **error)
{
  cudaError_t status = cudaStreamCreateWithFlags(&self->stream, cudaStreamNonBlocking);

  for (guint i = 0; i < EVENTS && status == cudaSuccess; i++)
    status = cudaEventCreate(&self->events[i]);
  for (guint32 i = 0; i < self->geometry->layers && status == cudaSuccess; i++)
    status = cudaEventCreateWithFlags(&self->layer_done[i], cudaEventDisableTiming);
  return status == cudaSuccess || gpu_fail(error, (int)status, "making the copies' stream");
}

GpuCopies *
gpu_copies_new(const DeviceSetup *setup, const KvGeometry *geometry, void *pool, GError **error)
{
  GpuCopies *self = g_new0(GpuCopies, 1);

  self->geometry = geometry;
  self->block_bytes = kv_geometry_block_bytes(geometry);
  self->pool = pool;
  self->method = setup->copy_method;
  self->pageable = setup->pageable_host;
  self->overlap = setup->overlap_within_step;
  self->num_host_blocks = setup->num_host_blocks + setup->num_through_blocks;
  self->list_room = (guint32)(list_bytes(setup) / sizeof(gint32));
  self->layer_done = g_new0(cudaEvent_t, geometry->layers);
  kv_geometry_layout(geometry, &self->layout);
  if (make_stream(self, error) &&
      (self->host = gpu_allocate_host(self->block_bytes * self->num_host_blocks, self->pageable,
                                      "swapped blocks", error)) != NULL &&
      (self->block_list = gpu_allocate_host(list_bytes(setup), FALSE, "lists of blocks", error)) !=
          NULL)
    return self;
  gpu_copies_free(self);
  return NULL;
}

void
gpu_copies_free(GpuCopies *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < EVENTS; i++)
    if (self->events[i] != NULL)
      cudaEventDestroy(self->events[i]);
  for (guint32 i = 0; i < self->geometry->layers; i++)
    if (self->layer_done[i] != NULL)
      cudaEventDestroy(self->layer_done[i]);
  if (self->stream != NULL)
    cudaStreamDestroy(self->stream);
  gpu_free_host(self->host, self->pageable);
  gpu_free_host(self->block_list, FALSE);
  g_free(self->layer_done);
  g_free(self);
}

/* One row of blocks: those that are one after the other on the host. `layers` from `layer` on. */
static int
copy_row(const GpuCopies *self, const BlockCopy *first, const gint32 *list, guint n,
         gboolean to_pool, guint32 layer, guint32 layers, cudaStream_t stream)
{
  static const KvCopyMethod methods[] = {
      [COPY_METHOD_PIECES] = KV_COPY_PIECES,
      [COPY_METHOD_BATCH] = KV_COPY_BATCH,
      [COPY_METHOD_KERNEL] = KV_COPY_KERNEL,
  };
  KvLayout layout = self->layout;
  guint32 first_piece = layers == self->geometry->layers ? 0 : 2 * layer; /* K and V a layer */
  const KvCopy copy = {
      .method = methods[self->method],
      .to_pool = to_pool,
      .layout = &layout,
      .pool = self->pool + first_piece * self->layout.piece_stride_bytes,
      .block_list = list,
      .num_blocks = n,
      .buffer = self->host + (gsize)first->host_block * self->block_bytes +
                first_piece * self->layout.piece_bytes,
      .buffer_is_settled = to_pool,
  };

  layout.buffer_block_bytes = self->block_bytes;
  if (layers != self->geometry->layers)
    layout.num_pieces = 2 * layers;
  return kv_copy(&copy, stream);
}

/* Enqueues copies in one direction, all layers of each block or some. */
static int
enqueue(const GpuCopies *self, const GArray *copies, const gint32 *list, gboolean to_pool,
        guint32 layer, guint32 layers, cudaStream_t stream)
{
  int status = 0;

  for (guint i = 0, n = 0; i < copies->len && status == 0; i += n) {
    n = step_plan_copy_row(copies, i);
    status = copy_row(self, &g_array_index(copies, BlockCopy, i), list + i, n, to_pool, layer,
                      layers, stream);
  }
  return status;
}

int
gpu_copies_enqueue(const GpuCopies *self, const GArray *blocks, const gint32 *list,
                   gboolean to_pool, cudaStream_t stream)
{
  return enqueue(self, blocks, list, to_pool, 0, self->geometry->layers, stream);
}

char *
gpu_copies_host(const GpuCopies *self)
{
  return self->host;
}

/* All copies of the step in `stream`, timed. */
static int
copy_all(GpuCopies *self, const StepPlan *plan, cudaStream_t stream)
{
  const gint32 *in_list = self->block_list + plan->copies_out->len;
  guint32 layers = self->geometry->layers;
  int status = (int)cudaEventRecord(self->events[EVENT_START], stream);

  if (status == 0)
    status = enqueue(self, plan->copies_out, self->block_list, FALSE, 0, layers, stream);
  if (status == 0)
    status = (int)cudaEventRecord(self->events[EVENT_OUT_DONE], stream);
  if (status == 0)
    status = enqueue(self, plan->copies_in, in_list, TRUE, 0, layers, stream);
  if (status == 0)
    status = (int)cudaEventRecord(self->events[EVENT_IN_DONE], stream);
  return status;
}

/* The same layer by layer, an event after each. */
static int
copy_by_layer(GpuCopies *self, const StepPlan *plan)
{
  const gint32 *in_list = self->block_list + plan->copies_out->len;
  int status = 0;

  for (guint32 layer = 0; layer < self->geometry->layers && status == 0; layer++) {
    status = enqueue(self, plan->copies_out, self->block_list, FALSE, layer, 1, self->stream);
    if (status == 0)
      status = enqueue(self, plan->copies_in, in_list, TRUE, layer, 1, self->stream);
    if (status == 0)
      status = (int)cudaEventRecord(self->layer_done[layer], self->stream);
  }
  return status;
}

/* Lists the device blocks of all copies, out then in, where the copies of this step read them. */
static gboolean
list_blocks(GpuCopies *self, const StepPlan *plan, GError **error)
{
  guint64 n = (guint64)plan->copies_out->len + plan->copies_in->len;
  gint32 *list = self->block_list;

  if (n > self->list_room) {
    g_set_error(error, LIVE_ERROR, LIVE_ERROR_SHAPE,
                "a step copies %" G_GUINT64_FORMAT
                " blocks, and the lists were made for %u: it was not run",
                n, self->list_room);
    return FALSE;
  }
  for (guint i = 0; i < plan->copies_out->len; i++)
    *list++ = g_array_index(plan->copies_out, BlockCopy, i).device_block;
  for (guint i = 0; i < plan->copies_in->len; i++)
    *list++ = g_array_index(plan->copies_in, BlockCopy, i).device_block;
  return TRUE;
}

gboolean
gpu_copies_start(GpuCopies *self, const StepPlan *plan, cudaStream_t compute, GError **error)
{
  gboolean any = plan->copies_out->len + plan->copies_in->len > 0;
  int status;

  self->gated = any && self->overlap && self->geometry->form == KV_BY_LAYER;
  if (!any)
    return TRUE;
  if (!list_blocks(self, plan, error))
    return FALSE;
  if (self->gated) {
    status = copy_by_layer(self, plan);
  } else {
    status = copy_all(self, plan, self->overlap ? self->stream : compute);
    if (status == 0 && self->overlap)
      status = (int)cudaStreamWaitEvent(compute, self->events[EVENT_IN_DONE], 0);
  }
  return status == 0 || gpu_fail(error, status, "copying swapped blocks");
}

gboolean
gpu_copies_are_gated(const GpuCopies *self)
{
  return self->gated;
}

int
gpu_copies_wait_for_layer(gpointer copies, guint32 layer, cudaStream_t compute)
{
  const GpuCopies *self = copies;

  return (int)cudaStreamWaitEvent(compute, self->layer_done[layer], 0);
}

gboolean
gpu_copies_finish(GpuCopies *self, GError **error)
{
  cudaError_t status = cudaStreamSynchronize(self->stream);

  return status == cudaSuccess || gpu_fail(error, (int)status, "waiting for swapped blocks");
}

gboolean
gpu_copies_warm_up(GpuCopies *self, GError **error)
{
  const BlockCopy copy = {0, 0, 0};
  g_autoptr(StepPlan) plan = step_plan_new();

  if (self->num_host_blocks == 0)
    return TRUE;
  g_array_append_val(plan->copies_out, copy);
  if (!gpu_copies_start(self, plan, self->stream, error) || !gpu_copies_finish(self, error))
    return FALSE;
  step_plan_clear(plan);
  g_array_append_val(plan->copies_in, copy);
  return gpu_copies_start(self, plan, self->stream, error) && gpu_copies_finish(self, error);
}

static gint64
between_ns(const GpuCopies *self, guint from, guint to)
{
  float ms = 0;

  if (cudaEventElapsedTime(&ms, self->events[from], self->events[to]) != cudaSuccess)
    return 0;
  return (gint64)((double)ms * 1e6);
}

void
gpu_copies_tell_times(const GpuCopies *self, const StepPlan *plan, DeviceTimes *times)
{
  if (self->overlap)
    return;
  if (plan->copies_out->len > 0)
    times->component_ns[COST_SWAP_OUT] = between_ns(self, EVENT_START, EVENT_OUT_DONE);
  if (plan->copies_in->len > 0)
    times->component_ns[COST_SWAP_IN] = between_ns(self, EVENT_OUT_DONE, EVENT_IN_DONE);
}
