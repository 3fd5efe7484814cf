/* Random batches of attention over a paged pool, with what they should give; shared by the tests
 * of the reference, of the kernels in the emulator, and of the kernels on a GPU.
 *
 * Sequences are made dense, and only then cut into blocks and strewn over the pool: `expected`
 * never saw a block table. What no token owns, in the pool and between rows, is NaN.
 */
#pragma once

#include "comparison.h"
#include "kernels/attention.h"

typedef struct {
  guint32 heads, kv_heads, head_dim, block_size;
  guint32 num_sequences;
  const gint32 *new_tokens, *context_lens; /* a sequence */
  gsize max_checked;                       /* rows times heads whose result is worked out; 0: all */
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

/* `spread` is how far scores lie from zero: 1 is usual, 30 leaves a row but a few keys. */
AttentionCase *attention_case_new(GRand *rand, Dtype dtype, const AttentionSpec *spec,
                                  double spread);
/* Small and nasty: up to 4 sequences of up to `max_context` tokens, groups of 1 to 8, any of the
 * block sizes; `decodes_percent` of them decodes. */
AttentionCase *attention_case_random(GRand *rand, Dtype dtype, guint32 head_dim, gint32 max_context,
                                     gint32 decodes_percent);
void attention_case_free(AttentionCase *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AttentionCase, attention_case_free)

/* ‖out - expected‖ / ‖expected‖ of the row and head where that is largest; NaN never passes for
 * small, whether that row is checked or not. `out` is as the kernels leave it, in rows of
 * out_row_stride. */
double attention_case_error(const AttentionCase *c, const float *out);
Comparison attention_case_compare(const AttentionCase *c, const float *out);
/* Whether what lies between and behind out's rows is still NaN. */
gboolean attention_case_gaps_are_untouched(const AttentionCase *c, const float *out);
/* The case in one line, for messages; of many sequences, the longest. */
char *attention_case_describe(const AttentionCase *c);
