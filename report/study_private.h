/* What study_store.c, study_schema.c and results_merge.c share. */
#pragma once

#include "results_private.h"
#include "study_store.h"

/* The tables of studies, without their rows. */
extern const char study_tables[];
/* Within a transaction. Creates the tables where there are none; refuses those of a newer program.
 */
gboolean study_check_tables(Results *results, GError **error);
/* *has: whether the database of that schema name ("main", or one attached) holds studies. */
gboolean study_has_tables(Results *results, const char *schema, gboolean *has, GError **error);
/* The options of every grid in the file, each once, in the order of the studies' names. NULL with
 * an error, also where one is no option's name. */
GPtrArray *study_grid_options(Results *results, GError **error);
/* An option's column: its name with '_' for '-'. Caller frees. */
char *study_option_column(const char *option);
/* Creates the views anew, with the columns of all grids in the file. */
gboolean study_create_views(Results *results, GError **error);

/* Makes a temporary view point_summary, without the grids' columns, that hides the file's. */
gboolean study_point_view(Results *results, GError **error);

/* Runs a statement to its end and resets it. Its values are bound by `types`: i gint64, s const
 * char
 * * or NULL, v likewise, but stored as a number where it is one. */
gboolean study_run(Results *results, sqlite3_stmt *statement, GError **error, const char *types,
                   ...);
