#include "config.h"

#include "executor_live.h"

#include "clock.h"
#include "sim/units.h"

struct LiveExecutor {
  Executor base; /* first */
  Observer observer;
  LiveExecutorConfig config;
  Planner *planner;
  StepPlan *plan;
  GArray *sampled; /* of gint32 */
};

static LiveExecutor *
of_observer(Observer *observer)
{
  return (LiveExecutor *)(gpointer)((char *)observer - G_STRUCT_OFFSET(LiveExecutor, observer));
}

/* The work of `tokens` tokens after `cached` ones, in FLOPs. */
static double
work_of(const Model *model, guint32 tokens, guint32 cached)
{
  return tokens * model_linear_flops_per_token(model) +
         model_attention_flops(model, tokens, cached);
}

/* The share of the step's FLOPs that computes KV again. By FLOPs, since the same step without those
 * tokens cannot be timed. */
static double
recomputed_share(const LiveExecutor *self, const Step *step)
{
  double all = 0, again = 0;

  for (guint i = 0; i < step->entries->len; i++) {
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
    all += work_of(self->config.model, entry->tokens, entry->cached_tokens);
    again += work_of(self->config.model, entry->recomputed_tokens, entry->cached_tokens);
  }
  return all > 0 ? again / all : 0;
}

/* All of it is measured; what no component claims is the host's. */
static void
tell_times(const LiveExecutor *self, const Step *step, const DeviceTimes *times, gint64 total_ns,
           StepTiming *timing)
{
  gint64 rest_ns = total_ns, computed_ns = 0;

  for (guint c = 0; c < COST_COMPONENTS; c++) {
    timing->cost.base_ps[c] = times->component_ns[c] * PS_PER_NS;
    rest_ns -= times->component_ns[c];
    if (c == COST_LINEAR || c == COST_ATTENTION || c == COST_ELEMENTWISE)
      computed_ns += times->component_ns[c];
  }
  timing->cost.base_ps[COST_HOST] += MAX(rest_ns, 0) * PS_PER_NS;
  timing->cost.steps = 1;
  for (guint c = 0; c < COST_COMPONENTS; c++)
    timing->cost.measured_ps[c] = timing->cost.base_ps[c];
  timing->first_ps = timing->elapsed_ps = MAX(total_ns, 1) * PS_PER_NS;
  timing->recompute_overhead_ps =
      (gint64)(recomputed_share(self, step) * (double)computed_ns) * PS_PER_NS;
}

static gboolean
run(Executor *base, const Step *step, const RepeatLimit *limit, StepTiming *timing, GError **error)
{
  LiveExecutor *self = (LiveExecutor *)base;
  const LiveDeviceClass *device = self->config.device->class;
  gint64 start_ns = live_clock_ns(device->clock), beside_ns = 0, total_ns;
  DeviceTimes times = {0};

  if (!planner_plan(self->planner, step, self->plan, error))
    return FALSE;
  if (self->plan->jobs->len > 0 &&
      !device->begin_copies(self->config.device, self->plan, limit->start_ps, &beside_ns, error))
    return FALSE;
  g_array_set_size(self->sampled, MAX(self->plan->sample_rows->len, 1));
  if (!device->run(self->config.device, self->plan, (gint32 *)(gpointer)self->sampled->data, &times,
                   error))
    return FALSE;
  planner_commit(self->planner, self->plan, (const gint32 *)(gconstpointer)self->sampled->data);
  total_ns = MAX(live_clock_ns(device->clock) - start_ns - times.first_time_ns - beside_ns,
                 times.total_ns);
  tell_times(self, step, &times, total_ns, timing);
  return TRUE;
}

static gboolean
end_copies(Executor *base, gint64 now_ps, gboolean waits, CopiesEnded *ended, GError **error)
{
  const LiveExecutor *self = (LiveExecutor *)base;
  RecordedCopies recorded = {.now_ps = now_ps, .waits = waits};

  if (!self->config.device->class->end_copies(self->config.device, now_ps, waits, ended, error))
    return FALSE;
  recorded.ended = *ended;
  if (self->config.copies_ended != NULL)
    g_array_append_val(self->config.copies_ended, recorded);
  return TRUE;
}

/* Ends the copies that are still under way, so that the next run finds the device idle. */
static void
end_all_copies(const LiveExecutor *self)
{
  LiveDevice *device = self->config.device;
  CopiesEnded ended;
  guint n;

  do {
    ended = (CopiesEnded){.waited_ps = 0};
    n = 0;
    if (!device->class->end_copies(device, G_MAXINT64 / 2, TRUE, &ended, NULL))
      return;
    for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++)
      n += ended.ended[d];
  } while (n > 0);
}

static void
on_request(Observer *observer, const RequestResult *result)
{
  planner_forget(of_observer(observer)->planner, result->request);
}

LiveExecutor *
live_executor_new(const LiveExecutorConfig *config)
{
  LiveExecutor *self = g_new0(LiveExecutor, 1);

  self->base.class = config->class;
  self->observer.request = on_request;
  self->config = *config;
  self->planner = planner_new(&config->planner);
  self->plan = step_plan_new();
  self->sampled = g_array_new(FALSE, FALSE, sizeof(gint32));
  return self;
}

static void
live_executor_free(Executor *base)
{
  LiveExecutor *self = (LiveExecutor *)base;

  if (self->config.device->class->end_copies != NULL)
    end_all_copies(self);
  planner_free(self->planner);
  step_plan_free(self->plan);
  g_array_unref(self->sampled);
  g_free(self);
}

Executor *
live_executor_base(LiveExecutor *self)
{
  return &self->base;
}

Observer *
live_executor_observer(LiveExecutor *self)
{
  return &self->observer;
}

const gint32 *
live_executor_output(const LiveExecutor *self, guint32 request, guint32 *n)
{
  return planner_output(self->planner, request, n);
}

const ExecutorClass executor_cpu = {
    .name = "cpu",
    .help = "computes a small model on the CPU, with a real paged KV cache and real copies",
    .tells_cost = TRUE,
    .needs_decodes = TRUE,
    .run = run,
    .end_copies = end_copies,
    .free = live_executor_free,
};

const ExecutorClass executor_gpu = {
    .name = "gpu",
    .help = "computes the model on the GPU (spillway live)",
    .tells_cost = TRUE,
    .needs_decodes = TRUE,
    .run = run,
    .end_copies = end_copies,
    .free = live_executor_free,
};
