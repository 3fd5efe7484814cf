#include "random_case.h"

#include <string.h>

#include "sim/layerwise.h"
#include "sim/policies/price.h"
#include "sim/units.h"

static void
random_cost_step(CostModel *base, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  RandomCost *self = (RandomCost *)base;

  for (guint32 i = 0; i < shape->n_prefills; i++)
    piece->base_ps[COST_LINEAR] += self->token_ps * shape->prefills[i].tokens;
  piece->base_ps[COST_ATTENTION] = self->context_ps * (gint64)shape->contexts.sum;
  for (guint32 i = 0; i < shape->contexts.n_windows; i++)
    piece->base_ps[COST_ATTENTION] += self->window_ps[i] * (gint64)shape->contexts.visible[i];
  piece->base_ps[COST_HOST] = self->step_ps + self->sequence_ps * shape->sequences;
  piece->base_ps[COST_SWAP_OUT] = self->block_ps * shape->copy_out_blocks;
  piece->base_ps[COST_SWAP_IN] = self->block_ps * shape->copy_in_blocks;
  if (base->copy_stages > 0)
    layerwise_overlap(base, shape, piece);
  piece->growth_ps = self->context_ps * shape->contexts.count;
  for (guint32 i = 0; i < shape->contexts.n_windows; i++)
    piece->growth_ps += self->window_ps[i] * shape->contexts.growing[i];
  piece->steps = MIN(repeat, self->longest_piece);
}

static gint64
random_cost_copy(CostModel *base, CopyDirection direction G_GNUC_UNUSED, guint32 blocks)
{
  return ((RandomCost *)base)->block_ps * blocks;
}

/* A part is a launch that copies nothing, and its share. */
static double
random_cost_layer_copy(CostModel *base, CopyDirection direction G_GNUC_UNUSED, guint32 blocks)
{
  return 1000 + (double)((RandomCost *)base)->block_ps * blocks / base->copy_stages;
}

static CopyContention
random_cost_contention(const CostModel *base, CopyDirection direction, gboolean prefills)
{
  const RandomCost *self = (const RandomCost *)base;

  return (CopyContention){.step = self->slow[direction] * (prefills ? 2 : 1),
                          .copy = self->slow[direction] / 2};
}

static gboolean
random_cost_rises(CostModel *base G_GNUC_UNUSED, guint64 tokens G_GNUC_UNUSED)
{
  return TRUE;
}

static void
random_cost_free(CostModel *base G_GNUC_UNUSED)
{
}

const CostModelClass random_cost_class = {
    .name = "random",
    .step = random_cost_step,
    .copy_ps = random_cost_copy,
    .layer_copy_ps = random_cost_layer_copy,
    .contention = random_cost_contention,
    .rises = random_cost_rises,
    .free = random_cost_free,
};

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

static void
add_requests(RandomCase *c, GRand *rand, guint32 seed)
{
  g_autoptr(GRand) turns =
      g_rand_new_with_seed(seed ^ 0x7475726eu); /* the others stay as they are */
  gboolean sessions = pick(turns, 0, 3) == 0;
  guint32 n = pick(rand, 1, 40);
  guint32 longest = pick(rand, 1, 300), output = pick(rand, 1, 120);
  guint32 hash_tokens = pick(rand, 1, 24);
  gboolean hashed = coin(rand), burst = coin(rand), limited = coin(rand);
  gint64 gap_ps = (gint64)pick(rand, 1, 4000) * (PS_PER_S / 1000);
  gint64 at_ps = 0;

  for (guint32 i = 0; i < n; i++) {
    guint64 hashes[400];
    Request request = {
        .prompt_tokens = pick(rand, 1, longest),
        .output_tokens = pick(rand, 1, output),
    };
    guint64 family = pick(rand, 1, 3);
    if (limited)
      request.max_tokens = request.output_tokens + pick(rand, 0, 60);
    at_ps += burst ? 0 : (gint64)((double)gap_ps * g_rand_double(rand));
    request.arrival_ps = at_ps;
    if (hashed) {
      request.hash_block_tokens = hash_tokens;
      request.hash_count = (request.prompt_tokens + hash_tokens - 1) / hash_tokens;
      for (guint32 j = 0; j < request.hash_count; j++)
        hashes[j] = j < 5 ? family * 1000 + j : (guint64)i * 1000000 + j;
    }
    workload_add(c->workload, &request, NULL, hashes);
    if (sessions && i > 0 && coin(turns))
      g_assert_true(workload_set_turn(c->workload, pick(turns, 0, i - 1),
                                      coin(turns) ? 0 : pick(turns, 0, 5000) * (PS_PER_S / 1000)));
  }
  g_assert_true(workload_seal(c->workload, NULL));
}

static const VictimPolicy *
any_victim(GRand *rand)
{
  guint32 n = 0;

  while (victim_policies[n] != NULL)
    n++;
  return victim_policies[pick(rand, 0, n - 1)];
}

static const OverflowPolicy *
any_overflow(GRand *rand)
{
  guint32 n = 0;

  while (overflow_policies[n] != NULL)
    n++;
  return overflow_policies[pick(rand, 0, n - 1)];
}

static const AdmissionPolicy *
any_admission(GRand *rand)
{
  guint32 n = 0;

  while (admission_policies[n] != NULL)
    n++;
  return admission_policies[pick(rand, 0, n - 1)];
}

/* The newest, any version of vLLM, or any set of rules: each as often. */
static const SchedulerClass *
any_class(GRand *rand)
{
  guint32 n = 0, kind = pick(rand, 0, 2);

  if (kind == 0)
    return scheduler_classes[0];
  if (kind == 1)
    return &scheduler_vllm_versions[pick(rand, 0, SCHEDULER_VLLM_NEWEST - SCHEDULER_VLLM_OLDEST)];
  while (scheduler_classes[n] != NULL)
    n++;
  return scheduler_classes[pick(rand, 0, n - 1)];
}

/* TRUE half of the time, for an engine that has the feature. */
static gboolean
may(const RandomCase *c, GRand *rand, SchedulerFeatures feature)
{
  return (c->class->features & feature) != 0 && coin(rand);
}

/* Of its own options: the fallbacks, or anything in their range, small numbers rather than large.
 */
static PolicyValues
any_values(GRand *rand, const Policy *policy)
{
  PolicyValues values = policy_fallbacks(policy);

  for (guint i = 0; policy->options[i].name != NULL && coin(rand); i++) {
    const PolicyOption *option = &policy->options[i];
    double most = MIN(option->max, option->whole ? 30 : 4 * option->fallback + 1);
    values.of[i] = option->whole ? pick(rand, (guint32)option->min, (guint32)most)
                                 : g_rand_double_range(rand, option->min, most);
  }
  return values;
}

/* By the seed alone: the others stay as they are. */
static void
pick_router(RandomCase *c, guint32 seed)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed ^ 0x707e5);
  guint n = 0;

  c->n_servers = 1;
  if (pick(rand, 0, 3) == 0)
    return;
  while (router_policies[n] != NULL)
    n++;
  do
    c->router = router_policies[pick(rand, 0, n - 1)];
  while (c->router->choose == NULL);
  c->router_options = any_values(rand, &c->router->base);
  c->router_interval_ps = coin(rand) ? 0 : pick(rand, 1, coin(rand) ? 50 : 5000) * PS_PER_US * 1000;
  if (!c->routed || c->n_instances == 1 || coin(rand))
    return;
  c->n_instances = coin(rand) ? c->n_instances : 4;
  c->n_servers = c->n_instances == 4 && coin(rand) ? 2 : c->n_instances;
  if (coin(rand))
    c->front_end = (FrontEnd){pick(rand, 0, 3000) * PS_PER_US, pick(rand, 0, 3000) * PS_PER_US};
}

/* SGLang's settings, and those of other engines with an order of victims of their own. */
static void
pick_own_settings(RandomCase *c, GRand *rand)
{
  SchedulerConfig *config = &c->config;

  if (!(c->class->features & SCHEDULER_OWN_VICTIMS))
    return;
  if (coin(rand))
    config->victim = &victim_engine;
  config->capacity_policy = (CapacityPolicy)pick(rand, 0, 2);
  config->chunking_policy = (ChunkingPolicy)pick(rand, 0, 1);
  if (!(c->class->features & SCHEDULER_IS_SGLANG))
    return;
  config->max_num_batched_tokens = G_MAXINT32;
  config->prefix_caching = coin(rand);
  config->async_scheduling = coin(rand);
  config->chunked_prefill_size = coin(rand) ? 0 : pick(rand, 1, 4) * config->block_size;
  config->max_prefill_tokens = pick(rand, 1, 600);
  config->schedule_conservativeness = g_rand_double_range(rand, 0, pick(rand, 0, 4) > 0 ? 0.02 : 2);
  config->mixed_chunk = pick(rand, 0, 3) == 0 && config->chunked_prefill_size > 0;
  config->ignore_eos = pick(rand, 0, 3) == 0;
}

/* Layers of a few kinds, where the engine counts their groups. */
static void
pick_groups(RandomCase *c, GRand *rand)
{
  KvGroups *groups = &c->config.kv_groups;
  guint n = pick(rand, 1, 3);

  if ((c->class->features & SCHEDULER_HAS_KV_GROUPS) == 0 || c->config.num_offload_blocks > 0 ||
      coin(rand))
    return;
  for (guint i = 0; i < n; i++) {
    KvGroupKind *kind = &groups->kinds[i];
    *kind = (KvGroupKind){
        .kind = (KvKind)pick(rand, KV_WHOLE, KV_STATE),
        .groups = pick(rand, 1, 3),
        .block_tokens = c->config.block_size * pick(rand, 1, 2),
    };
    if (kind->kind == KV_WINDOW || kind->kind == KV_CHUNKS)
      kind->window = pick(rand, 1, coin(rand) ? 9 : 200);
    groups->n_groups += kind->groups;
  }
  groups->n_kinds = n;
  if (c->config.prefix_caching && !kv_groups_keep_states(groups))
    c->config.prefix_caching = FALSE;
  groups->inner_states = c->config.prefix_caching && groups->n_groups % 2 == 0;
  c->config.named_blocks = FALSE;
}

/* SGLang's second pool, by the seed alone: the others stay as they are. */
static void
pick_window_pool(RandomCase *c, guint32 seed)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed ^ 0x77696e64u);

  if (!(c->class->features & SCHEDULER_IS_SGLANG) || coin(rand))
    return;
  c->config.window_pool = (WindowPoolConfig){
      .tokens = pick(rand, 1, coin(rand) ? 12 : 150),
      .interval = pick(rand, 1, coin(rand) ? 5 : 128),
  };
  c->config.window_pool.blocks =
      c->config.window_pool.tokens / c->config.block_size + pick(rand, 2, c->config.num_gpu_blocks);
}

void
random_case_make(RandomCase *c, guint32 seed, const SchedulerClass *class)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  gboolean version_0;

  memset(c, 0, sizeof *c);
  c->workload = workload_new();
  c->class = any_class(rand);
  if (class != NULL)
    c->class = class;
  c->executor = pick(rand, 0, 3) == 0 ? &executor_unit : &executor_model;
  version_0 = (c->class->features & SCHEDULER_HAS_BLOCK_MANAGER) != 0;
  c->config = (SchedulerConfig){
      .block_size = pick(rand, 1, coin(rand) ? 4 : 32),
      .num_gpu_blocks = pick(rand, 2, coin(rand) ? 30 : 200),
      .num_cpu_blocks = pick(rand, 0, coin(rand) ? 20 : 400),
      .max_num_seqs = pick(rand, 1, 24),
      .max_num_batched_tokens = pick(rand, 8, coin(rand) ? 40 : 600),
      .max_model_len = pick(rand, 2, 400),
      .block_manager = pick(rand, 1, 2),
      .watermark =
          version_0 || may(c, rand, SCHEDULER_HAS_WATERMARK) ? 0.01 * pick(rand, 0, 10) : 0,
      .chunked_prefill = coin(rand),
      .prefix_caching = may(c, rand, SCHEDULER_HAS_PREFIX_CACHING),
      .named_blocks = coin(rand),
      .async_scheduling = may(c, rand, SCHEDULER_HAS_ASYNC),
      .reserve_full_isl = may(c, rand, SCHEDULER_HAS_RESERVE_FULL_ISL),
      .max_num_active_seqs = may(c, rand, SCHEDULER_HAS_ACTIVE_SEQS) ? pick(rand, 1, 24) : 0,
      .prefill_schedule_interval =
          may(c, rand, SCHEDULER_HAS_PREFILL_INTERVAL) ? pick(rand, 1, 6) : 1,
      .long_prefill_token_threshold =
          may(c, rand, SCHEDULER_HAS_LONG_PREFILL) ? pick(rand, 1, 64) : 0,
      .overflow = any_overflow(rand),
      .victim = any_victim(rand),
      .admission = coin(rand) ? &admission_engine : any_admission(rand),
      .cost = &c->cost.base,
  };
  pick_own_settings(c, rand);
  if (c->config.prefix_caching && may(c, rand, SCHEDULER_HAS_OFFLOAD)) {
    c->config.overflow = &overflow_recompute;
    c->config.num_offload_blocks = pick(rand, 1, coin(rand) ? 20 : 300);
  }
  c->config.offload_prompt_only = coin(rand);
  if (c->config.num_offload_blocks > 0 && c->config.named_blocks) {
    c->config.offload_policy = coin(rand) ? TIER_LRU : TIER_ARC;
    c->config.offload_store_threshold = coin(rand) ? 0 : pick(rand, 1, 3);
  }
  c->unit_copy_steps = pick(rand, 0, 5);
  c->config.overflow_options = any_values(rand, &c->config.overflow->base);
  c->config.admission_options = any_values(rand, &c->config.admission->base);
  c->config.victim_options = any_values(rand, &c->config.victim->base);
  c->cost = (RandomCost){
      .base.class = &random_cost_class,
      .step_ps = pick(rand, 1, 1000) * PS_PER_US * 10,
      .token_ps = pick(rand, 0, 1000) * PS_PER_US,
      .context_ps = pick(rand, 0, 100000),
      .window_ps = {pick(rand, 0, 100000), pick(rand, 0, 100000)},
      .sequence_ps = pick(rand, 0, 1000) * PS_PER_US,
      .block_ps = pick(rand, 0, 1000) * PS_PER_US,
      .longest_piece = coin(rand) ? 65536 : pick(rand, 1, 9),
  };
  c->config.windows.n = pick(rand, 0, CONTEXT_WINDOWS);
  for (guint32 i = 0; i < c->config.windows.n; i++)
    c->config.windows.of[i] = (ContextWindow){pick(rand, 1, coin(rand) ? 9 : 200), coin(rand)};
  add_requests(c, rand, seed);
  c->max_concurrency = coin(rand) ? 0 : pick(rand, 1, 12);
  c->n_instances = coin(rand) ? 1 : pick(rand, 2, 3);
  c->routed = coin(rand);
  pick_router(c, seed);
  pick_groups(c, rand);
  pick_window_pool(c, seed);
  c->cost.slow[COPY_OUT] = coin(rand) ? 0 : g_rand_double(rand);
  c->cost.slow[COPY_IN] = coin(rand) ? 0 : g_rand_double(rand);
  c->config.overlap_copies = c->config.overflow->needs_host && c->config.num_offload_blocks == 0 &&
                             may(c, rand, SCHEDULER_OVERLAPS_COPIES);
  if (c->config.overlap_copies && (c->class->features & SCHEDULER_COPIES_AHEAD) != 0 &&
      c->config.kv_groups.n_kinds == 0 && c->config.victim->rank == NULL && pick(rand, 0, 3) > 0)
    c->config.swap_ahead_blocks = pick(rand, 1, coin(rand) ? 8 : 100);
}

/* By the seed alone: the others stay as they are. */
void
random_case_add_layers(RandomCase *c, guint32 seed)
{
  if (seed % 3 != 0 || c->config.num_offload_blocks > 0 ||
      (c->config.overlap_copies && !c->executor->needs_cost))
    return;
  c->cost.base.copy_stages = 1 + seed / 3 % 40;
  /* Its layers take about as long as a copy, and not the host nearly all. */
  c->cost.context_ps *= 200;
  c->cost.step_ps /= 200;
}

static guint32
longest_request(const RandomCase *c)
{
  guint32 longest = 0;

  for (guint32 i = 0; i < workload_count(c->workload); i++) {
    const Request *request = workload_request(c->workload, i);
    longest = MAX(longest, request->prompt_tokens + request->output_tokens);
  }
  return longest;
}

void
random_case_add_disk(RandomCase *c, guint32 seed)
{
  static const OverflowPolicy *const copying[] = {&overflow_swap, &overflow_auto, &overflow_split,
                                                  &overflow_threshold};
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  SchedulerConfig *config = &c->config;
  guint32 longest;

  if (!config->overflow->needs_host) {
    config->overflow = copying[pick(rand, 0, G_N_ELEMENTS(copying) - 1)];
    config->overflow_options = policy_fallbacks(&config->overflow->base);
  }
  config->num_offload_blocks = 0;
  config->overlap_copies = TRUE;
  /* The longest fits the pool, and perhaps another; one or two of them find room on the host. */
  longest = longest_request(c);
  config->max_model_len = longest + 1;
  config->num_gpu_blocks = longest / config->block_size + 4;
  config->num_gpu_blocks += pick(rand, 0, config->num_gpu_blocks);
  config->max_num_seqs = pick(rand, 3, 24);
  config->chunked_prefill = TRUE; /* what is recomputed need not fit a step */
  config->num_cpu_blocks = config->num_gpu_blocks / pick(rand, 1, 4) + 1;
  c->n_instances = 1;
  c->max_concurrency = 0;
  config->num_disk_blocks = pick(rand, 1, coin(rand) ? 40 : 1000);
  config->disk.queue_depth = pick(rand, 1, 8);
  for (guint way = 0; way < 2; way++) {
    config->disk.latency_ps[way] = pick(rand, 0, 1000) * PS_PER_US * 10;
    config->disk.transfer_ps[way] = pick(rand, 1, 1000) * PS_PER_US;
  }
}
