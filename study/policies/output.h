/* A map for people, for programs, and for its page. The caller frees. */
#pragma once

#include <jansson.h>

#include "judge.h"
#include "run.h"

/* figure: a place in map_figures. */
char *policy_map_text(const PolicyMap *map, const MapProgress *progress, guint figure);
/* One JSON object; what the page draws is the same. */
json_t *policy_map_json(const PolicyMap *map, const MapProgress *progress, guint figure);
/* A row a point and policy. */
char *policy_map_csv(const PolicyMap *map, guint figure);
