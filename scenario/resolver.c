#include "resolver.h"

#include <stdarg.h>

#include "message.h"

gboolean
resolver_refuse(GError **error, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  if (error != NULL)
    *error = g_error_new_valist(G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, format, args);
  va_end(args);
  return FALSE;
}

void
resolver_note(const Resolver *r, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start(args, format);
  text = g_strdup_vprintf(format, args);
  va_end(args);
  if (!r->quiet)
    cli_note(r->verb, "%s", text);
}

void
resolver_doubt(const Resolver *r, const char *format, ...)
{
  char *text;
  va_list args;

  va_start(args, format);
  text = g_strdup_vprintf(format, args);
  va_end(args);
  g_ptr_array_add(r->scenario->doubts, text);
  resolver_note(r, "%s", text);
}

gboolean
resolver_given(const Resolver *r, const char *name)
{
  return settings_given(r->settings, name);
}
