/* The library is taken from the system (Debian: libjs-chart.js, MIT licence), as its notice in the
 * page tells. Of versions 3 and 4; the options of version 2 have other names. */
#include "config.h"

#include "chart_library.h"

#include "files/input.h"

#include <string.h>

static const char *const places[] = {
    CHART_JS, /* of configure; "" where it was not given */
    "/usr/share/javascript/chart.js/chart.umd.min.js",
    "/usr/share/javascript/chart.js/chart.umd.js",
    "/usr/share/javascript/chart.js/chart.min.js",
    "/usr/share/javascript/chart.js/Chart.min.js",
    "/usr/share/nodejs/chart.js/dist/chart.umd.js",
    "/usr/share/nodejs/chart.js/dist/chart.min.js",
    "/usr/local/share/javascript/chart.js/chart.umd.js",
};

static const char *
find(void)
{
  for (guint i = 0; i < G_N_ELEMENTS(places); i++)
    if (*places[i] != '\0' && g_file_test(places[i], G_FILE_TEST_IS_REGULAR))
      return places[i];
  return NULL;
}

static gboolean
check_version(const char *path, const char *text, GError **error)
{
  const char *notice = strstr(text, "Chart.js v");

  if (notice == NULL || notice > text + 400) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s: found no notice such as 'Chart.js v3.9.1' at its beginning, expected Chart.js",
                path);
    return FALSE;
  }
  notice += strlen("Chart.js v");
  if ((*notice == '3' || *notice == '4') && notice[1] == '.')
    return TRUE;
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
              "%s: found Chart.js %.*s, expected version 3 or 4; name one with --chart-js", path,
              (int)strspn(notice, "0123456789."), notice);
  return FALSE;
}

char *
chart_library_read(const char *path, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr(GString) script = NULL;

  if (path == NULL && (path = find()) == NULL) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                "Chart.js, which draws the charts, was not found; install it (Debian: "
                "libjs-chart.js), or name its file with --chart-js");
    return NULL;
  }
  text = input_read(path, INPUT_PLAIN, INPUT_TEXT_MAX_BYTES, NULL, error);
  if (text == NULL) {
    g_prefix_error(error, "%s: cannot be read: ", path);
    return NULL;
  }
  if (!g_utf8_validate(text, -1, NULL)) {
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s: found bytes that are no UTF-8 text, "
                "expected Chart.js",
                path);
    return NULL;
  }
  if (!check_version(path, text, error))
    return NULL;
  script = g_string_new(text);
  g_string_replace(script, "\r\n", "\n", 0); /* as a browser reads it, and hashes it */
  g_string_replace(script, "\r", "\n", 0);
  g_string_replace(script, "</script", "<\\/script", 0);
  g_string_replace(script, "//# sourceMappingURL=", "// ", 0);
  return g_string_free(g_steal_pointer(&script), FALSE);
}
