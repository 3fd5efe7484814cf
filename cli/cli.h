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

/* A verb's command line, and the text of --help around its options. */
typedef struct {
  const char *name; /* as it is typed: "trace convert" */
  const char *summary, *examples;
  const char *arguments;   /* what follows the options, for the usage line; NULL: nothing */
  const GOptionEntry *own; /* its options; the last entry has no name. NULL: none */
} VerbOptions;

/* Options of one heading, beside the verb's own. */
typedef struct {
  const char *name, *title;
  const GOptionEntry *entries; /* as above */
  gpointer data;               /* passed to entries of kind G_OPTION_ARG_CALLBACK */
} VerbGroup;

/* Takes the options out of a verb's arguments. The message on an unknown option names the nearest
 * one that the verb has; an argument after the options must not begin with a dash. FALSE where the
 * verb returns *status at once: after a message, or after --help was printed to standard output.
 * TRUE leaves *status as it is. */
gboolean verb_parse(const VerbOptions *verb, int *argc, char ***argv, int *status);
gboolean verb_parse_groups(const VerbOptions *verb, const VerbGroup *groups, guint n_groups,
                           int *argc, char ***argv, int *status);
