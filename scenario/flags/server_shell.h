/* Variables of a shell, or of a deployment's file, in a command line that was pasted. */
#pragma once

#include <glib.h>

/* The length of the name in "NAME=value"; 0: the word sets no variable. */
gsize server_assignment(const char *word);

/* TRUE if a word from `from` on has the variable of that name. */
gboolean server_shell_uses(const GPtrArray *words, guint from, const char *name);

/* In the words from `from` on, up to the NULL behind the last, puts for $NAME, ${NAME} and $(NAME)
 * the value that a word before `from` sets, and for ${NAME:-value} else that value. A word that is
 * one variable becomes as many as its value has. Other variables stay as they are. FALSE with an
 * error if a quote in such a value is not closed. */
gboolean server_shell_expand(GPtrArray *words, guint from, GError **error);

/* The variable that the text still has, as it is written; NULL: none. The caller frees it. */
char *server_shell_variable(const char *text);
