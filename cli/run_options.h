/* The command line of the verbs that run a scenario: all of a run's options (scenario/settings.h).
 */
#pragma once

#include "cli.h"
#include "scenario/settings.h"

/* Prints that the verb takes no argument `word`, with what was probably meant. The exit status. */
int settings_refuse_argument(const char *verb, const char *word);

/* Parses a verb's command line into `settings`; an argument after the options is refused. `summary`
 * and `examples` are the help's first and last part. FALSE where the verb returns *status at once:
 * after a message, or --help. */
gboolean settings_parse(Settings *settings, const char *verb, const char *summary,
                        const char *examples, int *argc, char ***argv, int *status);

/* The same for a verb with options of its own (verb->own) and with arguments, which the caller
 * checks. Such a verb runs many scenarios: it has no options of GROUP_LIVE and GROUP_OUTPUT, unless
 * verb->own is NULL. */
gboolean settings_parse_beside(Settings *settings, const VerbOptions *verb, int *argc, char ***argv,
                               int *status);
