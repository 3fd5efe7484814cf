#include "config.h"

#include "replacement.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40 };

struct Replacement {
  char *target, *temporary; /* temporary NULL: written through */
  gboolean beside_only, has_before;
  struct stat before; /* what there was under that name */
  int fd;
  sigset_t held, old;
};

/* Where a name leads, though there be no such file; a chain of links that never ends leads to
 * itself. */
char *
replacement_target(const char *path)
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

static const int endings[] = {SIGINT, SIGTERM, SIGHUP};

/* Those that would end the program: others are ignored, or a verb knows better. */
static void
hold_signals(Replacement *r)
{
  struct sigaction action;

  sigemptyset(&r->held);
  for (guint i = 0; i < G_N_ELEMENTS(endings); i++)
    if (sigaction(endings[i], NULL, &action) == 0 && action.sa_handler == SIG_DFL)
      sigaddset(&r->held, endings[i]);
  pthread_sigmask(SIG_BLOCK, &r->held, &r->old);
}

/* 0, or why not (errno). */
static int
open_through(Replacement *r, const char *path)
{
  r->fd = g_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  return r->fd >= 0 ? 0 : errno;
}

static int
open_beside(Replacement *r, const char *path)
{
  r->temporary = g_strconcat(r->target, ".XXXXXX", NULL);
  r->fd = g_mkstemp_full(r->temporary, O_WRONLY | O_CLOEXEC, 0666);
  if (r->fd >= 0)
    return 0;
  g_clear_pointer(&r->temporary, g_free);
  if (r->has_before && !r->beside_only && (errno == EACCES || errno == EROFS || errno == EPERM))
    return open_through(r, path);
  return errno;
}

static int
open_either(Replacement *r, const char *path)
{
  if (!r->has_before)
    return open_beside(r, path);
  if (S_ISDIR(r->before.st_mode))
    return EISDIR;
  if (!S_ISREG(r->before.st_mode))
    return r->beside_only ? EINVAL : open_through(r, path);
  if (access(path, W_OK) != 0) /* a rename would not ask */
    return errno;
  return open_beside(r, path);
}

static void
free_it(Replacement *r)
{
  pthread_sigmask(SIG_SETMASK, &r->old, NULL);
  g_free(r->target);
  g_free(r->temporary);
  g_free(r);
}

Replacement *
replacement_begin(const char *path, gboolean beside_only, GError **error)
{
  Replacement *r = g_new0(Replacement, 1);
  int cause;

  r->target = replacement_target(path);
  r->beside_only = beside_only;
  r->has_before = stat(path, &r->before) == 0;
  hold_signals(r);
  cause = open_either(r, path);
  if (cause == 0)
    return r;
  free_it(r);
  g_set_error_literal(error, G_FILE_ERROR, (int)g_file_error_from_errno(cause), g_strerror(cause));
  return NULL;
}

int
replacement_fd(const Replacement *replacement)
{
  return replacement->fd;
}

const char *
replacement_path(const Replacement *replacement)
{
  return replacement->temporary;
}

void
replacement_spare(Replacement *r)
{
  sigset_t waiting;

  if (sigpending(&waiting) != 0)
    return;
  for (guint i = 0; i < G_N_ELEMENTS(endings); i++)
    if (sigismember(&waiting, endings[i]) == 1 && sigismember(&r->held, endings[i]) == 1) {
      if (r->temporary != NULL)
        g_unlink(r->temporary);
      pthread_sigmask(SIG_SETMASK, &r->old, NULL); /* the end */
    }
}

int
replacement_write(Replacement *r, const char *bytes, gsize n_bytes)
{
  while (n_bytes > 0) {
    gssize written = write(r->fd, bytes, n_bytes);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return written < 0 ? errno : EIO;
    bytes += written;
    n_bytes -= (gsize)written;
  }
  return 0;
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

/* 0, or why not (errno). */
static int
rename_synced(int fd, const char *temporary, const char *target)
{
  if (fsync(fd) != 0 || g_rename(temporary, target) != 0)
    return errno;
  sync_folder_of(target);
  return 0;
}

/* The permissions of what there was stay. */
static int
take_name(Replacement *r)
{
  if (r->has_before && fchmod(r->fd, r->before.st_mode & 07777) != 0)
    return errno;
  return rename_synced(r->fd, r->temporary, r->target);
}

int
replacement_end(Replacement *r, gboolean worked)
{
  int cause = worked && r->temporary != NULL ? take_name(r) : 0;

  if (close(r->fd) != 0 && r->temporary == NULL && cause == 0 && worked)
    cause = errno;
  if (r->temporary != NULL && (!worked || cause != 0))
    g_unlink(r->temporary);
  free_it(r);
  return cause;
}
