/* Files that hold a table in a form that is not read, and how to make one of it that is. */
#include "common.h"

#include <stdio.h>
#include <string.h>

typedef enum { FORM_READ, FORM_PARQUET, FORM_POINTER } Form;

enum { FOLDERS_DEEP = 6 };

/* Whether the line of import_unread_forms() has made a csv of it. */
static gboolean
has_csv_beside(const char *path)
{
  static const char ending[] = "parquet";
  g_autofree char *stem = NULL, *csv = NULL;

  if (!g_str_has_suffix(path, ending))
    return FALSE;
  stem = g_strndup(path, strlen(path) - strlen(ending));
  csv = g_strconcat(stem, "csv", NULL);
  return g_file_test(csv, G_FILE_TEST_IS_REGULAR);
}

/* A parquet file begins with its name; what Git LFS leaves in a file's place with the version of
 * its pointers. */
static Form
form_of(const char *path)
{
  static const char pointer[] = "version https://git-lfs";
  char head[sizeof pointer - 1] = {0};
  FILE *file = g_file_test(path, G_FILE_TEST_IS_REGULAR) ? fopen(path, "rb") : NULL;
  gsize bytes = 0;

  if (file == NULL)
    return FORM_READ;
  bytes = fread(head, 1, sizeof head, file);
  fclose(file);
  if (bytes == sizeof head && memcmp(head, pointer, sizeof head) == 0)
    return FORM_POINTER;
  return bytes >= 4 && memcmp(head, "PAR1", 4) == 0 && !has_csv_beside(path) ? FORM_PARQUET
                                                                             : FORM_READ;
}

/* How many there are of each form, of the path and all in it. */
static void
count_forms(const char *path, guint depth, guint *counts)
{
  g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
  const char *name;

  if (folder == NULL)
    counts[form_of(path)]++;
  while (folder != NULL && depth > 0 && (name = g_dir_read_name(folder)) != NULL) {
    g_autofree char *inner = g_build_filename(path, name, NULL);
    if (!g_file_test(inner, G_FILE_TEST_IS_SYMLINK))
      count_forms(inner, depth - 1, counts);
  }
}

char *
import_unread_forms(const char *path)
{
  guint counts[3] = {0};
  g_autofree char *quoted = g_shell_quote(path);

  count_forms(path, FOLDERS_DEEP, counts);
  if (counts[FORM_POINTER] > 0)
    return g_strdup_printf("%s: %u of its tables are pointers of Git LFS: \"git lfs pull\" in that "
                           "repository fetches them",
                           path, counts[FORM_POINTER]);
  if (counts[FORM_PARQUET] == 0)
    return NULL;
  return g_strdup_printf(
      "%s: %u of its tables are parquet, which is not read. This line writes a csv beside each: "
      "find %s -name '*.parquet' -exec python3 -c 'import pandas, sys; "
      "[pandas.read_parquet(f).to_csv(f[:-7] + \"csv\", index=False) for f in sys.argv[1:]]' {} + "
      "(pandas reads them with pyarrow)",
      path, counts[FORM_PARQUET], quoted);
}
