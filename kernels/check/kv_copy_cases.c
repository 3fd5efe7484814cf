#include "kv_copy_cases.h"

#include "random_data.h"

#include <string.h>

/* Sixteen bytes too many, now and then, so that strides are not always what is in them. */
static size_t
gap_bytes(GRand *rand)
{
  return g_rand_boolean(rand) ? 0 : KV_COPY_VECTOR_BYTES * (size_t)g_rand_int_range(rand, 1, 4);
}

static KvLayout
random_layout(GRand *rand, size_t pool_blocks)
{
  static const size_t piece_vectors[] = {1, 2, 31, 33, 256, 257, 600};
  KvLayout layout = {
      .num_pieces = (uint32_t)g_rand_int_range(rand, 1, 5),
      .piece_bytes = KV_COPY_VECTOR_BYTES *
                     piece_vectors[g_rand_int_range(rand, 0, G_N_ELEMENTS(piece_vectors))],
  };

  if (g_rand_boolean(rand)) { /* a block's pieces are together */
    layout.piece_stride_bytes = layout.piece_bytes + gap_bytes(rand);
    layout.block_stride_bytes = layout.piece_stride_bytes * layout.num_pieces + gap_bytes(rand);
  } else { /* each piece has its own pool */
    layout.block_stride_bytes = layout.piece_bytes + gap_bytes(rand);
    layout.piece_stride_bytes = layout.block_stride_bytes * pool_blocks + gap_bytes(rand);
  }
  return layout;
}

static guint8 *
new_random_bytes(GRand *rand, size_t num_bytes)
{
  guint8 *bytes = g_malloc(num_bytes);

  random_bytes(rand, bytes, num_bytes);
  return bytes;
}

KvCopyCase *
kv_copy_case_new_of(GRand *rand, const KvLayout *layout, size_t pool_blocks, size_t num_blocks)
{
  KvCopyCase *c = g_new0(KvCopyCase, 1);

  c->layout = *layout;
  c->num_blocks = num_blocks;
  c->block_list = random_order(rand, pool_blocks);
  c->pool_bytes =
      pool_blocks * layout->block_stride_bytes + layout->num_pieces * layout->piece_stride_bytes;
  c->buffer_bytes = c->num_blocks * layout->num_pieces * layout->piece_bytes;
  c->pool = new_random_bytes(rand, c->pool_bytes);
  c->buffer = new_random_bytes(rand, c->buffer_bytes);
  return c;
}

KvCopyCase *
kv_copy_case_new(GRand *rand)
{
  const size_t pool_blocks = (size_t)g_rand_int_range(rand, 1, 20);
  const KvLayout layout = random_layout(rand, pool_blocks);
  const size_t num_blocks = (size_t)g_rand_int_range(rand, 1, (gint32)pool_blocks + 1);

  return kv_copy_case_new_of(rand, &layout, pool_blocks, num_blocks);
}

void
kv_copy_case_free(KvCopyCase *c)
{
  g_free(c->pool);
  g_free(c->buffer);
  g_free(c->block_list);
  g_free(c);
}

/* Where in the pool the buffer's byte comes from or goes to. */
static size_t
pool_place(const KvCopyCase *c, size_t buffer_place)
{
  size_t listed_piece = buffer_place / c->layout.piece_bytes;
  size_t block = (size_t)c->block_list[listed_piece / c->layout.num_pieces];

  return block * c->layout.block_stride_bytes +
         listed_piece % c->layout.num_pieces * c->layout.piece_stride_bytes +
         buffer_place % c->layout.piece_bytes;
}

guint8 *
kv_copy_case_gathered(const KvCopyCase *c)
{
  guint8 *buffer = g_malloc(c->buffer_bytes);

  for (size_t i = 0; i < c->buffer_bytes; i++)
    buffer[i] = c->pool[pool_place(c, i)];
  return buffer;
}

guint8 *
kv_copy_case_scattered(const KvCopyCase *c)
{
  guint8 *pool = g_memdup2(c->pool, c->pool_bytes);

  for (size_t i = 0; i < c->buffer_bytes; i++)
    pool[pool_place(c, i)] = c->buffer[i];
  return pool;
}
