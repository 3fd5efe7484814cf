#include "config.h"

#include "disk_file.h"

#include <errno.h>
#include <unistd.h>

#include "device.h"
#include "files/unnamed.h"

struct DiskFile {
  int fd;
  gsize block_bytes;
};

static gboolean
fail(GError **error, const char *what, gint32 block)
{
  int code = errno;

  g_set_error(error, LIVE_ERROR, LIVE_ERROR_COPY, "the disk's blocks in %s: %s block %d: %s",
              g_get_tmp_dir(), what, block, code != 0 ? g_strerror(code) : "the file ends");
  return FALSE;
}

DiskFile *
disk_file_open(guint32 num_blocks, gsize block_bytes, GError **error)
{
  DiskFile *file;
  int fd = unnamed_file_open("spillway-blocks", error);

  if (fd < 0) {
    g_prefix_error(error, "the disk's blocks: ");
    return NULL;
  }
  if (ftruncate(fd, (off_t)(num_blocks * block_bytes)) != 0) {
    fail(error, "making room for", (gint32)num_blocks);
    close(fd);
    return NULL;
  }
  file = g_new0(DiskFile, 1);
  file->fd = fd;
  file->block_bytes = block_bytes;
  return file;
}

void
disk_file_close(DiskFile *file)
{
  if (file == NULL)
    return;
  close(file->fd);
  g_free(file);
}

gboolean
disk_file_write(DiskFile *file, gint32 block, const char *bytes, GError **error)
{
  for (gsize done = 0; done < file->block_bytes;) {
    gssize n = pwrite(file->fd, bytes + done, file->block_bytes - done,
                      (off_t)((gsize)block * file->block_bytes + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fail(error, "writing", block);
    done += (gsize)n;
  }
  return TRUE;
}

gboolean
disk_file_read(DiskFile *file, gint32 block, char *bytes, GError **error)
{
  for (gsize done = 0; done < file->block_bytes;) {
    gssize n = pread(file->fd, bytes + done, file->block_bytes - done,
                     (off_t)((gsize)block * file->block_bytes + done));
    if (n < 0 && errno == EINTR)
      continue;
    errno = n == 0 ? 0 : errno;
    if (n <= 0)
      return fail(error, "reading", block);
    done += (gsize)n;
  }
  return TRUE;
}
