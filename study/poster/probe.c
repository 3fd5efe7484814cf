/* Plans without a scheduler: one prefill of n tokens, then the copies of its blocks. The times are
 * the device's own, without what the host takes between steps, as the cost model's are. */
#include "probe.h"

#include "sim/units.h"

enum { TRIES = 3 };

typedef struct {
  LiveDevice *device;
  guint32 block_size;
  GArray *token_ids; /* of gint32 */
  StepPlan *prefill, *out, *in;
  GError **error;
} Probe;

static Settings *
settings_of(const PosterData *data, guint size, gboolean pageable, const PosterCompute *compute)
{
  const PosterReplay replay = {
      .policy = POSTER_SWAP, .block_size = poster_block_sizes[size], .swap_gib = POSTER_AMPLE_GIB};
  guint32 tokens = poster_lengths[data->longest - 1];
  g_autoptr(Settings) settings = poster_settings(data, &replay);
  g_autofree char *rows = g_strdup_printf("%u", tokens);
  g_autofree char *blocks = g_strdup_printf("%u", tokens / poster_block_sizes[size] + 1);

  settings_set(settings, "num-gpu-blocks", blocks, NULL);
  settings_set(settings, "max-num-batched-tokens", rows, NULL);
  settings_set(settings, "max-num-seqs", "1", NULL);
  settings_set(settings, "executor", compute->executor, NULL);
  if (pageable)
    settings_set(settings, "host-memory", "pageable", NULL);
  return g_steal_pointer(&settings);
}

static void
plan_prefill(const Probe *probe, guint32 tokens)
{
  StepPlan *plan = probe->prefill;
  const gint32 starts[] = {0, (gint32)tokens};
  const guint32 sequence = 0;
  const gint32 last = (gint32)tokens - 1;
  const float uniform = 0.5f;

  step_plan_clear(plan);
  g_array_append_vals(plan->token_ids, probe->token_ids->data, tokens);
  for (gint32 i = 0; i < starts[1]; i++) {
    gint64 slot = i;
    g_array_append_val(plan->positions, i);
    g_array_append_val(plan->slots, slot);
  }
  g_array_append_val(plan->requests, sequence);
  g_array_append_vals(plan->query_starts, starts, G_N_ELEMENTS(starts));
  g_array_append_val(plan->context_lens, starts[1]);
  plan->block_table_stride = tokens / probe->block_size;
  for (gint32 i = 0; i < (gint32)plan->block_table_stride; i++)
    g_array_append_val(plan->block_tables, i);
  g_array_append_val(plan->sample_rows, last);
  g_array_append_val(plan->sample_sequences, sequence);
  g_array_append_val(plan->uniforms, uniform);
}

static void
plan_copies(const Probe *probe, guint32 tokens)
{
  step_plan_clear(probe->out);
  step_plan_clear(probe->in);
  for (gint32 i = 0; i < (gint32)(tokens / probe->block_size); i++) {
    const BlockCopy copy = {.device_block = i, .host_block = i};
    g_array_append_val(probe->out->copies_out, copy);
    g_array_append_val(probe->in->copies_in, copy);
  }
}

/* The device's time of a plan. FALSE if it failed. */
static gboolean
run_plan(const Probe *probe, const StepPlan *plan, gint64 *time_ps)
{
  DeviceTimes times;
  gint32 sampled;

  *time_ps = 0;
  if (!probe->device->class->run(probe->device, plan, &sampled, &times, probe->error))
    return FALSE;
  for (guint c = 0; c < COST_COMPONENTS; c++)
    *time_ps += times.component_ns[c] * PS_PER_NS;
  return TRUE;
}

static gint64
middle(gint64 a, gint64 b, gint64 c)
{
  return MAX(MIN(a, b), MIN(MAX(a, b), c));
}

static gboolean
measure(const Probe *probe, guint32 tokens, CrossoverCost *cost)
{
  CrossoverCost tries[TRIES];

  plan_prefill(probe, tokens);
  plan_copies(probe, tokens);
  for (guint i = 0; i < TRIES; i++)
    if (!run_plan(probe, probe->prefill, &tries[i].recompute_ps) ||
        !run_plan(probe, probe->out, &tries[i].swap_out_ps) ||
        !run_plan(probe, probe->in, &tries[i].swap_in_ps))
      return FALSE;
  *cost = (CrossoverCost){
      .recompute_ps = middle(tries[0].recompute_ps, tries[1].recompute_ps, tries[2].recompute_ps),
      .swap_out_ps = middle(tries[0].swap_out_ps, tries[1].swap_out_ps, tries[2].swap_out_ps),
      .swap_in_ps = middle(tries[0].swap_in_ps, tries[1].swap_in_ps, tries[2].swap_in_ps),
  };
  return TRUE;
}

/* The shortest twice: what is slow at its first use is in the first. */
static gboolean
measure_all(const PosterData *data, const Probe *probe, CrossoverCost costs[POSTER_LENGTHS])
{
  if (!measure(probe, poster_lengths[0], &costs[0]))
    return FALSE;
  for (guint i = 0; i < data->longest; i++)
    if (!measure(probe, poster_lengths[i], &costs[i]))
      return FALSE;
  return TRUE;
}

gboolean
poster_probe(const PosterData *data, guint size, gboolean pageable, const PosterCompute *compute,
             CrossoverCost costs[POSTER_LENGTHS], GError **error)
{
  const PosterBurst one = {1, poster_lengths[data->longest - 1], 1};
  g_autoptr(Workload) workload = poster_burst_new(&one);
  g_autoptr(Settings) settings = settings_of(data, size, pageable, compute);
  g_autoptr(Scenario) scenario = scenario_new(settings, NULL, TRUE, error);
  g_autoptr(LiveSetup) live = NULL;
  g_autoptr(GArray) token_ids = g_array_sized_new(FALSE, TRUE, sizeof(gint32), one.prompt_tokens);
  g_autoptr(StepPlan) prefill = step_plan_new();
  g_autoptr(StepPlan) out = step_plan_new();
  g_autoptr(StepPlan) in = step_plan_new();

  if (scenario == NULL || (live = live_setup_new(scenario, settings, workload, compute->gpu,
                                                 compute->weights, error)) == NULL)
    return FALSE;
  g_array_set_size(token_ids, one.prompt_tokens);
  token_source_prompt(live->tokens, 0, (gint32 *)(gpointer)token_ids->data);
  const Probe probe = {.device = live->device,
                       .block_size = poster_block_sizes[size],
                       .token_ids = token_ids,
                       .prefill = prefill,
                       .out = out,
                       .in = in,
                       .error = error};
  return measure_all(data, &probe, costs);
}
