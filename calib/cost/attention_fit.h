/* Attention from a profile: one layer of one step, for one number of heads.
 *
 * The measured grid is ragged (each chunk length has its own grid of contexts), so it is kept as
 * nested tables, new_tokens > decodes > cached_tokens > context, and read chunk by chunk, each
 * table on its own grid. Between chunk lengths time is linear in the pairs of tokens that attend to
 * each other, not in the length. Several chunks in one step count as the one chunk that has as many
 * tokens and pairs; of latent and sparse attention samples of several prompts are points so. With
 * a window, contexts and cached tokens count up to the window: the caller
 * cuts them, and of the samples that are cut alike one counts. Where no mixed batches were
 * measured, the times of prefill and decode are added; where some were, steps with both are read
 * from the chunk lengths that have them.
 */
#pragma once

#include "gemm_fit.h"
#include "mixer_table.h"

typedef struct AttentionFit AttentionFit;

typedef struct {
  double new_tokens;    /* of all chunks */
  double cached_tokens; /* of the equivalent chunk; may be negative: many short chunks */
  double decodes;
  double context; /* mean of the decodes' */
} AttentionPoint;

/* The time of a chunk of new_tokens after `to` cached ones, of ps after `from`: in the shape that
 * another model of the cost gives it. */
typedef double (*AttentionDraw)(gpointer user_data, double ps, double new_tokens, double from,
                                double to);

/* NULL if the profile has no attention for these heads. */
AttentionFit *attention_fit_new(const Profile *profile, const AttentionKey *key, SampleFilter skip,
                                gpointer user_data);
void attention_fit_free(AttentionFit *fit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AttentionFit, attention_fit_free)

/* How a chunk length is drawn to cached tokens that its samples say nothing about, as they may lie
 * elsewhere than those of the next length. Without, along the line through its last samples. */
void attention_fit_draw_by(AttentionFit *fit, AttentionDraw draw, gpointer user_data);

/* Time of one layer, in picoseconds. *measured: the point is inside the grid. */
double attention_fit_ps(const AttentionFit *fit, const AttentionPoint *point, gboolean *measured);

/* As many cached tokens as the samples of chunks of this length, or of the two beside it, say
 * anything about: `cached`, also where the two were measured at tokens that do not overlap, as each
 * is drawn to it by itself, or the most or the fewest that were measured where `cached` is further
 * beyond these than they are apart, a few times; below 0 of several prompts. A line through two
 * near points is noise far from them. */
double attention_fit_reach(const AttentionFit *fit, double new_tokens, double cached);

/* Pairs of a query and a key for n tokens after c visible ones: n c + n (n + 1) / 2, or fewer with
 * a window. */
double attention_fit_pairs(const AttentionFit *fit, double n, double c);

/* Whether it has points with prefills, with decodes, or each, as asked. A table may hold one alone.
 */
gboolean attention_fit_has(const AttentionFit *fit, gboolean prefills, gboolean decodes);

/* The contexts at which a decode batch of this size has points: nodes of its affine pieces. The
 * caller frees. */
double *attention_fit_contexts(const AttentionFit *fit, double decodes, guint *n);
