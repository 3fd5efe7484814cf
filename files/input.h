/* Files that are read whole, or line by line, within bounds: a device or a pipe that never ends,
 * and a small file that unpacks to a huge one, end in a message.
 */
#pragma once

#include <glib.h>
#include <stdio.h>

/* A file that unpacks to more than this is one that was made to. */
#define INPUT_TABLE_MAX_BYTES ((gsize)512 << 20)
#define INPUT_TEXT_MAX_BYTES ((gsize)16 << 20)

typedef enum { INPUT_PLAIN, INPUT_MAYBE_GZIP } InputPacking;

/* The whole file, at most max_bytes of it unpacked, with a NUL behind that is not counted in
 * *n_bytes (or NULL). NULL with an error (G_FILE_ERROR: G_FILE_ERROR_INVAL for what the file holds,
 * or what the system says), whose message does not name the path. The caller frees it. */
char *input_read(const char *path, InputPacking packing, gsize max_bytes, gsize *n_bytes,
                 GError **error);

typedef enum { INPUT_LINE, INPUT_END, INPUT_TOO_LONG, INPUT_FAILED } InputStatus;

/* The next line without its end, at most max_bytes of it. errno says why it failed. */
InputStatus input_line(FILE *file, GString *line, gsize max_bytes);
