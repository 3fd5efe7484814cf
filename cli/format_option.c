#include "format_option.h"

#include "scenario/message.h"

#include <stdio.h>

gboolean
output_format_parse(const char *text, OutputFormat *format, GError **error)
{
  static const char *const names[] = {"table", "json", "csv"};

  *format = OUTPUT_TABLE;
  if (text == NULL)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    if (g_str_equal(text, names[i])) {
      *format = (OutputFormat)i;
      return TRUE;
    }
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "--format: found '%s', expected table, json or csv", text);
  return FALSE;
}

void
output_format_print(OutputFormat format, const char *text)
{
  if (format == OUTPUT_TABLE)
    cli_print(text);
  else
    fputs(text, stdout);
}
