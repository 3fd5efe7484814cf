/* A table of measurements in CSV: columns found by name, cells read as text and as numbers.
 *
 * The first line names the columns, in any order. Cells may be quoted; lines may end in CR LF;
 * lines that are empty or begin with '#' are no rows. The first mistake is kept and ends the table,
 * so that a reader checks once a row:
 *
 *   table = csv_table_open (path, error)
 *   m = csv_table_need (table, "m")
 *   while (csv_table_next (table)) {
 *     value = csv_table_whole (table, m, 1)
 *     if (csv_table_ok (table)) …use it…
 *   }
 *   return csv_table_finish (table, error)
 *
 * Errors (CSV_TABLE_ERROR) name the file, line and column, what was found and what was expected.
 */
#pragma once

#include <glib.h>

#define CSV_TABLE_ERROR (csv_table_error_quark())
GQuark csv_table_error_quark(void);

typedef enum {
  CSV_TABLE_ERROR_OPEN,   /* the file cannot be read, or is empty */
  CSV_TABLE_ERROR_COLUMN, /* a column is missing or there twice */
  CSV_TABLE_ERROR_VALUE,  /* a row or a cell is not what it must be */
} CsvTableError;

typedef struct CsvTable CsvTable;

/* Reads the file and its header. NULL and an error if that fails. */
CsvTable *csv_table_open(const char *path, GError **error);
void csv_table_free(CsvTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CsvTable, csv_table_free)

guint csv_table_n_columns(const CsvTable *table);
/* Valid until the table is freed. */
const char *csv_table_name(const CsvTable *table, int column);
/* The index of a column, -1 if there is none. */
int csv_table_column(const CsvTable *table, const char *name);
/* Likewise for a column that must be there: if it is not, that is the table's error. */
int csv_table_need(CsvTable *table, const char *name);

/* FALSE after the last row, and after a mistake. */
gboolean csv_table_next(CsvTable *table);
gboolean csv_table_ok(const CsvTable *table);
/* FALSE and the error if there was a mistake; an error too if there was no row. */
gboolean csv_table_finish(CsvTable *table, GError **error);

/* Cells of the present row. `column` must be one of the table's. */
/* Without quotes; valid until the table is freed. */
const char *csv_table_text(const CsvTable *table, int column);
/* A whole number of at least `min`; "12.0" is one. */
gint64 csv_table_whole(CsvTable *table, int column, gint64 min);
/* Finite and not negative. */
double csv_table_number(CsvTable *table, int column);
/* Likewise, and not 0. */
double csv_table_time(CsvTable *table, int column);
/* Makes this cell the table's mistake. */
void csv_table_fail(CsvTable *table, int column, const char *expected, ...) G_GNUC_PRINTF(3, 4);
