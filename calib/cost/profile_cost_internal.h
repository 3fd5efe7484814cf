/* The cost model of a profile, for its two files: profile_cost_tables.c chooses and fits the tables
 * that serve a model, profile_cost_step.c adds a step up from them.
 */
#pragma once

#include "profile_cost.h"

#include "gemm_fit.h"
#include "launch_spared.h"
#include "operation_fit.h"
#include "profile_attention.h"
#include "profile_linear.h"
#include "rounding.h"
#include "step_residual.h"

enum { MEMO_TOKENS = 16384, MEMO_SEQUENCES = 4096 };

/* A remembered cost; ps < 0: not asked yet. */
typedef struct {
  gint64 ps;
  gint64 measured_ps, scaled_ps; /* of it */
} Memo;

typedef struct {
  CostModel base;
  Model *model;
  guint32 tp;
  WhatIf what_if;
  CostModel *roofline;       /* with the what-if scales */
  CostModel *plain;          /* without: their ratio scales what was measured */
  ProfileLinear *linear_fit; /* NULL: none of the layers' products is there */
  const GemmFit *head; /* of the output head's dtype, which quantized checkpoints keep in 16 bits */
  GemmFit *own_head;   /* where it is none of the layers' */
  ProfileAttention *attention;
  ElementwiseFit *elementwise;
  OperationCurve *sampling;
  OperationCurve *all_reduce[2]; /* a custom kernel for small messages, NCCL beyond its range */
  gboolean own_sums;             /* RooflineConfig.own_sums */
  OperationSheet *host[2];       /* a captured graph's, another step's */
  CapturedKind captured;
  guint64 captured_tokens;
  gboolean captures_head;
  gboolean prices_pieces;     /* the host's time has what lies between the pieces of a graph */
  LaunchSpared spared;        /* of a captured graph */
  StepResidual *residual[2];  /* a captured graph's, another step's */
  OperationSheet *copies[2];  /* by CopyDirection */
  OperationSheet *submits[2]; /* what the host takes to hand the same copies over */
  guint64 copy_piece_bytes, copy_pieces_per_block;
  CopyContention contention[2][2]; /* by CopyDirection, and beside a decode, a prefill */
  Memo linear[MEMO_TOKENS + 1], small[MEMO_TOKENS + 1];
  Memo plain_linear[MEMO_TOKENS + 1]; /* without what-ifs */
  Memo head_memo[MEMO_SEQUENCES + 1], host_decodes[MEMO_SEQUENCES + 1];
  double spread[OPERATIONS]; /* of the timings, (p90 - p10) / median */
} ProfileCost;

/* Hooks of the class (sim/cost.h). */
void profile_cost_step(CostModel *base, const CostShape *shape, guint32 repeat, CostPiece *piece);
gint64 profile_cost_copy_ps(CostModel *base, CopyDirection direction, guint32 blocks);
double profile_cost_layer_copy_ps(CostModel *base, CopyDirection direction, guint32 blocks);
CopyContention profile_cost_contention(const CostModel *base, CopyDirection direction,
                                       gboolean prefills);
