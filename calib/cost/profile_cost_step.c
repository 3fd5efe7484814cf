/* What a step costs by a profile's tables; the roofline stands in for what they do not hold. */
#include "profile_cost_internal.h"

#include <math.h>

#include "calib/profile_host.h"
#include "sim/layerwise.h"

enum { ACTIVATION_BYTES = 2 };

/* A remembered cost while it is summed up. */
typedef struct {
  double ps, measured_ps;
} Sum;

static void
sum_add(Sum *sum, double ps, gboolean measured)
{
  sum->ps += ps;
  sum->measured_ps += measured ? ps : 0;
}

static Memo
sum_times(Sum sum, double factor)
{
  gint64 ps = profile_round_ps(sum.ps * factor);
  gint64 measured_ps = profile_round_ps(sum.measured_ps * factor);

  return (Memo){ps, measured_ps, ps - measured_ps};
}

static Memo
memo_of(double ps, gboolean measured)
{
  gint64 whole_ps = profile_round_ps(ps);

  return measured ? (Memo){whole_ps, whole_ps, 0} : (Memo){whole_ps, 0, whole_ps};
}

static void
add_product(const ProfileCost *self, const GemmFit *fit, Sum *sum, guint64 m, guint64 n, guint64 k)
{
  gboolean measured;
  double ps = gemm_fit_ps(fit, &self->what_if, m, n, k, &measured);

  sum_add(sum, ps, measured);
}

/* Rows of the products of a captured graph: engines capture sizes of 1, 2, 4 and multiples of 8, of
 * 16 from 256 on, and fill a batch up to the next (vLLM, cudagraph_capture_sizes; vLLM 0.x,
 * _get_graph_batch_size; live/decoder_graphs.h). */
static guint64
captured_rows(guint64 tokens)
{
  if (tokens <= 2)
    return tokens;
  if (tokens <= 4)
    return 4;
  return tokens <= 256 ? (tokens + 7) / 8 * 8 : (tokens + 15) / 16 * 16;
}

static guint64
rows_of(const ProfileCost *self, const CostShape *shape, guint64 tokens, guint64 rows)
{
  return roofline_is_captured(self->captured, self->captured_tokens, shape, tokens)
             ? captured_rows(rows)
             : rows;
}

static Memo
linear_memo(const ProfileCost *self, const WhatIf *what_if, guint64 rows)
{
  ProfileTime time = profile_linear_time(self->linear_fit, what_if, rows);

  return (Memo){profile_round_ps(time.ps), profile_round_ps(time.measured_ps),
                profile_round_ps(time.scaled_ps)};
}

static Memo
find_linear(const ProfileCost *self, guint64 rows)
{
  return linear_memo(self, &self->what_if, rows);
}

static Memo
find_plain_linear(const ProfileCost *self, guint64 rows)
{
  return linear_memo(self, &WHAT_IF_NONE, rows);
}

static Memo
find_small(const ProfileCost *self, guint64 tokens)
{
  const Model *model = self->model;
  gboolean measured;
  double ps = elementwise_fit_ps(self->elementwise, model->layers, (double)tokens, &measured);

  return memo_of(ps, measured);
}

static Memo
find_head(const ProfileCost *self, guint64 sampled)
{
  const Model *model = self->model;
  Sum head = {0, 0};
  gboolean measured;

  add_product(self, self->head, &head, sampled, model_rank_vocab(model, self->tp), model->hidden);
  if (self->sampling != NULL) {
    double ps = operation_curve_ps(self->sampling, (double)sampled, &measured);
    sum_add(&head, ps, measured);
  }
  return sum_times(head, 1);
}

static Memo
remember(ProfileCost *self, Memo *memo, guint64 room, guint64 at,
         Memo (*find)(const ProfileCost *self, guint64 at))
{
  if (at == 0)
    return (Memo){0, 0, 0};
  if (at > room)
    return find(self, at);
  if (memo[at].ps < 0)
    memo[at] = find(self, at);
  return memo[at];
}

static void
set(CostPiece *piece, CostComponent component, Memo memo)
{
  piece->base_ps[component] = memo.ps;
  piece->measured_ps[component] = memo.measured_ps;
  piece->scaled_ps[component] = memo.scaled_ps;
}

/* A copy that is made slower takes less from a step, for longer; of memory that is made faster it
 * takes a smaller share. */
CopyContention
profile_cost_contention(const CostModel *base, CopyDirection direction, gboolean prefills)
{
  const ProfileCost *self = (const ProfileCost *)base;
  double factor = direction == COPY_OUT ? self->what_if.d2h_time : self->what_if.h2d_time;
  CopyContention measured = self->contention[direction][prefills ? 1 : 0];

  if (!measured.measured)
    return cost_model_contention(self->roofline, direction, prefills);
  measured.step = factor > 0 ? measured.step / factor * self->what_if.hbm_time : 0;
  return measured;
}

/* Copies were timed in a stream that waited until all were enqueued. Where pieces are so small that
 * enqueueing takes longer than copying, the host's time counts. */
static double
pieces_ps(const ProfileCost *self, CopyDirection direction, double pieces)
{
  double factor = direction == COPY_OUT ? self->what_if.d2h_time : self->what_if.h2d_time;
  double bytes = (double)self->copy_piece_bytes, ps, submit_ps = 0;
  gboolean inside;

  ps = operation_sheet_ps(self->copies[direction], bytes, pieces, &inside);
  if (self->submits[direction] != NULL)
    submit_ps = operation_sheet_ps(self->submits[direction], bytes, pieces, &inside);
  return factor * MAX(ps, submit_ps);
}

gint64
profile_cost_copy_ps(CostModel *base, CopyDirection direction, guint32 blocks)
{
  const ProfileCost *self = (const ProfileCost *)base;

  if (self->copies[direction] == NULL)
    return cost_model_copy_ps(self->roofline, direction, blocks);
  return profile_round_ps(pieces_ps(self, direction, (double)self->copy_pieces_per_block * blocks));
}

/* No less than its share of all layers' time, as a measured curve may be concave. */
double
profile_cost_layer_copy_ps(CostModel *base, CopyDirection direction, guint32 blocks)
{
  const ProfileCost *self = (const ProfileCost *)base;
  double pieces = (double)self->copy_pieces_per_block * blocks, stages = base->copy_stages;
  double part_ps, share_ps;

  if (self->copies[direction] == NULL)
    return cost_model_layer_copy_ps(self->roofline, direction, blocks);
  part_ps = pieces_ps(self, direction, pieces / stages);
  share_ps = pieces_ps(self, direction, pieces) / stages;
  return MAX(part_ps, share_ps);
}

static void
set_copies(ProfileCost *self, const CostShape *shape, CostPiece *piece)
{
  const guint32 blocks[2] = {
      [COPY_OUT] = shape->copy_out_blocks, [COPY_IN] = shape->copy_in_blocks};
  const CostComponent components[2] = {[COPY_OUT] = COST_SWAP_OUT, [COPY_IN] = COST_SWAP_IN};

  for (int d = 0; d < 2; d++)
    if (blocks[d] > 0 && self->copies[d] != NULL)
      set(piece, components[d],
          memo_of((double)profile_cost_copy_ps(&self->base, (CopyDirection)d, blocks[d]), TRUE));
}

static double
all_reduce_ps(const ProfileCost *self, double bytes, gboolean *inside)
{
  double ps = 0;

  *inside = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(self->all_reduce) && !*inside; i++)
    if (self->all_reduce[i] != NULL)
      ps = operation_curve_ps(self->all_reduce[i], bytes, inside);
  return ps;
}

/* The same of the engine that runs: where it has no symmetric memory, tables of one that has it are
 * too short among eight devices. Its own kernel, which is modelled, takes that much at least, and
 * NCCL sums what is beyond. */
static double
engine_sum_ps(const ProfileCost *self, double bytes, gboolean *inside)
{
  double ps = all_reduce_ps(self, bytes, inside), least_ps, nccl_ps;
  gboolean in_nccl;

  if (!self->own_sums || self->tp < 8)
    return ps;
  if (bytes > TWO_SHOTS_MOST_BYTES && self->all_reduce[1] != NULL) {
    nccl_ps = operation_curve_ps(self->all_reduce[1], bytes, &in_nccl);
    return in_nccl ? MAX(ps, nccl_ps) : ps;
  }
  least_ps = roofline_own_sum_ps(self->roofline, bytes);
  *inside = *inside && ps >= least_ps;
  return MAX(ps, least_ps);
}

static Memo
find_host(const ProfileCost *self, guint64 sequences, guint64 tokens, gboolean captured)
{
  gboolean eager = !captured && self->host[1] != NULL, inside;
  double ps =
      operation_sheet_ps(self->host[eager ? 1 : 0], (double)sequences, (double)tokens, &inside);

  return memo_of(ps * self->what_if.host_time, inside);
}

static Memo
find_host_of_decodes(const ProfileCost *self, guint64 decodes)
{
  return find_host(self, decodes, decodes,
                   decodes <= self->captured_tokens && self->captured != CAPTURED_NOTHING);
}

static void
set_host_and_comm(ProfileCost *self, const CostShape *shape, guint64 tokens, CostPiece *piece)
{
  gboolean captured = roofline_is_captured(self->captured, self->captured_tokens, shape, tokens);
  gboolean inside;
  double ps;

  if (self->host[0] != NULL || (self->host[1] != NULL && !captured)) {
    set(piece, COST_HOST,
        shape->contexts.count == tokens && shape->sequences == tokens && tokens > 0
            ? remember(self, self->host_decodes, MEMO_SEQUENCES, tokens, find_host_of_decodes)
            : find_host(self, shape->sequences, tokens, captured));
    if (captured && operation_sheet_is_derived(self->host[0]))
      piece->base_ps[COST_HOST] += roofline_pieces_ps(self->roofline);
    /* Where it is not measured it is a device file's figure, or beyond the range: modelled. */
    piece->scaled_ps[COST_HOST] = 0;
  }
  if ((self->all_reduce[0] != NULL || self->all_reduce[1] != NULL) && tokens > 0) {
    ps = engine_sum_ps(self, (double)tokens * self->model->hidden * ACTIVATION_BYTES, &inside);
    set(piece, COST_COMM,
        memo_of(model_all_reduces(self->model) * ps * self->what_if.comm_time, inside));
    piece->base_ps[COST_COMM] += roofline_exchange_ps(self->roofline, tokens);
  }
}

static void
set_elementwise(ProfileCost *self, const CostShape *shape, guint64 tokens, CostPiece *piece)
{
  Memo memo = remember(self, self->small, MEMO_TOKENS, tokens, find_small);
  CostPiece plain;

  if (self->what_if.hbm_time != 1 || self->what_if.launch_time != 1) {
    cost_model_step(self->plain, shape, 1, &plain);
    if (plain.base_ps[COST_ELEMENTWISE] > 0)
      memo = sum_times((Sum){(double)memo.ps, (double)memo.measured_ps},
                       (double)piece->base_ps[COST_ELEMENTWISE] /
                           (double)plain.base_ps[COST_ELEMENTWISE]);
  }
  set(piece, COST_ELEMENTWISE, memo);
}

static guint64
shape_tokens(const CostShape *shape)
{
  guint64 tokens = shape->contexts.count;

  for (guint32 i = 0; i < shape->n_prefills; i++)
    tokens += shape->prefills[i].tokens;
  return tokens;
}

/* The part of a time of which so much is left. */
static gint64
part_left_ps(gint64 part_ps, gint64 was_ps, gint64 left_ps)
{
  if (part_ps == 0 || part_ps == was_ps) /* all is measured, as a rule */
    return part_ps == 0 ? 0 : left_ps;
  return round_within((double)part_ps / (double)was_ps * (double)left_ps, left_ps);
}

/* Takes from a component, of what is measured and what is scaled in it alike, down to 0. Returns
 * what could not be taken. */
static gint64
take_from(CostPiece *piece, CostComponent component, gint64 ps)
{
  gint64 was_ps = piece->base_ps[component], left_ps = MAX(was_ps - ps, 0);
  gint64 measured_ps = part_left_ps(piece->measured_ps[component], was_ps, left_ps);
  gint64 scaled_ps = part_left_ps(piece->scaled_ps[component], was_ps, left_ps);

  piece->base_ps[component] = left_ps;
  piece->measured_ps[component] = measured_ps;
  piece->scaled_ps[component] = MIN(scaled_ps, left_ps - measured_ps);
  return ps - (was_ps - left_ps);
}

static void
add_to(CostPiece *piece, CostComponent component, gint64 ps, gboolean measured)
{
  piece->base_ps[component] += ps;
  *(measured ? &piece->measured_ps[component] : &piece->scaled_ps[component]) += ps;
}

/* What a whole step takes beyond its operations is time between the small operations. Where a step
 * takes less than their sum, because data stays in the caches, the difference is taken from the
 * small operations, then from the products. It depends on the batch alone, so growth_ps stays as it
 * is. */
static void
set_residual(const ProfileCost *self, const CostShape *shape, guint64 tokens, CostPiece *piece)
{
  gboolean captured = roofline_is_captured(self->captured, self->captured_tokens, shape, tokens);
  gboolean eager = !captured && self->residual[1] != NULL;
  const StepResidual *residual = self->residual[eager ? 1 : 0];
  gboolean inside;
  gint64 ps;

  if (residual == NULL || tokens == 0)
    return;
  ps = llround(step_residual_ps(residual, tokens, &inside));
  if (ps >= 0)
    add_to(piece, COST_ELEMENTWISE, ps, inside);
  else
    take_from(piece, COST_LINEAR, take_from(piece, COST_ELEMENTWISE, -ps));
}

/* Takes what a graph spares of a component's time, which is plain_ps without what-ifs. */
static void
spare(CostPiece *piece, CostComponent component, gint64 spared_ps, gint64 plain_ps)
{
  take_from(piece, component,
            launch_spared_scaled_ps(spared_ps, plain_ps, piece->base_ps[component]));
}

/* Graphs of steps with prefills end before attention, unless the host has a price for pieces, which
 * is against whole graphs. Of products and small operations as large a share is spared as without
 * what-ifs; of attention, whose time grows within a run of steps, as much: so a what-if that
 * shortens an operation never lengthens the step. Components that the roofline costs hold no launch
 * of a table. Attention that takes less than its launches takes nothing, and the piece holds for
 * one step alone: the next, over longer contexts, may take more than them. */
static void
spare_launches(ProfileCost *self, const CostShape *shape, guint64 tokens, CostPiece *piece)
{
  const LaunchSpared *spared = &self->spared;
  gboolean whole = shape->n_prefills == 0 || self->prices_pieces;

  if (tokens == 0 || !roofline_is_captured(self->captured, self->captured_tokens, shape, tokens))
    return;
  if (self->linear_fit != NULL && spared->linear_ps > 0)
    spare(piece, COST_LINEAR, spared->linear_ps,
          what_if_is_none(&self->what_if)
              ? piece->base_ps[COST_LINEAR]
              : remember(self, self->plain_linear, MEMO_TOKENS,
                         rows_of(self, shape, tokens, tokens), find_plain_linear)
                    .ps);
  if (self->elementwise != NULL)
    spare(piece, COST_ELEMENTWISE, spared->elementwise_ps,
          remember(self, self->small, MEMO_TOKENS, tokens, find_small).ps);
  if (self->attention != NULL && whole &&
      take_from(piece, COST_ATTENTION, spared->attention_ps) > 0)
    piece->steps = 1;
}

void
profile_cost_step(CostModel *base, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  ProfileCost *self = (ProfileCost *)base;
  guint64 tokens = shape_tokens(shape);
  guint covered =
      (self->linear_fit != NULL ? 1 << COST_LINEAR : 0) | (self->head != NULL ? 1 << COST_HEAD : 0);

  if (self->attention != NULL)
    covered |= 1 << COST_ATTENTION;
  roofline_step_without(self->roofline, shape, repeat, covered, piece);
  if (self->linear_fit != NULL)
    set(piece, COST_LINEAR,
        remember(self, self->linear, MEMO_TOKENS, rows_of(self, shape, tokens, tokens),
                 find_linear));
  if (self->head != NULL)
    set(piece, COST_HEAD,
        remember(self, self->head_memo, MEMO_SEQUENCES,
                 self->captures_head ? rows_of(self, shape, tokens, shape->sampled)
                                     : shape->sampled,
                 find_head));
  if (self->elementwise != NULL && tokens > 0)
    set_elementwise(self, shape, tokens, piece);
  set_host_and_comm(self, shape, tokens, piece);
  set_copies(self, shape, piece);
  if (covered & 1 << COST_ATTENTION && tokens > 0)
    profile_attention_step(self->attention, shape, repeat, piece);
  spare_launches(self, shape, tokens, piece);
  set_residual(self, shape, tokens, piece);
  if (self->base.copy_stages > 0)
    layerwise_overlap(&self->base, shape, piece);
  roofline_wait_for_launches(self->roofline, shape, piece);
  if (self->host[0] == NULL)
    roofline_wait_for_host(self->roofline, shape, piece);
}
