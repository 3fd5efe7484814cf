/* What evicting and restoring tokens takes on a device: measured, not modelled. */
#pragma once

#include "replay.h"

/* Costs of each length that the model's context holds, in blocks of poster_block_sizes[size]:
 * computing them in one step of their own, and copying their blocks out and in, each alone. Of
 * three tries the middle one. FALSE where the device cannot: the message says why. */
gboolean poster_probe(const PosterData *data, guint size, gboolean pageable,
                      const PosterCompute *compute, CrossoverCost costs[POSTER_LENGTHS],
                      GError **error);
