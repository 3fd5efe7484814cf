/* The output of a written trace: a file, standard output, a gzip file, or memory. Formats append to
 * the text and call trace_output_spill() now and then, so that a long trace is never in memory as a
 * whole.
 */
#pragma once

#include "files/replacement.h"

#include <glib.h>

typedef struct {
  GString *text;       /* not passed on yet: formats append here */
  const char *comment; /* a line about the trace, for formats that keep one, or NULL */
  const char *path;    /* NULL: all stays in the text; "-": standard output */
  Replacement *file;   /* begun when the first bytes are passed on */
  gpointer packed;     /* over it, a gzFile, for a path that ends in ".gz" */
} TraceOutput;

/* The path and the comment must outlive it. */
void trace_output_init(TraceOutput *output, const char *path, const char *comment);

/* Passes the text on once it is long. */
gboolean trace_output_spill(TraceOutput *output, GError **error);

/* Passes the rest on if `ok`, and closes the output. A file that is not whole is dropped, and the
 * file that had its name before stays. FALSE if the output is not whole. Where path is NULL the
 * text stays with the caller. */
gboolean trace_output_finish(TraceOutput *output, gboolean ok, GError **error);
