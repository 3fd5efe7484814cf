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

/* Files of a folder: those of the kind that is read, and tables that are of no kind. */
typedef struct {
  GPtrArray *files, *others;
} FileList;

static FileList
file_list_new(void)
{
  return (FileList){g_ptr_array_new_with_free_func(g_free), g_ptr_array_new_with_free_func(g_free)};
}

static void
file_list_clear(FileList *list)
{
  g_ptr_array_unref(list->files);
  g_ptr_array_unref(list->others);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FileList, file_list_clear)

static gboolean
is_table(const char *path)
{
  return g_str_has_suffix(path, ".csv") || g_str_has_suffix(path, ".csv.gz");
}

/* Adds the files of a folder that `takes` accepts, and those of its subfolders, down to `depth`. */
static gboolean
add_files(FileList *list, const char *path, gboolean (*takes)(const char *path), guint depth,
          GError **error)
{
  g_autoptr(GDir) folder = g_dir_open(path, 0, error);
  const char *name;

  if (folder == NULL)
    return FALSE;
  while ((name = g_dir_read_name(folder)) != NULL) {
    g_autofree char *file = g_build_filename(path, name, NULL);
    if (g_file_test(file, G_FILE_TEST_IS_DIR)) {
      if (depth > 0 && !add_files(list, file, takes, depth - 1, error))
        return FALSE;
    } else if (g_file_test(file, G_FILE_TEST_IS_REGULAR) && takes(file)) {
      g_ptr_array_add(list->files, g_steal_pointer(&file));
    } else if (g_file_test(file, G_FILE_TEST_IS_REGULAR) && is_table(file)) {
      g_ptr_array_add(list->others, g_steal_pointer(&file));
    }
  }
  return TRUE;
}

/* Those files, sorted; the path itself if it is no folder. */
static gboolean
list_files(const ImportFiles *kind, const char *path, gboolean (*takes)(const char *path),
           FileList *list, GError **error)
{
  if (!g_file_test(path, G_FILE_TEST_IS_DIR))
    g_ptr_array_add(list->files, g_strdup(path));
  else if (!add_files(list, path, takes, kind->folders_deep, error))
    return FALSE;
  g_ptr_array_sort(list->files, compare_paths);
  g_ptr_array_sort(list->others, compare_paths);
  return TRUE;
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
  g_auto(FileList) list = file_list_new();

  if (!g_file_test(path, G_FILE_TEST_IS_DIR))
    return is_own(path);
  return list_files(kind, path, is_own, &list, NULL) && list.files->len > 0;
}

gboolean
import_is_engine(const char *engine, const char *asked)
{
  g_autofree char *name = g_strdelimit(g_strdup(engine), " ", '-');
  gsize bytes = strlen(asked);

  return g_ascii_strncasecmp(name, asked, bytes) == 0 &&
         (name[bytes] == '\0' || name[bytes] == '+');
}

/* What is meant of the files at a path, and what was left out of them. */
typedef struct {
  const ImportFiles *kind;
  const char *path, *engine;
  char *device;     /* NULL: any */
  FileList list;    /* of which `files` shrinks to those that are meant */
  GPtrArray *gpus;  /* of each of them */
  guint of_devices; /* files that are of others */
  guint of_engines;
  guint of_libraries;
  char *library; /* the version of those that are read, NULL: there are none */
} Selection;

static void
selection_clear(Selection *selection)
{
  file_list_clear(&selection->list);
  g_ptr_array_unref(selection->gpus);
  g_free(selection->device);
  g_free(selection->library);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Selection, selection_clear)

static void
leave_out(Selection *self, guint i)
{
  g_ptr_array_remove_index(self->list.files, i);
  g_ptr_array_remove_index(self->gpus, i);
}

/* Whether all files name one GPU, and that is no shipped device: then it is the one that the
 * command line names. */
static gboolean
is_one_unknown(const Selection *self)
{
  for (guint i = 0; i < self->gpus->len; i++)
    if (import_guess_device(self->gpus->pdata[i]) != NULL ||
        !g_str_equal(self->gpus->pdata[i], self->gpus->pdata[0]))
      return FALSE;
  return TRUE;
}

/* Leaves those of the device that the profile names. */
static void
keep_device(Selection *self)
{
  for (guint i = self->gpus->len; i-- > 0;)
    if (g_strcmp0(import_guess_device(self->gpus->pdata[i]), self->device) != 0) {
      leave_out(self, i);
      self->of_devices++;
    }
}

/* Those of the profile's device; where it names none they must be of one. */
static gboolean
select_device(Selection *self, GError **error)
{
  if (self->device != NULL) {
    if (!is_one_unknown(self))
      keep_device(self);
    return TRUE;
  }
  for (guint i = 1; i < self->gpus->len; i++) {
    const char *first = self->gpus->pdata[0], *other = self->gpus->pdata[i];
    if (g_strcmp0(import_guess_device(first), import_guess_device(other)) == 0)
      continue;
    g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_DEVICE,
                "%s: has tables of \"%s\" and of \"%s\", and a profile is of one device: say which "
                "with --device, or name the files",
                self->path, first, other);
    return FALSE;
  }
  return TRUE;
}

/* Adds "vllm-0.19.0" for each engine. */
static void
add_engines(GHashTable *names, char **engines)
{
  for (; *engines != NULL; engines++)
    g_hash_table_add(names, g_strdelimit(g_ascii_strdown(*engines, -1), " ", '-'));
}

static gboolean
is_of_engine(char **engines, const char *asked)
{
  for (; *engines != NULL; engines++)
    if (import_is_engine(*engines, asked))
      return TRUE;
  return FALSE;
}

/* Leaves those with rows of the engine that was asked for, and those of no engine. */
static gboolean
select_engine(Selection *self, GError **error)
{
  g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  guint of_it = 0;

  if (self->engine == NULL || self->kind->engines == NULL)
    return TRUE;
  for (guint i = 0; i < self->list.files->len;) {
    g_auto(GStrv) engines = self->kind->engines(self->list.files->pdata[i]);
    gboolean is_meant = is_of_engine(engines, self->engine);
    add_engines(names, engines);
    of_it += is_meant;
    if (*engines == NULL || is_meant) {
      i++;
      continue;
    }
    leave_out(self, i);
    self->of_engines++;
  }
  if (of_it == 0 && g_hash_table_size(names) > 0) {
    g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(names), (GCompareFunc)strcmp);
    g_autoptr(GString) text = g_string_new(NULL);
    for (GList *key = keys; key != NULL; key = key->next)
      g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", (const char *)key->data);
    g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_FILE,
                "%s: no table is of %s (--engine); there are %s", self->path, self->engine,
                text->str);
    return FALSE;
  }
  return TRUE;
}

/* "2.9.1" is before "2.27". */
static int
compare_versions(const char *a, const char *b)
{
  while (*a != '\0' && *b != '\0') {
    char *end_a, *end_b;
    guint64 x = g_ascii_strtoull(a, &end_a, 10), y = g_ascii_strtoull(b, &end_b, 10);
    if (end_a == a || end_b == b)
      return strcmp(a, b);
    if (x != y)
      return x < y ? -1 : 1;
    a = end_a + (*end_a == '.');
    b = end_b + (*end_b == '.');
  }
  return (*a != '\0') - (*b != '\0');
}

/* Of the tables of a library in a folder leaves those of its newest version: all engines call it,
 * and none says which. */
static void
select_library(Selection *self)
{
  g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);

  for (guint i = 0; self->kind->of_library != NULL && i < self->list.files->len; i++) {
    char *version = self->kind->of_library(self->list.files->pdata[i]);
    g_ptr_array_add(versions, version);
    if (*version == '\0' ||
        (self->library != NULL && compare_versions(version, self->library) <= 0))
      continue;
    g_free(self->library);
    self->library = g_strdup(version);
  }
  for (guint i = versions->len; i-- > 0;) {
    const char *version = versions->pdata[i];
    if (*version == '\0' || g_str_equal(version, self->library))
      continue;
    leave_out(self, i);
    self->of_libraries++;
  }
}

/* "7 files have the columns of no table that is read and were left out: a.csv, b.csv, c.csv, …" */
static void
tell_others(const Selection *self, Profile *profile)
{
  enum { NAMED = 3 };
  const GPtrArray *others = self->list.others;
  g_autoptr(GString) names = g_string_new(NULL);
  guint named = 0, i;

  for (i = 0; i < others->len && named < NAMED; i++) {
    g_autofree char *name = g_path_get_basename(others->pdata[i]);
    if (strstr(names->str, name) != NULL)
      continue;
    g_string_append_printf(names, "%s%s", named++ > 0 ? ", " : "", name);
  }
  if (others->len > 0)
    profile_add_note(profile,
                     "%u files have the columns of no table that is read and were left out: %s%s.",
                     others->len, names->str, i < others->len ? ", …" : "");
}

static gboolean
read_files(const Selection *self, Profile *profile, GError **error)
{
  for (guint i = 0; i < self->list.files->len; i++) {
    const char *gpu = self->gpus->pdata[i];
    if (!self->kind->read(profile, self->list.files->pdata[i], gpu, self->engine, error))
      return FALSE;
    import_know_device(profile, gpu);
  }
  if (self->of_devices > 0)
    profile_add_note(profile, "%u files are of other devices and were left out.", self->of_devices);
  if (self->of_engines > 0)
    profile_add_note(profile, "%u files are of other engines than %s and were left out.",
                     self->of_engines, self->engine);
  if (self->of_libraries > 0)
    profile_add_note(profile,
                     "%u files are of older versions of a library than %s and were left out.",
                     self->of_libraries, self->library);
  tell_others(self, profile);
  return TRUE;
}

gboolean
import_files_read(Profile *profile, const ImportFiles *kind, const char *path, const char *engine,
                  GError **error)
{
  g_auto(Selection) selection = {.kind = kind,
                                 .path = path,
                                 .engine = engine,
                                 .list = file_list_new(),
                                 .gpus = g_ptr_array_new_with_free_func(g_free)};
  g_autofree char *unread = NULL;
  guint before = profile->samples->len;

  if (!list_files(kind, path, kind->takes, &selection.list, error))
    return FALSE;
  for (guint i = 0; i < selection.list.files->len; i++)
    g_ptr_array_add(selection.gpus, kind->gpu(selection.list.files->pdata[i]));
  if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
    selection.device = *profile->device != '\0' ? g_strdup(profile->device) : NULL;
    if (!select_device(&selection, error))
      return FALSE;
  }
  if (!select_engine(&selection, error))
    return FALSE;
  select_library(&selection);
  if (!read_files(&selection, profile, error))
    return FALSE;
  if (profile->samples->len == before)
    g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_FILE, "%s: no table that is known%s%s%s%s", path,
                selection.device != NULL || engine != NULL ? " is of " : "",
                selection.device != NULL ? selection.device : "",
                selection.device != NULL && engine != NULL ? " and " : "",
                engine != NULL ? engine : "");
  else if ((unread = import_unread_forms(path)) != NULL)
    profile_add_note(profile, "%s.", unread);
  return profile->samples->len > before;
}
