#include "profile_cost.h"

#include <math.h>
#include <string.h>

#include "attention_fit.h"
#include "gemm_fit.h"
#include "operation_fit.h"
#include "pool_size.h"
#include "sim/units.h"

enum {
  MEMO_TOKENS = 16384,
  MEMO_SEQUENCES = 4096,
  SKEW_NEW = 16,    /* buckets: octaves of new tokens */
  SKEW_BATCH = 48,  /* quarter octaves of decodes */
  SKEW_SHARES = 32,
  ACTIVATION_BYTES = 2,
};

G_DEFINE_QUARK(spillway - profile - cost - error, profile_cost_error)

/* Attention of all layers for a decode batch of one size, over its total context. */
typedef struct {
  guint n;
  gint64 *context; /* totals: nodes of the affine pieces */
  gint64 *ps;
  gint64 *slope_ps; /* per token of the total, from node i to the next */
  gboolean measured;
} DecodeRow;

/* A remembered cost; ps < 0: not asked yet. */
typedef struct {
  gint64 ps;
  gboolean measured;
} Memo;

typedef struct {
  CostModel base;
  Model *model;
  guint32 tp;
  WhatIf what_if;
  CostModel *roofline; /* with the what-if scales */
  CostModel *plain;    /* without: their ratio scales what was measured */
  GemmFit *gemm;       /* NULL: none for this width of weights */
  AttentionFit *attention;
  ElementwiseFit *elementwise;
  OperationCurve *sampling;
  OperationCurve *all_reduce[2]; /* a custom kernel for small messages, NCCL beyond its range */
  HostFit *host;
  CopyFit *copies[2]; /* by CopyDirection */
  double longest_deviations; /* of the contexts that run at a kernel's end */
  guint64 copy_piece_bytes, copy_pieces_per_block;
  Memo linear[MEMO_TOKENS + 1], small[MEMO_TOKENS + 1];
  Memo head[MEMO_SEQUENCES + 1];
  DecodeRow rows[MEMO_SEQUENCES + 1];
  float skew[SKEW_NEW][SKEW_BATCH][SKEW_SHARES]; /* NAN: not asked yet */
} ProfileCost;

static gint64
round_ps(double ps)
{
  return (gint64)llround(MIN(MAX(ps, 0), (double)TIME_MAX_PS / 64));
}

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

static double
layer_product_ps(const ProfileCost *self, guint64 m, guint64 n, guint64 k, gboolean *measured)
{
  gboolean inside;
  double ps = gemm_fit_ps(self->gemm, &self->what_if, m, n, k, &inside);

  *measured &= inside;
  return ps;
}

static Memo
find_linear(const ProfileCost *self, guint64 tokens)
{
  const Model *model = self->model;
  guint64 q = device_heads(model, self->tp) * model->head_dim;
  guint64 kv = device_kv_heads(model, self->tp) * model->head_dim;
  guint64 ffn = model->ffn / self->tp;
  gboolean measured = TRUE;
  double ps = layer_product_ps(self, tokens, q + 2 * kv, model->hidden, &measured) +
              layer_product_ps(self, tokens, model->hidden, q, &measured) +
              layer_product_ps(self, tokens, (model->gated_ffn ? 2 : 1) * ffn, model->hidden,
                               &measured) +
              layer_product_ps(self, tokens, model->hidden, ffn, &measured);

  return (Memo){round_ps(ps * model->layers), measured};
}

static Memo
find_small(const ProfileCost *self, guint64 tokens)
{
  const Model *model = self->model;
  gboolean measured;
  double ps = elementwise_fit_ps(self->elementwise, model->layers, (double)tokens, &measured);

  return (Memo){round_ps(ps), measured};
}

static Memo
find_head(const ProfileCost *self, guint64 sampled)
{
  const Model *model = self->model;
  guint64 vocab = (model->vocab + self->tp - 1) / self->tp;
  gboolean measured = TRUE, inside;
  double ps = layer_product_ps(self, sampled, vocab, model->hidden, &measured);

  if (self->sampling != NULL) {
    ps += operation_curve_ps(self->sampling, (double)sampled, &inside);
    measured &= inside;
  } else {
    measured = FALSE;
  }
  return (Memo){round_ps(ps), measured};
}

static Memo
remember(ProfileCost *self, Memo *memo, guint64 room, guint64 at,
         Memo (*find)(const ProfileCost *self, guint64 at))
{
  if (at == 0)
    return (Memo){0, TRUE};
  if (at > room)
    return find(self, at);
  if (memo[at].ps < 0)
    memo[at] = find(self, at);
  return memo[at];
}

/* What the what-if scales make of the roofline's attention. */
static double
attention_scale(const ProfileCost *self, const CostShape *shape)
{
  CostPiece scaled, plain;

  cost_model_step(self->roofline, shape, 1, &scaled);
  cost_model_step(self->plain, shape, 1, &plain);
  return plain.base_ps[COST_ATTENTION] > 0 ? (double)scaled.base_ps[COST_ATTENTION] /
                                                 (double)plain.base_ps[COST_ATTENTION]
                                           : 1;
}

static double
decode_scale(const ProfileCost *self, guint32 decodes, double context)
{
  const CostShape shape = {.decodes = decodes,
                           .decode_context_tokens = (guint64)(decodes * context),
                           .sequences = decodes};
  return attention_scale(self, &shape);
}

static void
fill_row(const ProfileCost *self, guint32 decodes, DecodeRow *row)
{
  guint n;
  g_autofree double *contexts = attention_fit_contexts(self->attention, decodes, &n);

  row->n = n;
  row->context = g_new0(gint64, n);
  row->ps = g_new0(gint64, n);
  row->slope_ps = g_new0(gint64, n);
  row->measured = TRUE;
  for (guint i = 0; i < n; i++) {
    const AttentionPoint point = {.decodes = decodes, .context = contexts[i]};
    double scale = decode_scale(self, decodes, contexts[i]) * self->model->layers;
    gboolean inside;
    row->context[i] = (gint64)contexts[i] * decodes;
    row->ps[i] = round_ps(scale * attention_fit_ps(self->attention, &point, &inside));
    row->measured &= inside;
  }
  for (guint i = 0; i + 1 < n; i++) {
    row->slope_ps[i] =
        MAX(0, (row->ps[i + 1] - row->ps[i]) / (row->context[i + 1] - row->context[i]));
    if (i + 2 == n)
      row->slope_ps[i + 1] = row->slope_ps[i];
  }
}

static guint
row_node(const DecodeRow *row, gint64 total)
{
  guint low = 0, high = row->n - 1;

  while (low < high) {
    guint middle = (low + high + 1) / 2;
    if (row->context[middle] <= total)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

static guint
octave(double x, double per_octave, guint buckets)
{
  return (guint)CLAMP(lround(log2(x) * per_octave), 0, (glong)buckets - 1);
}

/* How unequal a batch's contexts are. All of it stays while they grow together. */
typedef struct {
  double mean;    /* above the least */
  double largest; /* above the least */
  double deviation;
} Spread;

static Spread
spread_of(const CostShape *shape)
{
  guint32 least = G_MAXUINT32, largest = 0;
  guint64 sum = 0, squares = 0;
  Spread spread;

  for (guint32 d = 0; d < shape->decodes; d++) {
    least = MIN(least, shape->decode_contexts[d]);
    largest = MAX(largest, shape->decode_contexts[d]);
  }
  for (guint32 d = 0; d < shape->decodes; d++) {
    guint64 above = shape->decode_contexts[d] - least;
    sum += above;
    squares += above * above;
  }
  spread.mean = (double)sum / shape->decodes;
  spread.largest = largest - least;
  spread.deviation =
      sqrt(MAX(0, (double)squares / shape->decodes - spread.mean * spread.mean));
  return spread;
}

/* How far the longest of n draws lies above the mean, in deviations: the expectation of the largest
 * of n normal variables (its asymptotic form, within 4 % from n = 8). */
static double
longest_of(double n)
{
  double a = sqrt(2 * log(MAX(n, 2)));

  return a - (log(log(MAX(n, 2))) + log(4 * G_PI)) / (2 * a) + 0.5772 / a;
}

/* The tokens of total context that unequal contexts are worth beyond their sum. A kernel lasts as
 * long as what ends last. Skew is measured with the long ones last in the batch; in an engine's
 * batch they are anywhere, and what ends last is the longest of the sequences that run at the end:
 * as many as the multiprocessors hold at a time. */
static gint64
skew_tokens(ProfileCost *self, const CostShape *shape, double new_tokens)
{
  Spread spread;
  double above, share;
  float *alpha;
  guint i, j, k;

  if (shape->decode_contexts == NULL || shape->decodes < 2)
    return 0;
  spread = spread_of(shape);
  if (spread.largest == 0)
    return 0;
  above = MIN(spread.largest - spread.mean, spread.deviation * self->longest_deviations);
  share = spread.mean / spread.largest;
  i = octave(new_tokens + 1, 1, SKEW_NEW);
  j = octave(shape->decodes, 4, SKEW_BATCH);
  k = (guint)CLAMP(lround(share * (SKEW_SHARES - 1)), 0, SKEW_SHARES - 1);
  alpha = &self->skew[i][j][k];
  if (isnan(*alpha))
    *alpha = (float)attention_fit_skew(self->attention, i == 0 ? 0 : exp2(i), exp2(j / 4.0),
                                       (double)k / (SKEW_SHARES - 1));
  return llround(above * shape->decodes * *alpha);
}

/* A batch of decodes: the affine piece that its total context lies in. */
static void
decode_attention(ProfileCost *self, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  DecodeRow large = {0};
  gboolean remembered = shape->decodes <= MEMO_SEQUENCES;
  DecodeRow *row = remembered ? &self->rows[shape->decodes] : &large;
  gint64 total = (gint64)shape->decode_context_tokens + skew_tokens(self, shape, 0);
  guint i;

  if (row->context == NULL)
    fill_row(self, shape->decodes, row);
  i = row_node(row, total);
  piece->base_ps[COST_ATTENTION] =
      MAX(0, row->ps[i] + row->slope_ps[i] * (total - row->context[i]));
  if (total < row->context[0])
    piece->base_ps[COST_ATTENTION] = row->ps[0];
  piece->growth_ps = total < row->context[0] ? 0 : row->slope_ps[i] * shape->decodes;
  piece->steps = repeat;
  if (total < row->context[i] || i + 1 < row->n) {
    gint64 end = total < row->context[0] ? row->context[0] : row->context[i + 1];
    gint64 steps = (end - total + shape->decodes - 1) / shape->decodes;
    piece->steps = (guint32)CLAMP(steps, 1, repeat);
  }
  if (row->measured && total >= row->context[0] && total <= row->context[row->n - 1])
    piece->measured |= 1u << COST_ATTENTION;
  if (!remembered) {
    g_free(large.context);
    g_free(large.ps);
    g_free(large.slope_ps);
  }
}

/* Prefills, alone or with decodes: all chunks as the one with as many tokens and pairs. */
static void
mixed_attention(ProfileCost *self, const CostShape *shape, CostPiece *piece)
{
  double tokens = 0, pairs = 0;
  AttentionPoint point;
  gboolean measured;

  for (guint32 i = 0; i < shape->n_prefills; i++) {
    double n = shape->prefills[i].tokens, c = shape->prefills[i].cached_tokens;
    tokens += n;
    pairs += n * c + n * (n + 1) / 2;
  }
  point = (AttentionPoint){
      .new_tokens = tokens,
      .cached_tokens = (pairs - tokens * (tokens + 1) / 2) / tokens,
      .decodes = shape->decodes,
  };
  if (shape->decodes > 0)
    point.context = (double)((gint64)shape->decode_context_tokens +
                             skew_tokens(self, shape, tokens)) /
                    shape->decodes;
  piece->base_ps[COST_ATTENTION] =
      round_ps(attention_fit_ps(self->attention, &point, &measured) * self->model->layers *
               attention_scale(self, shape));
  if (measured)
    piece->measured |= 1u << COST_ATTENTION;
}

static void
set(CostPiece *piece, CostComponent component, Memo memo)
{
  piece->base_ps[component] = memo.ps;
  if (memo.measured)
    piece->measured |= 1u << component;
}

static gint64
profile_copy_ps(CostModel *base, CopyDirection direction, guint32 blocks)
{
  const ProfileCost *self = (const ProfileCost *)base;
  double factor = direction == COPY_OUT ? self->what_if.d2h_time : self->what_if.h2d_time;

  if (self->copies[direction] == NULL)
    return cost_model_copy_ps(self->roofline, direction, blocks);
  return round_ps(factor * copy_fit_ps(self->copies[direction], (double)self->copy_piece_bytes,
                                       (double)self->copy_pieces_per_block * blocks));
}

static void
set_copies(ProfileCost *self, const CostShape *shape, CostPiece *piece)
{
  const guint32 blocks[2] = {[COPY_OUT] = shape->copy_out_blocks, [COPY_IN] = shape->copy_in_blocks};
  const CostComponent components[2] = {[COPY_OUT] = COST_SWAP_OUT, [COPY_IN] = COST_SWAP_IN};

  for (int d = 0; d < 2; d++)
    if (blocks[d] > 0 && self->copies[d] != NULL)
      set(piece, components[d],
          (Memo){profile_copy_ps(&self->base, (CopyDirection)d, blocks[d]), TRUE});
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

static void
set_host_and_comm(ProfileCost *self, const CostShape *shape, guint64 tokens, CostPiece *piece)
{
  gboolean inside;
  double ps;

  if (self->host != NULL) {
    ps = host_fit_ps(self->host, shape->sequences, (double)tokens, &inside);
    set(piece, COST_HOST, (Memo){round_ps(ps * self->what_if.host_time), inside});
  }
  if ((self->all_reduce[0] != NULL || self->all_reduce[1] != NULL) && tokens > 0) {
    ps = all_reduce_ps(self, (double)tokens * self->model->hidden * ACTIVATION_BYTES, &inside);
    set(piece, COST_COMM,
        (Memo){round_ps(2.0 * self->model->layers * ps * self->what_if.comm_time), inside});
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
      memo.ps = round_ps((double)memo.ps * (double)piece->base_ps[COST_ELEMENTWISE] /
                         (double)plain.base_ps[COST_ELEMENTWISE]);
  }
  set(piece, COST_ELEMENTWISE, memo);
}

static void
profile_step(CostModel *base, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  ProfileCost *self = (ProfileCost *)base;
  guint64 tokens = shape->decodes;

  for (guint32 i = 0; i < shape->n_prefills; i++)
    tokens += shape->prefills[i].tokens;
  cost_model_step(self->roofline, shape, repeat, piece);
  if (self->gemm != NULL) {
    set(piece, COST_LINEAR, remember(self, self->linear, MEMO_TOKENS, tokens, find_linear));
    set(piece, COST_HEAD, remember(self, self->head, MEMO_SEQUENCES, shape->sampled, find_head));
  }
  if (self->elementwise != NULL && tokens > 0)
    set_elementwise(self, shape, tokens, piece);
  set_host_and_comm(self, shape, tokens, piece);
  set_copies(self, shape, piece);
  if (self->attention == NULL || tokens == 0 ||
      !attention_fit_has(self->attention, shape->n_prefills > 0, shape->decodes > 0))
    return; /* modelled */
  if (shape->n_prefills > 0)
    mixed_attention(self, shape, piece);
  else
    decode_attention(self, shape, repeat, piece);
}

static void
profile_free_cost(CostModel *base)
{
  ProfileCost *self = (ProfileCost *)base;

  for (guint i = 0; i <= MEMO_SEQUENCES; i++) {
    g_free(self->rows[i].context);
    g_free(self->rows[i].ps);
    g_free(self->rows[i].slope_ps);
  }
  cost_model_free(self->roofline);
  cost_model_free(self->plain);
  gemm_fit_free(self->gemm);
  attention_fit_free(self->attention);
  elementwise_fit_free(self->elementwise);
  operation_curve_free(self->sampling);
  operation_curve_free(self->all_reduce[0]);
  operation_curve_free(self->all_reduce[1]);
  host_fit_free(self->host);
  copy_fit_free(self->copies[COPY_OUT]);
  copy_fit_free(self->copies[COPY_IN]);
  model_free(self->model);
  g_free(self);
}

static const CostModelClass profile_cost_class = {
    .name = "profile",
    .step = profile_step,
    .copy_ps = profile_copy_ps,
    .free = profile_free_cost,
};

static void
forget_all(ProfileCost *self)
{
  for (guint i = 0; i <= MEMO_TOKENS; i++)
    self->linear[i].ps = self->small[i].ps = -1;
  for (guint i = 0; i <= MEMO_SEQUENCES; i++)
    self->head[i].ps = -1;
  for (guint i = 0; i < SKEW_NEW; i++)
    for (guint j = 0; j < SKEW_BATCH; j++)
      for (guint k = 0; k < SKEW_SHARES; k++)
        self->skew[i][j][k] = NAN;
}

static void
fit_all(ProfileCost *self, const Profile *profile, const RooflineConfig *config)
{
  const Model *model = config->model;
  guint32 tp = config->tensor_parallel_size;
  guint64 q = device_heads(model, tp), kv = device_kv_heads(model, tp);
  g_autofree char *out = copy_fit_variant(COPY_OUT, config->copy_path, config->host_memory);
  g_autofree char *in = copy_fit_variant(COPY_IN, config->copy_path, config->host_memory);

  /* Experts are products of ragged batches, which the curves of plain ones do not tell. */
  if (model->experts == 0)
    self->gemm = gemm_fit_new(profile, config->device, model->weight_bits, NULL, NULL);
  if (model->kv_bits == 16)
    self->attention = attention_fit_new(profile, (guint32)q, (guint32)kv, model->head_dim, NULL,
                                        NULL);
  self->elementwise = elementwise_fit_new(profile, model, tp);
  self->sampling = operation_curve_new(profile, OP_SAMPLING, "", 0, 1,
                                       (model->vocab + tp - 1) / tp);
  if (tp > 1) {
    self->all_reduce[0] = operation_curve_new(profile, OP_ALL_REDUCE, "custom", 0, 1, tp);
    self->all_reduce[1] = operation_curve_new(profile, OP_ALL_REDUCE, "nccl", 0, 1, tp);
  }
  self->host = host_fit_new(profile, host_scheduler_name(config->scheduler));
  self->copies[COPY_OUT] = copy_fit_new(profile, out);
  self->copies[COPY_IN] = copy_fit_new(profile, in);
  self->copy_pieces_per_block =
      config->copy_path == COPY_PATH_PER_BLOCK ? 1 : 2 * (guint64)model->layers;
  self->copy_piece_bytes =
      pool_block_bytes(model, config->block_size, tp) / self->copy_pieces_per_block;
}

CostModel *
profile_cost_new(const Profile *profile, const RooflineConfig *config, GError **error)
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
  self->longest_deviations =
      longest_of(config->device->multiprocessors / (double)device_kv_heads(self->model, self->tp));
  forget_all(self);
  fit_all(self, profile, config);
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
