/* Passes a written trace on in pieces of about a MiB, to a file that takes its name when all of it
 * is there: half a trace would be read as a whole one.
 */
#include "config.h"

#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

enum { SPILL_BYTES = 1 << 20 };

void
trace_output_init(TraceOutput *output, const char *path, const char *comment)
{
  *output = (TraceOutput){.text = g_string_new(NULL), .path = path, .comment = comment};
}

static gboolean
is_stdout(const TraceOutput *output)
{
  return g_str_equal(output->path, "-");
}

static gboolean
fail(const TraceOutput *output, GError **error)
{
  g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno),
              "%s: cannot be written: %s", is_stdout(output) ? "standard output" : output->path,
              g_strerror(errno));
  return FALSE;
}

/* gzclose() closes what it writes to, so it gets a copy. */
static gboolean
open_file(TraceOutput *output, GError **error)
{
  int copy;

  if (output->file != NULL || is_stdout(output))
    return TRUE;
  output->file = replacement_begin(output->path, FALSE, error);
  if (output->file == NULL) {
    g_prefix_error(error, "%s: cannot be written: ", output->path);
    return FALSE;
  }
  if (!g_str_has_suffix(output->path, ".gz"))
    return TRUE;
  copy = dup(replacement_fd(output->file));
  output->packed = copy >= 0 ? gzdopen(copy, "wb6") : NULL;
  return output->packed != NULL || fail(output, error);
}

static gboolean
pass_on(TraceOutput *output, GError **error)
{
  GString *text = output->text;
  gboolean ok;

  if (!open_file(output, error))
    return FALSE;
  if (output->packed != NULL)
    ok = text->len == 0 || gzwrite(output->packed, text->str, (unsigned)text->len) > 0;
  else if (output->file != NULL)
    ok = (errno = replacement_write(output->file, text->str, text->len)) == 0;
  else
    ok = fwrite(text->str, 1, text->len, stdout) == text->len;
  if (ok && output->file != NULL)
    replacement_spare(output->file);
  g_string_truncate(text, 0);
  return ok || fail(output, error);
}

gboolean
trace_output_spill(TraceOutput *output, GError **error)
{
  return output->path == NULL || output->text->len < SPILL_BYTES || pass_on(output, error);
}

gboolean
trace_output_finish(TraceOutput *output, gboolean ok, GError **error)
{
  int cause;

  if (output->path == NULL)
    return ok;
  ok = ok && pass_on(output, error);
  if (output->packed != NULL && gzclose(output->packed) != Z_OK && ok)
    ok = fail(output, error);
  if (is_stdout(output) && fflush(stdout) != 0 && ok)
    ok = fail(output, error);
  if (output->file != NULL && (cause = replacement_end(output->file, ok)) != 0 && ok) {
    errno = cause;
    ok = fail(output, error);
  }
  g_string_free(output->text, TRUE);
  return ok;
}
