/* KV write: every byte of the pool must be as expected, also those that belong to no token. */
#include "check.h"
#include "random_data.h"

enum { QUICK_CASES = 24, FULL_CASES = 80, ELEMENTS_MAX = 8 << 20 };

typedef struct {
  PagedKv kv; /* strides; k and v are set by who uses it */
  gsize v_offset, pool_elements;
  gsize num_tokens, row_stride, new_elements;
  gint64 *slots;
} WriteCase;

/* Heads before tokens or after; V behind each block's K, or in a pool of its own. */
static void
choose_layout(GRand *rand, WriteCase *c, gsize num_blocks)
{
  PagedKv *kv = &c->kv;
  gsize block_elements = (gsize)kv->kv_heads * kv->head_dim * kv->block_size;

  if (g_rand_boolean(rand)) {
    kv->token_stride = kv->head_dim;
    kv->head_stride = kv->token_stride * kv->block_size;
  } else {
    kv->head_stride = kv->head_dim;
    kv->token_stride = kv->head_stride * kv->kv_heads;
  }
  if (g_rand_boolean(rand)) {
    c->v_offset = block_elements;
    kv->block_stride = 2 * block_elements + 8 * (gsize)g_rand_int_range(rand, 0, 3);
    c->pool_elements = kv->block_stride * num_blocks;
  } else {
    kv->block_stride = block_elements;
    c->v_offset = block_elements * num_blocks;
    c->pool_elements = 2 * c->v_offset;
  }
}

/* A slot for each token, none twice; one token in eight is not written. */
static void
choose_slots(GRand *rand, WriteCase *c, gsize num_slots)
{
  g_autofree gint32 *all = random_order(rand, num_slots);

  c->slots = g_new(gint64, c->num_tokens);
  for (gsize i = 0; i < c->num_tokens; i++)
    c->slots[i] = g_rand_int_range(rand, 0, 8) == 0 ? -1 : all[i];
}

static void
choose_case(GRand *rand, guint number, WriteCase *c)
{
  static const guint32 block_sizes[] = {16, 1, 8, 32, 256, 3}, kv_heads[] = {1, 2, 8, 5, 32};
  static const guint32 head_dims[] = {128, 64, 80, 256};
  static const gsize tokens[] = {1, 2, 16, 17, 31, 128, 255, 512, 1000, 2048, 8192};
  gsize width, num_blocks;

  c->kv.block_size = block_sizes[number % G_N_ELEMENTS(block_sizes)];
  c->kv.kv_heads = kv_heads[number % G_N_ELEMENTS(kv_heads)];
  c->kv.head_dim = head_dims[number % G_N_ELEMENTS(head_dims)];
  width = (gsize)c->kv.kv_heads * c->kv.head_dim;
  c->num_tokens = tokens[number < 6 ? number : (gsize)g_rand_int_range(rand, 0, 11)];
  c->num_tokens = MIN(c->num_tokens, ELEMENTS_MAX / width);
  num_blocks = c->num_tokens / c->kv.block_size + (gsize)g_rand_int_range(rand, 1, 5);
  choose_layout(rand, c, num_blocks);
  choose_slots(rand, c, num_blocks * c->kv.block_size);
  c->row_stride = width * (g_rand_boolean(rand) ? 1 : 3); /* as k and v lie beside q */
  c->new_elements = c->num_tokens * c->row_stride;
}

/* The expected pool by the formula of kernels/paged_kv.h, on bits: the reference's floats cannot
 * hold every NaN. */
static guint16 *
expect(const WriteCase *c, const guint16 *pool, const guint16 *k, const guint16 *v)
{
  guint16 *expected = g_memdup2(pool, c->pool_elements * sizeof *pool);
  const PagedKv *kv = &c->kv;

  for (gsize i = 0; i < c->num_tokens; i++)
    for (gsize d = 0; c->slots[i] >= 0 && d < (gsize)kv->kv_heads * kv->head_dim; d++) {
      const gsize slot = (gsize)c->slots[i];
      const gsize to = slot / kv->block_size * kv->block_stride +
                       d / kv->head_dim * kv->head_stride +
                       slot % kv->block_size * kv->token_stride + d % kv->head_dim;
      expected[to] = k[i * c->row_stride + d];
      expected[to + c->v_offset] = v[i * c->row_stride + d];
    }
  return expected;
}

static void
run(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  const Dtype dtype = number % 2 ? DTYPE_FP16 : DTYPE_BF16;
  WriteCase c = {0};

  choose_case(rand, number, &c);
  g_autofree gint64 *slots = c.slots;
  g_autofree guint16 *pool = g_new(guint16, c.pool_elements);
  g_autofree guint16 *k = g_new(guint16, c.new_elements);
  g_autofree guint16 *v = g_new(guint16, c.new_elements);
  random_bytes(rand, (guint8 *)pool, c.pool_elements * sizeof *pool);
  random_elements(rand, dtype, 1, k, c.new_elements);
  random_elements(rand, dtype, 1, v, c.new_elements);
  g_autofree guint16 *expected = expect(&c, pool, k, v);
  g_autoptr(CheckMemory) memory = check_memory_new(context->tamper);
  guint16 *on_gpu =
      check_memory_upload(memory, pool, c.pool_elements * sizeof *pool, CHECK_OUTPUT, "KV pool");
  void *new_k = check_memory_upload(memory, k, c.new_elements * sizeof *k, CHECK_INPUT, "new k");
  void *new_v = check_memory_upload(memory, v, c.new_elements * sizeof *v, CHECK_INPUT, "new v");
  gint64 *slots_on_gpu =
      check_memory_upload(memory, slots, c.num_tokens * sizeof *slots, CHECK_INPUT, "slots");

  result->shape = g_strdup_printf(
      "%s, %" G_GSIZE_FORMAT " tokens, %u heads of %u, blocks of %u, strides %" G_GSIZE_FORMAT
      "/%" G_GSIZE_FORMAT "/%" G_GSIZE_FORMAT,
      check_dtype_name(dtype), c.num_tokens, c.kv.kv_heads, c.kv.head_dim, c.kv.block_size,
      c.kv.block_stride, c.kv.head_stride, c.kv.token_stride);
  if (check_memory_problem(memory) == NULL) {
    c.kv.k = on_gpu;
    c.kv.v = on_gpu + c.v_offset;
    check_memory_called(memory,
                        kv_write(dtype, &c.kv, new_k, new_v, c.row_stride, slots_on_gpu,
                                 c.num_tokens, check_memory_stream(memory)),
                        "kv_write");
  }
  check_memory_settle(memory);
  check_memory_download(memory, pool, on_gpu, c.pool_elements * sizeof *pool);
  check_case_compare_bytes(result, pool, expected, c.pool_elements * sizeof *pool, "KV pool");
  check_case_end(result, memory);
}

const KernelCheck check_kv_write = {
    .name = "kv-write",
    .num_cases = {6, QUICK_CASES, FULL_CASES},
    .run = run,
};
