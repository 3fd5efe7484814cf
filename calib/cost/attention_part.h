/* One step's attention in the layers that share a mixer: from a profile's fit, or from the roofline
 * of those layers.
 *
 * A step of decodes alone is affine pieces over the visible contexts. A step with prefills is one
 * kernel over one equivalent chunk.
 */
#pragma once

#include "attention_fit.h"
#include "attention_skew.h"
#include "roofline.h"

typedef struct AttentionPart AttentionPart;

typedef struct {
  AttentionFit *fit;           /* taken over; NULL: all is modelled */
  AttentionSkew *skew;         /* taken over; NULL: not known */
  CostModel *roofline, *plain; /* of these layers, with and without the what-if scales; borrowed */
  guint32 layers;
  ContextWindow window; /* 0 tokens: none */
  gboolean is_scaled;   /* the two rooflines differ */
  /* Far beyond the cached tokens that were measured the roofline says what more of them take; its
   * time is scaled as at the last ones, unless the samples hold products, too. */
  gboolean is_extended, has_products;
} AttentionPartConfig;

AttentionPart *attention_part_new(const AttentionPartConfig *config);
void attention_part_free(AttentionPart *part);

/* Sets base_ps[COST_ATTENTION], growth_ps and steps of a cleared piece, and what of them is
 * measured. The shape has work. */
void attention_part_step(AttentionPart *part, const CostShape *shape, guint32 repeat,
                         CostPiece *piece);

/* Whether a fit is behind it. */
gboolean attention_part_is_measured(const AttentionPart *part);
/* What the what-if scales make of the layers' roofline. */
double attention_part_scale(const AttentionPart *part, const CostShape *shape);
