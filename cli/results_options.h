/* What the verbs that read results share: which runs, and which figure of a study. */
#pragma once

#include "report/stored/stored.h"

#define RESULTS_OPTION_RUNS(runs)                                                                  \
  {                                                                                                \
    "runs", 0, 0, G_OPTION_ARG_STRING, runs, "only these, by id or by name (default: all)", "LIST" \
  }
#define RESULTS_OPTION_FIGURE(figure)                                                              \
  {                                                                                                \
    "figure", 0, 0, G_OPTION_ARG_STRING, figure,                                                   \
        "of a study's charts, as in --format json (default e2e_s.mean)", "KEY"                     \
  }

/* Opens the databases argv[1] … up to NULL, with only the runs of the list `runs` (NULL: all). NULL
 * and an error where there is none, or one cannot be read. */
Stored *results_options_open(char **argv, const char *runs, GError **error);

/* Prints the error of a verb that reads results. The exit status: CLI_USAGE where the file is no
 * results database, else CLI_FAILED. */
int results_error_status(const char *verb, const GError *error);
/* The same of a verb that keeps results in a database and goes on from it: CLI_USAGE where the file
 * is damaged, CLI_FAILED where it cannot be written. */
int results_search_status(const char *verb, const GError *error);

/* Checks that *figure is the key of a figure; sets e2e_s.mean where it is NULL. */
gboolean results_figure_check(char **figure, GError **error);
