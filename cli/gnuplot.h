/* Drawing by gnuplot, which reads a script and data from a folder of its own, so that no name of
 * the user's is part of a command.
 */
#pragma once

#include <glib.h>

/* What follows `set terminal` for a file of that name (.svg, .png, .pdf); for NULL, characters for
 * a terminal. NULL if the name ends otherwise. */
const char *gnuplot_terminal(const char *out);

/* Runs a script that reads the file 'data' and, where `out` is given, has `set output 'plot'`. The
 * drawing goes to `out`, or to standard output. */
gboolean gnuplot_draw(const char *script, const char *data, const char *out, GError **error);
