#include "cost_with_host.h"

typedef struct {
  CostModel base;
  CostModel *device, *host;
} CostWithHost;

static void
cost_of_step(CostModel *base, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  const CostWithHost *self = (const CostWithHost *)base;
  CostPiece host;

  cost_model_step(self->device, shape, repeat, piece);
  cost_model_step(self->host, shape, repeat, &host);
  piece->steps = MIN(piece->steps, host.steps);
  piece->base_ps[COST_HOST] = host.base_ps[COST_HOST];
  piece->measured_ps[COST_HOST] = host.base_ps[COST_HOST];
  piece->scaled_ps[COST_HOST] = 0;
}

static gint64
copy_ps(CostModel *base, CopyDirection direction, guint32 blocks)
{
  return cost_model_copy_ps(((CostWithHost *)base)->device, direction, blocks);
}

static double
spread(const CostModel *base, CostComponent component)
{
  return cost_model_spread(((const CostWithHost *)base)->device, component);
}

static CopyContention
contention(const CostModel *base, CopyDirection direction, gboolean prefills)
{
  return cost_model_contention(((const CostWithHost *)base)->device, direction, prefills);
}

static void
cost_with_host_free(CostModel *base)
{
  g_free(base);
}

static const CostModelClass cost_with_host_class = {
    .name = "a device's costs with this program's host time",
    .step = cost_of_step,
    .copy_ps = copy_ps,
    .spread = spread,
    .contention = contention,
    .free = cost_with_host_free,
};

CostModel *
cost_with_host_new(CostModel *device, CostModel *host)
{
  CostWithHost *self = g_new0(CostWithHost, 1);

  self->base.class = &cost_with_host_class;
  self->device = device;
  self->host = host;
  return &self->base;
}
