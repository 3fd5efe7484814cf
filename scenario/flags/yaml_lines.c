/* A deployment's file is YAML or JSON. Of these as much is read as a command line needs: keys and
 * their indentation, lists in brackets or with dashes, texts over several lines, and quotes.
 */
#include "yaml_lines.h"

#include <string.h>

gsize
yaml_indent(const char *line)
{
  return strspn(line, " \t");
}

gboolean
yaml_is_item(const char *text)
{
  return text[0] == '-' && (text[1] == ' ' || text[1] == '\0');
}

gboolean
yaml_is_blank(const char *line)
{
  const char *text = line + yaml_indent(line);

  return *text == '\0' || *text == '#';
}

const char *
yaml_value(const char *line, const char *key, gsize *indent)
{
  const char *text = line + yaml_indent(line);
  gboolean quoted;

  while (yaml_is_item(text))
    text += 1 + strspn(text + 1, " ");
  *indent = (gsize)(text - line);
  quoted = *text == '"';
  text += quoted;
  if (!g_str_has_prefix(text, key))
    return NULL;
  text += strlen(key);
  if (quoted && *text++ != '"')
    return NULL;
  return *text == ':' && (text[1] == '\0' || text[1] == ' ') ? text + 1 + strspn(text + 1, " ")
                                                             : NULL;
}

const char *
yaml_behind_quotes(const char *text)
{
  const char quote = *text++;

  for (; *text != '\0' && *text != quote; text++)
    if (quote == '"' && *text == '\\' && text[1] != '\0')
      text++;
  return *text == quote ? text + 1 : text;
}

/* TRUE if an odd number of backslashes is before text[at], within quotation marks. */
static gboolean
is_escaped(const char *text, gsize at)
{
  gsize before = 0;

  while (before < at && text[at - 1 - before] == '\\')
    before++;
  return *text == '"' && before % 2 == 1;
}

char *
yaml_plain(const char *text, gsize bytes)
{
  g_autofree char *item = g_strstrip(g_strndup(text, bytes));
  g_auto(GStrv) parts = NULL;
  char *comment = NULL;
  gsize length;

  if (*item == '"' || *item == '\'')
    comment = item + (yaml_behind_quotes(item) - item);
  if (comment == NULL || (*comment != '\0' && !g_str_has_prefix(g_strchug(comment), "#")))
    comment = strstr(item, " #");
  if (comment != NULL)
    *comment = '\0';
  length = strlen(g_strchomp(item));
  if (length < 2 || (*item != '"' && *item != '\'') || item[length - 1] != *item ||
      is_escaped(item, length - 1))
    return g_steal_pointer(&item);
  item[length - 1] = '\0';
  if (*item == '"')
    return g_strcompress(item + 1);
  parts = g_strsplit(item + 1, "''", -1);
  return g_strjoinv("'", parts);
}
