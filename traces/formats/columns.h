/* The form "columns": a CSV whose columns are named with it (columns.c). */
#pragma once

#include "traces/reader.h"

/* TRUE if a form's name has columns behind it: "columns:arrival_ms=ts,…". */
gboolean columns_are_named(const char *text);

/* The form of such a name, and the columns' names by CsvRole (for columns_free(); names may be
 * NULL). NULL with an error (G_OPTION_ERROR) that says what is wrong with it. */
const TraceFormat *columns_find(const char *text, char ***names, GError **error);
void columns_free(char **names);

/* Advice for a header whose fields are not apart by commas; NULL if that is not what is wrong. The
 * caller frees it. */
char *columns_separator_advice(const char *line, const char *end);

/* Advice for a header that no form knows, by the columns that it seems to have; NULL if it does not
 * look like a header. The caller frees it. */
char *columns_advice(const char *line, const char *end);
