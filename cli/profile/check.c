/* `spillway profile check`: the error of predictions on samples held out of the fits. */
#include "profile.h"

#include "calib/store/database.h"
#include "calib/store/sniff.h"
#include "cli/cli.h"
#include "report/text/format.h"
#include "scenario/resolve.h"

#include <stdio.h>

#define FIT_KIND "held-out"

static char *
worst_text(const ProfileCheckResult *result)
{
  g_autofree char *shape =
      profile_shape_text(result->operation, result->worst_shape, result->worst_shape);
  g_autofree char *measured = format_duration(result->worst_measured_ns / 1e9);
  g_autofree char *predicted = format_duration(result->worst_predicted_ns / 1e9);

  return g_strdup_printf("%s: %s, predicted %s", shape, measured, predicted);
}

static void
print_table(const Profile *profile, const GArray *results)
{
  g_autoptr(GString) text = g_string_new(NULL);

  g_string_append_printf(text, "%s: error on samples held out, of the measured time\n\n",
                         profile->name);
  profile_append_errors(results, worst_text, text);
  cli_print(text->str);
}

static json_t *
results_json(const Profile *profile, const GArray *results)
{
  json_t *array = json_array();

  for (guint i = 0; i < results->len; i++) {
    const ProfileCheckResult *result = &g_array_index(results, ProfileCheckResult, i);
    json_t *object = profile_error_json(result);
    json_object_set_new(object, "worst_at",
                        json_pack("{s:o, s:f, s:f}", "shape",
                                  profile_shape_json(result->operation, result->worst_shape),
                                  "measured_ns", result->worst_measured_ns, "predicted_ns",
                                  result->worst_predicted_ns));
    json_array_append_new(array, object);
  }
  return json_pack("{s:o, s:o}", "name", profile_json_text(profile->name), "operations", array);
}

int
command_profile_check(int argc, char **argv)
{
  g_autofree char *format_text = NULL;
  g_autofree char *plot = NULL;
  g_autofree char *kernels = NULL;
  gboolean save = FALSE;
  const GOptionEntry entries[] = {
      {"format", 0, 0, G_OPTION_ARG_STRING, &format_text, "table (default) or json", "FORMAT"},
      {"save", 0, 0, G_OPTION_ARG_NONE, &save, "keep the errors in the profile (FILE.db)", NULL},
      {"plot", 0, 0, G_OPTION_ARG_FILENAME, &plot,
       "draw them too, the worst marked (.svg, .png or .pdf; takes gnuplot)", "FILE"},
      {"kernels", 0, 0, G_OPTION_ARG_STRING, &kernels, PROFILE_KERNELS_HELP, "NAME"},
      {NULL},
  };
  static const char verb[] = "profile check";
  int status = CLI_DONE;
  g_autoptr(GError) error = NULL;
  g_autoptr(Profile) profile = NULL;
  g_autoptr(Device) device = NULL;
  g_autoptr(GArray) points = g_array_new(FALSE, FALSE, sizeof(ProfileCheckPoint));
  g_autoptr(GArray) results = g_array_new(FALSE, FALSE, sizeof(ProfileCheckResult));
  OutputFormat format;
  const VerbOptions usage = {
      .name = verb,
      .arguments = "NAME|FILE",
      .summary = "Predicts each sample without having been told it, and prints how far off that\n"
                 "is: by operation and dtype the median, the 95th percentile, and the worst.",
      .examples = "Examples:\n"
                  "  spillway profile check a100.db\n"
                  "  spillway profile check a100.db --save\n"
                  "  spillway profile check a100.db --plot errors.svg",
      .own = entries};

  if (!verb_parse(&usage, &argc, &argv, &status))
    return status;
  if (argc != 2)
    return profile_verb_refuse_count(verb, argc - 1);
  if (!profile_format_parse(format_text, &format, &error) ||
      (profile = profile_named(argv[1], kernels, &error)) == NULL)
    return cli_error(CLI_USAGE, verb, "%s", error->message);
  if (save && !profile_store_sniff(argv[1]))
    return cli_error(CLI_USAGE, verb, "--save: %s is no database (FILE.db) to keep them in",
                     argv[1]);
  if (plot != NULL && !profile_can_draw(plot))
    return cli_error(CLI_USAGE, verb,
                     "--plot: found '%s', expected a name that ends in .svg, .png or .pdf", plot);
  device = resolve_device(profile->device, &error);
  if (device == NULL || !profile_check(profile, device, results, points, &error) ||
      (plot != NULL && !profile_draw(profile, points, plot, &error)) ||
      (save && !profile_store_save_checks(argv[1], FIT_KIND, results, &error)))
    return cli_error(CLI_FAILED, verb, "%s", error->message);
  if (format == OUTPUT_JSON)
    return profile_print_json(verb, results_json(profile, results));
  print_table(profile, results);
  return CLI_DONE;
}
