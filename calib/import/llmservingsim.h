/* LLMServingSim's tables, between the two files that read them. */
#pragma once

#include "common.h"

/* What the tables are of, and where their samples go. */
typedef struct {
  Profile *profile;
  Model *model;
  char *dtype;             /* of weights */
  const char *plain_dtype; /* of activations, norms, the head: 16 bits */
  char *attention_dtype;   /* "bfloat16", or with its KV "bfloat16+fp8kv" */
  char *gpu, *model_name, *engine, *cuda, *date, *program; /* for the origin */
  GHashTable *versions; /* of the engine, by table, where not all are of one */
  GHashTable *left_out; /* rows by reason: text to count */
  gint64 ranks;         /* tensor-parallel degree of the folder at hand */
  guint32 count;        /* timings behind a row */
  guint16 origin;
} LlmServingSim;

/* A row as a sample. */
ProfileSample llmservingsim_sample(const LlmServingSim *reader, OperationKind kind,
                                   const char *variant, const char *dtype, const gint64 *shape,
                                   double time_us);
/* Counts a row that is left out, by what it is. */
void llmservingsim_leave_out(LlmServingSim *reader, const char *what);
void llmservingsim_leave_out_layer(LlmServingSim *reader, const char *layer);

/* Each reads the rows of one table. */
gboolean llmservingsim_read_attention(LlmServingSim *reader, CsvTable *table, GError **error);
gboolean llmservingsim_read_states(LlmServingSim *reader, CsvTable *table, GError **error);
gboolean llmservingsim_read_skew(LlmServingSim *reader, CsvTable *table, GError **error);

gboolean llmservingsim_is_table(const char *name);

/* Reads the tables in a folder, of `reader->ranks` devices; only that of the name `only` if it is
 * not NULL. Adds to *n_tables how many there were. */
gboolean llmservingsim_read_folder(LlmServingSim *reader, const char *folder, const char *only,
                                   guint *n_tables, GError **error);

/* hardware.yaml, which is of a card and not of a model; sets reader->gpu. */
gboolean llmservingsim_is_hardware(const char *path);
gboolean llmservingsim_read_hardware(LlmServingSim *reader, const char *path, GError **error);

/* Reads a table of experts that stands by itself, of one device. */
gboolean llmservingsim_read_moe(LlmServingSim *reader, const char *path, GError **error);
