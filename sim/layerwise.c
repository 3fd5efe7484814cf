#include "layerwise.h"

#include <math.h>

double
layerwise_added_ps(const LayerwiseStep *step)
{
  double n = step->stages, copy_ps = step->copy_ps, stage_ps = step->computes_ps / n;
  /* A copy that takes x alone takes x (1 + copy_slow) beside layers, which lose copies_cost of it;
   * and the other way round. */
  double copies_cost = (1 + step->copy_slow) * step->step_slow / (1 + step->step_slow);
  double layers_cost = (1 + step->step_slow) * step->copy_slow / (1 + step->copy_slow);
  double layers_last_ps = copy_ps + copies_cost * (n - 1) * copy_ps;
  double copies_last_ps = n * copy_ps + (layers_cost - 1) * (n - 1) * stage_ps;

  return MIN(n * copy_ps, MAX(layers_last_ps, copies_last_ps));
}

/* What layers of a step compute: not the host's work before them, nor the head behind them. */
static gint64
layers_ps(const CostPiece *piece)
{
  return piece->base_ps[COST_LINEAR] + piece->base_ps[COST_ATTENTION] +
         piece->base_ps[COST_ELEMENTWISE] + piece->base_ps[COST_COMM];
}

gint64
layerwise_ahead_ps(CostModel *cost, const DecodeContexts *decodes)
{
  CostShape shape;
  CostPiece piece;

  if (cost == NULL || cost->copy_stages == 0)
    return 0;
  shape = (CostShape){.contexts = *decodes};
  decode_contexts_add(&shape.contexts, 1);
  shape.sampled = shape.sequences = shape.contexts.count;
  cost_model_step(cost, &shape, 1, &piece);
  return layers_ps(&piece) / cost->copy_stages * (cost->copy_stages - 1);
}

gint64
layerwise_least_ps(const CostModel *cost, const CostPiece *piece, gint64 copy_end_ps)
{
  gint64 last_ps = (layers_ps(piece) + cost->copy_stages - 1) / cost->copy_stages;
  gint64 behind_ps = piece->base_ps[COST_HEAD];

  return copy_end_ps + last_ps + behind_ps;
}

/* So much of a component as the copies are left with, of what they were. */
static void
shorten(const CostModel *cost, CostPiece *piece, CostComponent component, double ps,
        gboolean measured)
{
  gint64 was_ps = piece->base_ps[component];
  double share = was_ps > 0 && measured ? ps / (double)was_ps : 0;

  piece->base_ps[component] = llround(ps);
  if (cost->class->measures_nothing)
    return;
  piece->measured_ps[component] =
      MIN(piece->base_ps[component], llround(share * (double)piece->measured_ps[component]));
  piece->scaled_ps[component] =
      MIN(piece->base_ps[component] - piece->measured_ps[component],
          llround(share * (double)piece->scaled_ps[component]));
}

void
layerwise_overlap(CostModel *cost, const CostShape *shape, CostPiece *piece)
{
  static const CostComponent components[] = {[COPY_OUT] = COST_SWAP_OUT, [COPY_IN] = COST_SWAP_IN};
  const guint32 blocks[] = {[COPY_OUT] = shape->copy_out_blocks, [COPY_IN] = shape->copy_in_blocks};
  LayerwiseStep step = {.stages = cost->copy_stages, .computes_ps = (double)layers_ps(piece)};
  double part_ps[2], added_ps;
  gboolean measured = TRUE;

  if (blocks[COPY_OUT] + blocks[COPY_IN] == 0)
    return;
  for (CopyDirection d = COPY_OUT; d <= COPY_IN; d++) {
    const CopyContention contention = cost_model_contention(cost, d, shape->n_prefills > 0);
    part_ps[d] = blocks[d] > 0 ? cost_model_layer_copy_ps(cost, d, blocks[d]) : 0;
    step.copy_ps += part_ps[d];
    step.step_slow += contention.step * part_ps[d];
    step.copy_slow += contention.copy * part_ps[d];
    measured &= blocks[d] == 0 || contention.measured;
  }
  if (step.copy_ps <= 0)
    return;
  step.step_slow /= step.copy_ps;
  step.copy_slow /= step.copy_ps;
  added_ps = layerwise_added_ps(&step);
  for (CopyDirection d = COPY_OUT; d <= COPY_IN; d++)
    shorten(cost, piece, components[d], added_ps * part_ps[d] / step.copy_ps, measured);
}
