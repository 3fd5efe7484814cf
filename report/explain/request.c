/* A request's time, part by part, and its evictions; and an eviction by its number. */
#include "explain.h"

#include <math.h>

#include "report/text/format.h"
#include "report/text/table.h"

#define MOST_TOLD 10

#define PREEMPTIONS                                                                                \
  "SELECT p.*, v.id AS victim_id, b.id AS beneficiary_id, v.arrival_s AS victim_arrival_s,"        \
  " b.arrival_s AS beneficiary_arrival_s, v.status AS victim_status,"                              \
  " (SELECT value FROM config WHERE run_id = p.run_id AND key = 'block_size') AS block_size,"      \
  " (SELECT num_disk_blocks FROM run WHERE id = p.run_id) AS num_disk_blocks"                      \
  " FROM preemption AS p"                                                                          \
  " JOIN request AS v ON v.run_id = p.run_id AND v.request = p.victim"                             \
  " JOIN request AS b ON b.run_id = p.run_id AND b.request = p.beneficiary WHERE p.run_id = ?1"

/* "for request 3, which arrived 1.2 s before it". */
static void
append_beneficiary(ResultsQuery *p, GString *text)
{
  double earlier_s =
      results_query_real(p, "victim_arrival_s") - results_query_real(p, "beneficiary_arrival_s");
  g_autofree char *lead = format_duration(fabs(earlier_s));

  if (results_query_count(p, "victim") == results_query_count(p, "beneficiary"))
    g_string_append(text, "for itself: nobody else was left to be evicted");
  else if (earlier_s == 0)
    g_string_append_printf(text, "for request %s, which arrived at the same time",
                           results_query_text(p, "beneficiary_id"));
  else
    g_string_append_printf(text, "for request %s, which arrived %s %s it",
                           results_query_text(p, "beneficiary_id"), lead,
                           earlier_s > 0 ? "before" : "after");
}

/* Where copies ran beside the steps. */
static void
append_freed(ResultsQuery *p, GString *text)
{
  double free_s = results_query_real(p, "free_s");
  g_autofree char *later = format_duration(free_s);

  if (free_s > 0)
    g_string_append_printf(
        text, "They were free %s later, when %sthe link had made this copy and those before it. ",
        later,
        results_query_count(p, "num_disk_blocks") > 0
            ? "others' blocks had gone on to the disk as far as the host had no room, and "
            : "");
}

static void
append_fate(ResultsQuery *p, GString *text)
{
  double resumed_s = results_query_real(p, "resumed_s");
  guint64 found = (guint64)results_query_count(p, "found_tokens");
  g_autofree char *found_text = format_count(found);
  g_autofree char *away = format_duration(resumed_s - results_query_real(p, "time_s"));

  if (isnan(resumed_s))
    g_string_append_printf(text, "It never came back (%s).",
                           results_query_text(p, "victim_status"));
  else if (found == 0)
    g_string_append_printf(text, "It came back %s later.", away);
  else
    g_string_append_printf(text,
                           "It came back %s later, when a prefix cache still had %s of its tokens.",
                           away, found_text);
}

/* How texts put an action, and the one that was not taken. */
typedef struct {
  const char *action, *takes, *other_takes;
} ActionText;

static const ActionText *
action_text(ResultsQuery *p)
{
  static const ActionText texts[] = {
      {"recompute", "Computing its tokens again took", "copying its blocks out and in"},
      {"swap", "Copying its blocks out and in took", "computing its tokens again"},
      {"split", "Computing the first and copying the rest took", "computing all of them again"},
      {"partial", "Computing what it lost again took", "copying all its blocks out and in"},
  };
  const char *action = results_query_text(p, "action");
  guint i = G_N_ELEMENTS(texts) - 1;

  while (i > 0 && !g_str_equal(texts[i].action, action))
    i--;
  return &texts[i];
}

/* "94.3 % less", "12 % more", from twice as much on "17.65 times as much"; the caller frees it. */
static char *
compare_costs(double cost_s, double other_s)
{
  g_autofree char *figure = NULL;

  if (other_s == cost_s)
    return g_strdup("the same");
  if (cost_s == 0)
    return g_strdup("more");
  if (other_s >= 2 * cost_s) {
    figure = format_number(other_s / cost_s);
    return g_strconcat(figure, " times as much", NULL);
  }
  figure = format_percent(fabs(other_s / cost_s - 1));
  return g_strconcat(figure, other_s < cost_s ? " less" : " more", NULL);
}

/* Appends what it cost at the load that it met, and what the other action would have cost then. */
static void
append_price(ResultsQuery *p, GString *text)
{
  const ActionText *action = action_text(p);
  double cost_s = results_query_real(p, "cost_s"), other_s = results_query_real(p, "other_cost_s");
  g_autofree char *cost = format_duration(cost_s), *other = format_duration(other_s);
  g_autofree char *difference = NULL;

  if (isnan(cost_s) || isnan(other_s)) {
    g_string_append(text, " What it cost is not known: the run had no cost model.");
    return;
  }
  if (results_query_real(p, "free_s") > 0)
    g_string_append_printf(text,
                           " Copies beside the steps, and the blocks that they held, took the "
                           "device %s; %s would have taken %s, ",
                           cost, action->other_takes, other);
  else
    g_string_append_printf(text, " %s %s; %s would have taken %s, ", action->takes, cost,
                           action->other_takes, other);
  difference = compare_costs(cost_s, other_s);
  g_string_append_printf(text, "%s.", difference);
}

/* Where its KV went. */
static void
append_action(ResultsQuery *p, GString *text)
{
  const char *action = results_query_text(p, "action");
  g_autofree char *blocks = format_count((guint64)results_query_count(p, "blocks"));
  g_autofree char *lost = format_count((guint64)results_query_count(p, "tokens_lost"));
  g_autofree char *held = format_count(
      (guint64)(results_query_count(p, "blocks") * results_query_count(p, "block_size")));

  if (g_str_equal(action, "swap"))
    g_string_append_printf(text, ". Its %s blocks, %s tokens at most, went to the host. ", blocks,
                           held);
  else if (g_str_equal(action, "split"))
    g_string_append_printf(
        text,
        ". Of its %s blocks, those of its first %s tokens were dropped, the others went to "
        "the host. ",
        blocks, lost);
  else if (g_str_equal(action, "partial"))
    g_string_append_printf(
        text, ". It gave back %s of its blocks, the last ones, and lost the KV of %s tokens. ",
        blocks, lost);
  else
    g_string_append_printf(
        text, ". It gave back %s blocks and lost the KV of %s tokens%s. ", blocks, lost,
        results_query_count(p, "fell_back") ? ", since the host had no room to swap it to" : "");
}

static void
append_eviction(ResultsQuery *p, GString *text)
{
  g_autofree char *time = format_duration(results_query_real(p, "time_s"));

  g_string_append_printf(text, "At %s (step %" G_GINT64_FORMAT "), request %s was evicted ", time,
                         results_query_count(p, "step"), results_query_text(p, "victim_id"));
  append_beneficiary(p, text);
  append_action(p, text);
  append_freed(p, text);
  append_fate(p, text);
  append_price(p, text);
  g_string_append_c(text, '\n');
}

/* Why there is no such eviction. */
static char *
absent_preemption(Results *results, gint64 run_id, gint64 sequence, gint64 preemptions)
{
  if (preemptions == 0)
    return g_strdup_printf("--preemption: nobody was evicted in run %" G_GINT64_FORMAT, run_id);
  if (!explain_is_kept(results, "preemption", run_id))
    return g_strdup_printf(
        "--preemption: run %" G_GINT64_FORMAT " has none. " EXPLAIN_NOT_KEPT("evictions"), run_id);
  return g_strdup_printf("--preemption: found %" G_GINT64_FORMAT
                         ", expected 0 to %" G_GINT64_FORMAT,
                         sequence, preemptions - 1);
}

char *
explain_preemption(Results *results, gint64 run_id, gint64 sequence, GError **error)
{
  g_autoptr(ResultsQuery) run = results_query_first(
      results_query_new(results, "SELECT preemptions, name FROM run WHERE id = ?1", run_id, 0,
                        error),
      "there is no such run", error);
  g_autoptr(ResultsQuery) p = NULL;
  g_autofree char *absent = NULL;
  GString *text;

  if (run == NULL)
    return NULL;
  absent = absent_preemption(results, run_id, sequence, results_query_count(run, "preemptions"));
  p = results_query_first(
      results_query_new(results, PREEMPTIONS " AND p.sequence = ?2", run_id, sequence, error),
      absent, error);
  if (p == NULL)
    return NULL;
  text = g_string_new(NULL);
  append_eviction(p, text);
  explain_append_prices(p, "this eviction", text);
  return g_string_free(text, FALSE);
}

typedef struct {
  const char *name, *reason;
  double seconds;
} Part;

enum { PART_QUEUE, PART_AWAY, PART_RUNNING, PARTS };

static void
find_parts(ResultsQuery *request, double e2e_s, Part parts[PARTS])
{
  double queue_s = results_query_real(request, "queue_s");
  double away_s = results_query_real(request, "preempted_s");

  parts[PART_QUEUE] = (Part){"waiting to be started", "waited to be started", queue_s};
  parts[PART_AWAY] = (Part){"evicted", "was evicted", away_s};
  parts[PART_RUNNING] =
      (Part){"running", "was running, beside others", MAX(0, e2e_s - queue_s - away_s)};
}

static void
append_parts(const Part parts[PARTS], double e2e_s, double again_s, GString *text)
{
  g_autoptr(Table) table = table_new("lrr");
  guint most = 0;

  for (guint i = 0; i < PARTS; i++) {
    table_add(table, parts[i].name);
    table_take(table, format_duration(parts[i].seconds));
    table_take(table, format_percent(e2e_s > 0 ? parts[i].seconds / e2e_s : 0));
    most = parts[i].seconds > parts[most].seconds ? i : most;
  }
  if (again_s > 0) {
    table_add(table, "  of it, evictions alone cost");
    table_take(table, format_duration(again_s));
    table_take(table, format_percent(again_s / e2e_s));
  }
  table_append(table, "  ", text);
  g_string_append_printf(text, "\nMost of that time it %s.", parts[most].reason);
}

/* What held it back while it waited to be started. */
static gboolean
append_queue(Results *results, gint64 run_id, ResultsQuery *request, GString *text, GError **error)
{
  static const char sql[] =
      "SELECT sum(length_s) AS all_s, sum((gpu_blocks_peak > 0.9 * run.num_gpu_blocks) * length_s) "
      "AS full_s, max(waiting) AS waiting FROM series JOIN run ON run.id = run_id,"
      " (SELECT arrival_s AS a, first_scheduled_s AS b FROM request WHERE run_id = ?1 AND request "
      "= "
      "?2) WHERE run_id = ?1 AND time_s + length_s > a AND time_s < b";
  g_autoptr(ResultsQuery) series = NULL;

  if (!(results_query_real(request, "queue_s") > 0))
    return TRUE;
  series = results_query_first(
      results_query_new(results, sql, run_id, results_query_count(request, "request"), error), "",
      error);
  if (series == NULL)
    return FALSE;
  if (results_query_real(series, "all_s") > 0) {
    g_autofree char *share =
        format_percent(results_query_real(series, "full_s") / results_query_real(series, "all_s"));
    g_autofree char *waiting = format_count((guint64)results_query_count(series, "waiting"));
    g_string_append_printf(
        text,
        " While it waited to be started, more than 90 %% of the pool was in use for "
        "%s of the time, and up to %s requests waited.",
        share, waiting);
  }
  return TRUE;
}

static gboolean
append_evictions(Results *results, gint64 run_id, gint64 request, GString *text, GError **error)
{
  g_autoptr(ResultsQuery) p = results_query_new(
      results, PREEMPTIONS " AND p.victim = ?2 ORDER BY p.sequence", run_id, request, error);
  g_autoptr(ResultsQuery) others = NULL;
  GError *cause = NULL;
  guint told = 0, all = 0;

  while (p != NULL && results_query_next(p, &cause)) {
    if (all++ >= MOST_TOLD)
      continue;
    g_string_append_printf(text, "%s%" G_GINT64_FORMAT ". ", told++ == 0 ? "\n" : "",
                           results_query_count(p, "sequence"));
    append_eviction(p, text);
  }
  if (all > told)
    g_string_append_printf(text, "And %u more; --preemption N tells each.\n", all - told);
  if (p != NULL && cause == NULL)
    others = results_query_first(
        results_query_new(results,
                          "SELECT count(*) AS n, count(DISTINCT victim) AS victims FROM preemption"
                          " WHERE run_id = ?1 AND beneficiary = ?2 AND victim <> ?2",
                          run_id, request, error),
        "", error);
  if (cause != NULL)
    g_propagate_error(error, cause);
  if (others != NULL && results_query_count(others, "n") > 0)
    g_string_append_printf(
        text,
        "\n%" G_GINT64_FORMAT " time%s, %" G_GINT64_FORMAT " other request%s evicted for it.\n",
        results_query_count(others, "n"), results_query_count(others, "n") == 1 ? "" : "s",
        results_query_count(others, "victims"),
        results_query_count(others, "victims") == 1 ? " was" : "s were");
  return others != NULL;
}

static void
append_request_head(ResultsQuery *request, double e2e_s, GString *text)
{
  g_autofree char *prompt = format_count((guint64)results_query_count(request, "prompt_tokens"));
  g_autofree char *output = format_count((guint64)results_query_count(request, "output_tokens"));
  double median_s = results_query_real(request, "median_s");

  g_string_append_printf(text, "Request %s, %s tokens in and %s out, ",
                         results_query_text(request, "id"), prompt, output);
  if (isnan(e2e_s)) {
    g_string_append_printf(text, "did not finish: it was %s.\n",
                           results_query_text(request, "status"));
  } else {
    g_autofree char *e2e = format_duration(e2e_s), *median = format_duration(median_s);
    g_autofree char *times = format_number(e2e_s / median_s);
    g_string_append_printf(text,
                           "took %s from arrival to finish: %s times the run's median of %s; "
                           "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " were faster.\n\n",
                           e2e, times, median, results_query_count(request, "faster"),
                           results_query_count(request, "finished"));
  }
}

char *
explain_request(Results *results, gint64 run_id, const char *id, GError **error)
{
  static const char sql[] =
      "SELECT r.*, r.finish_s - r.arrival_s AS e2e_s, r.first_scheduled_s - r.arrival_s AS queue_s,"
      " run.e2e_s_p50 AS median_s, run.finished AS finished,"
      " (SELECT sum(cost_s) FROM preemption AS p WHERE p.run_id = ?1 AND p.victim = r.request)"
      "  AS again_s,"
      " (SELECT count(*) FROM request AS o WHERE o.run_id = ?1"
      "  AND o.finish_s - o.arrival_s < r.finish_s - r.arrival_s) AS faster"
      " FROM request AS r JOIN run ON run.id = r.run_id WHERE r.run_id = ?1 AND r.id = ?2";
  g_autofree char *absent =
      explain_is_kept(results, "request", run_id)
          ? g_strdup_printf("--request: found '%s', expected the id of a request of run "
                            "%" G_GINT64_FORMAT ", as its trace has it",
                            id, run_id)
          : g_strdup_printf("--request: run %" G_GINT64_FORMAT
                            " has none. " EXPLAIN_NOT_KEPT("requests"),
                            run_id);
  g_autoptr(GString) text = g_string_new(NULL);
  g_autoptr(ResultsQuery) request =
      results_query_first(results_query_new_text(results, sql, run_id, id, error), absent, error);
  double e2e_s;

  if (request == NULL)
    return NULL;
  e2e_s = results_query_real(request, "e2e_s");
  append_request_head(request, e2e_s, text);
  if (!isnan(e2e_s)) {
    Part parts[PARTS];
    find_parts(request, e2e_s, parts);
    append_parts(parts, e2e_s, results_query_real(request, "again_s"), text);
    if (!append_queue(results, run_id, request, text, error))
      return NULL;
    g_string_append_c(text, '\n');
  }
  if (!append_evictions(results, run_id, results_query_count(request, "request"), text, error))
    return NULL;
  return g_string_free(g_steal_pointer(&text), FALSE);
}
