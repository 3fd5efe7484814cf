/* The lines of a trace file, or its bytes: plain or gzip (known by its first bytes), a path, or "-"
 * for standard input. Lines are handed out in place: no copy and no allocation a line.
 */
#pragma once

#include <glib.h>

typedef struct Source Source;

enum { SOURCE_BEHIND_BYTES = 8 };

typedef enum { SOURCE_LINE, SOURCE_END, SOURCE_ERROR } SourceStatus;

/* NULL and an error that names the file if it cannot be opened or is a directory. */
Source *source_open(const char *path, GError **error);
void source_close(Source *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Source, source_close)

/* The file's name as messages have it; owned by the source. */
const char *source_name(const Source *source);

/* The next line, from *line to before *end, without its line end (LF or CRLF) and, on the first,
 * without a byte order mark. **end may be read and is a line end; so may the SOURCE_BEHIND_BYTES -
 * 1 bytes behind it, whatever they are. All stay valid until the next call. */
SourceStatus source_line(Source *source, const char **line, const char **end, GError **error);

/* TRUE if the content begins with these bytes, at most 16; before anything is taken. */
gboolean source_begins_with(const Source *source, const char *mark, gsize bytes);

/* Copies the next `bytes` bytes to `to`. *got: fewer at the end. FALSE on errors only. */
gboolean source_bytes(Source *source, void *to, gsize bytes, gsize *got, GError **error);

/* The content's length where it is known beforehand (a plain file); else -1. */
gint64 source_length_bytes(const Source *source);
