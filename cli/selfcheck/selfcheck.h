/* The options of `selfcheck`, which spillway reads and spillway-gpu obeys. */
#pragma once

#include <glib.h>

typedef struct {
  gboolean quick, no_timings, json;
  char **kernels; /* names of checks; NULL: all */
  gint64 number;  /* of a case; -1: all */
  guint32 seed;
  const char *output; /* a file for JSON; NULL: none */
} SelfcheckOptions;

/* `run` returns the exit status; NULL in a program without a GPU, which starts the one that has it.
 */
int selfcheck_verb(int argc, char **argv, int (*run)(const SelfcheckOptions *options));
