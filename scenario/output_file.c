#include "output_file.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

gboolean
cli_is_same_file(const char *a, const char *b)
{
  GStatBuf x, y;

  return a != NULL && b != NULL && g_stat(a, &x) == 0 && g_stat(b, &y) == 0 && S_ISREG(x.st_mode) &&
         x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

gboolean
cli_check_folder(const char *path, const char *option, GError **error)
{
  g_autofree char *folder = g_path_get_dirname(path);

  if (g_file_test(folder, G_FILE_TEST_IS_DIR))
    return TRUE;
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
              "%s: %s cannot be written: there is no folder %s", option, path, folder);
  return FALSE;
}
