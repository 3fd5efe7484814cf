#include "paths.h"

#include <string.h>

#include "scenario/shipped.h"
#include "scenario/workload/generated_files.h"
#include "scenario/workload/trace_name.h"

/* A shipped name stays as it is. Any other that is a file in the study's folder, or has a slash, is
 * a path there. */
static char *
path_from_study(const char *folder, const char *value, const char *const *kinds)
{
  g_autofree char *path =
      g_path_is_absolute(value) ? g_strdup(value) : g_build_filename(folder, value, NULL);

  for (guint i = 0; kinds != NULL && kinds[i] != NULL; i += 2) {
    g_autofree char *shipped = shipped_file(kinds[i], value, kinds[i + 1]);
    if (shipped != NULL)
      return g_strdup(value);
  }
  if (strchr(value, '/') != NULL || g_file_test(path, G_FILE_TEST_EXISTS))
    return g_steal_pointer(&path);
  return g_strdup(value);
}

/* A file that a generated trace takes lengths from, likewise. */
static char *
lengths_from_study(const char *name, gpointer folder)
{
  return path_from_study(folder, name, NULL);
}

char *
study_value(const char *folder, const char *option, const char *text)
{
  static const char *const models[] = {"models", ".json", NULL};
  static const char *const devices[] = {"devices",  ".ini",    "profiles", ".csv",
                                        "profiles", ".csv.gz", NULL};
  static const char *const hosts[] = {"hosts", ".ini", NULL};
  static const char *const traces[] = {"traces", ".csv", "traces", ".jsonl", NULL};

  if (g_str_equal(option, "trace") && g_str_has_prefix(text, TRACE_GENERATED))
    return generated_files_replace(text, lengths_from_study, (gpointer)folder);
  if (g_str_equal(option, "trace"))
    return path_from_study(folder, text, traces);
  if (g_str_equal(option, "model"))
    return path_from_study(folder, text, models);
  if (g_str_equal(option, "host"))
    return path_from_study(folder, text, hosts);
  if (g_str_equal(option, "device"))
    return path_from_study(folder, text, devices);
  return g_strdup(text);
}
