/* The proof of overflow handling: whatever the memory, the policy, the block size, the scheduler,
 * the chunking and the batch, each request gets the tokens that it gets alone.
 *
 * Over random scenarios, on tiny models of every kind, with the CPU device. Tokens are sampled at
 * temperature 1, so that a small mistake in the KV changes one soon. By default 1000
 * (tests/scenarios.h).
 */
#include "live/random.h"
#include "tests/live/live_cases.h"
#include "tests/scenarios.h"

static const char *const model_names[] = {"tiny-llama", "tiny-llama3", "tiny-yarn", "tiny-qwen2",
                                          "tiny-qwen3"};

static LiveDevice *
open_device(const LiveCase *c)
{
  const DeviceSetup setup = live_case_setup(c);
  g_autoptr(GError) error = NULL;
  LiveDevice *device = live_device_cpu.open(&setup, &error);

  g_assert_no_error(error);
  return device;
}

/* One sequence's rows `first` … end of the known tokens as a plan of their own, in the only block.
 */
static void
plan_by_hand(StepPlan *plan, guint32 request, const GArray *known, guint32 first, float uniform)
{
  const gint32 context = (gint32)known->len, rows = (gint32)(known->len - first), block = 0;
  const gint32 last_row = rows - 1;
  const guint32 sequence = 0;

  step_plan_clear(plan);
  for (guint32 i = first; i < known->len; i++) {
    const gint32 position = (gint32)i;
    const gint64 slot = i;
    g_array_append_val(plan->token_ids, g_array_index(known, gint32, i));
    g_array_append_val(plan->positions, position);
    g_array_append_val(plan->slots, slot);
  }
  g_array_append_val(plan->requests, request);
  g_array_append_val(plan->query_starts, rows);
  g_array_append_val(plan->context_lens, context);
  g_array_append_val(plan->block_tables, block);
  plan->block_table_stride = 1;
  g_array_append_val(plan->sample_rows, last_row);
  g_array_append_val(plan->sample_sequences, sequence);
  g_array_append_val(plan->uniforms, uniform);
}

static float
uniform_of(guint32 request, guint32 place)
{
  guint64 key = random_key(LIVE_SAMPLING_SEED, RANDOM_SAMPLING);

  return random_unit_float(random_key(random_key(key, request), place));
}

/* The first n tokens that a request gets alone: its prompt in one step, then a token a step, or
 * with `from_scratch` everything again for every token. No scheduler, no planner. */
static void
check_alone(const LiveCase *c, guint32 index, LiveDevice *device, const GArray *output,
            gboolean from_scratch, guint32 seed)
{
  guint32 prompt_tokens = workload_request(c->workload, index)->prompt_tokens;
  g_autoptr(TokenSource) tokens =
      token_source_random(c->workload, c->model->decoder->model->vocab, LIVE_TOKENS_SEED);
  g_autoptr(StepPlan) plan = step_plan_new();
  g_autoptr(GArray) known = g_array_new(FALSE, FALSE, sizeof(gint32));

  g_array_set_size(known, prompt_tokens);
  token_source_prompt(tokens, index, (gint32 *)(gpointer)known->data);
  for (guint32 i = 0; i < output->len; i++) {
    guint32 first = i == 0 || from_scratch ? 0 : known->len - 1;
    g_autoptr(GError) error = NULL;
    DeviceTimes times;
    gint32 token;
    plan_by_hand(plan, index, known, first, uniform_of(index, i));
    g_assert_true(live_device_cpu.run(device, plan, &token, &times, &error));
    g_assert_no_error(error);
    if (token != g_array_index(output, gint32, i))
      g_error("scenario %u: request %u: token %u is %d, alone it is %d", seed, index, i,
              g_array_index(output, gint32, i), token);
    g_array_append_val(known, token);
  }
}

/* Every token that any request got, finished or not, is the one that it gets alone. */
static guint64
check_result(const LiveCase *c, const LiveResult *r, guint32 seed)
{
  LiveCase alone = *c;
  g_autoptr(LiveDevice) device = NULL;
  guint64 tokens = 0;

  alone.config.block_size = 80;
  alone.config.num_gpu_blocks = 1;
  alone.config.num_cpu_blocks = 0;
  device = open_device(&alone);
  for (guint32 i = 0; i < workload_count(c->workload); i++) {
    const GArray *output = g_ptr_array_index(r->outputs, i);
    if (r->finished[i] > 0)
      g_assert_cmpuint(output->len, ==, r->finished[i]);
    check_alone(c, i, device, output, seed % 50 == 0, seed);
    tokens += output->len;
  }
  return tokens;
}

static void
test_same_tokens(void)
{
  const guint32 n = scenarios_wanted(1000), first = scenarios_first_seed();
  TestModel models[G_N_ELEMENTS(model_names)];
  guint preempted = 0, swapped = 0, recomputed = 0, hit = 0, done = 0;
  guint split = 0, partial = 0, shed = 0, by_layer = 0, starved = 0, ahead = 0;
  guint beside[COPY_DIRECTIONS] = {0};
  guint64 tokens = 0;

  for (guint i = 0; i < G_N_ELEMENTS(model_names); i++)
    models[i] = test_model_open(model_names[i]);
  for (guint32 seed = first; seed - first < n; seed++) {
    LiveCase c;
    LiveResult r;
    g_autoptr(LiveDevice) device = NULL;
    scenarios_begin(seed);
    live_case_make(&c, models, G_N_ELEMENTS(models), seed);
    device = open_device(&c);
    live_case_run(&c, device, &executor_cpu, &r);
    tokens += check_result(&c, &r, seed);
    preempted += r.outcome.preemptions > 0;
    swapped += r.swapped_blocks + r.beside[COPY_IN] > 0;
    by_layer += c.by_layer && r.swapped_blocks > 0;
    split += r.split > 0;
    partial += r.partial > 0;
    shed += r.shed > 0;
    starved += r.starved > 0;
    ahead += r.ahead > 0;
    for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++)
      beside[d] += r.beside[d] > 0;
    recomputed += r.recomputed_tokens > 0;
    hit += r.hit_tokens > 0;
    done += r.outcome.end == RUN_DONE;
    live_result_clear(&r);
    workload_free(c.workload);
  }
  g_test_message(
      "%u scenarios, %" G_GUINT64_FORMAT " tokens: %u done, %u preempted, %u swapped in, "
      "%u recomputed, %u with prefix hits, %u split, %u partial, %u shed later, "
      "%u swapped in layer by layer",
      n, tokens, done, preempted, swapped, recomputed, hit, split, partial, shed, by_layer);
  g_test_message("beside the steps: %u copied out, %u in, %u to the disk, %u from it, %u ahead of "
                 "need; in %u somebody waited for blocks",
                 beside[COPY_OUT], beside[COPY_IN], beside[COPY_TO_DISK], beside[COPY_FROM_DISK],
                 ahead, starved);
  if (n >= 200) { /* few need not show everything */
    g_assert_cmpuint(done, >, n / 2);
    g_assert_cmpuint(swapped, >, n / 10);
    g_assert_cmpuint(recomputed, >, n / 8);
    g_assert_cmpuint(hit, >, n / 20);
    g_assert_cmpuint(split, >, n / 50);
    g_assert_cmpuint(partial, >, n / 50);
    g_assert_cmpuint(by_layer, >, n / 200);
    g_assert_cmpuint(shed, >, n / 50);
  }
  for (guint i = 0; i < G_N_ELEMENTS(model_names); i++)
    test_model_close(&models[i]);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/live/same-tokens", test_same_tokens);
  return g_test_run();
}
