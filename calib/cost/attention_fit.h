/* Attention from a profile: one layer of one step, for one number of heads.
 *
 * The measured grid is ragged (each chunk length has its own grid of contexts), so it is kept as
 * nested tables, new_tokens > decodes > cached_tokens > context, and read chunk by chunk, each
 * table on its own grid. Between chunk lengths time is linear in the pairs of tokens that attend to
 * each other, not in the length. Several chunks in one step count as the one chunk that has as many
 * tokens and pairs. Without measured mixed batches prefill and decode are added; with some, steps
 * of both are read from the chunk lengths that have them.
 */
#pragma once

#include "gemm_fit.h"

typedef struct AttentionFit AttentionFit;

typedef struct {
  double new_tokens;    /* of all chunks */
  double cached_tokens; /* of the equivalent chunk; may be negative: many short chunks */
  double decodes;
  double context; /* mean of the decodes' */
} AttentionPoint;

/* What one device holds of a layer, and the dtype of its samples ("bfloat16", "float16+fp8kv":
 * dtype.h), which alone count. */
typedef struct {
  guint32 heads, kv_heads, head_dim;
  const char *dtype; /* needed while a fit is made */
} AttentionHeads;

/* NULL if the profile has no attention for these heads. */
AttentionFit *attention_fit_new(const Profile *profile, const AttentionHeads *heads,
                                SampleFilter skip, gpointer user_data);
void attention_fit_free(AttentionFit *fit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AttentionFit, attention_fit_free)

/* Time of one layer. *measured: inside the grid. */
double attention_fit_ps(const AttentionFit *fit, const AttentionPoint *point, gboolean *measured);

/* Whether it has points with prefills, with decodes, or each, as asked. A table may hold one alone.
 */
gboolean attention_fit_has(const AttentionFit *fit, gboolean prefills, gboolean decodes);

/* The contexts at which a decode batch of this size has points: nodes of its affine pieces. The
 * caller frees. */
double *attention_fit_contexts(const AttentionFit *fit, double decodes, guint *n);
