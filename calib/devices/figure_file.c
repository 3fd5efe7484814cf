#include "figure_file.h"

#include "files/input.h"

#include <errno.h>
#include <math.h>
#include <string.h>

G_DEFINE_QUARK(spillway - device - error, device_error)

#define SOURCE_SUFFIX ".source"
#define FORMAT_KEY "format"

gboolean
figure_file_refuse(const char *path, const char *group, const char *key, const char *found,
                   const char *expected, GError **error)
{
  g_set_error(error, DEVICE_ERROR, DEVICE_ERROR_VALUE, "%s: [%s] %s: found %s%.60s%s, expected %s",
              path, group, key, found != NULL ? "'" : "", found != NULL ? found : "nothing",
              found != NULL ? "'" : "", expected);
  return FALSE;
}

static gboolean
refuse_key(const char *path, const FigureForm *form, const char *group, const char *key,
           GError **error)
{
  g_set_error(
      error, DEVICE_ERROR, DEVICE_ERROR_VALUE,
      "%s: [%s] %s: unknown key; expected those of the shipped %ss, each with KEY%s if wanted",
      path, group, key, form->kind, SOURCE_SUFFIX);
  return FALSE;
}

/* A decimal number and nothing else. */
static gboolean
parse_number(const char *text, double *number)
{
  char *end = NULL;

  errno = 0;
  *number = g_ascii_strtod(text, &end);
  return *text != '\0' && strspn(text, "0123456789.eE+-") == strlen(text) && *end == '\0' &&
         end != text && errno == 0 && isfinite(*number);
}

static gboolean
read_figure(GKeyFile *file, const char *path, const FigureRow *row, gpointer record, GError **error)
{
  g_autofree char *text = g_key_file_get_string(file, row->group, row->key, NULL);
  double number = 0;

  if (text == NULL && row->optional)
    return TRUE;
  if (text == NULL || !parse_number(text, &number) || number < row->min || number > row->max) {
    g_autofree char *expected = g_strdup_printf("a number from %g to %g", row->min, row->max);
    return figure_file_refuse(path, row->group, row->key, text, expected, error);
  }
  G_STRUCT_MEMBER(double, record, row->offset) = number * row->unit;
  return TRUE;
}

static gboolean
key_is_known(const FigureForm *form, const char *group, const char *key)
{
  g_autofree char *plain = g_strdup(key);

  if (g_str_has_suffix(plain, SOURCE_SUFFIX))
    plain[strlen(plain) - strlen(SOURCE_SUFFIX)] = '\0';
  if (g_str_equal(group, form->kind) &&
      (g_str_equal(key, FORMAT_KEY) || g_strv_contains(form->texts, key)))
    return TRUE;
  for (guint i = 0; i < form->n_rows; i++)
    if (g_str_equal(group, form->rows[i].group) && g_str_equal(plain, form->rows[i].key))
      return TRUE;
  return FALSE;
}

static gboolean
is_passed_over(const FigureForm *form, const char *group)
{
  return form->passed_over != NULL && g_str_has_prefix(group, form->passed_over);
}

static gboolean
check_keys(GKeyFile *file, const char *path, const FigureForm *form, const char *only,
           GError **error)
{
  g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);

  for (char **group = groups; *group != NULL; group++) {
    g_auto(GStrv) keys = is_passed_over(form, *group) || !g_str_has_prefix(*group, only)
                             ? NULL
                             : g_key_file_get_keys(file, *group, NULL, NULL);
    for (char **key = keys; key != NULL && *key != NULL; key++)
      if (!key_is_known(form, *group, *key))
        return refuse_key(path, form, *group, *key, error);
  }
  return TRUE;
}

static gboolean
check_format(GKeyFile *file, const char *path, const FigureForm *form, GError **error)
{
  g_autofree char *format = g_key_file_get_string(file, form->kind, FORMAT_KEY, NULL);
  double number;

  if (format == NULL) {
    g_autofree char *expected =
        g_strdup_printf("format=%u, as in every %s file", form->format, form->kind);
    return figure_file_refuse(path, form->kind, FORMAT_KEY, NULL, expected, error);
  }
  if (parse_number(format, &number) && number == form->format)
    return TRUE;
  g_set_error(error, DEVICE_ERROR, DEVICE_ERROR_FORMAT,
              "%s: [%s] format: found '%.20s', this program reads %u; a newer spillway wrote it, or"
              " the file is not a %s's",
              path, form->kind, format, form->format, form->kind);
  return FALSE;
}

static gboolean
read_figures(GKeyFile *file, const char *path, const FigureForm *form, gpointer record,
             GError **error)
{
  for (guint i = 0; i < form->n_rows; i++)
    if (!read_figure(file, path, &form->rows[i], record, error))
      return FALSE;
  return TRUE;
}

static gboolean
is_key_value(const char *line)
{
  const char *equals = strchr(line, '=');

  return equals != NULL && equals != line;
}

/* GLib's messages on key files have no line number: finds the first line that none can have. */
static void
set_unreadable(const char *path, const FigureForm *form, const char *text, const GError *cause,
               GError **error)
{
  g_auto(GStrv) lines = NULL;
  gboolean in_group = FALSE;

  if (text != NULL)
    lines = g_strsplit(text, "\n", -1);
  for (guint i = 0; lines != NULL && lines[i] != NULL; i++) {
    const char *line = g_strstrip(lines[i]);
    if (*line == '[' && g_str_has_suffix(line, "]")) {
      in_group = TRUE;
    } else if (*line != '#' && *line != '\0' && !(in_group && is_key_value(line))) {
      g_autofree char *first = g_strdup_printf("the [%s]", form->kind);
      g_set_error(error, DEVICE_ERROR, DEVICE_ERROR_OPEN,
                  "%s:%u: found '%.60s', expected %s of a %s file", path, i + 1, line,
                  in_group ? "KEY=VALUE" : first, form->kind);
      return;
    }
  }
  g_set_error(error, DEVICE_ERROR, DEVICE_ERROR_OPEN, "%s: %s; expected a %s file", path,
              cause->message, form->kind);
}

GKeyFile *
figure_file_read(const char *path, const FigureForm *form, gpointer record, GError **error)
{
  g_autoptr(GKeyFile) file = g_key_file_new();
  g_autoptr(GError) cause = NULL;
  gsize n_bytes;
  g_autofree char *text = input_read(path, INPUT_PLAIN, INPUT_TEXT_MAX_BYTES, &n_bytes, &cause);

  if (text == NULL || !g_key_file_load_from_data(file, text, n_bytes, G_KEY_FILE_NONE, &cause)) {
    set_unreadable(path, form, text, cause, error);
    return NULL;
  }
  if (!check_format(file, path, form, error) || !check_keys(file, path, form, "", error) ||
      !read_figures(file, path, form, record, error))
    return NULL;
  return g_steal_pointer(&file);
}

gboolean
figure_file_take(GKeyFile *file, const char *path, const FigureForm *form, const char *groups,
                 gpointer record, GError **error)
{
  return check_keys(file, path, form, groups, error) &&
         read_figures(file, path, form, record, error);
}

char **
figure_file_sources(GKeyFile *file, const FigureForm *form)
{
  GPtrArray *lines = g_ptr_array_new();

  for (guint i = 0; i < form->n_rows; i++) {
    const FigureRow *row = &form->rows[i];
    g_autofree char *key = g_strconcat(row->key, SOURCE_SUFFIX, NULL);
    g_autofree char *value = g_key_file_get_string(file, row->group, row->key, NULL);
    g_autofree char *source = g_key_file_get_string(file, row->group, key, NULL);

    if (value != NULL)
      g_ptr_array_add(lines, g_strdup_printf("%s %s=%s: %s", row->group, row->key, value,
                                             source != NULL ? source : "no source given"));
  }
  g_ptr_array_add(lines, NULL);
  return (char **)g_ptr_array_free(lines, FALSE);
}
