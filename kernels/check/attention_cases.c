#include "attention_cases.h"

#include "parallel.h"
#include "random_data.h"

#include <math.h>
#include <string.h>

enum { ALIGNED_ELEMENTS = 8 };                            /* 16 bytes of a 16-bit type */
enum { ALL_CHECKED_CONTEXT = 1000, SOME_CHECKED = 1000 }; /* a row takes the time of its keys */

/* The sequences before they are paged. */
typedef struct {
  float *k, *v;  /* [tokens of all sequences][kv_heads][head_dim] */
  gsize *starts; /* the first token of each */
  gsize num_tokens;
} Dense;

static float *
new_random_floats(GRand *rand, Dtype dtype, gsize count, double scale)
{
  float *values = g_new(float, count);

  random_floats(rand, dtype, scale, values, count);
  return values;
}

static float *
poisoned_floats(gsize count)
{
  float *values = g_new(float, count);

  for (gsize i = 0; i < count; i++)
    values[i] = NAN;
  return values;
}

static gsize
gap(GRand *rand)
{
  return g_rand_boolean(rand) ? 0 : ALIGNED_ELEMENTS * (gsize)g_rand_int_range(rand, 1, 4);
}

/* Heads before tokens or after, K and V of a block together or each its own pool, with gaps. */
static void
choose_layout(GRand *rand, AttentionCase *c, gsize *v_offset)
{
  PagedKv *kv = &c->kv;
  gsize block_elements;

  if (g_rand_boolean(rand)) {
    kv->token_stride = kv->head_dim + gap(rand);
    kv->head_stride = kv->token_stride * kv->block_size + gap(rand);
    block_elements = kv->head_stride * kv->kv_heads;
  } else {
    kv->head_stride = kv->head_dim + gap(rand);
    kv->token_stride = kv->head_stride * kv->kv_heads + gap(rand);
    block_elements = kv->token_stride * kv->block_size;
  }
  if (g_rand_boolean(rand)) {
    *v_offset = block_elements;
    kv->block_stride = 2 * block_elements + gap(rand);
    c->pool_elements = kv->block_stride * c->num_blocks;
  } else {
    kv->block_stride = block_elements + gap(rand);
    *v_offset = kv->block_stride * c->num_blocks;
    c->pool_elements = 2 * *v_offset;
  }
}

/* Deals random blocks to the sequences. Entries after a sequence's last block are far outside of
 * the pool. */
static void
deal_blocks(GRand *rand, AttentionCase *c)
{
  AttentionBatch *batch = &c->batch;
  guint32 longest = 0;
  gsize used = 0;
  gint32 *table;

  for (guint32 s = 0; s < batch->num_sequences; s++) {
    guint32 blocks = ((guint32)batch->context_lens[s] + c->kv.block_size - 1) / c->kv.block_size;
    longest = MAX(longest, blocks);
    used += blocks;
  }
  c->num_blocks = used + (gsize)g_rand_int_range(rand, 1, 4);
  batch->block_table_stride = longest + (guint32)g_rand_int_range(rand, 0, 3);
  table = g_new(gint32, (gsize)batch->num_sequences * batch->block_table_stride);
  batch->block_tables = table;

  g_autofree gint32 *blocks = random_order(rand, c->num_blocks);
  gsize dealt = 0;
  for (guint32 s = 0; s < batch->num_sequences; s++)
    for (guint32 i = 0; i < batch->block_table_stride; i++)
      table[s * batch->block_table_stride + i] =
          i * c->kv.block_size < (guint32)batch->context_lens[s] ? blocks[dealt++] : G_MAXINT32;
}

static void
fill_pool(AttentionCase *c, const Dense *dense, gsize v_offset)
{
  const PagedKv *kv = &c->kv;
  const gsize row = (gsize)kv->kv_heads * kv->head_dim;

  for (guint32 s = 0; s < c->batch.num_sequences; s++)
    for (guint32 t = 0; t < (guint32)c->batch.context_lens[s]; t++) {
      const gint32 *table = c->batch.block_tables + (gsize)s * c->batch.block_table_stride;
      float *to = c->pool + (gsize)table[t / kv->block_size] * kv->block_stride +
                  t % kv->block_size * kv->token_stride;
      for (guint32 h = 0; h < kv->kv_heads; h++) {
        gsize from = (dense->starts[s] + t) * row + h * kv->head_dim;
        memcpy(to + h * kv->head_stride, dense->k + from, kv->head_dim * sizeof(float));
        memcpy(to + v_offset + h * kv->head_stride, dense->v + from, kv->head_dim * sizeof(float));
      }
    }
}

/* softmax(scale * q k^T) v of one row, from the dense sequence. */
static void
expect_row(const AttentionCase *c, const Dense *dense, gsize first_token, gsize num_keys,
           guint32 head, const float *q, double *out)
{
  const guint32 dim = c->kv.head_dim, kv_head = head * c->kv.kv_heads / c->shape.heads;
  const gsize row = (gsize)c->kv.kv_heads * dim;
  const float *k = dense->k + first_token * row + kv_head * dim;
  const float *v = dense->v + first_token * row + kv_head * dim;
  g_autofree double *scores = g_new0(double, num_keys);
  double largest = -INFINITY, sum = 0;

  for (gsize j = 0; j < num_keys; j++) {
    for (guint32 d = 0; d < dim; d++)
      scores[j] += (double)q[d] * (double)k[j * row + d];
    scores[j] *= (double)c->shape.scale;
    largest = MAX(largest, scores[j]);
  }
  for (gsize j = 0; j < num_keys; j++) {
    scores[j] = exp(scores[j] - largest);
    sum += scores[j];
  }
  for (guint32 d = 0; d < dim; d++)
    out[d] = 0;
  for (gsize j = 0; j < num_keys; j++)
    for (guint32 d = 0; d < dim; d++)
      out[d] += scores[j] / sum * (double)v[j * row + d];
}

typedef struct {
  AttentionCase *c;
  const Dense *dense;
} Expecting;

static void
expect_checked(gpointer data, gsize i)
{
  const Expecting *expecting = data;
  AttentionCase *c = expecting->c;
  const gsize row = c->checked[i] / c->shape.heads, head = c->checked[i] % c->shape.heads;
  const gint32 *starts = c->batch.query_starts;
  guint32 s = 0;

  while ((gsize)starts[s + 1] <= row)
    s++;
  expect_row(c, expecting->dense, expecting->dense->starts[s],
             (gsize)c->batch.context_lens[s] - ((gsize)starts[s + 1] - row) + 1, (guint32)head,
             c->q + row * c->shape.q_row_stride + head * c->kv.head_dim,
             c->expected + i * c->kv.head_dim);
}

/* Chooses the rows and heads that are compared: all, or the last, which sees most keys, and random
 * others. */
static void
choose_checked(GRand *rand, AttentionCase *c, gsize max_checked)
{
  const gsize all = (gsize)c->batch.query_starts[c->batch.num_sequences] * c->shape.heads;
  const gboolean sampled = max_checked > 0 && max_checked < all;

  c->num_checked = sampled ? max_checked : all;
  c->checked = g_new(gsize, c->num_checked);
  for (gsize i = 0; i < c->num_checked; i++)
    c->checked[i] = sampled ? (gsize)g_rand_double_range(rand, 0, (double)all) : i;
  if (sampled)
    c->checked[0] = all - 1;
}

static void
expect(AttentionCase *c, const Dense *dense)
{
  Expecting expecting = {c, dense};

  c->expected = g_new(double, c->num_checked * c->kv.head_dim);
  parallel_for(c->num_checked, expect_checked, &expecting);
}

static void
make_queries(GRand *rand, Dtype dtype, AttentionCase *c, double spread)
{
  const gsize rows = (gsize)c->batch.query_starts[c->batch.num_sequences];
  const gsize width = (gsize)c->shape.heads * c->kv.head_dim;
  g_autofree float *q = new_random_floats(rand, dtype, rows * width, spread);

  c->shape.q_row_stride = width + gap(rand);
  c->shape.out_row_stride = width + gap(rand);
  c->q_elements = rows * c->shape.q_row_stride;
  c->out_elements = rows * c->shape.out_row_stride;
  c->q = poisoned_floats(c->q_elements);
  for (gsize i = 0; i < rows; i++)
    memcpy(c->q + i * c->shape.q_row_stride, q + i * width, width * sizeof(float));
}

static void
dense_init(GRand *rand, Dtype dtype, const AttentionSpec *spec, Dense *dense)
{
  const gsize row = (gsize)spec->kv_heads * spec->head_dim;

  dense->num_tokens = 0;
  dense->starts = g_new(gsize, spec->num_sequences);
  for (guint32 s = 0; s < spec->num_sequences; s++) {
    dense->starts[s] = dense->num_tokens;
    dense->num_tokens += (gsize)spec->context_lens[s];
  }
  dense->k = new_random_floats(rand, dtype, dense->num_tokens * row, 1);
  dense->v = new_random_floats(rand, dtype, dense->num_tokens * row, 1);
}

static void
dense_clear(Dense *dense)
{
  g_free(dense->k);
  g_free(dense->v);
  g_free(dense->starts);
}

AttentionCase *
attention_case_new(GRand *rand, Dtype dtype, const AttentionSpec *spec, double spread)
{
  AttentionCase *c = g_new0(AttentionCase, 1);
  gint32 *starts = g_new0(gint32, spec->num_sequences + 1);
  gsize v_offset;
  Dense dense;

  for (guint32 s = 0; s < spec->num_sequences; s++)
    starts[s + 1] = starts[s] + spec->new_tokens[s];
  c->batch.num_sequences = spec->num_sequences;
  c->batch.query_starts = starts;
  c->batch.context_lens = g_memdup2(spec->context_lens, spec->num_sequences * sizeof(gint32));
  c->shape.heads = spec->heads;
  c->shape.scale = (float)(1 / sqrt(spec->head_dim));
  c->kv.kv_heads = spec->kv_heads;
  c->kv.head_dim = spec->head_dim;
  c->kv.block_size = spec->block_size;

  dense_init(rand, dtype, spec, &dense);
  deal_blocks(rand, c);
  choose_layout(rand, c, &v_offset);
  c->pool = poisoned_floats(c->pool_elements);
  c->kv.k = c->pool;
  c->kv.v = c->pool + v_offset;
  fill_pool(c, &dense, v_offset);
  make_queries(rand, dtype, c, spread);
  choose_checked(rand, c, spec->max_checked);
  expect(c, &dense);
  dense_clear(&dense);
  return c;
}

AttentionCase *
attention_case_random(GRand *rand, Dtype dtype, guint32 head_dim, gint32 max_context,
                      gint32 decodes_percent)
{
  static const guint32 block_sizes[] = {1, 3, 8, 16, 32, 256};
  gint32 new_tokens[4], context_lens[4];
  AttentionSpec spec = {
      .kv_heads = (guint32)g_rand_int_range(rand, 1, 3),
      .head_dim = head_dim,
      .block_size = block_sizes[g_rand_int_range(rand, 0, G_N_ELEMENTS(block_sizes))],
      .num_sequences = (guint32)g_rand_int_range(rand, 1, 5),
      .new_tokens = new_tokens,
      .context_lens = context_lens,
      .max_checked = max_context <= ALL_CHECKED_CONTEXT ? 0 : SOME_CHECKED,
  };

  spec.heads = spec.kv_heads * (guint32)g_rand_int_range(rand, 1, 9);
  for (guint32 s = 0; s < spec.num_sequences; s++) {
    gint32 longest = g_rand_int_range(rand, 0, 4) == 0 ? 20 : max_context;
    context_lens[s] = g_rand_int_range(rand, 1, longest + 1);
    if (g_rand_int_range(rand, 0, 100) < decodes_percent)
      new_tokens[s] = 1;
    else if (g_rand_boolean(rand))
      new_tokens[s] = context_lens[s];
    else
      new_tokens[s] = g_rand_int_range(rand, 1, context_lens[s] + 1);
  }
  return attention_case_new(rand, dtype, &spec, g_rand_boolean(rand) ? 1 : 30);
}

void
attention_case_free(AttentionCase *c)
{
  g_free((gpointer)c->batch.query_starts);
  g_free((gpointer)c->batch.context_lens);
  g_free((gpointer)c->batch.block_tables);
  g_free(c->pool);
  g_free(c->q);
  g_free(c->checked);
  g_free(c->expected);
  g_free(c);
}

Comparison
attention_case_compare(const AttentionCase *c, const float *out)
{
  const gsize dim = c->kv.head_dim, heads = c->shape.heads;
  const gsize rows = (gsize)c->batch.query_starts[c->batch.num_sequences];
  Comparison worst = {0};

  for (gsize row = 0; row < rows; row++)
    if (comparison_has_nan(out + row * c->shape.out_row_stride, heads * dim))
      return (Comparison){NAN, NAN};
  for (gsize i = 0; i < c->num_checked; i++) {
    const gsize row = c->checked[i] / heads, head = c->checked[i] % heads;
    comparison_add(&worst, compare_row(out + row * c->shape.out_row_stride + head * dim,
                                       c->expected + i * dim, dim));
  }
  return worst;
}

double
attention_case_error(const AttentionCase *c, const float *out)
{
  return attention_case_compare(c, out).error;
}

gboolean
attention_case_gaps_are_untouched(const AttentionCase *c, const float *out)
{
  const gsize width = (gsize)c->shape.heads * c->kv.head_dim;

  for (gsize i = 0; i < c->out_elements; i++)
    if (i % c->shape.out_row_stride >= width && !isnan(out[i]))
      return FALSE;
  return TRUE;
}

char *
attention_case_describe(const AttentionCase *c)
{
  enum { LISTED = 4 };
  const AttentionBatch *batch = &c->batch;
  GString *text = g_string_new(NULL);
  gint32 longest = 0;

  g_string_printf(text, "heads %u/%u of %u, blocks of %u, new/context", c->shape.heads,
                  c->kv.kv_heads, c->kv.head_dim, c->kv.block_size);
  for (guint32 s = 0; s < batch->num_sequences; s++) {
    longest = MAX(longest, batch->context_lens[s]);
    if (s < LISTED)
      g_string_append_printf(text, " %d/%d", batch->query_starts[s + 1] - batch->query_starts[s],
                             batch->context_lens[s]);
  }
  if (batch->num_sequences > LISTED)
    g_string_append_printf(text, " and %u more, the longest %d", batch->num_sequences - LISTED,
                           longest);
  return g_string_free(text, FALSE);
}
