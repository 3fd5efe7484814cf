/* Puts a report together: page/report.html with its marks replaced.
 *
 * Nothing of a trace or a configuration becomes HTML: it is JSON within a script element that is
 * not run, in which no '<' is left, and the page's script sets it as text.
 */
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

gboolean
page_write(Stored *stored, const char *library, const char *path, GError **error)
{
  static const char *const marks[] = {"@STYLE@", "@LIBRARY@", "@DATA@", "@SCRIPT@", NULL};
  g_autofree char *charts = chart_library_read(library, error);
  json_auto_t *data = charts != NULL ? page_data(stored, error) : NULL;
  g_autofree char *json = NULL, *script = NULL, *page = NULL;

  if (data == NULL)
    return FALSE;
  json = embeddable(data);
  script = g_strconcat(page_file("base.js"), page_file("runs.js"), page_file("study.js"),
                       page_file("report.js"), NULL);
  const char *const texts[] = {page_file("report.css"), charts, json, script};
  page = fill(page_file("report.html"), marks, texts);
  return output_write(path, page, -1, error);
}
