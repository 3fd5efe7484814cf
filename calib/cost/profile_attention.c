/* Attention of a step from a profile's fit: decodes alone as affine pieces of their total context,
 * prefills with or without decodes as one kernel over one equivalent chunk.
 *
 * Called by the cost model of a profile for every step. Rows of decode batches are made when first
 * asked for and kept, so a step costs a look into a table.
 */
#include "profile_attention.h"

#include <math.h>

#include "attention_fit.h"
#include "attention_skew.h"
#include "dtype.h"
#include "rounding.h"

enum {
  ROWS = 4096, /* decode batches that are remembered */
};

/* Attention of all layers for a decode batch of one size, over its total context. */
typedef struct {
  guint n;
  gint64 *context; /* totals: nodes of the affine pieces */
  gint64 *ps;
  gint64 *slope_ps; /* per token of the total, from node i to the next */
  gboolean measured;
} DecodeRow;

struct ProfileAttention {
  AttentionFit *fit;
  CostModel *roofline, *plain; /* borrowed: with and without the what-if scales */
  guint32 layers;
  AttentionSkew *skew; /* NULL: not known */
  gboolean is_scaled;  /* what-if scales: the two rooflines differ */
  DecodeRow rows[ROWS + 1];
};

/* What the what-if scales make of the roofline's attention. */
static double
attention_scale(const ProfileAttention *self, const CostShape *shape)
{
  CostPiece scaled, plain;

  if (!self->is_scaled)
    return 1;
  cost_model_step(self->roofline, shape, 1, &scaled);
  cost_model_step(self->plain, shape, 1, &plain);
  return plain.base_ps[COST_ATTENTION] > 0
             ? (double)scaled.base_ps[COST_ATTENTION] / (double)plain.base_ps[COST_ATTENTION]
             : 1;
}

static double
decode_scale(const ProfileAttention *self, guint32 decodes, double context)
{
  const CostShape shape = {.contexts.count = decodes,
                           .contexts.sum = (guint64)(decodes * context),
                           .sequences = decodes};
  return attention_scale(self, &shape);
}

static void
fill_row(const ProfileAttention *self, guint32 decodes, DecodeRow *row)
{
  guint n;
  g_autofree double *contexts = attention_fit_contexts(self->fit, decodes, &n);

  row->n = n;
  row->context = g_new0(gint64, n);
  row->ps = g_new0(gint64, n);
  row->slope_ps = g_new0(gint64, n);
  row->measured = TRUE;
  for (guint i = 0; i < n; i++) {
    const AttentionPoint point = {.decodes = decodes, .context = contexts[i]};
    double scale = decode_scale(self, decodes, contexts[i]) * self->layers;
    gboolean inside;
    row->context[i] = (gint64)contexts[i] * decodes;
    row->ps[i] = profile_round_ps(scale * attention_fit_ps(self->fit, &point, &inside));
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
  guint low = 0;

  for (guint left = row->n, half; left > 1; left -= half) {
    half = left / 2;
    low += row->context[low + half] <= total ? half : 0;
  }
  return low;
}

static gint64
skew_tokens(const ProfileAttention *self, const CostShape *shape)
{
  return self->skew != NULL
             ? attention_skew_tokens(self->skew, &shape->contexts, shape->n_prefills > 0)
             : 0;
}

/* A batch of decodes: the affine piece that its total context lies in. */
static void
decodes_only(ProfileAttention *self, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  DecodeRow large = {0};
  gboolean remembered = shape->contexts.count <= ROWS;
  DecodeRow *row = remembered ? &self->rows[shape->contexts.count] : &large;
  gint64 total = (gint64)shape->contexts.sum + skew_tokens(self, shape);
  guint i;

  if (row->context == NULL)
    fill_row(self, shape->contexts.count, row);
  i = row_node(row, total);
  piece->base_ps[COST_ATTENTION] =
      MAX(0, row->ps[i] + row->slope_ps[i] * (total - row->context[i]));
  if (total < row->context[0])
    piece->base_ps[COST_ATTENTION] = row->ps[0];
  piece->growth_ps = total < row->context[0] ? 0 : row->slope_ps[i] * shape->contexts.count;
  piece->steps = repeat;
  if (total < row->context[i] || i + 1 < row->n) {
    gint64 end = total < row->context[0] ? row->context[0] : row->context[i + 1];
    gint64 steps = (end - total + shape->contexts.count - 1) / shape->contexts.count;
    piece->steps = (guint32)CLAMP(steps, 1, repeat);
  }
  if (total != (gint64)shape->contexts.sum)
    piece->steps = MIN(piece->steps, attention_skew_steps(&shape->contexts));
  piece->measured_ps[COST_ATTENTION] = 0;
  piece->growth_measured =
      row->measured && total >= row->context[0] && total < row->context[row->n - 1];
  piece->growth_scaled = !piece->growth_measured;
  if (piece->growth_measured)
    piece->measured_ps[COST_ATTENTION] = piece->base_ps[COST_ATTENTION];
  piece->scaled_ps[COST_ATTENTION] =
      piece->base_ps[COST_ATTENTION] - piece->measured_ps[COST_ATTENTION];
  if (!remembered) {
    g_free(large.context);
    g_free(large.ps);
    g_free(large.slope_ps);
  }
}

/* Prefills, alone or with decodes: all chunks as the one with as many tokens and pairs. */
static void
mixed(ProfileAttention *self, const CostShape *shape, CostPiece *piece)
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
      .decodes = shape->contexts.count,
  };
  if (shape->contexts.count > 0)
    point.context =
        (double)((gint64)shape->contexts.sum + skew_tokens(self, shape)) / shape->contexts.count;
  piece->base_ps[COST_ATTENTION] = profile_round_ps(attention_fit_ps(self->fit, &point, &measured) *
                                                    self->layers * attention_scale(self, shape));
  piece->measured_ps[COST_ATTENTION] = measured ? piece->base_ps[COST_ATTENTION] : 0;
  piece->scaled_ps[COST_ATTENTION] =
      piece->base_ps[COST_ATTENTION] - piece->measured_ps[COST_ATTENTION];
}

gboolean
profile_attention_has(const ProfileAttention *self, const CostShape *shape)
{
  return attention_fit_has(self->fit, shape->n_prefills > 0, shape->contexts.count > 0);
}

void
profile_attention_step(ProfileAttention *self, const CostShape *shape, guint32 repeat,
                       CostPiece *piece)
{
  if (shape->n_prefills > 0)
    mixed(self, shape, piece);
  else
    decodes_only(self, shape, repeat, piece);
}

ProfileAttention *
profile_attention_new(const Profile *profile, const RooflineConfig *config, CostModel *roofline,
                      CostModel *plain)
{
  const Model *model = config->model;
  guint32 tp = config->tensor_parallel_size, kv_heads = MAX(1, model->kv_heads / tp);
  const AttentionHeads heads = {
      .heads = model->heads / tp,
      .kv_heads = kv_heads,
      .head_dim = model->head_dim,
      .dtype = dtype_serving(profile, OP_ATTENTION, "", dtype_of_attention(model))};
  AttentionFit *fit = heads.dtype != NULL ? attention_fit_new(profile, &heads, NULL, NULL) : NULL;
  ProfileAttention *self;

  if (fit == NULL)
    return NULL;
  self = g_new0(ProfileAttention, 1);
  self->fit = fit;
  self->roofline = roofline;
  self->plain = plain;
  self->layers = model->layers;
  self->skew = attention_skew_new(profile, &heads, config->device->multiprocessors);
  self->is_scaled = !what_if_is_none(&config->what_if);
  return self;
}

void
profile_attention_free(ProfileAttention *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i <= ROWS; i++) {
    g_free(self->rows[i].context);
    g_free(self->rows[i].ps);
    g_free(self->rows[i].slope_ps);
  }
  attention_fit_free(self->fit);
  attention_skew_free(self->skew);
  g_free(self);
}
