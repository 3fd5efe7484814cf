/* A program: how it presents itself, and its verbs. spillway and spillway-gpu are one each. */
#pragma once

#include "cli.h"

typedef struct {
  const char *name;
  const char *about;       /* paragraph of --help, ending in a newline */
  const char *examples;    /* lines of --help */
  const Command *commands; /* up to one without a name */
} Program;

/* What main() returns. */
int program_main(const Program *program, int argc, char **argv);

/* TRUE where standard output is a pipe whose reader has seen enough, such as head: nothing is to be
 * said of what could not be written there. */
gboolean program_lost_reader(void);
