#include "profile.h"
#include "calib/profile_kernels.h"
#include "calib/profile_summary.h"
#include "calib/store/read.h"
#include "cli/cli.h"
#include "report/text/format.h"
#include "report/text/table.h"
#include "scenario/resolve.h"
#include "scenario/shipped.h"
#include <stdio.h>
#include <string.h>

gboolean
profile_is_device(const char *text)
{
  g_autofree char *shipped = shipped_file("devices", text, ".ini");
  g_autofree char *profile = shipped != NULL ? resolve_profile_file(text) : NULL;

  return profile == NULL && (shipped != NULL || g_str_has_suffix(text, ".ini"));
}

Profile *
profile_named(const char *text, const char *kernels, GError **error)
{
  g_autoptr(Profile) profile = profile_named_whole(text, error);
  g_autofree char *all = NULL;

  if (profile == NULL)
    return NULL;
  all = profile_kernels_text(profile);
  if (kernels != NULL && *all == '\0') {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--kernels: found '%s', and the measurements of %s are of no kernels of this "
                "program",
                kernels, profile->name);
    return NULL;
  }
  if (!profile_use_kernels(profile, kernels, error))
    return NULL;
  return g_steal_pointer(&profile);
}

Profile *
profile_named_whole(const char *text, GError **error)
{
  g_autoptr(GError) read_error = NULL;
  g_auto(GStrv) names = NULL;
  Profile *profile = resolve_whole_profile(text, &read_error);
  g_autofree char *hint = NULL;

  if (profile != NULL)
    return profile;
  if (read_error != NULL) {
    g_propagate_error(error, g_steal_pointer(&read_error));
    return NULL;
  }
  if (!profile_is_device(text) && g_file_test(text, G_FILE_TEST_EXISTS))
    return profile_read(text, error);
  names = resolve_profile_names();
  hint = typed_hint(text, (const char *const *)names);
  if (profile_is_device(text))
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "'%s' is a device without measurements, not a profile; 'spillway profile import "
                "PATH… -o FILE.db' makes one",
                text);
  else
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "found '%s', expected a name from 'spillway list profiles' or the path of a "
                "profile (FILE.db, FILE.csv)%s",
                text, hint);
  return NULL;
}

int
profile_verb_refuse_count(const char *verb, int n)
{
  if (n == 0)
    return cli_error(CLI_USAGE, verb,
                     "a profile is missing: a name from 'spillway profile list', or a FILE.db");
  return cli_error(CLI_USAGE, verb, "found %d profiles, expected one", n);
}

gboolean
profile_format_parse(const char *text, OutputFormat *format, GError **error)
{
  if (text != NULL && !g_str_equal(text, "table") && !g_str_equal(text, "json")) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--format: found '%s', expected table or json", text);
    return FALSE;
  }
  return output_format_parse(text, format, error);
}

json_t *
profile_json_text(const char *text)
{
  g_autofree char *valid = g_utf8_make_valid(text, -1);

  return json_string(valid);
}

int
profile_print_json(const char *verb, json_t *value)
{
  int status = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));

  json_decref(value);
  if (status != 0 || putchar('\n') == EOF || fflush(stdout) != 0)
    return cli_error(CLI_FAILED, verb, "standard output cannot be written");
  return CLI_DONE;
}

void
profile_append_errors(const GArray *results, char *(*worst_text)(const ProfileCheckResult *result),
                      GString *text)
{
  static const char *const titles[] = {"operation", "dtype", "held out", "median",
                                       "p95",       "worst", "at"};
  g_autoptr(Table) table = table_new("llrrrrl");

  for (guint i = 0; i < G_N_ELEMENTS(titles); i++)
    table_add(table, titles[i]);
  for (guint i = 0; i < results->len; i++) {
    const ProfileCheckResult *result = &g_array_index(results, ProfileCheckResult, i);
    const char *name = operations[result->operation].name;
    gboolean any = result->n > 0;
    table_take(table, *result->variant != '\0' ? g_strdup_printf("%s %s", name, result->variant)
                                               : g_strdup(name));
    table_add(table, result->dtype);
    table_take(table, format_count(result->n));
    table_take(table, any ? format_percent(result->median) : g_strdup(""));
    table_take(table, any ? format_percent(result->p95) : g_strdup(""));
    table_take(table, any ? format_percent(result->worst) : g_strdup(""));
    table_take(table, any ? worst_text(result) : g_strdup("too few samples to hold any out"));
  }
  table_append(table, "  ", text);
}

json_t *
profile_error_json(const ProfileCheckResult *result)
{
  return json_pack(
      "{s:s, s:o, s:o, s:i, s:f, s:f, s:f}", "operation", operations[result->operation].name,
      "variant", profile_json_text(result->variant), "dtype", profile_json_text(result->dtype), "n",
      (int)result->n, "median", result->median, "p95", result->p95, "worst", result->worst);
}

char *
profile_shape_text(OperationKind kind, const gint64 *low, const gint64 *high)
{
  GString *text = g_string_new(NULL);

  for (guint i = 0; i < operation_n_shape(kind); i++) {
    g_string_append_printf(text, "%s%s %" G_GINT64_FORMAT, i > 0 ? ", " : "",
                           operations[kind].shape[i], low[i]);
    if (high[i] != low[i])
      g_string_append_printf(text, "–%" G_GINT64_FORMAT, high[i]);
  }
  return g_string_free(text, FALSE);
}

json_t *
profile_shape_json(OperationKind kind, const gint64 *shape)
{
  json_t *object = json_object();

  for (guint i = 0; i < operation_n_shape(kind); i++)
    json_object_set_new(object, operations[kind].shape[i], json_integer((json_int_t)shape[i]));
  return object;
}

void
profile_append_missing(const Profile *profile, GString *text)
{
  g_autoptr(GPtrArray) missing = profile_missing(profile);
  g_autoptr(Table) table = table_new("lll");

  if (missing->len == 0) {
    g_string_append(text, "\nIt has all that a model's step takes.\n");
    return;
  }
  g_string_append_printf(text, "\nNot measured, so modelled by the roofline of %s:\n",
                         *profile->device != '\0' ? profile->device : "its device");
  for (guint i = 0; i < missing->len; i++) {
    const ProfileNeed *need = g_ptr_array_index(missing, i);
    table_add(table, need->what);
    table_add(table, need->used_for);
    table_add(table, need->supplied_by);
  }
  table_append(table, "  ", text);
}
