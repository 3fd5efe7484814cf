/* Options that several verbs have which print results, or draw them. */
#pragma once

#include <glib.h>

typedef enum { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_CSV } OutputFormat;

/* NULL is a table. */
gboolean output_format_parse(const char *text, OutputFormat *format, GError **error);

/* To standard output: a table as cli_print() does, others as they are. */
void output_format_print(OutputFormat format, const char *text);

/* Their GOptionEntry, for a text that the verb frees. */
#define FORMAT_OPTION(TEXT)                                                                        \
  {                                                                                                \
    "format", 0, 0, G_OPTION_ARG_STRING, &(TEXT),                                                  \
        "on standard output: table (default), json, csv", "FORMAT"                                 \
  }
#define CHART_JS_OPTION(TEXT)                                                                      \
  {                                                                                                \
    "chart-js", 0, 0, G_OPTION_ARG_FILENAME, &(TEXT),                                              \
        "the Chart.js to put into the page, where it is not found by itself", "FILE"               \
  }
