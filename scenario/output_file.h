/* Files that are to be written. */
#pragma once

#include <glib.h>

/* TRUE if both are regular files, and the same one. NULL is none. */
gboolean cli_is_same_file(const char *a, const char *b);
/* FALSE with an error where the file that is to be written would lie in a folder that is not there.
 */
gboolean cli_check_folder(const char *path, const char *option, GError **error);
