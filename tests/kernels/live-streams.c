/* The GPU's device on an emulated GPU whose streams go on in random orders, and fails.
 *
 * Orders: a scenario that swaps, once with all copies before the step, then with the copies beside
 * its layers, in many orders. Beside: copies that go on while several steps run, against the same
 * copies that are waited for. The logits of every step must be the same bits: a wait that is
 * missing lets a block be overwritten before it is read, or be read before it is there (NaN until
 * then).
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "live/host_memory.h"
#include "live/random.h"
#include "tests/emulator/faults.h"
#include "tests/live/live_cases.h"
#include "tests/scenarios.h"

enum { VOCAB = 64 };

static guint32
pick(GRand *rand, guint32 low, guint32 high)
{
  return (guint32)g_rand_int_range(rand, (gint32)low, (gint32)high + 1);
}

/* Everything arrives at once, so that no decision depends on the time. */
static LiveCase
make_case(const TestModel *model, guint32 seed)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  gboolean v1 = seed % 3 == 0;
  LiveCase c = {.model = model, .workload = workload_new()};
  guint32 n = pick(rand, 5, 9);

  for (guint32 i = 0; i < n; i++) {
    const Request request = {.prompt_tokens = pick(rand, 1, 30),
                             .output_tokens = pick(rand, 8, 30)};
    workload_add(c.workload, &request, NULL, NULL);
  }
  g_assert_true(workload_seal(c.workload, NULL));
  c.class = v1 ? &scheduler_vllm_v1 : &scheduler_vllm_06;
  c.kv_form = seed % 2 == 0 ? KV_BY_LAYER : KV_BY_BLOCK;
  c.config = (SchedulerConfig){
      .block_size = pick(rand, 2, 8),
      .num_cpu_blocks = 80,
      .max_num_seqs = pick(rand, 4, 9),
      .max_num_batched_tokens = 80,
      .max_model_len = 80,
      .block_manager = 1,
      .watermark = v1 ? 0 : 0.01,
      .chunked_prefill = v1,
      .overflow = &overflow_swap,
      .victim = &victim_newest,
  };
  c.config.num_gpu_blocks = 3 + 80 / c.config.block_size;
  return c;
}

static DeviceSetup
make_setup(const LiveCase *c, CopyMethod method, gboolean overlap)
{
  DeviceSetup setup = live_case_setup(c);

  setup.copy_method = method;
  setup.overlap_within_step = overlap;
  setup.sampling.temperature = 0; /* logits are compared */
  return setup;
}

static LiveDevice *
open_gpu(const DeviceSetup *setup)
{
  g_autoptr(GError) error = NULL;
  LiveDevice *device = live_device_gpu.open(setup, &error);

  g_assert_no_error(error);
  return device;
}

/* A device that also digests every step's logits. */
typedef struct {
  LiveDevice base;
  LiveDevice *gpu;
  guint64 digest;
  guint steps;
} Digesting;

static gboolean
digesting_run(LiveDevice *base, const StepPlan *plan, gint32 *sampled, DeviceTimes *times,
              GError **error)
{
  Digesting *self = (Digesting *)base;
  g_autoptr(GArray) logits = g_array_new(FALSE, FALSE, sizeof(float));

  if (!self->gpu->class->run(self->gpu, plan, sampled, times, error))
    return FALSE;
  g_assert_cmpint(times->total_ns, >, 0);
  for (guint c = 0; c < COST_COMPONENTS; c++)
    g_assert_cmpint(times->component_ns[c], >=, 0);
  self->steps++;
  if (plan->sample_rows->len == 0)
    return TRUE;
  g_assert_true(self->gpu->class->logits(self->gpu, logits));
  for (guint i = 0; i < logits->len; i++) {
    guint32 bits;
    memcpy(&bits, &g_array_index(logits, float, i), sizeof bits);
    self->digest = random_key(self->digest, bits);
  }
  return TRUE;
}

static const LiveDeviceClass digesting_class = {
    .name = "digesting", .clock = CLOCK_MONOTONIC, .run = digesting_run};

static Digesting
run_digesting(const LiveCase *c, CopyMethod method, gboolean overlap, guint64 *swapped)
{
  const DeviceSetup setup = make_setup(c, method, overlap);
  g_autoptr(LiveDevice) gpu = open_gpu(&setup);
  Digesting device = {.base.class = &digesting_class, .gpu = gpu};
  LiveResult result;

  live_case_run(c, &device.base, &executor_gpu, &result);
  g_assert_cmpint(result.outcome.end, ==, RUN_DONE);
  *swapped = result.swapped_blocks;
  live_result_clear(&result);
  return device;
}

static void
test_orders(void)
{
  const guint32 n = scenarios_wanted(6), first = scenarios_first_seed();
  g_auto(TestModel) model = test_model_open("tiny-gpu");
  guint swaps = 0;

  for (guint32 seed = first; seed - first < n; seed++) {
    LiveCase c = make_case(&model, seed);
    CopyMethod method = (CopyMethod)(seed / 2 % 3);
    guint64 swapped;
    Digesting serial, beside;
    scenarios_begin(seed);
    emulator_set_seed(seed);
    serial = run_digesting(&c, COPY_METHOD_PIECES, FALSE, &swapped);
    swaps += swapped > 0;
    beside = run_digesting(&c, method, TRUE, &swapped);
    if (serial.digest != beside.digest || serial.steps != beside.steps)
      g_error("scenario %u: copies beside the step change what is computed", seed);
    workload_free(c.workload);
  }
  g_test_message("%u scenarios, %u with swaps", n, swaps);
  g_assert_true(swaps > n / 3 || !scenarios_are_usual());
}

/* Two GPUs that run the same plans. One makes copies beside its steps, the other waits for each
 * before the step that it begins with. */
typedef struct {
  LiveDevice base;
  LiveDevice *beside, *waiting;
  guint under_way, jobs;
  guint spanned; /* how often a copy went on behind its step */
  guint waits;   /* how often there was nothing else to do */
} Lockstep;

static guint
ended_jobs(const CopiesEnded *ended)
{
  guint n = 0;

  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++)
    n += ended->ended[d];
  return n;
}

static gboolean
lockstep_begin(LiveDevice *base, const StepPlan *plan, gint64 now_ps, gint64 *beside_ns,
               GError **error)
{
  Lockstep *self = (Lockstep *)base;
  g_autoptr(StepPlan) nothing = step_plan_new();
  DeviceTimes times;
  gint32 sampled;
  guint ended = 0;

  self->under_way += plan->jobs->len;
  self->jobs += plan->jobs->len;
  if (!self->waiting->class->begin_copies(self->waiting, plan, now_ps, beside_ns, error) ||
      !self->waiting->class->run(self->waiting, nothing, &sampled, &times, error))
    return FALSE;
  while (ended < plan->jobs->len) {
    CopiesEnded over = {.waited_ps = 0};
    if (!self->waiting->class->end_copies(self->waiting, G_MAXINT64 / 2, TRUE, &over, error))
      return FALSE;
    ended += ended_jobs(&over);
  }
  return self->beside->class->begin_copies(self->beside, plan, now_ps, beside_ns, error);
}

static gboolean
lockstep_end(LiveDevice *base, gint64 now_ps, gboolean waits, CopiesEnded *ended, GError **error)
{
  Lockstep *self = (Lockstep *)base;

  if (!self->beside->class->end_copies(self->beside, now_ps, waits, ended, error))
    return FALSE;
  g_assert_cmpint(cudaGetLastError(), ==, cudaSuccess);
  g_assert_cmpuint(ended_jobs(ended), <=, self->under_way);
  g_assert_true(!waits || self->under_way == 0 || ended_jobs(ended) > 0);
  self->under_way -= ended_jobs(ended);
  self->spanned += self->under_way > 0 && !waits;
  self->waits += waits;
  return TRUE;
}

/* The same bits. */
static gboolean
lockstep_run(LiveDevice *base, const StepPlan *plan, gint32 *sampled, DeviceTimes *times,
             GError **error)
{
  Lockstep *self = (Lockstep *)base;
  g_autoptr(GArray) expected = g_array_new(FALSE, FALSE, sizeof(float));
  g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(float));

  if (!self->waiting->class->run(self->waiting, plan, sampled, times, error) ||
      !self->beside->class->run(self->beside, plan, sampled, times, error))
    return FALSE;
  if (plan->sample_rows->len == 0)
    return TRUE;
  g_assert_true(self->waiting->class->logits(self->waiting, expected));
  g_assert_true(self->beside->class->logits(self->beside, found));
  g_assert_cmpmem(expected->data, expected->len * sizeof(float), found->data,
                  found->len * sizeof(float));
  return TRUE;
}

static const LiveDeviceClass lockstep_class = {.name = "lockstep",
                                               .clock = CLOCK_MONOTONIC,
                                               .run = lockstep_run,
                                               .begin_copies = lockstep_begin,
                                               .end_copies = lockstep_end};

static void
run_lockstep(const LiveCase *c, guint32 seed, Lockstep *sum, guint64 *blocks)
{
  DeviceSetup setup = make_setup(c, (CopyMethod)(seed % 3), FALSE);
  g_autoptr(LiveDevice) beside = NULL;
  g_autoptr(LiveDevice) waiting = NULL;
  Lockstep device = {.base.class = &lockstep_class};
  LiveResult result;

  setup.pageable_host = setup.copy_method != COPY_METHOD_KERNEL && seed % 4 == 0;
  emulator_set_seed(seed);
  device.beside = beside = open_gpu(&setup);
  device.waiting = waiting = open_gpu(&setup);
  live_case_run(c, &device.base, &executor_gpu, &result);
  sum->jobs += device.jobs;
  sum->spanned += device.spanned;
  sum->waits += device.waits;
  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++)
    blocks[d] += result.beside[d];
  live_result_clear(&result);
}

/* With copies ahead of need, or a disk behind a host of a few blocks, or neither. */
static LiveCase
make_case_beside(const TestModel *model, guint32 seed)
{
  LiveCase c = make_case(model, seed);

  if (seed % 4 > 0)
    c.class = &scheduler_vllm_versions[SCHEDULER_VLLM_NEWEST - SCHEDULER_VLLM_OLDEST];
  c.config.watermark = 0;
  c.config.overlap_copies = c.config.named_blocks = TRUE;
  c.config.prefix_caching = seed % 4 > 1;
  c.config.swap_ahead_blocks = seed % 4 == 1 ? 4 : 0;
  if (seed % 4 == 2 || seed % 8 == 0) {
    c.config.num_cpu_blocks = 4;
    c.config.num_disk_blocks = 100;
    c.config.disk = (Disk){.queue_depth = 1, .latency_ps = {10, 10}, .transfer_ps = {50, 30}};
  }
  return c;
}

/* Copies beside the steps, in random orders: out, in, ahead, to the disk and back. */
static void
test_beside(void)
{
  const guint32 n = scenarios_wanted(8), first = scenarios_first_seed();
  g_auto(TestModel) model = test_model_open("tiny-gpu-qwen2");
  guint64 blocks[COPY_DIRECTIONS] = {0};
  Lockstep sum = {.jobs = 0};

  for (guint32 seed = first; seed - first < n; seed++) {
    LiveCase c = make_case_beside(&model, seed);
    scenarios_begin(seed);
    run_lockstep(&c, seed, &sum, blocks);
    workload_free(c.workload);
  }
  g_test_message("%u scenarios: %u jobs, %u went on behind their step, %u waits; %" G_GUINT64_FORMAT
                 " blocks out, %" G_GUINT64_FORMAT " in, %" G_GUINT64_FORMAT
                 " to the disk, %" G_GUINT64_FORMAT " from it",
                 n, sum.jobs, sum.spanned, sum.waits, blocks[COPY_OUT], blocks[COPY_IN],
                 blocks[COPY_TO_DISK], blocks[COPY_FROM_DISK]);
  if (!scenarios_are_usual())
    return;
  g_assert_cmpuint(sum.spanned, >, n);
  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++)
    g_assert_cmpuint(blocks[d], >, 0);
}

/* One sequence's tokens from `first` on, `rows` of them, in the blocks from 0 on. */
static StepPlan *
make_plan_from(const LiveCase *c, guint32 first, guint32 rows)
{
  StepPlan *plan = step_plan_new();
  const guint32 zero = 0;
  const gint32 end = (gint32)(first + rows), count = (gint32)rows, last = count - 1;
  const float uniform = 0.5f;

  plan->block_table_stride = (first + rows - 1) / c->config.block_size + 1;
  for (gint32 i = (gint32)first; i < end; i++) {
    const gint64 slot = i;
    const gint32 token = i % 50;
    g_array_append_val(plan->token_ids, token);
    g_array_append_val(plan->positions, i);
    g_array_append_val(plan->slots, slot);
  }
  for (gint32 i = 0; i < (gint32)plan->block_table_stride; i++)
    g_array_append_val(plan->block_tables, i);
  g_array_append_val(plan->requests, zero);
  g_array_append_val(plan->query_starts, count);
  g_array_append_val(plan->context_lens, end);
  g_array_append_val(plan->sample_rows, last);
  g_array_append_val(plan->sample_sequences, zero);
  g_array_append_val(plan->uniforms, uniform);
  return plan;
}

static StepPlan *
make_plan(const LiveCase *c, guint32 rows)
{
  return make_plan_from(c, 0, rows);
}

static void
check_run(LiveDevice *device, const StepPlan *plan, int code, const char *part)
{
  g_autofree gint32 *sampled = g_new0(gint32, 256);
  g_autoptr(GError) error = NULL;
  DeviceTimes times;

  if (part == NULL) {
    g_assert_true(device->class->run(device, plan, sampled, &times, &error));
    g_assert_no_error(error);
    return;
  }
  g_assert_false(device->class->run(device, plan, sampled, &times, &error));
  g_assert_error(error, LIVE_ERROR, code);
  if (strstr(error->message, part) == NULL)
    g_error("'%s' does not say '%s'", error->message, part);
}

static void
add_copies(GArray *copies, guint32 blocks, gint32 first_host)
{
  for (gint32 i = 0; i < (gint32)blocks; i++) {
    const BlockCopy copy = {.device_block = i, .host_block = first_host + 2 * i};
    g_array_append_val(copies, copy);
  }
}

static guint64
digest_of(LiveDevice *gpu, const StepPlan *const *plans, guint n)
{
  Digesting device = {.base.class = &digesting_class, .gpu = gpu};

  for (guint i = 0; i < n; i++) {
    if (i == n - 1)
      device.digest = 0; /* the last alone */
    check_run(&device.base, plans[i], 0, NULL);
  }
  return device.digest;
}

/* Two sequences take turns in the same blocks, each leaving in the very step in which the other
 * comes there, or in one that does nothing else: what schedulers do not do, and plans may. */
static void
exchange(const LiveCase *c, LiveDevice *gpu, guint32 seed)
{
  g_autoptr(StepPlan) one = make_plan(c, 40);
  g_autoptr(StepPlan) one_next = make_plan_from(c, 40, 1);
  g_autoptr(StepPlan) one_back = make_plan_from(c, 40, 1);
  g_autoptr(StepPlan) other = make_plan(c, 37);
  g_autoptr(StepPlan) other_comes = make_plan(c, 37);
  g_autoptr(StepPlan) other_next = make_plan_from(c, 37, 1);
  g_autoptr(StepPlan) other_back = make_plan_from(c, 37, 1);
  const StepPlan *const alone[] = {one, one_next}, *const other_alone[] = {other, other_next};
  g_autoptr(StepPlan) leaves = step_plan_new();
  const StepPlan *const turns[] = {one, other_comes, one_back, other_back};
  const StepPlan *const apart[] = {one, leaves, other, one_back};
  guint32 blocks = one->block_table_stride;

  g_array_index(other->token_ids, gint32, 0) = 51;
  g_array_index(other_comes->token_ids, gint32, 0) = 51;
  add_copies(leaves->copies_out, blocks, 0);
  add_copies(other_comes->copies_out, blocks, 0);
  add_copies(one_back->copies_out, blocks, 1);
  add_copies(one_back->copies_in, blocks, 0);
  add_copies(other_back->copies_out, blocks, 0);
  add_copies(other_back->copies_in, blocks, 1);
  if (digest_of(gpu, alone, 2) != digest_of(gpu, turns, 3) ||
      digest_of(gpu, alone, 2) != digest_of(gpu, apart, 4) ||
      digest_of(gpu, other_alone, 2) != digest_of(gpu, turns, 4))
    g_error("order %u: what came back is not what had left", seed);
}

static void
test_exchange(void)
{
  g_auto(TestModel) model = test_model_open("tiny-gpu");
  LiveCase c = make_case(&model, 2);

  for (guint i = 0; i < 9; i++) { /* by layer and by block beside the step, and before it */
    DeviceSetup setup = make_setup(&c, (CopyMethod)(i % 3), i < 6);
    g_autoptr(LiveDevice) gpu = NULL;
    setup.kv_form = i / 3 % 2 == 0 ? KV_BY_LAYER : KV_BY_BLOCK;
    gpu = open_gpu(&setup);
    for (guint32 seed = 2 * i; seed < 2 * i + 2; seed++) {
      emulator_set_seed(seed);
      exchange(&c, gpu, seed);
    }
  }
  workload_free(c.workload);
}

/* A step that is larger than the buffers is refused, and the next one runs. */
static void
test_too_large(void)
{
  g_auto(TestModel) model = test_model_open("tiny-gpu");
  LiveCase c = make_case(&model, 1);
  const DeviceSetup setup = make_setup(&c, COPY_METHOD_PIECES, FALSE);
  g_autoptr(LiveDevice) device = open_gpu(&setup);
  g_autoptr(StepPlan) fits = make_plan(&c, 40);
  g_autoptr(StepPlan) rows = make_plan(&c, setup.max_rows + 1);
  g_autoptr(StepPlan) far = make_plan(&c, 40);
  g_autoptr(StepPlan) sequences = make_plan(&c, 1);
  g_autoptr(StepPlan) wide = make_plan(&c, 40);
  const gint32 one = 1;

  check_run(device, fits, 0, NULL);
  check_run(device, rows, LIVE_ERROR_SHAPE, "a step has 81 tokens");
  g_array_index(far->positions, gint32, 39) = (gint32)setup.max_model_len;
  check_run(device, far, LIVE_ERROR_SHAPE, "position");
  for (guint i = 0; i < setup.max_sequences; i++)
    g_array_append_val(sequences->requests, one);
  check_run(device, sequences, LIVE_ERROR_SHAPE, "sequences");
  wide->block_table_stride = 1000;
  check_run(device, wide, LIVE_ERROR_SHAPE, "blocks of one sequence");
  check_run(device, fits, 0, NULL);
  workload_free(c.workload);
}

/* What is lost at any operation is told with the call's name, and the device can be closed. */
static void
test_lost(void)
{
  g_auto(TestModel) model = test_model_open("tiny-gpu");
  LiveCase c = make_case(&model, 2);
  const DeviceSetup setup = make_setup(&c, COPY_METHOD_BATCH, TRUE);
  g_autoptr(StepPlan) plan = make_plan(&c, 40);
  unsigned long before = emulator_allocations();

  for (unsigned long after = 0; after < 30; after += 13) {
    LiveDevice *device = open_gpu(&setup);
    emulator_lose_device(cudaErrorIllegalAddress, after);
    check_run(device, plan, LIVE_ERROR_DEVICE, "cudaErrorIllegalAddress");
    check_run(device, plan, LIVE_ERROR_DEVICE, ": the GPU failed or was lost: ");
    live_device_close(device);
    emulator_lose_device(cudaSuccess, 0);
    g_assert_cmpuint(emulator_allocations(), ==, before);
  }
  workload_free(c.workload);
}

static void
count_request(Observer *observer, const RequestResult *result)
{
  guint *counts = (guint *)(gpointer)(observer + 1);

  counts[result->status == STATUS_FINISHED ? 0 : 1]++;
}

/* A run whose device is lost midway ends as an abort, and what finished before stays. */
static void
test_lost_midway(void)
{
  g_auto(TestModel) model = test_model_open("tiny-gpu");
  LiveCase c = make_case(&model, 4);
  g_autoptr(Workload) workload = c.workload;
  const DeviceSetup setup = make_setup(&c, COPY_METHOD_KERNEL, FALSE);
  g_autoptr(LiveDevice) device = open_gpu(&setup);
  g_autoptr(Scheduler) scheduler = scheduler_new(c.class, &c.config, c.workload);
  g_autoptr(TokenSource) tokens = token_source_random(c.workload, VOCAB, LIVE_TOKENS_SEED);
  const LiveExecutorConfig config = {
      .class = &executor_gpu,
      .device = device,
      .model = model.decoder->model,
      .planner = {.workload = c.workload,
                  .tokens = tokens,
                  .block_size = c.config.block_size,
                  .num_device_blocks = c.config.num_gpu_blocks,
                  .hidden_blocks = c.class->hidden_blocks,
                  .num_host_blocks = c.config.num_cpu_blocks},
  };
  LiveExecutor *live = live_executor_new(&config);
  g_autoptr(Executor) executor = live_executor_base(live);
  g_autoptr(Client) client = client_trace_new(c.workload);
  struct {
    Observer observer;
    guint finished, others;
  } counter = {.observer.request = count_request};
  Observer *const observers[] = {live_executor_observer(live), &counter.observer};
  const LoopInstance instance = {.scheduler = scheduler, .executor = executor};
  const Loop loop = {.client = client,
                     .instances = &instance,
                     .n_instances = 1,
                     .observers = observers,
                     .n_observers = G_N_ELEMENTS(observers)};
  g_autoptr(GError) error = NULL;
  RunOutcome outcome;
  unsigned long graphs = emulator_graph_launches();

  emulator_lose_device(cudaErrorUnknown, 900);
  g_assert_false(loop_run(&loop, &outcome, &error));
  g_assert_error(error, LIVE_ERROR, LIVE_ERROR_DEVICE);
  g_assert_nonnull(strstr(error->message, "what came before is kept"));
  g_assert_cmpint(outcome.end, ==, RUN_ABORT);
  g_assert_cmpuint(counter.finished, >, 0);
  g_assert_cmpuint(outcome.unfinished, >, 0);
  g_assert_cmpuint(counter.finished + counter.others, ==, workload_count(c.workload));
  g_assert_cmpuint(emulator_graph_launches(), >, graphs); /* decodes were graphs */
  emulator_lose_device(cudaSuccess, 0);
}

static void
check_refused(const DeviceSetup *setup, const char *const *parts)
{
  unsigned long before = emulator_allocations();
  g_autoptr(GError) error = NULL;

  g_assert_null(live_device_gpu.open(setup, &error));
  g_assert_error(error, LIVE_ERROR, LIVE_ERROR_MEMORY);
  for (; *parts != NULL; parts++)
    if (strstr(error->message, *parts) == NULL)
      g_error("'%s' does not say '%s'", error->message, *parts);
  g_assert_cmpuint(emulator_allocations(), ==, before);
}

/* Memory that is too small is told before anything is allocated, with what would fit. */
static void
test_memory(void)
{
  static const char *const gpu[] = {"the GPU has", "free of",           "this run needs",
                                    "KV blocks",   "for weights",       "for activations",
                                    "for graphs",  "--num-gpu-blocks ", NULL};
  static const char *const none[] = {"no KV block fits: run a smaller model", NULL};
  static const char *const pinned[] = {"swapped blocks", "pinned", "--host-memory pageable", NULL};
  static const char *const host[] = {"the host has", "--num-cpu-blocks", NULL};
  g_auto(TestModel) model = test_model_open("tiny-gpu");
  LiveCase c = make_case(&model, 2);
  DeviceSetup setup = make_setup(&c, COPY_METHOD_PIECES, FALSE);

  setup.num_device_blocks = 1 << 20;
  emulator_set_memory((size_t)400 << 20, SIZE_MAX);
  check_refused(&setup, gpu);
  emulator_set_memory((size_t)100 << 20, SIZE_MAX);
  check_refused(&setup, none);
  setup.num_device_blocks = 100;
  emulator_set_memory(SIZE_MAX, (size_t)100 << 20);
  setup.num_host_blocks = 200000;
  check_refused(&setup, pinned);
  emulator_set_memory(SIZE_MAX, SIZE_MAX);
  setup.num_host_blocks = G_MAXINT32;
  check_refused(&setup, host);
  g_setenv(HOST_MEMORY_GROWS, "1", TRUE); /* then the driver is asked, which has no more either */
  emulator_set_memory(SIZE_MAX, (size_t)100 << 20);
  check_refused(&setup, pinned);
  g_unsetenv(HOST_MEMORY_GROWS);
  emulator_set_memory(SIZE_MAX, SIZE_MAX);
  workload_free(c.workload);
}

int
main(int argc, char **argv)
{
#ifdef __SANITIZE_ADDRESS__
  puts("1..0 # SKIP the order of streams is tested without sanitizers; of memory live-emulated has "
       "the same");
  return 0;
#endif
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/live-streams/orders", test_orders);
  g_test_add_func("/live-streams/beside", test_beside);
  g_test_add_func("/live-streams/exchange", test_exchange);
  g_test_add_func("/live-streams/too-large", test_too_large);
  g_test_add_func("/live-streams/lost", test_lost);
  g_test_add_func("/live-streams/lost-midway", test_lost_midway);
  g_test_add_func("/live-streams/memory", test_memory);
  return g_test_run();
}
