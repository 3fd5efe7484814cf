/* Verbs with sub-verbs: `spillway trace gen|convert|show`. */
#pragma once

#include "cli.h"

typedef struct {
  const char *verb;     /* "trace" */
  const Command *kinds; /* ends with a NULL name */
  const char *expected; /* "gen, convert or show" */
  const char *summary;  /* of the help, between the usage and the list of kinds */
  const char *examples; /* indented lines */
} VerbFamily;

/* Runs the sub-verb that argv[1] names, or prints the family's help, or a message on any other
 * word. The exit status. */
int verb_family_run(const VerbFamily *family, int argc, char **argv);
