/* Sources of one file or a folder of them: which are read, and that they are of one device.
 */
#include "config.h"

#include "common.h"

#include <string.h>
#include <zlib.h>

static gint
compare_paths(gconstpointer a, gconstpointer b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Adds the files of a folder that `takes` accepts, and those of its subfolders, down to `depth`. */
static gboolean
add_files(GPtrArray *files, const char *path, gboolean (*takes)(const char *path), guint depth,
          GError **error)
{
  g_autoptr(GDir) folder = g_dir_open(path, 0, error);
  const char *name;

  if (folder == NULL)
    return FALSE;
  while ((name = g_dir_read_name(folder)) != NULL) {
    g_autofree char *file = g_build_filename(path, name, NULL);
    if (g_file_test(file, G_FILE_TEST_IS_DIR)) {
      if (depth > 0 && !add_files(files, file, takes, depth - 1, error))
        return FALSE;
    } else if (g_file_test(file, G_FILE_TEST_IS_REGULAR) && takes(file)) {
      g_ptr_array_add(files, g_steal_pointer(&file));
    }
  }
  return TRUE;
}

/* Those files, sorted; the path itself if it is no folder. */
static GPtrArray *
list_files(const ImportFiles *kind, const char *path, gboolean (*takes)(const char *path),
           GError **error)
{
  g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);

  if (!g_file_test(path, G_FILE_TEST_IS_DIR))
    g_ptr_array_add(files, g_strdup(path));
  else if (!add_files(files, path, takes, kind->folders_deep, error))
    return NULL;
  g_ptr_array_sort(files, compare_paths);
  return g_steal_pointer(&files);
}

/* gzread() takes plain files as they are. */
gboolean
import_header_has(const char *path, const char *const *names)
{
  char head[8192];
  gzFile file = g_file_test(path, G_FILE_TEST_IS_REGULAR) ? gzopen(path, "rb") : NULL;
  int bytes;

  if (file == NULL)
    return FALSE;
  bytes = gzread(file, head, sizeof head - 1);
  gzclose(file);
  head[MAX(bytes, 0)] = '\0';
  head[strcspn(head, "\r\n")] = '\0';
  g_auto(GStrv) columns = g_strsplit(head, ",", -1);
  for (; *names != NULL; names++)
    if (!g_strv_contains((const char *const *)columns, *names))
      return FALSE;
  return TRUE;
}

char *
import_first_text(const char *path, const char *column_name)
{
  g_autoptr(CsvTable) table = csv_table_open(path, NULL);
  int column = table != NULL ? csv_table_column(table, column_name) : -1;

  if (column < 0 || !csv_table_next(table))
    return g_strdup("");
  return g_strdup(csv_table_text(table, column));
}

gboolean
import_files_sniff(const ImportFiles *kind, const char *path)
{
  gboolean (*is_own)(const char *path) = kind->is_own != NULL ? kind->is_own : kind->takes;
  g_autoptr(GPtrArray) files = NULL;

  if (!g_file_test(path, G_FILE_TEST_IS_DIR))
    return is_own(path);
  files = list_files(kind, path, is_own, NULL);
  return files != NULL && files->len > 0;
}

/* Checks that the files of a folder are of one device, unless the profile says which is meant. */
static gboolean
check_devices(const char *path, GPtrArray *gpus, GError **error)
{
  const char *first = gpus->pdata[0];

  for (guint i = 1; i < gpus->len; i++) {
    const char *other = gpus->pdata[i];
    if (g_strcmp0(import_guess_device(first), import_guess_device(other)) == 0)
      continue;
    g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_DEVICE,
                "%s: has tables of \"%s\" and of \"%s\", and a profile is of one device: say which "
                "with --device, or name the files",
                path, first, other);
    return FALSE;
  }
  return TRUE;
}

/* "vLLM 0.19.0" is vllm-0.19.0. */
static gboolean
is_of_engine(const ImportFiles *kind, const char *path, const char *engine)
{
  g_autofree char *of_file = NULL;

  if (engine == NULL || kind->engine == NULL)
    return TRUE;
  of_file = g_strdelimit(kind->engine(path), " ", '-');
  return *of_file == '\0' || g_ascii_strcasecmp(of_file, engine) == 0;
}

static gboolean
read_files(Profile *profile, const ImportFiles *kind, GPtrArray *files, GPtrArray *gpus,
           const char *device, const char *engine, GError **error)
{
  guint others = 0, of_engines = 0;

  for (guint i = 0; i < files->len; i++) {
    if (device != NULL && g_strcmp0(import_guess_device(gpus->pdata[i]), device) != 0) {
      others++;
      continue;
    }
    if (!is_of_engine(kind, files->pdata[i], engine)) {
      of_engines++;
      continue;
    }
    if (!kind->read(profile, files->pdata[i], gpus->pdata[i], error))
      return FALSE;
    import_know_device(profile, gpus->pdata[i]);
  }
  if (others > 0)
    profile_add_note(profile, "%u files are of other devices and were left out.", others);
  if (of_engines > 0)
    profile_add_note(profile, "%u files are of other engines than %s and were left out.",
                     of_engines, engine);
  return TRUE;
}

gboolean
import_files_read(Profile *profile, const ImportFiles *kind, const char *path, const char *engine,
                  GError **error)
{
  g_autoptr(GPtrArray) files = list_files(kind, path, kind->takes, error);
  g_autoptr(GPtrArray) gpus = g_ptr_array_new_with_free_func(g_free);
  g_autofree char *device = NULL, *unread = NULL;
  guint before = profile->samples->len;

  if (files == NULL)
    return FALSE;
  for (guint i = 0; i < files->len; i++)
    g_ptr_array_add(gpus, kind->gpu(files->pdata[i]));
  if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
    device = *profile->device != '\0' ? g_strdup(profile->device) : NULL;
    if (device == NULL && files->len > 0 && !check_devices(path, gpus, error))
      return FALSE;
  }
  if (!read_files(profile, kind, files, gpus, device, engine, error))
    return FALSE;
  if (profile->samples->len == before)
    g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_FILE, "%s: no table that is known%s%s%s%s", path,
                device != NULL || engine != NULL ? " is of " : "", device != NULL ? device : "",
                device != NULL && engine != NULL ? " and " : "", engine != NULL ? engine : "");
  else if ((unread = import_unread_forms(path)) != NULL)
    profile_add_note(profile, "%s.", unread);
  return profile->samples->len > before;
}
