/* Options shared by the verbs that print results or write a page of them. */
#pragma once

#include <glib.h>

typedef enum { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_CSV } OutputFormat;

/* The format of that name; text NULL: a table. FALSE and an error on any other name. */
gboolean output_format_parse(const char *text, OutputFormat *format, GError **error);

/* Prints to standard output: a table by cli_print(), JSON and CSV byte for byte. */
void output_format_print(OutputFormat format, const char *text);

/* A GOptionEntry that stores its value in TEXT, which the verb frees. */
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
