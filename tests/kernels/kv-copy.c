/* The reference of the KV copies against the header's formula, byte by byte: what is listed is
 * copied, and nothing beside it is touched. */
#include "kernels/check/kv_copy_cases.h"

#include <string.h>

enum { CASES = 200 };

static void
test_gather(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);

  for (int i = 0; i < CASES; i++) {
    g_autoptr(KvCopyCase) c = kv_copy_case_new(rand);
    g_autofree guint8 *expected = kv_copy_case_gathered(c);

    g_assert_true(kv_layout_is_valid(&c->layout));
    kv_gather_reference(&c->layout, c->pool, c->block_list, c->num_blocks, c->buffer);
    g_assert_cmpmem(c->buffer, c->buffer_bytes, expected, c->buffer_bytes);
  }
}

static void
test_scatter(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(2);

  for (int i = 0; i < CASES; i++) {
    g_autoptr(KvCopyCase) c = kv_copy_case_new(rand);
    g_autofree guint8 *expected = kv_copy_case_scattered(c);

    kv_scatter_reference(&c->layout, c->pool, c->block_list, c->num_blocks, c->buffer);
    g_assert_cmpmem(c->pool, c->pool_bytes, expected, c->pool_bytes);
  }
}

/* Out and in again, into a pool that was overwritten meanwhile: the listed blocks are back. */
static void
test_round_trip(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(3);

  for (int i = 0; i < CASES; i++) {
    g_autoptr(KvCopyCase) c = kv_copy_case_new(rand);
    g_autofree guint8 *before = g_memdup2(c->pool, c->pool_bytes);
    g_autofree guint8 *poison = g_malloc(c->buffer_bytes);

    memset(poison, 0xa5, c->buffer_bytes);
    kv_gather_reference(&c->layout, c->pool, c->block_list, c->num_blocks, c->buffer);
    kv_scatter_reference(&c->layout, c->pool, c->block_list, c->num_blocks, poison);
    kv_scatter_reference(&c->layout, c->pool, c->block_list, c->num_blocks, c->buffer);
    g_assert_cmpmem(c->pool, c->pool_bytes, before, c->pool_bytes);
  }
}

static void
test_no_blocks(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(4);
  g_autoptr(KvCopyCase) c = kv_copy_case_new(rand);
  g_autofree guint8 *pool = g_memdup2(c->pool, c->pool_bytes);
  g_autofree guint8 *buffer = g_memdup2(c->buffer, c->buffer_bytes);

  kv_gather_reference(&c->layout, c->pool, c->block_list, 0, c->buffer);
  kv_scatter_reference(&c->layout, c->pool, c->block_list, 0, c->buffer);
  g_assert_cmpmem(c->buffer, c->buffer_bytes, buffer, c->buffer_bytes);
  g_assert_cmpmem(c->pool, c->pool_bytes, pool, c->pool_bytes);
}

static void
test_invalid_layouts(void)
{
  static const KvLayout invalid[] = {
      {.block_stride_bytes = 64, .piece_stride_bytes = 64, .piece_bytes = 64, .num_pieces = 0},
      {.block_stride_bytes = 64, .piece_stride_bytes = 64, .piece_bytes = 0, .num_pieces = 1},
      {.block_stride_bytes = 64, .piece_stride_bytes = 64, .piece_bytes = 40, .num_pieces = 1},
      {.block_stride_bytes = 72, .piece_stride_bytes = 64, .piece_bytes = 64, .num_pieces = 1},
      {.block_stride_bytes = 64, .piece_stride_bytes = 8, .piece_bytes = 64, .num_pieces = 1},
  };

  for (gsize i = 0; i < G_N_ELEMENTS(invalid); i++)
    g_assert_false(kv_layout_is_valid(&invalid[i]));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/kv-copy/gather", test_gather);
  g_test_add_func("/kv-copy/scatter", test_scatter);
  g_test_add_func("/kv-copy/round-trip", test_round_trip);
  g_test_add_func("/kv-copy/no-blocks", test_no_blocks);
  g_test_add_func("/kv-copy/invalid-layouts", test_invalid_layouts);
  return g_test_run();
}
