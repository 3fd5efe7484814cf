/* Files that are written, under names that a user gave.
 *
 * What is whole before it is written replaces a file at once, or leaves it as it was. A symbolic
 * link stays and its target is written; a pipe or a device is written through, and never replaced.
 */
#pragma once

#include <glib.h>

/* Writes the content; n_bytes -1: a text that ends in NUL. The error (G_FILE_ERROR) names the path.
 */
gboolean output_write(const char *path, const char *bytes, gssize n_bytes, GError **error);

/* What the name of a file that is not there yet ends in where that is of another kind than `own`
 * (".db", ".html"), such as
 * ".csv"; else NULL. */
const char *output_other_kind(const char *path, const char *own);

/* TRUE where writing to both names would write one file twice: the same file by whatever names, or
 * two names of one that is not there yet. Devices, such as /dev/null, may be written twice. */
gboolean output_is_same(const char *a, const char *b);
