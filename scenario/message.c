#include "message.h"

#include <stdarg.h>
#include <stdio.h>

/* Makes one line of a message that quotes what was typed or read; what is not printable is shown as
 * its bytes. A line break behind a sentence or question stays, for messages whose second line says
 * what to do. */
static char *
one_line(const char *text)
{
  GString *line = g_string_new(NULL);

  while (*text != '\0') {
    gunichar c = g_utf8_get_char_validated(text, -1);
    if (c == '\n' && (g_str_has_suffix(line->str, ".") || g_str_has_suffix(line->str, "?"))) {
      g_string_append_c(line, *text++);
    } else if (c == (gunichar)-1 || c == (gunichar)-2 || g_unichar_iscntrl(c)) {
      g_string_append_printf(line, "\\x%02x", (guchar)*text++);
    } else {
      g_string_append_unichar(line, c);
      text = g_utf8_next_char(text);
    }
  }
  return g_string_free(line, FALSE);
}

void
cli_print(const char *text)
{
  while (*text != '\0') {
    gunichar c = g_utf8_get_char_validated(text, -1);
    if (c == (gunichar)-1 || c == (gunichar)-2 || (g_unichar_iscntrl(c) && c != '\n')) {
      printf("\\x%02x", (guchar)*text++);
    } else {
      const char *next = g_utf8_next_char(text);
      fwrite(text, 1, (gsize)(next - text), stdout);
      text = next;
    }
  }
}

static void
print_message(const char *verb, const char *prefix, const char *format, va_list args)
{
  g_autofree char *text = g_strdup_vprintf(format, args);
  g_autofree char *message = one_line(text);

  if (verb != NULL)
    fprintf(stderr, "spillway %s: %s%s\n", verb, prefix, message);
  else
    fprintf(stderr, "spillway: %s%s\n", prefix, message);
}

int
cli_error(int status, const char *verb, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  print_message(verb, "", format, args);
  va_end(args);
  return status;
}

void
cli_note(const char *verb, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  print_message(verb, "note: ", format, args);
  va_end(args);
}
