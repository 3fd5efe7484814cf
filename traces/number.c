/* Exact numbers: decimals become integers in fixed point digit by digit, so that a time read and
 * printed again is the same text on every machine. The calendar is the proleptic Gregorian one,
 * counted in eras of 400 years that begin in March, which puts the leap day last.
 */
#include "number.h"

#include <string.h>

enum { DIGITS_MAX = 18, EXPONENT_MAX = 40 };

static const gint64 powers_of_ten[] = {
    1,        10,        100,        1000,        10000,        100000,       1000000,
    10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000};

static inline gboolean
is_digit(char c)
{
  return (guchar)(c - '0') < 10;
}

/* More digits than fit: leading zeros are no reason to refuse. */
static gboolean
whole_of_many_digits(const char *text, const char *end, gint64 *value)
{
  while (*text == '0' && text + 1 < end)
    text++;
  if (end - text > DIGITS_MAX)
    return FALSE;
  for (*value = 0; text < end; text++)
    *value = *value * 10 + (*text - '0');
  return TRUE;
}

static inline gboolean
read_digits(const char *text, const char *end, gint64 *value, const char **stop)
{
  const char *c = text;
  guint64 sum = 0;

  while (is_digit(*c))
    sum = sum * 10 + (guint64)(*c++ - '0');
  *stop = c;
  *value = (gint64)sum;
  if (G_UNLIKELY(c - text > DIGITS_MAX))
    return c <= end && whole_of_many_digits(text, c, value);
  return c > text && c <= end;
}

gboolean
number_whole(const char *text, const char *end, gint64 *value, const char **stop)
{
  return read_digits(text, end, value, stop);
}

/* "1.25e-3" again without the exponent: the point moves, then the plain form is read. */
static gboolean
shifted_decimal(const char *text, const char *mantissa_end, gint64 exponent, guint decimals,
                gint64 *whole, gint64 *fraction)
{
  char digits[EXPONENT_MAX + 1], plain[3 * EXPONENT_MAX + 4];
  gint64 count = 0, point = -1;
  char *out = plain;
  const char *stop;

  for (; text < mantissa_end; text++) {
    if (*text == '.')
      point = count;
    else if (count == EXPONENT_MAX)
      return FALSE;
    else
      digits[count++] = *text;
  }
  point = (point < 0 ? count : point) + exponent;
  if (point > EXPONENT_MAX || point < -EXPONENT_MAX)
    return FALSE;
  for (gint64 i = MIN(point, 0); i < MAX(count, point); i++) {
    if (i == point)
      *out++ = '.';
    *out++ = i >= 0 && i < count ? digits[i] : '0';
  }
  *out = '\0';
  return number_decimal(plain, out, decimals, whole, fraction, &stop) && stop == out;
}

static gboolean
decimal_with_exponent(const char *text, const char *mark, const char *end, guint decimals,
                      gint64 *whole, gint64 *fraction, const char **stop)
{
  const char *c = mark + 1;
  gboolean is_negative = *c == '-';
  gint64 exponent;

  if (*c == '-' || *c == '+')
    c++;
  return number_whole(c, end, &exponent, stop) && exponent <= 2 * EXPONENT_MAX &&
         shifted_decimal(text, mark, is_negative ? -exponent : exponent, decimals, whole, fraction);
}

gboolean
number_decimal(const char *text, const char *end, guint decimals, gint64 *whole, gint64 *fraction,
               const char **stop)
{
  const char *c = text, *point;
  gint64 sum = 0;
  guint left = decimals;

  if (is_digit(*c) && !read_digits(c, end, whole, &c))
    return FALSE;
  if (c == text)
    *whole = 0;
  point = c;
  if (*c == '.') {
    c++;
    for (; left > 0 && is_digit(*c); left--)
      sum = sum * 10 + (*c++ - '0');
    sum *= powers_of_ten[left];
    if (left == 0 && is_digit(*c)) {
      if (*c >= '5' && ++sum == powers_of_ten[decimals]) {
        sum = 0;
        ++*whole;
      }
      while (is_digit(*c))
        c++;
    }
  }
  *fraction = sum;
  *stop = c;
  if (c == text || (point == text && c == point + 1) || c > end)
    return FALSE;
  if (G_UNLIKELY(*c == 'e' || *c == 'E'))
    return decimal_with_exponent(text, c, end, decimals, whole, fraction, stop);
  return TRUE;
}

static gint64
days_from_date(gint64 year, gint64 month, gint64 day)
{
  gint64 shifted = month <= 2 ? year - 1 : year; /* years begin in March */
  gint64 era = shifted / 400, year_of_era = shifted % 400;
  gint64 day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  gint64 day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

  return era * 146097 + day_of_era - 719468;
}

/* Reads "dd" (or "dddd") followed by `after`, unless that is 0. */
static gboolean
take_digits(const char **text, guint count, char after, gint64 *value)
{
  *value = 0;
  for (; count > 0; count--, ++*text) {
    if (!is_digit(**text))
      return FALSE;
    *value = *value * 10 + (**text - '0');
  }
  if (after != '\0' && *(*text)++ != after)
    return FALSE;
  return TRUE;
}

static gboolean
date_exists(gint64 year, gint64 month, gint64 day)
{
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 &&
         day <= g_date_get_days_in_month((GDateMonth)month, (GDateYear)year);
}

/* The zone's offset from UTC in seconds; nothing there is UTC. */
static gboolean
take_zone(const char **text, gint64 *offset_s)
{
  gint64 hours, minutes = 0;
  char sign = **text;

  *offset_s = 0;
  if (sign == 'Z')
    ++*text;
  if (sign != '+' && sign != '-')
    return TRUE;
  ++*text;
  if (!take_digits(text, 2, '\0', &hours))
    return FALSE;
  if (**text == ':')
    ++*text;
  if (is_digit(**text) && !take_digits(text, 2, '\0', &minutes))
    return FALSE;
  *offset_s = (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
  return hours <= 18 && minutes <= 59;
}

gboolean
number_timestamp(const char *text, const char *end, gint64 *seconds, gint64 *ps, const char **stop)
{
  gint64 year, month, day, hour, minute, offset_s, ignored;

  /* Every byte is checked before the next is read, and *end is none that a timestamp has. */
  *stop = text;
  if (!take_digits(stop, 4, '-', &year) || !take_digits(stop, 2, '-', &month) ||
      !take_digits(stop, 2, '\0', &day) || (**stop != ' ' && **stop != 'T'))
    return FALSE;
  ++*stop;
  if (!take_digits(stop, 2, ':', &hour) || !take_digits(stop, 2, ':', &minute) ||
      !take_digits(stop, 2, '\0', seconds))
    return FALSE;
  *ps = 0;
  if (**stop == '.' && !number_decimal(*stop, end, DECIMALS_MAX, &ignored, ps, stop))
    return FALSE;
  if (!take_zone(stop, &offset_s) || *stop > end || !date_exists(year, month, day) || hour > 23 ||
      minute > 59 || *seconds > 59)
    return FALSE;
  *seconds += ((days_from_date(year, month, day) * 24 + hour) * 60 + minute) * 60 - offset_s;
  return TRUE;
}

const char *
number_print(gint64 value, guint decimals, guint decimals_min, char buffer[NUMBER_BUFFER_BYTES])
{
  gint64 unit = powers_of_ten[decimals];
  gsize length =
      (gsize)g_snprintf(buffer, NUMBER_BUFFER_BYTES, "%" G_GINT64_FORMAT ".%0*" G_GINT64_FORMAT,
                        value / unit, (int)decimals, value % unit);

  for (guint kept = decimals; kept > decimals_min && buffer[length - 1] == '0'; kept--)
    buffer[--length] = '\0';
  if (buffer[length - 1] == '.')
    buffer[--length] = '\0';
  return buffer;
}

const char *
number_print_date(gint64 seconds, char buffer[NUMBER_BUFFER_BYTES])
{
  g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(seconds);
  g_autofree char *text = g_date_time_format(date, "%Y-%m-%d %H:%M:%S");

  g_strlcpy(buffer, text, NUMBER_BUFFER_BYTES);
  return buffer;
}
