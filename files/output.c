#include "config.h"

#include "output.h"

#include "replacement.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static gboolean
fail(const char *path, int cause, GError **error)
{
  g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(cause), "cannot write %s: %s", path,
              g_strerror(cause));
  return FALSE;
}

/* Who ends it meanwhile, by Ctrl-C or otherwise, waits until no half of a file is left beside the
 * target. */
gboolean
output_write(const char *path, const char *bytes, gssize n_bytes, GError **error)
{
  Replacement *file = replacement_begin(path, FALSE, error);
  int cause, named;

  if (file == NULL) {
    g_prefix_error(error, "cannot write %s: ", path);
    return FALSE;
  }
  cause = replacement_write(file, bytes, n_bytes >= 0 ? (gsize)n_bytes : strlen(bytes));
  named = replacement_end(file, cause == 0);
  return (cause == 0 && named == 0) || fail(path, cause != 0 ? cause : named, error);
}

const char *
output_other_kind(const char *path, const char *own)
{
  static const char *const kinds[] = {".csv",   ".db",  ".gz",  ".html", ".ini", ".json",
                                      ".jsonl", ".pdf", ".png", ".svg",  ".txt", ".xlsx"};

  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
    if (g_str_has_suffix(path, kinds[i]) && !g_str_equal(kinds[i], own) &&
        !g_file_test(path, G_FILE_TEST_EXISTS))
      return kinds[i];
  return NULL;
}

/* A name of a file that is not there: its folder's, without links, and its own. */
static char *
future_name(const char *path)
{
  g_autofree char *target = replacement_target(path);
  g_autofree char *folder = g_path_get_dirname(target), *name = g_path_get_basename(target);
  char *resolved = realpath(folder, NULL);
  char *full = g_build_filename(resolved != NULL ? resolved : folder, name, NULL);

  free(resolved);
  return full;
}

gboolean
output_is_same(const char *a, const char *b)
{
  g_autofree char *name_a = NULL, *name_b = NULL;
  struct stat x, y;
  gboolean has_a = stat(a, &x) == 0, has_b = stat(b, &y) == 0;

  if (has_a && has_b)
    return x.st_dev == y.st_dev && x.st_ino == y.st_ino && !S_ISCHR(x.st_mode) &&
           !S_ISBLK(x.st_mode);
  if (has_a || has_b)
    return FALSE;
  name_a = future_name(a);
  name_b = future_name(b);
  return g_str_equal(name_a, name_b);
}
