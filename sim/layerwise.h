/* Copies of a step beside its own layers: a layer begins when its part of them is made and the
 * layer before it is computed.
 *
 *     copies   |c0|c1|c2|c3|                 |c0|--c1--|--c2--|
 *     layers      |---0---|---1---|---2---|       |0|      |1|   ...
 *
 * Copies are made one after the other, layer by layer, those out of a layer before those into it,
 * so that nothing is overwritten that is still to be read. As in SGLang's HiCache
 * (LayerDoneCounter), vLLM's connectors (wait_for_layer_load), LMCache (use_layerwise) and
 * live/gpu_copies.h.
 */
#pragma once

#include "cost.h"

/* A step with copies, in stages that are alike: each is a part of the copies, and the layers that
 * wait for it. */
typedef struct {
  guint32 stages;
  double computes_ps; /* the layers of all stages, alone */
  double copy_ps;     /* the copies of one stage, alone */
  double step_slow;   /* while a copy is made the layers take 1 + step_slow times as long, */
  double copy_slow;   /* and while a layer is computed the copies 1 + copy_slow times */
} LayerwiseStep;

/* By how much the copies lengthen the step: no more than by stages x copy_ps. The longest way
 * through the picture is copies up to some stage, then the layers from there on. Where all stages
 * are alike it is an end of these: the first copy and all layers, or all copies and the last
 * stage's layers; what runs beside either makes it longer. */
double layerwise_added_ps(const LayerwiseStep *step);

/* Copies beside the steps: how long before its copy in has ended a sequence may join a step of
 * `decodes` without a layer that has to wait: what all layers but the last stage's take in that
 * step, the sequence among them, without its context. 0 where the cost model has no stages. */
gint64 layerwise_ahead_ps(CostModel *cost, const DecodeContexts *decodes);
/* The least that a step takes which begins copy_end_ps before the end of a copy of its own: until
 * then, and the last stage's layers and the head behind it. piece: the step without the wait. */
gint64 layerwise_least_ps(const CostModel *cost, const CostPiece *piece, gint64 copy_end_ps);

/* Corrects the piece of a step whose copies were added as if all were made before its layers:
 * COST_SWAP_OUT and COST_SWAP_IN become what they add layer by layer, each by its share of the
 * copies. The cost model has copy_stages. */
void layerwise_overlap(CostModel *cost, const CostShape *shape, CostPiece *piece);
