/* Invariants of a run over thousands of random scenarios: all schedulers and policies, chunking,
 * block managers, prefix caching, shared prefixes, tiny pools.
 *
 * After every step blocks are conserved on both sides and time moves on; after every run each
 * request was told once and accounts for its tokens; and the same scenario in single steps decides,
 * times and measures the same. Policies are those of the tables, so a new one is tested here as it
 * is. By default 3000, and a part of that of each engine (tests/scenarios.h).
 */
#include <math.h>
#include <string.h>

#include "sim/clients/turns.h"
#include "sim/policies/price.h"
#include "sim/units.h"
#include "tests/scenarios.h"
#include "tests/unit/sim/run_router.h"
#include "tests/unit/sim/run_witness.h"

static guint
route_by_length(gpointer data, const LoopInstance *instances G_GNUC_UNUSED, guint n_instances,
                guint32 request)
{
  return workload_request(data, request)->prompt_tokens % n_instances;
}

/* Ids are numbers below `n`. */
static guint32
id_at(const Workload *workload, guint32 index)
{
  return workload->ids != NULL ? (guint32)g_array_index(workload->ids, gint64, index) : index;
}

/* The `n` requests that arrived where some wait for answers: in the order of their times, each
 * once, and turns as long after the end of what they wait for as they are to, or later where a slot
 * was missing. */
static void
check_turns(const RandomCase *c, const RunWitness *w, guint32 n)
{
  guint32 all = workload_count(w->workload);
  g_autofree guint32 *place = g_new(guint32, all), *index_of = g_new(guint32, all);
  gint64 before_ps = 0;

  for (guint32 i = 0; i < all; i++) {
    place[i] = G_MAXUINT32;
    index_of[id_at(c->workload, i)] = i;
  }
  for (guint32 i = 0; i < n; i++) {
    guint32 index = index_of[id_at(w->workload, i)];
    const Turn *turn = workload_turn(c->workload, index);
    gint64 at_ps = workload_request(w->workload, i)->arrival_ps;
    gint64 ready_ps = workload_request(c->workload, index)->arrival_ps;
    g_assert_cmpuint(place[index], ==, G_MAXUINT32);
    place[index] = i;
    g_assert_cmpint(at_ps, >=, before_ps);
    g_assert_cmpuint(workload_request(w->workload, i)->prompt_tokens, ==,
                     workload_request(c->workload, index)->prompt_tokens);
    if (turn->after != NO_TURN) {
      g_assert_cmpuint(place[turn->after], <, i);
      ready_ps = w->left_ps[place[turn->after]] + turn->delay_ps;
    }
    g_assert_cmpint(at_ps, >=, ready_ps);
    if (c->max_concurrency == 0)
      g_assert_cmpint(at_ps, ==, MAX(ready_ps, before_ps));
    before_ps = at_ps;
  }
}

/* The `n` requests that arrived: none before its time, never more under way than may be, and one
 * that had to wait came when another left. */
static void
check_arrivals(const RandomCase *c, const RunWitness *w, guint32 n)
{
  if (c->workload->turns != NULL)
    check_turns(c, w, n);
  for (guint32 i = 0; i < n && c->max_concurrency > 0; i++) {
    gint64 at_ps = workload_request(w->workload, i)->arrival_ps;
    gboolean one_left = FALSE;
    guint32 under_way = 1;
    for (guint32 j = 0; j < i; j++) {
      under_way += w->left_ps[j] > at_ps;
      one_left |= w->left_ps[j] == at_ps;
    }
    g_assert_cmpuint(under_way, <=, c->max_concurrency);
    if (c->workload->turns != NULL)
      continue;
    g_assert_cmpint(at_ps, >=, workload_request(c->workload, i)->arrival_ps);
    g_assert_true(one_left || at_ps == workload_request(c->workload, i)->arrival_ps);
  }
}

/* OTHER_CACHE: with a prefix cache that nobody shares, blocks are named where they were counted.
 * SCANNED: who goes first is looked for among all that run, where members are kept in order. */
typedef enum { STRIDED, SINGLE_STEPS, UNLISTED, OTHER_CACHE, SCANNED } Mode;

static void
run_case(const RandomCase *c, Mode mode, RunWitness *w)
{
  SchedulerConfig config = c->config;
  VictimPolicy victim = *c->config.victim;
  RunRouter router = {0};
  g_autoptr(Workload) workload = workload_copy(c->workload);
  g_autoptr(Client) client = c->max_concurrency > 0 || workload->turns != NULL
                                 ? client_waiting_new(workload, c->max_concurrency)
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
  victim.moves_alike &= mode != SCANNED;
  victim.bounded_by = mode != SCANNED ? victim.bounded_by : NULL;
  config.victim = &victim;
  *w = (RunWitness){
      .observer = {.step = run_witness_step,
                   .request = run_witness_request,
                   .needs_decodes = mode != UNLISTED},
      .test = c,
      .workload = workload,
      .left_ps = g_new0(gint64, workload_count(workload)),
      .told = g_new0(guint32, workload_count(c->workload)),
  };
  for (guint i = 0; i < c->n_instances; i++)
    w->instances[i] = (LoopInstance){scheduler_new(c->class, &config, workload),
                                     c->executor->create((CostModel *)&c->cost.base)};
  if (w->observer.needs_decodes && !c->config.prefix_caching)
    w->kv = kv_witness_new(workload_count(c->workload), c->config.block_size,
                           c->executor->needs_cost ? c->config.cost : NULL);
  if (c->routed && c->router != NULL && c->n_instances > 1)
    run_router_init(&router, c, workload, &loop);
  if (workload->turns != NULL)
    turns_note_sessions(workload);
  g_assert_true(loop_run(&loop, &w->outcome, &error));
  g_assert_no_error(error);
  run_router_clear(&router);
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
all_fit_alone(const RandomCase *c)
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
check_accounts(const RandomCase *c, const RunWitness *w)
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
  /* Admission policies count one pool. */
  if (c->config.admission == &admission_no_evict && c->config.window_pool.tokens == 0 &&
      all_fit_alone(c))
    g_assert_cmpuint(w->preemptions, ==, 0);
  g_assert_cmpuint(w->summary.peak_gpu_blocks, ==, w->peak_gpu_blocks);
  if (w->outcome.end == RUN_DONE) {
    g_assert_cmpuint(w->outcome.unfinished, ==, 0);
  }
}

static gboolean
ends_well_without_disk(const RandomCase *c)
{
  RandomCase without = *c;
  RunWitness w;

  without.config.num_disk_blocks = 0;
  without.config.disk.queue_depth = 0;
  run_case(&without, STRIDED, &w);
  g_free(w.told);
  summary_clear(&w.summary);
  return w.outcome.end == RUN_DONE;
}

typedef enum {
  ANY_CASE,
  WITH_OFFLOAD, /* those with native offload only, of which one in 12 must load */
  WITH_DISK,    /* each swaps, to a host with a disk behind it */
} CaseKind;

/* That an event is met in one scenario of `of`, or in more: what was seen must not be so little
 * that chance (Poisson's) makes it so once in a million. Few scenarios prove little: an event that
 * is rare is at least met once where nobody has chosen them. */
static void
check_seen(const char *what, guint seen, guint32 n, double of)
{
  const double expected = n / of;
  double chance = 0;

  for (guint i = 0; i <= seen; i++)
    chance += exp(i * log(expected) - expected - lgamma(i + 1.0));
  if (chance < 1e-6 || (scenarios_are_usual() && seen == 0))
    g_error("%s: seen in %u of %u scenarios, expected in one of %g", what, seen, n, of);
}

/* In how many scenarios what was seen. */
typedef struct {
  guint ends[4], preempted, loaded, copied, starved, at_once, written, read, layered;
} Seen;

/* The scenario of that seed, run in every way; class: NULL: any. FALSE: it is not of that kind. */
static gboolean
try_scenario(const SchedulerClass *class, CaseKind kind, guint32 seed, Seen *seen)
{
  RandomCase c;
  gboolean whole;
  RunWitness strided, single, unlisted, other_cache, scanned;

  scenarios_begin(seed);
  random_case_make(&c, seed, class);
  if (kind == WITH_DISK)
    random_case_add_disk(&c, seed);
  random_case_add_layers(&c, seed);
  if (kind == WITH_OFFLOAD && c.config.num_offload_blocks == 0) {
    workload_free(c.workload);
    return FALSE;
  }
  run_case(&c, STRIDED, &strided);
  run_case(&c, SINGLE_STEPS, &single);
  run_case(&c, UNLISTED, &unlisted);
  run_case(&c, OTHER_CACHE, &other_cache);
  run_case(&c, SCANNED, &scanned);
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
  if (strided.digest != scanned.digest || strided.requests_digest != scanned.requests_digest)
    g_error("scenario %u: where victims are looked for one by one it differs", seed);
  if (c.n_instances == 1 && memcmp(&strided.summary, &single.summary, sizeof strided.summary) != 0)
    g_error("scenario %u: in single steps its summary differs", seed);
  check_accounts(&c, &strided);
  check_accounts(&c, &single);
  /* Whom the host had no room for, or who is computed again in part, may be too long for that in
   * this pool. */
  if (kind == WITH_DISK && strided.outcome.end == RUN_STUCK &&
      strided.summary.swap_fallbacks == 0 && c.config.overflow != &overflow_split &&
      ends_well_without_disk(&c))
    g_error("scenario %u: with a disk it is stuck", seed);
  seen->ends[strided.outcome.end]++;
  seen->preempted += strided.preemptions > 0;
  seen->loaded += strided.loads > 0;
  seen->copied += strided.copies > 0;
  seen->written += strided.to_disk > 0;
  seen->read += strided.from_disk > 0;
  seen->layered += c.cost.base.copy_stages > 0 && strided.summary.swapped_in_blocks > 0;
  seen->starved += strided.starved > 0;
  seen->at_once += strided.at_once > 0;
  g_free(strided.told);
  g_free(single.told);
  g_free(unlisted.told);
  g_free(other_cache.told);
  g_free(scanned.told);
  summary_clear(&other_cache.summary);
  summary_clear(&scanned.summary);
  workload_free(c.workload);
  return TRUE;
}

/* One in `of` of the scenarios, of which one in `preempting_of` must preempt; class: NULL: any. */
static void
check_scenarios(const SchedulerClass *class, CaseKind kind, guint32 of, guint32 preempting_of)
{
  const guint32 n = MAX(1, scenarios_wanted(3000) / of), first = scenarios_first_seed();
  Seen seen = {0};
  guint skipped = 0;

  for (guint32 seed = first; seed - first < n + skipped; seed++)
    skipped += !try_scenario(class, kind, seed, &seen);
  g_test_message(
      "%u scenarios: %u done, %u aborted, %u stuck, %u livelocked; %u preempted, %u loaded, "
      "%u copied beside steps, %u waited for that, %u went at once; %u went on to a disk, "
      "%u came from there; %u came back layer by layer",
      n, seen.ends[RUN_DONE], seen.ends[RUN_ABORT], seen.ends[RUN_STUCK], seen.ends[RUN_LIVELOCK],
      seen.preempted, seen.loaded, seen.copied, seen.starved, seen.at_once, seen.written, seen.read,
      seen.layered);
  check_seen("an end", seen.ends[RUN_DONE], n, 2);
  check_seen("a preemption", seen.preempted, n, preempting_of);
  if (kind == WITH_OFFLOAD)
    check_seen("a load", seen.loaded, n, 10);
  if (class == NULL) {
    check_seen("a load", seen.loaded, n, 100);
    check_seen("a copy beside steps", seen.copied, n, 50);
    check_seen("a return layer by layer", seen.layered, n, 200);
    check_seen("a wait for a copy", seen.starved, n, 170);
    check_seen("a victim that goes at once", seen.at_once, n, 1400);
  }
  if (kind == WITH_DISK) {
    check_seen("a copy to a disk", seen.written, n, 10);
    check_seen("a copy from a disk", seen.read, n, 12);
  }
}

static void
test_random_scenarios(void)
{
  check_scenarios(NULL, ANY_CASE, 1, 5);
}

/* The engines of their own kind, which few of the others are. */
static void
test_sglang(void)
{
  check_scenarios(&scheduler_sglang, ANY_CASE, 3, 50);
}

static void
test_trtllm(void)
{
  check_scenarios(&scheduler_trtllm, ANY_CASE, 6, 20);
}

static void
test_disk(void)
{
  check_scenarios(scheduler_class_from_name("vllm", NULL), WITH_DISK, 3, 5);
}

/* What thousands of further scenarios have found. With a disk: a prefix hit that is lost inside of
 * a step, and with it blocks that are to be read; one who joins a step without work while its last
 * layers are copied in; one who is computed again, and too long for that; chunks that go before
 * their alignment is full. With native offload: one who arrives behind another that
 * is passed over, and what lets that one in. */
static void
test_found(void)
{
  static const guint32 found[] = {208664, 6294, 11364, 4011};
  Seen seen = {0};

  for (guint i = 0; i < G_N_ELEMENTS(found); i++)
    try_scenario(scheduler_class_from_name("vllm", NULL), WITH_DISK, found[i], &seen);
  try_scenario(NULL, ANY_CASE, 316015, &seen);
  try_scenario(scheduler_class_first_with(SCHEDULER_HAS_OFFLOAD), WITH_OFFLOAD, 416226, &seen);
}

static void
test_native_offload(void)
{
  check_scenarios(scheduler_class_first_with(SCHEDULER_HAS_OFFLOAD), WITH_OFFLOAD, 6, 4);
}

/* A swapped sequence takes no more of its cached blocks than it has on the host, and must not be
 * asked for room for the others. */
static void
test_limited_hits(void)
{
  g_autoptr(Workload) workload = workload_new();
  const Request request = {.prompt_tokens = 60, .output_tokens = 1};
  Sequence sequence = {.result.prompt_tokens = 60};
  PoolPrefix prefix;
  Pool pool;

  workload_add(workload, &request, NULL, NULL);
  g_assert_true(workload_seal(workload, NULL));
  pool_init(&pool, 10, 19, 0, NULL);
  contents_use_named(&pool, workload, 20, FALSE);
  g_assert_true(pool_grow(&pool, &sequence, 5));
  pool_commit(&pool, &sequence, 50);
  pool_release(&pool, &sequence, RELEASE_PREEMPTED);
  prefix = pool_find_returning(&pool, &sequence, 6);
  g_assert_cmpuint(prefix.blocks, ==, 5);
  g_assert_cmpuint(prefix.idle, ==, 5);
  prefix = pool_find_returning(&pool, &sequence, 2);
  g_assert_cmpuint(prefix.blocks, ==, 2);
  g_assert_cmpuint(prefix.idle, ==, 2);
  pool_clear(&pool);
  g_free(sequence.block_ids);
  g_free(sequence.prefix_keys);
}

/* A copy that waits behind others is dear: by the share of the pool that it holds meanwhile. */
static void
test_price_of_a_queue(void)
{
  RandomCost cost = {.base.class = &random_cost_class, .block_ps = 1000, .slow = {0.5, 0.5}};
  const DecodeContexts nobody = {0};
  const OverflowPlan swap = overflow_plan_swap();
  CopyLoad load = {.beside = TRUE, .pool_blocks = 100};
  const OverflowQuery query = {
      .victim = {.blocks = 30, .computed_tokens = 300},
      .block_size = 10,
      .decodes = &nobody,
      .copies = &load,
      .cost = &cost.base,
  };

  /* Each way 30,000 ps: half of it slows the steps, 0.3 of it is of the pool. */
  g_assert_cmpint(price_plan_ps(&query, &swap), ==, 2 * (15000 + 9000));
  load.busy_ps[COPY_OUT] = 100000;
  g_assert_cmpint(price_plan_ps(&query, &swap), ==, 2 * (15000 + 9000) + 30000);
  load.busy_ps[COPY_IN] = 50000;
  g_assert_cmpint(price_plan_ps(&query, &swap), ==, 2 * (15000 + 9000) + 45000);
  load = (CopyLoad){.beside = FALSE};
  g_assert_cmpint(price_plan_ps(&query, &swap), ==, 60000);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/invariants/random-scenarios", test_random_scenarios);
  g_test_add_func("/invariants/sglang", test_sglang);
  g_test_add_func("/invariants/trtllm", test_trtllm);
  g_test_add_func("/invariants/disk", test_disk);
  g_test_add_func("/invariants/found", test_found);
  g_test_add_func("/invariants/native-offload", test_native_offload);
  g_test_add_func("/invariants/limited-hits", test_limited_hits);
  g_test_add_func("/invariants/price-of-a-queue", test_price_of_a_queue);
  return g_test_run();
}
