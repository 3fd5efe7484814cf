/* A program: how it presents itself, and its verbs. spillway and spillway-gpu are one each. */
#pragma once

#include "cli.h"

typedef struct {
  const char *name;
  const char *about;       /* paragraph of --help, ending in a newline */
  const char *examples;    /* lines of --help */
  const Command *commands; /* up to one without a name */
  /* Verbs of another program that are started from this one; NULL: there are none. */
  gboolean (*is_other)(const char *verb);
  int (*run_other)(char **argv); /* argv[0] is the verb */
} Program;

/* What main() returns. */
int program_main(const Program *program, int argc, char **argv);
