/* The calibration's GPU with the emulator in CUDA's place: each operation is set up, launched and
 * held within its buffers, and each thing that can be missing is said. Times are a count of work,
 * and mean nothing.
 */
#include "config.h"

#include "calib/measure/cuda/bench_cuda.h"
#include "tests/kernels/bench_fixture.h"
#include "tests/emulator/card.h"
#include "tests/emulator/faults.h"

#include <math.h>
#include <string.h>

static const BenchStop stop = {.least = 3, .most = 5, .most_ns = 1e6, .error = 0.01};
static void
test_identity(void)
{
  BenchIdentity identity;
  BenchHealth health;
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(GError) error = NULL;

  bench_fixture_use_whole_card();
  bench = bench_fixture_open(&identity);
  g_assert_cmpstr(identity.name, ==, "Emulated H100");
  g_assert_cmpstr(identity.cuda, ==, "13.0");
  g_assert_cmpuint(identity.multiprocessors, ==, 4);
  g_assert_cmpuint(identity.memory_bytes, ==, 64 * MIB);
  g_assert_cmpuint(identity.pinned_bytes, ==, 4 * MIB); /* of two buffers of that size */
  g_assert_true(bench_health(bench, &health, &error));
}

/* What is missing is told by its kind and in a sentence that says what to do. */
static void
test_missing(void)
{
  static const struct {
    EmulatedCard card;
    size_t pinned_bytes;
    BenchError code;
    const char *expected;
  } cases[] = {
      {{0, 0, 90, 1 << 14, 4}, 8 * MIB, BENCH_ERROR_DRIVER, "no NVIDIA driver"},
      {{12040, 1, 90, 1 << 14, 4},
       8 * MIB,
       BENCH_ERROR_DRIVER,
       "serves CUDA 12.4 and this program was built with 13.0"},
      {{13000, 0, 90, 1 << 14, 4}, 8 * MIB, BENCH_ERROR_CARD, "CUDA_VISIBLE_DEVICES"},
      {{13000, 1, 75, 1 << 14, 4}, 8 * MIB, BENCH_ERROR_CARD, "compute capability 7.5"},
      {{13000, 1, 90, 1 << 14, 4}, MIB, BENCH_ERROR_PINNED, "ulimit -l"},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(BenchDevice) bench = bench_cuda_new(NULL);
    g_autoptr(GError) error = NULL;
    BenchIdentity identity;
    emulated_card = cases[i].card;
    emulator_set_memory(64 * MIB, cases[i].pinned_bytes);
    g_assert_false(bench_identify(bench, &identity, &error));
    g_assert_error(error, BENCH_ERROR, (gint)cases[i].code);
    g_assert_true(bench_error_is_fatal(error));
    if (strstr(error->message, cases[i].expected) == NULL)
      g_error("expected '%s' in '%s'", cases[i].expected, error->message);
  }
}

typedef struct {
  OperationKind operation;
  const char *variant, *dtype;
  gint64 shape[OPERATION_SHAPE_MAX];
  gint refusal; /* a BenchError; 0: it is measured */
} Case;

#define ATTENTION(...) OP_ATTENTION, "", "bfloat16", {__VA_ARGS__}, 0
#define SKEW(variant) OP_ATTENTION_SKEW, variant, "bfloat16", {0, 0, 5, 2, 20, 90, 4, 2, 128}, 0
#define SMALL(variant, tokens, width) OP_ELEMENTWISE, variant, "bfloat16", {tokens, width}, 0
#define COPY(variant, piece_bytes, pieces) OP_COPY, variant, "", {piece_bytes, pieces}, 0
#define BESIDE(variant) OP_BESIDE, variant, "", {4096, 3}, 0
#define CEILING(variant, work) OP_CEILING, variant, "bfloat16", {work}, 0
#define UNSUPPORTED BENCH_ERROR_UNSUPPORTED

static const Case cases[] = {
    {OP_GEMM, "", "bfloat16", {1, 64, 32}, 0},
    {OP_GEMM, "", "float16", {17, 40, 96}, 0},
    {OP_GEMM, "", "fp8", {5, 64, 48}, 0},
    {OP_GEMM, "", "int4", {5, 64, 48}, UNSUPPORTED},
    {SMALL(ELEMENTWISE_EMBEDDING, 7, 64)},
    {SMALL(ELEMENTWISE_NORM, 5, 64)},
    {SMALL(ELEMENTWISE_FINAL_NORM, 5, 72)},
    {SMALL(ELEMENTWISE_ROPE, 9, 192)},
    {SMALL(ELEMENTWISE_ROPE, 3, 768)},
    {SMALL(ELEMENTWISE_ACTIVATION, 6, 48)},
    {SMALL(ELEMENTWISE_KV_WRITE, 35, 128)},
    {SMALL(ELEMENTWISE_KV_WRITE, 16, 512)},
    {OP_ELEMENTWISE, ELEMENTWISE_RESIDUAL, "bfloat16", {5, 64}, UNSUPPORTED},
    {OP_ELEMENTWISE, ELEMENTWISE_ROPE, "bfloat16", {5, 80}, UNSUPPORTED},
    {OP_ELEMENTWISE, ELEMENTWISE_NORM, "fp8", {5, 64}, UNSUPPORTED},
    /* prefills, new, cached, decodes, context, heads, kv_heads, head_dim */
    {ATTENTION(1, 33, 0, 0, 0, 4, 2, 128)},
    {ATTENTION(2, 20, 45, 0, 0, 2, 2, 64)},
    {ATTENTION(0, 0, 0, 3, 70, 4, 1, 64)},
    {ATTENTION(0, 0, 0, 1, 1, 4, 4, 128)},
    {ATTENTION(1, 17, 5, 4, 100, 4, 2, 128)},
    {OP_ATTENTION, "", "float16", {1, 5, 5, 2, 33, 2, 1, 64}, 0},
    {OP_ATTENTION, "", "bfloat16", {1, 5, 5, 2, 33, 2, 1, 96}, UNSUPPORTED},
    {OP_ATTENTION, "", "fp8", {1, 5, 5, 2, 33, 2, 1, 64}, UNSUPPORTED},
    {OP_ATTENTION, "", "bfloat16", {0, 0, 0, 0, 0, 2, 1, 64}, BENCH_ERROR_FAILED},
    {SKEW("mean")},
    {SKEW("max")},
    {SKEW("skew")},
    {OP_ATTENTION_SKEW, "flat", "bfloat16", {0, 0, 5, 2, 20, 90, 4, 2, 128}, UNSUPPORTED},
    {OP_SAMPLING, "", "bfloat16", {3, 50}, 0},
    {OP_SAMPLING, "", "float16", {1, 1000}, 0},
    {OP_SAMPLING, SAMPLING_GREEDY, "bfloat16", {3, 50}, 0},
    {OP_ALL_REDUCE, "nccl", "bfloat16", {1024, 2}, UNSUPPORTED},
    {OP_HOST, "vllm-v1", "", {1, 1}, UNSUPPORTED},
    {COPY("h2d/pinned/single", 4096, 1)},
    {COPY("d2h/pinned/single", 5008, 7)},
    {COPY("both/pinned/single", 4096, 4)},
    {COPY("h2d/pinned/batched", 8192, 9)},
    {COPY("d2h/pinned/batched", 4112, 3)},
    {COPY("both/pinned/batched", 4096, 3)},
    {COPY("h2d/pinned/kernel", 4096, 3)},
    {COPY("d2h/pinned/kernel", 12304, 5)},
    {COPY("both/pinned/kernel", 4096, 3)},
    {COPY("h2d/pageable/single", 4096, 3)},
    {COPY("d2h/pageable/single", 4096, 3)},
    {COPY("h2d/pageable/batched", 4096, 3)},
    {COPY("d2h/pageable/batched", 4096, 3)},
    {OP_COPY, "h2d/pageable/kernel", "", {4096, 3}, UNSUPPORTED},
    {OP_COPY, "both/pageable/single", "", {4096, 3}, UNSUPPORTED},
    {OP_COPY, "sideways/pinned/single", "", {4096, 3}, UNSUPPORTED},
    {OP_COPY, "h2d/pinned", "", {4096, 3}, UNSUPPORTED},
    {OP_COPY, "h2d/pinned/single", "", {4097, 3}, BENCH_ERROR_FAILED},
    {OP_COPY, "h2d/pinned/single", "", {1 << 23, 1}, BENCH_ERROR_MEMORY},
    {OP_COPY_SUBMIT, "h2d/pinned/single", "", {4096, 3}, 0},
    {BESIDE("gemm/h2d/pinned/batched/alone")},
    {BESIDE("gemm/h2d/pinned/batched/beside")},
    {BESIDE("gemm/d2h/pinned/kernel/copy-alone")},
    {BESIDE("gemm/d2h/pinned/kernel/copy-beside")},
    {BESIDE("decode/h2d/pinned/single/alone")},
    {BESIDE("decode/h2d/pinned/single/beside")},
    {BESIDE("decode/d2h/pinned/batched/copy-alone")},
    {BESIDE("decode/d2h/pinned/batched/copy-beside")},
    {OP_BESIDE, "norm/d2h/pinned/batched/beside", "", {4096, 3}, UNSUPPORTED},
    {OP_BESIDE, "gemm/d2h/pageable/single/beside", "", {4096, 3}, UNSUPPORTED},
    {OP_BESIDE, "gemm", "", {4096, 3}, UNSUPPORTED},
    {CEILING(CEILING_GEMM, 2 * 32 * 32 * 32)},
    {CEILING(CEILING_COPY, 65552)},
    {CEILING(CEILING_READ, 65552)},
    {CEILING(CEILING_LAUNCH, 1)},
    {CEILING(CEILING_H2D, 65536)},
    {CEILING(CEILING_D2H, 65536)},
    {CEILING(CEILING_BOTH, 65536)},
    {OP_CEILING, CEILING_READ, "", {1 << 30}, BENCH_ERROR_MEMORY},
    {OP_CEILING, "sky", "", {1}, UNSUPPORTED},
};

static void
check_timing(const BenchTiming *timing)
{
  g_assert_cmpfloat(timing->median_ns, >, 0);
  g_assert_cmpuint(timing->count, ==, stop.least);
  g_assert_nonnull(timing->kernel);
}

/* Each on a device of its own: buffers are then as long as it takes, and end at a guard page. */
static void
measure_case(const Case *c)
{
  BenchIdentity identity;
  g_autoptr(BenchDevice) bench = bench_fixture_open(&identity);
  g_autoptr(GError) error = NULL;
  ProfileSample key = {
      .operation = (guint8)c->operation, .variant = c->variant, .dtype = c->dtype, .kernel = ""};
  const BenchRequest request = {.key = &key};
  BenchTiming timing;
  gboolean worked;

  memcpy(key.shape, c->shape, sizeof key.shape);
  g_test_message("%s %s %s", operations[c->operation].name, c->variant, c->dtype);
  worked = bench_measure(bench, &request, &stop, &timing, &error);
  if (c->refusal != 0) {
    g_assert_false(worked);
    g_assert_error(error, BENCH_ERROR, c->refusal);
    return;
  }
  g_assert_no_error(error);
  check_timing(&timing);
  if (c->operation == OP_COPY)
    g_assert_cmpfloat(timing.submit_ns, >, 0);
}

static void
test_operations(void)
{
  gboolean seen[OPERATIONS] = {[OP_STEP] = TRUE}; /* has a test of its own */

  bench_fixture_use_whole_card();
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    measure_case(&cases[i]);
    seen[cases[i].operation] = TRUE;
  }
  for (guint i = 0; i <= OP_STEP; i++) /* what follows is of layers that no kernel here is of */
    g_assert_true(seen[i]);
}

/* Beyond what the queue takes, the host's time is that of a stream that runs. */
static void
test_cliff(void)
{
  static const Case deep = {COPY("h2d/pinned/single", 16, 1500)};

  bench_fixture_use_whole_card();
  measure_case(&deep);
}

/* One device measures them all one after the other, whatever they leave in its buffers, and again
 * after one that did not fit. */
static void
test_in_a_row(void)
{
  BenchIdentity identity;
  g_autoptr(BenchDevice) bench = NULL;

  bench_fixture_use_whole_card();
  bench = bench_fixture_open(&identity);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    ProfileSample key = {.operation = (guint8)cases[i].operation,
                         .variant = cases[i].variant,
                         .dtype = cases[i].dtype,
                         .kernel = ""};
    const BenchRequest request = {.key = &key};
    BenchTiming timing;
    memcpy(key.shape, cases[i].shape, sizeof key.shape);
    g_assert_cmpint(bench_measure(bench, &request, &stop, &timing, &error), ==,
                    cases[i].refusal == 0);
  }
}

static void
test_lost(void)
{
  static const ProfileSample key = {
      .operation = OP_GEMM, .variant = "", .dtype = "bfloat16", .kernel = "", .shape = {1, 64, 32}};
  const BenchRequest request = {.key = &key};
  BenchIdentity identity;
  BenchTiming timing;
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(GError) error = NULL;

  bench_fixture_use_whole_card();
  bench = bench_fixture_open(&identity);
  emulator_lose_device(cudaErrorIllegalAddress, 1);
  g_assert_false(bench_measure(bench, &request, &stop, &timing, &error));
  g_assert_error(error, BENCH_ERROR, BENCH_ERROR_LOST);
  g_clear_pointer(&bench, bench_device_free);
  emulator_lose_device(cudaSuccess, 0);
}

static gboolean
measure_step(BenchDevice *bench, const Model *model, const char *variant, const gint64 *shape,
             GError **error)
{
  ProfileSample key = {.operation = OP_STEP, .variant = variant, .dtype = "bfloat16", .kernel = ""};
  const BenchRequest request = {.key = &key, .model = model};
  BenchTiming timing;

  memcpy(key.shape, shape, 4 * sizeof *shape);
  if (!bench_measure(bench, &request, &stop, &timing, error))
    return FALSE;
  check_timing(&timing);
  return TRUE;
}

static void
test_steps(void)
{
  /* new, cached, decodes, context */
  static const gint64 shapes[][4] = {
      {0, 0, 1, 40}, {0, 0, 5, 17}, {21, 0, 0, 0}, {16, 30, 0, 0}, {9, 7, 3, 33}};
  static const char *const variants[] = {STEP_GRAPH, STEP_EAGER};
  static const char *const names[] = {"tiny-gpu", "tiny-gpu-qwen2", "tiny-gpu-qwen3"};
  BenchIdentity identity;
  g_autoptr(GPtrArray) models = g_ptr_array_new_with_free_func((GDestroyNotify)model_free);
  g_autoptr(Model) fp8 = bench_fixture_model("tiny-gpu");
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(GError) error = NULL;

  bench_fixture_use_whole_card();
  emulated_card.num_turns = 2;
  bench = bench_fixture_open(&identity);
  for (guint m = 0; m < G_N_ELEMENTS(names); m++) {
    Model *model = bench_fixture_model(names[m]);
    g_ptr_array_add(models, model);
    for (guint s = 0; s < G_N_ELEMENTS(shapes); s++)
      for (guint v = 0; v < G_N_ELEMENTS(variants); v++) {
        unsigned long launches = emulator_graph_launches();
        measure_step(bench, model, variants[v], shapes[s], &error);
        g_assert_no_error(error);
        g_assert_cmpint(emulator_graph_launches() > launches, ==, v == 0);
      }
    g_assert_false(measure_step(bench, model, STEP_EAGER, (const gint64[]){0, 0, 0, 0}, &error));
    g_assert_error(error, BENCH_ERROR, BENCH_ERROR_FAILED);
    g_clear_error(&error);
    g_assert_false(
        measure_step(bench, model, STEP_EAGER, (const gint64[]){0, 0, 900, 500}, &error));
    g_assert_error(error, BENCH_ERROR, BENCH_ERROR_MEMORY);
    g_clear_error(&error);
  }
  fp8->weight_bits = 8;
  g_assert_false(measure_step(bench, fp8, STEP_EAGER, shapes[0], &error));
  g_assert_error(error, BENCH_ERROR, BENCH_ERROR_UNSUPPORTED);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/bench/identity", test_identity);
  g_test_add_func("/bench/missing", test_missing);
  g_test_add_func("/bench/operations", test_operations);
  g_test_add_func("/bench/cliff", test_cliff);
  g_test_add_func("/bench/in-a-row", test_in_a_row);
  g_test_add_func("/bench/lost", test_lost);
  g_test_add_func("/bench/steps", test_steps);
  return g_test_run();
}
