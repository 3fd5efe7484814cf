/* The cost-model interface: what a step takes, as affine pieces with integer coefficients.
 *
 * calib/ implements it (the roofline, and profiles), the model executor asks it. It is asked for
 * the shape of a step and answers for a run of identical decode steps: repeat i (0, 1, …) takes
 * the sum of base_ps plus i x growth_ps, for i < steps. Because the coefficients are integers,
 * asking for n repeats at once or n times for one (with the contexts grown) gives the same time.
 * A model must therefore keep growth_ps a function of what does not change (the batch), and base_ps
 * affine in contexts.sum with that same slope while inside one piece.
 */
#pragma once

#include "contexts.h"
#include "copy_direction.h"

typedef enum {
  COST_LINEAR, /* projections and feed-forward */
  COST_ATTENTION,
  COST_ELEMENTWISE, /* norms, rotary embedding, activations, residuals, KV write, embedding */
  COST_HEAD,        /* output head and sampling */
  COST_COMM,        /* all-reduce of tensor parallelism */
  COST_HOST,        /* scheduling, input preparation, launches that the device waits for */
  COST_SWAP_OUT,    /* copies to the host that lengthen the step */
  COST_SWAP_IN,
  COST_COMPONENTS
} CostComponent;

/* "linear", as in keys and columns. */
const char *cost_component_name(CostComponent component);

typedef struct {
  guint32 tokens;        /* new tokens of this chunk */
  guint32 cached_tokens; /* before them */
} CostChunk;

typedef struct {
  const CostChunk *prefills;
  guint32 n_prefills;
  DecodeContexts contexts; /* of the sequences that compute one token */
  guint32 sampled;         /* sequences that yield a token */
  guint32 sequences;       /* in the step: prefills + decodes */
  guint32 copy_out_blocks;
  guint32 copy_in_blocks;
} CostShape;

typedef struct {
  gint64 base_ps[COST_COMPONENTS];
  gint64 growth_ps;     /* of COST_ATTENTION, for each repeat after the first */
  guint32 steps;        /* the piece holds for this many repeats, at least 1 */
  gboolean is_modelled; /* all of it is: what follows is not set */
  /* Of base_ps, what comes from measurements and lies inside their range, and what is scaled from
   * measurements near by; the rest is modelled. */
  gint64 measured_ps[COST_COMPONENTS];
  gboolean growth_measured, growth_scaled;
  gint64 scaled_ps[COST_COMPONENTS];
} CostPiece;

/* The first repeat's duration. Written out, as each step asks for it. */
static inline gint64
cost_piece_total_ps(const CostPiece *piece)
{
  const gint64 *ps = piece->base_ps;

  G_STATIC_ASSERT(COST_COMPONENTS == 8);
  return ps[0] + ps[1] + ps[2] + ps[3] + ps[4] + ps[5] + ps[6] + ps[7];
}

/* How much longer a step takes while a copy runs beside it, and the copy while a step does: 0.01 is
 * one percent. */
typedef struct {
  double step, copy;
  gboolean measured;
} CopyContention;

typedef struct CostModel CostModel;

typedef struct {
  const char *name;
  gboolean measures_nothing; /* all that it says is modelled */
  /* The cost of `repeat` identical steps of this shape, or of the first of them (piece->steps). */
  void (*step)(CostModel *self, const CostShape *shape, guint32 repeat, CostPiece *piece);
  /* The time that copying `blocks` KV blocks takes, alone on the link. */
  gint64 (*copy_ps)(CostModel *self, CopyDirection direction, guint32 blocks);
  /* The same cut into copy_stages equal parts, each handed over by itself: what one part takes. */
  double (*layer_copy_ps)(CostModel *self, CopyDirection direction, guint32 blocks);
  /* What such a copy and a step, with prefills or of decodes alone, do to each other. May be NULL:
   * nothing. */
  CopyContention (*contention)(const CostModel *self, CopyDirection direction, gboolean prefills);
  /* TRUE if no step of at most so many tokens takes less because a chunk of it is longer, or has
   * more before it, and no copy because it is of more blocks. May be NULL: nobody knows. */
  gboolean (*rises)(CostModel *self, guint64 tokens);
  /* The spread of the timings behind a component, (p90 - p10) / median; 0 where unknown. May be
   * NULL. */
  double (*spread)(const CostModel *self, CostComponent component);
  void (*free)(CostModel *self);
} CostModelClass;

/* A cost model embeds this as its first member. */
struct CostModel {
  const CostModelClass *class;
  /* A step's copies are made beside its layers (layerwise.h): these make so many equal groups, each
   * of which waits for its part of the copies; 0: the copies are made before the step. */
  guint32 copy_stages;
};

/* Nothing of the piece comes from measurements yet. As all clearing here part by part: as a whole
 * it would be a string instruction, which takes as long as the rest of a step's cost. */
static inline void
cost_piece_clear_measured(CostPiece *piece)
{
  for (guint c = 0; c < COST_COMPONENTS; c++)
    piece->measured_ps[c] = 0;
  piece->growth_measured = piece->growth_scaled = FALSE;
  for (guint c = 0; c < COST_COMPONENTS; c++)
    piece->scaled_ps[c] = 0;
}

static inline void
cost_model_step(CostModel *self, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  for (guint c = 0; c < COST_COMPONENTS; c++)
    piece->base_ps[c] = 0;
  piece->growth_ps = 0;
  if (!self->class->measures_nothing)
    cost_piece_clear_measured(piece);
  piece->steps = repeat;
  self->class->step(self, shape, repeat, piece);
  piece->is_modelled = self->class->measures_nothing; /* not before: a model may ask another */
  g_assert(piece->steps >= 1 && piece->steps <= repeat);
}

/* As the hooks of these names, and what NULL stands for. */
gint64 cost_model_copy_ps(CostModel *self, CopyDirection direction, guint32 blocks);
double cost_model_layer_copy_ps(CostModel *self, CopyDirection direction, guint32 blocks);
CopyContention cost_model_contention(const CostModel *self, CopyDirection direction,
                                     gboolean prefills);
gboolean cost_model_rises(CostModel *self, guint64 tokens);
double cost_model_spread(const CostModel *self, CostComponent component);
/* By how much a step that computes for computes_ps is longer, where a copy of copy_ps (alone)
 * begins with it and both slow each other as long as both run. */
gint64 copy_contention_step_ps(const CopyContention *contention, gint64 copy_ps,
                               gint64 computes_ps);
/* The time of computing `tokens` tokens after `cached_tokens` in a step of their own, host time
 * left out: what recomputing them costs. */
gint64 cost_model_recompute_ps(CostModel *self, guint32 tokens, guint32 cached_tokens);
void cost_model_free(CostModel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CostModel, cost_model_free)
