/* What the verbs share: the command table's shape, and option parsing.
 *
 * A verb is one file with one function, listed in command.c. It returns the exit status
 * (scenario/message.h).
 */
#pragma once

#include "scenario/message.h"
#include "scenario/typed.h"

#include <glib.h>

typedef struct {
  const char *name;
  const char *summary;               /* one line, for `spillway --help` */
  int (*run)(int argc, char **argv); /* argv[0] is the verb's name */
} Command;

extern const Command commands[];

int command_run(int argc, char **argv);
int command_compare(int argc, char **argv);
int command_regret(int argc, char **argv);
int command_live(int argc, char **argv);
int command_validate(int argc, char **argv);
int command_selfcheck(int argc, char **argv);
int command_crossover(int argc, char **argv);
int command_report(int argc, char **argv);
int command_plot(int argc, char **argv);
int command_sweep(int argc, char **argv);
int command_merge(int argc, char **argv);
int command_capacity(int argc, char **argv);
int command_servers(int argc, char **argv);
int command_study(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_trace(int argc, char **argv);
int command_profile(int argc, char **argv);
int command_calibrate(int argc, char **argv);
int command_model(int argc, char **argv);
int command_list(int argc, char **argv);

/* g_option_context_parse() with messages of ours: an unknown option is named with the nearest one
 * of the context's own (`entries`, terminated by a NULL long_name), leftover arguments that begin
 * with a dash are refused. FALSE where the verb is to return *status: after a message, or after
 * --help was printed to standard output. TRUE leaves *status as it is. */
gboolean cli_parse(GOptionContext *context, const char *verb, const GOptionEntry *entries,
                   int *argc, char ***argv, int *status);
