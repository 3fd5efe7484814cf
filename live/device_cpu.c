/* The CPU as a device: the reference kernels, a "device" pool and a really separate "host" pool,
 * and copies between them (cpu_copies.h). Everything but speed is as on a GPU.
 */
#include "config.h"

#include "decoder_cpu.h"

#include "budget.h"
#include "clock.h"
#include "cpu_copies.h"
#include "host_memory.h"

typedef struct {
  LiveDevice base;
  KvGeometry geometry;
  CpuCopies *copies; /* and the pools */
  gboolean by_layer; /* a step's are made layer by layer */
  float *weights;
  gboolean owns_weights;
  DecoderCpu *decoder;
  GArray *logits; /* of float */
  SamplingParams sampling;
  guint32 vocab;
} CpuDevice;

static void
cpu_close(LiveDevice *base)
{
  CpuDevice *self = (CpuDevice *)base;

  cpu_copies_free(self->copies);
  if (self->owns_weights)
    g_free(self->weights);
  decoder_cpu_free(self->decoder);
  g_array_unref(self->logits);
  g_free(self);
}

static gboolean
set_geometry(CpuDevice *self, const DeviceSetup *setup, GError **error)
{
  const Model *model = setup->decoder->model;
  KvLayout layout;

  self->geometry = kv_geometry_of_model(model, setup->kv_form, setup->block_size,
                                        setup->num_device_blocks, sizeof(float));
  if (kv_geometry_layout(&self->geometry, &layout))
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
  return budget_check_host(&budget, setup->num_host_blocks + setup->num_through_blocks,
                           kv_geometry_block_bytes(&self->geometry), host_memory_available_bytes(),
                           error);
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
  self->by_layer = setup->overlap_within_step && setup->kv_form == KV_BY_LAYER;
  self->logits = g_array_new(FALSE, FALSE, sizeof(float));
  if (!set_geometry(self, setup, error) || !check_memory(self, setup, error) ||
      (self->copies = cpu_copies_new(setup, &self->geometry, error)) == NULL ||
      !take_weights(self, setup, error)) {
    cpu_close(&self->base);
    return NULL;
  }
  self->decoder =
      decoder_cpu_new(setup->decoder, setup->layout, self->weights, setup->max_model_len);
  return &self->base;
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
copy_all(CpuDevice *self, const StepPlan *plan, gint64 *since_ns, DeviceTimes *times, GError **error)
{
  cpu_copies_out(self->copies, plan->copies_out);
  if (plan->copies_out->len > 0)
    times->component_ns[COST_SWAP_OUT] = elapsed_ns(since_ns);
  if (!cpu_copies_in(self->copies, plan->copies_in, error))
    return FALSE;
  if (plan->copies_in->len > 0)
    times->component_ns[COST_SWAP_IN] = elapsed_ns(since_ns);
  return TRUE;
}

static gboolean
cpu_run(LiveDevice *base, const StepPlan *plan, gint32 *sampled, DeviceTimes *times, GError **error)
{
  CpuDevice *self = (CpuDevice *)base;
  gint64 start_ns = live_worked_ns(), since_ns = start_ns;
  gboolean by_layer = self->by_layer && step_plan_rows(plan) > 0 &&
                      plan->copies_out->len + plan->copies_in->len > 0;

  *times = (DeviceTimes){0};
  if (by_layer)
    cpu_copies_begin_layers(self->copies, plan);
  else if (!copy_all(self, plan, &since_ns, times, error))
    return FALSE;
  if (step_plan_rows(plan) > 0) {
    if (!decoder_cpu_run(self->decoder, plan, &self->geometry, cpu_copies_pool(self->copies),
                         by_layer ? self->copies : NULL, self->logits, times, error))
      return FALSE;
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
cpu_begin_copies(LiveDevice *base, const StepPlan *plan, gint64 now_ps, gint64 *beside_ns,
                 GError **error)
{
  gint64 start_ns = live_worked_ns();
  gboolean ok = cpu_copies_begin(((CpuDevice *)base)->copies, plan, now_ps, error);

  *beside_ns = elapsed_ns(&start_ns);
  return ok;
}

static gboolean
cpu_end_copies(LiveDevice *base, gint64 now_ps, gboolean waits, CopiesEnded *ended, GError **error)
{
  return cpu_copies_end(((CpuDevice *)base)->copies, now_ps, waits, ended, error);
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
    .begin_copies = cpu_begin_copies,
    .end_copies = cpu_end_copies,
    .logits = cpu_logits,
    .close = cpu_close,
};
