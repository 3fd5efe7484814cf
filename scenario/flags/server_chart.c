#include "server_chart.h"

#include "yaml_lines.h"
#include "yaml_settings.h"

#include <string.h>

gboolean
server_chart_is(char **lines)
{
  gsize indent;

  for (; *lines != NULL; lines++)
    if (yaml_value(*lines, "vllmConfig", &indent) != NULL)
      return TRUE;
  return FALSE;
}

/* The first value of that key; NULL: none. The caller frees it. */
static char *
value_of(char **lines, const char *key)
{
  gsize indent;

  for (; *lines != NULL; lines++) {
    const char *value = yaml_value(*lines, key, &indent);
    if (value != NULL)
      return yaml_plain(value, strlen(value));
  }
  return NULL;
}

/* Of a list of models: empties what is behind the first. */
static void
keep_first_model(char **lines)
{
  gsize indent, first = 0;
  guint i = 0;

  while (lines[i] != NULL && yaml_value(lines[i], "modelSpec", &indent) == NULL)
    i++;
  for (guint items = 0; lines[i] != NULL; i++) {
    const char *text = lines[i] + yaml_indent(lines[i]);
    if (yaml_is_item(text) && items == 0)
      first = yaml_indent(lines[i]);
    items += yaml_is_item(text) && yaml_indent(lines[i]) <= first;
    if (items > 1)
      *lines[i] = '\0';
  }
}

/* maxModelLen is max-model-len; the caller frees it. */
static char *
with_dashes(const char *name)
{
  GString *text = g_string_new(NULL);

  for (; *name != '\0'; name++)
    g_string_append_printf(text, "%s%c", g_ascii_isupper(*name) ? "-" : "", g_ascii_tolower(*name));
  return g_string_free(text, FALSE);
}

static void
add_setting(GPtrArray *words, const YamlSetting *setting)
{
  g_autofree char *name = with_dashes(setting->path);

  if (g_str_equal(setting->path, "extraArgs") || setting->value == NULL)
    return;
  if (g_ascii_strcasecmp(setting->value, "true") == 0)
    g_ptr_array_add(words, g_strconcat("--", name, NULL));
  else
    g_ptr_array_add(words, g_strconcat("--", name, "=", setting->value, NULL));
}

char *
server_chart_read(char **lines, GPtrArray *words)
{
  g_autofree char *model = NULL, *repository = NULL, *tag = NULL;
  gsize indent;

  keep_first_model(lines);
  model = value_of(lines, "modelURL");
  repository = value_of(lines, "repository");
  tag = value_of(lines, "tag");
  if (model != NULL) {
    g_ptr_array_add(words, g_strdup("--model"));
    g_ptr_array_add(words, g_strdup(model));
  }
  for (guint i = 0; lines[i] != NULL; i++)
    if (yaml_value(lines[i], "vllmConfig", &indent) != NULL) {
      g_autoptr(GPtrArray) settings = yaml_settings(lines, i + 1, (int)indent);
      for (guint n = 0; n < settings->len; n++)
        add_setting(words, g_ptr_array_index(settings, n));
    }
  return repository != NULL && tag != NULL ? g_strconcat(repository, ":", tag, NULL) : NULL;
}
