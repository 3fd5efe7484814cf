/* What the verbs that read results share: which runs, and which figure of a study. */
#pragma once

#include "report/stored/stored.h"

#define RESULTS_OPTION_RUNS(runs)                                                                  \
  {                                                                                                \
    "runs", 0, 0, G_OPTION_ARG_STRING, runs, "only these, by id or by name (default all)", "LIST"  \
  }
#define RESULTS_OPTION_FIGURE(figure)                                                              \
  {                                                                                                \
    "figure", 0, 0, G_OPTION_ARG_STRING, figure,                                                   \
        "of a study's charts, as in --format json (default e2e_s.mean)", "KEY"                     \
  }

/* argv[1] and after it are the files. */
Stored *results_options_open(char **argv, const char *runs, GError **error);

/* Prints the error. The status for it: a file that cannot be read as results is bad input. */
int results_error_status(const char *verb, const GError *error);
/* The same of a search that goes on from a database: only what the file holds is a wrong file. */
int results_search_status(const char *verb, const GError *error);

/* Checks the key, or sets the default. */
gboolean results_figure_check(char **figure, GError **error);
