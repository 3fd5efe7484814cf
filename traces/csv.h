/* The CSV family: formats that differ only in their columns' names and how they write a time.
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
  CsvColumn columns[CSV_ROLES]; /* by role; name NULL: the format has none */
  /* The file calls them as reader->own_columns says, so that no header is known by its names. */
  gboolean are_called_otherwise;
  gboolean takes_more_columns; /* others are ignored; else they are an error */
  const char *time_expected;    /* for messages */
  /* Reads a time; as in number.h. */
  gboolean (*time)(const char *text, const char *end, gint64 *seconds, gint64 *ps,
                   const char **stop);
};

/* How a file of a CSV format is known, and its lines are read. */
gboolean csv_sniff(const TraceFormat *self, const char *line, const char *end);
gboolean csv_header(const TraceFormat *self, TraceReader *reader, const char *line, const char *end,
                    GError **error);
gboolean csv_row(const TraceFormat *self, TraceReader *reader, const char *line, const char *end,
                 GError **error);

/* A time in decimal seconds. */
gboolean csv_time_seconds(const char *text, const char *end, gint64 *seconds, gint64 *ps,
                          const char **stop);

/* How many of the format's columns this header has, and those that it must have and lacks ("a, b";
 * caller frees), NULL if none. */
guint csv_match(const TraceFormat *self, const char *line, const char *end, char **lacking);

/* Appends an id, quoted if need be. FALSE if it holds what a line of CSV cannot. */
gboolean csv_write_id(GString *out, const Workload *workload, guint32 index, GError **error);
