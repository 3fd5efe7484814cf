/* The command line of the verbs that run a scenario: all of a run's options (scenario/settings.h).
 */
#pragma once

#include "scenario/settings.h"

/* Parses a verb's command line into `settings`, whole: no arguments may be left over. `summary` and
 * `examples` frame the help. FALSE where the verb is to return *status: after a message, or --help.
 */
gboolean settings_parse(Settings *settings, const char *verb, const char *summary,
                        const char *examples, int *argc, char ***argv, int *status);
