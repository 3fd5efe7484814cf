#include "trace_name.h"

#include "scenario/shipped.h"
#include "traces/formats/columns.h"
#include "scenario/typed.h"

#include <string.h>

static const char *const suffixes[] = {".csv", ".jsonl"};

static void
fail_no_trace(const char *name, GError **error)
{
  g_autoptr(GPtrArray) shipped = g_ptr_array_new_with_free_func(g_free);
  g_autofree char *list = NULL;
  g_autofree char *hint = NULL;

  for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
    g_auto(GStrv) names = shipped_names("traces", suffixes[i]);
    for (char **known = names; *known != NULL; known++)
      g_ptr_array_add(shipped, g_strdup(*known));
  }
  g_ptr_array_add(shipped, NULL);
  list = g_strjoinv(", ", (char **)shipped->pdata);
  hint = typed_hint(name, (const char *const *)shipped->pdata);
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
              "%s: there is no such file, and no shipped trace of that name%s (%s)", name, hint,
              list);
}

char *
trace_name_path(const char *name, GError **error)
{
  if (strchr(name, '/') != NULL || g_str_equal(name, "-") || g_file_test(name, G_FILE_TEST_EXISTS))
    return g_strdup(name);
  for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
    char *path = shipped_file("traces", name, suffixes[i]);
    if (path != NULL)
      return path;
  }
  fail_no_trace(name, error);
  return NULL;
}

/* The format of that name, for reading or writing. NULL, with an error that names the option's
 * choices and the nearest, if there is none. */
static const TraceFormat *
trace_name_format(const char *option, const char *name, gboolean to_write, GError **error)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  g_autofree char *list = NULL;
  const TraceFormat *found = trace_format_find(name);
  g_autofree char *hint = NULL;

  if (!to_write && columns_are_named(name))
    return columns_find(name, NULL, error);
  if (found != NULL && (!to_write || found->write != NULL))
    return found;
  if (!to_write)
    g_ptr_array_add(names, (gpointer) "auto");
  for (const TraceFormat *const *format = trace_formats; *format != NULL; format++)
    if (!to_write || (*format)->write != NULL)
      g_ptr_array_add(names, (gpointer)(*format)->name);
  g_ptr_array_add(names, NULL);
  list = g_strjoinv(", ", (char **)names->pdata);
  hint = found == NULL ? typed_hint(name, (const char *const *)names->pdata) : g_strdup("");
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "%s: found '%s'%s, expected one of %s%s", option, name,
              found != NULL ? ", which can only be read" : "", list, hint);
  return NULL;
}

gboolean
trace_name_check_format(const char *name, GError **error)
{
  return name == NULL || g_str_equal(name, "auto") ||
         trace_name_format("--trace-format", name, FALSE, error) != NULL;
}

const TraceFormat *
trace_name_format_to_write(const char *name, const char *out, GError **error)
{
  g_autofree char *plain = g_strdup(out);

  if (name != NULL)
    return trace_name_format("--to", name, TRUE, error);
  if (g_str_has_suffix(plain, ".gz"))
    plain[strlen(plain) - strlen(".gz")] = '\0';
  for (const TraceFormat *const *format = trace_formats; *format != NULL; format++)
    if ((*format)->ending != NULL && g_str_has_suffix(plain, (*format)->ending))
      return *format;
  return trace_formats[0];
}

const char *
trace_name_formats_help(void)
{
  g_autoptr(GString) help = g_string_new("the form to write:");

  for (const TraceFormat *const *format = trace_formats; *format != NULL; format++) {
    if ((*format)->write == NULL)
      continue;
    g_string_append_printf(help, "%s %s", format > trace_formats ? "," : "", (*format)->name);
    if (format == trace_formats)
      g_string_append(help, " (default)");
    else if ((*format)->ending != NULL)
      g_string_append_printf(help, " (where -o ends in %s)", (*format)->ending);
  }
  return g_intern_string(help->str);
}
