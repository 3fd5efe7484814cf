/* Which policy is best at a point, and by how much. A gain is by how much a figure is better than
 * under the engine's own policies, seed by seed with the same random numbers; its interval is of
 * the mean over seeds (Student, 95 %). */
#pragma once

#include "map.h"

typedef struct {
  double gain; /* 0.1: 10 % better; NAN: nothing to compare */
  double half; /* of the interval; NAN with one seed */
  guint n_seeds;
} MapGain;

MapGain policy_map_gain(const PolicyMap *map, guint point, guint choice, guint figure);
/* Of the choices that were run, the one with the largest gain; 0, the engine's own, where none
 * gains.
 */
guint policy_map_best(const PolicyMap *map, guint point, guint kind, guint figure, MapGain *gain);
/* TRUE if the gain is beyond what seeds do, and at least MAP_LEAST_GAIN. */
#define MAP_LEAST_GAIN 0.005
gboolean map_gain_counts(const MapGain *gain);
/* TRUE if the engine's own policies have been run there. */
gboolean policy_map_is_run(const PolicyMap *map, guint point);
/* Of the engine's own policies, the mean over seeds; NAN where they have not been run. */
double policy_map_own(const PolicyMap *map, guint point, guint figure);
