/* Command lines from an input's lines. The first names a command of the table in options.c, each of
 * the others is an option of it, NAME or NAME=VALUE; names that the command's row does not have are
 * left out, so that nothing is written elsewhere, and nothing takes long. */
#pragma once

#include <glib.h>

/* "spillway" and the words behind it, of the text up to a NUL; NULL if no command is named. The
 * caller frees them. */
char **options_words(const guint8 *data, gsize bytes);
