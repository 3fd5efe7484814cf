/* Passes a written trace on in pieces of about a MiB. The file is opened with the first of them, so
 * what fails at once leaves a file that is there as it was.
 */
#include "config.h"

#include "output.h"

#include "files/output.h"

#include <errno.h>
#include <string.h>
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

static gboolean
pass_on(TraceOutput *output, GError **error)
{
  GString *text = output->text;
  gboolean ok = TRUE;

  if (output->file == NULL && output->packed == NULL) {
    if (is_stdout(output))
      output->file = stdout;
    else if (g_str_has_suffix(output->path, ".gz"))
      output->packed = gzopen(output->path, "wb6e");
    else
      output->file = fopen(output->path, "we");
  }
  if (output->packed != NULL)
    ok = text->len == 0 || gzwrite(output->packed, text->str, (unsigned)text->len) > 0;
  else
    ok = output->file != NULL && fwrite(text->str, 1, text->len, output->file) == text->len;
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
  gboolean is_open;

  if (output->path == NULL)
    return ok;
  ok = ok && pass_on(output, error);
  is_open = output->file != NULL || output->packed != NULL;
  if (output->packed != NULL && gzclose(output->packed) != Z_OK && ok)
    ok = fail(output, error);
  if (output->file != NULL &&
      (is_stdout(output) ? fflush(output->file) : fclose(output->file)) != 0 && ok)
    ok = fail(output, error);
  if (!ok && is_open && g_file_test(output->path, G_FILE_TEST_IS_REGULAR)) {
    g_autofree char *target = output_target(output->path);
    unlink(target);
  }
  g_string_free(output->text, TRUE);
  return ok;
}
