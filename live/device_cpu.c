/* The CPU as a device: the reference kernels, a "device" pool and a really separate "host" pool,
 * and copies between them. Everything but speed is as on a GPU.
 *
 * Both pools start as NaN, so that what was never written and is read shows. Every block that is
 * copied out has a checksum, read from the device's pool as attention sees it, and is checked
 * when it is back: a piece that a copy forgot, or a block that was overwritten on the host, is
 * told.
 */
#include "config.h"

#include "decoder_cpu.h"

#include <string.h>

#include "budget.h"
#include "clock.h"
#include "host_memory.h"
#include "random.h"

typedef struct {
  LiveDevice base;
  KvGeometry geometry;
  KvLayout kv_layout;
  gsize block_bytes;
  char *pool, *host;  /* 16-byte aligned */
  guint64 *host_sums; /* one a host block */
  float *weights;
  gboolean owns_weights;
  DecoderCpu *decoder;
  GArray *logits;     /* of float */
  GArray *block_list; /* of gint32 */
  SamplingParams sampling;
  guint32 vocab;
} CpuDevice;

/* 0xff is NaN throughout. */
static char *
allocate_pool(gsize bytes, const char *what, GError **error)
{
  char *pool = aligned_alloc(KV_COPY_VECTOR_BYTES, MAX(bytes, KV_COPY_VECTOR_BYTES));

  if (pool == NULL)
    g_set_error(error, LIVE_ERROR, LIVE_ERROR_MEMORY,
                "there is no memory for %.1f MiB of KV blocks of the %s; give fewer blocks",
                (double)bytes / (1024 * 1024), what);
  else
    memset(pool, 0xff, bytes);
  return pool;
}

static void
cpu_close(LiveDevice *base)
{
  CpuDevice *self = (CpuDevice *)base;

  free(self->pool);
  free(self->host);
  g_free(self->host_sums);
  if (self->owns_weights)
    g_free(self->weights);
  decoder_cpu_free(self->decoder);
  g_array_unref(self->logits);
  g_array_unref(self->block_list);
  g_free(self);
}

static gboolean
set_geometry(CpuDevice *self, const DeviceSetup *setup, GError **error)
{
  const Model *model = setup->decoder->model;

  self->geometry = kv_geometry_of_model(model, setup->kv_form, setup->block_size,
                                        setup->num_device_blocks, sizeof(float));
  self->block_bytes = kv_geometry_block_bytes(&self->geometry);
  if (kv_geometry_layout(&self->geometry, &self->kv_layout))
    return TRUE;
  g_set_error(error, LIVE_ERROR, LIVE_ERROR_SHAPE,
              "%s: blocks of %u tokens with %u KV heads of %u elements are no multiple of %d bytes "
              "a layer; take a larger block size",
              model->name, setup->block_size, model->kv_heads, model->head_dim,
              KV_COPY_VECTOR_BYTES);
  return FALSE;
}

/* Both pools and the weights, as floats. */
static gboolean
check_memory(const CpuDevice *self, const DeviceSetup *setup, GError **error)
{
  Budget budget = {.count = 0};

  if (setup->weights_of == NULL)
    budget_add(&budget, "weights as floats", setup->layout->elements * sizeof(float));
  budget_add(&budget, "the blocks of the device's pool", kv_geometry_pool_bytes(&self->geometry));
  return budget_check_host(&budget, setup->num_host_blocks, self->block_bytes,
                           host_memory_available_bytes(), error);
}

static gboolean
take_weights(CpuDevice *self, const DeviceSetup *setup, GError **error)
{
  self->owns_weights = setup->weights_of == NULL;
  self->weights = self->owns_weights ? weights_load(setup->layout, setup->weights, error)
                                     : ((const CpuDevice *)setup->weights_of)->weights;
  return self->weights != NULL;
}

static LiveDevice *
cpu_open(const DeviceSetup *setup, GError **error)
{
  CpuDevice *self = g_new0(CpuDevice, 1);

  self->base.class = &live_device_cpu;
  self->sampling = setup->sampling;
  self->vocab = setup->decoder->model->vocab;
  self->logits = g_array_new(FALSE, FALSE, sizeof(float));
  self->block_list = g_array_new(FALSE, FALSE, sizeof(gint32));
  if (!set_geometry(self, setup, error) || !check_memory(self, setup, error) ||
      (self->host_sums = g_new0(guint64, MAX(setup->num_host_blocks, 1))) == NULL ||
      (self->pool = allocate_pool(kv_geometry_pool_bytes(&self->geometry), "device", error)) ==
          NULL ||
      (self->host = allocate_pool(self->block_bytes * setup->num_host_blocks, "host", error)) ==
          NULL ||
      !take_weights(self, setup, error)) {
    cpu_close(&self->base);
    return NULL;
  }
  self->decoder =
      decoder_cpu_new(setup->decoder, setup->layout, self->weights, setup->max_model_len);
  return &self->base;
}

/* Of a block's KV in the device's pool, layer by layer as attention finds it. */
static guint64
checksum(const CpuDevice *self, gint32 block)
{
  guint64 sum = 0;

  for (guint32 layer = 0; layer < self->geometry.layers; layer++) {
    const PagedKv kv = kv_geometry_layer(&self->geometry, self->pool, layer);
    const void *const parts[] = {kv.k, kv.v};
    gsize n = (gsize)kv.kv_heads * kv.block_size * kv.head_dim;
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
      const float *part = (const float *)parts[i] + (gsize)block * kv.block_stride;
      for (gsize j = 0; j < n; j++) {
        guint32 bits;
        memcpy(&bits, &part[j], sizeof bits);
        sum = random_key(sum, bits);
      }
    }
  }
  return sum;
}

/* The device blocks of a row of copies. */
static const gint32 *
device_blocks(CpuDevice *self, const GArray *copies, guint first, guint n)
{
  g_array_set_size(self->block_list, 0);
  for (guint i = 0; i < n; i++)
    g_array_append_val(self->block_list, g_array_index(copies, BlockCopy, first + i).device_block);
  return (const gint32 *)(gconstpointer)self->block_list->data;
}

static char *
host_place(const CpuDevice *self, const BlockCopy *copy)
{
  return self->host + (gsize)copy->host_block * self->block_bytes;
}

static void
copy_out(CpuDevice *self, const GArray *copies)
{
  for (guint i = 0, n = 0; i < copies->len; i += n) {
    n = step_plan_copy_row(copies, i);
    kv_gather_reference(&self->kv_layout, self->pool, device_blocks(self, copies, i, n), n,
                        host_place(self, &g_array_index(copies, BlockCopy, i)));
  }
  for (guint i = 0; i < copies->len; i++) {
    const BlockCopy *copy = &g_array_index(copies, BlockCopy, i);
    self->host_sums[copy->host_block] = checksum(self, copy->device_block);
  }
}

static gboolean
copy_in(CpuDevice *self, const GArray *copies, GError **error)
{
  for (guint i = 0, n = 0; i < copies->len; i += n) {
    n = step_plan_copy_row(copies, i);
    kv_scatter_reference(&self->kv_layout, self->pool, device_blocks(self, copies, i, n), n,
                         host_place(self, &g_array_index(copies, BlockCopy, i)));
  }
  for (guint i = 0; i < copies->len; i++) {
    const BlockCopy *copy = &g_array_index(copies, BlockCopy, i);
    if (checksum(self, copy->device_block) != self->host_sums[copy->host_block]) {
      g_set_error(error, LIVE_ERROR, LIVE_ERROR_COPY,
                  "request %u of the trace: the KV that came back from host block %d to device "
                  "block %d is not what was copied out",
                  copy->request, copy->host_block, copy->device_block);
      return FALSE;
    }
  }
  return TRUE;
}

/* The time since *since_ns, which is set to now. */
static gint64
elapsed_ns(gint64 *since_ns)
{
  gint64 before_ns = *since_ns;

  *since_ns = live_worked_ns();
  return *since_ns - before_ns;
}

static gboolean
cpu_run(LiveDevice *base, const StepPlan *plan, gint32 *sampled, DeviceTimes *times, GError **error)
{
  CpuDevice *self = (CpuDevice *)base;
  gint64 start_ns = live_worked_ns(), since_ns = start_ns;

  *times = (DeviceTimes){0};
  copy_out(self, plan->copies_out);
  if (plan->copies_out->len > 0)
    times->component_ns[COST_SWAP_OUT] = elapsed_ns(&since_ns);
  if (!copy_in(self, plan->copies_in, error))
    return FALSE;
  if (plan->copies_in->len > 0)
    times->component_ns[COST_SWAP_IN] = elapsed_ns(&since_ns);
  if (step_plan_rows(plan) > 0) {
    decoder_cpu_run(self->decoder, plan, &self->geometry, self->pool, self->logits, times);
    elapsed_ns(&since_ns);
    sample_reference((const float *)(gconstpointer)self->logits->data, plan->sample_rows->len,
                     self->vocab, self->vocab, &self->sampling,
                     (const float *)(gconstpointer)plan->uniforms->data, sampled);
    times->component_ns[COST_HEAD] += elapsed_ns(&since_ns);
  }
  times->total_ns = elapsed_ns(&start_ns);
  return TRUE;
}

static gboolean
cpu_logits(LiveDevice *base, GArray *logits)
{
  const GArray *found = ((CpuDevice *)base)->logits;

  g_array_set_size(logits, 0);
  g_array_append_vals(logits, found->data, found->len);
  return TRUE;
}

const LiveDeviceClass live_device_cpu = {
    .name = "cpu",
    .clock = CLOCK_THREAD_CPUTIME_ID,
    .open = cpu_open,
    .run = cpu_run,
    .logits = cpu_logits,
    .close = cpu_close,
};
