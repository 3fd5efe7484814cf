#include "step_fit.h"

#include <math.h>
#include <stddef.h>

enum { TERMS = 3, ROUNDS = 20 };

#define ALWAYS ((gsize)-1) /* the count is 1 */
#define NONE ((gsize)-2)
#define AT(field) offsetof(StepCounts, field)

/* The terms of each component. */
static const gsize terms[COST_COMPONENTS][TERMS] = {
    [COST_LINEAR] = {ALWAYS, AT(tokens), NONE},
    [COST_ATTENTION] = {AT(tokens), AT(pairs), AT(contexts)},
    [COST_ELEMENTWISE] = {ALWAYS, AT(tokens), NONE},
    [COST_HEAD] = {ALWAYS, AT(sampled), NONE},
    [COST_COMM] = {NONE, NONE, NONE},
    [COST_HOST] = {ALWAYS, AT(sequences), AT(tokens)},
    [COST_SWAP_OUT] = {AT(copy_out_blocks), NONE, NONE},
    [COST_SWAP_IN] = {AT(copy_in_blocks), NONE, NONE},
};

typedef struct {
  CostModel base;
  gint64 coefficients_ps[COST_COMPONENTS][TERMS];
} StepFit;

static gint64
count_of(const StepCounts *counts, gsize term)
{
  if (term == NONE)
    return 0;
  return term == ALWAYS ? 1 : *(const gint64 *)(gconstpointer)((const char *)counts + term);
}

static void
add_chunk(StepCounts *counts, gint64 tokens, gint64 cached_tokens)
{
  counts->tokens += tokens;
  counts->pairs += tokens * cached_tokens + tokens * (tokens + 1) / 2;
}

static void
add_decodes(StepCounts *counts, const DecodeContexts *contexts)
{
  counts->tokens += contexts->count;
  counts->contexts += (gint64)contexts->sum;
}

StepCounts
step_counts_of(const Step *step)
{
  StepCounts counts = {
      .sequences = step->n_sequences,
      .copy_out_blocks = step->copy_out_blocks,
      .copy_in_blocks = step->copy_in_blocks,
  };

  for (guint i = 0; i < step->entries->len; i++) {
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
    if (entry->kind == ENTRY_DECODE || entry->kind == ENTRY_DECODE_SWAPPED_IN) {
      counts.tokens++;
      counts.contexts += entry->cached_tokens + 1;
    } else {
      add_chunk(&counts, entry->tokens, entry->cached_tokens);
    }
    counts.sampled += entry->samples;
  }
  return counts;
}

/* Solves the normal equations over the terms that are still in; others are 0. */
static void
solve(double matrix[TERMS][TERMS + 1], const gboolean *in, double *x)
{
  for (guint i = 0; i < TERMS; i++) {
    double pivot = matrix[i][i];
    x[i] = 0;
    if (!in[i] || fabs(pivot) < 1e-300)
      continue;
    for (guint r = 0; r < TERMS; r++) {
      double factor = matrix[r][i] / pivot;
      for (guint c = 0; r != i && in[r] && c <= TERMS; c++)
        matrix[r][c] -= factor * matrix[i][c];
    }
  }
  for (guint i = 0; i < TERMS; i++)
    if (in[i] && fabs(matrix[i][i]) >= 1e-300)
      x[i] = matrix[i][TERMS] / matrix[i][i];
}

/* One round: weights from how far the round before was off. */
static void
fit_round(const StepSample *samples, guint n, guint c, const gboolean *in, gboolean first,
          double *x)
{
  double matrix[TERMS][TERMS + 1] = {{0}};

  for (guint s = 0; s < n; s++) {
    double y = (double)samples[s].component_ps[c], predicted = 0, weight, row[TERMS];
    for (guint i = 0; i < TERMS; i++) {
      row[i] = (double)count_of(&samples[s].counts, terms[c][i]);
      predicted += x[i] * row[i];
    }
    if (y <= 0)
      continue;
    weight = 1 / (y * (first ? y : MAX(fabs(y - predicted), 0.01 * y)));
    for (guint i = 0; i < TERMS; i++) {
      for (guint j = 0; j < TERMS; j++)
        matrix[i][j] += weight * row[i] * row[j];
      matrix[i][TERMS] += weight * row[i] * y;
    }
  }
  solve(matrix, in, x);
}

/* A term that would be negative is left out, and the others are fitted again. */
static void
fit_component(StepFit *self, const StepSample *samples, guint n, guint c)
{
  gboolean in[TERMS], again = TRUE;
  double x[TERMS] = {0};

  for (guint i = 0; i < TERMS; i++)
    in[i] = terms[c][i] != NONE;
  while (again) {
    again = FALSE;
    for (guint round = 0; round < ROUNDS; round++)
      fit_round(samples, n, c, in, round == 0, x);
    for (guint i = 0; i < TERMS; i++)
      if (in[i] && x[i] < 0) {
        in[i] = FALSE;
        again = TRUE;
      }
  }
  for (guint i = 0; i < TERMS; i++)
    self->coefficients_ps[c][i] = in[i] && isfinite(x[i]) ? (gint64)llround(x[i]) : 0;
}

static void
cost_of_step(CostModel *base, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  const StepFit *self = (const StepFit *)base;
  StepCounts counts = {
      .sequences = shape->sequences,
      .sampled = shape->sampled,
      .copy_out_blocks = shape->copy_out_blocks,
      .copy_in_blocks = shape->copy_in_blocks,
  };

  *piece = (CostPiece){.steps = repeat};
  add_decodes(&counts, &shape->contexts);
  for (guint32 i = 0; i < shape->n_prefills; i++)
    add_chunk(&counts, shape->prefills[i].tokens, shape->prefills[i].cached_tokens);
  for (guint c = 0; c < COST_COMPONENTS; c++) {
    for (guint i = 0; i < TERMS; i++)
      piece->base_ps[c] += self->coefficients_ps[c][i] * count_of(&counts, terms[c][i]);
    piece->measured_ps[c] = piece->base_ps[c];
  }
  piece->growth_ps = self->coefficients_ps[COST_ATTENTION][2] * shape->contexts.count;
  piece->growth_measured = TRUE;
}

static gint64
copy_ps(CostModel *base, CopyDirection direction, guint32 blocks)
{
  const StepFit *self = (const StepFit *)base;

  return self->coefficients_ps[direction == COPY_OUT ? COST_SWAP_OUT : COST_SWAP_IN][0] * blocks;
}

static void
step_fit_free(CostModel *base)
{
  g_free(base);
}

static const CostModelClass step_fit_class = {
    .name = "fitted steps",
    .step = cost_of_step,
    .copy_ps = copy_ps,
    .free = step_fit_free,
};

CostModel *
step_fit_new(const StepSample *samples, guint n)
{
  StepFit *self = g_new0(StepFit, 1);

  self->base.class = &step_fit_class;
  for (guint c = 0; c < COST_COMPONENTS; c++)
    fit_component(self, samples, n, c);
  return &self->base;
}
