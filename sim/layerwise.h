/* Copies of a step beside its own layers: a layer begins when its part of them is made and the
 * layer before it is computed.
 *
 *     copies   |c0|c1|c2|c3|                 |c0|--c1--|--c2--|
 *     layers      |---0---|---1---|---2---|       |0|      |1|   ...
 *
 * Copies are made one after the other, layer by layer, those out of a layer before those into it,
 * so that nothing is overwritten that is still to be read. As in SGLang's HiCache (LayerDoneCounter),
 * vLLM's connectors (wait_for_layer_load), LMCache (use_layerwise) and live/gpu_copies.h.
 */
#pragma once

#include "cost.h"

/* A step whose layers make so many equal stages. */
typedef struct {
  guint32 stages;
  double computes_ps;      /* all of them, alone */
  double copy_ps;          /* of one stage, alone */
  double step_slow;        /* while a copy is made the layers take 1 + step_slow times as long, */
  double copy_slow;        /* and while a layer is computed the copies 1 + copy_slow times */
} LayerwiseStep;

/* By how much the copies lengthen the step: no more than by stages x copy_ps. The longest way
 * through the picture is copies up to some stage, then the layers from there on. Where all stages
 * are alike it is an end of these: the first copy and all layers, or all copies and the last
 * stage's layers; what runs beside either makes it longer. */
double layerwise_added_ps(const LayerwiseStep *step);

/* Copies beside the steps: how long before the end of a copy in a step can begin that it joins, of so
 * many decodes and itself, and wait for no part of it: all layers but the last group's. Its own
 * context is left out. 0 where the cost model is not asked to. */
gint64 layerwise_ahead_ps(CostModel *cost, const DecodeContexts *decodes);
/* How long a step is at least that begins so long before the end of a copy, and takes so long
 * otherwise. */
gint64 layerwise_least_ps(const CostModel *cost, const CostPiece *piece, gint64 copy_end_ps);

/* Of a step with copies that were added as if they were made before it: what they add layer by
 * layer, where the cost model has copy_stages. In place of COST_SWAP_OUT and COST_SWAP_IN. */
void layerwise_overlap(CostModel *cost, const CostShape *shape, CostPiece *piece);
