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

static gboolean
is_in(const GPtrArray *scenarios, const char *doubt)
{
  for (guint i = 0; i < scenarios->len; i++) {
    const Scenario *one = g_ptr_array_index(scenarios, i);
    if (g_ptr_array_find_with_equal_func(one->doubts, doubt, g_str_equal, NULL))
      return TRUE;
  }
  return FALSE;
}

void
scenario_tell_doubts(const Scenario *scenario, const GPtrArray *told, const char *verb)
{
  for (guint i = 0; i < scenario->doubts->len; i++)
    if (!is_in(told, g_ptr_array_index(scenario->doubts, i)))
      cli_note(verb, "%s", (const char *)g_ptr_array_index(scenario->doubts, i));
}

void
resolver_leave_notes(const Resolver *r, const Scenario *scenario)
{
  const json_t *sentence;
  gsize i;

  for (guint d = 0; d < scenario->doubts->len; d++)
    shelf_note(r->shelf, "", g_ptr_array_index(scenario->doubts, d));
  json_array_foreach(json_object_get(scenario->settings, "assumed"), i, sentence)
      shelf_note(r->shelf, "assumed: ", json_string_value(sentence));
}
