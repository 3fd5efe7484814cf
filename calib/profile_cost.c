#include "profile_cost.h"

#include <math.h>
#include <string.h>

#include "gemm_fit.h"
#include "operation_fit.h"
#include "pool_size.h"
#include "profile_attention.h"
#include "profile_host.h"
#include "sim/units.h"
#include "step_residual.h"

enum {
  MEMO_TOKENS = 16384,
  MEMO_SEQUENCES = 4096,
  ACTIVATION_BYTES = 2,
};

G_DEFINE_QUARK(spillway - profile - cost - error, profile_cost_error)

/* A remembered cost; ps < 0: not asked yet. */
typedef struct {
  gint64 ps;
  gint64 measured_ps; /* of it */
} Memo;

/* The same while it is summed up. */
typedef struct {
  double ps, measured_ps;
} Sum;

typedef struct {
  CostModel base;
  Model *model;
  guint32 tp;
  WhatIf what_if;
  CostModel *roofline; /* with the what-if scales */
  CostModel *plain;    /* without: their ratio scales what was measured */
  GemmFit *gemm;       /* NULL: none for this width of weights */
  ProfileAttention *attention;
  ElementwiseFit *elementwise;
  OperationCurve *sampling;
  OperationCurve *all_reduce[2]; /* a custom kernel for small messages, NCCL beyond its range */
  OperationSheet *host[2];       /* a captured graph's, another step's */
  CapturedKind captured;
  guint64 captured_tokens;
  StepResidual *residual[2]; /* a captured graph's, another step's */
  OperationSheet *copies[2]; /* by CopyDirection */
  guint64 copy_piece_bytes, copy_pieces_per_block;
  Memo linear[MEMO_TOKENS + 1], small[MEMO_TOKENS + 1];
  Memo head[MEMO_SEQUENCES + 1], host_decodes[MEMO_SEQUENCES + 1];
  double spread[OPERATIONS]; /* of the timings, (p90 - p10) / median */
} ProfileCost;

static guint64
device_heads(const Model *model, guint32 tp)
{
  return model->heads / tp;
}

static guint64
device_kv_heads(const Model *model, guint32 tp)
{
  return MAX(1, model->kv_heads / tp);
}

static void
sum_add(Sum *sum, double ps, gboolean measured)
{
  sum->ps += ps;
  sum->measured_ps += measured ? ps : 0;
}

static Memo
sum_times(Sum sum, double factor)
{
  return (Memo){profile_round_ps(sum.ps * factor), profile_round_ps(sum.measured_ps * factor)};
}

static Memo
memo_of(double ps, gboolean measured)
{
  return (Memo){profile_round_ps(ps), measured ? profile_round_ps(ps) : 0};
}

static void
add_product(const ProfileCost *self, Sum *sum, guint64 m, guint64 n, guint64 k)
{
  gboolean measured;
  double ps = gemm_fit_ps(self->gemm, &self->what_if, m, n, k, &measured);

  sum_add(sum, ps, measured);
}

static Memo
find_linear(const ProfileCost *self, guint64 tokens)
{
  const Model *model = self->model;
  guint64 q = device_heads(model, self->tp) * model->head_dim;
  guint64 kv = device_kv_heads(model, self->tp) * model->head_dim;
  guint64 ffn = model->ffn / self->tp;
  Sum layer = {0, 0};

  add_product(self, &layer, tokens, q + 2 * kv, model->hidden);
  add_product(self, &layer, tokens, model->hidden, q);
  add_product(self, &layer, tokens, (model->gated_ffn ? 2 : 1) * ffn, model->hidden);
  add_product(self, &layer, tokens, model->hidden, ffn);
  return sum_times(layer, model->layers);
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
  guint64 vocab = (model->vocab + self->tp - 1) / self->tp;
  Sum head = {0, 0};
  gboolean measured;

  add_product(self, &head, sampled, vocab, model->hidden);
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
    return (Memo){0, 0};
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
  piece->scaled_ps[component] = memo.ps - memo.measured_ps;
}

static gint64
profile_copy_ps(CostModel *base, CopyDirection direction, guint32 blocks)
{
  const ProfileCost *self = (const ProfileCost *)base;
  double factor = direction == COPY_OUT ? self->what_if.d2h_time : self->what_if.h2d_time;
  gboolean inside;

  if (self->copies[direction] == NULL)
    return cost_model_copy_ps(self->roofline, direction, blocks);
  return profile_round_ps(
      factor * operation_sheet_ps(self->copies[direction], (double)self->copy_piece_bytes,
                                  (double)self->copy_pieces_per_block * blocks, &inside));
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
          memo_of((double)profile_copy_ps(&self->base, (CopyDirection)d, blocks[d]), TRUE));
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
  return find_host(self, decodes, decodes, decodes <= self->captured_tokens);
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
    /* Where it is not measured it is a device file's figure, or beyond the range: modelled. */
    piece->scaled_ps[COST_HOST] = 0;
  }
  if ((self->all_reduce[0] != NULL || self->all_reduce[1] != NULL) && tokens > 0) {
    ps = all_reduce_ps(self, (double)tokens * self->model->hidden * ACTIVATION_BYTES, &inside);
    set(piece, COST_COMM,
        memo_of(2.0 * self->model->layers * ps * self->what_if.comm_time, inside));
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

/* Adds to a component, or takes from it what it has; what could not be taken. */
static gint64
add_residual(CostPiece *piece, CostComponent component, gint64 ps, gboolean measured)
{
  gint64 *part = measured ? &piece->measured_ps[component] : &piece->scaled_ps[component];
  gint64 now_ps = MAX(ps, -piece->base_ps[component]);

  piece->base_ps[component] += now_ps;
  *part = CLAMP(*part + now_ps, 0, piece->base_ps[component]);
  return ps - now_ps;
}

/* The device waits between the small operations. A step that takes less than its parts, because
 * what they share stays in the caches, takes that from them, then from the products. It depends on
 * the batch alone, so that growth_ps stays what it is. */
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
  ps = add_residual(piece, COST_ELEMENTWISE, ps, inside);
  add_residual(piece, COST_LINEAR, ps, inside);
}

static void
profile_step(CostModel *base, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  ProfileCost *self = (ProfileCost *)base;
  guint64 tokens = shape_tokens(shape);
  guint covered = self->gemm != NULL ? 1 << COST_LINEAR | 1 << COST_HEAD : 0;

  if (self->attention != NULL && profile_attention_has(self->attention, shape))
    covered |= 1 << COST_ATTENTION;
  roofline_step_without(self->roofline, shape, repeat, covered, piece);
  if (self->gemm != NULL) {
    set(piece, COST_LINEAR, remember(self, self->linear, MEMO_TOKENS, tokens, find_linear));
    set(piece, COST_HEAD, remember(self, self->head, MEMO_SEQUENCES, shape->sampled, find_head));
  }
  if (self->elementwise != NULL && tokens > 0)
    set_elementwise(self, shape, tokens, piece);
  set_host_and_comm(self, shape, tokens, piece);
  set_copies(self, shape, piece);
  if (covered & 1 << COST_ATTENTION && tokens > 0)
    profile_attention_step(self->attention, shape, repeat, piece);
  set_residual(self, shape, tokens, piece);
}

/* What a step's kernels take by the tables: of one step, whose residual is being found. */
static double
sum_kernels(gpointer data, const CostShape *shape)
{
  static const CostComponent kernels[] = {COST_LINEAR, COST_ATTENTION, COST_ELEMENTWISE, COST_HEAD,
                                          COST_COMM};
  CostPiece piece = {.steps = 1};
  double ps = 0;

  profile_step(data, shape, 1, &piece);
  for (guint i = 0; i < G_N_ELEMENTS(kernels); i++)
    ps += (double)piece.base_ps[kernels[i]];
  return ps;
}

static double
profile_cost_spread(const CostModel *base, CostComponent component)
{
  static const OperationKind behind[COST_COMPONENTS] = {
      [COST_LINEAR] = OP_GEMM,
      [COST_ATTENTION] = OP_ATTENTION,
      [COST_ELEMENTWISE] = OP_ELEMENTWISE,
      [COST_HEAD] = OP_GEMM,
      [COST_COMM] = OP_ALL_REDUCE,
      [COST_HOST] = OP_HOST,
      [COST_SWAP_OUT] = OP_COPY,
      [COST_SWAP_IN] = OP_COPY,
  };

  return ((const ProfileCost *)base)->spread[behind[component]];
}

static void
profile_free_cost(CostModel *base)
{
  ProfileCost *self = (ProfileCost *)base;

  cost_model_free(self->roofline);
  cost_model_free(self->plain);
  gemm_fit_free(self->gemm);
  profile_attention_free(self->attention);
  elementwise_fit_free(self->elementwise);
  operation_curve_free(self->sampling);
  operation_curve_free(self->all_reduce[0]);
  operation_curve_free(self->all_reduce[1]);
  operation_sheet_free(self->host[0]);
  operation_sheet_free(self->host[1]);
  step_residual_free(self->residual[0]);
  step_residual_free(self->residual[1]);
  operation_sheet_free(self->copies[COPY_OUT]);
  operation_sheet_free(self->copies[COPY_IN]);
  model_free(self->model);
  g_free(self);
}

static const CostModelClass profile_cost_class = {
    .name = "profile",
    .step = profile_step,
    .copy_ps = profile_copy_ps,
    .spread = profile_cost_spread,
    .free = profile_free_cost,
};

static void
forget_all(ProfileCost *self)
{
  for (guint i = 0; i <= MEMO_TOKENS; i++)
    self->linear[i].ps = self->small[i].ps = -1;
  for (guint i = 0; i <= MEMO_SEQUENCES; i++)
    self->head[i].ps = self->host_decodes[i].ps = -1;
}

static void
fit_all(ProfileCost *self, const Profile *profile, const RooflineConfig *config)
{
  const Model *model = config->model;
  guint32 tp = config->tensor_parallel_size;
  g_autofree char *out = copy_variant(COPY_OUT, config->copy_path, config->host_memory);
  g_autofree char *eager =
      g_strconcat(host_scheduler_name(config->scheduler), HOST_EAGER_SUFFIX, NULL);
  g_autofree char *in = copy_variant(COPY_IN, config->copy_path, config->host_memory);

  /* Experts are products of ragged batches, which the curves of plain ones do not tell. */
  if (model->experts == 0)
    self->gemm = gemm_fit_new(profile, config->device, model->weight_bits, NULL, NULL);
  self->attention = profile_attention_new(profile, config, self->roofline, self->plain);
  self->elementwise = elementwise_fit_new(profile, model, tp);
  self->sampling =
      operation_curve_new(profile, OP_SAMPLING, "", 0, 1, (model->vocab + tp - 1) / tp);
  if (tp > 1) {
    self->all_reduce[0] = operation_curve_new(profile, OP_ALL_REDUCE, "custom", 0, 1, tp);
    self->all_reduce[1] = operation_curve_new(profile, OP_ALL_REDUCE, "nccl", 0, 1, tp);
  }
  self->host[0] = operation_sheet_new(profile, OP_HOST, host_scheduler_name(config->scheduler));
  self->host[1] = operation_sheet_new(profile, OP_HOST, eager);
  self->captured = config->captured;
  self->captured_tokens =
      config->captured_tokens > 0 ? config->captured_tokens : ROOFLINE_CAPTURED_TOKENS;
  self->copies[COPY_OUT] = operation_sheet_new(profile, OP_COPY, out);
  self->copies[COPY_IN] = operation_sheet_new(profile, OP_COPY, in);
  self->copy_pieces_per_block =
      config->copy_path == COPY_PATH_PER_BLOCK ? 1 : 2 * (guint64)model->layers;
  self->copy_piece_bytes =
      pool_block_bytes(model, config->block_size, tp) / self->copy_pieces_per_block;
}

/* Without residuals. */
static ProfileCost *
profile_cost_bare(const Profile *profile, const RooflineConfig *config, GError **error)
{
  RooflineConfig plain = *config;
  CostModel *roofline = roofline_new(config, error);
  ProfileCost *self;

  if (roofline == NULL)
    return NULL;
  plain.what_if = WHAT_IF_NONE;
  self = g_new0(ProfileCost, 1);
  self->base.class = &profile_cost_class;
  self->model = model_copy(config->model);
  self->tp = config->tensor_parallel_size;
  self->what_if = config->what_if;
  self->roofline = roofline;
  self->plain = roofline_new(&plain, NULL);
  forget_all(self);
  fit_all(self, profile, config);
  return self;
}

/* Of the tables without what-if scales, which those that scale them share: a step's gaps are what
 * they were. Measured on one device, with weights and KV of the same width. */
static void
find_residuals(ProfileCost *self, const Profile *profile, const RooflineConfig *config)
{
  static const struct {
    const char *variant;
    StepsOf of[2]; /* by CapturedKind */
  } kinds[] = {{STEP_GRAPH, {STEPS_ALL, STEPS_OF_DECODES}},
               {STEP_EAGER, {STEPS_ALL, STEPS_OF_CHUNKS}}};
  RooflineConfig plain = *config;
  ProfileCost *bare;
  guint n;

  profile_samples(profile, OP_STEP, &n);
  if (n == 0 || config->tensor_parallel_size > 1)
    return;
  plain.what_if = WHAT_IF_NONE;
  bare = profile_cost_bare(profile, &plain, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
    self->residual[i] = step_residual_new(profile, config->model, kinds[i].variant,
                                          kinds[i].of[config->captured], sum_kernels, bare);
  profile_free_cost(&bare->base);
}

CostModel *
profile_cost_new(const Profile *profile, const RooflineConfig *config, GError **error)
{
  ProfileCost *self = profile_cost_bare(profile, config, error);

  if (self == NULL)
    return NULL;
  find_residuals(self, profile, config);
  for (guint i = 0; i < OPERATIONS; i++)
    self->spread[i] = profile_spread(profile, (OperationKind)i);
  if (self->gemm == NULL && self->attention == NULL) {
    g_set_error(error, PROFILE_COST_ERROR, PROFILE_COST_ERROR_LACKS,
                "the profile %s has no measurements that %s on %u device%s could use: neither "
                "products of %u-bit weights nor attention of %u heads and %u KV heads; import or "
                "calibrate them, or use the device %s itself",
                profile->name, config->model->name, self->tp, self->tp == 1 ? "" : "s",
                config->model->weight_bits, (guint32)device_heads(config->model, self->tp),
                (guint32)device_kv_heads(config->model, self->tp), profile->device);
    profile_free_cost(&self->base);
    return NULL;
  }
  return &self->base;
}
