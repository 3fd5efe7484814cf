/* Puts a report together: page/report.html with its marks replaced.
 *
 * Nothing of a trace or a configuration becomes HTML: it is JSON within a script element that is
 * not run, in which no '<' is left, and the page's script sets it as text.
 */
#include "config.h"

#include "page.h"

#include <jansson.h>
#include <string.h>

#include "chart_library.h"
#include "files/output.h"
#include "data.h"

static const char *
page_file(const char *name)
{
  for (guint i = 0; page_files[i].name != NULL; i++)
    if (g_str_equal(page_files[i].name, name))
      return page_files[i].text;
  g_assert_not_reached();
}

/* JSON that may stand within a script element. */
static char *
embeddable(const json_t *data)
{
  g_autofree char *json =
      json_dumps(data, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(8));
  GString *text = g_string_new(json);

  g_string_replace(text, "<", "\\u003c", 0);
  g_string_replace(text, ">", "\\u003e", 0);
  g_string_replace(text, "&", "\\u0026", 0);
  return g_string_free(text, FALSE);
}

/* Replaces marks such as @DATA@ in one pass, so that a mark within what was put in stays text. */
static char *
fill(const char *template, const char *const *marks, const char *const *texts)
{
  GString *page = g_string_new(NULL);

  while (*template != '\0') {
    guint i = 0;
    while (marks[i] != NULL && !g_str_has_prefix(template, marks[i]))
      i++;
    if (marks[i] == NULL) {
      g_string_append_c(page, *template ++);
    } else {
      g_string_append(page, texts[i]);
      template += strlen(marks[i]);
    }
  }
  return g_string_free(page, FALSE);
}

/* "'sha256-…'": the one text of an element that the page's content security policy lets run, or
 * style it; in a template each stands alone in its lines. */
static void
append_allowed(GString *sources, const char *text)
{
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  guint8 digest[32];
  gsize bytes = sizeof digest;
  g_autofree char *encoded = NULL;

  g_checksum_update(sum, (const guchar *)"\n", 1);
  g_checksum_update(sum, (const guchar *)text, -1);
  g_checksum_update(sum, (const guchar *)"\n", 1);
  g_checksum_get_digest(sum, digest, &bytes);
  encoded = g_base64_encode(digest, bytes);
  g_string_append_printf(sources, "%s'sha256-%s'", sources->len > 0 ? " " : "", encoded);
}

/* The named template with the data and the scripts (NULL-terminated) in their places. */
static gboolean
write_filled(const char *template, const json_t *data, const char *const *scripts,
             const char *library, const char *path, GError **error)
{
  static const char *const marks[] = {"@SCRIPTS@", "@STYLES@", "@STYLE@", "@LIBRARY@",
                                      "@DATA@",    "@SCRIPT@", NULL};
  const char *style = page_file("report.css");
  g_autofree char *charts = chart_library_read(library, error);
  g_autofree char *json = NULL, *page = NULL;
  g_autoptr(GString) script = g_string_new(NULL);
  g_autoptr(GString) may_run = g_string_new(NULL), may_style = g_string_new(NULL);

  if (charts == NULL)
    return FALSE;
  json = embeddable(data);
  for (; *scripts != NULL; scripts++)
    g_string_append(script, page_file(*scripts));
  append_allowed(may_run, charts);
  append_allowed(may_run, script->str);
  append_allowed(may_style, style);
  const char *const texts[] = {may_run->str, may_style->str, style, charts, json, script->str};
  page = fill(page_file(template), marks, texts);
  return output_write(path, page, -1, error);
}

gboolean
page_write(Stored *stored, const char *library, const char *path, GError **error)
{
  static const char *const scripts[] = {"base.js", "runs.js", "study.js", "report.js", NULL};
  json_auto_t *data = page_data(stored, error);

  return data != NULL && write_filled("report.html", data, scripts, library, path, error);
}

gboolean
page_write_data(json_t *data, const char *script, const char *library, const char *path,
                GError **error)
{
  const char *const scripts[] = {"base.js", script, NULL};

  json_object_set_new(data, "runs", json_array());
  json_object_set_new(data, "version", json_string(PACKAGE_VERSION));
  return write_filled("plain.html", data, scripts, library, path, error);
}
