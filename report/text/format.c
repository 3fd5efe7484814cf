#include "format.h"

#include <math.h>
#include <string.h>

#include "sim/units.h"

const char *
format_seconds_ps(gint64 time_ps, char buffer[FORMAT_SECONDS_MAX])
{
  gboolean negative = time_ps < 0;
  guint64 magnitude_ps = negative ? 0 - (guint64)time_ps : (guint64)time_ps;
  guint64 fraction_ps = magnitude_ps % (guint64)PS_PER_S;
  char reversed[FORMAT_SECONDS_MAX], *out = buffer;
  guint n = 0;

  if (negative)
    *out++ = '-';
  for (guint64 whole_s = magnitude_ps / (guint64)PS_PER_S; whole_s > 0 || n == 0; whole_s /= 10)
    reversed[n++] = (char)('0' + whole_s % 10);
  while (n > 0)
    *out++ = reversed[--n];
  if (fraction_ps > 0) {
    *out++ = '.';
    for (guint64 digit_ps = (guint64)PS_PER_S / 10; fraction_ps > 0; digit_ps /= 10) {
      *out++ = (char)('0' + fraction_ps / digit_ps);
      fraction_ps %= digit_ps;
    }
  }
  *out = '\0';
  return buffer;
}

char *
format_count(guint64 count)
{
  g_autofree char *digits = g_strdup_printf("%" G_GUINT64_FORMAT, count);
  GString *text = g_string_new(NULL);
  gsize n = strlen(digits);

  for (gsize i = 0; i < n; i++) {
    if (i > 0 && (n - i) % 3 == 0)
      g_string_append_c(text, ',');
    g_string_append_c(text, digits[i]);
  }
  return g_string_free(text, FALSE);
}

char *
format_number(double value)
{
  double magnitude = fabs(value);
  char format[8], buffer[G_ASCII_DTOSTR_BUF_SIZE];
  int decimals = 0;

  if (magnitude >= 999.95)
    return magnitude < 1e18 && value > 0
               ? format_count((guint64)(value + 0.5))
               : g_strdup(g_ascii_formatd(buffer, sizeof buffer, "%.4g", value));
  while (decimals < 3 && magnitude * pow(10, decimals) < 999.95)
    decimals++;
  if (magnitude < 0.01 && magnitude > 0)
    return g_strdup(g_ascii_formatd(buffer, sizeof buffer, "%.2g", value));
  if (magnitude == 0)
    decimals = 0;
  g_snprintf(format, sizeof format, "%%.%df", decimals);
  return g_strdup(g_ascii_formatd(buffer, sizeof buffer, format, value));
}

const DurationUnit *
format_duration_unit(double seconds)
{
  static const DurationUnit units[] = {{"s", 1}, {"ms", 1e3}, {"µs", 1e6}, {"ns", 1e9}};
  guint i = 0;

  if (seconds == 0)
    return &units[0];
  while (i + 1 < G_N_ELEMENTS(units) && seconds * units[i].per_s < 0.99995)
    i++;
  return &units[i];
}

char *
format_duration_in(double seconds, const DurationUnit *unit)
{
  g_autofree char *number = format_number(seconds * unit->per_s);
  return g_strdup_printf("%s %s", number, unit->name);
}

char *
format_duration(double seconds)
{
  return format_duration_in(seconds, format_duration_unit(seconds));
}

char *
format_percent(double fraction)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];
  double percent = fraction * 100;

  if (percent == 0)
    return g_strdup("0 %");
  if (percent > 0 && percent < 0.1)
    return g_strdup("<0.1 %");
  if (percent < 100 && percent >= 99.95)
    return g_strdup(">99.9 %");
  g_ascii_formatd(buffer, sizeof buffer, percent == 100 ? "%.0f" : "%.1f", percent);
  return g_strdup_printf("%s %%", buffer);
}

static gboolean
has_controls(const char *text)
{
  while (*text != '\0' && !g_ascii_iscntrl(*text))
    text++;
  return *text != '\0';
}

gboolean
format_is_formula(const char *text)
{
  const char *first = text + strspn(text, "'");
  char *end;

  if (*first == '\0' || strchr("=+-@\t\r", *first) == NULL)
    return FALSE;
  (void)g_ascii_strtod(text, &end);
  return *end != '\0' || end == text;
}

void
format_csv_cell(GString *row, const char *text)
{
  g_autofree char *told = NULL;

  if (format_is_formula(text))
    text = told = g_strconcat("'", text, NULL);
  if (strpbrk(text, ",\"\r\n") == NULL && !has_controls(text)) {
    g_string_append(row, text);
    return;
  }
  g_string_append_c(row, '"');
  for (; *text != '\0'; text++) {
    if (*text == '"')
      g_string_append_c(row, '"');
    g_string_append_c(row, *text);
  }
  g_string_append_c(row, '"');
}

const char *
format_real(double value, char buffer[FORMAT_SECONDS_MAX])
{
  return g_ascii_formatd(buffer, FORMAT_SECONDS_MAX, "%.12g", value);
}
