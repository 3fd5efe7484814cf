#include "server_shell.h"

#include <string.h>

#define OF_NAMES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789"

typedef struct {
  gsize bytes;      /* of all of it, from the $ on */
  char *name;       /* NULL: no variable begins here */
  char *or_default; /* of ${NAME:-value}; NULL: none */
} Variable;

static void
variable_clear(Variable *v)
{
  g_free(v->name);
  g_free(v->or_default);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Variable, variable_clear)

gsize
server_assignment(const char *word)
{
  gsize length = g_ascii_isdigit(*word) ? 0 : strspn(word, OF_NAMES);

  return word[length] == '=' ? length : 0;
}

/* The variable that begins at `text`. */
static Variable
variable_at(const char *text)
{
  Variable v = {0};
  const char close = text[0] != '$' ? '\0' : text[1] == '{' ? '}' : text[1] == '(' ? ')' : '\0';
  const char *name = text + 1 + (close != '\0'), *end;
  gsize length = text[0] == '$' && !g_ascii_isdigit(*name) ? strspn(name, OF_NAMES) : 0;

  if (length == 0)
    return v;
  end = name + length;
  if (close != '\0') {
    const char *closed = strchr(end, close);
    if (closed == NULL)
      return v;
    if (close == '}' && g_str_has_prefix(end, ":-"))
      v.or_default = g_strndup(end + 2, (gsize)(closed - end) - 2);
    else if (closed != end)
      return v;
    end = closed + 1;
  }
  v.name = g_strndup(name, length);
  v.bytes = (gsize)(end - text);
  return v;
}

/* The value that a word before `from` sets; the last counts. */
static const char *
value_of(const GPtrArray *words, guint from, const Variable *v)
{
  for (guint i = from; i > 0; i--) {
    const char *word = g_ptr_array_index(words, i - 1);
    gsize length = server_assignment(word);
    if (length == strlen(v->name) && memcmp(word, v->name, length) == 0)
      return word + length + 1;
  }
  return v->or_default;
}

static char *
expanded(const GPtrArray *words, guint from, const char *word)
{
  GString *text = g_string_new(NULL);

  while (*word != '\0') {
    g_auto(Variable) v = variable_at(word);
    const char *value = v.name != NULL ? value_of(words, from, &v) : NULL;
    gsize bytes = MAX(v.bytes, 1);
    if (value != NULL)
      g_string_append(text, value);
    else
      g_string_append_len(text, word, (gssize)bytes);
    word += bytes;
  }
  return g_string_free(text, FALSE);
}

gboolean
server_shell_expand(GPtrArray *words, guint from, GError **error)
{
  for (guint i = from; words->pdata[i] != NULL; i++) {
    g_auto(Variable) v = variable_at(words->pdata[i]);
    char *text = expanded(words, from, words->pdata[i]);
    g_auto(GStrv) parts = NULL;
    gboolean is_one = v.bytes > 0 && v.bytes == strlen(words->pdata[i]);
    g_free(words->pdata[i]);
    words->pdata[i] = text;
    if (!is_one || strchr(text, ' ') == NULL)
      continue;
    if (!g_shell_parse_argv(text, NULL, &parts, error))
      return FALSE;
    g_ptr_array_remove_index(words, i);
    for (guint n = 0; parts[n] != NULL; n++)
      g_ptr_array_insert(words, (int)(i + n), g_strdup(parts[n]));
    i += g_strv_length(parts) - 1;
  }
  return TRUE;
}

gboolean
server_shell_uses(const GPtrArray *words, guint from, const char *name)
{
  for (guint i = from; words->pdata[i] != NULL; i++)
    for (const char *at = words->pdata[i]; (at = strchr(at, '$')) != NULL; at++) {
      g_auto(Variable) v = variable_at(at);
      if (g_strcmp0(v.name, name) == 0)
        return TRUE;
    }
  return FALSE;
}

char *
server_shell_variable(const char *text)
{
  for (; (text = strchr(text, '$')) != NULL; text++) {
    g_auto(Variable) v = variable_at(text);
    if (v.name != NULL)
      return g_strndup(text, v.bytes);
  }
  return NULL;
}
