/* --format of the verbs that print results. */
#pragma once

#include <glib.h>

typedef enum { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_CSV } OutputFormat;

/* NULL is a table. */
gboolean output_format_parse(const char *text, OutputFormat *format, GError **error);
