/* A study in a results database: its cells, which of them have a run, what became of the others.
 * doc/sweeps.md has the tables.
 *
 * One process writes. A run and its cell's new state are one transaction, so a cell is finished
 * with its run or not at all. A run is known by its cell's identity: two cells, of one study or of
 * two, that would be the same run share it.
 */
#pragma once

#include "report/results/results.h"

typedef enum {
  CELL_PENDING,
  CELL_DONE,   /* there is a run that ended well */
  CELL_ENDED,  /* there is a run: the engine died, was stuck or in a livelock */
  CELL_FAILED, /* there is none: refused, crashed */
} CellState;

typedef struct {
  guint point; /* of the grid */
  guint64 seed;
  char *name;     /* the point: "overflow=swap kv-memory=12%" */
  char *run_name; /* the run: likewise, with the seed where there are several */
  char *identity;
  char **values; /* one an option of the grid, as the study has them */
  /* What the store knows. */
  gint64 id; /* 0: not stored yet */
  CellState state;
  char *message; /* why it failed or ended so, or NULL */
} StudyCell;

void study_cell_clear(StudyCell *cell);

typedef struct {
  const char *name, *file;
  char **options; /* of the grid */
  guint n_points, n_seeds;
  GArray *cells; /* of StudyCell: all, also those of other shards */
} StudyTable;

/* Makes the file hold the study's cells and no others of it, and fills in what is known of them.
 * Runs of cells that are gone stay. */
gboolean study_store_plan(Results *results, const StudyTable *study, GError **error);
/* Fills in the same and changes nothing. */
gboolean study_store_look(Results *results, const StudyTable *study, GError **error);

/* Adds the packed run (results_pack()), and sets the state and message of every cell of that
 * identity; of these, `cell` in memory too. */
gboolean study_store_run(Results *results, StudyCell *cell, const guint8 *bytes, gsize n_bytes,
                         GError **error);
/* Records that the cell has no run, and why. */
gboolean study_store_failure(Results *results, StudyCell *cell, const char *message,
                             GError **error);

/* Adds what the file at `path` holds to `results`: runs, studies and their cells. What both have is
 * kept once. One transaction. *n_runs: how many runs were new. */
gboolean results_merge(Results *results, const char *path, guint *n_runs, GError **error);
