#include "config.h"

#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gunzip.h"

enum { BLOCK_BYTES = 1 << 16, GLANCE_BYTES = 1 << 20 };

typedef struct {
  char *bytes; /* room for one more than `capacity` */
  gsize length, capacity, max;
} Buffer;

static gboolean
fail_errno(int cause, GError **error)
{
  g_set_error_literal(error, G_FILE_ERROR, (int)g_file_error_from_errno(cause), g_strerror(cause));
  return FALSE;
}

static gboolean
fail(const char *message, GError **error)
{
  g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, message);
  return FALSE;
}

/* Room for some more, never beyond one byte more than is allowed: that one tells that it is more.
 */
static gboolean
grow(Buffer *buffer, GError **error)
{
  gsize capacity = MIN(MAX(buffer->capacity * 2, BLOCK_BYTES), buffer->max + 1);
  char *bytes;

  if (buffer->capacity < GLANCE_BYTES && capacity >= GLANCE_BYTES && buffer->length > 0 &&
      memchr(buffer->bytes, '\0', buffer->length) != NULL)
    return fail("it is long and holds bytes of value 0: no text does", error);
  bytes = g_try_realloc(buffer->bytes, capacity + 1);
  if (bytes == NULL)
    return fail_errno(ENOMEM, error);
  buffer->bytes = bytes;
  buffer->capacity = capacity;
  return TRUE;
}

static gboolean
refuse_length(const Buffer *buffer, GError **error)
{
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
              "it has more than %" G_GSIZE_FORMAT " MiB, or never ends: no file of its kind does",
              buffer->max >> 20);
  return FALSE;
}

static gssize
read_some(int fd, void *to, gsize n_bytes)
{
  gssize got;

  do
    got = read(fd, to, n_bytes);
  while (got < 0 && errno == EINTR);
  return got;
}

static gboolean
read_plain(int fd, Buffer *buffer, GError **error)
{
  for (;;) {
    gssize got;
    if (buffer->length > buffer->max)
      return refuse_length(buffer, error);
    if (buffer->length == buffer->capacity && !grow(buffer, error))
      return FALSE;
    got = read_some(fd, buffer->bytes + buffer->length, buffer->capacity - buffer->length);
    if (got < 0)
      return fail_errno(errno, error);
    if (got == 0)
      return TRUE;
    buffer->length += (gsize)got;
  }
}

/* All that can be unpacked of what was read. */
static gboolean
unpack(Gunzip *gunzip, Buffer *buffer, GError **error)
{
  z_stream *stream = &gunzip->stream;
  const char *fault;

  while (stream->avail_in > 0) {
    if (buffer->length > buffer->max)
      return refuse_length(buffer, error);
    if (buffer->length == buffer->capacity && !grow(buffer, error))
      return FALSE;
    stream->next_out = (Bytef *)buffer->bytes + buffer->length;
    stream->avail_out = (uInt)MIN(buffer->capacity - buffer->length, G_MAXUINT32);
    fault = gunzip_run(gunzip);
    buffer->length = (gsize)((char *)stream->next_out - buffer->bytes);
    if (fault != NULL)
      return fail(fault, error);
  }
  return TRUE;
}

/* begin: what was read of it already. */
static gboolean
read_gzip(int fd, const guchar *begin, gsize n_begin, Buffer *buffer, GError **error)
{
  g_autofree guchar *packed = g_malloc(BLOCK_BYTES);
  gssize got = (gssize)n_begin;
  gboolean worked = TRUE;
  Gunzip gunzip;

  memcpy(packed, begin, n_begin);
  if (!gunzip_init(&gunzip))
    return fail_errno(ENOMEM, error);
  while (worked && got > 0) {
    gunzip.stream.next_in = packed;
    gunzip.stream.avail_in = (uInt)got;
    worked = unpack(&gunzip, buffer, error);
    if (worked && (got = read_some(fd, packed, BLOCK_BYTES)) < 0)
      worked = fail_errno(errno, error);
  }
  if (worked && gunzip_end(&gunzip) != NULL)
    worked = fail(gunzip_end(&gunzip), error);
  gunzip_clear(&gunzip);
  return worked && (buffer->capacity > buffer->length || grow(buffer, error));
}

/* A pipe may give less than was asked for. */
static gssize
read_begin(int fd, guchar *begin, gsize n_bytes)
{
  gsize n = 0;

  while (n < n_bytes) {
    gssize got = read_some(fd, begin + n, n_bytes - n);
    if (got < 0)
      return got;
    if (got == 0)
      break;
    n += (gsize)got;
  }
  return (gssize)n;
}

static gboolean
read_file(int fd, InputPacking packing, Buffer *buffer, GError **error)
{
  guchar begin[2];
  gssize got = read_begin(fd, begin, sizeof begin);

  if (got < 0)
    return fail_errno(errno, error);
  if (packing == INPUT_MAYBE_GZIP && gunzip_is_gzip(begin, (gsize)got))
    return read_gzip(fd, begin, (gsize)got, buffer, error);
  if (!grow(buffer, error))
    return FALSE;
  memcpy(buffer->bytes, begin, (gsize)got);
  buffer->length = (gsize)got;
  return read_plain(fd, buffer, error);
}

char *
input_read(const char *path, InputPacking packing, gsize max_bytes, gsize *n_bytes, GError **error)
{
  Buffer buffer = {.max = max_bytes};
  struct stat status;
  gboolean worked;
  int fd = open(path, O_RDONLY | O_CLOEXEC);

  if (fd < 0) {
    fail_errno(errno, error);
    return NULL;
  }
  worked = fstat(fd, &status) == 0 || fail_errno(errno, error);
  if (worked && S_ISDIR(status.st_mode))
    worked = fail_errno(EISDIR, error);
  worked = worked && read_file(fd, packing, &buffer, error);
  close(fd);
  if (!worked) {
    g_free(buffer.bytes);
    return NULL;
  }
  buffer.bytes[buffer.length] = '\0';
  if (n_bytes != NULL)
    *n_bytes = buffer.length;
  return buffer.bytes;
}

InputStatus
input_line(FILE *file, GString *line, gsize max_bytes)
{
  int c;

  g_string_truncate(line, 0);
  errno = 0;
  while ((c = getc_unlocked(file)) != EOF && c != '\n') {
    if (line->len == max_bytes)
      return INPUT_TOO_LONG;
    g_string_append_c(line, (char)c);
  }
  if (c == EOF && ferror(file))
    return INPUT_FAILED;
  return c == EOF && line->len == 0 ? INPUT_END : INPUT_LINE;
}
