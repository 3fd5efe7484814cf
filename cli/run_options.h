/* The command line of the verbs that run a scenario: all of a run's options (scenario/settings.h).
 */
#pragma once

#include "scenario/settings.h"

/* Parses a verb's command line into `settings`, whole: no arguments may be left over. `summary` and
 * `examples` frame the help. FALSE where the verb is to return *status: after a message, or --help.
 */
gboolean settings_parse(Settings *settings, const char *verb, const char *summary,
                        const char *examples, int *argc, char ***argv, int *status);

/* The same of a verb that has options of its own besides: `own`, terminated by a NULL long_name,
 * under that title. */
gboolean settings_parse_with(Settings *settings, const char *verb, const char *summary,
                             const char *examples, const char *title, const GOptionEntry *own,
                             int *argc, char ***argv, int *status);
