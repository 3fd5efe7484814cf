#include "server_words.h"

#include "scenario/typed.h"
#include "server_chart.h"
#include "yaml_lines.h"

#include <string.h>

typedef struct {
  GPtrArray *words;
  char **lines; /* up to NULL */
  guint at;     /* the line that is read next */
} Reader;

/* "Entrypoint" and its like are of `docker inspect`. */
static const char *const command_keys[] = {"entrypoint", "Entrypoint", "command",  "Cmd", "args",
                                           "Args",       "extraArgs",  "commands", NULL};

static void
add(Reader *self, const char *text, gsize bytes)
{
  char *item = yaml_plain(text, bytes);

  if (*item != '\0')
    g_ptr_array_add(self->words, item);
  else
    g_free(item);
}

/* Adds the words of a text, split as a shell does. */
static gboolean
add_line(Reader *self, const char *text, GError **error)
{
  g_auto(GStrv) words = NULL;

  if (text[strspn(text, " \t\n")] == '\0')
    return TRUE;
  if (!g_shell_parse_argv(text, NULL, &words, error))
    return FALSE;
  for (char **word = words; *word != NULL; word++)
    g_ptr_array_add(self->words, g_strdup(*word));
  return TRUE;
}

/* `[ITEM, ITEM, …]`, maybe over several lines, from `text` on. */
static void
read_brackets(Reader *self, const char *text)
{
  GString *all = g_string_new(text + 1);
  const char *start, *end;

  for (start = end = all->str;; end++) {
    if (*end == '\0' && self->lines[self->at] != NULL) {
      gsize from = (gsize)(start - all->str), to = (gsize)(end - all->str);
      g_string_append_printf(all, "\n%s", self->lines[self->at++]);
      start = all->str + from;
      end = all->str + to;
    }
    if (*end == '"' || *end == '\'')
      end = yaml_behind_quotes(end) - 1;
    else if (*end == ',' || *end == ']' || *end == '\0') {
      add(self, start, (gsize)(end - start));
      start = end + 1;
      if (*end != ',')
        break;
    }
  }
  g_string_free(all, TRUE);
}

/* The text of the lines behind `first` that are indented by more than `indent`. The caller frees
 * it. */
static char *
take_deeper(Reader *self, const char *first, gsize indent)
{
  GString *text = g_string_new(first);

  for (; self->lines[self->at] != NULL; self->at++) {
    const char *line = self->lines[self->at];
    if (!yaml_is_blank(line) && yaml_indent(line) <= indent)
      break;
    if (!yaml_is_blank(line))
      g_string_append_printf(text, "\n%s", line + yaml_indent(line));
  }
  return g_string_free(text, FALSE);
}

/* `|`, `>`, `>-`: the text is in the lines that follow. */
static gboolean
is_block(const char *value)
{
  return (*value == '|' || *value == '>') && value[1 + strspn(value + 1, "-+0123456789 ")] == '\0';
}

/* Items with dashes, from the next line on, at `indent` or deeper. */
static void
read_items(Reader *self, gsize indent)
{
  for (; self->lines[self->at] != NULL; self->at++) {
    const char *line = self->lines[self->at], *text = line + yaml_indent(line);
    gsize own = yaml_indent(line);
    g_autofree char *item = NULL;
    if (yaml_is_blank(line))
      continue;
    if (own < indent || !yaml_is_item(text))
      return;
    text += 1 + strspn(text + 1, " ");
    self->at++;
    item = take_deeper(self, is_block(text) ? "" : text, own);
    self->at--;
    add(self, item, strlen(item));
  }
}

/* TRUE if a list begins at the first line that is not empty. */
static gboolean
begins_with_list(char **lines)
{
  while (*lines != NULL && yaml_is_blank(*lines))
    lines++;
  return *lines != NULL &&
         (yaml_is_item(*lines + yaml_indent(*lines)) || (*lines)[yaml_indent(*lines)] == '[');
}

/* A list with dashes, at `indent` or deeper, or in brackets, from the next line on. */
static void
read_list(Reader *self, gsize indent)
{
  const char *line;

  while ((line = self->lines[self->at]) != NULL && yaml_is_blank(line))
    self->at++;
  if (line != NULL && line[yaml_indent(line)] == '[') {
    self->at++;
    read_brackets(self, line + yaml_indent(line));
  } else {
    read_items(self, indent);
  }
}

static gboolean
read_value(Reader *self, const char *value, gsize indent, GError **error)
{
  g_autofree char *text = NULL, *line = NULL;

  if (*value == '[') {
    read_brackets(self, value);
    return TRUE;
  }
  if ((*value == '\0' || *value == '#') && begins_with_list(self->lines + self->at)) {
    read_list(self, indent);
    return TRUE;
  }
  text = take_deeper(self, is_block(value) || *value == '#' ? "" : value, indent);
  line = yaml_plain(text, strlen(text));
  return add_line(self, line, error);
}

static gboolean
has_command(char **lines)
{
  gsize indent;

  for (; *lines != NULL; lines++)
    for (guint i = 0; command_keys[i] != NULL; i++)
      if (yaml_value(*lines, command_keys[i], &indent) != NULL)
        return TRUE;
  return FALSE;
}

/* The first image with `part` in its name, and its line; NULL: none. */
static const char *
find_image(char **lines, const char *part, guint *line, gsize *indent)
{
  for (guint i = 0; lines[i] != NULL; i++) {
    const char *value = yaml_value(lines[i], "image", indent);
    if (value == NULL)
      value = yaml_value(lines[i], "Image", indent);
    *line = i;
    if (value != NULL && strstr(value, part) != NULL)
      return value;
  }
  return NULL;
}

/* Drops the lines of other containers than the one that the image's line is in. */
static void
keep_container(char **lines, guint line, gsize indent)
{
  guint from = line, to = line + 1;

  while (from > 0 && (yaml_is_blank(lines[from - 1]) || yaml_indent(lines[from - 1]) >= indent) &&
         yaml_indent(lines[from]) >= indent)
    from--;
  if (from > 0 && yaml_indent(lines[from]) >= indent &&
      yaml_is_item(lines[from - 1] + yaml_indent(lines[from - 1])))
    from--;
  while (lines[to] != NULL && (yaml_is_blank(lines[to]) || yaml_indent(lines[to]) >= indent))
    to++;
  for (guint i = 0; lines[i] != NULL; i++)
    if (i < from || i >= to)
      *lines[i] = '\0';
}

/* Of words that are lines of a shell each: splits them. */
static gboolean
split_lines(Reader *self, guint from, GError **error)
{
  g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

  while (self->words->len > from)
    g_ptr_array_insert(lines, 0, g_ptr_array_steal_index(self->words, self->words->len - 1));
  for (guint i = 0; i < lines->len; i++)
    if (!add_line(self, g_ptr_array_index(lines, i), error))
      return FALSE;
  return TRUE;
}

/* Adds the words in the order in which a container joins them, whatever the file's order is. */
static gboolean
read_file(Reader *self, const char *part, char **image, GError **error)
{
  const char *line, *value;
  gsize indent;
  guint at, before;

  value = find_image(self->lines, part, &at, &indent);
  if (value != NULL) {
    *image = yaml_plain(value, strcspn(value, " ,"));
    keep_container(self->lines, at, indent);
  } else if (server_chart_is(self->lines)) {
    *image = server_chart_read(self->lines, self->words);
  }
  for (guint i = 0; command_keys[i] != NULL; i++)
    for (self->at = 0; (line = self->lines[self->at]) != NULL;) {
      self->at++;
      value = yaml_value(line, command_keys[i], &indent);
      if (value == NULL)
        continue;
      before = self->words->len;
      if (!read_value(self, value, indent, error) ||
          (g_str_equal(command_keys[i], "commands") && !split_lines(self, before, error)))
        return FALSE;
    }
  return TRUE;
}

static gboolean
is_shell(const char *word)
{
  return g_str_equal(word, "sh") || g_str_equal(word, "bash") || g_str_has_suffix(word, "/sh") ||
         g_str_has_suffix(word, "/bash");
}

/* `sh -c SCRIPT`: the script's words take its place. */
static gboolean
open_script(GPtrArray *words, GError **error)
{
  for (guint i = 0; i + 2 < words->len; i++) {
    const char *option = g_ptr_array_index(words, i + 1);
    g_auto(GStrv) script = NULL;
    if (!is_shell(g_ptr_array_index(words, i)) || option[0] != '-' ||
        !g_str_has_suffix(option, "c"))
      continue;
    if (!g_shell_parse_argv(g_ptr_array_index(words, i + 2), NULL, &script, error))
      return FALSE;
    g_ptr_array_remove_range(words, i, 3);
    for (guint n = 0; script[n] != NULL; n++)
      g_ptr_array_insert(words, (int)(i + n), g_strdup(script[n]));
    return TRUE;
  }
  return TRUE;
}

ServerWords *
server_words_read(const char *text, const char *image, GError **error)
{
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  g_autoptr(ServerWords) self = g_new0(ServerWords, 1);
  Reader reader = {.lines = lines};
  gboolean ok = TRUE;

  self->words = reader.words = g_ptr_array_new_with_free_func(g_free);
  for (char **line = lines; *line != NULL; line++)
    g_strchomp(*line);
  if (has_command(lines) || server_chart_is(lines)) {
    ok = read_file(&reader, image, &self->image, error);
  } else if (begins_with_list(lines)) {
    read_list(&reader, 0);
  } else {
    g_auto(GStrv) words = NULL;
    ok = g_shell_parse_argv(text, NULL, &words, error);
    for (char **word = words; ok && *word != NULL; word++)
      g_ptr_array_add(self->words, g_strdup(*word));
  }
  if (!ok || !open_script(self->words, error))
    return NULL;
  if (self->words->len == 0) {
    g_set_error(error, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING,
                "a deployment's file, whose command and args have no word");
    return NULL;
  }
  g_ptr_array_add(self->words, NULL);
  return g_steal_pointer(&self);
}

void
server_words_free(ServerWords *self)
{
  g_ptr_array_unref(self->words);
  g_free(self->image);
  g_free(self);
}

gboolean
server_word_ends_command(const char *word)
{
  const char *behind = word + strspn(word, "0123456789");

  return g_str_equal(word, "|") || g_str_equal(word, "||") || g_str_equal(word, ";") ||
         *word == '&' || *behind == '>';
}

char *
server_word_count(const char *value)
{
  static const struct {
    char letter;
    double factor;
  } units[] = {{'k', 1e3}, {'m', 1e6}, {'g', 1e9}, {'K', 0x1p10}, {'M', 0x1p20}, {'G', 0x1p30}};
  gsize length = strlen(value);
  g_autofree char *number = NULL;
  double amount;

  for (guint i = 0; length > 1 && i < G_N_ELEMENTS(units); i++)
    if (value[length - 1] == units[i].letter) {
      number = g_strndup(value, length - 1);
      if (typed_real(number, "", 0, 1e9, &amount, NULL))
        return g_strdup_printf("%.0f", amount * units[i].factor);
    }
  return g_strdup(value);
}

char *
server_image_version(const char *image)
{
  const char *tag = strrchr(image, ':');
  g_autofree char *numbers = NULL;
  g_auto(GStrv) parts = NULL;

  if (tag == NULL)
    return NULL;
  tag += 1 + (tag[1] == 'v');
  numbers = g_strndup(tag, strspn(tag, "0123456789."));
  parts = g_strsplit(numbers, ".", 4);
  if (g_strv_length(parts) < 2)
    return NULL;
  if (g_strv_length(parts) > 3) /* the rest */
    g_clear_pointer(&parts[3], g_free);
  return g_strjoinv(".", parts);
}
