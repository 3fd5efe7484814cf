/* Drawing with gnuplot, which reads its commands and data from a folder of its own: no name of the
 * user's is part of a command. */
#pragma once

#include <glib.h>

typedef enum { GNUPLOT_TEXT, GNUPLOT_SVG, GNUPLOT_PNG, GNUPLOT_PDF } GnuplotFormat;

/* "svg" → GNUPLOT_SVG. FALSE for what is none of png, svg and pdf. */
gboolean gnuplot_format(const char *name, GnuplotFormat *format);
/* The same by what the path ends in; GNUPLOT_TEXT for NULL. */
gboolean gnuplot_format_of(const char *path, GnuplotFormat *format);

typedef struct {
  const char *commands; /* the data is the file 'data' */
  const char *data;
  GnuplotFormat format;
  guint width, height; /* characters of GNUPLOT_TEXT, pixels of the others */
  const char *out;     /* NULL: standard output, of GNUPLOT_TEXT only */
} GnuplotDrawing;

gboolean gnuplot_draw(const GnuplotDrawing *drawing, GError **error);

/* Appends a text within double quotes: of it only what is harmless there, whatever it holds. */
void gnuplot_append_quoted(GString *commands, const char *text);
void gnuplot_append_plain(GString *commands, const char *text);
