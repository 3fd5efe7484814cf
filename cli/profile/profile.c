/* The verb `profile`: chooses the sub-verb; lists and exports profiles. */
#include "profile.h"

#include "calib/store/text.h"
#include "cli/cli.h"
#include "cli/program.h"
#include "cli/sub_verb.h"
#include "report/text/table.h"
#include "scenario/resolve.h"
#include "scenario/shipped.h"
#include "scenario/output_file.h"

#include <stdio.h>
#include <string.h>

static int command_list_profiles(int argc, char **argv);
static int command_export(int argc, char **argv);

static const Command sub_verbs[] = {
    {"list", "the shipped profiles and devices", command_list_profiles},
    {"show", "what a profile holds: origins, operations, shapes, spread", command_profile_show},
    {"import", "make a profile of published tables", command_profile_import},
    {"export", "write a profile as text, for review and by hand", command_export},
    {"check", "the error on samples held out, by operation", command_profile_check},
    {"plot", "measured against predicted, the worst marked", command_profile_plot},
    {NULL, NULL, NULL},
};

#define SUB_VERBS "list, show, import, export, check or plot"

int
command_profile(int argc, char **argv)
{
  static const VerbFamily family = {
      .verb = "profile",
      .kinds = sub_verbs,
      .expected = SUB_VERBS,
      .summary =
          "A profile holds measurements of one device: what each operation took at each shape.\n"
          "Runs take their costs from it (--device NAME or FILE.db).",
      .examples =
          "  spillway profile list\n"
          "  spillway profile import linear_op.csv attention.csv -o a100.db --device a100-80gb\n"
          "  spillway profile show a100.db\n"
          "  spillway profile check a100.db",
  };

  return verb_family_run(&family, argc, argv);
}

/* `profile list` */

static void
add_profile(const char *name, Table *table, json_t *array)
{
  g_autofree char *path = resolve_profile_file(name);
  g_autoptr(GError) error = NULL;
  g_autoptr(Profile) profile = profile_text_read_head(path, &error);

  table_add(table, name);
  table_add(table, profile != NULL ? profile->device : "");
  table_add(table, profile != NULL ? profile->note : error->message);
  json_array_append_new(
      array, json_pack("{s:s, s:o, s:o}", "name", name, "device",
                       profile_json_text(profile != NULL ? profile->device : ""), "note",
                       profile_json_text(profile != NULL ? profile->note : error->message)));
}

static int
list_profiles(OutputFormat format)
{
  g_auto(GStrv) profiles = resolve_profile_names();
  g_auto(GStrv) devices = shipped_names("devices", ".ini");
  g_autoptr(Table) profile_table = table_new("lll");
  g_autoptr(Table) device_table = table_new("ll");
  g_autoptr(GString) text = g_string_new(NULL);
  json_t *profile_array = json_array(), *device_array = json_array();

  for (guint i = 0; profiles[i] != NULL; i++)
    add_profile(profiles[i], profile_table, profile_array);
  for (guint i = 0; devices[i] != NULL; i++) {
    g_autoptr(Device) device = resolve_device(devices[i], NULL);
    const char *title = device != NULL ? device->title : "(unreadable)";
    table_add(device_table, devices[i]);
    table_add(device_table, title);
    json_array_append_new(device_array,
                          json_pack("{s:s, s:s}", "name", devices[i], "title", title));
  }
  if (format == OUTPUT_JSON)
    return profile_print_json("profile list", json_pack("{s:o, s:o}", "profiles", profile_array,
                                                        "devices", device_array));
  json_decref(profile_array);
  json_decref(device_array);
  g_string_append(text, "Profiles, measured:\n");
  if (profiles[0] == NULL)
    g_string_append(text, "  none ships; 'spillway profile import' makes one\n");
  table_append(profile_table, "  ", text);
  g_string_append(text, "\nDevices, modelled by a roofline:\n");
  table_append(device_table, "  ", text);
  cli_print(text->str);
  return CLI_DONE;
}

static int
command_list_profiles(int argc, char **argv)
{
  g_autofree char *format_text = NULL;
  const GOptionEntry entries[] = {
      {"format", 0, 0, G_OPTION_ARG_STRING, &format_text, "table (default) or json", "FORMAT"},
      {NULL},
  };
  static const char verb[] = "profile list";
  int status = CLI_DONE;
  g_autoptr(GError) error = NULL;
  OutputFormat format;
  const VerbOptions usage = {.name = verb,
                             .summary = "Lists the shipped profiles, which are measured, and the "
                                        "shipped devices, whose costs\na roofline models.",
                             .examples = "Examples:\n  spillway profile list",
                             .own = entries};

  if (!verb_parse(&usage, &argc, &argv, &status))
    return status;
  if (argc > 1)
    return cli_error(CLI_USAGE, verb, "unexpected argument '%s'", argv[1]);
  if (!profile_format_parse(format_text, &format, &error))
    return cli_error(CLI_USAGE, verb, "%s", error->message);
  return list_profiles(format);
}

/* `profile export` */

static int
command_export(int argc, char **argv)
{
  g_autofree char *out = NULL, *kernels = NULL;
  const GOptionEntry entries[] = {
      {"out", 'o', 0, G_OPTION_ARG_FILENAME, &out,
       "where to write: FILE.csv, FILE.csv.gz, or - for standard output", "FILE"},
      {"kernels", 0, 0, G_OPTION_ARG_STRING, &kernels, PROFILE_KERNELS_HELP " alone", "NAME"},
      {NULL},
  };
  static const char verb[] = "profile export";
  int status = CLI_DONE;
  g_autoptr(GError) error = NULL;
  g_autoptr(Profile) profile = NULL;
  const VerbOptions usage = {
      .name = verb,
      .arguments = "NAME|FILE",
      .summary = "Writes a profile as one CSV file, to be reviewed, shipped, or changed by hand.\n"
                 "'spillway profile import' reads it; exporting that again gives the same bytes.",
      .examples = "Examples:\n"
                  "  spillway profile export a100.db -o a100.csv\n"
                  "  spillway profile export h100.db --kernels sm_80 -o portable.csv\n"
                  "  spillway profile export a100.db -o -",
      .own = entries};

  if (!verb_parse(&usage, &argc, &argv, &status))
    return status;
  if (argc != 2)
    return profile_verb_refuse_count(verb, argc - 1);
  if (out == NULL)
    return cli_error(CLI_USAGE, verb,
                     "-o is missing: give -o FILE.csv, or -o - for standard output");
  if (g_str_has_suffix(out, ".db"))
    return cli_error(
        CLI_USAGE, verb,
        "-o %s: export writes text (FILE.csv); 'spillway profile import FILE.csv -o %s' then "
        "makes a database of it",
        out, out);
  if (!output_file_check(&(NamedFile){"-o", out}, 1, &(NamedFile){"FILE", argv[1]}, 1, &error) ||
      (profile = kernels != NULL ? profile_named(argv[1], kernels, &error)
                                 : profile_named_whole(argv[1], &error)) == NULL)
    return cli_error(CLI_USAGE, verb, "%s", error->message);
  if (!profile_text_write(profile, out, &error))
    return program_lost_reader() ? CLI_FAILED : cli_error(CLI_FAILED, verb, "%s", error->message);
  return CLI_DONE;
}
