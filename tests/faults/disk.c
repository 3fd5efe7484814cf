/* Loaded before a program (LD_PRELOAD): notes what it does to the files below $DISK_FOLDER, in
 * their order, in $DISK_LOG, so that tests/faults/power.py can tell what a disk holds that loses
 * its power at any moment. What is asked for is done as well, but for syncing.
 *
 * $DISK_ROOM: so many bytes can be written below the folder, then the disk is full.
 *
 * A record: the operation's letter, the number of the file, an offset and a length, all as text in
 * a line, then as many bytes. Files have numbers, since a name may be another's later: C file 0 n
 * name    made, and named so         N file 0 n name   opened under that name W file offset n
 * written                    T file bytes 0    cut, or lengthened S file 0 0         synced D 0 0 n
 * name      the folder of that name synced R 0 0 n old/new    renamed (a NUL between)    U 0 0 n
 * name      removed
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT, and names that end in 64 */
#endif

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 1024 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static char folder[PATH_MAX];
static ssize_t room = -1; /* bytes that fit; -1: any number */
static struct {
  int is_folder, is_kept;
  char name[PATH_MAX];
} files[FILES_MAX];

static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_openat)(int, const char *, int, ...);

static void *
real(const char *name)
{
  return dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void
begin(void)
{
  const char *path = getenv("DISK_LOG"), *of = getenv("DISK_FOLDER"), *fits = getenv("DISK_ROOM");

  *(void **)&real_write = real("write");
  *(void **)&real_openat = real("openat");
  if (path == NULL || of == NULL || realpath(of, folder) == NULL)
    return;
  if (fits != NULL)
    room = atol(fits);
  log_fd = real_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void
note(char what, uint64_t file, uint64_t offset, const void *bytes, size_t n)
{
  char head[96];
  int length = snprintf(head, sizeof head, "%c %llu %llu %zu\n", what, (unsigned long long)file,
                        (unsigned long long)offset, n);

  pthread_mutex_lock(&lock);
  if (real_write(log_fd, head, (size_t)length) != length ||
      (n > 0 && real_write(log_fd, bytes, n) != (ssize_t)n))
    abort();
  pthread_mutex_unlock(&lock);
}

/* The name below the folder; NULL where it is elsewhere, or nothing is noted. */
static const char *
below(const char *path, char full[PATH_MAX])
{
  char parent[PATH_MAX], resolved[PATH_MAX];
  const char *base = strrchr(path, '/');
  size_t n = strlen(folder);

  if (log_fd < 0)
    return NULL;
  if (realpath(path, resolved) == NULL) {
    snprintf(parent, sizeof parent, "%.*s", base != NULL ? (int)(base - path) : 1,
             base != NULL ? path : ".");
    if (realpath(*parent != '\0' ? parent : "/", resolved) == NULL ||
        strlen(resolved) + 1 + strlen(base != NULL ? base + 1 : path) >= PATH_MAX)
      return NULL;
    strcat(strcat(resolved, "/"), base != NULL ? base + 1 : path);
  }
  strcpy(full, resolved);
  if (strncmp(full, folder, n) != 0 || (full[n] != '/' && full[n] != '\0'))
    return NULL;
  return full[n] == '/' ? full + n + 1 : "";
}

static uint64_t
number(int fd)
{
  struct stat status;

  return fstat(fd, &status) == 0 ? (uint64_t)status.st_ino : 0;
}

static int
opened(int fd, const char *path, int flags, int was_there)
{
  char full[PATH_MAX];
  const char *name;
  struct stat status;

  if (fd < 0 || fd >= FILES_MAX)
    return fd;
  name = below(path, full);
  files[fd].is_kept = name != NULL && fstat(fd, &status) == 0;
  if (!files[fd].is_kept)
    return fd;
  files[fd].is_folder = S_ISDIR(status.st_mode);
  strcpy(files[fd].name, name);
  if (files[fd].is_folder)
    return fd;
  note(was_there ? 'N' : 'C', number(fd), 0, name, strlen(name));
  if (was_there && (flags & O_TRUNC))
    note('T', number(fd), 0, NULL, 0);
  return fd;
}

static int
open_it(int at, const char *path, int flags, mode_t mode)
{
  int was_there = faccessat(at, path, F_OK, 0) == 0;

  return opened(real_openat(at, path, flags, mode), path, flags, was_there);
}

#define MODE(flags, mode)                                                                          \
  mode_t mode = 0;                                                                                 \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                         \
    va_list list;                                                                                  \
    va_start(list, flags);                                                                         \
    mode = va_arg(list, mode_t);                                                                   \
    va_end(list);                                                                                  \
  }

#define OPEN(name)                                                                                 \
  int name(const char *path, int flags, ...)                                                       \
  {                                                                                                \
    MODE(flags, mode)                                                                              \
    return open_it(AT_FDCWD, path, flags, mode);                                                   \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                               \
  int name(int at, const char *path, int flags, ...)                                               \
  {                                                                                                \
    MODE(flags, mode)                                                                              \
    return open_it(at, path, flags, mode);                                                         \
  }
OPENAT(openat)
OPENAT(openat64)

static int
is_kept(int fd)
{
  return fd >= 0 && fd < FILES_MAX && files[fd].is_kept;
}

int
close(int fd)
{
  static int (*original)(int);

  if (original == NULL)
    *(void **)&original = real("close");
  if (fd >= 0 && fd < FILES_MAX)
    files[fd].is_kept = 0;
  return original(fd);
}

/* How many of n bytes there is room for: what the file has already, and what it may grow; -1 with
 * ENOSPC if for none. */
static ssize_t
take_room(int fd, off_t offset, size_t n)
{
  struct stat status;
  ssize_t fits = (ssize_t)n, has, growth;

  if (!is_kept(fd) || room < 0 || fstat(fd, &status) != 0)
    return fits;
  pthread_mutex_lock(&lock);
  has = status.st_size > offset ? status.st_size - offset : 0;
  growth = fits > has ? fits - has : 0;
  growth = growth < room ? growth : room;
  room -= growth;
  fits = fits < has + growth ? fits : has + growth;
  pthread_mutex_unlock(&lock);
  if (fits > 0 || n == 0)
    return fits;
  errno = ENOSPC;
  return -1;
}

ssize_t
write(int fd, const void *bytes, size_t n)
{
  off_t at = is_kept(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
  ssize_t fits = take_room(fd, at, n);
  ssize_t written = fits < 0 ? -1 : real_write(fd, bytes, (size_t)fits);

  if (written > 0 && is_kept(fd))
    note('W', number(fd), (uint64_t)at, bytes, (size_t)written);
  return written;
}

#define PWRITE(name)                                                                               \
  ssize_t name(int fd, const void *bytes, size_t n, off_t offset)                                  \
  {                                                                                                \
    static ssize_t (*original)(int, const void *, size_t, off_t);                                  \
    ssize_t fits = take_room(fd, offset, n), written;                                              \
    if (original == NULL)                                                                          \
      *(void **)&original = real(#name);                                                           \
    written = fits < 0 ? -1 : original(fd, bytes, (size_t)fits, offset);                           \
    if (written > 0 && is_kept(fd))                                                                \
      note('W', number(fd), (uint64_t)offset, bytes, (size_t)written);                             \
    return written;                                                                                \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

#define FTRUNCATE(name)                                                                            \
  int name(int fd, off_t bytes)                                                                    \
  {                                                                                                \
    static int (*original)(int, off_t);                                                            \
    int result;                                                                                    \
    if (original == NULL)                                                                          \
      *(void **)&original = real(#name);                                                           \
    result = original(fd, bytes);                                                                  \
    if (result == 0 && is_kept(fd))                                                                \
      note('T', number(fd), (uint64_t)bytes, NULL, 0);                                             \
    return result;                                                                                 \
  }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

/* What is only noted is fast. */
static int
sync_it(int fd)
{
  if (is_kept(fd) && files[fd].is_folder)
    note('D', 0, 0, files[fd].name, strlen(files[fd].name));
  else if (is_kept(fd))
    note('S', number(fd), 0, NULL, 0);
  return 0;
}

int
fsync(int fd)
{
  return sync_it(fd);
}

int
fdatasync(int fd)
{
  return sync_it(fd);
}

int
rename(const char *old, const char *new)
{
  static int (*original)(const char *, const char *);
  char a[PATH_MAX], b[PATH_MAX], both[2 * PATH_MAX];
  const char *from, *to;
  int result;

  if (original == NULL)
    *(void **)&original = real("rename");
  from = below(old, a);
  to = below(new, b);
  result = original(old, new);
  if (result == 0 && from != NULL && to != NULL) {
    size_t n = strlen(from) + 1;
    memcpy(both, from, n);
    strcpy(both + n, to);
    note('R', 0, 0, both, n + strlen(to));
  }
  return result;
}

int
unlink(const char *path)
{
  static int (*original)(const char *);
  char full[PATH_MAX];
  const char *name;
  int result;

  if (original == NULL)
    *(void **)&original = real("unlink");
  name = below(path, full);
  result = original(path);
  if (result == 0 && name != NULL)
    note('U', 0, 0, name, strlen(name));
  return result;
}
