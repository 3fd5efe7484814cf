/* The model executor: virtual time, durations from a cost model. The default.
 *
 * It turns a step into the shape that a cost model understands, and asks once for all repeats. What
 * a step spends on tokens that had been computed before is the difference to the same step with
 * those tokens still in the cache.
 */
#include "array.h"
#include "executor.h"

typedef struct {
  Executor base;
  CostModel *cost;
  GArray *chunks; /* of CostChunk */
  guint room;     /* for array.h */
} ModelExecutor;

/* Adds what is no plain decode, whose contexts the step has summed up. */
static void
add_entry(ModelExecutor *self, const StepEntry *entry, gboolean without_recompute, CostShape *shape)
{
  guint32 known = without_recompute ? entry->recomputed_tokens : 0;
  gboolean decodes = entry->kind == ENTRY_DECODE || entry->kind == ENTRY_DECODE_SWAPPED_IN;
  const CostChunk chunk = {
      .tokens = entry->tokens - known,
      .cached_tokens = entry->cached_tokens + known,
  };

  if (chunk.tokens == 0 || (decodes && entry->recomputed_tokens == 0))
    return;
  if (decodes)
    decode_contexts_add(&shape->contexts, entry->cached_tokens + 1);
  else
    ARRAY_PUSH(self->chunks, &self->room, CostChunk, chunk);
  shape->sampled += entry->samples;
}

static void
add_entries(ModelExecutor *self, const Step *step, gboolean without_recompute, CostShape *shape)
{
  for (guint i = 0; i < step->entries->len; i++)
    add_entry(self, &g_array_index(step->entries, StepEntry, i), without_recompute, shape);
}

/* A step's shape. With `without_recompute`, tokens that had been computed before count as cached.
 * Small enough to be put in line, and written in place, since there is one a step. */
static inline void
find_shape(ModelExecutor *self, const Step *step, gboolean without_recompute, CostShape *shape)
{
  shape->contexts = step->contexts;
  shape->sampled = step->contexts.count;
  shape->copy_out_blocks = step->copy_out_blocks;
  shape->copy_in_blocks = step->copy_in_blocks;
  self->chunks->len = 0;
  if (step->contexts.count < step->n_sequences)
    add_entries(self, step, without_recompute, shape);
  shape->prefills = (const CostChunk *)(gpointer)self->chunks->data;
  shape->n_prefills = self->chunks->len;
  shape->sequences = shape->n_prefills + shape->contexts.count;
}

static gboolean
recomputes(const Step *step)
{
  for (guint i = 0; i < step->entries->len; i++)
    if (g_array_index(step->entries, StepEntry, i).recomputed_tokens > 0)
      return TRUE;
  return FALSE;
}

static gint64
cost_without_recompute_ps(ModelExecutor *self, const Step *step)
{
  CostShape shape;
  CostPiece piece;

  find_shape(self, step, TRUE, &shape);
  cost_model_step(self->cost, &shape, 1, &piece);
  return cost_piece_total_ps(&piece);
}

static gboolean
run(Executor *base, const Step *step, const RepeatLimit *limit, StepTiming *timing,
    GError **error G_GNUC_UNUSED)
{
  ModelExecutor *self = (ModelExecutor *)base;
  CostShape shape;

  if (step->takes_no_time) {
    timing->cost = (CostPiece){.steps = 1};
    return TRUE;
  }
  find_shape(self, step, FALSE, &shape);
  cost_model_step(self->cost, &shape, step->repeat, &timing->cost);
  timing->first_ps = cost_piece_total_ps(&timing->cost);
  timing->growth_ps = timing->cost.growth_ps;
  timing->repeats = repeats_until(timing->first_ps, timing->growth_ps, timing->cost.steps, limit);
  timing->elapsed_ps = repeats_elapsed_ps(timing->first_ps, timing->growth_ps, timing->repeats);
  if (step->contexts.count < step->n_sequences && recomputes(step)) {
    gint64 overhead_ps = timing->first_ps - cost_without_recompute_ps(self, step);
    timing->recompute_overhead_ps = MAX(0, overhead_ps);
  }
  return TRUE;
}

static void
model_executor_free(Executor *base)
{
  ModelExecutor *self = (ModelExecutor *)base;

  g_array_unref(self->chunks);
  g_free(self);
}

static Executor *
create(CostModel *cost)
{
  ModelExecutor *self = g_new0(ModelExecutor, 1);

  self->base.class = &executor_model;
  self->cost = cost;
  self->chunks = g_array_new(FALSE, FALSE, sizeof(CostChunk));
  return &self->base;
}

const ExecutorClass executor_model = {
    .name = "model",
    .help = "virtual time, durations from the cost model of the device (default)",
    .needs_cost = TRUE,
    .run = run,
    .create = create,
    .free = model_executor_free,
};
