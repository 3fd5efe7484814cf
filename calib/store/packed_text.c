/* gzread() takes plain files as they are. */
#include "packed_text.h"

#include "calib/profile.h"

#include <errno.h>
#include <zlib.h>

enum { PART_BYTES = 1 << 18 };

GString *
packed_text_read(const char *path, GError **error)
{
  g_autoptr(GString) text = g_string_new(NULL);
  g_autofree char *buffer = g_malloc(PART_BYTES);
  gboolean is_folder = g_file_test(path, G_FILE_TEST_IS_DIR);
  gzFile file;
  int n, status;

  errno = 0;
  file = is_folder ? NULL : gzopen(path, "rb");
  if (file == NULL) {
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_OPEN, "cannot read %s: %s", path,
                is_folder ? "it is a folder; expected a file" : g_strerror(errno));
    return NULL;
  }
  while ((n = gzread(file, buffer, PART_BYTES)) > 0)
    g_string_append_len(text, buffer, n);
  status = gzclose(file);
  if (n < 0 || status != Z_OK) {
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_DAMAGED,
                "%s is damaged: it ends, or goes wrong, within its compressed data; fetch or make "
                "it again",
                path);
    return NULL;
  }
  return g_steal_pointer(&text);
}

gsize
packed_text_head(const char *path, char *head, gsize size)
{
  gzFile file = g_file_test(path, G_FILE_TEST_IS_REGULAR) ? gzopen(path, "rb") : NULL;
  int n = -1;

  if (file != NULL) {
    n = gzread(file, head, (unsigned)(size - 1));
    gzclose(file);
  }
  head[MAX(n, 0)] = '\0';
  return (gsize)MAX(n, 0);
}
