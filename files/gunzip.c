#include "config.h"

#include "gunzip.h"

#include <string.h>

static const guchar magic[2] = {0x1f, 0x8b};

gboolean
gunzip_is_gzip(const void *bytes, gsize n_bytes)
{
  return n_bytes >= sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
}

gboolean
gunzip_init(Gunzip *gunzip)
{
  *gunzip = (Gunzip){.in_member = TRUE};
  return inflateInit2(&gunzip->stream, 15 + 16) == Z_OK;
}

void
gunzip_clear(Gunzip *gunzip)
{
  inflateEnd(&gunzip->stream);
}

/* Between members. FALSE: what follows is neither one nor padding. */
static gboolean
begin_member(Gunzip *gunzip)
{
  z_stream *stream = &gunzip->stream;

  while (stream->avail_in > 0 && *stream->next_in == 0) {
    gunzip->in_padding = TRUE;
    stream->next_in++;
    stream->avail_in--;
  }
  if (stream->avail_in == 0)
    return TRUE;
  if (gunzip->in_padding || *stream->next_in != magic[0])
    return FALSE;
  gunzip->in_member = TRUE;
  return inflateReset(stream) == Z_OK;
}

const char *
gunzip_run(Gunzip *gunzip)
{
  z_stream *stream = &gunzip->stream;

  while (stream->avail_in > 0 && stream->avail_out > 0) {
    int status;
    if (!gunzip->in_member && !begin_member(gunzip))
      return "bytes that are no gzip data follow its end; the file is damaged, or two were joined";
    if (!gunzip->in_member)
      break;
    status = inflate(stream, Z_NO_FLUSH);
    if (status == Z_STREAM_END)
      gunzip->in_member = FALSE;
    else if (status != Z_OK && status != Z_BUF_ERROR)
      return "the gzip data is damaged";
  }
  return NULL;
}

const char *
gunzip_end(const Gunzip *gunzip)
{
  return gunzip->in_member ? "the gzip data ends early; the file is truncated" : NULL;
}
