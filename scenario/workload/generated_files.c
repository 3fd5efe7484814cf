#include "generated_files.h"

#include "trace_name.h"
#include "traces/lengths.h"
#include "traces/shell_word.h"

#include <string.h>

/* Where a file's name begins in one of the words: "empirical:FILE" or "--prompt=empirical:FILE";
 * NULL: it has none. */
static const char *
find_file(const char *word)
{
  const char *value = g_str_has_prefix(word, "--") ? strchr(word, '=') : NULL;

  value = value != NULL ? value + 1 : word;
  return g_str_has_prefix(value, LENGTHS_FILE) ? value + strlen(LENGTHS_FILE) : NULL;
}

static void
append_word(GString *text, const char *word)
{
  g_autofree char *quoted = shell_word(word);

  g_string_append_printf(text, "%s%s", text->len > strlen(TRACE_GENERATED) ? " " : "", quoted);
}

char *
generated_files_replace(const char *trace, GeneratedFile file, gpointer data)
{
  g_autoptr(GString) text = g_string_new(TRACE_GENERATED);
  g_auto(GStrv) words = NULL;

  if (!g_str_has_prefix(trace, TRACE_GENERATED) || strstr(trace, LENGTHS_FILE) == NULL ||
      !g_shell_parse_argv(trace + strlen(TRACE_GENERATED), NULL, &words, NULL))
    return g_strdup(trace);
  for (char **word = words; *word != NULL; word++) {
    const char *name = find_file(*word);
    g_autofree char *other = name != NULL ? file(name, data) : NULL, *with = NULL;
    if (name != NULL && other == NULL)
      return NULL;
    with = name != NULL ? g_strdup_printf("%.*s%s", (int)(name - *word), *word, other) : NULL;
    append_word(text, with != NULL ? with : *word);
  }
  return g_strdup(text->str);
}
