#include "text.h"

#include <math.h>

#include <string.h>

#include "figure_cell.h"
#include "report/text/flatten.h"
#include "report/text/format.h"
#include "sim/units.h"
#include "report/text/table.h"

/* The configuration's value of `key`, after `before`, which begins a line without its comma. */
static void
append_config(GString *text, const RunRecord *record, const char *key, const char *before)
{
  json_t *value = json_object_get(record->config, key);
  g_autofree char *leaf = NULL;

  if (value == NULL || json_is_null(value) || json_is_object(value))
    return;
  leaf = json_leaf_text(value);
  if (*leaf == '\0')
    return;
  if (text->len == 0 || text->str[text->len - 1] == '\n')
    before += strspn(before, ", ");
  g_string_append(text, before);
  g_string_append(text, leaf);
}

static void
append_count(GString *text, guint64 count, const char *one, const char *many)
{
  g_autofree char *number = format_count(count);
  g_string_append_printf(text, "%s %s", number, count == 1 ? one : many);
}

/* A whole number of the configuration, grouped; NULL where there is none. */
static char *
config_count(const RunRecord *record, const char *key)
{
  const json_t *value = json_object_get(record->config, key);

  return json_is_integer(value) ? format_count((guint64)json_integer_value(value)) : NULL;
}

/* The defaults that decide a schedule: each value, and its origin. */
static void
append_defaults(GString *text, const RunRecord *record)
{
  static const char *const keys[] = {"num_gpu_blocks",
                                     "max_num_seqs",
                                     "max_num_batched_tokens",
                                     "max_model_len",
                                     "gpu_memory_utilization",
                                     "enable_prefix_caching",
                                     "async_scheduling",
                                     "page_size",
                                     "max_running_requests",
                                     "chunked_prefill_size",
                                     "mem_fraction_static",
                                     "swa_full_tokens_ratio",
                                     "swa_max_total_num_tokens",
                                     "disable_radix_cache",
                                     "disable_overlap_schedule",
                                     "capacity_policy",
                                     "context_chunking_policy",
                                     "free_gpu_memory_fraction",
                                     "cudagraph_mode"};
  const json_t *defaults = json_object_get(record->config, "defaults");
  g_autoptr(Table) table = table_new("lrl");

  for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
    const char *origin = json_string_value(json_object_get(defaults, keys[i]));
    json_t *value = json_object_get(record->config, keys[i]);
    if (origin == NULL || json_is_null(value))
      continue;
    table_add(table, keys[i]);
    table_take(table, json_leaf_text(value));
    table_add(table, origin);
  }
  if (json_object_size(defaults) > 0)
    g_string_append(text, "By default:\n");
  table_append(table, "  ", text);
}

/* The assumptions about the model. */
static void
append_assumptions(GString *text, const RunRecord *record)
{
  const json_t *list = json_object_get(record->config, "assumed");
  gsize i;
  json_t *sentence;

  json_array_foreach(list, i, sentence)
      g_string_append_printf(text, "Assumed: %s.\n", json_string_value(sentence));
}

void
text_append_setting(GString *text, const RunRecord *record, gboolean with_overflow)
{
  const Summary *sum = &record->summary;

  append_config(text, record, "model", "");
  append_config(text, record, "device", " on ");
  append_config(text, record, "scheduler", ", scheduler ");
  if (with_overflow)
    append_config(text, record, "overflow", ", overflow ");
  append_config(text, record, "victim", ", victim ");
  if (g_strcmp0(json_string_value(json_object_get(record->config, "admission")), "engine") != 0)
    append_config(text, record, "admission", ", admission ");
  if (text->len > 0)
    g_string_append_c(text, '\n');
  append_config(text, record, "trace", "");
  g_string_append(text, text->len > 0 && text->str[text->len - 1] != '\n' ? ": " : "");
  append_count(text, sum->requests, "request", "requests");
  g_string_append(text, ", ");
  append_count(text, sum->prompt_tokens, "prompt token", "prompt tokens");
  append_config(text, record, "seed", ", seed ");
  g_string_append_c(text, '\n');
  append_count(text, record->num_gpu_blocks, "GPU block", "GPU blocks");
  g_string_append(text, " and ");
  append_count(text, record->num_cpu_blocks, "host block", "host blocks");
  if (record->num_disk_blocks > 0) {
    g_string_append(text, ", ");
    append_count(text, record->num_disk_blocks, "disk block", "disk blocks");
  }
  append_config(text, record, "block_size", ", tokens a block: ");
  g_string_append_c(text, '\n');
  append_defaults(text, record);
  append_assumptions(text, record);
  g_string_append_c(text, '\n');
}

void
text_append_ignored(GString *text, const RunRecord *record)
{
  const Summary *sum = &record->summary;
  g_autofree char *limit = config_count(record, "max_model_len");
  const json_t *defaults = json_object_get(record->config, "defaults");
  const char *from = json_string_value(json_object_get(defaults, "max_model_len"));

  append_count(text, sum->ignored, "request", "requests");
  if (text_refuses_many(record)) {
    g_autofree char *share = format_percent((double)sum->ignored / (double)sum->requests);
    g_string_append_printf(text, " (%s of all)", share);
  }
  g_string_append_printf(text, " %s ignored: %s.", sum->ignored == 1 ? "was" : "were",
                         sum->ignored_reason != NULL ? sum->ignored_reason
                                                     : "the engine can never fit them");
  if (limit != NULL)
    g_string_append_printf(text, " max_model_len is %s: %s.", limit,
                           from != NULL ? from : "--max-model-len");
  g_string_append_c(text, '\n');
}

gboolean
text_refuses_many(const RunRecord *record)
{
  return record->summary.ignored * 100 > record->summary.requests;
}

static void
append_outcome(GString *text, const RunRecord *record)
{
  const Summary *sum = &record->summary;
  g_autofree char *requests = format_count(sum->requests);
  g_autofree char *finished = format_count(sum->finished);
  g_autofree char *makespan = format_duration(ps_to_s(sum->makespan_ps));

  if (sum->finished == 1 && sum->requests == 1)
    g_string_append_printf(text, "The request finished in %s.\n", makespan);
  else if (sum->finished == sum->requests)
    g_string_append_printf(text, "All %s requests finished in %s.\n", requests, makespan);
  else
    g_string_append_printf(text, "%s of %s requests finished in %s.\n", finished, requests,
                           makespan);
  if (sum->ignored > 0 && !text_refuses_many(record))
    text_append_ignored(text, record);
  if (sum->end != RUN_DONE) {
    g_string_append_printf(text, "The run ended early (%s), ", run_end_name(sum->end));
    append_count(text, sum->aborted, "request was", "requests were");
    g_string_append_printf(text, " left behind: %s\n",
                           sum->end_reason != NULL ? sum->end_reason : "");
  }
  if (record->slowdown > 1)
    g_string_append_printf(text, "That is %.4g times what it takes with unlimited memory.\n",
                           record->slowdown);
  g_string_append_c(text, '\n');
}

static void
add_figure(Table *table, const char *before, const char *key, const RunRecord *record)
{
  const Figure *figure = figure_find(key);

  table_add(table, before);
  table_take(table, figure_cell(figure, record, NULL));
  table_add(table, figure->label);
}

static void
append_throughput(GString *text, const RunRecord *record)
{
  g_autoptr(Table) table = table_new("lrl");

  add_figure(table, "Throughput", "output_tokens_per_s", record);
  add_figure(table, "", "requests_per_s", record);
  if (!isnan(record->summary.goodput_per_s)) {
    table_add(table, "Goodput");
    table_take(table, format_number(record->summary.goodput_per_s));
    table_take(table, g_strdup_printf("requests / s within the limits, %" G_GUINT64_FORMAT
                                      " of %" G_GUINT64_FORMAT,
                                      record->summary.good_requests, record->summary.requests));
  }
  table_add(table, "Steps");
  table_take(table, format_count(record->summary.steps));
  table_add(table, "");
  add_figure(table, "", "mean_batch", record);
  table_append(table, "", text);
  g_string_append_c(text, '\n');
}

static void
append_latency(GString *text, const RunRecord *record)
{
  static const char *const heads[] = {"Latency", "mean", "p50", "p90", "p95", "p99", "max"};
  g_autoptr(Table) table = table_new("lrrrrrr");
  guint n;
  const FigureLatency *latencies = figure_latencies(&n);

  for (guint i = 0; i < G_N_ELEMENTS(heads); i++)
    table_add(table, heads[i]);
  for (guint i = 0; i < n; i++) {
    const Quantiles *q = figure_quantiles(&latencies[i], record);
    const double values_s[] = {q->mean, q->p50, q->p90, q->p95, q->p99, q->max};
    gboolean measured = !isnan(q->max);
    const DurationUnit *unit = format_duration_unit(measured ? q->max : 0);
    table_take(table, g_strconcat("  ", latencies[i].label, NULL));
    for (guint k = 0; k < G_N_ELEMENTS(values_s); k++)
      table_take(table, measured ? format_duration_in(values_s[k], unit) : g_strdup("-"));
  }
  table_append(table, "", text);
  g_string_append_c(text, '\n');
}

static void
append_components(GString *text, const Summary *sum)
{
  g_autoptr(Table) table = table_new("lrr");
  g_autofree char *busy = format_duration(ps_to_s(sum->busy_ps));
  g_autofree char *share =
      format_percent(sum->makespan_ps > 0 ? (double)sum->busy_ps / (double)sum->makespan_ps : 0);

  for (guint c = 0; c < COST_COMPONENTS; c++) {
    if (sum->component_ps[c] == 0)
      continue;
    table_add(table, figure_component_label((CostComponent)c));
    table_take(table, format_duration(ps_to_s(sum->component_ps[c])));
    table_take(table, format_percent((double)sum->component_ps[c] / (double)sum->busy_ps));
  }
  g_string_append_printf(text, "Where the time went (busy %s, %s of the makespan)\n", busy, share);
  table_append(table, "  ", text);
  g_string_append_c(text, '\n');
}

void
text_append_origin(GString *text, const RunRecord *record)
{
  const Summary *sum = &record->summary;
  gint64 modelled_ps = sum->busy_ps - sum->measured_ps - sum->scaled_ps;
  g_autofree char *measured = NULL, *scaled = NULL, *modelled = NULL;

  if (sum->busy_ps == 0)
    return;
  if (text_components_ps(sum) == 0) {
    g_string_append(text, "Durations come from the executor; no cost model was asked.\n");
    return;
  }
  measured = format_percent((double)sum->measured_ps / (double)sum->busy_ps);
  scaled = format_percent((double)sum->scaled_ps / (double)sum->busy_ps);
  modelled = format_percent((double)modelled_ps / (double)sum->busy_ps);
  if (modelled_ps == sum->busy_ps)
    g_string_append(text, "All of the time is modelled: no part of it comes from measurements.\n");
  else if (sum->measured_ps == sum->busy_ps)
    g_string_append(text, "All of the time comes from measurements, within their range.\n");
  else if (sum->scaled_ps == 0)
    g_string_append_printf(text, "%s of the time comes from measurements, %s is modelled.\n",
                           measured, modelled);
  else
    g_string_append_printf(text,
                           "%s of the time comes from measurements, %s is scaled from measurements "
                           "near by, %s is modelled.\n",
                           measured, scaled, modelled);
}

static void
append_remarks(GString *text, const RunRecord *record)
{
  const json_t *remarks = json_object_get(json_object_get(record->config, "profile"), "remarks");
  const json_t *remark;
  gsize i;

  json_array_foreach(remarks, i, remark)
      g_string_append_printf(text, "%s\n", json_string_value(remark));
}

void
text_append_sources(GString *text, const RunRecord *records, guint n_records)
{
  const json_t *host = json_object_get(json_object_get(records[0].config, "profile"), "host_time");
  const char *of = json_string_value(json_object_get(host, "of"));
  double least = 1, most = 0;
  g_autofree char *low = NULL, *high = NULL;

  append_remarks(text, &records[0]);
  for (guint i = 0; i < n_records; i++) {
    double share = figure_host_share(&records[i]);
    least = MIN(least, share);
    most = MAX(most, share);
  }
  if (of == NULL || most == 0)
    return;
  low = format_percent(least);
  high = format_percent(most);
  if (g_str_equal(low, high))
    g_string_append_printf(text, "host time: of %s, %s of the time.\n", of, high);
  else
    g_string_append_printf(text, "host time: of %s, %s to %s of the time.\n", of, low, high);
}

char *
summary_text(const RunRecord *record)
{
  GString *text = g_string_new(NULL);

  if (text_refuses_many(record)) {
    text_append_ignored(text, record);
    g_string_append_c(text, '\n');
  }
  text_append_setting(text, record, TRUE);
  append_outcome(text, record);
  append_throughput(text, record);
  append_latency(text, record);
  text_append_overflow(text, record);
  if (text_components_ps(&record->summary) > 0)
    append_components(text, &record->summary);
  text_append_origin(text, record);
  text_append_sources(text, record, 1);
  if (record->against != NULL)
    against_append_text(text, record->against, NULL);
  return g_string_free(text, FALSE);
}
