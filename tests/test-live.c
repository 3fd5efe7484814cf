/* The proof of overflow handling: whatever the memory, the policy, the block size, the scheduler,
 * the chunking and the batch, each request gets the tokens that it gets alone.
 *
 * Over random scenarios, on tiny models of every kind, with the CPU device. Tokens are sampled at
 * temperature 1, so that a small mistake in the KV changes one soon. TEST_SCENARIOS sets how many
 * (default 1000).
 */
#include <stdlib.h>
#include <string.h>

#include "live/executor_live.h"
#include "live/random.h"
#include "sim/loop.h"
#include "sim/units.h"

static const char *const model_names[] = {"tiny-llama", "tiny-llama3", "tiny-yarn", "tiny-qwen2",
                                          "tiny-qwen3"};

typedef struct {
  DecoderConfig *decoder;
  WeightLayout *layout;
  WeightSource *weights;
} TestModel;

typedef struct {
  const TestModel *model;
  const SchedulerClass *class;
  SchedulerConfig config;
  gboolean async;
  KvForm kv_form;
  Workload *workload;
} Case;

/* What became of a run. */
typedef struct {
  Observer observer;  /* first */
  guint32 *finished;  /* tokens that each request got; 0: it did not finish */
  GPtrArray *outputs; /* of GArray of gint32 */
  RunOutcome outcome;
  guint64 swapped_blocks, hit_tokens, recomputed_tokens;
} Result;

static guint32
pick(GRand *rand, guint32 low, guint32 high)
{
  return (guint32)g_rand_int_range(rand, (gint32)low, (gint32)high + 1);
}

static gboolean
coin(GRand *rand)
{
  return g_rand_boolean(rand);
}

static TestModel
open_model(const char *name)
{
  g_autofree char *file = g_strdup_printf("%s.json", name);
  g_autofree char *path = g_test_build_filename(G_TEST_DIST, "models", file, NULL);
  g_autoptr(GError) error = NULL;
  TestModel model = {.decoder = decoder_config_read(path, name, &error)};

  g_assert_no_error(error);
  model.layout = weight_layout_new(model.decoder->model);
  model.weights = weights_random_new(7);
  return model;
}

static void
close_model(TestModel *model)
{
  weight_source_free(model->weights);
  weight_layout_free(model->layout);
  decoder_config_free(model->decoder);
}

static void
add_requests(Case *c, GRand *rand)
{
  guint32 n = pick(rand, 4, 16);
  guint32 longest = pick(rand, 2, 36), output = pick(rand, 12, 40);
  guint32 hash_tokens = pick(rand, 1, 10);
  gboolean hashed = coin(rand), burst = pick(rand, 0, 3) > 0;
  gint64 at_ps = 0;

  for (guint32 i = 0; i < n; i++) {
    guint64 hashes[64];
    Request request = {
        .prompt_tokens = pick(rand, 1, longest),
        .output_tokens = pick(rand, 1 + output / 2 * coin(rand), output),
    };
    guint64 family = pick(rand, 1, 2);
    at_ps += burst ? 0 : (gint64)pick(rand, 0, 300) * PS_PER_US;
    request.arrival_ps = at_ps;
    if (hashed) {
      request.hash_block_tokens = hash_tokens;
      request.hash_count = (request.prompt_tokens + hash_tokens - 1) / hash_tokens;
      for (guint32 j = 0; j < request.hash_count; j++)
        hashes[j] = j < 4 ? family * 1000 + j : (guint64)i * 1000000 + j;
    }
    workload_add(c->workload, &request, NULL, hashes);
  }
  g_assert_true(workload_seal(c->workload, NULL));
}

/* Pools so small that most scenarios overflow; a length limit beyond every request, so that none is
 * cut. */
static void
make_case(Case *c, const TestModel *models, guint32 seed)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  gboolean v1;

  memset(c, 0, sizeof *c);
  c->workload = workload_new();
  c->model = &models[pick(rand, 0, G_N_ELEMENTS(model_names) - 1)];
  c->class = scheduler_classes[pick(rand, 0, 2)];
  v1 = c->class == &scheduler_vllm_v1;
  c->config = (SchedulerConfig){
      .block_size = pick(rand, 1, coin(rand) ? 4 : 17),
      .num_cpu_blocks = pick(rand, 0, coin(rand) ? 20 : 200),
      .max_num_seqs = pick(rand, 3, 12),
      .max_num_batched_tokens = pick(rand, 12, coin(rand) ? 40 : 200),
      .max_model_len = 80,
      .block_manager = pick(rand, 1, 2),
      .watermark = v1 ? 0 : 0.01 * pick(rand, 0, 10),
      .chunked_prefill = coin(rand),
      .prefix_caching = v1 && coin(rand),
      .long_prefill_token_threshold = v1 && coin(rand) ? pick(rand, 1, 16) : 0,
      .overflow = coin(rand) ? &overflow_recompute : &overflow_swap,
      .victim = &victim_newest,
  };
  c->config.num_gpu_blocks = 3 + pick(rand, 76, 120) / c->config.block_size;
  c->async = v1 && coin(rand);
  c->kv_form = coin(rand) ? KV_BY_LAYER : KV_BY_BLOCK;
  add_requests(c, rand);
}

static LiveDevice *
open_device(const Case *c)
{
  const DeviceSetup setup = {
      .decoder = c->model->decoder,
      .layout = c->model->layout,
      .weights = c->model->weights,
      .block_size = c->config.block_size,
      .num_device_blocks = c->config.num_gpu_blocks,
      .num_host_blocks = c->config.num_cpu_blocks,
      .max_model_len = c->config.max_model_len + 1,
      .kv_form = c->kv_form,
      .sampling = {.temperature = 1, .top_p = 1},
  };
  g_autoptr(GError) error = NULL;
  LiveDevice *device = live_device_cpu.open(&setup, &error);

  g_assert_no_error(error);
  return device;
}

static void
on_step(Observer *observer, const StepReport *report)
{
  Result *r = (Result *)observer;

  r->swapped_blocks += report->step->copy_in_blocks;
  for (guint i = 0; i < report->step->hits->len; i++)
    r->hit_tokens += g_array_index(report->step->hits, StepHit, i).tokens;
}

static void
on_request(Observer *observer, const RequestResult *result)
{
  Result *r = (Result *)observer;

  if (result->status == STATUS_FINISHED)
    r->finished[result->request] = result->generated_tokens;
  r->recomputed_tokens += result->recomputed_tokens;
}

static void
run_case(const Case *c, Result *r)
{
  g_autoptr(Scheduler) scheduler = scheduler_new(c->class, &c->config, c->workload);
  g_autoptr(LiveDevice) device = open_device(c);
  g_autoptr(TokenSource) tokens =
      token_source_random(c->workload, c->model->decoder->model->vocab, 3);
  const LiveExecutorConfig config = {
      .class = &executor_cpu,
      .device = device,
      .model = c->model->decoder->model,
      .planner =
          {
              .workload = c->workload,
              .tokens = tokens,
              .seed = 5,
              .block_size = c->config.block_size,
              .num_device_blocks = c->config.num_gpu_blocks,
              .hidden_blocks = c->class->hidden_blocks,
              .num_host_blocks = c->config.num_cpu_blocks,
              .prefix_caching = c->config.prefix_caching,
          },
  };
  LiveExecutor *live = live_executor_new(&config);
  g_autoptr(Executor) executor = live_executor_base(live);
  Observer *const observers[] = {live_executor_observer(live), &r->observer};
  const Loop loop = {
      .workload = c->workload,
      .scheduler = scheduler,
      .executor = executor,
      .observers = observers,
      .n_observers = G_N_ELEMENTS(observers),
      .stride = TRUE,
      .async = c->async,
  };
  g_autoptr(GError) error = NULL;

  *r = (Result){
      .observer = {.step = on_step, .request = on_request},
      .finished = g_new0(guint32, workload_count(c->workload)),
      .outputs = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref),
  };
  g_assert_true(loop_run(&loop, &r->outcome, &error));
  g_assert_no_error(error);
  for (guint32 i = 0; i < workload_count(c->workload); i++) {
    guint32 n;
    const gint32 *output = live_executor_output(live, i, &n);
    GArray *copy = g_array_new(FALSE, FALSE, sizeof(gint32));
    g_array_append_vals(copy, output, n);
    g_ptr_array_add(r->outputs, copy);
  }
}

static void
result_clear(Result *r)
{
  g_free(r->finished);
  g_ptr_array_unref(r->outputs);
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
  guint64 key = random_key(5, RANDOM_SAMPLING);

  return random_unit_float(random_key(random_key(key, request), place));
}

/* The first n tokens that a request gets alone: its prompt in one step, then a token a step, or
 * with `from_scratch` everything again for every token. No scheduler, no planner. */
static void
check_alone(const Case *c, guint32 index, LiveDevice *device, const GArray *output,
            gboolean from_scratch, guint32 seed)
{
  guint32 prompt_tokens = workload_request(c->workload, index)->prompt_tokens;
  g_autoptr(TokenSource) tokens =
      token_source_random(c->workload, c->model->decoder->model->vocab, 3);
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
check_result(const Case *c, const Result *r, guint32 seed)
{
  Case alone = *c;
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
  const char *wanted = g_getenv("TEST_SCENARIOS");
  guint32 n = wanted != NULL ? (guint32)atoi(wanted) : 1000;
  TestModel models[G_N_ELEMENTS(model_names)];
  guint preempted = 0, swapped = 0, recomputed = 0, hit = 0, done = 0;
  guint64 tokens = 0;

  for (guint i = 0; i < G_N_ELEMENTS(model_names); i++)
    models[i] = open_model(model_names[i]);
  for (guint32 seed = 1; seed <= n; seed++) {
    Case c;
    Result r;
    make_case(&c, models, seed);
    run_case(&c, &r);
    tokens += check_result(&c, &r, seed);
    preempted += r.outcome.preemptions > 0;
    swapped += r.swapped_blocks > 0;
    recomputed += r.recomputed_tokens > 0;
    hit += r.hit_tokens > 0;
    done += r.outcome.end == RUN_DONE;
    result_clear(&r);
    workload_free(c.workload);
  }
  g_test_message("%u scenarios, %" G_GUINT64_FORMAT
                 " tokens: %u done, %u preempted, %u swapped in, "
                 "%u recomputed, %u with prefix hits",
                 n, tokens, done, preempted, swapped, recomputed, hit);
  g_assert_cmpuint(done, >, n / 2);
  g_assert_cmpuint(swapped, >, n / 10);
  g_assert_cmpuint(recomputed, >, n / 8);
  g_assert_cmpuint(hit, >, n / 20);
  for (guint i = 0; i < G_N_ELEMENTS(model_names); i++)
    close_model(&models[i]);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/live/same-tokens", test_same_tokens);
  return g_test_run();
}
