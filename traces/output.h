/* Where a written trace goes: a file, standard output, a gzip file, or memory. Formats append to
 * the text and call trace_output_spill() now and then, so that a long trace is never there as a
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

/* Passes the rest on where `ok`, and closes; a file that is not whole is dropped, and what had its
 * name before is there as it was. FALSE if the output cannot be whole. The text stays the caller's where path is NULL. */
gboolean trace_output_finish(TraceOutput *output, gboolean ok, GError **error);
