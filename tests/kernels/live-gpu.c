/* The GPU's device against the CPU's: random scenarios that overflow, each plan run on both, and
 * the logits of every sampled row compared. The CPU's tokens go on, so that both stay together.
 *
 * Built twice: for a GPU, and with the emulator in CUDA's place.
 */
#include "config.h"

#include <cuda_runtime_api.h>
#include <math.h>

#include "tests/live/live_cases.h"
#include "tests/scenarios.h"

static const char *const model_names[] = {"tiny-gpu", "tiny-gpu-qwen2", "tiny-gpu-qwen3"};

/* Runs every plan on two devices. */
typedef struct {
  LiveDevice base;
  LiveDevice *cpu, *gpu;
  SamplingParams sampling;
  guint32 vocab;
  guint64 rows;
  guint jobs;        /* beside the steps */
  double worst, sum; /* relative difference of a row's logits */
} Pair;

static double
row_difference(const float *expected, const float *found, guint32 n)
{
  double difference = 0, length = 0;

  for (guint32 i = 0; i < n; i++) {
    difference += ((double)expected[i] - found[i]) * ((double)expected[i] - found[i]);
    length += (double)expected[i] * expected[i];
  }
  return sqrt(difference / length);
}

/* The GPU's tokens are those that the reference draws from the GPU's own logits. */
static void
check_sampling(const Pair *pair, const StepPlan *plan, const GArray *logits, const gint32 *sampled)
{
  guint n = plan->sample_rows->len;
  g_autofree gint32 *expected = g_new(gint32, n);

  sample_reference((const float *)(gconstpointer)logits->data, n, pair->vocab, pair->vocab,
                   &pair->sampling, (const float *)(gconstpointer)plan->uniforms->data, expected);
  for (guint i = 0; i < n; i++)
    g_assert_cmpint(sampled[i], ==, expected[i]);
}

static gboolean
pair_run(LiveDevice *base, const StepPlan *plan, gint32 *sampled, DeviceTimes *times,
         GError **error)
{
  Pair *pair = (Pair *)base;
  g_autoptr(GArray) expected = g_array_new(FALSE, FALSE, sizeof(float));
  g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(float));
  guint n = plan->sample_rows->len;
  g_autofree gint32 *gpu_sampled = g_new(gint32, MAX(n, 1));

  if (!pair->gpu->class->run(pair->gpu, plan, gpu_sampled, times, error) ||
      !pair->cpu->class->run(pair->cpu, plan, sampled, times, error))
    return FALSE;
  if (n == 0)
    return TRUE;
  g_assert_true(pair->cpu->class->logits(pair->cpu, expected));
  g_assert_true(pair->gpu->class->logits(pair->gpu, found));
  g_assert_cmpuint(found->len, ==, n * pair->vocab);
  check_sampling(pair, plan, found, gpu_sampled);
  for (guint i = 0; i < n; i++) {
    double difference = row_difference(&g_array_index(expected, float, i * pair->vocab),
                                       &g_array_index(found, float, i * pair->vocab), pair->vocab);
    g_assert_true(isfinite(difference));
    pair->worst = MAX(pair->worst, difference);
    pair->sum += difference;
    pair->rows++;
  }
  return TRUE;
}

/* When a copy has ended is the GPU's to say; the CPU's are over at once, which nobody may notice.
 */
static gboolean
pair_begin_copies(LiveDevice *base, const StepPlan *plan, gint64 now_ps, gint64 *beside_ns,
                  GError **error)
{
  Pair *pair = (Pair *)base;
  CopiesEnded ended = {.waited_ps = 0};

  if (!pair->cpu->class->begin_copies(pair->cpu, plan, now_ps, beside_ns, error) ||
      !pair->cpu->class->end_copies(pair->cpu, G_MAXINT64 / 2, FALSE, &ended, error))
    return FALSE;
  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++)
    pair->jobs += ended.ended[d];
  return pair->gpu->class->begin_copies(pair->gpu, plan, now_ps, beside_ns, error);
}

static gboolean
pair_end_copies(LiveDevice *base, gint64 now_ps, gboolean waits, CopiesEnded *ended, GError **error)
{
  const Pair *pair = (const Pair *)base;

  return pair->gpu->class->end_copies(pair->gpu, now_ps, waits, ended, error);
}

static const LiveDeviceClass pair_class = {.name = "pair",
                                           .clock = CLOCK_MONOTONIC,
                                           .run = pair_run,
                                           .begin_copies = pair_begin_copies,
                                           .end_copies = pair_end_copies};

/* Contexts so long that attention cuts them among thread blocks. */
static void
make_long(LiveCase *c, guint32 seed)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);

  workload_free(c->workload);
  c->workload = workload_new();
  for (guint i = 0; i < 5; i++) {
    const Request request = {
        .prompt_tokens = (guint32)g_rand_int_range(rand, i < 2 ? 150 : 1, i < 2 ? 300 : 40),
        .output_tokens = (guint32)g_rand_int_range(rand, 4, 12),
    };
    workload_add(c->workload, &request, NULL, NULL);
  }
  g_assert_true(workload_seal(c->workload, NULL));
  c->config.block_size = 16;
  c->config.max_model_len = 320;
  c->config.max_num_batched_tokens = 320;
  c->config.num_gpu_blocks = 3 + 320 / 16 + seed % 8;
}

static gboolean
run_case(const LiveCase *c, guint32 seed, Pair *total)
{
  DeviceSetup setup = live_case_setup(c);
  g_autoptr(LiveDevice) cpu = NULL;
  g_autoptr(LiveDevice) gpu = NULL;
  g_autoptr(GError) error = NULL;
  Pair pair = {.base.class = &pair_class, .vocab = c->model->decoder->model->vocab};
  LiveResult result;
  gboolean swapped;

  setup.sampling = (SamplingParams){
      .temperature = seed % 7 == 0 ? 0 : 1,
      .top_k = seed % 3 == 0 ? 20 : 0,
      .top_p = seed % 4 == 0 ? 0.9f : 1,
  };
  pair.sampling = setup.sampling;
  setup.copy_method = (CopyMethod)(seed % 3);
  setup.overlap_within_step = seed / 3 % 2 == 0 && !c->config.overlap_copies;
  setup.pageable_host = setup.copy_method != COPY_METHOD_KERNEL && seed % 5 == 0;
  pair.cpu = cpu = live_device_cpu.open(&setup, &error);
  g_assert_no_error(error);
  pair.gpu = gpu = live_device_gpu.open(&setup, &error);
  g_assert_no_error(error);
  live_case_run(c, &pair.base, &executor_gpu, &result);
  if (pair.worst > 0.1)
    g_error("scenario %u: a row's logits are off by %.3f", seed, pair.worst);
  total->rows += pair.rows;
  total->jobs += pair.jobs;
  total->sum += pair.sum;
  total->worst = MAX(total->worst, pair.worst);
  swapped = result.swapped_blocks > 0;
  live_result_clear(&result);
  return swapped;
}

static void
test_same_logits(void)
{
  const guint32 n = scenarios_wanted(6);
  TestModel models[G_N_ELEMENTS(model_names)];
  Pair total = {.rows = 0};
  guint swapped = 0;
  int devices = 0;

  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    g_test_skip("there is no GPU");
    return;
  }
  for (guint i = 0; i < G_N_ELEMENTS(model_names); i++)
    models[i] = test_model_open(model_names[i]);
  for (guint32 seed = scenarios_first_seed(), done = 0; done < n; seed++) {
    LiveCase c;
    scenarios_begin(seed);
    live_case_make(&c, models, G_N_ELEMENTS(models), seed);
    if (c.config.overflow->needs_host && c.config.num_cpu_blocks > 0) {
      done++;
      if (seed % 4 == 1)
        make_long(&c, seed);
      swapped += run_case(&c, seed, &total);
    }
    workload_free(c.workload);
  }
  g_test_message("%u scenarios, %u with swaps, %u copies beside steps, %" G_GUINT64_FORMAT
                 " rows: logits off by %.4f on average, %.4f at most",
                 n, swapped, total.jobs, total.rows, total.sum / (double)MAX(total.rows, 1),
                 total.worst);
  g_assert_cmpfloat(total.sum, <, 0.02 * (double)total.rows);
  g_assert_true((swapped > 0 && total.jobs > 0) || !scenarios_are_usual());
  for (guint i = 0; i < G_N_ELEMENTS(model_names); i++)
    test_model_close(&models[i]);
}

/* Sequence `index` with its own tokens: all of its prompt, or the one token after it. Its blocks
 * are those from index * BLOCKS on. */
enum { BLOCKS = 12, BLOCK_TOKENS = 16, SEQUENCES = 5 };

static void
add_sequence(StepPlan *plan, guint32 index, gboolean decode)
{
  const gint32 prompt = 3 + 37 * (gint32)index, context = prompt + (decode ? 1 : 0);
  const float uniform = 0.5f;
  gint32 rows, last;

  for (gint32 position = decode ? prompt : 0; position < context; position++) {
    const gint32 token = (7 * position + 11 * (gint32)index) % 60;
    const gint64 slot = (gint64)index * BLOCKS * BLOCK_TOKENS + position;
    g_array_append_val(plan->token_ids, token);
    g_array_append_val(plan->positions, position);
    g_array_append_val(plan->slots, slot);
  }
  rows = (gint32)plan->token_ids->len;
  last = rows - 1;
  for (gint32 i = 0; i < BLOCKS; i++) {
    const gint32 block = (gint32)index * BLOCKS + i;
    g_array_append_val(plan->block_tables, block);
  }
  plan->block_table_stride = BLOCKS;
  g_array_append_val(plan->sample_sequences, plan->requests->len);
  g_array_append_val(plan->requests, index);
  g_array_append_val(plan->query_starts, rows);
  g_array_append_val(plan->context_lens, context);
  g_array_append_val(plan->sample_rows, last);
  g_array_append_val(plan->uniforms, uniform);
}

/* The logits of sequences first … end, of their prompts or of the token after. */
static GArray *
logits_of(LiveDevice *gpu, guint32 first, guint32 end, gboolean decode)
{
  g_autoptr(StepPlan) plan = step_plan_new();
  GArray *logits = g_array_new(FALSE, FALSE, sizeof(float));
  g_autoptr(GError) error = NULL;
  gint32 sampled[SEQUENCES];
  DeviceTimes times;

  for (guint32 i = first; i < end; i++)
    add_sequence(plan, i, decode);
  g_assert_true(gpu->class->run(gpu, plan, sampled, &times, &error));
  g_assert_no_error(error);
  g_assert_true(gpu->class->logits(gpu, logits));
  return logits;
}

/* Prompts and the tokens after them, all sequences in one step and each in a step of its own. */
static void
test_alone(void)
{
  TestModel model;
  LiveCase c = {.model = &model};
  g_autoptr(LiveDevice) gpu = NULL;
  g_autoptr(GError) error = NULL;
  DeviceSetup setup;
  double worst = 0;
  int devices = 0;

  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    g_test_skip("there is no GPU");
    return;
  }
  model = test_model_open("tiny-gpu");
  c.config = (SchedulerConfig){.block_size = BLOCK_TOKENS,
                               .num_gpu_blocks = SEQUENCES * BLOCKS,
                               .max_num_seqs = SEQUENCES,
                               .max_num_batched_tokens = 512,
                               .max_model_len = BLOCKS * BLOCK_TOKENS};
  setup = live_case_setup(&c);
  gpu = live_device_gpu.open(&setup, &error);
  g_assert_no_error(error);
  for (guint decode = 0; decode < 2; decode++) {
    g_autoptr(GArray) together = logits_of(gpu, 0, SEQUENCES, decode == 1);
    guint vocab = together->len / SEQUENCES;
    for (guint32 i = 0; i < SEQUENCES; i++) {
      g_autoptr(GArray) alone = logits_of(gpu, i, i + 1, decode == 1);
      worst = MAX(worst, row_difference((const float *)(gconstpointer)alone->data,
                                        &g_array_index(together, float, i *vocab), vocab));
    }
  }
  g_test_message("logits alone and in a batch differ by %.4f at most", worst);
  g_assert_cmpfloat(worst, <, 0.02);
  g_clear_pointer(&gpu, live_device_close);
  test_model_close(&model);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/live-gpu/same-logits", test_same_logits);
  g_test_add_func("/live-gpu/alone", test_alone);
  return g_test_run();
}
