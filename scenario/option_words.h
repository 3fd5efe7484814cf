/* Parses options with GOption, words its messages as this program does, and refuses what GOption
 * ignores silently.
 */
#pragma once

#include <glib.h>

/* Takes the options out of a program's arguments; argv[0] is skipped. `entries` are all of the
 * context's, ended by a NULL long_name. The message about an unknown option names the nearest of
 * them, or tells what to do instead of a flag of vLLM. An argument that is left and begins with a
 * dash is an error. */
gboolean option_arguments_parse(GOptionContext *context, const GOptionEntry *entries, int *argc,
                                char ***argv, GError **error);

/* The same for NULL-terminated words, of which the first is skipped. */
gboolean option_words_parse(GOptionContext *context, const GOptionEntry *entries, char ***words,
                            GError **error);
