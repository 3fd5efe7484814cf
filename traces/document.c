#include "document.h"

#include "results.h"

#include <string.h>

enum { DOCUMENT_MAX_MIB = 1024 };

/* TRUE for an array, and for an object that goes on in the next line; an object that is cut off in
 * the middle of a member is a damaged JSON line instead. */
gboolean
document_begins(const char *line, const char *end)
{
  while (line < end && (*line == ' ' || *line == '\t'))
    line++;
  while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
    end--;
  return line < end && (*line == '[' || (*line == '{' && strchr("{[,", end[-1]) != NULL));
}

static json_t *
parse(const Source *source, GString *text, GError **error)
{
  json_error_t why;
  json_t *root;

  results_mend_json(text->str, text->len);
  root = json_loadb(text->str, text->len, JSON_REJECT_DUPLICATES, &why);
  if (root == NULL) {
    g_autofree char *reason = g_strescape(why.text, "\"\\");
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s:%d:%d: found no JSON, expected %s (%s)", source_name(source), MAX(why.line, 1),
                MAX(why.column, 1), "a trace, or a benchmark's result", reason);
    return NULL;
  }
  if (json_is_object(root)) {
    json_t *array = json_array();
    json_array_append_new(array, root);
    return array;
  }
  return root;
}

json_t *
document_read(Source *source, const char *line, const char *end, GError **error)
{
  g_autoptr(GString) text = g_string_new_len(line, end - line);
  SourceStatus status;

  while ((status = source_line(source, &line, &end, error)) == SOURCE_LINE) {
    if (text->len + (gsize)(end - line) > (gsize)DOCUMENT_MAX_MIB << 20) {
      g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                  "%s: found a JSON document of more than %d MiB, expected JSON lines",
                  source_name(source), DOCUMENT_MAX_MIB);
      return NULL;
    }
    g_string_append_c(text, '\n');
    g_string_append_len(text, line, end - line);
  }
  return status == SOURCE_END ? parse(source, text, error) : NULL;
}
