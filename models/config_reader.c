#include "config_reader.h"

#include "files/input.h"

#include <errno.h>
#include <string.h>

#define MAX_FILE_BYTES ((gsize)16 * 1024 * 1024)

G_DEFINE_QUARK(spillway - model - config - error, model_config_error)

/* The text with `null` for the numbers that are not JSON, outside strings. */
static GString *
without_infinities(const char *text, gsize n_bytes)
{
  static const char *const words[] = {"-Infinity", "Infinity", "NaN"};
  GString *plain = g_string_sized_new(n_bytes);
  gboolean quoted = FALSE;
  gsize taken;

  for (gsize i = 0; i < n_bytes; i += taken) {
    taken = quoted && text[i] == '\\' && i + 1 < n_bytes ? 2 : 1;
    if (text[i] == '"')
      quoted = !quoted;
    for (guint w = 0; !quoted && w < G_N_ELEMENTS(words); w++)
      if (g_str_has_prefix(text + i, words[w])) {
        taken = strlen(words[w]);
        g_string_append(plain, "null");
        break;
      }
    if (taken <= 2)
      g_string_append_len(plain, text + i, (gssize)taken);
  }
  return plain;
}

json_t *
config_load(const char *path, const char *expected, GError **error)
{
  g_autoptr(GError) cause = NULL;
  g_autofree char *text = NULL;
  g_autoptr(GString) plain = NULL;
  g_autoptr(json_t) root = NULL;
  json_error_t at;
  gsize n_bytes;

  text = input_read(path, INPUT_PLAIN, MAX_FILE_BYTES, &n_bytes, &cause);
  if (text == NULL) {
    g_set_error(error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_OPEN,
                "%s: cannot be read: %s; expected %s", path, cause->message, expected);
    return NULL;
  }
  plain = without_infinities(text, n_bytes);
  root = json_loadb(plain->str, plain->len, JSON_REJECT_DUPLICATES, &at);
  if (root == NULL) {
    g_set_error(error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_SYNTAX, "%s:%d:%d: %s; expected %s",
                path, at.line, at.column, at.text, expected);
    return NULL;
  }
  if (!json_is_object(root)) {
    g_set_error(error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_SYNTAX,
                "%s:1:1: found no JSON object, expected %s", path, expected);
    return NULL;
  }
  return g_steal_pointer(&root);
}

gboolean
config_refuse_value(const ConfigReader *reader, const char *key, const json_t *value,
                    const char *expected)
{
  char *dump = value != NULL ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

  if (dump != NULL && strlen(dump) > 60)
    memcpy(dump + 57, "...", 4);
  g_set_error(reader->error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_VALUE,
              "%s: %s%s%s: found %s, expected %s", reader->path,
              reader->within != NULL ? reader->within : "", reader->within != NULL ? "." : "", key,
              dump != NULL ? dump : "nothing", expected);
  free(dump);
  return FALSE;
}

gboolean
config_refuse(const ConfigReader *reader, const char *key, const char *expected)
{
  return config_refuse_value(reader, key, json_object_get(reader->root, key), expected);
}

static const json_t *
not_null(const json_t *value)
{
  return json_is_null(value) ? NULL : value;
}

const json_t *
config_get(const ConfigReader *reader, const char *key)
{
  return not_null(json_object_get(reader->root, key));
}

const json_t *
config_get_either(const ConfigReader *reader, const char *key)
{
  const json_t *value = config_get(reader, key);

  return value == NULL && reader->outer != NULL ? not_null(json_object_get(reader->outer, key))
                                                : value;
}

const char *
config_key(const ConfigReader *reader, const char *const *names)
{
  for (guint i = 0; names[i] != NULL; i++)
    if (config_has(reader, names[i]))
      return names[i];
  return names[0];
}

gboolean
config_has(const ConfigReader *reader, const char *key)
{
  return config_get(reader, key) != NULL;
}

const char *
config_text(const ConfigReader *reader, const char *key)
{
  return json_string_value(config_get(reader, key));
}

static gboolean
read_whole(const ConfigReader *reader, const char *key, guint32 min, guint32 max, guint32 *value)
{
  const json_t *found = json_object_get(reader->root, key);

  if (!json_is_integer(found) || json_integer_value(found) < (json_int_t)min ||
      json_integer_value(found) > (json_int_t)max) {
    g_autofree char *expected = g_strdup_printf("a whole number from %u to %u", min, max);
    return config_refuse(reader, key, expected);
  }
  *value = (guint32)json_integer_value(found);
  return TRUE;
}

gboolean
config_count(const ConfigReader *reader, const char *key, guint32 max, guint32 *value)
{
  return read_whole(reader, key, 1, max, value);
}

gboolean
config_count_or(const ConfigReader *reader, const char *key, guint32 max, guint32 absent,
                guint32 *value)
{
  *value = absent;
  return !config_has(reader, key) || read_whole(reader, key, 1, max, value);
}

gboolean
config_amount_or(const ConfigReader *reader, const char *key, guint32 max, guint32 absent,
                 guint32 *value)
{
  *value = absent;
  return !config_has(reader, key) || read_whole(reader, key, 0, max, value);
}

gboolean
config_flag_or(const ConfigReader *reader, const char *key, gboolean absent, gboolean *value)
{
  const json_t *found = config_get(reader, key);

  *value = found != NULL ? json_is_true(found) : absent;
  return found == NULL || json_is_boolean(found) || config_refuse(reader, key, "true or false");
}

gboolean
config_number_or(const ConfigReader *reader, const char *key, double absent, double *value)
{
  const json_t *found = config_get(reader, key);

  *value = found != NULL ? json_number_value(found) : absent;
  return found == NULL || (json_is_number(found) && *value > 0 && *value <= 1e12) ||
         config_refuse(reader, key, "a positive number");
}

gboolean
config_require_flag(const ConfigReader *reader, const char *key, gboolean usual)
{
  gboolean value;

  if (!config_flag_or(reader, key, usual, &value))
    return FALSE;
  return value == usual ||
         config_refuse(reader, key,
                       usual ? "true (no other form is known)" : "false (no other form is known)");
}
