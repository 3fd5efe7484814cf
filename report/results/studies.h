/* The studies of a results database: their tables, which the first sweep adds, and the options that
 * their grids vary. study/store/ writes them. */
#pragma once

#include "private.h"

#define STUDY_FORMAT 1

/* The statements that make the tables, without rows. */
extern const char study_tables[];
/* Likewise of what `spillway capacity` keeps: a search a row, as JSON. */
extern const char capacity_tables[];
/* Likewise of what `spillway study policies` keeps: a run a row, with the figures of map_figures.h.
 * Caller frees. */
char *policy_tables(void);
/* Likewise of `spillway regret`: a play a row, and what else could have been decided in it. */
extern const char regret_tables[];
/* *has: whether the database of that schema name ("main", or one attached) holds studies. */
gboolean study_has_tables(Results *results, const char *schema, gboolean *has, GError **error);
/* The options of every grid in the file, each once, by the first study, in the order of their
 * names, that has them, then by their least place in a grid. NULL with an error, also where one is
 * no option's name. */
GPtrArray *study_grid_options(Results *results, GError **error);
/* An option's column: its name with '_' for '-'. Caller frees. */
char *study_option_column(const char *option);
