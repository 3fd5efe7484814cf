/* Values of a results database, checked before anything is made of them: a file may have been
 * changed by hand, damaged, or made to mislead. */
#pragma once

#include "private.h"

/* FALSE with an error that names the run, the table, the column and what was found, where no run
 * writes such a value: its type is another, it is out of its range, or it contradicts its
 * neighbours. schema: "main", or the attached one; run_id: only that run's, 0: all. path: for the
 * message. */
gboolean results_check_values(Results *results, const char *schema, gint64 run_id, const char *path,
                              GError **error);
/* The same of the runs' figures alone, which is quick. */
gboolean results_check_figures(Results *results, const char *schema, gint64 run_id,
                               const char *path, GError **error);
/* The same check of what studies and searches keep beside runs: cells and settings of sweeps,
 * loads, plays, maps. Call it before reading a whole file, or going on from such a row. */
gboolean results_check_kept(Results *results, const char *schema, const char *path, GError **error);

/* What check.c and check_kept.c share. */
typedef struct {
  const char *name;
  const char *key; /* the column that tells the row */
  const char *row; /* what that is, for messages */
} CheckedTable;

/* By its columns' types and names; TRUE where the file has no such table. */
gboolean results_check_table(Results *results, const char *schema, const CheckedTable *table,
                             gint64 run_id, const char *path, GError **error);
/* A statement over at most one row: its key, what is expected, what was found. */
gboolean results_refuse_row(Results *results, const char *sql, gint64 run_id,
                            const CheckedTable *table, const char *path, GError **error);
