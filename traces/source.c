/* Reads a trace in large blocks into one buffer and finds the line ends in it.
 *
 *   buffer: [ handed out | begin … filled | free … capacity ] + what may be read behind a line
 *
 * When no line end is left, the rest moves to the front and the next block is read behind it, so a
 * line is always contiguous; the buffer grows only for lines longer than it.
 */
#include "config.h"

#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/gunzip.h"

enum { BLOCK_BYTES = 1 << 20, LINE_MAX_BYTES = 64 << 20, MARK_MAX_BYTES = 16 };

struct Source {
  char *name;
  int fd;
  char *buffer;
  gsize begin, filled, capacity;
  gint64 length_bytes; /* of a plain file; -1: not known */
  gboolean at_end;     /* the input has no more bytes */
  gboolean is_started; /* a line was handed out */
  gboolean is_gzip;
  Gunzip gunzip;
  unsigned char *packed; /* BLOCK_BYTES, for gzip */
};

static gboolean
fail(const Source *source, GError **error, const char *message)
{
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: %s", source->name, message);
  return FALSE;
}

/* Bytes read, 0 at the end, -1 with an error. */
static gssize
read_block(Source *source, void *to, gsize bytes, GError **error)
{
  gssize got;

  do
    got = read(source->fd, to, bytes);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "%s: cannot be read: %s",
                source->name, g_strerror(errno));
  return got;
}

/* What was read so far is the start of a gzip file: moves it to the packed side. */
static gboolean
start_gzip(Source *source, GError **error)
{
  source->packed = g_malloc(BLOCK_BYTES);
  memcpy(source->packed, source->buffer, source->filled);
  if (!gunzip_init(&source->gunzip))
    return fail(source, error, "gzip cannot be started");
  source->gunzip.stream.next_in = source->packed;
  source->gunzip.stream.avail_in = (uInt)source->filled;
  source->filled = 0;
  source->is_gzip = TRUE;
  return TRUE;
}

static gboolean
fill_gzip(Source *source, GError **error)
{
  z_stream *z = &source->gunzip.stream;
  gsize free_bytes = source->capacity - source->filled;
  const char *fault = NULL;

  z->next_out = (Bytef *)source->buffer + source->filled;
  z->avail_out = (uInt)free_bytes;
  while (z->avail_out == free_bytes && !source->at_end) {
    if (z->avail_in == 0) {
      gssize got = read_block(source, source->packed, BLOCK_BYTES, error);
      if (got < 0)
        return FALSE;
      z->next_in = source->packed;
      z->avail_in = (uInt)got;
      source->at_end = got == 0;
    }
    fault = source->at_end ? gunzip_end(&source->gunzip) : gunzip_run(&source->gunzip);
    if (fault != NULL)
      return fail(source, error, fault);
  }
  source->filled += free_bytes - z->avail_out;
  return TRUE;
}

/* Makes room behind the unread rest and reads more of the input there. */
static gboolean
fill(Source *source, GError **error)
{
  gssize got;

  if (source->begin > 0) {
    memmove(source->buffer, source->buffer + source->begin, source->filled - source->begin);
    source->filled -= source->begin;
    source->begin = 0;
  }
  if (source->filled == source->capacity) {
    if (source->capacity >= LINE_MAX_BYTES)
      return fail(source, error, "a line is longer than 64 MiB; this is not a trace");
    source->capacity *= 2;
    source->buffer = g_realloc(source->buffer, source->capacity + SOURCE_BEHIND_BYTES);
  }
  if (source->is_gzip)
    return fill_gzip(source, error);
  got =
      read_block(source, source->buffer + source->filled, source->capacity - source->filled, error);
  if (got < 0)
    return FALSE;
  source->filled += (gsize)got;
  source->at_end = got == 0;
  return TRUE;
}

Source *
source_open(const char *path, GError **error)
{
  g_autoptr(Source) source = g_new0(Source, 1);
  struct stat status;

  source->name =
      g_str_equal(path, "-") ? g_strdup("standard input") : g_filename_display_name(path);
  source->fd = g_str_equal(path, "-") ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  if (source->fd < 0 || fstat(source->fd, &status) != 0) {
    g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno),
                "%s: cannot be opened: %s", source->name, g_strerror(errno));
    return NULL;
  }
  if (S_ISDIR(status.st_mode)) {
    fail(source, error, "is a directory, expected a trace file");
    return NULL;
  }
  source->length_bytes = S_ISREG(status.st_mode) ? (gint64)status.st_size : -1;
  source->capacity = BLOCK_BYTES;
  source->buffer = g_malloc0(source->capacity + SOURCE_BEHIND_BYTES);
  while (!source->at_end && source->filled < MARK_MAX_BYTES) /* to know gzip, a byte order mark… */
    if (!fill(source, error))
      return NULL;
  if (gunzip_is_gzip(source->buffer, source->filled)) {
    source->at_end = FALSE;
    source->length_bytes = -1;
    if (!start_gzip(source, error))
      return NULL;
    while (!source->at_end && source->filled < MARK_MAX_BYTES)
      if (!fill(source, error))
        return NULL;
  }
  return g_steal_pointer(&source);
}

void
source_close(Source *source)
{
  if (source == NULL)
    return;
  if (source->is_gzip)
    gunzip_clear(&source->gunzip);
  if (source->fd > STDIN_FILENO)
    close(source->fd);
  g_free(source->packed);
  g_free(source->buffer);
  g_free(source->name);
  g_free(source);
}

const char *
source_name(const Source *source)
{
  return source->name;
}

SourceStatus
source_line(Source *source, const char **line, const char **end, GError **error)
{
  gsize scanned = 0; /* bytes after begin that hold no line end */
  char *found = NULL;

  if (!source->is_started && source->filled >= 3 && memcmp(source->buffer, "\xef\xbb\xbf", 3) == 0)
    source->begin = 3;
  source->is_started = TRUE;
  while (found == NULL) {
    gsize rest = source->filled - source->begin;
    if (rest > scanned)
      found = memchr(source->buffer + source->begin + scanned, '\n', rest - scanned);
    if (found != NULL)
      break;
    scanned = rest;
    if (source->at_end) {
      if (rest == 0)
        return SOURCE_END;
      found = source->buffer + source->filled;
      *found = '\n';
    } else if (!fill(source, error)) {
      return SOURCE_ERROR;
    }
  }
  *line = source->buffer + source->begin;
  source->begin = MIN((gsize)(found - source->buffer) + 1, source->filled);
  *end = found > *line && found[-1] == '\r' ? found - 1 : found;
  return SOURCE_LINE;
}

gboolean
source_begins_with(const Source *source, const char *mark, gsize bytes)
{
  return source->filled - source->begin >= bytes &&
         memcmp(source->buffer + source->begin, mark, bytes) == 0;
}

gint64
source_length_bytes(const Source *source)
{
  return source->length_bytes;
}

gboolean
source_bytes(Source *source, void *to, gsize bytes, gsize *got, GError **error)
{
  for (*got = 0; *got < bytes;) {
    gsize here = MIN(source->filled - source->begin, bytes - *got);
    memcpy((char *)to + *got, source->buffer + source->begin, here);
    source->begin += here;
    *got += here;
    if (*got == bytes || source->at_end)
      break;
    if (source->is_gzip) {
      if (!fill(source, error))
        return FALSE;
    } else { /* past the buffer, right to where it is wanted */
      gssize more = read_block(source, (char *)to + *got, bytes - *got, error);
      if (more < 0)
        return FALSE;
      source->at_end = more == 0;
      *got += (gsize)more;
    }
  }
  return TRUE;
}
