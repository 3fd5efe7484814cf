/* The CSV formats: they differ only in their columns' names and in how they write a time.
 *
 * Columns may come in any order. Lines that are empty or begin with '#' are no rows. Fields may be
 * quoted.
 */
#pragma once

#include "traces/reader.h"

typedef enum {
  CSV_IGNORED,
  CSV_ARRIVAL,
  CSV_PROMPT,
  CSV_OUTPUT,
  CSV_ID,
  CSV_PRIORITY,
  CSV_MAX_TOKENS,
  CSV_ROLES,
} CsvRole;

typedef struct {
  const char *name;
  gboolean is_optional;
} CsvColumn;

struct CsvSchema {
  CsvColumn columns[CSV_ROLES]; /* by role; name NULL: the format has no such column */
  /* Columns have the names of reader->own_columns, so no file is of this format by its header. */
  gboolean are_called_otherwise;
  gboolean takes_more_columns; /* other columns are ignored; else they are an error */
  const char *time_expected;   /* for messages */
  /* Reads a time; as in number.h. */
  gboolean (*time)(const char *text, const char *end, gint64 *seconds, gint64 *ps,
                   const char **stop);
};

/* TRUE if the first line is a header of this format; reads a header; reads a row. */
gboolean csv_sniff(const TraceFormat *self, const char *line, const char *end);
gboolean csv_header(const TraceFormat *self, TraceReader *reader, const char *line, const char *end,
                    GError **error);
gboolean csv_row(const TraceFormat *self, TraceReader *reader, const char *line, const char *end,
                 GError **error);

/* A time in decimal seconds. */
gboolean csv_time_seconds(const char *text, const char *end, gint64 *seconds, gint64 *ps,
                          const char **stop);

/* How many of the format's columns the header has. *lacking: the required ones that it lacks, as
 * "a, b" (the caller frees it); NULL: none. */
guint csv_match(const TraceFormat *self, const char *line, const char *end, char **lacking);

/* Appends a request's id, quoted if need be. FALSE if it has a control character. */
gboolean csv_write_id(GString *out, const Workload *workload, guint32 index, GError **error);
