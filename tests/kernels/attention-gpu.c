/* The attention kernels against the formula over dense sequences, on a GPU; skipped where there is
 * none. Shapes are small and nasty, so that the emulator runs them too; each is run by the portable
 * kernels and, where the GPU has it, by those for compute capability 9.0. */
#include "kernels/check/attention_device.h"

#include <cuda_runtime_api.h>
#include <math.h>

enum { CASES = 6, MAX_CONTEXT = 300 };

static gboolean
find_device(AttentionDevice *device)
{
  int num_gpus = 0;

  if (cudaGetDeviceCount(&num_gpus) != cudaSuccess || num_gpus == 0) {
    g_test_skip("no GPU");
    return FALSE;
  }
  g_assert_cmpint(attention_device_query(device), ==, cudaSuccess);
  return TRUE;
}

static void
compare(const AttentionDevice *device, Dtype dtype, const AttentionCase *c)
{
  g_autoptr(AttentionMemory) memory = attention_memory_new(device, dtype, c, NULL);
  g_autofree float *out = attention_memory_run(memory, dtype, c);
  const double error = attention_case_error(c, out);

  g_assert_cmpstr(check_memory_problem(memory->memory), ==, NULL);
  if (!(error < (dtype == DTYPE_BF16 ? 1e-2 : 1.5e-3))) {
    g_autofree char *text = attention_case_describe(c);
    g_test_message("%s, %s, %u multiprocessors: error %g", text,
                   dtype == DTYPE_BF16 ? "bf16" : "fp16", device->multiprocessors, error);
    g_test_fail();
  }
  g_assert_true(attention_case_gaps_are_untouched(c, out));
}

/* A smaller GPU than this one cuts other pieces; and what can be left out is, in turn. */
static void
compare_on(const AttentionDevice *device, GRand *rand, Dtype dtype, const AttentionCase *c)
{
  static const guint32 multiprocessors[] = {1, 8, 132, 1000};
  AttentionDevice other = *device;

  other.multiprocessors = multiprocessors[g_rand_int_range(rand, 0, 4)];
  other.cuts_prefills = other.levels_decodes = g_rand_int_range(rand, 0, 4) != 0;
  other.widens_tiles = g_rand_int_range(rand, 0, 4) != 0;
  other.maps_blocks = g_rand_int_range(rand, 0, 4) != 0;
  other.has_wgmma = FALSE;
  compare(&other, dtype, c);
  if (device->has_wgmma) {
    other.has_wgmma = TRUE;
    compare(&other, dtype, c);
  }
}

static void
compare_random(guint32 seed, gint32 decodes_percent)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  AttentionDevice device;

  if (!find_device(&device))
    return;
  for (int i = 0; i < 4 * CASES; i++) {
    const Dtype dtype = i % 2 ? DTYPE_FP16 : DTYPE_BF16;
    g_autoptr(AttentionCase) c =
        attention_case_random(rand, dtype, i / 2 % 2 ? 64 : 128, MAX_CONTEXT, decodes_percent);
    compare_on(&device, rand, dtype, c);
  }
}

static void
test_decodes(void)
{
  compare_random(1, 100);
}

static void
test_prefills(void)
{
  compare_random(2, 0);
}

static void
test_mixed(void)
{
  compare_random(3, 50);
}

/* One token, one block, one more and one less than a tile, every group size that fills a tile of
 * heads and more. */
static void
test_edges(void)
{
  static const gint32 lengths[] = {1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 129};
  static const guint32 groups[] = {1, 2, 5, 8, 15, 16, 17, 33};
  g_autoptr(GRand) rand = g_rand_new_with_seed(4);
  AttentionDevice device;

  if (!find_device(&device))
    return;
  for (gsize i = 0; i < G_N_ELEMENTS(lengths) + G_N_ELEMENTS(groups); i++) {
    const gsize group = i - G_N_ELEMENTS(lengths);
    const gint32 context = i < G_N_ELEMENTS(lengths) ? lengths[i] : 40;
    const gint32 new_tokens[] = {1, context, MIN(context, 3)};
    const gint32 context_lens[] = {context, context, context};
    const AttentionSpec spec = {.heads = i < G_N_ELEMENTS(lengths) ? 2 : groups[group],
                                .kv_heads = 1,
                                .head_dim = i % 2 ? 64 : 128,
                                .block_size = 16,
                                .num_sequences = 3,
                                .new_tokens = new_tokens,
                                .context_lens = context_lens};
    g_autoptr(AttentionCase) c = attention_case_new(rand, DTYPE_BF16, &spec, 1);
    compare_on(&device, rand, DTYPE_BF16, c);
  }
}

/* Few rows that see many tiles of keys, so that stages come round several times. */
static void
test_long(void)
{
  static const gint32 new_tokens[] = {2, 130, 5}, context_lens[] = {1000, 700, 515};
  static const guint32 block_sizes[] = {24, 16, 64, 128, 256};
  g_autoptr(GRand) rand = g_rand_new_with_seed(7);
  AttentionDevice device;

  if (!find_device(&device))
    return;
  for (guint32 i = 0; i < 2 * G_N_ELEMENTS(block_sizes); i++) {
    const AttentionSpec spec = {.heads = 3,
                                .kv_heads = 1,
                                .head_dim = i % 2 ? 64 : 128,
                                .block_size = block_sizes[i / 2],
                                .num_sequences = 3,
                                .new_tokens = new_tokens,
                                .context_lens = context_lens};
    g_autoptr(AttentionCase) c = attention_case_new(rand, DTYPE_BF16, &spec, 1);
    compare_on(&device, rand, DTYPE_BF16, c);
  }
}

/* Short chunks of few KV heads behind longer contexts: heads are packed, keys cut. Groups that do
 * not divide a tile, chunks of one tile and of two. */
static void
test_short(void)
{
  static const struct {
    gint32 new_tokens[3], context_lens[3];
    guint32 heads, kv_heads, block_size;
  } shapes[] = {
      {{16, 3, 40}, {600, 3, 1100}, 4, 1, 16},
      {{20, 1, 2}, {700, 400, 900}, 7, 1, 8},
      {{130, 5, 5}, {140, 300, 5}, 6, 2, 32},
      {{2, 1, 1}, {1300, 1000, 3}, 2, 2, 16},
  };
  g_autoptr(GRand) rand = g_rand_new_with_seed(8);
  AttentionDevice device;

  if (!find_device(&device))
    return;
  device.cuts_prefills = device.levels_decodes = TRUE;
  device.multiprocessors = 12;
  for (gsize i = 0; i < 2 * G_N_ELEMENTS(shapes); i++) {
    const gsize shape = i / 2;
    const AttentionSpec spec = {.heads = shapes[shape].heads,
                                .kv_heads = shapes[shape].kv_heads,
                                .head_dim = i % 2 ? 64 : 128,
                                .block_size = shapes[shape].block_size,
                                .num_sequences = 3,
                                .new_tokens = shapes[shape].new_tokens,
                                .context_lens = shapes[shape].context_lens};
    g_autoptr(AttentionCase) c = attention_case_new(rand, DTYPE_BF16, &spec, 1);
    const gboolean has_wgmma = device.has_wgmma;
    device.has_wgmma = FALSE;
    compare(&device, DTYPE_BF16, c);
    device.has_wgmma = has_wgmma;
    if (has_wgmma)
      compare(&device, DTYPE_BF16, c);
  }
}

/* Sequences that bring nothing are passed over, and a batch of nothing is no error. */
static void
test_nothing_new(void)
{
  static const gint32 new_tokens[] = {0, 5, 0, 1, 0}, context_lens[] = {0, 5, 7, 3, 1};
  AttentionSpec spec = {.heads = 2,
                        .kv_heads = 1,
                        .head_dim = 64,
                        .block_size = 16,
                        .num_sequences = 5,
                        .new_tokens = new_tokens,
                        .context_lens = context_lens};
  g_autoptr(GRand) rand = g_rand_new_with_seed(5);
  AttentionDevice device;

  if (!find_device(&device))
    return;
  g_autoptr(AttentionCase) some = attention_case_new(rand, DTYPE_FP16, &spec, 1);
  compare_on(&device, rand, DTYPE_FP16, some);
  spec.num_sequences = 1;
  g_autoptr(AttentionCase) none = attention_case_new(rand, DTYPE_FP16, &spec, 1);
  compare_on(&device, rand, DTYPE_FP16, none);
}

/* Refused before anything is launched, so this needs no GPU. */
static void
test_refused(void)
{
  static const gint32 new_tokens[] = {3}, context_lens[] = {5};
  const AttentionSpec spec = {.heads = 4,
                              .kv_heads = 2,
                              .head_dim = 64,
                              .block_size = 16,
                              .num_sequences = 1,
                              .new_tokens = new_tokens,
                              .context_lens = context_lens};
  const AttentionDevice device = {.multiprocessors = 4};
  g_autoptr(GRand) rand = g_rand_new_with_seed(6);
  g_autoptr(AttentionCase) c = attention_case_new(rand, DTYPE_FP16, &spec, 1);
  _Alignas(16) char memory[32];
  PagedKv kv = c->kv;
  AttentionShape shape = c->shape;
  AttentionBatch batch = c->batch;
  AttentionPlan *plan;

  shape.heads = 3;
  g_assert_cmpint(attention_plan_new(&device, &shape, &kv, &batch, &plan), ==,
                  cudaErrorInvalidValue);
  shape.heads = 4;
  kv.head_dim = 96;
  g_assert_cmpint(attention_plan_new(&device, &shape, &kv, &batch, &plan), ==,
                  cudaErrorInvalidValue);
  kv.head_dim = 64;
  kv.block_size = 257;
  g_assert_cmpint(attention_plan_new(&device, &shape, &kv, &batch, &plan), ==,
                  cudaErrorInvalidValue);
  kv.block_size = 16;
  batch.context_lens = (const gint32[]){2};
  g_assert_cmpint(attention_plan_new(&device, &shape, &kv, &batch, &plan), ==,
                  cudaErrorInvalidValue);
  g_assert_null(plan);

  g_assert_cmpint(attention_plan_new(&device, &shape, &kv, &c->batch, &plan), ==, cudaSuccess);
  kv.k = kv.v = memory;
  g_assert_cmpint(attention_run(DTYPE_FP8_E4M3, &shape, &c->batch, &kv, memory, memory, plan,
                                memory, memory, NULL),
                  ==, cudaErrorInvalidValue);
  g_assert_cmpint(attention_run(DTYPE_FP16, &shape, &c->batch, &kv, memory + 2, memory, plan,
                                memory, memory, NULL),
                  ==, cudaErrorMisalignedAddress);
  kv.token_stride = 68;
  g_assert_cmpint(
      attention_run(DTYPE_FP16, &shape, &c->batch, &kv, memory, memory, plan, memory, memory, NULL),
      ==, cudaErrorMisalignedAddress);
  shape.scale = 0;
  g_assert_cmpint(
      attention_run(DTYPE_FP16, &shape, &c->batch, &kv, memory, memory, plan, memory, memory, NULL),
      ==, cudaErrorInvalidValue);
  attention_plan_free(plan);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/attention-gpu/decodes", test_decodes);
  g_test_add_func("/attention-gpu/prefills", test_prefills);
  g_test_add_func("/attention-gpu/mixed", test_mixed);
  g_test_add_func("/attention-gpu/edges", test_edges);
  g_test_add_func("/attention-gpu/long", test_long);
  g_test_add_func("/attention-gpu/short", test_short);
  g_test_add_func("/attention-gpu/nothing-new", test_nothing_new);
  g_test_add_func("/attention-gpu/refused", test_refused);
  return g_test_run();
}
