/* `spillway profile show`: what a profile holds. */
#include "profile.h"

#include "calib/store/file.h"
#include "calib/profile_kernels.h"
#include "calib/profile_summary.h"
#include "cli/cli.h"
#include "report/text/format.h"
#include "report/text/table.h"

#include <stdio.h>

static void
append_origins(const Profile *profile, GString *text)
{
  g_string_append(text, "\nMeasured by\n");
  for (guint i = 0; i < profile->origins->len; i++) {
    const ProfileOrigin *origin = &g_array_index(profile->origins, ProfileOrigin, i);
    g_string_append_printf(text, "  %s", *origin->source != '\0' ? origin->source : "(unknown)");
    for (guint field = 1; field < PROFILE_ORIGIN_FIELDS; field++) {
      const char *value = profile_origin_get(origin, field);
      g_autofree char *label = g_strdelimit(g_strdup(profile_origin_fields[field]), "_", ' ');
      if (*value != '\0')
        g_string_append_printf(text, ", %s %s", label, value);
    }
    g_string_append_c(text, '\n');
  }
}

static void
append_groups(const Profile *profile, GString *text)
{
  static const char *const titles[] = {"operation", "dtype",  "samples", "derived",
                                       "spread",    "median", "shapes"};
  g_autoptr(GArray) groups = profile_groups(profile);
  g_autoptr(Table) table = table_new("llrrrll");

  for (guint i = 0; i < G_N_ELEMENTS(titles); i++)
    table_add(table, titles[i]);
  for (guint i = 0; i < groups->len; i++) {
    const ProfileGroup *group = &g_array_index(groups, ProfileGroup, i);
    const char *name = operations[group->operation].name;
    g_autofree char *low = format_duration(group->low_ns / 1e9);
    g_autofree char *high = format_duration(group->high_ns / 1e9);
    table_take(table, *group->variant != '\0' ? g_strdup_printf("%s %s", name, group->variant)
                                              : g_strdup(name));
    table_add(table, group->dtype);
    table_take(table, format_count(group->n));
    table_take(table, group->n_derived > 0 ? format_count(group->n_derived) : g_strdup(""));
    table_take(table, group->n_spread > 0 ? format_percent(group->spread) : g_strdup(""));
    table_take(table,
               g_str_equal(low, high) ? g_strdup(low) : g_strdup_printf("%s – %s", low, high));
    table_take(table, profile_shape_text(group->operation, group->low, group->high));
  }
  g_string_append_c(text, '\n');
  table_append(table, "  ", text);
  g_string_append(text, "  spread: p90 less p10, of the median, where a source gives them\n");
}

static void
print_profile(const Profile *profile)
{
  g_autoptr(GString) text = g_string_new(NULL);
  g_autofree char *samples = format_count(profile->samples->len);
  g_autofree char *kernels = profile_kernels_text(profile);

  g_string_append_printf(text, "%s: %s samples of %s\n", profile->name, samples, profile->device);
  if (*profile->note != '\0')
    g_string_append_printf(text, "\n%s\n", profile->note);
  if (*kernels != '\0')
    g_string_append_printf(text, "\nKernels: %s\n", kernels);
  append_origins(profile, text);
  append_groups(profile, text);
  profile_append_missing(profile, text);
  cli_print(text->str);
}

static json_t *
origins_json(const Profile *profile)
{
  json_t *array = json_array();

  for (guint i = 0; i < profile->origins->len; i++) {
    json_t *object = json_object();
    for (guint field = 0; field < PROFILE_ORIGIN_FIELDS; field++)
      json_object_set_new(object, profile_origin_fields[field],
                          profile_json_text(profile_origin_get(
                              &g_array_index(profile->origins, ProfileOrigin, i), field)));
    json_array_append_new(array, object);
  }
  return array;
}

static json_t *
groups_json(const Profile *profile)
{
  g_autoptr(GArray) groups = profile_groups(profile);
  json_t *array = json_array();

  for (guint i = 0; i < groups->len; i++) {
    const ProfileGroup *group = &g_array_index(groups, ProfileGroup, i);
    json_t *object =
        json_pack("{s:s, s:o, s:o, s:i, s:i, s:f, s:f, s:o, s:o}", "operation",
                  operations[group->operation].name, "variant", profile_json_text(group->variant),
                  "dtype", profile_json_text(group->dtype), "samples", (int)group->n, "derived",
                  (int)group->n_derived, "min_ns", group->low_ns, "max_ns", group->high_ns,
                  "shape_min", profile_shape_json(group->operation, group->low), "shape_max",
                  profile_shape_json(group->operation, group->high));
    json_object_set_new(object, "spread",
                        group->n_spread > 0 ? json_real(group->spread) : json_null());
    json_array_append_new(array, object);
  }
  return array;
}

static json_t *
missing_json(const Profile *profile)
{
  g_autoptr(GPtrArray) missing = profile_missing(profile);
  json_t *array = json_array();

  for (guint i = 0; i < missing->len; i++) {
    const ProfileNeed *need = g_ptr_array_index(missing, i);
    json_array_append_new(array, json_pack("{s:s, s:s, s:s}", "what", need->what, "used_for",
                                           need->used_for, "supplied_by", need->supplied_by));
  }
  return array;
}

static json_t *
kernels_json(const Profile *profile)
{
  g_autofree const char **kinds = profile_kernels(profile);
  json_t *array = json_array();

  for (const char **kind = kinds; *kind != NULL; kind++)
    json_array_append_new(array, json_string(*kind));
  return array;
}

static json_t *
profile_json(const Profile *profile)
{
  g_autofree char *digest = profile_digest(profile);

  return json_pack("{s:o, s:o, s:o, s:s, s:i, s:o, s:o, s:o, s:o}", "name",
                   profile_json_text(profile->name), "device", profile_json_text(profile->device),
                   "note", profile_json_text(profile->note), "digest", digest, "samples",
                   (int)profile->samples->len, "origins", origins_json(profile), "operations",
                   groups_json(profile), "kernels", kernels_json(profile), "missing",
                   missing_json(profile));
}

int
command_profile_show(int argc, char **argv)
{
  g_autofree char *format_text = NULL;
  const GOptionEntry entries[] = {
      {"format", 0, 0, G_OPTION_ARG_STRING, &format_text, "table (default) or json", "FORMAT"},
      {NULL},
  };
  static const char verb[] = "profile show";
  int status = CLI_DONE;
  g_autoptr(GError) error = NULL;
  g_autoptr(Profile) profile = NULL;
  OutputFormat format;
  const VerbOptions usage = {
      .name = verb,
      .arguments = "NAME|FILE",
      .summary =
          "Says what a profile holds: who measured it, and of each operation and dtype how\n"
          "many samples, their range of shapes, their spread; and what a model's step takes\n"
          "that it lacks. Of a device, the figures that stand in where none were measured, and\n"
          "where each is from.",
      .examples = "Examples:\n"
                  "  spillway profile show a100.db\n"
                  "  spillway profile show h100-sxm\n"
                  "  spillway profile show a100.csv --format json",
      .own = entries};

  if (!verb_parse(&usage, &argc, &argv, &status))
    return status;
  if (argc != 2)
    return profile_verb_refuse_count(verb, argc - 1);
  if (!profile_format_parse(format_text, &format, &error))
    return cli_error(CLI_USAGE, verb, "%s", error->message);
  if (profile_is_device(argv[1]))
    return profile_show_device(verb, argv[1], format);
  if ((profile = profile_named_whole(argv[1], &error)) == NULL)
    return cli_error(CLI_USAGE, verb, "%s", error->message);
  if (format == OUTPUT_JSON)
    return profile_print_json(verb, profile_json(profile));
  print_profile(profile);
  return CLI_DONE;
}
