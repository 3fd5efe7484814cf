/* What store.c, schema.c and merge.c share. */
#pragma once

#include "report/results/studies.h"
#include "store.h"

/* Within a transaction. Creates the tables where there are none; refuses those of a newer program.
 */
gboolean study_check_tables(Results *results, GError **error);
/* Creates the views anew, with the columns of all grids in the file. */
gboolean study_create_views(Results *results, GError **error);

/* Makes a temporary view point_summary, without the grids' columns, that hides the file's. */
gboolean study_point_view(Results *results, GError **error);
