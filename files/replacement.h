/* A file that takes its name when it is whole: until then, whatever ends the program, the name is
 * that of what was there before, or of nothing.
 *
 * Bytes go to a file beside the target. Ctrl-C, SIGTERM and SIGHUP wait in this thread between
 * begin and end, and take effect at replacement_spare() and at the end, when nothing is left beside
 * it. A pipe, a device, or a file in a folder that may not be written to is written through.
 */
#pragma once

#include <glib.h>

typedef struct Replacement Replacement;

/* Where a name leads, through symbolic links, though there be no such file. The caller frees it. */
char *replacement_target(const char *path);

/* beside_only: what cannot be written beside the target is refused, not written through. NULL with
 * an error (G_FILE_ERROR) whose message is why not, without the path. */
Replacement *replacement_begin(const char *path, gboolean beside_only, GError **error);
/* 0, or why not all of it could be written (errno). */
int replacement_write(Replacement *replacement, const char *bytes, gsize n_bytes);
/* For who writes otherwise; still the replacement's. The path is NULL where it is written through.
 */
int replacement_fd(const Replacement *replacement);
const char *replacement_path(const Replacement *replacement);
/* Lets a signal that waits end the program. */
void replacement_spare(Replacement *replacement);
/* Frees it. worked: all was written, and the file takes its name; FALSE: it is dropped. Returns 0,
 * or why it could not be done (errno). */
int replacement_end(Replacement *replacement, gboolean worked);
