/* Where the shipped data is: devices, disks, hosts, models, profiles and traces.
 *
 * A program in the build tree uses the source tree's files, an installed one those beside it
 * (PREFIX/share/spillway, found from the program's own place, so that the tree can be moved), and
 * the environment's SPILLWAY_DATADIR goes before both.
 */
#include "config.h"

#include "shipped.h"

#include <string.h>

/* The folders of the source tree; installed they are all directly in the data folder. */
static const struct {
  const char *kind, *source_folder;
} kinds[] = {
    {"devices", "calib/devices"}, {"disks", "calib/disks"},       {"hosts", "calib/hosts"},
    {"models", "models"},         {"profiles", "calib/profiles"}, {"traces", "traces/shipped"},
};

static const char *
source_folder(const char *kind)
{
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
    if (g_str_equal(kinds[i].kind, kind))
      return kinds[i].source_folder;
  g_assert_not_reached();
}

static char *
data_folder(const char *kind)
{
  const char *chosen = g_getenv("SPILLWAY_DATADIR");
  g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
  g_autofree char *folder = program != NULL ? g_path_get_dirname(program) : g_strdup("");
  g_autofree char *beside = g_build_filename(folder, "..", "share", "spillway", kind, NULL);

  if (chosen != NULL)
    return g_build_filename(chosen, kind, NULL);
  if (g_str_has_prefix(folder, SPILLWAY_BUILDDIR) &&
      strchr("/", folder[strlen(SPILLWAY_BUILDDIR)]) != NULL)
    return g_build_filename(SPILLWAY_SRCDIR, source_folder(kind), NULL);
  if (g_file_test(beside, G_FILE_TEST_IS_DIR))
    return g_steal_pointer(&beside);
  return g_build_filename(SPILLWAY_PKGDATADIR, kind, NULL);
}

char *
shipped_file(const char *kind, const char *name, const char *suffix)
{
  g_autofree char *folder = data_folder(kind);
  g_autofree char *file = g_strconcat(name, suffix, NULL);
  g_autofree char *path = g_build_filename(folder, file, NULL);

  if (strchr(name, '/') != NULL || !g_file_test(path, G_FILE_TEST_IS_REGULAR))
    return NULL;
  return g_steal_pointer(&path);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **
shipped_sort(GPtrArray *names)
{
  g_ptr_array_sort(names, compare_names);
  g_ptr_array_add(names, NULL);
  return (char **)g_ptr_array_free(names, FALSE);
}

char **
shipped_names(const char *kind, const char *suffix)
{
  g_autofree char *folder = data_folder(kind);
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  GPtrArray *names = g_ptr_array_new();
  const char *file;

  while (dir != NULL && (file = g_dir_read_name(dir)) != NULL)
    if (g_str_has_suffix(file, suffix))
      g_ptr_array_add(names, g_strndup(file, strlen(file) - strlen(suffix)));
  return shipped_sort(names);
}

/* "meta-llama/Llama-2-7b-hf" is llama-2-7b, "nvidia/DeepSeek-R1-FP4" deepseek-r1-nvfp4, as NVIDIA
 * has called it since. No other ending is dropped: a tuned model may have another context. NULL if
 * no such model ships. The caller frees it. */
char *
shipped_model(const char *name)
{
  const char *slash = strrchr(name, '/');
  g_autofree char *lower = g_ascii_strdown(slash != NULL ? slash + 1 : name, -1);
  const char *base = g_str_has_prefix(lower, "meta-") ? lower + strlen("meta-") : lower;
  g_autofree char *renamed = NULL, *path = NULL;

  if (g_str_has_suffix(lower, "-hf"))
    lower[strlen(lower) - strlen("-hf")] = '\0';
  if (g_str_has_suffix(lower, "-fp4")) {
    lower[strlen(lower) - strlen("fp4")] = '\0';
    renamed = g_strconcat(base, "nvfp4", NULL);
    base = renamed;
  }
  path = shipped_file("models", base, ".json");
  return path != NULL ? g_strdup(base) : NULL;
}

/* The shipped model that this one is called after: "Llama-3.1-8B-Instruct" is after llama-3.1-8b.
 * NULL if none is; "DeepSeek-R1-Distill-Llama-70B" is not, as what is distilled from a model has
 * another's layers. The caller frees it. */
char *
shipped_model_tuned(const char *name)
{
  const char *slash = strrchr(name, '/');
  g_autofree char *lower = g_ascii_strdown(slash != NULL ? slash + 1 : name, -1);
  g_auto(GStrv) shipped = shipped_names("models", ".json");
  const char *base = g_str_has_prefix(lower, "meta-") ? lower + strlen("meta-") : lower;
  const char *longest = NULL;

  for (char **model = shipped; *model != NULL; model++)
    if (g_str_has_prefix(base, *model) && base[strlen(*model)] == '-' &&
        (longest == NULL || strlen(*model) > strlen(longest)))
      longest = *model;
  return strstr(base, "-distill") == NULL ? g_strdup(longest) : NULL;
}
