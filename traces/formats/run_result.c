/* The form "bench-result": what `vllm bench serve --save-result --save-detailed`,
 * `sglang.bench_serving --output-file --output-details` or GuideLLM wrote of one run, an object
 * with arrays of lengths and, in later versions, start times in seconds of the client's clock. A
 * run without them arrives evenly spaced at the rate that the client sent at, or all at once, and a
 * note says so. Failed requests, which have no output, are skipped; ids are places in the arrays.
 */
#include "traces/jsonl.h"
#include "traces/results.h"

static void
note_arrivals(TraceReader *reader, const ResultRun *run)
{
  g_autofree char *slots =
      run->pace.concurrency > 0
          ? g_strdup_printf("; the client had no more than %u under way, as --max-concurrency %u",
                            run->pace.concurrency, run->pace.concurrency)
          : g_strdup("");

  if (run->has_starts)
    return;
  if (run->pace.rate > 0)
    reader->remark = g_strdup_printf("the result has no start times: requests arrive evenly spaced "
                                     "at the %g a second that the client sent at%s",
                                     run->pace.rate, slots);
  else
    reader->remark = g_strdup_printf("the result has neither start times nor a finite request "
                                     "rate: all requests arrive at 0 s%s",
                                     slots);
}

static gboolean
read_run(const json_t *object, ResultRun *run, GError **error)
{
  if (!results_read_run(object, run, error))
    return FALSE;
  if (run->no_pace == NULL)
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&run->no_pace));
  return FALSE;
}

static gboolean
add_requests(TraceReader *reader, const ResultRun *run, GError **error)
{
  for (guint i = 0; i < run->requests->len; i++) {
    const ResultRequest *result = &g_array_index(run->requests, ResultRequest, i);
    Request request = {.arrival_ps = results_arrival_ps(run, i),
                       .prompt_tokens = result->prompt_tokens,
                       .output_tokens = result->output_tokens};
    char id[16];
    g_snprintf(id, sizeof id, "%u", i);
    if (!reader_add(reader, &request, id, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_members(TraceReader *reader, const char *end, const json_t *object, GError **error)
{
  g_auto(ResultRun) run = {0};
  g_autoptr(GError) why = NULL;

  if (reader->runs++ > 0)
    return reader_fail(reader, reader->line, end, NULL, error,
                       "one run in a file; there are several here.\nKeep the line of one: sed -n "
                       "1p %s",
                       reader->name);
  if (!read_run(object, &run, &why)) {
    g_propagate_prefixed_error(error, g_steal_pointer(&why), "%s:%" G_GUINT64_FORMAT ": ",
                               reader->name, reader->line_number);
    return FALSE;
  }
  note_arrivals(reader, &run);
  return add_requests(reader, &run, error);
}

static const JsonlSchema schema = {
    .keys =
        {
            {"duration", "completed", "total_input_tokens"},
            {"input_lens", "output_lens"},
            {"benchmarks", "requests", "successful"},
        },
    .members = read_members,
};

const TraceFormat trace_format_run_result = {
    .name = "bench-result",
    .help = "a run's result of vllm bench serve, SGLang or GuideLLM (read only)",
    .shape = "JSON with input_lens, output_lens[, start_times], or benchmarks of requests",
    .time_unit = "seconds",
    .flags = TRACE_TIME_ABSOLUTE | TRACE_SKIPS_EMPTY | TRACE_KEEPS_IDS,
    .jsonl = &schema,
};
