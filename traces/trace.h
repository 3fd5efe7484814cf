/* Traces of requests: reads them in any known format, and writes them.
 *
 * Every error names the file and, where there is one, the line and the column, what was found and
 * what was expected. What is no error but good to know (requests skipped, arrivals sorted) goes
 * into notes.
 */
#pragma once

#include "sim/workload.h"
#include "traces/format.h"

#include <glib.h>

typedef struct {
  const TraceFormat *format; /* of the file that was read */
  GPtrArray *texts;          /* of char *, one sentence each */
} TraceNotes;

TraceNotes *trace_notes_new(void);
void trace_notes_free(TraceNotes *notes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TraceNotes, trace_notes_free)

/* All formats, NULL-terminated, in the order in which they are tried. */
extern const TraceFormat *const trace_formats[];

/* The format of that name; NULL: there is none. */
const TraceFormat *trace_format_find(const char *name);

/* Reads a trace, plain or gzip; path "-" is standard input. `format`: a name, or NULL or "auto" for
 * the one that the content shows. The workload is sealed: sorted by arrival, ids unique, at least
 * one request. `notes` may be NULL. Caller frees. */
Workload *trace_read(const char *path, const char *format, TraceNotes *notes, GError **error);

/* As trace_read(), then workload_trim(): the first `limit` requests (0: all), times multiplied by
 * `time_scale`. So a trace longer than a run can be (53 days) can be read, as long as the part
 * asked for is not. */
Workload *trace_read_part(const char *path, const char *format, guint32 limit, double time_scale,
                          TraceNotes *notes, GError **error);

/* Writes a trace; path "-" is standard output, one that ends in ".gz" is compressed. `comment` is a
 * line for formats that have comments (others leave it out), or NULL. What the format cannot hold
 * goes into notes (may be NULL). An unfinished file is removed. */
gboolean trace_write(const char *path, const TraceFormat *format, const Workload *workload,
                     const char *comment, TraceNotes *notes, GError **error);

/* The bytes that trace_write() writes, before compression. */
GString *trace_print(const TraceFormat *format, const Workload *workload, const char *comment,
                     GError **error);
