/* Verbs that are families: `spillway trace gen|convert|show`. */
#pragma once

#include "cli.h"

typedef struct {
  const char *verb;     /* "trace" */
  const Command *kinds; /* ends with a NULL name */
  const char *expected; /* "gen, convert or show" */
  const char *summary;  /* of the help, between the usage and the list of kinds */
  const char *examples; /* indented lines */
} VerbFamily;

/* Runs the kind that argv[1] names, prints the family's help, or refuses. Returns the exit status.
 */
int verb_family_run(const VerbFamily *family, int argc, char **argv);
