#include "yaml_settings.h"

#include "yaml_lines.h"

#include <string.h>

typedef struct {
  int indent;
  gsize path_bytes; /* of the keys outside it */
} Level;

static void
setting_free(gpointer data)
{
  YamlSetting *setting = data;

  g_free(setting->path);
  g_free(setting->value);
  g_free(setting);
}

/* What is behind the key and its colon; NULL: the text has none. */
static const char *
behind_key(const char *text)
{
  const char *at = *text == '"' || *text == '\'' ? yaml_behind_quotes(text) : text;

  for (; *at != '\0'; at++)
    if (*at == ':' && (at[1] == ' ' || at[1] == '\0'))
      return at + 1;
  return NULL;
}

static void
add(GPtrArray *all, const char *path, char *value, guint line)
{
  const YamlSetting *last = all->len > 0 ? g_ptr_array_index(all, all->len - 1) : NULL;
  YamlSetting *setting;

  if (value == NULL && last != NULL && last->value == NULL && g_str_equal(last->path, path))
    return;
  setting = g_new0(YamlSetting, 1);
  setting->path = g_strdup(path);
  setting->value = value;
  setting->line = line + 1;
  g_ptr_array_add(all, setting);
}

/* Leaves the keys that this line is not within. */
static void
leave(GArray *levels, GString *path, int indent)
{
  while (levels->len > 0 && g_array_index(levels, Level, levels->len - 1).indent >= indent) {
    g_string_truncate(path, g_array_index(levels, Level, levels->len - 1).path_bytes);
    g_array_set_size(levels, levels->len - 1);
  }
}

GPtrArray *
yaml_settings(char **lines, guint from, int outside)
{
  GPtrArray *all = g_ptr_array_new_with_free_func(setting_free);
  g_autoptr(GArray) levels = g_array_new(FALSE, FALSE, sizeof(Level));
  GString *path = g_string_new(NULL);
  int item = G_MAXINT; /* how far the list is indented that the line is in */

  for (guint i = from; lines[i] != NULL; i++) {
    const char *text = lines[i] + yaml_indent(lines[i]), *value = behind_key(text);
    const Level level = {(int)yaml_indent(lines[i]), 0};
    g_autofree char *key = NULL, *plain = NULL;
    if (yaml_is_blank(lines[i]) || level.indent > item)
      continue;
    if (level.indent <= outside)
      break;
    item = yaml_is_item(text) ? level.indent : G_MAXINT;
    leave(levels, path, yaml_is_item(text) ? level.indent + 1 : level.indent);
    if (yaml_is_item(text) && path->len > 0)
      add(all, path->str, NULL, i);
    if (yaml_is_item(text) || value == NULL)
      continue;
    g_array_append_val(levels, level);
    g_array_index(levels, Level, levels->len - 1).path_bytes = path->len;
    key = yaml_plain(text, (gsize)(value - 1 - text));
    g_string_append_printf(path, "%s%s", path->len > 0 ? "/" : "", key);
    plain = yaml_plain(value, strlen(value));
    if (*plain != '\0' && *plain != '#')
      add(all, path->str, g_steal_pointer(&plain), i);
  }
  g_string_free(path, TRUE);
  return all;
}
