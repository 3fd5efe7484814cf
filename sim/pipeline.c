#include "pipeline.h"

struct Pipeline {
  guint32 stages, layers;
  gint64 host_free_ps;
  gint64 *free_ps; /* [stages] */
  Flight *flights; /* [stages], a ring */
  guint32 oldest, n;
};

guint32
pipeline_stage_layers(guint32 layers, guint32 stages, guint32 i)
{
  guint32 left = layers % stages;

  return layers / stages + (i + 1 < stages && i + 1 + left >= stages);
}

guint32
pipeline_most_layers(guint32 layers, guint32 stages)
{
  return (layers + stages - 1) / stages;
}

Pipeline *
pipeline_new(guint32 stages, guint32 layers, guint32 block_size)
{
  Pipeline *self = g_new0(Pipeline, 1);

  g_assert(stages >= 2 && stages <= layers);
  self->stages = stages;
  self->layers = layers;
  self->free_ps = g_new0(gint64, stages);
  self->flights = g_new0(Flight, stages);
  for (guint32 i = 0; i < stages; i++)
    self->flights[i].step = step_new(block_size, block_size);
  return self;
}

void
pipeline_free(Pipeline *self)
{
  if (self == NULL)
    return;
  for (guint32 i = 0; i < self->stages; i++)
    step_free(self->flights[i].step);
  g_free(self->flights);
  g_free(self->free_ps);
  g_free(self);
}

gint64
pipeline_start_ps(const Pipeline *self, gint64 now_ps)
{
  return MAX(now_ps, self->host_free_ps);
}

gint64
pipeline_flow(Pipeline *self, gint64 start_ps, StepTiming *timing)
{
  gint64 host_ps = timing->cost.base_ps[COST_HOST], head_ps = timing->cost.base_ps[COST_HEAD];
  gint64 layers_ps = timing->elapsed_ps - host_ps - head_ps;
  gint64 at_ps = start_ps + host_ps, queued_ps;

  self->host_free_ps = at_ps;
  for (guint32 i = 0; i < self->stages; i++) {
    guint32 layers = pipeline_stage_layers(self->layers, self->stages, i);
    at_ps = MAX(at_ps, self->free_ps[i]) + layers_ps / self->layers * layers;
    if (i + 1 == self->stages)
      at_ps += head_ps;
    self->free_ps[i] = at_ps;
  }
  queued_ps = at_ps - start_ps - timing->elapsed_ps;
  timing->first_ps = timing->elapsed_ps = at_ps - start_ps;
  return queued_ps;
}

void
pipeline_push(Pipeline *self, Flight *flight)
{
  Flight *place = &self->flights[(self->oldest + self->n) % self->stages];
  Step *spare = place->step;

  g_assert(self->n < self->stages);
  *place = *flight;
  flight->step = spare;
  self->n++;
}

void
pipeline_pop(Pipeline *self, Flight *flight)
{
  Flight *place = &self->flights[self->oldest];
  Step *spare = flight->step;

  g_assert(self->n > 0);
  *flight = *place;
  place->step = spare;
  self->oldest = (self->oldest + 1) % self->stages;
  self->n--;
}

gboolean
pipeline_is_empty(const Pipeline *self)
{
  return self->n == 0;
}

gboolean
pipeline_waits(const Pipeline *self, gint64 now_ps)
{
  const Flight *oldest = &self->flights[self->oldest];

  return self->n == self->stages ||
         (self->n > 0 && oldest->start_ps + oldest->timing.elapsed_ps <= now_ps);
}
