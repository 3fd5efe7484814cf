#include "attention_part.h"

#include <math.h>

#include "rounding.h"

enum {
  ROWS = 4096, /* decode batches that are remembered */
};

/* Attention of all layers for a decode batch of one size, over the tokens that its contexts see. */
typedef struct {
  guint n;
  gint64 *context; /* totals: nodes of the affine pieces */
  gint64 *ps;
  gint64 *slope_ps; /* per token of the total, from node i to the next */
  gboolean measured;
} DecodeRow;

struct AttentionPart {
  AttentionPartConfig config;
  DecodeRow rows[ROWS + 1];
};

double
attention_part_scale(const AttentionPart *self, const CostShape *shape)
{
  CostPiece scaled, plain;

  if (!self->config.is_scaled)
    return 1;
  cost_model_step(self->config.roofline, shape, 1, &scaled);
  cost_model_step(self->config.plain, shape, 1, &plain);
  return plain.base_ps[COST_ATTENTION] > 0
             ? (double)scaled.base_ps[COST_ATTENTION] / (double)plain.base_ps[COST_ATTENTION]
             : 1;
}

static double
decode_scale(const AttentionPart *self, guint32 decodes, double context)
{
  const CostShape shape = {.contexts.count = decodes,
                           .contexts.sum = (guint64)(decodes * context),
                           .sequences = decodes};
  return attention_part_scale(self, &shape);
}

static void
fill_row(const AttentionPart *self, guint32 decodes, DecodeRow *row)
{
  guint n;
  g_autofree double *contexts = attention_fit_contexts(self->config.fit, decodes, &n);

  row->n = n;
  row->context = g_new0(gint64, n);
  row->ps = g_new0(gint64, n);
  row->slope_ps = g_new0(gint64, n);
  row->measured = TRUE;
  for (guint i = 0; i < n; i++) {
    const AttentionPoint point = {.decodes = decodes, .context = contexts[i]};
    double scale = decode_scale(self, decodes, contexts[i]) * self->config.layers;
    gboolean inside;
    row->context[i] = (gint64)contexts[i] * decodes;
    row->ps[i] = profile_round_ps(scale * attention_fit_ps(self->config.fit, &point, &inside));
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
skew_tokens(const AttentionPart *self, const CostShape *shape)
{
  return self->config.skew != NULL
             ? attention_skew_tokens(self->config.skew, &shape->contexts, shape->n_prefills > 0)
             : 0;
}

/* The tokens that the decodes see. *growing: how many decodes see one more in the next step. */
static gint64
seen_tokens(const AttentionPart *self, const CostShape *shape, guint32 *growing)
{
  if (self->config.window.tokens > 0)
    return (gint64)decode_contexts_visible(&shape->contexts, &self->config.window, growing);
  *growing = shape->contexts.count;
  return (gint64)shape->contexts.sum + skew_tokens(self, shape);
}

/* Steps until the total reaches `end`, at most `repeat`. */
static guint32
steps_until(gint64 end, gint64 total, guint32 growing, guint32 repeat)
{
  return growing > 0 ? (guint32)CLAMP((end - total + growing - 1) / growing, 1, repeat) : repeat;
}

/* A batch of decodes: the affine piece that its total lies in. */
static void
decodes_only(AttentionPart *self, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  DecodeRow large = {0};
  gboolean remembered = shape->contexts.count <= ROWS, is_inside;
  DecodeRow *row = remembered ? &self->rows[shape->contexts.count] : &large;
  guint32 growing;
  gint64 total = seen_tokens(self, shape, &growing);
  guint i;

  if (row->context == NULL)
    fill_row(self, shape->contexts.count, row);
  i = row_node(row, total);
  piece->base_ps[COST_ATTENTION] =
      MAX(0, row->ps[i] + row->slope_ps[i] * (total - row->context[i]));
  if (total < row->context[0])
    piece->base_ps[COST_ATTENTION] = row->ps[0];
  piece->growth_ps = total < row->context[0] ? 0 : row->slope_ps[i] * growing;
  piece->steps = repeat;
  if (total < row->context[0])
    piece->steps = steps_until(row->context[0], total, growing, repeat);
  else if (i + 1 < row->n)
    piece->steps = steps_until(row->context[i + 1], total, growing, repeat);
  if (self->config.window.tokens == 0 && total != (gint64)shape->contexts.sum)
    piece->steps = MIN(piece->steps, attention_skew_steps(&shape->contexts));
  /* A window is full at its last node; a context that is whole grows beyond it. */
  is_inside = total >= row->context[0] &&
              (total < row->context[row->n - 1] ||
               (self->config.window.tokens > 0 && total == row->context[row->n - 1]));
  piece->growth_measured = row->measured && is_inside;
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

/* All chunks as one with as many tokens and, as far as a window allows, as many pairs. */
static AttentionPoint
equivalent_chunk(const AttentionPart *self, const CostShape *shape)
{
  double tokens = 0, pairs = 0, window = self->config.window.tokens, none, full;

  for (guint32 i = 0; i < shape->n_prefills; i++) {
    double n = shape->prefills[i].tokens, c = shape->prefills[i].cached_tokens;
    tokens += n;
    pairs += window > 0 ? attention_fit_pairs(self->config.fit, n, MIN(c, window))
                        : n * c + n * (n + 1) / 2;
  }
  if (window == 0)
    return (AttentionPoint){.new_tokens = tokens,
                            .cached_tokens = (pairs - tokens * (tokens + 1) / 2) / tokens};
  none = attention_fit_pairs(self->config.fit, tokens, 0);
  full = attention_fit_pairs(self->config.fit, tokens, window);
  return (AttentionPoint){
      .new_tokens = tokens,
      .cached_tokens = full > none ? CLAMP((pairs - none) / (full - none), 0, 1) * window : 0};
}

/* The roofline of all layers for chunks alone. */
static double
roofline_ps(const AttentionPart *self, const CostChunk *chunks, guint32 n)
{
  const CostShape shape = {.prefills = chunks, .n_prefills = n, .sequences = n};
  CostPiece piece = {0};

  cost_model_step(self->config.plain, &shape, 1, &piece);
  return (double)piece.base_ps[COST_ATTENTION];
}

/* The same of a point: of one chunk, or, after fewer cached tokens than none, of the equal prompts
 * that count as it (attention_fit.h), the last of which is shorter where they do not divide. */
static double
roofline_at(const AttentionPart *self, const AttentionPoint *point)
{
  guint32 tokens = (guint32)point->new_tokens;
  guint32 each = (guint32)MAX(1, point->new_tokens + 2 * MIN(point->cached_tokens, 0));
  guint32 n = (tokens + each - 1) / each;
  g_autofree CostChunk *chunks = g_new0(CostChunk, n);

  for (guint32 i = 0; i < n; i++)
    chunks[i].tokens = MIN(each, tokens - i * each);
  if (n > 0)
    chunks[0].cached_tokens = (guint32)MAX(point->cached_tokens, 0);
  return roofline_ps(self, chunks, n);
}

/* What one chunk takes after `to` cached tokens, of ps after `from` (AttentionDraw). */
static double
draw(gpointer user_data, double ps, double new_tokens, double from, double to)
{
  const AttentionPart *self = user_data;
  const AttentionPoint near = {.new_tokens = new_tokens, .cached_tokens = from};
  const AttentionPoint far = {.new_tokens = new_tokens, .cached_tokens = to};
  double near_ps = roofline_at(self, &near), far_ps = roofline_at(self, &far);

  if (!self->config.has_products && near_ps > 0)
    return ps * far_ps / near_ps;
  return ps + (far_ps - near_ps) / self->config.layers;
}

/* What the chunks take more in one layer, or less, than as many tokens after `reach` cached ones.
 */
static double
beyond_ps(const AttentionPart *self, const CostShape *shape, double new_tokens, double reach)
{
  const AttentionPoint at_reach = {.new_tokens = new_tokens, .cached_tokens = reach};
  double near_ps = roofline_at(self, &at_reach);
  double more_ps = roofline_ps(self, shape->prefills, shape->n_prefills) - near_ps;
  gboolean inside;

  if (!self->config.has_products && near_ps > 0)
    return more_ps / near_ps * attention_fit_ps(self->config.fit, &at_reach, &inside);
  return more_ps / self->config.layers;
}

/* Prefills, alone or with decodes. */
static void
mixed(AttentionPart *self, const CostShape *shape, CostPiece *piece)
{
  AttentionPoint point = equivalent_chunk(self, shape);
  double beyond = 0;
  gboolean measured, is_far = FALSE;
  guint32 growing;

  if (self->config.is_extended) {
    double reach = attention_fit_reach(self->config.fit, point.new_tokens, point.cached_tokens);
    is_far = reach != point.cached_tokens;
    if (is_far)
      beyond = beyond_ps(self, shape, point.new_tokens, reach);
    point.cached_tokens = reach;
  }
  point.decodes = shape->contexts.count;
  if (shape->contexts.count > 0)
    point.context = (double)seen_tokens(self, shape, &growing) / shape->contexts.count;
  piece->base_ps[COST_ATTENTION] =
      profile_round_ps(MAX(0, attention_fit_ps(self->config.fit, &point, &measured) + beyond) *
                       self->config.layers * attention_part_scale(self, shape));
  piece->measured_ps[COST_ATTENTION] = measured && !is_far ? piece->base_ps[COST_ATTENTION] : 0;
  piece->scaled_ps[COST_ATTENTION] =
      piece->base_ps[COST_ATTENTION] - piece->measured_ps[COST_ATTENTION];
}

static void
modelled(const AttentionPart *self, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  const guint others = ~(1u << COST_ATTENTION);
  CostPiece all = {0};

  roofline_step_without(self->config.roofline, shape, repeat, others, &all);
  piece->base_ps[COST_ATTENTION] = all.base_ps[COST_ATTENTION];
  piece->growth_ps = all.growth_ps;
  piece->steps = all.steps;
}

void
attention_part_step(AttentionPart *self, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  if (self->config.fit == NULL ||
      !attention_fit_has(self->config.fit, shape->n_prefills > 0, shape->contexts.count > 0))
    modelled(self, shape, repeat, piece);
  else if (shape->n_prefills > 0)
    mixed(self, shape, piece);
  else
    decodes_only(self, shape, repeat, piece);
}

gboolean
attention_part_is_measured(const AttentionPart *self)
{
  return self->config.fit != NULL;
}

AttentionPart *
attention_part_new(const AttentionPartConfig *config)
{
  AttentionPart *self = g_new0(AttentionPart, 1);

  self->config = *config;
  if (config->fit != NULL && config->plain != NULL)
    attention_fit_draw_by(config->fit, draw, self);
  return self;
}

void
attention_part_free(AttentionPart *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i <= ROWS; i++) {
    g_free(self->rows[i].context);
    g_free(self->rows[i].ps);
    g_free(self->rows[i].slope_ps);
  }
  attention_fit_free(self->config.fit);
  attention_skew_free(self->config.skew);
  g_free(self);
}
