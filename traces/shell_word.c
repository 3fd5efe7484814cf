#include "shell_word.h"

#include <string.h>

char *
shell_word(const char *text)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "0123456789@%+=:,./_-";
  gboolean is_plain = *text != '\0' && text[strspn(text, plain)] == '\0';

  return is_plain ? g_strdup(text) : g_shell_quote(text);
}
