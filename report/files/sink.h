/* A text file being written, plain or (path ends in .gz) compressed, through a 64 KiB buffer.
 *
 * After the first error nothing more is written, and sink_close() returns it. So writers in the
 * middle of a run need not check.
 */
#pragma once

#include <glib.h>

typedef struct Sink Sink;

Sink *sink_open(const char *path, GError **error);
/* The buffer to append to. Give it to sink_flush_if_full() after each line. */
GString *sink_text(Sink *sink);
void sink_flush_if_full(Sink *sink);
/* Writes what is left. FALSE if any of it could not be written. The sink is still to be freed. */
gboolean sink_close(Sink *sink, GError **error);
void sink_free(Sink *sink);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sink, sink_free)
