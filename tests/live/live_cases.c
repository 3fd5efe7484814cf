#include "live_cases.h"

#include <string.h>

#include "sim/units.h"

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

TestModel
test_model_open(const char *name)
{
  g_autofree char *file = g_strdup_printf("%s.json", name);
  g_autofree char *path = g_test_build_filename(G_TEST_DIST, "models", file, NULL);
  g_autoptr(GError) error = NULL;
  TestModel model = {.decoder = decoder_config_read(path, name, &error)};

  g_assert_no_error(error);
  model.layout = weight_layout_new(model.decoder->model);
  model.weights = weights_random_new(LIVE_WEIGHTS_SEED);
  return model;
}

void
test_model_close(TestModel *model)
{
  weight_source_free(model->weights);
  weight_layout_free(model->layout);
  decoder_config_free(model->decoder);
}

static void
add_requests(LiveCase *c, GRand *rand)
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

/* Any that can be carried out. */
static const OverflowPolicy *
any_overflow(GRand *rand)
{
  const OverflowPolicy *policy;
  guint32 n = 0;

  while (overflow_policies[n] != NULL)
    n++;
  do
    policy = overflow_policies[pick(rand, 0, n - 1)];
  while (policy->only_modelled);
  return policy;
}

static const VictimPolicy *
any_victim(GRand *rand)
{
  guint32 n = 0;

  while (victim_policies[n] != NULL)
    n++;
  return coin(rand) ? &victim_newest : victim_policies[pick(rand, 0, n - 1)];
}

/* Costs by which a victim of middling length is best split: each token costs more than the one
 * before, and copies the same. */
static void
step_cost(CostModel *self G_GNUC_UNUSED, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  for (guint32 i = 0; i < shape->n_prefills; i++) {
    const CostChunk *chunk = &shape->prefills[i];
    piece->base_ps[COST_ATTENTION] += chunk->tokens * (2 * chunk->cached_tokens + chunk->tokens);
  }
  piece->base_ps[COST_LINEAR] = 1;
  piece->steps = repeat;
}

static gint64
copy_cost(CostModel *self G_GNUC_UNUSED, CopyDirection direction G_GNUC_UNUSED, guint32 blocks)
{
  return 40 * (gint64)blocks;
}

static const CostModelClass live_case_costs = {
    .name = "test", .step = step_cost, .copy_ps = copy_cost};

/* Copies beside the steps, of any length: within a step, or over many. A small host has a disk
 * behind it, now and then. */
static void
pick_copies_beside(LiveCase *c, guint32 seed)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed ^ 0x636f7079u); /* the others stay as they are */
  SchedulerConfig *config = &c->config;

  if (!config->overflow->needs_host || (c->class->features & SCHEDULER_OVERLAPS_COPIES) == 0 ||
      pick(rand, 0, 3) == 0)
    return;
  config->overlap_copies = TRUE;
  c->copy_ns = coin(rand) ? 0 : (gint64)1 << pick(rand, 8, 24);
  if (config->victim->rank == NULL && (c->class->features & SCHEDULER_COPIES_AHEAD) && coin(rand))
    config->swap_ahead_blocks = pick(rand, 1, coin(rand) ? 8 : 60);
  if (coin(rand))
    return;
  config->num_disk_blocks = pick(rand, 1, coin(rand) ? 12 : 200);
  config->disk = (Disk){.queue_depth = 1, .latency_ps = {10, 10}, .transfer_ps = {50, 30}};
  config->num_cpu_blocks = pick(rand, 1, coin(rand) ? 4 : 24);
}

void
live_case_make(LiveCase *c, const TestModel *models, guint n_models, guint32 seed)
{
  static const SchedulerClass *const engines[] = {
      &scheduler_vllm_versions[SCHEDULER_VLLM_NEWEST - SCHEDULER_VLLM_OLDEST],
      &scheduler_vllm_v1,
      &scheduler_vllm_06,
      &scheduler_vllm_05,
  };
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  gboolean v1;

  memset(c, 0, sizeof *c);
  c->seed = seed;
  c->workload = workload_new();
  c->model = &models[pick(rand, 0, n_models - 1)];
  c->class = engines[pick(rand, 0, G_N_ELEMENTS(engines) - 1)];
  v1 = (c->class->features & SCHEDULER_HAS_PREFIX_CACHING) != 0;
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
      .named_blocks = TRUE,
      .long_prefill_token_threshold = v1 && coin(rand) ? pick(rand, 1, 16) : 0,
      .overflow = any_overflow(rand),
      .victim = any_victim(rand),
  };
  c->cost.class = &live_case_costs;
  c->config.cost = &c->cost;
  c->config.overflow_options = policy_fallbacks(&c->config.overflow->base);
  c->config.num_gpu_blocks = 3 + pick(rand, 76, 120) / c->config.block_size;
  c->config.async_scheduling = v1 && coin(rand);
  c->kv_form = coin(rand) ? KV_BY_LAYER : KV_BY_BLOCK;
  pick_copies_beside(c, seed);
  c->by_layer = !c->config.overlap_copies && c->kv_form == KV_BY_LAYER && seed % 4 < 3;
  add_requests(c, rand);
}

void
live_case_copy_within_steps(LiveCase *c)
{
  c->config.overlap_copies = FALSE;
  c->config.swap_ahead_blocks = c->config.num_disk_blocks = 0;
}

DeviceSetup
live_case_setup(const LiveCase *c)
{
  return (DeviceSetup){
      .decoder = c->model->decoder,
      .layout = c->model->layout,
      .weights = c->model->weights,
      .block_size = c->config.block_size,
      .num_device_blocks = c->config.num_gpu_blocks,
      .num_host_blocks = c->config.num_cpu_blocks,
      .max_rows = MAX(c->config.max_num_batched_tokens, c->config.max_num_seqs),
      .max_sequences = c->config.max_num_seqs,
      .max_model_len = c->config.max_model_len + 1,
      .kv_form = c->kv_form,
      .overlap_within_step = c->by_layer,
      .copies_beside = c->config.overlap_copies,
      .num_disk_blocks = c->config.num_disk_blocks,
      .num_through_blocks = planner_through_blocks(&c->config),
      .copy_ns = c->copy_ns,
      .sampling = {.temperature = 1, .top_p = 1},
  };
}

static void
count_copies(LiveResult *r, const Step *step)
{
  for (guint i = 0; i < step->copied->len; i++) {
    const StepCopy *copy = &g_array_index(step->copied, StepCopy, i);
    r->ahead += copy->is_ahead;
    r->beside[copy->direction] += copy->blocks;
  }
  r->starved += step->starved->len;
}

static void
on_step(Observer *observer, const StepReport *report)
{
  LiveResult *r = (LiveResult *)observer;

  count_copies(r, report->step);

  r->swapped_blocks += report->step->copy_in_blocks;
  r->shed += report->step->shed->len;
  for (guint i = 0; i < report->step->victims->len; i++) {
    OverflowAction action = g_array_index(report->step->victims, StepVictim, i).action;
    r->split += action == OVERFLOW_SPLIT;
    r->partial += action == OVERFLOW_PARTIAL;
  }
  for (guint i = 0; i < report->step->hits->len; i++)
    r->hit_tokens += g_array_index(report->step->hits, StepHit, i).tokens;
}

static void
on_request(Observer *observer, const RequestResult *result)
{
  LiveResult *r = (LiveResult *)observer;

  if (result->status == STATUS_FINISHED)
    r->finished[result->request] = result->generated_tokens;
  r->recomputed_tokens += result->recomputed_tokens;
}

void
live_case_run(const LiveCase *c, LiveDevice *device, const ExecutorClass *class, LiveResult *r)
{
  g_autoptr(Scheduler) scheduler = scheduler_new(c->class, &c->config, c->workload);
  g_autoptr(TokenSource) tokens =
      token_source_random(c->workload, c->model->decoder->model->vocab, LIVE_TOKENS_SEED);
  const LiveExecutorConfig config = {
      .class = class,
      .device = device,
      .model = c->model->decoder->model,
      .planner =
          {
              .workload = c->workload,
              .tokens = tokens,
              .seed = LIVE_SAMPLING_SEED,
              .block_size = c->config.block_size,
              .num_device_blocks = c->config.num_gpu_blocks,
              .hidden_blocks = c->class->hidden_blocks,
              .num_host_blocks = c->config.num_cpu_blocks,
              .num_disk_blocks = c->config.num_disk_blocks,
              .num_through_blocks = planner_through_blocks(&c->config),
              .prefix_caching = c->config.prefix_caching,
          },
  };
  LiveExecutor *live = live_executor_new(&config);
  g_autoptr(Executor) executor = live_executor_base(live);
  g_autoptr(Client) client = client_trace_new(c->workload);
  Observer *const observers[] = {live_executor_observer(live), &r->observer};
  const LoopInstance instance = {.scheduler = scheduler, .executor = executor};
  const Loop loop = {
      .client = client,
      .instances = &instance,
      .n_instances = 1,
      .observers = observers,
      .n_observers = G_N_ELEMENTS(observers),
      .stride = TRUE,
  };
  g_autoptr(GError) error = NULL;

  *r = (LiveResult){
      .observer = {.step = on_step, .request = on_request},
      .finished = g_new0(guint32, workload_count(c->workload)),
      .outputs = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref),
  };
  if (!loop_run(&loop, &r->outcome, &error))
    g_error("scenario %u: %s", c->seed, error->message);
  for (guint32 i = 0; i < workload_count(c->workload); i++) {
    guint32 n;
    const gint32 *output = live_executor_output(live, i, &n);
    GArray *copy = g_array_new(FALSE, FALSE, sizeof(gint32));
    g_array_append_vals(copy, output, n);
    g_ptr_array_add(r->outputs, copy);
  }
}

void
live_result_clear(LiveResult *r)
{
  g_free(r->finished);
  g_ptr_array_unref(r->outputs);
}
