/* Random batches of attention over a paged pool, with the expected results; shared by the tests of
 * the reference, of the kernels in the emulator, and of the kernels on a GPU.
 *
 * Sequences are generated dense, and then cut into blocks that are scattered over the pool:
 * `expected` does not depend on a block table. Elements of the pool and between rows that belong to
 * no token are NaN.
 */
#pragma once

#include "comparison.h"
#include "kernels/attention.h"

typedef struct {
  guint32 heads, kv_heads, head_dim, block_size;
  guint32 num_sequences;
  const gint32 *new_tokens, *context_lens; /* of each sequence */
  gsize max_checked; /* how many rows times heads have an expected result; 0: all */
} AttentionSpec;

typedef struct {
  AttentionShape shape;
  AttentionBatch batch;
  PagedKv kv; /* into pool */
  gsize pool_elements, q_elements, out_elements;
  gsize num_blocks; /* in the pool, used or not */
  float *pool, *q;  /* rounded to the element type */
  gsize num_checked;
  gsize *checked;   /* row * heads + head of each */
  double *expected; /* [num_checked][head_dim] */
} AttentionCase;

/* spread: the standard deviation of the scores; 1 is usual, with 30 a few keys have all the weight.
 */
AttentionCase *attention_case_new(GRand *rand, Dtype dtype, const AttentionSpec *spec,
                                  double spread);
/* A small case: up to 4 sequences of up to `max_context` tokens, 1 to 8 query heads a KV head, any
 * block size; decodes_percent of the sequences are decodes. */
AttentionCase *attention_case_random(GRand *rand, Dtype dtype, guint32 head_dim, gint32 max_context,
                                     gint32 decodes_percent);
void attention_case_free(AttentionCase *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AttentionCase, attention_case_free)

/* ‖out - expected‖ / ‖expected‖ of the row and head where that is largest; NaN where any row,
 * checked or not, has a NaN. `out` is as the kernels write it, in rows of out_row_stride. */
double attention_case_error(const AttentionCase *c, const float *out);
Comparison attention_case_compare(const AttentionCase *c, const float *out);
/* Whether the elements between and after out's rows are still NaN. */
gboolean attention_case_gaps_are_untouched(const AttentionCase *c, const float *out);
/* The case in one line, for messages; of many sequences, the longest. */
char *attention_case_describe(const AttentionCase *c);
