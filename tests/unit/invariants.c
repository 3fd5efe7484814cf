/* Invariants of a run over thousands of random scenarios: all schedulers and policies, chunking,
 * block managers, prefix caching, shared prefixes, tiny pools.
 *
 * After every step blocks are conserved on both sides and time moves on; after every run each
 * request was told once and accounts for its tokens; and the same scenario in single steps decides,
 * times and measures the same. Policies are those of the tables, so a new one is tested here as it
 * is. TEST_SCENARIOS sets how many (default 3000), TEST_SEED the first one's seed (default 1).
 */
#include <stdlib.h>
#include <string.h>

#include "tests/kv_witness.h"
#include "sim/engines/sglang.h"
#include "sim/loop.h"
#include "sim/metrics.h"
#include "sim/policies/price.h"
#include "sim/units.h"

/* A cost model with integer coefficients of its own, affine in the context. */
typedef struct {
  CostModel base;
  gint64 step_ps, token_ps, context_ps, sequence_ps, block_ps;
  gint64 window_ps[CONTEXT_WINDOWS];
  guint32 longest_piece;
  double slow[2]; /* by CopyDirection: what copies and steps do to each other */
} RandomCost;

static void
random_cost_step(CostModel *base, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  RandomCost *self = (RandomCost *)base;

  for (guint32 i = 0; i < shape->n_prefills; i++)
    piece->base_ps[COST_LINEAR] += self->token_ps * shape->prefills[i].tokens;
  piece->base_ps[COST_ATTENTION] = self->context_ps * (gint64)shape->contexts.sum;
  for (guint32 i = 0; i < shape->contexts.windows.n; i++)
    piece->base_ps[COST_ATTENTION] += self->window_ps[i] * (gint64)shape->contexts.visible[i];
  piece->base_ps[COST_HOST] = self->step_ps + self->sequence_ps * shape->sequences;
  piece->base_ps[COST_SWAP_OUT] = self->block_ps * shape->copy_out_blocks;
  piece->base_ps[COST_SWAP_IN] = self->block_ps * shape->copy_in_blocks;
  piece->growth_ps = self->context_ps * shape->contexts.count;
  for (guint32 i = 0; i < shape->contexts.windows.n; i++)
    piece->growth_ps += self->window_ps[i] * shape->contexts.growing[i];
  piece->steps = MIN(repeat, self->longest_piece);
}

static gint64
random_cost_copy(CostModel *base, CopyDirection direction G_GNUC_UNUSED, guint32 blocks)
{
  return ((RandomCost *)base)->block_ps * blocks;
}

static CopyContention
random_cost_contention(const CostModel *base, CopyDirection direction, gboolean prefills)
{
  const RandomCost *self = (const RandomCost *)base;

  return (CopyContention){.step = self->slow[direction] * (prefills ? 2 : 1),
                          .copy = self->slow[direction] / 2};
}

static void
random_cost_free(CostModel *base G_GNUC_UNUSED)
{
}

static const CostModelClass random_cost_class = {
    .name = "random",
    .step = random_cost_step,
    .copy_ps = random_cost_copy,
    .contention = random_cost_contention,
    .free = random_cost_free,
};

typedef struct {
  const SchedulerClass *class;
  const ExecutorClass *executor;
  SchedulerConfig config;
  RandomCost cost;
  guint32 unit_copy_steps;
  Workload *workload;
  guint32 max_concurrency; /* 0: no limit */
  guint n_instances;
  gboolean routed; /* by length, else each in its turn */
} Case;

#define INSTANCES_MAX 3

/* What a run looked like, step by step: equal digests, equal runs. */
typedef struct {
  Observer observer; /* first */
  const Case *test;
  guint64 digest; /* of the steps */
  guint64 requests_digest;
  gint64 end_ps;
  /* Of each instance, since the order of their steps is free. */
  guint64 digests[INSTANCES_MAX];
  gint64 ends_ps[INSTANCES_MAX];
  LoopInstance instances[INSTANCES_MAX];
  guint64 steps;
  guint64 tokens;
  guint64 preemptions;
  guint64 loads;            /* of native offload */
  guint64 copies;           /* beside the steps */
  guint64 starved;          /* sequences that waited for one */
  guint64 at_once;          /* victims of which the host had all but a rest */
  const Workload *workload; /* with the arrivals of this run */
  gint64 *left_ps;          /* by request: when it left */
  guint32 *told;            /* by request */
  KvWitness *kv;            /* NULL where it cannot know */
  guint64 generated, victims_of_results;
  RunOutcome outcome;
  Summary summary;
} Witness;

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
add_requests(Case *c, GRand *rand)
{
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
may(const Case *c, GRand *rand, SchedulerFeatures feature)
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

/* SGLang's settings, and those of other engines with an order of victims of their own. */
static void
pick_own_settings(Case *c, GRand *rand)
{
  SchedulerConfig *config = &c->config;

  if (!(c->class->features & SCHEDULER_OWN_VICTIMS))
    return;
  if (coin(rand))
    config->victim = &victim_engine;
  config->capacity_policy = (CapacityPolicy)pick(rand, 0, 2);
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
pick_groups(Case *c, GRand *rand)
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
  c->config.named_blocks = FALSE;
}

/* class: NULL: any. */
static void
make_case(Case *c, guint32 seed, const SchedulerClass *class)
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
  add_requests(c, rand);
  c->max_concurrency = coin(rand) ? 0 : pick(rand, 1, 12);
  c->n_instances = coin(rand) ? 1 : pick(rand, 2, INSTANCES_MAX);
  c->routed = coin(rand);
  pick_groups(c, rand);
  c->cost.slow[COPY_OUT] = coin(rand) ? 0 : g_rand_double(rand);
  c->cost.slow[COPY_IN] = coin(rand) ? 0 : g_rand_double(rand);
  c->config.overlap_copies = c->config.overflow->needs_host && c->config.num_offload_blocks == 0 &&
                             may(c, rand, SCHEDULER_OVERLAPS_COPIES);
  if (c->config.overlap_copies && c->config.kv_groups.n_kinds == 0 &&
      c->config.victim->rank == NULL && pick(rand, 0, 3) > 0)
    c->config.swap_ahead_blocks = pick(rand, 1, coin(rand) ? 8 : 100);
}

static void
digest_add(Witness *w, guint64 value)
{
  w->digest = (w->digest ^ value) * G_GUINT64_CONSTANT(0x100000001b3);
  w->digest ^= w->digest >> 29;
}

static void
add_queue(const Scheduler *scheduler, const SequenceQueue *queue, guint32 *gpu, guint32 *host)
{
  guint32 length = 0;

  for (const Sequence *s = queue->head; s != NULL; s = s->next, length++) {
    g_assert_false(s->ended);
    g_assert_true(s->queue == queue);
    g_assert_true((s->next != NULL ? s->next->previous : queue->tail) == s);
    *gpu += s->in_clock ? decode_clock_blocks(&scheduler->clock, s) : s->blocks;
    if (scheduler->pool.cache == NULL && scheduler->pool.runs == NULL &&
        scheduler->pool.group_cache == NULL)
      *gpu += s->leaving_blocks;
    *host += s->copies_are_free ? 0 : s->host_blocks;
    *host += s->ahead_blocks;
    g_assert_cmpuint(s->ahead_pending, <=, s->ahead_blocks);
    g_assert_cmpuint(s->ahead_blocks, <=, s->in_clock ? G_MAXUINT32 : s->blocks);
  }
  g_assert_cmpuint(length, ==, queue->length);
}

/* Before a member of the clock stands nothing that has work, and the sums are those of the members.
 */
static void
check_clock(Scheduler *scheduler)
{
  DecodeContexts contexts = {.windows = scheduler->config.windows};
  DecodeContexts expected = {.windows = scheduler->config.windows};
  gboolean loose = FALSE;

  decode_clock_add_contexts(&scheduler->clock, &contexts);
  for (const Sequence *s = scheduler->running.head; s != NULL; s = s->next) {
    if (s->in_clock)
      decode_contexts_add(&expected, decode_clock_tokens(&scheduler->clock, s) + 1);
    g_assert_false(s->in_clock && loose);
    loose |= !s->in_clock && !s->ending;
  }
  g_assert_cmpuint(contexts.count, ==, expected.count);
  g_assert_cmpuint(contexts.sum, ==, expected.sum);
  g_assert_cmpuint(contexts.squares, ==, expected.squares);
  g_assert_cmpuint(contexts.least, ==, expected.least);
  g_assert_cmpuint(contexts.largest, ==, expected.largest);
  for (guint32 i = 0; i < expected.windows.n; i++) {
    g_assert_cmpuint(contexts.visible[i], ==, expected.visible[i]);
    g_assert_cmpuint(contexts.growing[i], ==, expected.growing[i]);
  }
}

/* What copies still read whose sequences have ended. */
static void
add_orphans(const Scheduler *scheduler, guint32 *gpu, guint32 *host)
{
  const GArray *way = scheduler->swap_copies->ways[COPY_OUT];

  for (guint i = 0; i < way->len; i++) {
    const SwapJob *job = &g_array_index(way, SwapJob, i);
    g_assert_true(job->sequence->queue != NULL || job->is_orphan);
    if (!job->is_orphan)
      continue;
    *gpu += job->sequence->blocks;
    *host += job->sequence->host_blocks;
    if (scheduler->pool.cache == NULL && scheduler->pool.runs == NULL)
      *gpu += job->sequence->leaving_blocks;
  }
}

/* Blocks held and free make up each pool. Shared blocks are held more than once. */
static void
check_conservation(Scheduler *scheduler, gboolean died)
{
  const Pool *pool = &scheduler->pool;
  guint32 gpu = 0, host = 0, nowhere = 0;

  add_queue(scheduler, &scheduler->waiting.known, &gpu, &host);
  if (!died)
    g_assert_cmpuint(host, ==, 0);
  add_queue(scheduler, &scheduler->swapped, &gpu, &host);
  if (scheduler->swap_copies != NULL)
    add_orphans(scheduler, &gpu, &host);
  for (guint i = 0; i < scheduler->keepers->len; i++) {
    const Sequence *keeper = g_ptr_array_index(scheduler->keepers, i);
    gpu += keeper->queue == NULL ? keeper->blocks : 0; /* it went to the waiting queue's tail */
  }
  if (!died)
    g_assert_cmpuint(gpu, ==, scheduler->kept_blocks + pool->leaving_blocks);
  add_queue(scheduler, &scheduler->returning, &gpu, &host);
  add_queue(scheduler, &scheduler->running, &gpu,
            died || scheduler->config.swap_ahead_blocks > 0 ? &host : &nowhere);
  add_queue(scheduler, &scheduler->prefilling, &gpu, died ? &host : &nowhere);
  add_queue(scheduler, &scheduler->held, &gpu, &nowhere);
  g_assert_cmpuint(nowhere, ==, 0);
  if (scheduler->class == &scheduler_sglang)
    gpu += scheduler_unheld_blocks(scheduler) - pool->free_blocks; /* what nobody holds and stays */
  if (pool->cache == NULL && pool->group_cache == NULL &&
      !(scheduler->class == &scheduler_sglang && scheduler->config.prefix_caching))
    g_assert_cmpuint(gpu + pool->free_blocks, ==, pool->total_blocks);
  else
    g_assert_cmpuint(gpu + pool->free_blocks, >=, pool->total_blocks);
  g_assert_cmpuint(host + pool->host_free_blocks + pool->host_leaked_blocks, ==,
                   pool->host_total_blocks);
}

static void
check_entries(const Witness *w, const StepReport *report)
{
  const Step *step = report->step;
  const SchedulerConfig *config = &w->test->config;
  guint64 tokens = step->listed ? 0 : step->clocked;

  for (guint i = 0; i < step->entries->len; i++) {
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
    g_assert_cmpuint(entry->tokens, >, 0);
    g_assert_cmpuint(entry->recomputed_tokens, <=, entry->tokens);
    tokens += entry->tokens;
    for (guint j = 0; j < i; j++)
      g_assert_cmpuint(g_array_index(step->entries, StepEntry, j).request, !=, entry->request);
  }
  if (config->chunked_prefill)
    g_assert_cmpuint(tokens, <=, config->max_num_batched_tokens);
  g_assert_cmpuint(tokens, ==, step->n_tokens);
  g_assert_cmpuint(step->n_sequences, ==, step->entries->len + (step->listed ? 0 : step->clocked));
  g_assert_cmpuint(report->tokens, <=, step->n_sequences);
}

static void
witness_repeat(Witness *w, const StepReport *report, guint32 i, guint32 free_blocks,
               gint64 start_ps)
{
  const Step *step = report->step;

  digest_add(w, report->step_index + i);
  digest_add(w, (guint64)start_ps);
  digest_add(w, free_blocks);
  digest_add(w, step->host_free_blocks);
  digest_add(w, step->waiting);
  digest_add(w, step->running);
  digest_add(w, step->swapped);
  digest_add(w, report->tokens);
  for (guint j = 0; j < step->entries->len; j++) {
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, j);
    digest_add(w, entry->request);
    digest_add(w, entry->tokens);
    digest_add(w, entry->cached_tokens + i);
    digest_add(w, entry->recomputed_tokens);
    digest_add(w, entry->kind);
  }
  for (guint j = 0; j < step->victims->len; j++) {
    const StepVictim *victim = &g_array_index(step->victims, StepVictim, j);
    digest_add(w, victim->request);
    digest_add(w, victim->blocks);
    digest_add(w, victim->action);
    digest_add(w, victim->rest_blocks);
    w->at_once += victim->ahead_blocks > 0 && victim->ahead_blocks == victim->copied_blocks;
  }
  for (guint j = 0; j < step->stores->len; j++)
    digest_add(w, g_array_index(step->stores, StepStore, j).request);
  for (guint j = 0; j < step->loads->len; j++)
    digest_add(w, g_array_index(step->loads, StepLoad, j).tokens);
  for (guint j = 0; j < step->flushes->len; j++)
    digest_add(w, g_array_index(step->flushes, guint32, j));
  digest_add(w, step->tier_used_blocks);
  for (guint j = 0; j < step->starved->len; j++)
    digest_add(w, g_array_index(step->starved, guint32, j));
  for (guint j = 0; j < step->copies->len; j++)
    digest_add(w, g_array_index(step->copies, StepCopy, j).request);
  for (guint j = 0; j < step->copied->len; j++)
    digest_add(w, g_array_index(step->copied, StepCopy, j).blocks);
  digest_add(w, (guint64)(i == 0 ? report->waited_ps : 0));
  for (guint j = 0; j < report->n_finished && i + 1 == report->repeats; j++)
    digest_add(w, report->finished[j]);
}

static void
on_step(Observer *observer, const StepReport *report)
{
  Witness *w = (Witness *)observer;
  const Step *step = report->step;
  guint32 free_blocks = step->gpu_free_blocks;
  gint64 at_ps = report->start_ps;

  g_assert_cmpint(report->start_ps, >=, w->ends_ps[report->instance]);
  w->digest = w->digests[report->instance];
  if (step->abort == NULL) {
    g_assert_true(report->elapsed_ps > 0 || step->takes_no_time);
    g_assert_true(report->elapsed_ps == 0 || !step->takes_no_time || step->flushes->len > 0);
    check_entries(w, report);
    if (w->kv != NULL)
      kv_witness_step(w->kv, report);
  }
  g_assert_cmpuint(step->tier_used_blocks, <=, w->test->config.num_offload_blocks);
  check_conservation(w->instances[report->instance].scheduler, step->abort != NULL);
  check_clock(w->instances[report->instance].scheduler);
  for (guint32 i = 0; i < report->repeats; i++) {
    if (i > 0) {
      guint32 taken = step_growth_blocks(step, i);
      g_assert_cmpuint(taken, <=, free_blocks);
      free_blocks -= taken;
    }
    witness_repeat(w, report, i, free_blocks, at_ps);
    at_ps += report->first_ps + i * report->growth_ps;
  }
  g_assert_cmpint(at_ps, ==, report->start_ps + report->elapsed_ps);
  w->digests[report->instance] = w->digest;
  w->ends_ps[report->instance] = at_ps;
  w->end_ps = MAX(w->end_ps, at_ps);
  w->steps += report->repeats;
  w->tokens += (guint64)report->tokens * report->repeats;
  w->preemptions += step->victims->len;
  w->loads += step->loads->len;
  w->copies += step->copies->len;
  w->starved += step->starved->len;
}

/* SGLang keeps the end of a sequence free of the pool's and the context's. */
static guint32
shortest_cut(const Case *c, const Request *request)
{
  guint32 page = c->config.block_size, pool = c->config.num_gpu_blocks * page;
  guint32 paged = (request->prompt_tokens + page - 1) / page * page + page + 1;

  if (c->class != &scheduler_sglang)
    return G_MAXUINT32;
  return request->prompt_tokens +
         MAX(1, MIN((gint32)(MIN(c->config.max_model_len, pool) - request->prompt_tokens) - 2,
                    (gint32)(pool - paged)));
}

static void
on_request(Observer *observer, const RequestResult *result)
{
  Witness *w = (Witness *)observer;
  const Request *request = workload_request(w->workload, result->request);
  guint64 steps_digest = w->digest;

  g_assert_cmpuint(w->told[result->request]++, ==, 0);
  g_assert_cmpint(result->arrival_ps, ==, request->arrival_ps);
  w->left_ps[result->request] = result->finish_ps >= 0 ? result->finish_ps : G_MAXINT64;
  g_assert_cmpuint(result->generated_tokens, <=, request->output_tokens);
  if (result->status == STATUS_FINISHED) {
    g_assert_cmpuint(result->generated_tokens, >, 0);
    g_assert_cmpint(result->arrival_ps, <=, result->first_scheduled_ps);
    g_assert_cmpint(result->first_scheduled_ps, <, result->first_token_ps);
    g_assert_cmpint(result->first_token_ps, <=, result->last_token_ps);
    g_assert_cmpint(result->last_token_ps, ==, result->finish_ps);
    if (result->generated_tokens < request->output_tokens)
      g_assert_cmpuint(request->prompt_tokens + result->generated_tokens, >=,
                       MIN(w->test->config.max_model_len, shortest_cut(w->test, request)));
  }
  if (result->preemptions == 0 && w->test->config.swap_ahead_blocks == 0)
    g_assert_cmpuint(result->recomputed_tokens + result->swapped_out_blocks, ==, 0);
  w->generated += result->generated_tokens;
  w->victims_of_results += result->preemptions;
  /* Requests are told in any order between steps: each has a digest of its own, and they are
   * summed. */
  w->digest = result->request;
  digest_add(w, (guint64)result->first_token_ps);
  digest_add(w, (guint64)result->finish_ps);
  digest_add(w, (guint64)result->preempted_ps);
  digest_add(w, result->recomputed_tokens);
  digest_add(w, result->status);
  w->requests_digest += w->digest;
  w->digest = steps_digest;
}

static guint
route_by_length(gpointer data, const LoopInstance *instances G_GNUC_UNUSED, guint n_instances,
                guint32 request)
{
  return workload_request(data, request)->prompt_tokens % n_instances;
}

/* The `n` requests that arrived: none before its time, never more under way than may be, and one
 * that had to wait came when another left. */
static void
check_arrivals(const Case *c, const Witness *w, guint32 n)
{
  for (guint32 i = 0; i < n && c->max_concurrency > 0; i++) {
    gint64 at_ps = workload_request(w->workload, i)->arrival_ps;
    gboolean one_left = FALSE;
    guint32 under_way = 1;
    for (guint32 j = 0; j < i; j++) {
      under_way += w->left_ps[j] > at_ps;
      one_left |= w->left_ps[j] == at_ps;
    }
    g_assert_cmpuint(under_way, <=, c->max_concurrency);
    g_assert_cmpint(at_ps, >=, workload_request(c->workload, i)->arrival_ps);
    g_assert_true(one_left || at_ps == workload_request(c->workload, i)->arrival_ps);
  }
}

/* OTHER_CACHE: with a prefix cache that nobody shares, blocks are named where they were counted. */
typedef enum { STRIDED, SINGLE_STEPS, UNLISTED, OTHER_CACHE } Mode;

static void
run_case(const Case *c, Mode mode, Witness *w)
{
  SchedulerConfig config = c->config;
  g_autoptr(Workload) workload = workload_copy(c->workload);
  g_autoptr(Client) client = c->max_concurrency > 0
                                 ? client_limited_new(workload, c->max_concurrency)
                                 : client_trace_new(workload);
  g_autoptr(Metrics) metrics = metrics_new(
      workload, c->config.num_gpu_blocks - c->class->hidden_blocks, c->config.num_cpu_blocks);
  Observer *const observers[] = {&w->observer, metrics_observer(metrics)};
  Loop loop = {
      .client = client,
      .instances = w->instances,
      .n_instances = c->n_instances,
      .route = c->routed ? route_by_length : NULL,
      .route_data = workload,
      .observers = observers,
      .n_observers = G_N_ELEMENTS(observers),
      .stride = mode != SINGLE_STEPS,
      .unit_copy_steps = c->unit_copy_steps,
  };
  g_autoptr(GError) error = NULL;

  config.named_blocks ^= mode == OTHER_CACHE;
  *w = (Witness){
      .observer = {.step = on_step, .request = on_request, .needs_decodes = mode != UNLISTED},
      .test = c,
      .workload = workload,
      .left_ps = g_new0(gint64, workload_count(workload)),
      .told = g_new0(guint32, workload_count(c->workload)),
  };
  for (guint i = 0; i < c->n_instances; i++)
    w->instances[i] = (LoopInstance){scheduler_new(c->class, &config, workload),
                                     c->executor->create((CostModel *)&c->cost.base)};
  if (w->observer.needs_decodes && !c->config.prefix_caching)
    w->kv = kv_witness_new(workload_count(c->workload), c->config.block_size);
  g_assert_true(loop_run(&loop, &w->outcome, &error));
  g_assert_no_error(error);
  metrics_summary(metrics, &w->summary);
  check_arrivals(c, w, client->taken);
  w->digest = 0;
  for (guint i = 0; i < c->n_instances; i++) {
    scheduler_free(w->instances[i].scheduler);
    executor_free(w->instances[i].executor);
    w->digest = w->digest * 31 + w->digests[i];
  }
  g_clear_pointer(&w->kv, kv_witness_free);
  g_clear_pointer(&w->left_ps, g_free);
}

/* Each of the requests, with all that its client allows, fits the pool. */
static gboolean
all_fit_alone(const Case *c)
{
  guint64 pool = c->config.num_gpu_blocks - c->class->hidden_blocks;

  for (guint32 i = 0; i < workload_count(c->workload); i++) {
    const Request *request = workload_request(c->workload, i);
    guint64 tokens = (guint64)request->prompt_tokens + request_max_tokens(request);
    guint64 blocks = tokens / c->config.block_size;
    if (c->config.kv_groups.n_kinds > 0)
      blocks = kv_groups_most_blocks(&c->config.kv_groups, tokens,
                                     scheduler_in_flight_tokens(c->class, &c->config));
    if (blocks + 1 >= pool)
      return FALSE;
  }
  return TRUE;
}

static void
check_accounts(const Case *c, const Witness *w)
{
  guint32 n = workload_count(c->workload);

  for (guint32 i = 0; i < n; i++)
    g_assert_cmpuint(w->told[i], ==, 1);
  g_assert_cmpuint(w->outcome.finished + w->outcome.ignored + w->outcome.unfinished, ==, n);
  g_assert_cmpuint(w->summary.finished + w->summary.ignored + w->summary.aborted, ==, n);
  g_assert_cmpuint(w->tokens, ==, w->generated);
  g_assert_cmpuint(w->tokens, ==, w->outcome.tokens);
  g_assert_cmpuint(w->preemptions, ==, w->victims_of_results);
  if (c->class == &scheduler_trtllm && c->config.capacity_policy != CAPACITY_MAX_UTILIZATION)
    g_assert_cmpuint(w->preemptions, ==, 0);
  if (c->config.admission == &admission_no_evict && all_fit_alone(c))
    g_assert_cmpuint(w->preemptions, ==, 0);
  g_assert_cmpuint(w->summary.peak_gpu_blocks, ==, w->outcome.peak_gpu_blocks);
  if (w->outcome.end == RUN_DONE) {
    g_assert_cmpuint(w->outcome.unfinished, ==, 0);
  }
}

/* One in `of` of the scenarios, of which one in `preempting_of` must preempt; class: NULL: any. */
static void
check_scenarios(const SchedulerClass *class, guint32 of, guint32 preempting_of)
{
  const char *wanted = g_getenv("TEST_SCENARIOS"), *begin = g_getenv("TEST_SEED");
  guint32 n = (wanted != NULL ? (guint32)atoi(wanted) : 3000) / of;
  guint32 first = begin != NULL ? (guint32)atoi(begin) : 1;
  guint ends[4] = {0}, preempted = 0, loaded = 0, copied = 0, starved = 0, at_once = 0;

  for (guint32 seed = first; seed - first < n; seed++) {
    Case c;
    gboolean whole;
    Witness strided, single, unlisted, other_cache;

    make_case(&c, seed, class);
    run_case(&c, STRIDED, &strided);
    run_case(&c, SINGLE_STEPS, &single);
    run_case(&c, UNLISTED, &unlisted);
    run_case(&c, OTHER_CACHE, &other_cache);
    /* Where one of several instances ends the run, how far the others are is free. */
    whole = c.n_instances == 1 || strided.outcome.end == RUN_DONE;
    g_assert_cmpint(strided.outcome.end == RUN_DONE, ==, single.outcome.end == RUN_DONE);
    if (whole &&
        (strided.digest != single.digest || strided.requests_digest != single.requests_digest ||
         strided.end_ps != single.end_ps || strided.steps != single.steps))
      g_error("scenario %u: in single steps it decides or times differently", seed);
    strided.summary.end_reason = (g_free(strided.summary.end_reason), NULL);
    single.summary.end_reason = (g_free(single.summary.end_reason), NULL);
    unlisted.summary.end_reason = (g_free(unlisted.summary.end_reason), NULL);
    if (strided.requests_digest != unlisted.requests_digest ||
        memcmp(&strided.summary, &unlisted.summary, sizeof strided.summary) != 0)
      g_error("scenario %u: where nobody reads the decodes it differs", seed);
    if (strided.digest != other_cache.digest ||
        strided.requests_digest != other_cache.requests_digest)
      g_error("scenario %u: with blocks %s it differs", seed,
              c.config.named_blocks ? "counted" : "named");
    if (c.n_instances == 1 &&
        memcmp(&strided.summary, &single.summary, sizeof strided.summary) != 0)
      g_error("scenario %u: in single steps its summary differs", seed);
    check_accounts(&c, &strided);
    check_accounts(&c, &single);
    ends[strided.outcome.end]++;
    preempted += strided.preemptions > 0;
    loaded += strided.loads > 0;
    copied += strided.copies > 0;
    starved += strided.starved > 0;
    at_once += strided.at_once > 0;
    g_free(strided.told);
    g_free(single.told);
    g_free(unlisted.told);
    g_free(other_cache.told);
    summary_clear(&other_cache.summary);
    workload_free(c.workload);
  }
  g_test_message(
      "%u scenarios: %u done, %u aborted, %u stuck, %u livelocked; %u preempted, %u loaded, %u "
      "copied beside steps, %u waited for that, %u went at once",
      n, ends[RUN_DONE], ends[RUN_ABORT], ends[RUN_STUCK], ends[RUN_LIVELOCK], preempted, loaded,
      copied, starved, at_once);
  g_assert_cmpuint(ends[RUN_DONE], >, n / 4);
  g_assert_cmpuint(preempted, >=, n / preempting_of);
  if (class == NULL) {
    g_assert_cmpuint(loaded, >, n / 500);
    g_assert_cmpuint(copied, >, n / 60);
    g_assert_cmpuint(starved, >, n / 200);
    g_assert_cmpuint(at_once, >, n / 4000);
  }
}

static void
test_random_scenarios(void)
{
  check_scenarios(NULL, 1, 5);
}

/* The engines of their own kind, which few of the others are. */
static void
test_sglang(void)
{
  check_scenarios(&scheduler_sglang, 3, 50);
}

static void
test_trtllm(void)
{
  check_scenarios(&scheduler_trtllm, 6, 20);
}

/* A swapped sequence takes no more of its cached blocks than it has on the host, and must not be
 * asked for room for the others. */
static void
test_limited_hits(void)
{
  g_autoptr(Workload) workload = workload_new();
  const Request request = {.prompt_tokens = 60, .output_tokens = 1};
  Sequence sequence = {.result.prompt_tokens = 60};
  PrefixCache *cache;
  guint32 idle;

  workload_add(workload, &request, NULL, NULL);
  g_assert_true(workload_seal(workload, NULL));
  cache = prefix_cache_new(workload, 20, 10, FALSE);
  prefix_cache_take(cache, &sequence, 5);
  prefix_cache_register(cache, &sequence, 50);
  prefix_cache_release(cache, &sequence);
  g_assert_cmpuint(prefix_cache_hits(cache, &sequence, G_MAXUINT32, &idle), ==, 5);
  g_assert_cmpuint(idle, ==, 5);
  g_assert_cmpuint(prefix_cache_hits(cache, &sequence, 2, &idle), ==, 2);
  g_assert_cmpuint(idle, ==, 2);
  prefix_cache_free(cache);
  g_free(sequence.block_ids);
  g_free(sequence.prefix_keys);
}

/* A copy that waits behind others is dear: by the share of the pool that it holds meanwhile. */
static void
test_price_of_a_queue(void)
{
  RandomCost cost = {.base.class = &random_cost_class, .block_ps = 1000, .slow = {0.5, 0.5}};
  const Sequence victim = {.blocks = 30, .computed_tokens = 300};
  OverflowQuery query = {
      .victim = &victim,
      .block_size = 10,
      .copies = {.beside = TRUE, .pool_blocks = 100},
      .cost = &cost.base,
  };

  /* Each way 30,000 ps: half of it slows the steps, 0.3 of it is of the pool. */
  g_assert_cmpint(price_copies_ps(&query, 30), ==, 2 * (15000 + 9000));
  query.copies.busy_ps[COPY_OUT] = 100000;
  g_assert_cmpint(price_copies_ps(&query, 30), ==, 2 * (15000 + 9000) + 30000);
  query.copies.busy_ps[COPY_IN] = 50000;
  g_assert_cmpint(price_copies_ps(&query, 30), ==, 2 * (15000 + 9000) + 45000);
  query.copies = (CopyLoad){.beside = FALSE};
  g_assert_cmpint(price_copies_ps(&query, 30), ==, 60000);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/invariants/random-scenarios", test_random_scenarios);
  g_test_add_func("/invariants/sglang", test_sglang);
  g_test_add_func("/invariants/trtllm", test_trtllm);
  g_test_add_func("/invariants/limited-hits", test_limited_hits);
  g_test_add_func("/invariants/price-of-a-queue", test_price_of_a_queue);
  return g_test_run();
}
