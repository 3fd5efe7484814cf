#include "config.h"

#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40 };

static gboolean
fail(const char *path, int cause, GError **error)
{
  g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(cause), "cannot write %s: %s", path,
              g_strerror(cause));
  return FALSE;
}

/* 0, or why not all of it could be written. */
static int
write_all(int fd, const char *bytes, gsize n_bytes)
{
  while (n_bytes > 0) {
    gssize written = write(fd, bytes, n_bytes);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return written < 0 ? errno : EIO;
    bytes += written;
    n_bytes -= (gsize)written;
  }
  return 0;
}

/* Where a name leads, though there be no such file; a chain of links that never ends leads to
 * itself. */
char *
output_target(const char *path)
{
  g_autofree char *at = g_strdup(path);

  for (int i = 0; i < LINKS_MAX; i++) {
    g_autofree char *to = g_file_read_link(at, NULL);
    g_autofree char *folder = NULL;
    if (to == NULL)
      return g_steal_pointer(&at);
    folder = g_path_get_dirname(at);
    g_free(at);
    at = g_path_is_absolute(to) ? g_strdup(to) : g_build_filename(folder, to, NULL);
  }
  return g_strdup(path);
}

/* Into what is there: a pipe, a device, a file in a folder that may not be written to. */
static gboolean
write_through(const char *path, const char *bytes, gsize n_bytes, GError **error)
{
  int fd = g_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  int cause;

  if (fd < 0)
    return fail(path, errno, error);
  cause = write_all(fd, bytes, n_bytes);
  if (close(fd) != 0 && cause == 0)
    cause = errno;
  return cause == 0 || fail(path, cause, error);
}

/* A new name is there after a loss of power once its folder was synced. Not every file system has
 * that. */
static void
sync_folder_of(const char *path)
{
  g_autofree char *folder = g_path_get_dirname(path);
  int fd = g_open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

  if (fd < 0)
    return;
  (void)fsync(fd);
  close(fd);
}

int
output_rename(int fd, const char *temporary, const char *target)
{
  if (fsync(fd) != 0 || g_rename(temporary, target) != 0)
    return errno;
  sync_folder_of(target);
  return 0;
}

/* The file's permissions, where there is one, stay. */
static gboolean
replace_now(const char *path, const char *target, const struct stat *before, const char *bytes,
            gsize n_bytes, GError **error)
{
  g_autofree char *temporary = g_strconcat(target, ".XXXXXX", NULL);
  int fd = g_mkstemp_full(temporary, O_WRONLY | O_CLOEXEC, 0666);
  int cause;

  if (fd < 0) {
    if (before != NULL && (errno == EACCES || errno == EROFS || errno == EPERM))
      return write_through(path, bytes, n_bytes, error);
    return fail(path, errno, error);
  }
  cause = write_all(fd, bytes, n_bytes);
  if (cause == 0 && before != NULL && fchmod(fd, before->st_mode & 07777) != 0)
    cause = errno;
  if (cause == 0)
    cause = output_rename(fd, temporary, target);
  close(fd);
  if (cause == 0)
    return TRUE;
  g_unlink(temporary);
  return fail(path, cause, error);
}

/* Who ends it meanwhile, by Ctrl-C or otherwise, waits until no half of a file is left beside the
 * target. */
static gboolean
replace(const char *path, const char *target, const struct stat *before, const char *bytes,
        gsize n_bytes, GError **error)
{
  sigset_t ends, old;
  gboolean worked;

  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &ends, &old);
  worked = replace_now(path, target, before, bytes, n_bytes, error);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return worked;
}

gboolean
output_write(const char *path, const char *bytes, gssize n_bytes, GError **error)
{
  g_autofree char *target = output_target(path);
  gsize length = n_bytes >= 0 ? (gsize)n_bytes : strlen(bytes);
  struct stat status;

  if (stat(path, &status) != 0)
    return replace(path, target, NULL, bytes, length, error);
  if (S_ISDIR(status.st_mode))
    return fail(path, EISDIR, error);
  if (!S_ISREG(status.st_mode))
    return write_through(path, bytes, length, error);
  if (access(path, W_OK) != 0) /* a rename would not ask */
    return fail(path, errno, error);
  return replace(path, target, &status, bytes, length, error);
}

/* A name of a file that is not there: its folder's, without links, and its own. */
static char *
future_name(const char *path)
{
  g_autofree char *target = output_target(path);
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
