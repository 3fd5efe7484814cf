#include "figure_file.h"

#include "files/input.h"

#include <errno.h>
#include <math.h>
#include <string.h>

G_DEFINE_QUARK(spillway - device - error, device_error)

#define SOURCE_SUFFIX ".source"
#define FORMAT_KEY "format"

FigureFile *
figure_file_ref(FigureFile *file)
{
  return g_rc_box_acquire(file);
}

static void
figure_file_clear(gpointer data)
{
  FigureFile *file = data;

  g_key_file_unref(file->keys);
  g_free(file->path);
  g_free(file->text);
}

void
figure_file_unref(FigureFile *file)
{
  g_rc_box_release_full(file, figure_file_clear);
}

static gboolean
is_line_of(const char *line, const char *key)
{
  gsize length = strlen(key);

  return g_str_has_prefix(line, key) && line[length + strspn(line + length, " \t")] == '=';
}

/* Counted from 1; of several the last, which is the one that counts. 0: it has no such key. */
static guint
line_of(const FigureFile *file, const char *group, const char *key)
{
  g_auto(GStrv) lines = g_strsplit(file->text, "\n", -1);
  g_autofree char *head = g_strdup_printf("[%s]", group);
  gboolean in_group = FALSE;
  guint found = 0;

  for (guint i = 0; lines[i] != NULL; i++) {
    const char *line = g_strstrip(lines[i]);
    if (*line == '[')
      in_group = g_str_equal(line, head);
    else if (in_group && is_line_of(line, key))
      found = i + 1;
  }
  return found;
}

/* "PATH:LINE: [GROUP] KEY". The caller frees it. */
static char *
place_of(const FigureFile *file, const char *group, const char *key)
{
  guint line = line_of(file, group, key);

  return line > 0 ? g_strdup_printf("%s:%u: [%s] %s", file->path, line, group, key)
                  : g_strdup_printf("%s: [%s] %s", file->path, group, key);
}

gboolean
figure_file_refuse(const FigureFile *file, const char *group, const char *key, const char *found,
                   const char *expected, GError **error)
{
  g_autofree char *place = place_of(file, group, key);

  g_set_error(error, DEVICE_ERROR, DEVICE_ERROR_VALUE, "%s: found %s%.60s%s, expected %s", place,
              found != NULL ? "'" : "", found != NULL ? found : "nothing", found != NULL ? "'" : "",
              expected);
  return FALSE;
}

static gboolean
refuse_key(const FigureFile *file, const FigureForm *form, const char *group, const char *key,
           GError **error)
{
  g_autofree char *place = place_of(file, group, key);

  g_set_error(error, DEVICE_ERROR, DEVICE_ERROR_VALUE,
              "%s: unknown key; expected those of the shipped %ss, each with KEY%s if wanted",
              place, form->kind, SOURCE_SUFFIX);
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
read_figure(const FigureFile *file, const FigureRow *row, gpointer record, GError **error)
{
  g_autofree char *text = g_key_file_get_string(file->keys, row->group, row->key, NULL);
  double number = 0;

  if (text == NULL && row->optional)
    return TRUE;
  if (text == NULL || !parse_number(text, &number) || number < row->min || number > row->max) {
    g_autofree char *expected = g_strdup_printf("a number from %g to %g", row->min, row->max);
    return figure_file_refuse(file, row->group, row->key, text, expected, error);
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
check_keys(const FigureFile *file, const FigureForm *form, const char *only, GError **error)
{
  g_auto(GStrv) groups = g_key_file_get_groups(file->keys, NULL);

  for (char **group = groups; *group != NULL; group++) {
    g_auto(GStrv) keys = is_passed_over(form, *group) || !g_str_has_prefix(*group, only)
                             ? NULL
                             : g_key_file_get_keys(file->keys, *group, NULL, NULL);
    for (char **key = keys; key != NULL && *key != NULL; key++)
      if (!key_is_known(form, *group, *key))
        return refuse_key(file, form, *group, *key, error);
  }
  return TRUE;
}

static gboolean
check_format(const FigureFile *file, const FigureForm *form, GError **error)
{
  g_autofree char *format = g_key_file_get_string(file->keys, form->kind, FORMAT_KEY, NULL);
  g_autofree char *place = NULL;
  double number;

  if (format == NULL) {
    g_autofree char *expected =
        g_strdup_printf("format=%u, as in every %s file", form->format, form->kind);
    return figure_file_refuse(file, form->kind, FORMAT_KEY, NULL, expected, error);
  }
  if (parse_number(format, &number) && number == form->format)
    return TRUE;
  place = place_of(file, form->kind, FORMAT_KEY);
  g_set_error(error, DEVICE_ERROR, DEVICE_ERROR_FORMAT,
              "%s: found '%.20s', this program reads %u; a newer spillway wrote it, or the file is "
              "not a %s's",
              place, format, form->format, form->kind);
  return FALSE;
}

/* A range that is not told has neither end. */
static gboolean
check_range(const FigureFile *file, const FigureRange *range, GError **error)
{
  g_autofree char *text = g_key_file_get_string(file->keys, range->group, range->key, NULL);
  g_autofree char *least = g_key_file_get_string(file->keys, range->group, range->least, NULL);
  g_autofree char *most = g_key_file_get_string(file->keys, range->group, range->most, NULL);
  g_autofree char *expected = NULL;
  double figure = 0, first = 0, last = 0;

  if (least == NULL && most == NULL)
    return TRUE;
  if (least == NULL || most == NULL) {
    expected =
        g_strdup_printf("a number, since %s is given", least != NULL ? range->least : range->most);
    return figure_file_refuse(file, range->group, least == NULL ? range->least : range->most, NULL,
                              expected, error);
  }
  parse_number(least, &first);
  parse_number(most, &last);
  if (first > last) {
    expected = g_strdup_printf("at most %s, %s", range->most, most);
    return figure_file_refuse(file, range->group, range->least, least, expected, error);
  }
  if (text == NULL || (parse_number(text, &figure) && figure >= first && figure <= last))
    return TRUE;
  expected = g_strdup_printf("%s to %s, as %s and %s say", least, most, range->least, range->most);
  return figure_file_refuse(file, range->group, range->key, text, expected, error);
}

static gboolean
read_figures(const FigureFile *file, const FigureForm *form, gpointer record, GError **error)
{
  for (guint i = 0; i < form->n_rows; i++)
    if (!read_figure(file, &form->rows[i], record, error))
      return FALSE;
  for (guint i = 0; i < form->n_ranges; i++)
    if (!check_range(file, &form->ranges[i], error))
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

FigureFile *
figure_file_read(const char *path, const FigureForm *form, gpointer record, GError **error)
{
  g_autoptr(FigureFile) file = g_rc_box_new0(FigureFile);
  g_autoptr(GError) cause = NULL;
  gsize n_bytes;

  file->keys = g_key_file_new();
  file->path = g_strdup(path);
  file->text = input_read(path, INPUT_PLAIN, INPUT_TEXT_MAX_BYTES, &n_bytes, &cause);
  if (file->text == NULL ||
      !g_key_file_load_from_data(file->keys, file->text, n_bytes, G_KEY_FILE_NONE, &cause)) {
    set_unreadable(path, form, file->text, cause, error);
    return NULL;
  }
  if (!check_format(file, form, error) || !check_keys(file, form, "", error) ||
      !read_figures(file, form, record, error))
    return NULL;
  return g_steal_pointer(&file);
}

gboolean
figure_file_take(const FigureFile *file, const FigureForm *form, const char *groups,
                 gpointer record, GError **error)
{
  return check_keys(file, form, groups, error) && read_figures(file, form, record, error);
}

char **
figure_file_sources(const FigureFile *file, const FigureForm *form)
{
  GPtrArray *lines = g_ptr_array_new();

  for (guint i = 0; i < form->n_rows; i++) {
    const FigureRow *row = &form->rows[i];
    g_autofree char *key = g_strconcat(row->key, SOURCE_SUFFIX, NULL);
    g_autofree char *value = g_key_file_get_string(file->keys, row->group, row->key, NULL);
    g_autofree char *source = g_key_file_get_string(file->keys, row->group, key, NULL);

    if (value != NULL)
      g_ptr_array_add(lines, g_strdup_printf("%s %s=%s: %s", row->group, row->key, value,
                                             source != NULL ? source : "no source given"));
  }
  g_ptr_array_add(lines, NULL);
  return (char **)g_ptr_array_free(lines, FALSE);
}
