/* Members of a JSON line, with messages that point at them. jansson reads a real number into a
 * double; its shortest text that reads back as the same double is what the file has, up to 15
 * digits always and nearly always with 16, so times stay exact.
 */
#include "config.h"

#include "jsonl.h"

#include "number.h"
#include "results.h"
#include "sim/units.h"

#include <stdlib.h>
#include <string.h>

/* Where the line has "key"; NULL: nowhere. */
static const char *
find_key(const char *line, const char *end, const char *key)
{
  gsize bytes = strlen(key);

  for (const char *c = line; c + bytes + 2 <= end; c++)
    if (c[0] == '"' && c[bytes + 1] == '"' && memcmp(c + 1, key, bytes) == 0)
      return c;
  return NULL;
}

gboolean
jsonl_has_keys(const char *line, const char *end, const char *const *keys)
{
  while (line < end && (*line == ' ' || *line == '\t'))
    line++;
  if (line == end || *line != '{')
    return FALSE;
  for (; *keys != NULL; keys++)
    if (find_key(line, end, *keys) == NULL)
      return FALSE;
  return TRUE;
}

gboolean
jsonl_sniff(const TraceFormat *self, const char *line, const char *end)
{
  for (guint i = 0; i < JSONL_SPELLINGS && self->jsonl->keys[i][0] != NULL; i++)
    if (jsonl_has_keys(line, end, self->jsonl->keys[i]))
      return TRUE;
  return FALSE;
}

/* The line's object, or NULL with an error. Caller calls json_decref(). */
static json_t *
jsonl_parse(const TraceReader *reader, const char *line, const char *end, GError **error)
{
  json_error_t json_error;
  json_t *object = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, &json_error);

  if (object == NULL && (memmem(line, (gsize)(end - line), "Infinity", 8) != NULL ||
                         memmem(line, (gsize)(end - line), "NaN", 3) != NULL)) {
    g_autofree char *mended = g_memdup2(line, (gsize)(end - line));
    results_mend_json(mended, (gsize)(end - line));
    object = json_loadb(mended, (size_t)(end - line), JSON_REJECT_DUPLICATES, &json_error);
  }
  if (object == NULL) {
    g_autofree char *text = reader_quote(line, end);
    g_autofree char *why = g_strescape(json_error.text, "\"\\");
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s:%" G_GUINT64_FORMAT ":%d: found %s, expected a JSON object on one line (%s)",
                reader->name, reader->line_number, MAX(json_error.position, 1), text, why);
    return NULL;
  }
  if (!json_is_object(object)) {
    json_decref(object);
    reader_fail(reader, line, end, NULL, error, "a JSON object on each line");
    return NULL;
  }
  return object;
}

gboolean
jsonl_fail(const TraceReader *reader, const char *end, const json_t *object, const char *key,
           GError **error, const char *expected)
{
  const json_t *value = json_object_get(object, key);
  const char *at = find_key(reader->line, end, key);
  g_autofree char *found = NULL;
  char *text;

  if (value == NULL) {
    reader_fail(reader, reader->line, end, NULL, error, "a member \"%s\": %s", key, expected);
    return FALSE;
  }
  text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
  found =
      text != NULL ? reader_quote(text, text + strlen(text)) : g_strdup("text that is not UTF-8");
  free(text);
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
              "%s:%" G_GUINT64_FORMAT ":%td: found %s in %s, expected %s", reader->name,
              reader->line_number, at != NULL ? at - reader->line + 1 : 1, found, key, expected);
  return FALSE;
}

gboolean
jsonl_tokens(const TraceReader *reader, const char *end, const json_t *object, const char *key,
             guint32 *tokens, GError **error)
{
  const json_t *value = json_object_get(object, key);
  json_int_t number = json_integer_value(value);

  if (!json_is_integer(value) || number < reader_tokens_min(reader) || number > TRACE_TOKENS_MAX)
    return jsonl_fail(reader, end, object, key, error,
                      reader_tokens_min(reader) == 0 ? "a whole number from 0 to 1000000000"
                                                     : "a whole number from 1 to 1000000000");
  *tokens = (guint32)number;
  return TRUE;
}

gboolean
jsonl_max_tokens(const TraceReader *reader, const char *end, const json_t *object, Request *request,
                 GError **error)
{
  return json_object_get(object, "max_tokens") == NULL ||
         jsonl_tokens(reader, end, object, "max_tokens", &request->max_tokens, error);
}

/* The shortest text that reads back as this double. */
static const char *
print_double(double value, char buffer[NUMBER_BUFFER_BYTES])
{
  static const char *const formats[] = {"%.15g", "%.16g", "%.17g"};

  for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
    g_ascii_formatd(buffer, NUMBER_BUFFER_BYTES, formats[i], value);
    if (g_ascii_strtod(buffer, NULL) == value)
      break;
  }
  return buffer;
}

gboolean
jsonl_arrival(TraceReader *reader, const char *end, const json_t *object, const char *key,
              guint unit_decimals, Request *request, GError **error)
{
  const json_t *value = json_object_get(object, key);
  char buffer[NUMBER_BUFFER_BYTES];
  const char *at = find_key(reader->line, end, key), *stop;
  gint64 units, fraction, units_a_second = 1;

  for (guint i = 0; i < unit_decimals; i++)
    units_a_second *= 10;
  if (json_is_integer(value))
    g_snprintf(buffer, sizeof buffer, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
  else if (json_is_real(value))
    print_double(json_real_value(value), buffer);
  else
    buffer[0] = '\0';
  if (!number_decimal(buffer, buffer + strlen(buffer), DECIMALS_MAX - unit_decimals, &units,
                      &fraction, &stop) ||
      *stop != '\0')
    return jsonl_fail(reader, end, object, key, error,
                      unit_decimals == 9   ? "nanoseconds, not negative"
                      : unit_decimals == 3 ? "milliseconds, not negative"
                                           : "seconds, not negative");
  return reader_set_arrival(reader, request, units / units_a_second,
                            units % units_a_second * (PS_PER_S / units_a_second) + fraction,
                            at != NULL ? at : reader->line, end, key, error);
}

gboolean
jsonl_hashes(TraceReader *reader, const char *end, const json_t *object, guint32 block_tokens,
             Request *request, GError **error)
{
  const json_t *hashes = json_object_get(object, "hash_ids");
  guint64 blocks_max;

  g_array_set_size(reader->hashes, 0);
  if (json_object_get(object, "hash_block_tokens") != NULL) {
    if (!jsonl_tokens(reader, end, object, "hash_block_tokens", &block_tokens, error))
      return FALSE;
    if (block_tokens == 0)
      return jsonl_fail(reader, end, object, "hash_block_tokens", error,
                        "a whole number from 1 to 1000000000");
  }
  if (hashes == NULL || json_is_null(hashes) || json_array_size(hashes) == 0) {
    if (hashes != NULL && !json_is_null(hashes) && !json_is_array(hashes))
      return jsonl_fail(reader, end, object, "hash_ids", error, "a list of whole numbers");
    return TRUE;
  }
  for (size_t i = 0; i < json_array_size(hashes); i++) {
    const json_t *value = json_array_get(hashes, i);
    guint64 hash = (guint64)json_integer_value(value);
    if (!json_is_integer(value))
      return jsonl_fail(reader, end, object, "hash_ids", error, "a list of whole numbers");
    g_array_append_val(reader->hashes, hash);
  }
  blocks_max = ((guint64)request->prompt_tokens + block_tokens - 1) / block_tokens;
  if (reader->hashes->len > blocks_max) {
    g_autofree char *expected =
        g_strdup_printf("at most %" G_GUINT64_FORMAT " hashes for a prompt of %u tokens (one per "
                        "%u; hash_block_tokens changes that), not %u",
                        blocks_max, request->prompt_tokens, block_tokens, reader->hashes->len);
    return jsonl_fail(reader, end, object, "hash_ids", error, expected);
  }
  if (reader->hashes->len < request->prompt_tokens / block_tokens)
    reader->short_hashes++;
  request->hash_count = reader->hashes->len;
  request->hash_block_tokens = block_tokens;
  return TRUE;
}

gboolean
jsonl_id(TraceReader *reader, const char *end, const json_t *object, const char *key,
         const char **id, GError **error)
{
  const json_t *value = json_object_get(object, key);
  const char *text = json_string_value(value);

  *id = NULL;
  if (value == NULL)
    return TRUE;
  if (json_is_integer(value))
    g_string_printf(reader->id, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
  else if (text != NULL && *text != '\0' && strlen(text) <= TRACE_ID_MAX_BYTES)
    g_string_assign(reader->id, text);
  else
    return jsonl_fail(reader, end, object, key, error, "a whole number, or text of 1 to 256 bytes");
  *id = reader->id->str;
  return TRUE;
}

gboolean
jsonl_row(const TraceFormat *self, TraceReader *reader, const char *line, const char *end,
          GError **error)
{
  json_t *object = jsonl_parse(reader, line, end, error);
  gboolean ok = object != NULL && self->jsonl->members(reader, end, object, error);

  json_decref(object);
  return ok;
}
