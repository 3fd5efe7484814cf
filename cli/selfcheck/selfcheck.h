/* The options of `selfcheck`: spillway parses them, spillway-gpu runs the check. */
#pragma once

#include <glib.h>

typedef struct {
  gboolean quick, no_timings, json;
  char **kernels; /* names of checks; NULL: all */
  gint64 number;  /* of a case; -1: all */
  guint32 seed;
  const char *output; /* a file for JSON; NULL: none */
} SelfcheckOptions;

/* run: runs the check and returns the exit status; NULL in spillway, which starts spillway-gpu. */
int selfcheck_verb(int argc, char **argv, int (*run)(const SelfcheckOptions *options));
