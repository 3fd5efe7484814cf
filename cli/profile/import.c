/* `spillway profile import`: published tables, or a profile's text, into a profile's file. */
#include "profile.h"

#include "calib/import/import.h"
#include "calib/profile_host.h"
#include "calib/store/database.h"
#include "calib/profile_summary.h"
#include "calib/store/sniff.h"
#include "cli/cli.h"
#include "report/text/format.h"
#include "report/text/table.h"
#include "scenario/output_file.h"
#include "scenario/resolve.h"
#include "scenario/shipped.h"

#include <stdio.h>
#include <string.h>

/* The model of a table that names it "meta-llama/Llama-2-7b-hf": the built-in llama-2-7b, or else
 * the name as a path. --model (data) overrides it. */
static Model *
find_model(const char *name, gpointer data, GError **error)
{
  const char *chosen = data;
  static const char *const endings[] = {"-hf", "-instruct", "-chat", "-v0.1", "-fp8"};
  const char *slash = strrchr(name, '/');
  g_autofree char *base = g_ascii_strdown(slash != NULL ? slash + 1 : name, -1);
  g_autofree char *shipped = NULL;

  if (chosen != NULL)
    return resolve_model(chosen, error);
  for (guint i = 0; i < 2 * G_N_ELEMENTS(endings); i++) {
    const char *ending = endings[i % G_N_ELEMENTS(endings)];
    if (g_str_has_suffix(base, ending))
      base[strlen(base) - strlen(ending)] = '\0';
  }
  shipped = shipped_file("models", base, ".json");
  return resolve_model(shipped != NULL ? base : name, error);
}

static gboolean
check_format(const char *format, GError **error)
{
  g_autoptr(GString) names = g_string_new("auto");
  g_autofree char *hint = NULL;
  const char *known[32] = {"auto"};

  if (g_str_equal(format, "auto") || profile_importer_find(format) != NULL)
    return TRUE;
  for (guint i = 0; profile_importers[i] != NULL; i++) {
    g_string_append_printf(names, ", %s", profile_importers[i]->name);
    if (i + 2 < G_N_ELEMENTS(known))
      known[i + 1] = profile_importers[i]->name;
  }
  hint = typed_hint(format, known);
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "--format: found '%s', expected one of %s%s", format, names->str, hint);
  return FALSE;
}

static gboolean
check_device(const char *device, GError **error)
{
  g_autofree char *path = shipped_file("devices", device, ".ini");
  g_auto(GStrv) names = shipped_names("devices", ".ini");
  g_autofree char *hint = typed_hint(device, (const char *const *)names);

  if (path != NULL)
    return TRUE;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "--device: found '%s', expected a name from 'spillway list devices'%s", device, hint);
  return FALSE;
}

static void
replace(char **field, const char *text)
{
  g_free(*field);
  *field = g_strdup(text);
}

/* "…/a100.db" is called a100 where nothing else names it. */
static char *
name_from_path(const char *path)
{
  g_autofree char *base = g_path_get_basename(path);
  char *dot = strchr(base, '.');

  if (dot != NULL && dot != base)
    *dot = '\0';
  return g_utf8_make_valid(base, -1);
}

static void
print_import(const Profile *profile, const char *out)
{
  g_autoptr(GArray) groups = profile_groups(profile);
  g_autoptr(Table) table = table_new("lrrl");
  g_autoptr(GString) text = g_string_new(NULL);
  g_autofree char *samples = format_count(profile->samples->len);

  g_string_append_printf(text, "%s: %s samples of %s, from\n", out, samples, profile->device);
  for (guint i = 0; i < profile->origins->len; i++)
    g_string_append_printf(text, "  %s\n",
                           g_array_index(profile->origins, ProfileOrigin, i).source);
  g_string_append_c(text, '\n');
  for (guint i = 0; i < groups->len; i++) {
    const ProfileGroup *group = &g_array_index(groups, ProfileGroup, i);
    table_take(table, g_strjoin(" ", operations[group->operation].name, group->dtype,
                                *group->variant != '\0' ? group->variant : NULL, NULL));
    table_take(table, format_count(group->n));
    table_take(table, group->n_derived > 0 ? g_strdup_printf("%u derived", group->n_derived)
                                           : g_strdup(""));
    table_take(table, profile_shape_text(group->operation, group->low, group->high));
  }
  table_append(table, "  ", text);
  if (*profile->note != '\0')
    g_string_append_printf(text, "\n%s\n", profile->note);
  profile_append_missing(profile, text);
  cli_print(text->str);
}

typedef struct {
  char *out, *format, *name, *device, *model, *engine;
} ImportOptions;

static void
import_options_clear(ImportOptions *options)
{
  g_free(options->out);
  g_free(options->format);
  g_free(options->name);
  g_free(options->device);
  g_free(options->model);
  g_free(options->engine);
}

/* Adds the host time of the profile's device. */
static gboolean
add_host(Profile *profile, GError **error)
{
  g_autoptr(Device) device = resolve_device(profile->device, error);
  g_autoptr(Host) host = device != NULL ? resolve_host(NULL, device, profile, error) : NULL;

  if (host == NULL)
    return FALSE;
  profile_add_host(profile, host);
  profile_seal(profile);
  return TRUE;
}

static void
refuse_device(const Profile *profile, GError **error)
{
  const char *gpu = profile->origins->len > 0
                        ? g_array_index(profile->origins, ProfileOrigin, 0).measured_device
                        : "";

  if (*gpu == '\0')
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "the tables do not say which device they are of: give --device with a name from "
                "'spillway list devices'");
  else
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "the tables are of \"%s\", which is none of the shipped devices: give --device with "
                "the name of the one that is nearest ('spillway list devices')",
                gpu);
}

static Profile *
import(char **paths, const ImportOptions *options, GError **error)
{
  g_autoptr(Profile) profile = profile_new(options->name != NULL ? options->name : "",
                                           options->device != NULL ? options->device : "");
  const ImportContext context = {
      .find_model = find_model, .data = options->model, .engine = options->engine};
  gboolean has_tables = FALSE;

  for (; *paths != NULL; paths++) {
    has_tables |= !profile_file_sniff(*paths);
    if (!profile_import(profile, *paths, options->format, &context, error))
      return NULL;
  }
  profile_seal(profile);
  if (*profile->name == '\0') {
    g_autofree char *name = name_from_path(options->out);
    replace(&profile->name, name);
  }
  if (*profile->device == '\0') {
    refuse_device(profile, error);
    return NULL;
  }
  if (has_tables && !profile_has_host(profile) && !add_host(profile, error))
    return NULL;
  return g_steal_pointer(&profile);
}

static int
run_import(char **paths, const ImportOptions *options)
{
  static const char verb[] = "profile import";
  g_autoptr(GError) error = NULL;
  g_autoptr(Profile) profile = NULL;

  for (guint i = 0; paths[i] != NULL; i++)
    if (!output_file_check(&(NamedFile){"-o", options->out}, 1, &(NamedFile){"FILE", paths[i]}, 1,
                           &error))
      return cli_error(CLI_USAGE, verb, "%s", error->message);
  if ((options->format != NULL && !check_format(options->format, &error)) ||
      (options->device != NULL && !check_device(options->device, &error)) ||
      (profile = import(paths, options, &error)) == NULL || !check_device(profile->device, &error))
    return cli_error(CLI_USAGE, verb, "%s", error->message);
  if (!profile_file_check(profile, options->out, &error))
    return cli_error(CLI_USAGE, verb, "%s", error->message);
  if (!profile_store_write(profile, options->out, &error))
    return cli_error(CLI_FAILED, verb, "%s", error->message);
  print_import(profile, options->out);
  return CLI_DONE;
}

static char *
describe_formats(void)
{
  GString *text = g_string_new("Formats:\n");

  for (guint i = 0; profile_importers[i] != NULL; i++)
    g_string_append_printf(text, "  %-14s %s\n", profile_importers[i]->name,
                           profile_importers[i]->help);
  g_string_append(text, "\nExamples:\n"
                        "  spillway profile import linear_op.csv attention.csv -o a100.db "
                        "--device a100-80gb\n"
                        "  spillway profile import a100.csv -o a100.db");
  return g_string_free(text, FALSE);
}

int
command_profile_import(int argc, char **argv)
{
  ImportOptions options = {0};
  const GOptionEntry entries[] = {
      {"out", 'o', 0, G_OPTION_ARG_FILENAME, &options.out, "the profile to write", "FILE.db"},
      {"format", 0, 0, G_OPTION_ARG_STRING, &options.format,
       "the tables' form: auto (default), or one of those below", "FORMAT"},
      {"name", 0, 0, G_OPTION_ARG_STRING, &options.name,
       "what to call it (as its text says, or as FILE)", "NAME"},
      {"device", 0, 0, G_OPTION_ARG_STRING, &options.device,
       "the device that was measured: a name from 'spillway list devices'", "DEVICE"},
      {"model", 0, 0, G_OPTION_ARG_FILENAME, &options.model,
       "the model that was measured, where tables do not have its shape: a name from "
       "'spillway list models' or a config.json",
       "MODEL"},
      {"engine", 0, 0, G_OPTION_ARG_STRING, &options.engine,
       "of folders with tables of several engines, the one to take: vllm-0.19.0", "ENGINE"},
      {NULL},
  };
  static const char verb[] = "profile import";
  g_autofree char *description = describe_formats();
  int status = CLI_USAGE;
  const VerbOptions usage = {
      .name = verb,
      .arguments = "PATH…",
      .summary = "Makes a profile of tables that others measured, files or folders, or of a\n"
                 "profile's text. Says what was read, what was derived, and what a model's step\n"
                 "takes that they lack.",
      .examples = description,
      .own = entries};

  if (verb_parse(&usage, &argc, &argv, &status)) {
    if (argc < 2)
      cli_error(CLI_USAGE, verb,
                "a table is missing: spillway profile import PATH… -o FILE.db; --help lists the "
                "formats");
    else if (options.out == NULL)
      cli_error(CLI_USAGE, verb, "-o is missing: give -o FILE.db, the profile to write");
    else if (g_str_has_suffix(options.out, ".csv") || g_str_has_suffix(options.out, ".gz"))
      cli_error(CLI_USAGE, verb,
                "-o %s: import writes a database (FILE.db); 'spillway profile export' then "
                "writes text",
                options.out);
    else
      status = run_import(argv + 1, &options);
  }
  import_options_clear(&options);
  return status;
}
