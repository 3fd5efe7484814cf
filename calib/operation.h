/* Operations: what a profile can hold measurements of, and the shape that each is keyed by.
 *
 * A sample is one operation at one shape with one dtype, timed; a variant tells kinds of the same
 * operation apart (which elementwise operation, which copy path). The table is the one place that
 * names operations and their shape fields: the store, the text form, the importers, the fits and
 * the checks go by it.
 *
 *   gemm            m, n, k                       (m x k) by (k x n); m is tokens or sequences
 *   elementwise     tokens, width                 variant: the ELEMENTWISE_* below
 *   attention       prefills, new_tokens, cached_tokens, decodes, context, heads, kv_heads,
 * head_dim one layer of one step: `prefills` chunks of new_tokens after cached_tokens each,
 *                   together with `decodes` sequences that read `context` tokens each; either may
 * be 0 attention_skew  new_tokens, cached_tokens, decodes, big_decodes, context, big_context,
 * heads, kv_heads, head_dim; variant mean, max or skew: the same batch with every context at the
 * mean, at the largest, or as it is. Only ratios count. sampling        sequences, vocab all_reduce
 * bytes, ranks copy            piece_bytes, pieces           variant: h2d|d2h|both /
 * pinned|pageable / single|batched|kernel host            sequences, tokens             variant:
 * the scheduler; time a step beyond its kernels (scheduler + "/eager": of a step that is no
 * captured graph)
 *
 * All times are of one device of a tensor-parallel group, for one layer where layers repeat; heads,
 * n, k and width are what that device holds.
 */
#pragma once

#include <glib.h>

enum { OPERATION_SHAPE_MAX = 9 };

typedef enum {
  OP_GEMM,
  OP_ELEMENTWISE,
  OP_ATTENTION,
  OP_ATTENTION_SKEW,
  OP_SAMPLING,
  OP_ALL_REDUCE,
  OP_COPY,
  OP_HOST,
  OPERATIONS
} OperationKind;

typedef struct {
  const char *name;
  const char *help;
  const char *shape[OPERATION_SHAPE_MAX]; /* field names, NULL after the last */
  gboolean has_variant;
} Operation;

extern const Operation operations[OPERATIONS];

guint operation_n_shape(OperationKind kind);
/* FALSE if there is none of that name. */
gboolean operation_find(const char *name, OperationKind *kind);

/* Variants of OP_ELEMENTWISE, and what `width` is. */
#define ELEMENTWISE_EMBEDDING "embedding" /* hidden */
#define ELEMENTWISE_NORM "norm"           /* hidden; before attention and before the feed-forward */
#define ELEMENTWISE_FINAL_NORM "final_norm" /* hidden */
#define ELEMENTWISE_ROPE "rope"             /* (heads + kv_heads) x head_dim */
#define ELEMENTWISE_ACTIVATION "activation" /* ffn */
#define ELEMENTWISE_RESIDUAL "residual"     /* hidden; where it is not fused into the norm */
#define ELEMENTWISE_KV_WRITE "kv_write"     /* 2 x kv_heads x head_dim */
