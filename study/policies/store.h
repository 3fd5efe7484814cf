/* The table `policy_run` of a results database: a row a run of a map. A run's key is the identity
 * of its point and seed under the engine's own policies, and the policy that replaces one of them.
 */
#pragma once

#include "map.h"
#include "report/results/results.h"

/* Makes the table where there is none. */
gboolean policy_store_open(Results *results, GError **error);
/* Fills in the runs of a point and seed. *found: whether all of them are there. */
gboolean policy_store_look(Results *results, PolicyMap *map, guint point, guint seed,
                           const char *identity, gboolean *found, GError **error);
/* Puts them there, in one transaction. */
gboolean policy_store_put(Results *results, const PolicyMap *map, guint point, guint seed,
                          const char *identity, GError **error);
