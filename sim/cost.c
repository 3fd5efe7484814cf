#include "cost.h"

const char *
cost_component_name(CostComponent component)
{
  static const char *const names[] = {
      "linear", "attention", "elementwise", "head", "comm", "host", "swap_out", "swap_in",
  };
  return names[component];
}

gint64
cost_model_copy_ps(CostModel *self, CopyDirection direction, guint32 blocks)
{
  return blocks == 0 ? 0 : self->class->copy_ps(self, direction, blocks);
}

double
cost_model_layer_copy_ps(CostModel *self, CopyDirection direction, guint32 blocks)
{
  g_assert(self->copy_stages > 0);
  return blocks == 0 ? 0 : self->class->layer_copy_ps(self, direction, blocks);
}

CopyContention
cost_model_contention(const CostModel *self, CopyDirection direction, gboolean prefills)
{
  if (self->class->contention == NULL)
    return (CopyContention){0};
  return self->class->contention(self, direction, prefills);
}

gint64
copy_contention_step_ps(const CopyContention *contention, gint64 copy_ps, gint64 computes_ps)
{
  double slow = contention->step, beside_ps = (double)copy_ps * (1 + contention->copy);

  if (beside_ps >= (double)computes_ps * (1 + slow))
    return (gint64)((double)computes_ps * slow);
  return (gint64)(beside_ps * slow / (1 + slow));
}

gint64
cost_model_recompute_ps(CostModel *self, guint32 tokens, guint32 cached_tokens)
{
  const CostChunk chunk = {.tokens = tokens, .cached_tokens = cached_tokens};
  const CostShape shape = {.prefills = &chunk, .n_prefills = 1, .sampled = 1, .sequences = 1};
  CostPiece piece;

  if (tokens == 0)
    return 0;
  cost_model_step(self, &shape, 1, &piece);
  return cost_piece_total_ps(&piece) - piece.base_ps[COST_HOST];
}

void
cost_model_free(CostModel *self)
{
  if (self != NULL)
    self->class->free(self);
}

gboolean
cost_model_rises(CostModel *self, guint64 tokens)
{
  return self->class->rises != NULL && self->class->rises(self, tokens);
}

double
cost_model_spread(const CostModel *self, CostComponent component)
{
  return self->class->spread != NULL ? self->class->spread(self, component) : 0;
}
