#include "config.h"

#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>
#include <zlib.h>

#define BUFFER_BYTES (64 * 1024)

struct Sink {
  char *path;
  int fd;    /* -1 once closed */
  gzFile gz; /* NULL: plain; owns fd otherwise */
  GString *text;
  int failure; /* errno of the first error, 0: none */
};

Sink *
sink_open(const char *path, GError **error)
{
  int fd = g_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  Sink *sink;

  if (fd < 0) {
    int saved = errno;
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(saved), "cannot write %s: %s", path,
                g_strerror(saved));
    return NULL;
  }
  sink = g_new0(Sink, 1);
  sink->path = g_strdup(path);
  sink->fd = fd;
  sink->text = g_string_sized_new(BUFFER_BYTES + BUFFER_BYTES / 4);
  if (g_str_has_suffix(path, ".gz"))
    sink->gz = gzdopen(fd, "wb6");
  return sink;
}

GString *
sink_text(Sink *sink)
{
  return sink->text;
}

static void
write_plain(Sink *sink)
{
  gsize done = 0;

  while (done < sink->text->len && sink->failure == 0) {
    gssize n = write(sink->fd, sink->text->str + done, sink->text->len - done);
    if (n >= 0)
      done += (gsize)n;
    else if (errno != EINTR)
      sink->failure = errno;
  }
}

static void
flush(Sink *sink)
{
  if (sink->failure == 0 && sink->text->len > 0) {
    errno = 0;
    if (sink->gz == NULL)
      write_plain(sink);
    else if (gzwrite(sink->gz, sink->text->str, (unsigned)sink->text->len) <= 0)
      sink->failure = errno != 0 ? errno : EIO;
  }
  g_string_truncate(sink->text, 0);
}

void
sink_flush_if_full(Sink *sink)
{
  if (sink->text->len >= BUFFER_BYTES)
    flush(sink);
}

static void
close_file(Sink *sink)
{
  int result;

  if (sink->fd < 0)
    return;
  errno = 0;
  result = sink->gz != NULL ? gzclose(sink->gz) : close(sink->fd);
  if (result != 0 && sink->failure == 0)
    sink->failure = errno != 0 ? errno : EIO;
  sink->fd = -1;
}

gboolean
sink_close(Sink *sink, GError **error)
{
  flush(sink);
  close_file(sink);
  if (sink->failure == 0)
    return TRUE;
  g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(sink->failure),
              "cannot write %s: %s; what it holds is incomplete", sink->path,
              g_strerror(sink->failure));
  return FALSE;
}

void
sink_free(Sink *sink)
{
  if (sink == NULL)
    return;
  close_file(sink);
  g_string_free(sink->text, TRUE);
  g_free(sink->path);
  g_free(sink);
}
