#include "json_values.h"

#include <glib.h>
#include <math.h>

json_t *
json_real_or_null(double value)
{
  return isfinite(value) ? json_real(value) : json_null();
}

json_t *
json_text_or_null(const char *text)
{
  g_autofree char *valid = text != NULL ? g_utf8_make_valid(text, -1) : NULL;

  return valid != NULL ? json_string(valid) : json_null();
}
