/* Lines of a YAML or JSON file. */
#pragma once

#include <glib.h>

/* Blanks before its text. */
gsize yaml_indent(const char *line);

/* TRUE for a text that begins with a dash: an item of a list. */
gboolean yaml_is_item(const char *text);

/* TRUE for a line that has nothing but a comment. */
gboolean yaml_is_blank(const char *line);

/* What is behind "key:" in a line such as `  - key: VALUE` or `"key": VALUE`, and how far the key
 * is indented. NULL: the line has no such key. */
const char *yaml_value(const char *line, const char *key, gsize *indent);

/* What is behind the text in quotes that begins at `text`; its end if no quote closes it. */
const char *yaml_behind_quotes(const char *text);

/* The first `bytes` of a value without quotes, and without a comment behind it; the caller frees
 * it. */
char *yaml_plain(const char *text, gsize bytes);
