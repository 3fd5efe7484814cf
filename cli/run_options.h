/* The command line of the verbs that run a scenario: all of a run's options (scenario/settings.h).
 */
#pragma once

#include "cli.h"
#include "scenario/settings.h"

/* Of a word that is no option's and no file's. Returns the exit status. */
int settings_refuse_argument(const char *verb, const char *word);

/* Parses a verb's command line into `settings`, whole: no arguments may be left over. `summary` and
 * `examples` frame the help. FALSE where the verb is to return *status: after a message, or --help.
 */
gboolean settings_parse(Settings *settings, const char *verb, const char *summary,
                        const char *examples, int *argc, char ***argv, int *status);

/* Of a verb that runs many scenarios: a run's options but those of what is computed and of its
 * outputs, beside options of its own; where it has none, all of a run's. FALSE where the verb is to
 * return *status. What is left over is the caller's to look at. */
gboolean settings_parse_beside(Settings *settings, const VerbOptions *verb, int *argc, char ***argv,
                               int *status);
