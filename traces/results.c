#include "results.h"

#include "format.h"
#include "sim/units.h"

#include <math.h>
#include <string.h>

#define NS_PER_S G_GINT64_CONSTANT(1000000000)

static gboolean G_GNUC_PRINTF(2, 3) fail(GError **error, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  if (error != NULL)
    *error = g_error_new_valist(G_FILE_ERROR, G_FILE_ERROR_INVAL, format, args);
  va_end(args);
  return FALSE;
}

void
results_mend_json(char *text, gsize bytes)
{
  static const struct {
    const char *word, *instead;
  } words[] = {{"-Infinity", "null     "}, {"Infinity", "null    "}, {"NaN", "\"\" "}};
  gboolean is_text = FALSE;

  for (gsize i = 0; i < bytes; i++) {
    if (text[i] == '"')
      is_text = !is_text;
    else if (is_text && text[i] == '\\')
      i++;
    for (guint w = 0; !is_text && w < G_N_ELEMENTS(words); w++)
      if (strlen(words[w].word) <= bytes - i &&
          memcmp(text + i, words[w].word, strlen(words[w].word)) == 0)
        memcpy(text + i, words[w].instead, strlen(words[w].word));
  }
}

/* GuideLLM's document: benchmarks, each with its requests. */
static gboolean
is_guidellm(const json_t *object)
{
  const json_t *first = json_array_get(json_object_get(object, "benchmarks"), 0);

  return json_object_get(json_object_get(first, "requests"), "successful") != NULL;
}

gboolean
results_is_run(const json_t *object)
{
  return is_guidellm(object) || json_is_array(json_object_get(object, "input_lens")) ||
         (json_object_get(object, "completed") != NULL &&
          json_object_get(object, "duration") != NULL &&
          json_object_get(object, "total_input_tokens") != NULL);
}

static gboolean
read_tokens(const json_t *value, const char *what, gsize index, guint32 *tokens, GError **error)
{
  json_int_t number = json_integer_value(value);

  if (!json_is_integer(value) || number < 0 || number > TRACE_TOKENS_MAX)
    return fail(error, "%s[%" G_GSIZE_FORMAT "]: expected a whole number from 0 to %d", what, index,
                TRACE_TOKENS_MAX);
  *tokens = (guint32)number;
  return TRUE;
}

/* Finds an array that must be as long as input_lens; *array is NULL where the file has none. */
static gboolean
find_array(const json_t *object, const char *key, gsize n, const json_t **array, GError **error)
{
  *array = json_object_get(object, key);
  if (!json_is_array(*array))
    *array = NULL;
  if (*array != NULL && json_array_size(*array) != n)
    return fail(error,
                "%s has %" G_GSIZE_FORMAT " values, expected %" G_GSIZE_FORMAT " as in input_lens",
                key, json_array_size(*array), n);
  return TRUE;
}

/* Sets ttft_s and e2e_s from a request's ttft and the gaps between its tokens. Without streaming a
 * client knows neither, and writes 0. */
static void
read_times(const json_t *ttft, const json_t *itls, ResultRequest *request)
{
  const json_t *gap;
  gsize i;

  request->ttft_s = request->e2e_s = request->span_s = NAN;
  if (!json_is_number(ttft) || json_number_value(ttft) <= 0)
    return;
  request->ttft_s = json_number_value(ttft);
  if (json_array_size(itls) == 0 && request->output_tokens > 1)
    return;
  request->e2e_s = request->ttft_s;
  json_array_foreach(itls, i, gap) request->e2e_s += MAX(json_number_value(gap), 0);
}

/* Reads a start time, relative to the whole seconds of the first, so that its last digits count. */
static gboolean
read_start(const json_t *value, ResultRun *run, gsize index, ResultRequest *request, GError **error)
{
  double start_s = json_number_value(value);

  if (!json_is_number(value) || !(start_s >= 0) || start_s > 1e11)
    return fail(error, "start_times[%" G_GSIZE_FORMAT "]: expected seconds, not negative", index);
  if (index == 0)
    run->zero_s = (gint64)floor(start_s);
  if (fabs(start_s - (double)run->zero_s) > 1e6)
    return fail(error,
                "start_times[%" G_GSIZE_FORMAT "]: expected a time within 11 days of the "
                "first's",
                index);
  request->start_ps = (gint64)llround((start_s - (double)run->zero_s) * (double)PS_PER_S);
  return TRUE;
}

static double
number_of(const json_t *object, const char *key)
{
  const json_t *value = json_object_get(object, key);

  return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Reads one of GuideLLM's requests; inter_token_latency_ms is the mean of the gaps after the first
 * token. */
static gboolean
read_guidellm_request(const json_t *object, gsize i, ResultRun *run, ResultRequest *request,
                      GError **error)
{
  const json_t *start = json_object_get(object, "request_start_time");
  double gap_s = number_of(object, "inter_token_latency_ms") / 1000;

  if (start == NULL)
    start = json_object_get(object, "start_time"); /* until 0.3 */
  if (!read_tokens(json_object_get(object, "prompt_tokens"), "requests.successful.prompt_tokens", i,
                   &request->prompt_tokens, error) ||
      !read_tokens(json_object_get(object, "output_tokens"), "requests.successful.output_tokens", i,
                   &request->output_tokens, error) ||
      !read_start(start, run, i, request, error))
    return FALSE;
  request->ttft_s = number_of(object, "time_to_first_token_ms") / 1000;
  request->e2e_s =
      request->ttft_s + (request->output_tokens > 1 ? gap_s * (request->output_tokens - 1) : 0);
  request->span_s = number_of(object, "request_latency");
  if (isnan(request->span_s))
    request->span_s = number_of(object, "request_end_time") - json_number_value(start);
  return TRUE;
}

static gboolean
read_guidellm(const json_t *object, ResultRun *run, GError **error)
{
  const json_t *benchmarks = json_object_get(object, "benchmarks"), *requests, *one;
  gsize n = json_array_size(benchmarks), i;

  *run = (ResultRun){.has_starts = TRUE};
  if (n != 1)
    return fail(error,
                "%" G_GSIZE_FORMAT " benchmarks, expected one in a file.\nKeep the first: jq "
                "'.benchmarks |= .[0:1]' FILE",
                n);
  requests =
      json_object_get(json_object_get(json_array_get(benchmarks, 0), "requests"), "successful");
  if (json_array_size(requests) == 0)
    return fail(error, "a benchmark without its requests (requests.successful)");
  run->requests = g_array_new(FALSE, FALSE, sizeof(ResultRequest));
  json_array_foreach(requests, i, one)
  {
    ResultRequest request = {.start_ps = -1};
    if (!read_guidellm_request(one, i, run, &request, error))
      return FALSE;
    g_array_append_val(run->requests, request);
  }
  return TRUE;
}

gboolean
results_read_run(const json_t *object, ResultRun *run, GError **error)
{
  const json_t *prompts = json_object_get(object, "input_lens"), *outputs, *ttfts, *itls, *starts;
  gsize n = json_array_size(prompts);

  if (is_guidellm(object))
    return read_guidellm(object, run, error);
  *run = (ResultRun){.has_starts = json_is_array(json_object_get(object, "start_times"))};
  if (!json_is_array(prompts) || !json_is_array(json_object_get(object, "output_lens")))
    return fail(error, "a benchmark's summary without its requests' lengths (input_lens, "
                       "output_lens).\nRun it again with --save-detailed (vllm bench serve) or "
                       "--output-details (sglang.bench_serving).");
  if (!find_array(object, "output_lens", n, &outputs, error) ||
      !find_array(object, "ttfts", n, &ttfts, error) ||
      !find_array(object, "itls", n, &itls, error) ||
      !find_array(object, "start_times", n, &starts, error))
    return FALSE;
  if (!bench_pace_read(object, &run->pace, &run->no_pace) && run->has_starts)
    g_clear_error(&run->no_pace);
  run->requests = g_array_new(FALSE, FALSE, sizeof(ResultRequest));
  for (gsize i = 0; i < n; i++) {
    ResultRequest request = {.start_ps = -1};
    if (!read_tokens(json_array_get(prompts, i), "input_lens", i, &request.prompt_tokens, error) ||
        !read_tokens(json_array_get(outputs, i), "output_lens", i, &request.output_tokens, error) ||
        (starts != NULL && !read_start(json_array_get(starts, i), run, i, &request, error)))
      return FALSE;
    read_times(json_array_get(ttfts, i), json_array_get(itls, i), &request);
    g_array_append_val(run->requests, request);
  }
  return TRUE;
}

void
results_run_clear(ResultRun *run)
{
  g_clear_pointer(&run->requests, g_array_unref);
  g_clear_error(&run->no_pace);
}

gint64
results_arrival_ps(const ResultRun *run, guint i)
{
  if (run->has_starts)
    return g_array_index(run->requests, ResultRequest, i).start_ps;
  return run->pace.rate > 0 ? (gint64)llround(i / run->pace.rate * (double)PS_PER_S) : 0;
}

gboolean
results_is_aiperf(const json_t *object)
{
  return json_is_object(json_object_get(object, "metrics")) &&
         json_object_get(json_object_get(object, "metadata"), "request_start_ns") != NULL;
}

double
results_metric_s(const json_t *object, const char *metric, const char *member, const char *unit)
{
  static const struct {
    const char *unit;
    double seconds;
  } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"sec", 1}};
  const json_t *found = json_object_get(object, metric), *said = json_object_get(found, "unit");

  if (said != NULL)
    unit = json_string_value(said);
  for (guint i = 0; unit != NULL && i < G_N_ELEMENTS(units); i++)
    if (g_str_equal(units[i].unit, unit))
      return number_of(found, member) * units[i].seconds;
  return NAN;
}

static gboolean
metric_tokens(const json_t *metrics, const char *name, guint32 *tokens, GError **error)
{
  const json_t *value = json_object_get(json_object_get(metrics, name), "value");
  double number = json_number_value(value);

  if (!json_is_number(value) || number != floor(number) || number < 0 || number > TRACE_TOKENS_MAX)
    return fail(error, "metrics.%s: expected a \"value\" of whole tokens from 0 to %d", name,
                TRACE_TOKENS_MAX);
  *tokens = (guint32)number;
  return TRUE;
}

static ResultFate
fate_of(const json_t *object, const json_t *metadata)
{
  const json_t *failure = json_object_get(object, "error");
  const char *phase = json_string_value(json_object_get(metadata, "benchmark_phase"));

  if (phase != NULL && !g_str_equal(phase, "profiling"))
    return RESULT_WARM_UP;
  if ((failure != NULL && !json_is_null(failure)) ||
      json_is_true(json_object_get(metadata, "was_cancelled")))
    return RESULT_FAILED;
  return RESULT_TAKEN;
}

gboolean
results_read_aiperf(const json_t *object, gint64 *zero_ns, ResultRequest *request, const char **id,
                    ResultFate *fate, GError **error)
{
  const json_t *metadata = json_object_get(object, "metadata");
  const json_t *metrics = json_object_get(object, "metrics");
  const json_t *start = json_object_get(metadata, "request_start_ns");
  const json_t *end = json_object_get(metadata, "request_end_ns");
  json_int_t start_ns = json_integer_value(start);

  *id = json_string_value(json_object_get(metadata, "x_request_id"));
  *fate = fate_of(object, metadata);
  if (*fate != RESULT_TAKEN)
    return TRUE;
  if (!json_is_integer(start) || start_ns < 0)
    return fail(error, "metadata.request_start_ns: expected whole nanoseconds");
  if (*zero_ns < 0)
    *zero_ns = start_ns / NS_PER_S * NS_PER_S;
  if (ABS(start_ns - *zero_ns) > 1000000 * NS_PER_S)
    return fail(error, "metadata.request_start_ns: expected a time within 11 days of the first's");
  request->start_ps = (start_ns - *zero_ns) * (PS_PER_S / NS_PER_S);
  if (!metric_tokens(metrics, "input_sequence_length", &request->prompt_tokens, error) ||
      !metric_tokens(metrics, "output_sequence_length", &request->output_tokens, error))
    return FALSE;
  request->ttft_s = results_metric_s(metrics, "time_to_first_token", "value", NULL);
  request->e2e_s = results_metric_s(metrics, "request_latency", "value", NULL);
  request->span_s = json_is_integer(end)
                        ? ((double)json_integer_value(end) - (double)start_ns) / (double)NS_PER_S
                        : NAN;
  if (isnan(request->e2e_s))
    request->e2e_s = request->span_s;
  return TRUE;
}

static gboolean
is_positive(double value)
{
  return value > 0; /* no NAN */
}

gboolean
results_aiperf_pace(const json_t *object, ResultPace *pace)
{
  const json_t *config = json_object_get(object, "input_config"), *phase;
  const json_t *load = json_object_get(config, "loadgen");
  gsize i;

  json_array_foreach(json_object_get(config, "phases"), i, phase)
  {
    if (g_strcmp0(json_string_value(json_object_get(phase, "name")), "profiling") == 0) {
      load = phase;
      break;
    }
  }
  *pace = (ResultPace){number_of(load, "concurrency"), number_of(load, "rate"), 1};
  if (isnan(pace->rate))
    pace->rate = number_of(load, "request_rate"); /* of older versions */
  return is_positive(pace->concurrency) || is_positive(pace->rate);
}

gboolean
results_guidellm_pace(const json_t *benchmark, ResultPace *pace, const char **name)
{
  static const struct {
    const char *name, *concurrency, *rate;
    double burstiness;
  } strategies[] = {{"synchronous", "", "", 1},
                    {"concurrent", "streams", "", 1},
                    {"constant", "max_concurrency", "rate", 1e6},
                    {"poisson", "max_concurrency", "rate", 1},
                    {"throughput", "max_concurrency", "", 1}};
  const json_t *strategy = json_object_get(json_object_get(benchmark, "config"), "strategy");

  if (strategy == NULL)
    strategy = json_object_get(json_object_get(benchmark, "args"), "strategy");
  *name = json_string_value(json_object_get(strategy, "type_"));
  for (guint i = 0; i < G_N_ELEMENTS(strategies); i++) {
    if (g_strcmp0(strategies[i].name, *name) != 0)
      continue;
    *pace = (ResultPace){number_of(strategy, strategies[i].concurrency),
                         number_of(strategy, strategies[i].rate), strategies[i].burstiness};
    if (i == 0)
      pace->concurrency = 1;
    return TRUE;
  }
  return FALSE;
}
