/* `spillway trace show`: a trace's figures and histograms for people, or its figures as JSON. */
#include "trace.h"

#include "cli/cli.h"
#include "report/text/format.h"
#include "traces/stats.h"
#include "scenario/workload/trace_name.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

enum { BAR_WIDTH = 48, CHART_ROWS = 4 };

/* Eighths of a character cell, from the left and from the bottom. */
static const char *const eighths_across[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
static const char *const eighths_up[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

static void
print_lengths(const char *name, const LengthStats *lengths)
{
  printf("  %-8s %9.1f %9.0f %9.0f %9.0f %9.0f %9u\n", name, lengths->mean, lengths->p50,
         lengths->p90, lengths->p95, lengths->p99, lengths->max);
}

static void
print_buckets(const char *title, const GArray *buckets, guint32 requests)
{
  guint32 most = 1;

  for (guint i = 0; i < buckets->len; i++)
    most = MAX(most, g_array_index(buckets, LengthBucket, i).count);
  printf("\n  %s\n", title);
  for (guint i = 0; i < buckets->len; i++) {
    const LengthBucket *bucket = &g_array_index(buckets, LengthBucket, i);
    guint eighths = (guint)((guint64)bucket->count * BAR_WIDTH * 8 / most);
    if (bucket->count > 0 && eighths == 0)
      eighths = 1;
    if (bucket->low == bucket->high)
      printf("  %16u  ", bucket->low);
    else
      printf("  %7u – %6u  ", bucket->low, bucket->high);
    printf("%5.1f %%  ", 100.0 * bucket->count / requests);
    for (guint e = 0; e < eighths / 8; e++)
      fputs(eighths_across[8], stdout);
    printf("%s\n", eighths_across[eighths % 8]);
  }
}

/* Less than a microsecond apart, such as turns whose times are the earliest that there can be: no
 * rate is meant. */
static gboolean
are_at_once(const TraceStats *stats)
{
  return stats->duration_s < 1e-6;
}

static void
print_arrivals(const TraceStats *stats)
{
  double part_s = stats->duration_s / STATS_TIME_BUCKETS;
  guint32 most = 1;

  if (are_at_once(stats))
    return;
  for (guint i = 0; i < STATS_TIME_BUCKETS; i++)
    most = MAX(most, stats->arrivals[i]);
  printf("\n  Arrivals a second, over time (a column is %.3g s)\n", part_s);
  for (int row = CHART_ROWS - 1; row >= 0; row--) {
    if (row == CHART_ROWS - 1)
      printf("  %9.3g ", most / part_s);
    else if (row == 0)
      printf("  %9d ", 0);
    else
      printf("  %9s ", "");
    for (guint i = 0; i < STATS_TIME_BUCKETS; i++) {
      guint64 eighths = (guint64)stats->arrivals[i] * CHART_ROWS * 8 / most;
      gint64 here = (gint64)eighths - row * 8;
      if (stats->arrivals[i] > 0 && eighths == 0 && row == 0)
        here = 1;
      fputs(eighths_up[CLAMP(here, 0, 8)], stdout);
    }
    putchar('\n');
  }
  printf("  %9s %-8.5g%*.6g s\n", "", stats->first_s, STATS_TIME_BUCKETS - 8, stats->last_s);
}

static void
print_rates(const TraceStats *stats)
{
  if (are_at_once(stats)) {
    printf("  arrivals    all at %.6g s\n", stats->first_s);
    return;
  }
  if (stats->duration_s >= 60)
    printf("  busiest     minute has %u (%.4g a second)\n", stats->peak_minute_requests,
           stats->peak_minute_requests / 60.0);
  printf("  burstiness  gaps have a cv of %.3g (0 is even, 1 is Poisson, more is burstier)\n",
         stats->gap_cv);
}

/* "7,138.8": seconds to a tenth, or with six digits below 100. The caller frees. */
static char *
span_text(double span_s)
{
  guint64 tenths = (guint64)llround(span_s * 10);
  g_autofree char *whole = format_count(tenths / 10);

  return span_s < 100 ? g_strdup_printf("%.6g", span_s)
                      : g_strdup_printf("%s.%u", whole, (guint)(tenths % 10));
}

static void
print_table(const char *path, const TraceFormat *format, const TraceStats *stats)
{
  g_autofree char *span = span_text(stats->duration_s);

  cli_print(path);
  printf(": %u request%s", stats->requests, stats->requests == 1 ? "" : "s");
  if (!are_at_once(stats))
    printf(" over %s s, %.4g a second", span, stats->rate);
  printf("; form %s, times in %s\n\n", format->name, format->time_unit);
  print_rates(stats);
  if (stats->hashed_requests > 0)
    printf("  prefixes    %.1f %% of prompt blocks, %.1f %% of prompt tokens were in an earlier "
           "prompt:\n              the most that a prefix cache can save\n",
           100.0 * (double)stats->repeated_blocks / (double)stats->hash_blocks,
           100.0 * (double)stats->repeated_tokens / (double)stats->prompt_tokens);
  printf("  tokens      %" G_GUINT64_FORMAT " prompt + %" G_GUINT64_FORMAT " output",
         stats->prompt_tokens, stats->output_tokens);
  if (!are_at_once(stats))
    printf(" (%.1f + %.1f a second)", (double)stats->prompt_tokens / stats->duration_s,
           (double)stats->output_tokens / stats->duration_s);
  printf("\n\n  %-8s %9s %9s %9s %9s %9s %9s\n", "tokens", "mean", "p50", "p90", "p95", "p99",
         "max");
  print_lengths("prompt", &stats->prompt);
  print_lengths("output", &stats->output);
  if (stats->has_max_tokens)
    print_lengths("allowed", &stats->max_tokens);
  print_arrivals(stats);
  print_buckets("Prompt tokens", stats->prompt_buckets, stats->requests);
  print_buckets("Output tokens", stats->output_buckets, stats->requests);
}

static json_t *
lengths_json(const LengthStats *lengths)
{
  return json_pack("{s:f, s:f, s:f, s:f, s:f, s:I, s:I}", "mean", lengths->mean, "p50",
                   lengths->p50, "p90", lengths->p90, "p95", lengths->p95, "p99", lengths->p99,
                   "min", (json_int_t)lengths->min, "max", (json_int_t)lengths->max);
}

static json_t *
trace_json(const char *path, const TraceFormat *format, const TraceStats *stats)
{
  json_t *json = json_pack(
      "{s:s, s:s, s:s, s:I, s:f, s:f, s:f, s:I, s:f, s:I, s:I, s:o, s:o}", "trace", path, "format",
      format->name, "time_unit", format->time_unit, "requests", (json_int_t)stats->requests,
      "first_arrival_s", stats->first_s, "duration_s", stats->duration_s, "requests_per_s",
      stats->rate, "peak_minute_requests", (json_int_t)stats->peak_minute_requests, "gap_cv",
      stats->gap_cv, "total_prompt_tokens", (json_int_t)stats->prompt_tokens, "total_output_tokens",
      (json_int_t)stats->output_tokens, "prompt_tokens", lengths_json(&stats->prompt),
      "output_tokens", lengths_json(&stats->output));

  if (stats->has_max_tokens)
    json_object_set_new(json, "max_tokens", lengths_json(&stats->max_tokens));
  if (stats->hashed_requests > 0)
    json_object_set_new(json, "prefix_hits",
                        json_pack("{s:I, s:I, s:I}", "prompt_blocks",
                                  (json_int_t)stats->hash_blocks, "repeated_blocks",
                                  (json_int_t)stats->repeated_blocks, "repeated_tokens",
                                  (json_int_t)stats->repeated_tokens));
  return json;
}

/* Shows one trace, or adds it to `traces` if that is not NULL. */
static int
show(const char *name, const char *format, json_t *traces)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(TraceNotes) notes = trace_notes_new();
  g_autofree char *path = trace_name_path(name, &error);
  g_autoptr(Workload) workload = NULL;
  TraceStats stats;

  if (path != NULL)
    workload = trace_read(path, format, notes, &error);
  if (workload == NULL)
    return cli_error(CLI_USAGE, "trace show", "%s", error->message);
  for (guint i = 0; i < notes->texts->len; i++)
    cli_note("trace show", "%s", (const char *)g_ptr_array_index(notes->texts, i));
  trace_stats_compute(workload, &stats);
  if (traces != NULL)
    json_array_append_new(traces, trace_json(name, notes->format, &stats));
  else
    print_table(name, notes->format, &stats);
  trace_stats_clear(&stats);
  return CLI_DONE;
}

static int
show_all(int count, char **names, const char *trace_format, gboolean as_json)
{
  json_t *traces = as_json ? json_array() : NULL;
  int status = CLI_DONE;

  for (int i = 0; i < count && status == CLI_DONE; i++) {
    if (i > 0 && !as_json)
      putchar('\n');
    status = show(names[i], trace_format, traces);
  }
  if (as_json && status == CLI_DONE) {
    json_t *whole = json_pack("{s:O}", "traces", traces);
    json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    putchar('\n');
    json_decref(whole);
  }
  json_decref(traces);
  return status;
}

int
command_trace_show(int argc, char **argv)
{
  g_autofree char *format = NULL;
  g_autofree char *trace_format = NULL;
  const GOptionEntry entries[] = {
      {"format", 0, 0, G_OPTION_ARG_STRING, &format, "table (default) or json", "FORMAT"},
      {"trace-format", 0, 0, G_OPTION_ARG_STRING, &trace_format,
       "the form to read: auto (default), a name from 'spillway list trace-formats', or "
       "'columns:…' for any CSV",
       "FORM"},
      {NULL},
  };
  static const char *const formats[] = {"table", "json", NULL};
  static const char verb[] = "trace show";
  g_autoptr(GError) error = NULL;
  int status;
  const VerbOptions usage = {
      .name = verb,
      .arguments = "TRACE…",
      .summary = "Says what traces are like: rates, burstiness, lengths, how much prompts repeat.\n"
                 "A trace is a file, - for standard input, or a shipped trace's name.",
      .examples = "Examples:\n"
                  "  spillway trace show chat-hour\n"
                  "  spillway trace show --format json a.csv b.jsonl.gz",
      .own = entries};

  if (!verb_parse(&usage, &argc, &argv, &status))
    return status;
  if (argc < 2)
    return cli_error(CLI_USAGE, verb,
                     "a trace is missing: a file, or a name from 'spillway list traces'");
  if (format != NULL && !g_strv_contains(formats, format))
    return cli_error(CLI_USAGE, verb, "--format: found '%s', expected table or json", format);
  if (!trace_name_check_format(trace_format, &error))
    return cli_error(CLI_USAGE, verb, "%s", error->message);
  return show_all(argc - 1, argv + 1, trace_format, g_strcmp0(format, "json") == 0);
}
