/* A GPU as a device: weights, the KV pool, a decoder (decoder_gpu.h), swaps (gpu_copies.h) and
 * copies beside the steps (gpu_jobs.h).
 *
 * What it needs is held against what is free before anything is allocated, and everything that
 * happens once (kernels loaded, graphs captured) happens before the first step. A step's time is
 * the host's clock from its plan to its tokens; the parts that are told apart are the GPU's events.
 * A step is over when its tokens are on the host, so nothing of one step but jobs runs beside the
 * next.
 */
#include "config.h"

#include <string.h>

#include "clock.h"
#include "decoder_gpu.h"
#include "gpu_copies.h"
#include "gpu_jobs.h"
#include "gpu_memory.h"
#include "host_memory.h"
#include "live/weights/gpu.h"

enum { EVENT_START, EVENT_HEAD, EVENT_END, EVENTS };

typedef struct {
  LiveDevice base;
  KvGeometry geometry;
  char *pool;
  void *weights;
  gboolean owns_weights;
  gint32 *tokens; /* pinned */
  DecoderGpu *decoder;
  GpuCopies *copies;
  GpuJobs *jobs;
  cudaStream_t compute;
  cudaEvent_t events[EVENTS];
} GpuDevice;

static void
gpu_close(LiveDevice *base)
{
  GpuDevice *self = (GpuDevice *)base;

  decoder_gpu_free(self->decoder);
  gpu_jobs_free(self->jobs);
  gpu_copies_free(self->copies);
  cudaFree(self->pool);
  if (self->owns_weights)
    cudaFree(self->weights);
  gpu_free_host(self->tokens, FALSE);
  for (guint i = 0; i < EVENTS; i++)
    if (self->events[i] != NULL)
      cudaEventDestroy(self->events[i]);
  if (self->compute != NULL)
    cudaStreamDestroy(self->compute);
  g_free(self);
}

static gboolean
set_geometry(GpuDevice *self, const DeviceSetup *setup, GError **error)
{
  const Model *model = setup->decoder->model;
  KvLayout layout;

  self->geometry = kv_geometry_of_model(model, setup->kv_form, setup->block_size,
                                        setup->num_device_blocks, sizeof(guint16));
  if (!decoder_gpu_check_shape(model, error))
    return FALSE;
  if (kv_geometry_layout(&self->geometry, &layout) && setup->block_size <= 256)
    return TRUE;
  g_set_error(
      error, LIVE_ERROR, LIVE_ERROR_SHAPE,
      "%s: found blocks of %u tokens, expected 1 to 256 on a GPU, of a multiple of %d bytes",
      model->name, setup->block_size, KV_COPY_VECTOR_BYTES);
  return FALSE;
}

static gboolean
gpu_probe(GError **error)
{
  int n_devices = 0, status = (int)cudaGetDeviceCount(&n_devices);

  if (status == 0 && n_devices == 0)
    status = cudaErrorNoDevice;
  return status == 0 || gpu_fail(error, status, "finding a GPU");
}

static char *
gpu_kernels(void)
{
  AttentionDevice attention;
  char name[ATTENTION_DEVICE_NAME_BYTES];

  if (attention_device_query(&attention) != 0)
    return NULL; /* opening it tells why */
  attention_device_name(&attention, name, sizeof name);
  return g_strdup(name);
}

/* How large steps can be on it. */
static gboolean
find_room(const GpuDevice *self, const DeviceSetup *setup, DecoderRoom *room, GError **error)
{
  AttentionDevice attention;
  int status = attention_device_query(&attention);

  if (status != 0)
    return gpu_fail(error, status, "asking the GPU what it can do");
  *room = decoder_room(setup, &self->geometry, &attention);
  return TRUE;
}

static gboolean
check_memory(const GpuDevice *self, const DeviceSetup *setup, const DecoderRoom *room,
             GError **error)
{
  const gsize block_bytes = kv_geometry_block_bytes(&self->geometry);
  gsize free_bytes = 0, total_bytes = 0;
  Budget gpu = {.count = 0}, host = {.count = 0};
  cudaError_t status = cudaMemGetInfo(&free_bytes, &total_bytes);

  if (status != cudaSuccess)
    return gpu_fail(error, (int)status, "asking for the GPU's free memory");
  if (setup->weights_of == NULL)
    budget_add(&gpu, "weights", setup->layout->elements * sizeof(guint16));
  decoder_gpu_add_needs(setup, room, &gpu);
  if (setup->weights_of == NULL)
    budget_add(&host, "loading weights", weights_gpu_host_bytes());
  budget_add(&host, "a step's inputs", room->upload_bytes);
  gpu_copies_add_needs(setup, &host);
  gpu_jobs_add_needs(setup, &host);
  return budget_check_gpu(&gpu, setup->num_device_blocks, block_bytes, free_bytes, total_bytes,
                          error) &&
         budget_check_host(&host, setup->num_host_blocks + setup->num_through_blocks, block_bytes,
                           host_memory_available_bytes(), error);
}

static gboolean
make_stream(GpuDevice *self, GError **error)
{
  cudaError_t status = cudaStreamCreateWithFlags(&self->compute, cudaStreamNonBlocking);

  for (guint i = 0; i < EVENTS && status == cudaSuccess; i++)
    status = cudaEventCreate(&self->events[i]);
  return status == cudaSuccess || gpu_fail(error, (int)status, "making a stream");
}

static gboolean
take_weights(GpuDevice *self, const DeviceSetup *setup, GError **error)
{
  self->owns_weights = setup->weights_of == NULL;
  self->weights = self->owns_weights ? weights_gpu_load(setup->layout, setup->weights,
                                                        decoder_dtype(setup->decoder->model), error)
                                     : ((const GpuDevice *)setup->weights_of)->weights;
  return self->weights != NULL;
}

static gboolean
allocate(GpuDevice *self, const DeviceSetup *setup, const DecoderRoom *room, GError **error)
{
  return (self->pool = gpu_allocate(kv_geometry_pool_bytes(&self->geometry), "the KV pool",
                                    error)) != NULL &&
         (self->copies = gpu_copies_new(setup, &self->geometry, self->pool, error)) != NULL &&
         (self->jobs = gpu_jobs_new(setup, &self->geometry, self->copies, error)) != NULL &&
         (self->tokens = gpu_allocate_host(room->sequences * sizeof(gint32), FALSE,
                                           "sampled tokens", error)) != NULL &&
         take_weights(self, setup, error) &&
         (self->decoder = decoder_gpu_new(setup, &self->geometry, room, self->weights, self->pool,
                                          error)) != NULL;
}

/* Memory was zeroed in the default stream, for which the device's streams do not wait. */
static gboolean
settle(GError **error)
{
  cudaError_t status = cudaDeviceSynchronize();

  return status == cudaSuccess || gpu_fail(error, (int)status, "zeroing memory");
}

static LiveDevice *
gpu_open(const DeviceSetup *setup, GError **error)
{
  GpuDevice *self = g_new0(GpuDevice, 1);
  DecoderRoom room;

  self->base.class = &live_device_gpu;
  if (gpu_probe(error) && set_geometry(self, setup, error) &&
      find_room(self, setup, &room, error) && check_memory(self, setup, &room, error) &&
      make_stream(self, error) && allocate(self, setup, &room, error) && settle(error) &&
      decoder_gpu_warm_up(self->decoder, self->compute, error) &&
      gpu_copies_warm_up(self->copies, error))
    return &self->base;
  gpu_close(&self->base);
  return NULL;
}

static gint64
between_ns(const GpuDevice *self, guint from, guint to)
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
  gpu_copies_tell_times(self->copies, plan, times);
  if (step_plan_rows(plan) > 0) {
    times->component_ns[COST_LINEAR] = between_ns(self, EVENT_START, EVENT_HEAD);
    times->component_ns[COST_HEAD] = between_ns(self, EVENT_HEAD, EVENT_END);
  }
}

static gboolean
run_rows(GpuDevice *self, const StepPlan *plan, GError **error)
{
  LayerGate gate = gpu_copies_are_gated(self->copies) ? gpu_copies_wait_for_layer : NULL;
  gsize bytes = plan->sample_rows->len * sizeof(gint32);
  cudaError_t status = cudaEventRecord(self->events[EVENT_START], self->compute);

  if (status != cudaSuccess)
    return gpu_fail(error, (int)status, "recording a time");
  if (!decoder_gpu_run(self->decoder, plan, gate, self->copies, self->events[EVENT_HEAD],
                       self->compute, error))
    return FALSE;
  if (bytes > 0)
    status = cudaMemcpyAsync(self->tokens, decoder_gpu_sampled(self->decoder), bytes,
                             cudaMemcpyDeviceToHost, self->compute);
  if (status == cudaSuccess)
    status = cudaEventRecord(self->events[EVENT_END], self->compute);
  return status == cudaSuccess || gpu_fail(error, (int)status, "fetching sampled tokens");
}

static gboolean
gpu_run_plan(LiveDevice *base, const StepPlan *plan, gint32 *sampled, DeviceTimes *times,
             GError **error)
{
  GpuDevice *self = (GpuDevice *)base;
  gint64 start_ns = live_now_ns();
  gboolean rows = step_plan_rows(plan) > 0;
  cudaError_t status;

  *times = (DeviceTimes){0};
  if (rows &&
      !decoder_gpu_prepare(self->decoder, plan, self->compute, &times->first_time_ns, error))
    return FALSE;
  if (!gpu_copies_start(self->copies, plan, self->compute, error) ||
      (rows && !run_rows(self, plan, error)) || !gpu_jobs_launch(self->jobs, error))
    return FALSE;
  status = cudaStreamSynchronize(self->compute);
  if (status != cudaSuccess)
    return gpu_fail(error, (int)status, "waiting for a step");
  if (!gpu_copies_finish(self->copies, error))
    return FALSE;
  memcpy(sampled, self->tokens, plan->sample_rows->len * sizeof(gint32));
  tell_times(self, plan, times);
  times->total_ns = live_now_ns() - start_ns - times->first_time_ns;
  return TRUE;
}

static gboolean
gpu_begin_copies(LiveDevice *base, const StepPlan *plan, gint64 now_ps, gint64 *beside_ns,
                 GError **error)
{
  return gpu_jobs_begin(((GpuDevice *)base)->jobs, plan, now_ps, beside_ns, error);
}

static gboolean
gpu_end_copies(LiveDevice *base, gint64 now_ps, gboolean waits, CopiesEnded *ended, GError **error)
{
  return gpu_jobs_end(((GpuDevice *)base)->jobs, now_ps, waits, ended, error);
}

static gboolean
gpu_logits(LiveDevice *base, GArray *logits)
{
  return decoder_gpu_logits(((GpuDevice *)base)->decoder, logits);
}

const LiveDeviceClass live_device_gpu = {
    .name = "gpu",
    .clock = CLOCK_MONOTONIC,
    .probe = gpu_probe,
    .kernels = gpu_kernels,
    .open = gpu_open,
    .run = gpu_run_plan,
    .begin_copies = gpu_begin_copies,
    .end_copies = gpu_end_copies,
    .logits = gpu_logits,
    .close = gpu_close,
};
