/* aiconfigurator's tables, between the files that read them. */
#pragma once

#include "common.h"

/* What a file is of as a whole: its columns framework, version and device. */
enum { AICONFIGURATOR_FRAMEWORK, AICONFIGURATOR_VERSION, AICONFIGURATOR_DEVICE };
enum { AICONFIGURATOR_OF_FILE = 3 };
enum { AICONFIGURATOR_OPERATIONS = 12 }; /* that one kind of table has, at most 11 */
/* How operations of blocks end whose indexer picks nothing: they take what a layer before picked.
 */
#define AICONFIGURATOR_SKIPS_INDEXER "_skip_indexer"

typedef struct {
  Profile *profile;
  CsvTable *table;
  guint first;                   /* sample of this file */
  GHashTable *left_out;          /* rows by reason: text to count */
  const char *engine;            /* whose rows are meant, NULL: the file's */
  const char *const *operations; /* that are read, NULL after the last; none: all are */
  GArray *unknown;               /* int, columns that no kind of table has */
  char **unknown_values;         /* of the first row that was added, NULL before it */
  guint16 origin;
  int columns[AICONFIGURATOR_OF_FILE];
  char *values[AICONFIGURATOR_OF_FILE]; /* of the first row */
} Aiconfigurator;

/* Finds the columns that say what the file is of. */
void aiconfigurator_begin(Aiconfigurator *reader, const char *const *operations);
/* The next row of an operation that is read; others are left out, and so are rows of other engines
 * than the one that is asked for. It must name the version and the card of the first, since a file
 * has one origin. FALSE after the last row, and after a mistake. */
gboolean aiconfigurator_next(Aiconfigurator *reader);
/* The row as a sample. In a column that is not known it must have what the first that was added
 * has: it may tell rows apart. */
void aiconfigurator_add(Aiconfigurator *reader, OperationKind kind, const char *variant,
                        const char *dtype, const gint64 *shape, double time_ms);
/* Counts a row that is left out; the second by its op_name. */
void aiconfigurator_leave_out(Aiconfigurator *reader, const char *reason);
void aiconfigurator_leave_out_operation(Aiconfigurator *reader);

/* The text of a column that not all versions write, "" where it is missing; likewise a number, 0.
 */
const char *aiconfigurator_text(CsvTable *table, const char *column);
gint64 aiconfigurator_whole(CsvTable *table, const char *column);

/* Each reads the rows of one kind of table. */
gboolean aiconfigurator_read_gemm(Aiconfigurator *reader, GError **error);
gboolean aiconfigurator_read_quantize(Aiconfigurator *reader, GError **error);
gboolean aiconfigurator_read_collectives(Aiconfigurator *reader, GError **error);
gboolean aiconfigurator_read_moe(Aiconfigurator *reader, GError **error);
gboolean aiconfigurator_read_recurrent(Aiconfigurator *reader, GError **error);
gboolean aiconfigurator_read_attention(Aiconfigurator *reader, GError **error);
gboolean aiconfigurator_read_mla(Aiconfigurator *reader, GError **error);

/* Leaves out samples of this file whose times are those of launches. */
void aiconfigurator_drop_launches(Aiconfigurator *reader);

/* Chunks after cached tokens, from prompts without, if the file has no others. */
void aiconfigurator_derive_cached(Aiconfigurator *reader);
