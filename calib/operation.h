/* Operations: what a profile can hold measurements of, and the shape that each is keyed by.
 *
 * A sample is one operation at one shape with one dtype, timed; a variant tells kinds of the same
 * operation apart (which elementwise operation, which copy path). The table is the one place that
 * names operations and their shape fields: the store, the text form, the importers, the fits and
 * the checks go by it.
 *
 *   gemm            m, n, k: (m x k) by (k x n); m is tokens or sequences
 *   elementwise     tokens, width; variant: the ELEMENTWISE_* below
 *   attention       prefills, new_tokens, cached_tokens, decodes, context, heads, kv_heads,
 *                   head_dim: one layer of one step, `prefills` chunks of new_tokens after
 *                   cached_tokens each, together with `decodes` sequences that read `context`
 *                   tokens each; either may be 0
 *   attention_skew  new_tokens, cached_tokens, decodes, big_decodes, context, big_context, heads,
 *                   kv_heads, head_dim; variant mean, max or skew: the same batch with every
 *                   context at the mean, at the largest, or as it is. Only ratios count
 *   sampling        sequences, vocab; variant: "" at temperature 1 among all tokens, as servers do
 *                   by default, SAMPLING_GREEDY the likeliest token
 *   all_reduce      bytes, ranks
 *   copy            piece_bytes, pieces, of both each way at once; variant: h2d|d2h|both /
 *                   pinned|pageable / single|batched|kernel
 *   host            sequences, tokens; variant: the scheduler. A step's time beyond its kernels
 *                   (scheduler + "/eager": of a step that is no captured graph)
 *   copy_submit     as copy: what the host takes to hand the copy over
 *   beside          piece_bytes, pieces; variant: gemm|decode / a copy's / alone|beside, the time
 *                   of the kernel, or copy-alone|copy-beside, of the copy. Only ratios count
 *   ceiling         work; variant: CEILING_*. FLOPs, bytes or launches
 *   step            new_tokens, cached_tokens, decodes, context, layers, hidden, ffn, heads,
 *                   kv_heads; variant graph or eager: a whole step, as an executor runs it
 *   attention_window  as attention, and window: each token sees the last `window` tokens alone
 *   mla             attention over one latent vector a token, as attention: prefills, new_tokens,
 *                   cached_tokens, decodes, context, heads, latent_dim, rope_dim, value_dim;
 *                   variant: "" the kernels, MLA_SPARSE those over the tokens that an indexer
 *                   picks, with its own, or what a block's time holds with its products
 *                   (ATTENTION_BLOCK, the architecture, the products' dtype; behind them
 *                   ATTENTION_SHARED where it takes the tokens that a layer before it picked)
 *   moe             tokens, hidden, ffn, active, experts, moe_tp, moe_ep, touched: the routed
 *                   experts of one layer, of which a token passes `active`; ffn is an expert's
 *                   width before it is split; variant: how tokens are drawn (balanced,
 *                   power_law_1.2 …), or MOE_TOUCHED: a batch reads `touched` experts (else 0),
 *                   and router and shared experts are in the time
 *   recurrent       sequences, tokens, hidden, groups, state_dim, heads, head_dim, conv, chunk: a
 *                   kernel of a layer with a state (Mamba 2, gated delta), over sequences of
 *                   `tokens` each; variant: the layer's kind / the kernel / prefill or decode
 *   launch          kernels: what so many kernels of the tables, each timed as it is launched by
 *                   itself, take less in a captured graph
 *   attention_sparse  as attention, and picked: each token sees so many tokens, which an indexer
 *                   picks; variant: "" the kernels, the indexer's too, or a block as of mla
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
  OP_COPY_SUBMIT,
  OP_BESIDE,
  OP_CEILING,
  OP_STEP,
  OP_ATTENTION_WINDOW,
  OP_MLA,
  OP_MOE,
  OP_RECURRENT,
  OP_LAUNCH,
  OP_ATTENTION_SPARSE,
  OPERATIONS
} OperationKind;

/* Databases of spillway 0.2.0 have no view of this one and those behind it. */
#define OPERATION_FIRST_LATER OP_LAUNCH

typedef struct {
  const char *name;
  const char *help;
  const char *shape[OPERATION_SHAPE_MAX]; /* field names, NULL after the last */
  gboolean has_variant;
} Operation;

extern const Operation operations[OPERATIONS];

guint operation_n_shape(OperationKind kind);
/* Whether this program's own kernels compute it, whose kind then tells samples apart
 * (profile_kernels.h). */
gboolean operation_is_of_kernels(OperationKind kind);
/* FALSE if there is none of that name. */
gboolean operation_find(const char *name, OperationKind *kind);
/* "gemm, elementwise, … or step"; the caller frees it. */
char *operation_names(void);

/* Variants of OP_ELEMENTWISE, and what `width` is. */
#define SAMPLING_GREEDY "greedy"

#define ELEMENTWISE_EMBEDDING "embedding" /* hidden */
#define ELEMENTWISE_NORM "norm"           /* hidden; before attention and before the feed-forward */
#define ELEMENTWISE_FINAL_NORM "final_norm" /* hidden */
#define ELEMENTWISE_QK_NORM "qk_norm"       /* as rope; where queries and keys have norms */
#define ELEMENTWISE_ROPE "rope"             /* (heads + kv_heads) x head_dim */
#define ELEMENTWISE_ACTIVATION "activation" /* ffn */
#define ELEMENTWISE_RESIDUAL "residual"     /* hidden; where it is not fused into the norm */
#define ELEMENTWISE_KV_WRITE "kv_write"     /* 2 x kv_heads x head_dim */

/* Of OP_ELEMENTWISE, what quantizes a product's input: width is k. */
#define ELEMENTWISE_QUANTIZE_SCALE "quantize_scale" /* finding the scale */
#define ELEMENTWISE_QUANTIZE "quantize"             /* dividing by it */

/* The variant of OP_MOE whose `touched` counts. */
#define MOE_TOUCHED "touched"
/* Variants of OP_MLA and OP_ATTENTION_SPARSE that begin so hold a block's products, too:
 * "block/ARCHITECTURE/DTYPE", and its ending for layers without an indexer of their own. */
#define ATTENTION_BLOCK "block/"
#define ATTENTION_SHARED "/shared"
/* Of OP_MLA: kernels over picked tokens, and those that pick them. */
#define MLA_SPARSE "sparse"

/* Variants of OP_CEILING. */
#define CEILING_GEMM "gemm"     /* FLOPs of a large product */
#define CEILING_COPY "copy"     /* bytes read and bytes written, together */
#define CEILING_READ "read"     /* bytes read */
#define CEILING_LAUNCH "launch" /* empty kernels in a row */
#define CEILING_H2D "h2d"       /* bytes over the link, pinned */
#define CEILING_D2H "d2h"
#define CEILING_BOTH "both" /* half of the bytes each way, at once */

/* Variants of OP_STEP: the kernels of a step submitted as one captured graph, or one by one. */
#define STEP_GRAPH "graph"
#define STEP_EAGER "eager"
