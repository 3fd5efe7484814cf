/* What steps' time is made of, computed and predicted.
 *
 * The CPU's device times every component, the GPU's the layers as one: to time each operation would
 * change what is timed. What the components took is inferred there from all steps together: step i
 * took m_i, the model says p_ic of component c, and factors f_c are sought for which the sums
 * f_c p_ic come nearest to m_i,
 *
 *     minimize  sum_i ((m_i - sum_c f_c p_ic) / m_i)^2 w_i  +  RIDGE n sum_c (f_c - 1)^2
 *
 * with weights that let a step count less the further it is off. The second term holds a factor at
 * 1 where the steps do not tell two components apart.
 */
#include <math.h>
#include <string.h>

#include "sim/units.h"
#include "validation.h"

#define LAYERS "layers"

enum { LAYER_PARTS = 3, ROUNDS = 10 };
static const double RIDGE = 1e-4;

static const CostComponent layer_parts[LAYER_PARTS] = {COST_LINEAR, COST_ATTENTION,
                                                       COST_ELEMENTWISE};

/* The layers' time of a step that was computed. */
static double
layers_of(const gint64 part_ps[COST_COMPONENTS])
{
  double ps = 0;

  for (guint c = 0; c < LAYER_PARTS; c++)
    ps += (double)part_ps[layer_parts[c]];
  return ps;
}

/* Solves a symmetric positive definite system by elimination. */
static void
solve(double matrix[LAYER_PARTS][LAYER_PARTS + 1], double x[LAYER_PARTS])
{
  for (guint i = 0; i < LAYER_PARTS; i++)
    for (guint r = 0; r < LAYER_PARTS; r++) {
      double factor = matrix[r][i] / matrix[i][i];
      for (guint c = i; r != i && c <= LAYER_PARTS; c++)
        matrix[r][c] -= factor * matrix[i][c];
    }
  for (guint i = 0; i < LAYER_PARTS; i++)
    x[i] = matrix[i][LAYER_PARTS] / matrix[i][i];
}

static void
fit_round(const StepWatch *steps, double factors[LAYER_PARTS])
{
  double matrix[LAYER_PARTS][LAYER_PARTS + 1] = {{0}};
  double ridge = RIDGE * MAX(steps->watched->len, 1);

  for (guint c = 0; c < LAYER_PARTS; c++)
    matrix[c][c] = matrix[c][LAYER_PARTS] = ridge;
  for (guint i = 0; i < steps->watched->len; i++) {
    const WatchedStep *step = &g_array_index(steps->watched, WatchedStep, i);
    double measured = layers_of(step->measured_part_ps), shares[LAYER_PARTS], off = 1, weight;
    if (measured <= 0)
      continue;
    for (guint c = 0; c < LAYER_PARTS; c++) {
      shares[c] = (double)step->predicted_part_ps[layer_parts[c]] / measured;
      off -= factors[c] * shares[c];
    }
    weight = 0.01 / MAX(fabs(off), 0.01);
    for (guint r = 0; r < LAYER_PARTS; r++) {
      for (guint c = 0; c < LAYER_PARTS; c++)
        matrix[r][c] += weight * shares[r] * shares[c];
      matrix[r][LAYER_PARTS] += weight * shares[r];
    }
  }
  solve(matrix, factors);
}

/* By how much each part of the layers is off in the mean, as the steps tell. */
static void
infer_factors(const StepWatch *steps, double factors[LAYER_PARTS])
{
  for (guint c = 0; c < LAYER_PARTS; c++)
    factors[c] = 1;
  for (guint round = 0; round < ROUNDS; round++)
    fit_round(steps, factors);
}

static gint64
difference_ps(const TimePart *part)
{
  return ABS(part->predicted_ps - part->computed_ps);
}

/* Adds a part where its difference has it. */
static void
insert(TimePart *parts, guint *n, const TimePart *part)
{
  guint at = (*n)++;

  for (; at > 0 && difference_ps(&parts[at - 1]) < difference_ps(part); at--)
    parts[at] = parts[at - 1];
  parts[at] = *part;
}

/* What the layers are made of, behind them. */
static void
insert_inferred(const Validation *v, TimePart parts[VALIDATION_PARTS], guint *n)
{
  TimePart inferred[LAYER_PARTS];
  guint count = 0, at = 0;
  double factors[LAYER_PARTS];

  infer_factors(v->steps, factors);
  for (guint c = 0; c < LAYER_PARTS; c++) {
    const gint64 predicted_ps = step_watch_predicted_ps(v->steps, layer_parts[c]);
    const TimePart part = {
        .name = cost_component_name(layer_parts[c]),
        .computed_ps = llround(factors[c] * (double)predicted_ps),
        .predicted_ps = predicted_ps,
        .is_inferred = TRUE,
    };
    insert(inferred, &count, &part);
  }
  while (!g_str_equal(parts[at++].name, LAYERS)) {
  }
  memmove(&parts[at + count], &parts[at], (*n - at) * sizeof *parts);
  memcpy(&parts[at], inferred, sizeof inferred);
  *n += count;
}

static gboolean
is_of_layers(guint component)
{
  for (guint c = 0; c < LAYER_PARTS; c++)
    if (layer_parts[c] == component)
      return TRUE;
  return FALSE;
}

guint
validation_parts(const Validation *v, TimePart parts[VALIDATION_PARTS])
{
  TimePart layers = {.name = LAYERS};
  guint n = 0;

  for (guint c = 0; c < COST_COMPONENTS; c++) {
    const TimePart part = {
        .name = cost_component_name((CostComponent)c),
        .computed_ps = step_watch_measured_ps(v->steps, (CostComponent)c),
        .predicted_ps = step_watch_predicted_ps(v->steps, (CostComponent)c),
    };
    if (v->layers_are_one && is_of_layers(c)) {
      layers.computed_ps += part.computed_ps;
      layers.predicted_ps += part.predicted_ps;
    } else if (part.computed_ps != 0 || part.predicted_ps != 0) {
      insert(parts, &n, &part);
    }
  }
  if (v->layers_are_one) {
    insert(parts, &n, &layers);
    insert_inferred(v, parts, &n);
  }
  return n;
}

/* The parts that are no sum of others, and whose difference is at least a fifth of the largest. */
char *
validation_explanation(const Validation *v)
{
  TimePart parts[VALIDATION_PARTS];
  guint n = validation_parts(v, parts), told = 0;
  gint64 busy_ps = 0, largest_ps = 0;
  GString *text = g_string_new(NULL);

  for (guint c = 0; c < COST_COMPONENTS; c++)
    busy_ps += step_watch_measured_ps(v->steps, (CostComponent)c);
  for (guint i = 0; i < n; i++)
    if (!g_str_equal(parts[i].name, LAYERS))
      largest_ps = MAX(largest_ps, difference_ps(&parts[i]));
  for (guint i = 0; i < n && largest_ps > 0; i++) {
    if (g_str_equal(parts[i].name, LAYERS) || difference_ps(&parts[i]) * 5 < largest_ps)
      continue;
    g_string_append_printf(text, "%s%s%s (%+.2f %% of the busy time)", told++ > 0 ? ", " : "",
                           parts[i].is_inferred ? "about " : "", parts[i].name,
                           100.0 * (double)(parts[i].predicted_ps - parts[i].computed_ps) /
                               (double)MAX(busy_ps, 1));
  }
  if (told == 0)
    g_string_append(text, "nothing: the parts agree");
  return g_string_free(text, FALSE);
}
