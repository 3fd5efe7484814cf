/* The overview of a run; request.c has requests and preemptions. */
#include "explain.h"

#include <math.h>

#include "report/overhead.h"
#include "report/results/check.h"
#include "report/text/format.h"
#include "report/text/table.h"
#include "sim/policies/policy.h"

gint64
explain_find_run(Results *results, gint64 run_id, GError **error)
{
  g_autoptr(ResultsQuery) last = results_query_first(
      results_query_new(results, "SELECT max(id) AS last, count(*) AS runs FROM run", 0, 0, error),
      "", error);
  g_autoptr(ResultsQuery) run = NULL;
  g_autofree char *absent = NULL;

  if (last == NULL)
    return 0;
  if (results_query_count(last, "runs") == 0) {
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_ABSENT, "the file holds no run");
    return 0;
  }
  absent = g_strdup_printf("--run: found %" G_GINT64_FORMAT
                           ", expected the number of a run, %s%" G_GINT64_FORMAT,
                           run_id, results_query_count(last, "last") > 1 ? "at most " : "",
                           results_query_count(last, "last"));
  run = results_query_first(
      results_query_new(results, "SELECT id FROM run WHERE id = ?1",
                        run_id != 0 ? run_id : results_query_count(last, "last"), 0, error),
      absent, error);
  return run != NULL && results_check_values(results, "main", results_query_count(run, "id"),
                                             results->path, error)
             ? results_query_count(run, "id")
             : 0;
}

gboolean
explain_is_kept(Results *results, const char *table, gint64 run_id)
{
  g_autofree char *sql =
      g_strdup_printf("SELECT EXISTS (SELECT 1 FROM %s WHERE run_id = ?1) AS kept", table);
  g_autoptr(ResultsQuery) query =
      results_query_first(results_query_new(results, sql, run_id, 0, NULL), "", NULL);

  return query != NULL && results_query_count(query, "kept") != 0;
}

static void
append_head(ResultsQuery *run, GString *text)
{
  double slowdown = results_query_real(run, "slowdown");
  g_autofree char *makespan = format_duration(results_query_real(run, "makespan_s"));
  g_autofree char *requests = format_count((guint64)results_query_count(run, "requests"));
  g_autofree char *finished = format_count((guint64)results_query_count(run, "finished"));

  g_string_append_printf(text, "Run %" G_GINT64_FORMAT "%s%s: ", results_query_count(run, "run_id"),
                         *results_query_text(run, "name") != '\0' ? ", " : "",
                         results_query_text(run, "name"));
  if (*results_query_text(run, "model") != '\0')
    g_string_append_printf(text, "%s on %s, ", results_query_text(run, "model"),
                           results_query_text(run, "device"));
  g_string_append_printf(text, "scheduler %s, overflow %s%s.\n\n",
                         results_query_text(run, "scheduler"), results_query_text(run, "overflow"),
                         policy_setting_is_bound("overflow", results_query_text(run, "overflow"))
                             ? POLICY_BOUND_LABEL
                             : "");
  g_string_append_printf(text, "%s of %s requests finished, in %s", finished, requests, makespan);
  if (slowdown > 1.0005) {
    g_autofree char *times = format_number(slowdown);
    g_string_append_printf(text, ": %s times what unlimited memory takes", times);
  }
  g_string_append(text, ".\n");
  if (!g_str_equal(results_query_text(run, "end"), "done"))
    g_string_append_printf(text, "It ended early (%s): %s\n", results_query_text(run, "end"),
                           results_query_text(run, "end_reason"));
}

static gboolean
append_pool(Results *results, gint64 run_id, ResultsQuery *run, GString *text, GError **error)
{
  g_autoptr(ResultsQuery) full =
      results_query_new(results, "SELECT * FROM full_pool WHERE run_id = ?1", run_id, 0, error);
  g_autofree char *blocks = format_count((guint64)results_query_count(run, "num_gpu_blocks"));
  GError *cause = NULL;

  if (full == NULL)
    return FALSE;
  if (results_query_next(full, &cause)) {
    g_autofree char *share = format_percent(MIN(1, results_query_real(full, "share")));
    g_autofree char *first = format_duration(results_query_real(full, "first_s"));
    g_autofree char *waiting = format_count((guint64)results_query_count(full, "waiting_max"));
    g_string_append_printf(
        text,
        "The pool of %s blocks was full in %s of that time, first at %s, with up "
        "to %s requests in the queue.\n",
        blocks, share, first, waiting);
  } else if (cause == NULL) {
    g_autofree char *peak = format_percent(results_query_real(run, "peak_gpu_blocks") /
                                           results_query_real(run, "num_gpu_blocks"));
    g_string_append_printf(
        text, "The pool of %s blocks %s; %s of it were in use at most.\n", blocks,
        explain_is_kept(results, "series", run_id) ? "was never full"
                                                   : "has no series that tells when it was full",
        peak);
  }
  if (cause != NULL)
    g_propagate_error(error, cause);
  return cause == NULL;
}

/* "16 were swapped, which alone takes 1.8 s. Recomputing them …" */
static void
append_choice(ResultsQuery *choice, GString *text)
{
  gboolean swapped = g_str_equal(results_query_text(choice, "action"), "swap");
  gint64 n = results_query_count(choice, "preemptions");
  gint64 cheaper = results_query_count(choice, "other_cheaper");
  g_autofree char *count = format_count((guint64)n);
  g_autofree char *cheaper_count = format_count((guint64)cheaper);
  g_autofree char *cost = format_duration(results_query_real(choice, "cost_s"));
  g_autofree char *other = format_duration(results_query_real(choice, "other_cost_s"));
  g_autofree char *lost = format_duration(results_query_real(choice, "lost_by_choice_s"));

  g_string_append_printf(text,
                         "%s %s %s, which took %s; %s would have taken %s, and was the "
                         "cheaper for ",
                         count, n == 1 ? "was" : "were", swapped ? "swapped" : "recomputed", cost,
                         swapped ? "recomputing" : "swapping", other);
  if (cheaper == 0)
    g_string_append(text, "none of them.\n");
  else
    g_string_append_printf(text, "%s of them, by %s in sum.\n", cheaper_count, lost);
}

/* Appends how much of their KV the prefix cache had kept, and what each policy would have cost. */
static gboolean
append_prices(Results *results, gint64 run_id, GString *text, GError **error)
{
  g_autofree char *sums = explain_price_sums();
  g_autofree char *sql = g_strdup_printf(
      "SELECT sum(found_tokens) AS found, %s FROM preemption WHERE run_id = ?1", sums);
  g_autoptr(ResultsQuery) row =
      results_query_first(results_query_new(results, sql, run_id, 0, error), "", error);

  if (row == NULL)
    return FALSE;
  if (results_query_count(row, "found") > 0) {
    g_autofree char *found = format_count((guint64)results_query_count(row, "found"));
    g_string_append_printf(
        text, "A prefix cache still had %s of their tokens when they came back; that is in it.\n",
        found);
  }
  explain_append_prices(row, "these evictions, one by one", text);
  return TRUE;
}

static double
overhead_spent_s(ResultsQuery *run, Overhead from, Overhead end)
{
  double spent_s = 0;

  for (Overhead part = from; part < end; part++) {
    g_autofree char *column = results_column(overhead_key(part));
    spent_s += results_query_real(run, column);
  }
  return spent_s;
}

/* TRUE if copies are those of native offload, made ahead of evictions and whether or not there are
 * any. */
static gboolean
copies_are_ahead(Results *results, gint64 run_id)
{
  g_autoptr(ResultsQuery) offload = results_query_first(
      results_query_new(results,
                        "SELECT value FROM config WHERE run_id = ?1 AND key = 'num_offload_blocks'"
                        " AND value > 0",
                        run_id, 0, NULL),
      "", NULL);

  return offload != NULL;
}

/* " lengthened its steps by 3 ms, 0.1 % of the device's time", if anything did. */
static void
append_lengthened(ResultsQuery *run, double spent_s, GString *text)
{
  g_autofree char *overhead = format_duration(spent_s);
  g_autofree char *share = format_percent(spent_s / results_query_real(run, "busy_s"));

  if (spent_s > 0)
    g_string_append_printf(text, " lengthened its steps by %s, %s of the device's time", overhead,
                           share);
}

static void
append_copies_ahead(ResultsQuery *run, GString *text)
{
  double spent_s = overhead_spent_s(run, OVERHEAD_SWAP_OUT, OVERHEAD_STALL);

  if (spent_s == 0)
    return;
  g_string_append(text, "Copies of native offload");
  append_lengthened(run, spent_s, text);
  g_string_append(text, ".\n");
}

static gboolean
append_preemptions(Results *results, gint64 run_id, ResultsQuery *run, GString *text,
                   GError **error)
{
  guint64 preemptions = (guint64)results_query_count(run, "preemptions");
  gboolean ahead = copies_are_ahead(results, run_id);
  g_autofree char *n = format_count(preemptions);
  g_autofree char *victims = format_count((guint64)results_query_count(run, "preempted_requests"));
  g_autoptr(ResultsQuery) choice = NULL;
  GError *cause = NULL;

  if (ahead)
    append_copies_ahead(run, text);
  if (preemptions == 0) {
    g_string_append(text, "Nobody was evicted.\n");
    return TRUE;
  }
  g_string_append_printf(text, "%s eviction%s of %s request%s", n, preemptions == 1 ? "" : "s",
                         victims, results_query_count(run, "preempted_requests") == 1 ? "" : "s");
  append_lengthened(
      run, overhead_spent_s(run, OVERHEAD_RECOMPUTE, ahead ? OVERHEAD_SWAP_OUT : OVERHEAD_STALL),
      text);
  g_string_append(text, ".\n");
  choice = results_query_new(results, "SELECT * FROM preemption_choice WHERE run_id = ?1", run_id,
                             0, error);
  if (choice == NULL)
    return FALSE;
  while (results_query_next(choice, &cause))
    append_choice(choice, text);
  if (cause != NULL)
    g_propagate_error(error, cause);
  return cause == NULL && append_prices(results, run_id, text, error);
}

static gboolean
append_worst(Results *results, gint64 run_id, guint top, GString *text, GError **error)
{
  static const char sql[] =
      "SELECT id, finish_s - arrival_s AS e2e_s, first_scheduled_s - arrival_s AS queue_s,"
      " preempted_s, preemptions, status FROM request WHERE run_id = ?1"
      " ORDER BY ifnull(first_scheduled_s - arrival_s, 9e99) + preempted_s DESC, e2e_s DESC, "
      "request LIMIT"
      " ?2";
  g_autoptr(ResultsQuery) worst = results_query_new(results, sql, run_id, top, error);
  g_autoptr(Table) table = table_new("lrrrrl");
  GError *cause = NULL;
  gboolean waited = FALSE;
  guint rows = 0;

  if (worst == NULL)
    return FALSE;
  if (!explain_is_kept(results, "request", run_id)) {
    g_string_append(text, "\n" EXPLAIN_NOT_KEPT("requests") ".\n");
    return TRUE;
  }
  for (const char *const *head = (const char *const[]){"request", "end to end s", "queued s",
                                                       "evicted s", "evictions", "", NULL};
       *head != NULL; head++)
    table_add(table, *head);
  while (results_query_next(worst, &cause)) {
    double e2e = results_query_real(worst, "e2e_s"), queued = results_query_real(worst, "queue_s");
    const char *status = results_query_text(worst, "status");

    table_add(table, results_query_text(worst, "id"));
    table_take(table, isnan(e2e) ? g_strdup("–") : format_number(e2e));
    table_take(table, isnan(queued) ? g_strdup("–") : format_number(queued));
    table_take(table, format_number(results_query_real(worst, "preempted_s")));
    table_take(table, format_count((guint64)results_query_count(worst, "preemptions")));
    table_add(table, g_str_equal(status, "finished") ? "" : status);
    waited = waited || !(queued + results_query_real(worst, "preempted_s") == 0);
    rows++;
  }
  if (cause != NULL) {
    g_propagate_error(error, cause);
    return FALSE;
  }
  if (waited)
    g_string_append_printf(
        text, "\nThe %u that waited longest, to be started or after an eviction:\n\n", rows);
  else
    g_string_append_printf(text, "\nNobody waited. The %u slowest:\n\n", rows);
  table_append(table, "  ", text);
  return TRUE;
}

char *
explain_run(Results *results, gint64 run_id, guint top, GError **error)
{
  g_autoptr(GString) text = g_string_new(NULL);
  g_autoptr(ResultsQuery) run = results_query_first(
      results_query_new(results, "SELECT * FROM run_summary WHERE run_id = ?1", run_id, 0, error),
      "there is no such run", error);

  if (run == NULL)
    return NULL;
  append_head(run, text);
  if (!append_pool(results, run_id, run, text, error) ||
      !append_preemptions(results, run_id, run, text, error) ||
      !append_worst(results, run_id, top, text, error))
    return NULL;
  return g_string_free(g_steal_pointer(&text), FALSE);
}
