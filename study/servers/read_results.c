/* What serving benchmarks write of a run's figures: one object, or an object a line (SGLang adds
 * one a run to its file), or AIPerf's records, one a request.
 *
 *   vllm bench serve, sglang.bench_serving   mean_ttft_ms, mean_tpot_ms, max_concurrency …
 *   AIPerf, profile_export_aiperf.json       time_to_first_token.avg, inter_token_latency.avg …
 *   AIPerf, profile_export.jsonl             a record a request
 *   GuideLLM, benchmarks.json                benchmarks[].metrics.….successful.mean
 *
 * Prompts are of the lengths that the file has of each request, where it has them, else of the mean
 * lengths. They do not say which card it was, nor how many.
 */
#include "point.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "files/input.h"
#include "models/config_reader.h"
#include "report/against/against.h"
#include "sim/units.h"
#include "traces/result_doubts.h"

/* json["a"]["b"]… ; NULL where a step is missing. */
static const json_t *
at(const json_t *json, const char *path)
{
  g_auto(GStrv) steps = g_strsplit(path, ".", -1);

  for (guint i = 0; json != NULL && steps[i] != NULL; i++)
    json = json_object_get(json, steps[i]);
  return json;
}

static double
number_at(const json_t *json, const char *path)
{
  const json_t *value = at(json, path);

  return json_is_number(value) ? json_number_value(value) : NAN;
}

static const char *
text_at(const json_t *json, const char *path)
{
  return json_string_value(at(json, path));
}

/* Positive and finite, or 0. */
static double
positive(double value)
{
  return isfinite(value) && value > 0 ? value : 0;
}

/* A client's backend names the server's protocol: OpenAI's, which every server has, is taken for
 * vLLM. */
static const char *
engine_of(const char *backend)
{
  if (backend == NULL || g_str_has_prefix(backend, "openai") || g_str_has_prefix(backend, "vllm"))
    return "vllm";
  if (g_str_has_prefix(backend, "sglang"))
    return "sglang";
  if (strstr(backend, "trt") != NULL || strstr(backend, "tensorrt") != NULL)
    return "trtllm";
  return backend;
}

/* The load: a slot count, a rate, or neither (all at once). */
static void
set_pace(ServerPoint *point, double concurrency, double rate, double burstiness)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  if (positive(concurrency) > G_MAXINT32 || positive(concurrency) != floor(positive(concurrency))) {
    server_point_refuse(point, "found a concurrency of %g, expected a whole number up to %d",
                        concurrency, G_MAXINT32);
    return;
  }
  point->concurrency = (guint)positive(concurrency);
  if (point->concurrency > 0)
    server_point_set(point, "max-concurrency", "%u", point->concurrency);
  if (positive(rate) == 0)
    return;
  server_point_set(point, "request-rate", "%s",
                   g_ascii_formatd(buffer, sizeof buffer, "%.12g", rate));
  if (positive(burstiness) > 0 && burstiness != 1)
    server_point_set(point, "burstiness", "%s",
                     g_ascii_formatd(buffer, sizeof buffer, "%.12g", burstiness));
}

static void
set_lengths(ServerPoint *point, double requests, double prompt, double output)
{
  if (positive(requests) == 0 || positive(prompt) == 0 || positive(output) == 0) {
    server_point_refuse(point, "the file does not say how many requests there were, and how long");
    return;
  }
  if (requests != floor(requests)) {
    server_point_refuse(point, "found %g requests, expected a whole number", requests);
    return;
  }
  server_point_set(point, "num-prompts", "%.0f", requests);
  server_point_set(point, "random-input-len", "%.0f", fmax(round(prompt), 1));
  server_point_set(point, "random-output-len", "%.0f", fmax(round(output), 1));
}

/* SGLang draws lengths from random_range_ratio * length to the length. Its file has the ratio for
 * other data sets, too, which ignore it. */
static gboolean
has_random_lengths(const json_t *object)
{
  const char *data = text_at(object, "dataset_name");

  return data == NULL || g_str_has_prefix(data, "random");
}

static void
set_range(ServerPoint *point, const json_t *object)
{
  double ratio = number_at(object, "random_range_ratio"),
         completed = number_at(object, "completed");
  double input = number_at(object, "random_input_len"),
         output = number_at(object, "random_output_len");

  if (!has_random_lengths(object) || !(ratio >= 0 && ratio < 1) || positive(input) == 0 ||
      positive(output) == 0 || positive(completed) == 0) {
    set_lengths(point, completed, number_at(object, "total_input_tokens") / completed,
                number_at(object, "total_output_tokens") / completed);
    return;
  }
  server_point_set(point, "trace",
                   "gen:--requests %.0f --arrivals burst --prompt uniform:%.0f,%.0f --output "
                   "uniform:%.0f,%.0f",
                   completed, fmax(floor(input * ratio), 1), input, fmax(floor(output * ratio), 1),
                   output);
}

/* The requests of the file, at the pace that was set, all at once without. */
static void
set_trace(ServerPoint *point, const char *path)
{
  gboolean has_rate = FALSE;

  for (guint i = 0; i < point->options->len; i += 2)
    has_rate |= g_str_equal(point->options->pdata[i], "request-rate");
  server_point_set(point, "trace", "%s", path);
  if (!has_rate)
    server_point_set(point, "request-rate", "inf");
}

static void
read_run(ServerPoint *point, const json_t *object, const char *path, const char *folder,
         gboolean is_alone)
{
  const char *backend = text_at(object, "backend"), *model = text_at(object, "model_id");
  BenchPace pace;
  GError *why = NULL;

  if (backend == NULL)
    backend = text_at(object, "endpoint_type");
  if (model == NULL)
    model = text_at(object, "server_info.model_path");
  if (model != NULL)
    server_point_set_model(point, model, folder, "", "");
  server_point_set_engine(point, engine_of(backend), "");
  point->published_ttft_ms = number_at(object, "mean_ttft_ms");
  point->published_tpot_ms = number_at(object, "mean_tpot_ms");
  if (!bench_pace_read(object, &pace, &why)) {
    server_point_refuse(point, "%s", g_strdelimit(why->message, "\n", ' '));
    g_error_free(why);
  }
  set_pace(point, pace.concurrency, pace.rate, pace.burstiness);
  if (is_alone && json_is_array(json_object_get(object, "input_lens")))
    set_trace(point, path);
  else
    set_range(point, object);
}

static void
read_aiperf(ServerPoint *point, const json_t *object, const char *folder)
{
  const json_t *models = at(object, "input_config.endpoint.model_names");
  const char *model = json_string_value(json_array_get(models, 0));
  ResultPace pace;

  if (model == NULL)
    model = text_at(json_array_get(at(object, "input_config.models.items"), 0), "name");
  if (model != NULL)
    server_point_set_model(point, model, folder, "", "");
  server_point_set_engine(point, "vllm", "");
  point->published_ttft_ms = 1000 * results_metric_s(object, "time_to_first_token", "avg", "ms");
  point->published_tpot_ms = 1000 * results_metric_s(object, "inter_token_latency", "avg", "ms");
  if (results_aiperf_pace(object, &pace))
    set_pace(point, pace.concurrency, pace.rate, pace.burstiness);
  else
    server_point_refuse(point, "the file does not say how its requests were sent");
  set_lengths(point, number_at(object, "request_count.avg"),
              number_at(object, "input_sequence_length.avg"),
              number_at(object, "output_sequence_length.avg"));
}

static void
read_guidellm(ServerPoint *point, const json_t *benchmark, const json_t *root, const char *path,
              const char *folder)
{
  const json_t *metrics = json_object_get(benchmark, "metrics");
  const char *model = text_at(benchmark, "config.backend.model"), *strategy;
  ResultPace pace;
  double requests = number_at(metrics, "request_totals.successful");

  if (model == NULL)
    model = text_at(benchmark, "benchmarker.backend.model");
  if (model == NULL)
    model = text_at(benchmark, "worker.backend_model");
  if (model == NULL)
    model = text_at(root, "args.model");
  if (model != NULL)
    server_point_set_model(point, model, folder, "", "");
  server_point_set_engine(point, "vllm", "");
  point->published_ttft_ms = number_at(metrics, "time_to_first_token_ms.successful.mean");
  point->published_tpot_ms = number_at(metrics, "inter_token_latency_ms.successful.mean");
  if (results_guidellm_pace(benchmark, &pace, &strategy))
    set_pace(point, pace.concurrency, pace.rate, pace.burstiness);
  else
    server_point_refuse(point, "how its requests were sent is not known (strategy %s)",
                        strategy != NULL ? strategy : "missing");
  if (isnan(requests))
    requests = number_at(benchmark, "request_totals.successful");
  if (json_array_size(json_object_get(root, "benchmarks")) == 1 &&
      json_array_size(at(benchmark, "requests.successful")) > 0)
    set_trace(point, path);
  else
    set_lengths(point, requests, number_at(metrics, "prompt_token_count.successful.mean"),
                number_at(metrics, "output_token_count.successful.mean"));
}

static ServerPoint *
add_point(GPtrArray *points, const char *path, guint number)
{
  g_autofree char *name = g_path_get_basename(path);
  g_autofree char *valid = g_utf8_make_valid(name, -1);
  g_autofree char *id = number > 0 ? g_strdup_printf("%s:%u", valid, number) : g_strdup(valid);
  ServerPoint *point = server_point_new(id);

  g_ptr_array_add(points, point);
  return point;
}

static gboolean
refuse(const char *path, GError **error)
{
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
              "%s: found no points, expected a table with the columns id, model_path, system …, or "
              "the result of vllm bench serve, sglang.bench_serving, AIPerf or GuideLLM",
              path);
  return FALSE;
}

/* A time that nobody can have measured is no point to compare with. */
static void
check_times(ServerPoint *point)
{
  const struct {
    const char *name;
    double ms;
  } times[] = {{"time to first token", point->published_ttft_ms},
               {"time per output token", point->published_tpot_ms}};

  for (guint i = 0; i < G_N_ELEMENTS(times); i++)
    if (times[i].ms < 0 || (i == 0 && times[i].ms == 0))
      server_point_refuse(point, "its mean %s is %g ms, expected one above 0", times[i].name,
                          times[i].ms);
}

/* What is doubtful in a result; root: the file, where the result is all of it, else NULL. */
static void
take_doubts(ServerPoint *point, const json_t *object, const json_t *root)
{
  g_autoptr(GPtrArray) doubts = g_ptr_array_new_with_free_func(g_free);
  g_auto(ResultRun) run = {0};
  g_autoptr(GError) summary_only = NULL;
  const gboolean has_requests = root != NULL && results_read_run(root, &run, &summary_only);

  check_times(point);
  result_doubts(object, has_requests ? run.requests : NULL, doubts);
  server_point_doubt(point, doubts);
}

/* FALSE: none of the forms. number: of the file's several, from 1; 0: it is alone. */
static gboolean
read_object(const json_t *object, const char *path, const char *folder, guint number,
            GPtrArray *points)
{
  const json_t *benchmarks = json_object_get(object, "benchmarks");
  ServerPoint *point;

  if (json_is_number(json_object_get(object, "mean_ttft_ms"))) {
    point = add_point(points, path, number);
    read_run(point, object, path, folder, number == 0);
    take_doubts(point, object, number == 0 ? object : NULL);
    return TRUE;
  }
  if (json_is_object(json_object_get(object, "time_to_first_token")) &&
      json_object_get(object, "request_count") != NULL) {
    point = add_point(points, path, number);
    read_aiperf(point, object, folder);
    take_doubts(point, object, NULL);
    return TRUE;
  }
  if (!json_is_array(benchmarks) ||
      json_object_get(json_array_get(benchmarks, 0), "metrics") == NULL)
    return FALSE;
  for (guint i = 0; i < json_array_size(benchmarks); i++) {
    point = add_point(points, path, i + 1);
    read_guidellm(point, json_array_get(benchmarks, i), object, path, folder);
    take_doubts(point, json_array_get(benchmarks, i),
                json_array_size(benchmarks) == 1 ? object : NULL);
  }
  return TRUE;
}

/* The means of a file with a record a request; it is sent as it was, unless the user says how. */
static gboolean
read_records(const char *path, GPtrArray *points, GError **error)
{
  g_autoptr(Measured) measured = measured_read(path, error);
  double ttft_s = 0, tpot_s = 0;
  guint n = 0, n_tpot = 0;
  ServerPoint *point;

  if (measured == NULL)
    return FALSE;
  for (guint i = 0; i < measured->requests->len; i++) {
    const MeasuredRequest *r = &g_array_index(measured->requests, MeasuredRequest, i);
    if (r->ttft_ps < 0)
      continue;
    n++;
    ttft_s += ps_to_s(r->ttft_ps);
    if (r->output_tokens < 2)
      continue;
    n_tpot++;
    tpot_s += ps_to_s(r->e2e_ps - r->ttft_ps) / (r->output_tokens - 1);
  }
  point = add_point(points, path, 0);
  point->published_ttft_ms = n > 0 ? ttft_s / n * 1000 : NAN;
  point->published_tpot_ms = n_tpot > 0 ? tpot_s / n_tpot * 1000 : NAN;
  server_point_set_engine(point, "vllm", "");
  server_point_set(point, "trace", "%s", path);
  server_point_doubt(point, measured->doubts);
  return TRUE;
}

static gboolean
read_lines(const char *text, const char *path, const char *folder, GPtrArray *points,
           GError **error)
{
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  guint number = 0;

  for (guint i = 0; lines[i] != NULL; i++) {
    json_error_t why;
    g_autoptr(json_t) object = NULL;
    if (*g_strstrip(lines[i]) == '\0')
      continue;
    object = json_loads(lines[i], 0, &why);
    if (object == NULL) {
      g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s:%u:%d: found no JSON (%s)", path,
                  i + 1, why.column, why.text);
      return FALSE;
    }
    if (number == 0 && results_is_aiperf(object))
      return read_records(path, points, error);
    if (!read_object(object, path, folder, ++number, points))
      return refuse(path, error);
  }
  return number > 0 || refuse(path, error);
}

static gboolean
server_points_read_results(const char *path, const char *folder, GPtrArray *points, GError **error)
{
  gsize bytes;
  g_autofree char *text = input_read(path, INPUT_MAYBE_GZIP, INPUT_TABLE_MAX_BYTES, &bytes, error);
  g_autoptr(json_t) root = NULL;

  if (text == NULL) {
    g_prefix_error(error, "%s: cannot be read: ", path);
    return FALSE;
  }
  results_mend_json(text, bytes);
  root = json_loadb(text, bytes, 0, NULL);
  if (root == NULL)
    return read_lines(text, path, folder, points, error);
  if (results_is_aiperf(root))
    return read_records(path, points, error);
  return read_object(root, path, folder, 0, points) || refuse(path, error);
}

gboolean
server_points_read(const char *path, const char *folder, GPtrArray *points, GError **error)
{
  FILE *file = fopen(path, "r");
  int first = 0;

  if (file != NULL) {
    do
      first = fgetc(file);
    while (first == ' ' || first == '\n' || first == '\t');
    fclose(file);
  }
  return first == '{' || first == '[' || first == 0x1f
             ? server_points_read_results(path, folder, points, error)
             : server_points_read_csv(path, folder, points, error);
}
