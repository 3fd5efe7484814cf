/* O_TMPFILE where there is one: a name that is taken away again would stay where the program is
 * killed between the two. */
#include "config.h"

#include "unnamed.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>

int
unnamed_file_open(const char *prefix, GError **error)
{
  g_autofree char *path = NULL, *template = NULL;
  int fd = -1, code;

#ifdef O_TMPFILE
  fd = open(g_get_tmp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
#endif
  if (fd >= 0)
    return fd;
  template = g_strconcat(prefix, "-XXXXXX", NULL);
  fd = g_file_open_tmp(template, &path, error);
  code = errno;
  if (fd >= 0)
    (void)g_unlink(path);
  errno = code; /* of what failed, for callers that tell it in their own words */
  return fd;
}
