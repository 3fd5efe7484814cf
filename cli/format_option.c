#include "format_option.h"

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
