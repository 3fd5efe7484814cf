#include "text_reader.h"

#include <stdarg.h>

gboolean
profile_reader_fail(const ProfileReader *reader, const char *where, GError **error,
                    const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start(args, format);
  message = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_VALUE, "%s:%" G_GUINT64_FORMAT ":%d: %s",
              reader->path, reader->line, (int)(where - reader->start) + 1, message);
  return FALSE;
}

void
profile_reader_unescape(char *text)
{
  char *to = text;

  for (; *text != '\0'; text++) {
    if (*text == '\\' && text[1] != '\0') {
      text++;
      *to++ = *text == 'n' ? '\n' : *text == 'r' ? '\r' : *text;
    } else {
      *to++ = *text;
    }
  }
  *to = '\0';
}

gboolean
profile_reader_whole(const char *text, gint64 max, gint64 *value)
{
  char *end = NULL;

  if (!g_ascii_isdigit(*text))
    return FALSE;
  errno = 0;
  *value = g_ascii_strtoll(text, &end, 10);
  return errno == 0 && *end == '\0' && *value <= max;
}
