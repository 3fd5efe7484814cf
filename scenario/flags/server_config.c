#include "server_config.h"

#include "yaml_settings.h"

#include <string.h>

/* The file's key as a flag: dashes for underscores; the caller frees it. */
static char *
flag_of(const char *path)
{
  return g_strdelimit(g_strdup(path), "_", '-');
}

/* A key's flag, or that of the outermost key it is in. */
static const ServerFlag *
find(const ServerFlag *flags, char *name)
{
  const ServerFlag *flag = server_flag_find(flags, name);

  if (flag == NULL && strchr(name, '/') != NULL) {
    g_strdelimit(name, "/", '.');
    flag = server_flag_find(flags, name);
  }
  return flag;
}

static gboolean
take_setting(ServerArgs *args, const char *file, const YamlSetting *setting, GHashTable *groups,
             GError **error)
{
  g_autofree char *name = flag_of(setting->path),
                  *key = g_strdelimit(g_strdup(setting->path), "/", '.');
  g_autofree char *written = g_strdup_printf("%s (%s:%u)", key, file, setting->line);
  const gboolean was_within = strchr(name, '/') != NULL;
  const ServerFlag *flag = find(args->server->file_flags, name);
  g_autofree char *value = g_strdup(setting->value);

  if (was_within && strchr(name, '/') == NULL && flag != NULL &&
      !g_hash_table_add(groups, g_strdup(flag->name)))
    return TRUE; /* said of the first key of the group */
  if (value != NULL &&
      (g_ascii_strcasecmp(value, "true") == 0 || g_ascii_strcasecmp(value, "false") == 0)) {
    for (char *letter = value; *letter != '\0'; letter++)
      *letter = g_ascii_tolower(*letter);
    if (!args->server->file_wins && g_str_equal(value, "false"))
      return TRUE; /* as if the flag were not there */
    if (flag != NULL && flag->is_switch && g_str_equal(value, "true"))
      g_clear_pointer(&value, g_free);
  }
  return server_take_flag(args, args->server->file_flags, written, name, value, error);
}

gboolean
server_config_read(ServerArgs *args, const char *name, GError **error)
{
  g_autofree char *text = NULL, *base = g_path_get_basename(name);
  g_autoptr(GHashTable) groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr(GPtrArray) settings = NULL;
  g_auto(GStrv) lines = NULL;
  g_autoptr(GError) cause = NULL;

  if (!g_file_test(name, G_FILE_TEST_IS_REGULAR)) {
    server_note(args, "the file %s is not here, and left out: give what it has as options", name);
    return TRUE;
  }
  if (!g_file_get_contents(name, &text, NULL, &cause))
    return server_refuse(args, error, name, cause->message);
  if (!g_utf8_validate(text, -1, NULL))
    return server_refuse(args, error, name, "found bytes that are not UTF-8, expected YAML");
  lines = g_strsplit(text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    g_strchomp(*line);
  settings = yaml_settings(lines, 0, -1);
  if (settings->len == 0)
    return server_refuse(args, error, name,
                         "found no setting, expected lines such as 'key: value'");
  args->in_file = TRUE;
  for (guint i = 0; i < settings->len; i++)
    if (!take_setting(args, base, g_ptr_array_index(settings, i), groups, error))
      return FALSE;
  args->in_file = FALSE;
  return TRUE;
}
