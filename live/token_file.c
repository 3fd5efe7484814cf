#include "config.h"

#include "token_file.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "files/input.h"

enum { LINE_MAX_BYTES = 64 << 20 };

G_DEFINE_QUARK(spillway - token - file - error, token_file_error)

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

typedef struct {
  const char *path;
  guint64 line;
  const Workload *workload;
  guint32 vocab;
  GHashTable *by_id; /* id → index + 1 */
  GPtrArray *prompts;
  guint32 next_bare;
  GError **error;
} Reader;

static gboolean refuse(const Reader *r, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean
refuse(const Reader *r, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start(args, format);
  text = g_strdup_vprintf(format, args);
  va_end(args);
  if (r->line > 0)
    g_set_error(r->error, TOKEN_FILE_ERROR, TOKEN_FILE_ERROR_INPUT, "%s:%" G_GUINT64_FORMAT ": %s",
                r->path, r->line, text);
  else
    g_set_error(r->error, TOKEN_FILE_ERROR, TOKEN_FILE_ERROR_INPUT, "%s: %s", r->path, text);
  return FALSE;
}

/* Which request a line is for. *known: FALSE for one behind the end of a limited trace. */
static gboolean
find_request(Reader *r, const json_t *object, guint32 *index, gboolean *known)
{
  const json_t *id = json_object_get(object, "id");
  g_autofree char *text = NULL;
  guint found;

  *known = TRUE;
  if (json_is_array(object)) {
    *index = r->next_bare++;
    *known = *index < workload_count(r->workload);
    return TRUE;
  }
  if (json_is_integer(id))
    text = g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(id));
  else if (json_is_string(id))
    text = g_strdup(json_string_value(id));
  else
    return refuse(r, "found no id, expected {\"id\": …, \"prompt_token_ids\": […]} or a list");
  found = GPOINTER_TO_UINT(g_hash_table_lookup(r->by_id, text));
  *known = found > 0;
  *index = found - 1;
  return TRUE;
}

static gboolean
read_ids(Reader *r, const json_t *list, guint32 index)
{
  guint32 expected = workload_request(r->workload, index)->prompt_tokens;
  GArray *prompt;
  char buffer[24];

  if (!json_is_array(list))
    return refuse(r, "found no list prompt_token_ids");
  if (json_array_size(list) != expected)
    return refuse(r, "request %s: found %" G_GSIZE_FORMAT " token ids, expected %u as in the trace",
                  workload_id(r->workload, index, buffer), json_array_size(list), expected);
  if (g_ptr_array_index(r->prompts, index) != NULL)
    return refuse(r, "request %s: found twice", workload_id(r->workload, index, buffer));
  prompt = g_array_sized_new(FALSE, FALSE, sizeof(gint32), expected);
  r->prompts->pdata[index] = prompt;
  for (guint32 i = 0; i < expected; i++) {
    const json_t *item = json_array_get(list, i);
    gint32 id = (gint32)json_integer_value(item);
    if (!json_is_integer(item) || json_integer_value(item) < 0 ||
        json_integer_value(item) >= (json_int_t)r->vocab)
      return refuse(r, "request %s: token %u: expected a whole number from 0 to %u",
                    workload_id(r->workload, index, buffer), i, r->vocab - 1);
    g_array_append_val(prompt, id);
  }
  return TRUE;
}

static gboolean
read_line(Reader *r, const char *text)
{
  json_error_t at;
  g_autoptr(json_t) object = json_loads(text, JSON_REJECT_DUPLICATES, &at);
  gboolean known;
  guint32 index = 0;

  if (object == NULL)
    return refuse(r, "column %d: %s; expected a JSON object or list a line", at.column, at.text);
  if (!json_is_object(object) && !json_is_array(object))
    return refuse(r, "found another JSON value, expected an object or a list");
  if (!find_request(r, object, &index, &known))
    return FALSE;
  if (!known)
    return TRUE;
  return read_ids(r, json_is_array(object) ? object : json_object_get(object, "prompt_token_ids"),
                  index);
}

static gboolean
read_lines(Reader *r)
{
  FILE *file = fopen(r->path, "r");
  g_autoptr(GString) line = g_string_new(NULL);
  InputStatus status = INPUT_LINE;
  gboolean worked = TRUE;

  if (file == NULL)
    return refuse(r, "cannot be read: %s", g_strerror(errno));
  while (worked && (status = input_line(file, line, LINE_MAX_BYTES)) == INPUT_LINE) {
    r->line++;
    if (strlen(line->str) != line->len)
      worked = refuse(r, "found a NUL byte, expected text");
    else if (*g_strstrip(line->str) != '\0')
      worked = read_line(r, line->str);
  }
  if (worked && status == INPUT_FAILED)
    worked = refuse(r, "cannot be read: %s", g_strerror(errno));
  else if (worked && status == INPUT_TOO_LONG)
    worked = refuse(r, "a line is longer than %d MiB; expected a request's token ids",
                    LINE_MAX_BYTES >> 20);
  fclose(file);
  return worked;
}

static gboolean
check_all_there(Reader *r)
{
  char buffer[24];

  r->line = 0;
  for (guint32 i = 0; i < workload_count(r->workload); i++)
    if (g_ptr_array_index(r->prompts, i) == NULL)
      return refuse(r, "has no token ids for request %s of the trace",
                    workload_id(r->workload, i, buffer));
  return TRUE;
}

static void
array_free(gpointer array)
{
  if (array != NULL)
    g_array_unref(array);
}

GPtrArray *
token_file_read(const char *path, const Workload *workload, guint32 vocab, GError **error)
{
  Reader r = {.path = path, .workload = workload, .vocab = vocab, .error = error};
  gboolean worked;

  r.by_id = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  r.prompts = g_ptr_array_new_with_free_func(array_free);
  g_ptr_array_set_size(r.prompts, (gint)workload_count(workload));
  for (guint32 i = 0; i < workload_count(workload); i++) {
    char buffer[24];
    g_hash_table_insert(r.by_id, g_strdup(workload_id(workload, i, buffer)),
                        GUINT_TO_POINTER(i + 1));
  }
  worked = read_lines(&r) && check_all_there(&r);
  g_hash_table_unref(r.by_id);
  if (worked)
    return r.prompts;
  g_ptr_array_unref(r.prompts);
  return NULL;
}
