/* LLMServingSim's tables, between the two files that read them. */
#pragma once

#include "common.h"

/* What the tables are of, and where their samples go. */
typedef struct {
  Profile *profile;
  Model *model;
  char *dtype;
  char *gpu, *model_name, *engine, *cuda, *date, *program; /* for the origin */
  GHashTable *versions; /* of the engine, by table, where not all are of one */
  GHashTable *left_out; /* layers that are no known operation, set of names */
  gint64 ranks;         /* tensor-parallel degree of the folder at hand */
  guint32 count;        /* timings behind a row */
  guint16 origin;
} LlmServingSim;

gboolean llmservingsim_is_table(const char *name);

/* Reads the tables in a folder, of `reader->ranks` devices; only that of the name `only` if it is
 * not NULL. Adds to *n_tables how many there were. */
gboolean llmservingsim_read_folder(LlmServingSim *reader, const char *folder, const char *only,
                                   guint *n_tables, GError **error);

/* Reads a table of experts that stands by itself, of one device. */
gboolean llmservingsim_read_moe(LlmServingSim *reader, const char *path, GError **error);
