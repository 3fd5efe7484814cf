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

/* What a verb's command line is, and what --help says around its options. */
typedef struct {
  const char *name; /* as it is typed: "trace convert" */
  const char *summary, *examples;
  const char *arguments;   /* what may be left over, for the help; NULL: nothing */
  const GOptionEntry *own; /* its options, up to one without a name; NULL: none */
} VerbOptions;

/* Options of one heading, beside the verb's own. */
typedef struct {
  const char *name, *title;
  const GOptionEntry *entries; /* as above */
  gpointer data;               /* for those that call back */
} VerbGroup;

/* Takes the options out of a verb's arguments. An unknown one is named with the nearest that the
 * verb has, and leftover arguments that begin with a dash are refused. FALSE where the verb is to
 * return *status: after a message, or after --help was printed to standard output. TRUE leaves
 * *status as it is. */
gboolean verb_parse(const VerbOptions *verb, int *argc, char ***argv, int *status);
gboolean verb_parse_groups(const VerbOptions *verb, const VerbGroup *groups, guint n_groups,
                           int *argc, char ***argv, int *status);
