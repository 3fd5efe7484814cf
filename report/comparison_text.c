#include "text.h"

#include <math.h>
#include <string.h>

#include "best.h"
#include "figure_cell.h"
#include "overhead.h"
#include "report/text/table.h"
#include "sim/policies/policy.h"
#include "sim/units.h"

/* A run that ended early, or finished nothing, cannot be compared: it is shorter without being
 * faster. */
static gboolean
may_compare(const RunRecord *a, const RunRecord *b)
{
  return run_record_counts(a) && run_record_counts(b);
}

static void
add_row(Table *table, const Figure *figure, const RunRecord *records, guint n_records)
{
  const DurationUnit *unit = format_duration_unit(figure_largest(figure, records, n_records));
  int best = figure_best(figure, records, n_records);

  table_add(table, figure->label);
  for (guint i = 0; i < n_records; i++) {
    table_take(table, figure_cell(figure, &records[i], unit));
    table_add(table, figure_is_best(figure, records, i, best) ? "*" : " ");
    if (i > 0)
      table_take(table, may_compare(&records[0], &records[i])
                            ? figure_change(figure_real(figure, &records[0]),
                                            figure_real(figure, &records[i]))
                            : g_strdup(""));
  }
}

/* The names of stored runs tell bounds already. */
static gboolean
is_untold_bound(const RunRecord *record)
{
  return run_record_is_bound(record) && strstr(record->name, POLICY_BOUND_LABEL) == NULL;
}

static char *
name_with_bound(const RunRecord *record)
{
  return g_strconcat(record->name, is_untold_bound(record) ? POLICY_BOUND_LABEL : "", NULL);
}

/* Names the bounds, of which none is marked as best unless all are. */
static void
append_bounds(GString *text, const RunRecord *records, guint n_records)
{
  const char *so = run_records_are_bounds(records, n_records) ? "" : ", so it is never the best";

  for (guint i = 0; i < n_records; i++)
    if (run_record_is_bound(&records[i]))
      g_string_append_printf(text, "%s: %sno server can reach it%s\n", records[i].name,
                             is_untold_bound(&records[i]) ? "a bound: " : "", so);
}

/* Runs that would compete if they did not leave out requests that others serve. */
static guint
leaving_out(const RunRecord *records, guint n_records)
{
  RunRivals rivals = run_rivals(records, n_records);
  RunRivals any = {.all_bounds = rivals.all_bounds};
  guint n = 0;

  for (guint i = 0; i < n_records; i++)
    n += run_record_competes(&records[i], &any) && !run_record_competes(&records[i], &rivals);
  return n;
}

static void
append_figures(GString *text, const RunRecord *records, guint n_records, guint width)
{
  g_autoptr(GString) columns = g_string_new("l");
  g_autoptr(Table) table = NULL;
  guint n;
  const Figure *all = figures(&n);

  for (guint i = 0; i < n_records; i++)
    g_string_append(columns, i == 0 ? "|rm" : "|rmr");
  table = table_new(columns->str);
  table_add(table, "");
  for (guint i = 0; i < n_records; i++) {
    table_take(table, name_with_bound(&records[i]));
    table_add(table, " ");
    if (i > 0)
      table_add(table, "change");
  }
  for (guint i = 0; i < n; i++)
    if (figure_is_shown(&all[i], records, n_records))
      add_row(table, &all[i], records, n_records);
  table_append_within(table, "", width, text);
  g_string_append_printf(
      text, "\n* best of its row%s; change: from %s\n",
      leaving_out(records, n_records) > 0 ? ", of those that finish as many requests as any" : "",
      records[0].name);
  append_bounds(text, records, n_records);
  g_string_append_c(text, '\n');
}

/* Appends how many requests could not be served: of runs that refuse many, or of the others. */
static void
append_ignored(GString *text, const RunRecord *records, guint n_records, gboolean many)
{
  gboolean alike = TRUE;

  for (guint i = 1; i < n_records; i++)
    alike = alike && records[i].summary.ignored == records[0].summary.ignored;
  for (guint i = 0; i < n_records; i++)
    if (records[i].summary.ignored > 0 && (i == 0 || !alike) &&
        text_refuses_many(&records[i]) == many) {
      g_string_append_printf(text, "%s%s", alike ? "" : records[i].name, alike ? "" : ": ");
      text_append_ignored(text, &records[i]);
    }
}

/* Appends what the table does not show: requests that could not be served, swaps that became
 * recomputations. */
static void
append_exceptions(GString *text, const RunRecord *records, guint n_records, gboolean many_told)
{
  append_ignored(text, records, n_records, FALSE);
  if (!many_told)
    append_ignored(text, records, n_records, TRUE);
  for (guint i = 0; i < n_records; i++) {
    if (records[i].summary.swap_fallbacks > 0) {
      g_string_append_printf(text, "%s: ", records[i].name);
      text_append_fallbacks(text, &records[i]);
    }
  }
}

static void
append_unfinished(GString *text, const RunRecord *records, guint n_records)
{
  for (guint i = 0; i < n_records; i++) {
    const Summary *sum = &records[i].summary;
    if (sum->end == RUN_DONE)
      continue;
    g_string_append_printf(text,
                           "%s did not finish (%s), %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                           " requests were left behind: %s\n",
                           records[i].name, run_end_name(sum->end), sum->aborted, sum->requests,
                           sum->end_reason != NULL ? sum->end_reason : "");
  }
}

/* The run with the largest (worst) figure, of those that figure_best() looks at; -1: none. */
static int
worst_of(const Figure *figure, const RunRecord *records, guint n_records)
{
  RunRivals rivals = run_rivals(records, n_records);
  int worst = -1;

  for (guint i = 0; i < n_records; i++)
    if (run_record_competes(&records[i], &rivals) &&
        (worst < 0 || figure_real(figure, &records[i]) > figure_real(figure, &records[worst])))
      worst = (int)i;
  return worst;
}

/* The names of the runs that share the best value: "a", "a and b", "a, b and c". */
static char *
best_names(const Figure *figure, const RunRecord *records, guint n_records, int best,
           guint *sharing)
{
  GString *names = g_string_new(NULL);
  guint n = 0, at = 0;

  for (guint i = 0; i < n_records; i++)
    n += figure_is_best(figure, records, i, best) != FALSE;
  for (guint i = 0; i < n_records; i++) {
    if (!figure_is_best(figure, records, i, best))
      continue;
    g_string_append(names, at == 0 ? "" : at + 1 == n ? " and " : ", ");
    g_string_append(names, records[i].name);
    at++;
  }
  *sharing = n;
  return g_string_free(names, FALSE);
}

/* "A finished 12.3 % sooner than B: 41.2 s against 47.0 s." A difference that no decision should
 * rest on is said to be none. */
static void
append_makespan(GString *text, const RunRecord *records, guint n_records)
{
  const Figure *figure = figure_find("makespan_s");
  int best = figure_best(figure, records, n_records), worst = worst_of(figure, records, n_records);
  g_autofree char *names = NULL, *gain = NULL, *best_time = NULL, *worst_time = NULL;
  double best_s, worst_s;
  guint sharing;

  if (best < 0)
    return;
  best_s = figure_real(figure, &records[best]);
  worst_s = figure_real(figure, &records[worst]);
  names = best_names(figure, records, n_records, best, &sharing);
  gain = format_percent(1 - best_s / worst_s);
  best_time = format_duration_in(best_s, format_duration_unit(worst_s));
  worst_time = format_duration_in(worst_s, format_duration_unit(worst_s));
  if (1 - best_s / worst_s < 0.001)
    g_string_append_printf(text, "The makespans are within 0.1 %% of each other: %s.\n",
                           worst_time);
  else
    g_string_append_printf(text, "%s finished %s sooner than %s: %s against %s.\n", names, gain,
                           records[worst].name, best_time, worst_time);
}

/* "The first token's p99 was lowest under A: 1.2 s, against 3.4 s under B." */
static void
append_latency(GString *text, const RunRecord *records, guint n_records, const char *key,
               const char *what)
{
  const Figure *figure = figure_find(key);
  int best = figure_best(figure, records, n_records), worst = worst_of(figure, records, n_records);
  g_autofree char *names = NULL, *best_time = NULL, *worst_time = NULL;
  const DurationUnit *unit;
  guint sharing;

  if (best < 0)
    return;
  unit = format_duration_unit(figure_real(figure, &records[worst]));
  names = best_names(figure, records, n_records, best, &sharing);
  best_time = format_duration_in(figure_real(figure, &records[best]), unit);
  worst_time = format_duration_in(figure_real(figure, &records[worst]), unit);
  g_string_append_printf(text, "%s was lowest under %s: %s, against %s under %s.\n", what, names,
                         best_time, worst_time, records[worst].name);
}

/* Why no run is told to be the best. */
static void
append_no_best(GString *text, const RunRecord *records, guint n_records)
{
  RunRivals rivals = run_rivals(records, n_records);
  guint done = 0, competing = 0, fewer = leaving_out(records, n_records);
  guint64 preemptions = 0;

  for (guint i = 0; i < n_records; i++) {
    done += run_record_counts(&records[i]);
    competing += run_record_competes(&records[i], &rivals);
    preemptions += records[i].summary.preemptions;
  }
  if (n_records > 1 && preemptions == 0)
    g_string_append(text, "No request was preempted, so these policies had nothing to do.\n");
  else if (competing > 1 && fewer == 0 &&
           figure_best(figure_find("makespan_s"), records, n_records) < 0)
    g_string_append_printf(text, "All %sfinished at the same time.\n",
                           competing + fewer < done ? "but the bounds " : "");
  else if (done == 1 && n_records > 1)
    g_string_append(text, "Only one run ended well, so there is nothing to compare it with.\n");
  else if (competing == 1 && fewer > 0)
    g_string_append(text, "Only one run finished as many requests, so the others are not held "
                          "against it.\n");
  else if (competing == 1 && n_records > 1)
    g_string_append(text,
                    "Only one run that ended well is no bound; bounds tell what it could gain.\n");
}

/* many_told: the runs that refuse many requests are already named. */
static void
append_words(GString *text, const RunRecord *records, guint n_records, gboolean many_told)
{
  append_unfinished(text, records, n_records);
  append_exceptions(text, records, n_records, many_told);
  append_no_best(text, records, n_records);
  append_makespan(text, records, n_records);
  append_latency(text, records, n_records, "ttft_s.p99", "The first token's p99");
  append_latency(text, records, n_records, "e2e_s.mean", "The mean time from arrival to finish");
}

/* The run with the lowest mean latency; of those that tie, or of one alone, the first. */
static const RunRecord *
lowest_latency(const RunRecord *records, guint n_records)
{
  int best = figure_best(figure_find("e2e_s.mean"), records, n_records);
  RunRivals rivals = run_rivals(records, n_records);

  for (guint i = 0; best < 0 && i < n_records; i++)
    if (run_record_competes(&records[i], &rivals))
      best = (int)i;
  return &records[MAX(best, 0)];
}

/* Appends what limits: the policy, or the lack of memory itself. */
static void
append_advice(GString *text, const RunRecord *records, guint n_records)
{
  const RunRecord *record = lowest_latency(records, n_records);
  const Summary *sum = &record->summary;
  double overhead = (double)overhead_spent_ps(record) / (double)MAX(sum->makespan_ps, 1);
  /* Shares of the latency and makespan that unlimited memory would save; negative: they would grow.
   */
  double gain = 1 - 1 / record->latency_slowdown, sooner = 1 - 1 / record->slowdown;
  g_autofree char *latency = format_percent(fabs(gain));
  g_autofree char *makespan = format_percent(fabs(sooner));
  g_autofree char *spent = format_percent(overhead);

  if (sum->preemptions == 0 || !isfinite(record->slowdown))
    return;
  if (gain < -0.001)
    g_string_append_printf(
        text,
        "Memory is not what limits this load: with more of it the mean latency under "
        "%s would\nbe %s longer, as more sequences share a step.\n",
        record->name, latency);
  else if (gain < 0.001 && sooner < 0.001)
    g_string_append(text, "Memory hardly limits this load.\n");
  else
    g_string_append_printf(
        text,
        "Unlimited memory would take %s off the mean latency under %s, and %s off its "
        "makespan.\nThe policy's overhead is %s of the makespan: %s.\n",
        latency, record->name, makespan, spent,
        overhead > sooner / 2 && gain < 0.05 ? "the policy is what to work on"
                                             : "more memory gains more than another policy can");
}

/* Which share was measured, if that is the same for all. */
static void
append_origins(GString *text, const RunRecord *records, guint n_records)
{
  g_autoptr(GString) first = g_string_new(NULL);

  text_append_origin(first, &records[0]);
  for (guint i = 1; i < n_records; i++) {
    g_autoptr(GString) other = g_string_new(NULL);
    text_append_origin(other, &records[i]);
    if (!g_string_equal(first, other)) {
      g_string_append(
          text, "The rest of the time, where the measured share is below 100 %, is modelled.\n");
      text_append_sources(text, records, n_records);
      return;
    }
  }
  g_string_append(text, first->str);
  text_append_sources(text, records, n_records);
}

char *
comparison_words(const RunRecord *records, guint n_records)
{
  GString *text = g_string_new(NULL);

  append_words(text, records, n_records, FALSE);
  append_advice(text, records, n_records);
  return g_string_free(text, FALSE);
}

char *
comparison_text(const RunRecord *records, guint n_records, guint width)
{
  GString *text = g_string_new(NULL);

  if (n_records > 0) {
    RunRecord common = records[0];
    for (guint i = 1; i < n_records; i++)
      common.num_cpu_blocks = MAX(common.num_cpu_blocks, records[i].num_cpu_blocks);
    append_ignored(text, records, n_records, TRUE);
    if (text->len > 0)
      g_string_append_c(text, '\n');
    text_append_setting(text, &common, FALSE);
    append_figures(text, records, n_records, width);
    append_words(text, records, n_records, TRUE);
    append_advice(text, records, n_records);
    append_origins(text, records, n_records);
  }
  for (guint i = 0; i < n_records; i++)
    if (records[i].against != NULL)
      against_append_text(text, records[i].against, records[i].name);
  return g_string_free(text, FALSE);
}
