/* Reads what a server did, or what an earlier run did.
 *
 * The file is read whole, with times as the rows give them. Then finish() brings the engine's clock
 * and that of the arrivals together. Times are doubles of up to 10^9 seconds: only their
 * differences from the first time of the same clock keep every digit.
 */
#include "rows.h"

#include <math.h>
#include <string.h>

#include "files/input.h"
#include "sim/units.h"

/* A gigabyte is a million requests with the times of all their tokens. */
#define MEASURED_MAX_BYTES ((gsize)1 << 30)

/* Plain or compressed. */
static char *
read_all(const char *path, gsize *n_bytes, GError **error)
{
  g_autoptr(GError) cause = NULL;
  char *text = input_read(path, INPUT_MAYBE_GZIP, MEASURED_MAX_BYTES, n_bytes, &cause);

  if (text == NULL)
    g_set_error(error, G_FILE_ERROR, cause->code, "cannot read %s: %s", path, cause->message);
  return text;
}

static gint64
ps_since(double time_s, double base_s)
{
  return (gint64)llround((time_s - base_s) * (double)PS_PER_S);
}

/* The earliest time on each clock; NAN: no row has that clock. */
static MeasuredClocks
find_bases(const MeasuredReader *reader)
{
  MeasuredClocks base = {NAN, NAN, NAN, NAN};

  for (guint i = 0; i < reader->clocks->len; i++) {
    const MeasuredClocks *c = &g_array_index(reader->clocks, MeasuredClocks, i);
    base.arrival_s = fmin(base.arrival_s, c->arrival_s);
    base.queued_s = fmin(base.queued_s, c->queued_s);
  }
  return base;
}

/* How far the engine's clock is ahead of that of the arrivals, from each clock's base. */
static gint64
find_offset(const MeasuredReader *reader, const MeasuredClocks *base)
{
  gint64 offset_ps = G_MAXINT64;

  for (guint i = 0; i < reader->clocks->len; i++) {
    const MeasuredClocks *c = &g_array_index(reader->clocks, MeasuredClocks, i);
    if (isfinite(c->queued_s))
      offset_ps = MIN(offset_ps, ps_since(c->queued_s, base->queued_s) -
                                     ps_since(c->arrival_s, base->arrival_s));
  }
  return offset_ps == G_MAXINT64 ? 0 : offset_ps;
}

static gboolean
in_span(double time_s, double base_s)
{
  return isnan(time_s) || fabs(time_s - base_s) < MEASURED_SPAN_MAX_S;
}

static gboolean
finish(MeasuredReader *reader, GError **error)
{
  MeasuredClocks base = find_bases(reader);
  gboolean has_engine_clock = isfinite(base.queued_s);
  double engine_s = has_engine_clock ? base.queued_s : base.arrival_s;
  gint64 offset_ps;

  for (guint i = 0; i < reader->clocks->len; i++) {
    const MeasuredClocks *c = &g_array_index(reader->clocks, MeasuredClocks, i);
    reader->line = g_array_index(reader->measured->requests, MeasuredRequest, i).line;
    if (!in_span(c->arrival_s, base.arrival_s) || !in_span(c->queued_s, engine_s) ||
        !in_span(c->first_s, engine_s) || !in_span(c->last_s, engine_s))
      return measured_fail(
          reader, error, "found times more than %g s apart, expected all on one clock%s",
          MEASURED_SPAN_MAX_S, has_engine_clock ? "" : ", or queued_ts, which tells the engine's");
  }
  offset_ps = find_offset(reader, &base);
  for (guint i = 0; i < reader->clocks->len; i++) {
    const MeasuredClocks *c = &g_array_index(reader->clocks, MeasuredClocks, i);
    MeasuredRequest *request = &g_array_index(reader->measured->requests, MeasuredRequest, i);
    request->arrival_ps = ps_since(c->arrival_s, base.arrival_s);
    request->ttft_ps = request->e2e_ps = -1;
    if (isnan(c->first_s) || isnan(c->last_s) || request->output_tokens == 0)
      continue;
    request->ttft_ps = ps_since(c->first_s, engine_s) - request->arrival_ps - offset_ps;
    request->e2e_ps = ps_since(c->last_s, engine_s) - request->arrival_ps - offset_ps;
    reader->line = request->line;
    if (request->ttft_ps < 0)
      return measured_fail(reader, error, "found a first token %g s before the request's arrival",
                           -ps_to_s(request->ttft_ps));
  }
  return TRUE;
}

static gboolean
read_text(MeasuredReader *reader, GError **error)
{
  gboolean is_json;

  if (strlen(reader->at) != (gsize)(reader->end - reader->at))
    return measured_fail(reader, error, "found a file that is no text, expected JSON lines or CSV");
  if (g_str_has_prefix(reader->at, "\xef\xbb\xbf"))
    reader->at += 3;
  is_json = memchr("{[", reader->at[strspn(reader->at, " \t\r\n")], 2) != NULL;
  if (!(is_json ? measured_read_json(reader, error) : measured_read_csv(reader, error)))
    return FALSE;
  if (reader->measured->requests->len == 0)
    return measured_fail(reader, error, "found no requests");
  return finish(reader, error);
}

static void
request_clear(gpointer data)
{
  g_free(((MeasuredRequest *)data)->id);
}

Measured *
measured_read(const char *path, GError **error)
{
  g_autoptr(Measured) measured = g_new0(Measured, 1);
  g_autofree char *text = NULL;
  MeasuredReader reader = {.measured = measured, .line = 1, .zero_ns = -1};
  gsize n_bytes;
  gboolean ok;

  measured->file = g_strdup(path);
  measured->requests = g_array_new(FALSE, FALSE, sizeof(MeasuredRequest));
  g_array_set_clear_func(measured->requests, request_clear);
  measured->doubts = g_ptr_array_new_with_free_func(g_free);
  text = read_all(path, &n_bytes, error);
  if (text == NULL)
    return NULL;
  reader.at = text;
  reader.end = text + n_bytes;
  reader.ids = g_hash_table_new(g_str_hash, g_str_equal);
  reader.clocks = g_array_new(FALSE, FALSE, sizeof(MeasuredClocks));
  ok = read_text(&reader, error);
  request_doubts_tell(&reader.records, "line", measured->doubts);
  g_array_unref(reader.clocks);
  g_hash_table_unref(reader.ids);
  return ok ? g_steal_pointer(&measured) : NULL;
}

void
measured_free(Measured *measured)
{
  if (measured == NULL)
    return;
  g_free(measured->file);
  g_array_unref(measured->requests);
  g_ptr_array_unref(measured->doubts);
  g_clear_pointer(&measured->pairs, g_array_unref);
  g_free(measured);
}
