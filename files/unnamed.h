/* A temporary file without a name, in the folder that TMPDIR names: nothing is left of it however
 * the program ends. */
#pragma once

#include <glib.h>

/* Its descriptor, to read and write, closed over exec; -1 with an error that names the folder, and
 * errno. Where the file system knows no such files it has the name PREFIX-XXXXXX for a moment. */
int unnamed_file_open(const char *prefix, GError **error);
