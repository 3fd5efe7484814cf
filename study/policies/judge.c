#include "judge.h"

#include <math.h>

#include "report/figures.h"
#include "report/student.h"

static gboolean
map_figure_is_rate(guint figure)
{
  return figure_find(map_figures[figure])->better == BETTER_HIGH;
}

/* NAN where one of the two has not been run, or did not end well. */
static double
gain_of_seed(const PolicyMap *map, guint point, guint seed, guint choice, guint figure)
{
  const MapRun *own = policy_map_run(map, point, seed, 0);
  const MapRun *other = policy_map_run(map, point, seed, choice);
  double a = own->figures[figure], b = other->figures[figure];

  if (own->state != MAP_DONE || other->state != MAP_DONE || !(a > 0))
    return NAN;
  return map_figure_is_rate(figure) ? b / a - 1 : 1 - b / a;
}

MapGain
policy_map_gain(const PolicyMap *map, guint point, guint choice, guint figure)
{
  guint n = policy_map_seeds(map, &g_array_index(map->points, MapPoint, point));
  MapGain gain = {.half = NAN};
  double squares = 0;

  for (guint seed = 0; seed < n; seed++) {
    double of_seed = gain_of_seed(map, point, seed, choice, figure);
    if (isnan(of_seed))
      continue;
    gain.n_seeds++;
    gain.gain += of_seed;
  }
  gain.gain = gain.n_seeds > 0 ? gain.gain / gain.n_seeds : NAN;
  for (guint seed = 0; seed < n; seed++) {
    double away = gain_of_seed(map, point, seed, choice, figure) - gain.gain;
    squares += isnan(away) ? 0 : away * away;
  }
  if (gain.n_seeds > 1)
    gain.half = student_t95(gain.n_seeds - 1) * sqrt(squares / (gain.n_seeds - 1) / gain.n_seeds);
  return gain;
}

/* Whether the choice is a policy of that kind (POLICY_ENGINE_KINDS: of any) and no bound. */
static gboolean
is_candidate(const PolicyMap *map, guint choice, guint kind)
{
  const MapChoice *c = &g_array_index(map->choices, MapChoice, choice);

  return c->policy != NULL && !c->policy->is_bound &&
         (kind == POLICY_ENGINE_KINDS || c->kind == (PolicyKindIndex)kind);
}

guint
policy_map_best(const PolicyMap *map, guint point, guint kind, guint figure, MapGain *gain)
{
  guint best = 0;

  *gain = policy_map_gain(map, point, 0, figure);
  for (guint c = 1; c < map->choices->len; c++) {
    MapGain of;
    if (!is_candidate(map, c, kind))
      continue;
    of = policy_map_gain(map, point, c, figure);
    if (of.n_seeds == gain->n_seeds && of.gain > gain->gain) {
      best = c;
      *gain = of;
    }
  }
  return best;
}

gboolean
map_gain_counts(const MapGain *gain)
{
  return gain->gain >= MAP_LEAST_GAIN && (gain->n_seeds == 1 || gain->gain > gain->half);
}

gboolean
policy_map_is_run(const PolicyMap *map, guint point)
{
  return policy_map_run(map, point, 0, 0)->state == MAP_DONE;
}

double
policy_map_own(const PolicyMap *map, guint point, guint figure)
{
  guint n = policy_map_seeds(map, &g_array_index(map->points, MapPoint, point)), n_run = 0;
  double sum = 0;

  for (guint seed = 0; seed < n; seed++) {
    const MapRun *own = policy_map_run(map, point, seed, 0);
    if (own->state == MAP_DONE) {
      sum += own->figures[figure];
      n_run++;
    }
  }
  return n_run > 0 ? sum / n_run : NAN;
}
