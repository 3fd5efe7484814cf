#include "typed.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "report/text/byte_units.h"

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b. */
static guint
edit_distance(const char *a, const char *b)
{
  gsize m = strlen(a), n = strlen(b);
  g_autofree guint *rows = g_new(guint, 3 * (n + 1));
  guint *before = rows, *above = rows + (n + 1), *row = rows + 2 * (n + 1);

  for (gsize j = 0; j <= n; j++)
    above[j] = (guint)j;
  for (gsize i = 1; i <= m; i++) {
    row[0] = (guint)i;
    for (gsize j = 1; j <= n; j++) {
      guint replace = above[j - 1] + (a[i - 1] != b[j - 1]);
      row[j] = MIN(MIN(above[j], row[j - 1]) + 1, replace);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = MIN(row[j], before[j - 2] + 1);
    }
    guint *spare = before;
    before = above;
    above = row;
    row = spare;
  }
  return above[n];
}

/* An unfinished word is nearer than one with a typo; of unfinished ones that with the shortest
 * rest. Case and underscores for dashes do not count. */
const char *
typed_nearest(const char *typed, const char *const *candidates)
{
  g_autofree char *word = g_strdelimit(g_ascii_strdown(typed, -1), "_", '-');
  const char *nearest = NULL;
  guint best = MAX(2, (guint)strlen(word) / 3) + 1, best_edits = G_MAXUINT;

  for (; *candidates != NULL; candidates++) {
    guint edits = edit_distance(word, *candidates);
    guint distance = *word != '\0' && g_str_has_prefix(*candidates, word) ? 0 : edits;
    /* Two edits may turn four letters into anything. */
    if (distance > 1 && strlen(word) <= 4 && **candidates != *word)
      continue;
    if (distance < best || (distance == best && edits < best_edits && nearest != NULL)) {
      best = distance;
      best_edits = edits;
      nearest = *candidates;
    }
  }
  return nearest;
}

char *
typed_hint(const char *typed, const char *const *candidates)
{
  const char *near = typed_nearest(typed, candidates);

  return near != NULL ? g_strdup_printf("; did you mean %s?", near) : g_strdup("");
}

gboolean
typed_has_words(const char *name, const char *words)
{
  gsize length = strlen(words);

  for (const char *at = length > 1 ? strstr(name, words) : NULL; at != NULL;
       at = strstr(at + 1, words))
    if ((at == name || at[-1] == '-') && (at[length] == '-' || at[length] == '\0'))
      return TRUE;
  return FALSE;
}

static void
set_number_error(GError **error, const char *what, const char *text, const char *expected)
{
  if (*text == '\0')
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: found nothing, expected %s",
                what, expected);
  else
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: found '%s', expected %s",
                what, text, expected);
}

const char *
typed_list_hint(const char *text)
{
  return strchr(text, ',') != NULL ? "; a run takes one value, the [grid] of a study file several: "
                                     "'spillway sweep --help'"
                                   : "";
}

gboolean
typed_uint(const char *text, const char *what, guint64 min, guint64 max, guint64 *value,
           GError **error)
{
  if (!g_ascii_string_to_unsigned(text, 10, min, max, value, NULL)) {
    g_autofree char *expected =
        max == G_MAXUINT64
            ? g_strdup_printf("a whole number, at least %" G_GUINT64_FORMAT, min)
            : g_strdup_printf("a whole number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                              min, max);
    set_number_error(error, what, text, expected);
    return FALSE;
  }
  return TRUE;
}

/* strtod() in the C locale that takes digits only: no hexadecimal, NaN, infinity or spaces. */
static gboolean
parse_decimal(const char *text, double *value, char **end)
{
  if (!g_ascii_isdigit(*text) && *text != '.' && *text != '-')
    return FALSE;
  errno = 0;
  *value = g_ascii_strtod(text, end);
  if (*end == text || errno == ERANGE || !isfinite(*value))
    return FALSE;
  for (const char *c = text; c < *end; c++)
    if (!g_ascii_isdigit(*c) && strchr(".-+eE", *c) == NULL)
      return FALSE;
  return TRUE;
}

gboolean
typed_real(const char *text, const char *what, double min, double max, double *value,
           GError **error)
{
  char *end = NULL;

  if (!parse_decimal(text, value, &end) || *end != '\0' || *value < min || *value > max) {
    g_autofree char *expected = max >= G_MAXDOUBLE
                                    ? g_strdup_printf("a number, at least %g", min)
                                    : g_strdup_printf("a number from %g to %g", min, max);
    set_number_error(error, what, text, expected);
    return FALSE;
  }
  return TRUE;
}

gboolean
typed_rate(const char *text, const char *what, double min, double max, double *value,
           GError **error)
{
  g_autofree char *expected = NULL;

  *value = INFINITY;
  if (g_str_equal(text, "inf") || typed_real(text, what, min, max, value, NULL))
    return TRUE;
  expected = g_strdup_printf("inf, or a number from %g to %g", min, max);
  set_number_error(error, what, text, expected);
  return FALSE;
}

gboolean
typed_bytes(const char *text, const char *what, guint64 bare_unit, guint64 *bytes, GError **error)
{
  double number = 0, unit = 0;
  char *end = NULL;

  if (parse_decimal(text, &number, &end) && number >= 0)
    unit = *end == '\0' ? (double)bare_unit : byte_unit(end);
  if (unit == 0 || number * unit >= 9e18) {
    set_number_error(error, what, text, "an amount of memory such as 4GiB or 512MiB");
    return FALSE;
  }
  *bytes = (guint64)(number * unit);
  return TRUE;
}

/* Seconds of "1h30m": each unit at most once, the larger first. Negative: it is no duration. */
static double
parse_units(const char *text)
{
  static const struct {
    char letter;
    double seconds;
  } units[] = {{'h', 3600}, {'m', 60}, {'s', 1}};
  double sum = 0, number;
  char *end = NULL;

  if (parse_decimal(text, &number, &end) && *end == '\0')
    return number;
  for (guint i = 0; i < G_N_ELEMENTS(units) && *text != '\0'; i++)
    if (parse_decimal(text, &number, &end) && *end == units[i].letter && number >= 0) {
      sum += number * units[i].seconds;
      text = end + 1;
    }
  return *text == '\0' ? sum : -1;
}

gboolean
typed_duration(const char *text, const char *what, gint64 *duration_us, GError **error)
{
  double seconds = parse_units(text);

  if (seconds < 1 || seconds > 1e7) {
    set_number_error(error, what, text, "a time of at least a second, such as 90s, 5m or 1h30m");
    return FALSE;
  }
  *duration_us = (gint64)(seconds * G_USEC_PER_SEC);
  return TRUE;
}

gboolean
typed_percent(const char *text, double *fraction)
{
  char *end = NULL;
  double number;

  if (!parse_decimal(text, &number, &end) || !g_str_equal(end, "%"))
    return FALSE;
  *fraction = number / 100;
  return TRUE;
}
