/* Which request of the file is which of the trace. Called once, before the first run, so that a
 * file of another trace costs no simulation. */
#include "against.h"

#include <math.h>

#include "report/text/format.h"
#include "sim/units.h"

/* Arrivals are told in milliseconds or finer; a server's own clock drifts less than this. */
#define ARRIVAL_SLACK_PS (PS_PER_S / 100)

static const MeasuredRequest *
measured_request(const Measured *measured, gint64 index)
{
  return &g_array_index(measured->requests, MeasuredRequest, index);
}

static guint32
pair_by_id(Measured *measured, const Workload *workload)
{
  g_autoptr(GHashTable) indices = g_hash_table_new(g_str_hash, g_str_equal);
  guint32 paired = 0;

  for (guint i = 0; i < measured->requests->len; i++)
    g_hash_table_insert(indices, measured_request(measured, i)->id, GUINT_TO_POINTER(i));
  for (guint32 i = 0; i < workload_count(workload); i++) {
    char buffer[24];
    gpointer found;
    gint64 index = -1;
    if (g_hash_table_lookup_extended(indices, workload_id(workload, i, buffer), NULL, &found))
      index = GPOINTER_TO_UINT(found);
    paired += index >= 0;
    g_array_append_val(measured->pairs, index);
  }
  return paired;
}

static gboolean
has_numbers_only(const Measured *measured)
{
  for (guint i = 0; i < measured->requests->len; i++) {
    const char *id = measured_request(measured, i)->id;
    if (!g_ascii_string_to_unsigned(id, 10, 0, G_MAXUINT64, NULL, NULL))
      return FALSE;
  }
  return TRUE;
}

static int
compare_arrival(gconstpointer a, gconstpointer b, gpointer user_data)
{
  gint64 i = *(const gint64 *)a, j = *(const gint64 *)b;
  gint64 x = measured_request(user_data, i)->arrival_ps;
  gint64 y = measured_request(user_data, j)->arrival_ps;

  if (x == y)
    return i < j ? -1 : i > j;
  return x < y ? -1 : 1;
}

/* The workload is in order of arrival. */
static guint32
pair_by_order(Measured *measured, const Workload *workload)
{
  guint32 paired = MIN(workload_count(workload), measured->requests->len);
  gint64 *pairs = (gint64 *)(gpointer)measured->pairs->data;
  g_autofree gint64 *order = g_new(gint64, measured->requests->len);

  for (guint i = 0; i < measured->requests->len; i++)
    order[i] = i;
  g_qsort_with_data(order, (gint)measured->requests->len, sizeof *order, compare_arrival, measured);
  for (guint32 i = 0; i < paired; i++)
    pairs[i] = order[i];
  return paired;
}

static gboolean
fail_lengths(const Measured *measured, const MeasuredRequest *m, const char *what, guint32 found,
             guint32 expected, const char *id, GError **error)
{
  g_autofree char *shown = g_strescape(id, NULL);

  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
              "%s:%" G_GUINT64_FORMAT
              ": found %u %s tokens, expected the %u of the trace's request "
              "%s; is it a run of this trace?",
              measured->file, m->line, found, what, expected, shown);
  return FALSE;
}

static gboolean
check_lengths(const Measured *measured, const Workload *workload, GError **error)
{
  for (guint32 i = 0; i < workload_count(workload); i++) {
    gint64 index = g_array_index(measured->pairs, gint64, i);
    const Request *request = workload_request(workload, i);
    const MeasuredRequest *m;
    char id[24];

    if (index < 0)
      continue;
    m = measured_request(measured, index);
    if (m->prompt_tokens != request->prompt_tokens)
      return fail_lengths(measured, m, "prompt", m->prompt_tokens, request->prompt_tokens,
                          workload_id(workload, i, id), error);
    if (m->output_tokens > request->output_tokens ||
        (m->output_tokens < request->output_tokens && !m->may_be_cut && m->ttft_ps >= 0))
      return fail_lengths(measured, m, "output", m->output_tokens, request->output_tokens,
                          workload_id(workload, i, id), error);
  }
  return TRUE;
}

static void G_GNUC_PRINTF(2, 3) note(GPtrArray *notes, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  g_ptr_array_add(notes, g_strdup_vprintf(format, args));
  va_end(args);
}

/* Notes that the arrivals differ: another load has other latencies (a forgotten --time-scale, say).
 */
static void
note_arrivals(const Measured *measured, const Workload *workload, GPtrArray *notes)
{
  gint64 first_measured_ps = G_MAXINT64, first_ps = G_MAXINT64, most_ps = 0;

  for (guint32 i = 0; i < workload_count(workload); i++) {
    gint64 index = g_array_index(measured->pairs, gint64, i);
    if (index < 0)
      continue;
    first_ps = MIN(first_ps, workload_request(workload, i)->arrival_ps);
    first_measured_ps = MIN(first_measured_ps, measured_request(measured, index)->arrival_ps);
  }
  for (guint32 i = 0; i < workload_count(workload); i++) {
    gint64 index = g_array_index(measured->pairs, gint64, i);
    if (index >= 0)
      most_ps =
          MAX(most_ps, ABS(workload_request(workload, i)->arrival_ps - first_ps -
                           measured_request(measured, index)->arrival_ps + first_measured_ps));
  }
  if (most_ps > ARRIVAL_SLACK_PS) {
    g_autofree char *most = format_duration(ps_to_s(most_ps));
    note(notes, "%s: requests arrived at other times than in the trace, by up to %s",
         measured->file, most);
  }
}

static void
note_counts(const Measured *measured, guint32 paired, guint32 in_run, GPtrArray *notes)
{
  guint in_file = measured->requests->len;

  if (paired < in_file)
    note(notes,
         "%s: %u of its %u requests, and what they loaded the server with, are not in this run",
         measured->file, in_file - paired, in_file);
  if (paired < in_run)
    note(notes, "%s: has nothing of %u of the run's %u requests", measured->file, in_run - paired,
         in_run);
}

gboolean
measured_pair(Measured *measured, const Workload *workload, GPtrArray *notes, GError **error)
{
  guint32 n = workload_count(workload), paired;
  gboolean by_order = FALSE;

  g_clear_pointer(&measured->pairs, g_array_unref);
  measured->pairs = g_array_sized_new(FALSE, FALSE, sizeof(gint64), n);
  paired = pair_by_id(measured, workload);
  if (paired == 0 && n > 0 && (workload->names == NULL || has_numbers_only(measured))) {
    by_order = TRUE;
    paired = pair_by_order(measured, workload);
  }
  if (paired == 0) {
    char buffer[24];
    g_autofree char *theirs = g_strescape(measured_request(measured, 0)->id, NULL);
    g_autofree char *ours = g_strescape(n > 0 ? workload_id(workload, 0, buffer) : "", NULL);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s:%" G_GUINT64_FORMAT ": found the id %s, and none of the trace's, of which the "
                "first is %s; is it a run of this trace?",
                measured->file, measured_request(measured, 0)->line, theirs, ours);
    return FALSE;
  }
  if (!check_lengths(measured, workload, error))
    return FALSE;
  if (by_order)
    note(notes, "%s: its ids are not the trace's; paired by order of arrival", measured->file);
  note_counts(measured, paired, n, notes);
  note_arrivals(measured, workload, notes);
  return TRUE;
}
