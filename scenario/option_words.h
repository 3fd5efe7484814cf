/* Options among words: GOption parses, its messages are put in this program's words, and what it
 * ignores silently is refused.
 */
#pragma once

#include <glib.h>

/* The options of a program's arguments (argv[0] is skipped), which are taken out of them. An
 * unknown option is named with the nearest of `entries` (terminated by a NULL long_name, all of the
 * context's), or with what to do instead of a flag of vLLM. Arguments that are left must not begin
 * with a dash. */
gboolean option_arguments_parse(GOptionContext *context, const GOptionEntry *entries, int *argc,
                                char ***argv, GError **error);

/* The same of NULL-terminated words, of which the first is skipped. Those that are no options are
 * left. */
gboolean option_words_parse(GOptionContext *context, const GOptionEntry *entries, char ***words,
                            GError **error);
