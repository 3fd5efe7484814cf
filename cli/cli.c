#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void
print_message(const char *verb, const char *prefix, const char *format, va_list args)
{
  g_autofree char *message = g_strdup_vprintf(format, args);

  if (verb != NULL)
    fprintf(stderr, "spillway %s: %s%s\n", verb, prefix, message);
  else
    fprintf(stderr, "spillway: %s%s\n", prefix, message);
}

int
cli_error(int status, const char *verb, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  print_message(verb, "", format, args);
  va_end(args);
  return status;
}

void
cli_note(const char *verb, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  print_message(verb, "note: ", format, args);
  va_end(args);
}

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

const char *
cli_nearest(const char *word, const char *const *candidates)
{
  const char *nearest = NULL;
  guint best = MAX(2, (guint)strlen(word) / 3) + 1;

  for (; *candidates != NULL; candidates++) {
    guint distance = edit_distance(word, *candidates);
    if (g_str_has_prefix(*candidates, word) && *word != '\0')
      distance = MIN(distance, 1);
    if (distance < best) {
      best = distance;
      nearest = *candidates;
    }
  }
  return nearest;
}

static const char *
nearest_option(const char *option, const GOptionEntry *entries, const GOptionEntry *more)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new();

  for (; entries->long_name != NULL; entries++)
    g_ptr_array_add(names, (gpointer)entries->long_name);
  for (; more != NULL && more->long_name != NULL; more++)
    g_ptr_array_add(names, (gpointer)more->long_name);
  g_ptr_array_add(names, NULL);
  return cli_nearest(option, (const char *const *)names->pdata);
}

/* --help is acted on before the options are parsed. */
static gboolean
never_called(const char *name G_GNUC_UNUSED, const char *value G_GNUC_UNUSED,
             gpointer data G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
  return TRUE;
}

/* GOption's own --help leaves all groups but the first to --help-all; ours shows them. TRUE if it
 * was asked for. */
static gboolean
print_help_if_asked(GOptionContext *context, const char *verb, int argc, char **argv)
{
  static const GOptionEntry help_entry[] = {
      {"help", 'h', G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, (gpointer)never_called, "this text",
       NULL},
      {NULL, 0, 0, 0, NULL, NULL, NULL},
  };
  GOptionGroup *group = g_option_group_new("help", "Help:", "Help", NULL, NULL);

  g_option_group_add_entries(group, help_entry);
  g_option_context_add_group(context, group);
  for (int i = 1; i < argc && !g_str_equal(argv[i], "--"); i++)
    if (g_str_equal(argv[i], "--help") || g_str_equal(argv[i], "-h")) {
      g_autofree char *name = g_strconcat("spillway ", verb, NULL);
      g_autofree char *help = NULL;
      g_set_prgname(name);
      help = g_option_context_get_help(context, FALSE, NULL);
      fputs(help, stdout);
      return TRUE;
    }
  return FALSE;
}

/* FALSE after a message. */
static gboolean
parse(GOptionContext *context, const char *verb, const GOptionEntry *entries,
      const GOptionEntry *more, int *argc, char ***argv)
{
  g_autoptr(GError) error = NULL;

  if (!g_option_context_parse(context, argc, argv, &error)) {
    if (g_error_matches(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION)) {
      const char *dashes = strstr(error->message, "--");
      if (dashes != NULL) {
        g_autofree char *option = g_strndup(dashes + 2, strcspn(dashes + 2, "= "));
        const char *near = nearest_option(option, entries, more);
        if (near != NULL)
          cli_error(CLI_USAGE, verb, "unknown option --%s; did you mean --%s?", option, near);
        else
          cli_error(CLI_USAGE, verb, "unknown option --%s; 'spillway %s --help' lists them", option,
                    verb);
        return FALSE;
      }
    }
    cli_error(CLI_USAGE, verb, "%s", error->message);
    return FALSE;
  }
  if (*argc > 1 && (*argv)[1][0] == '-' && (*argv)[1][1] != '\0') {
    cli_error(CLI_USAGE, verb, "unexpected argument '%s'", (*argv)[1]);
    return FALSE;
  }
  return TRUE;
}

gboolean
cli_parse(GOptionContext *context, const char *verb, const GOptionEntry *entries,
          const GOptionEntry *more, int *argc, char ***argv, int *status)
{
  g_option_context_set_help_enabled(context, FALSE);
  if (print_help_if_asked(context, verb, *argc, *argv)) {
    *status = CLI_DONE;
    return FALSE;
  }
  if (parse(context, verb, entries, more, argc, argv))
    return TRUE;
  *status = CLI_USAGE;
  return FALSE;
}

static void
set_number_error(GError **error, const char *what, const char *text, const char *expected)
{
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: found '%s', expected %s", what,
              text, expected);
}

gboolean
cli_parse_uint(const char *text, const char *what, guint64 min, guint64 max, guint64 *value,
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
cli_parse_double(const char *text, const char *what, double min, double max, double *value,
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
cli_parse_bytes(const char *text, const char *what, guint64 bare_unit, guint64 *bytes,
                GError **error)
{
  static const struct {
    const char *suffix;
    double bytes;
  } units[] = {{"B", 1},         {"KB", 1e3},          {"MB", 1e6},
               {"GB", 1e9},      {"TB", 1e12},         {"KiB", 1024.},
               {"MiB", 1048576}, {"GiB", 1073741824.}, {"TiB", 1099511627776.}};
  double number = 0, unit = 0;
  char *end = NULL;

  if (parse_decimal(text, &number, &end) && number >= 0) {
    if (*end == '\0')
      unit = (double)bare_unit;
    for (guint i = 0; i < G_N_ELEMENTS(units); i++)
      if (g_ascii_strcasecmp(end, units[i].suffix) == 0)
        unit = units[i].bytes;
  }
  if (unit == 0 || number * unit >= 9e18) {
    set_number_error(error, what, text, "an amount of memory such as 4GiB or 512MiB");
    return FALSE;
  }
  *bytes = (guint64)(number * unit);
  return TRUE;
}

gboolean
cli_parse_percent(const char *text, double *fraction)
{
  char *end = NULL;
  double number;

  if (!parse_decimal(text, &number, &end) || !g_str_equal(end, "%"))
    return FALSE;
  *fraction = number / 100;
  return TRUE;
}
