/* Chart.js, which draws a report's charts: found on this machine, and put into the page. */
#pragma once

#include <glib.h>

/* The script's text, fit to stand within <script>; the caller's. path: of the file; NULL: where
 * configure was told, or where distributions install it. */
char *chart_library_read(const char *path, GError **error);
