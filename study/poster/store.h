/* Settings of the live study that were measured, each a JSON file in a folder: what a kill leaves
 * is whole, and the same study goes on from there.
 *
 * A file names the study that it is of (the identity); another study's is as if it were not there.
 */
#pragma once

#include "poster.h"

typedef struct PosterStore PosterStore;

/* Takes over the identity. */
PosterStore *poster_store_new(const char *folder, json_t *identity);
void poster_store_free(PosterStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PosterStore, poster_store_free)

/* NULL where there is none. The caller's. */
json_t *poster_store_find(const PosterStore *store, const char *name);
/* Takes over the content. */
gboolean poster_store_keep(const PosterStore *store, const char *name, json_t *content,
                           GError **error);

/* A run and, where it has one, its timeline; costs by length. Back again: FALSE where that is not
 * what the JSON holds. */
json_t *poster_run_to_json(const PosterRun *run, const PosterTimeline *timeline);
gboolean poster_run_from_json(json_t *json, PosterRun *run, PosterTimeline **timeline);
json_t *poster_costs_to_json(const CrossoverCost *costs, guint n);
gboolean poster_costs_from_json(json_t *json, CrossoverCost *costs, guint n);
