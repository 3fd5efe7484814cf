/* A run held against a measured file: what is read, what is paired with what, what is refused, and
 * the figures, by hand. */
#include "config.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <zlib.h>

#include "report/files/requests_csv.h"
#include "report/summary.h"
#include "report/text.h"
#include "sim/units.h"

typedef struct {
  char *path;
  Workload *workload;
  GPtrArray *notes;
} Fixture;

static void
add(Workload *workload, const char *id, gint64 arrival_ps, guint32 prompt, guint32 output)
{
  const Request request = {
      .arrival_ps = arrival_ps, .prompt_tokens = prompt, .output_tokens = output};
  workload_add(workload, &request, id, NULL);
}

/* Three requests; `data`: FALSE as ids are the indices. */
static void
setup(Fixture *f, gconstpointer data)
{
  gboolean named = GPOINTER_TO_INT(data);
  g_autofree char *folder = g_dir_make_tmp("spillway-against-XXXXXX", NULL);

  g_assert_nonnull(folder);
  f->path = g_build_filename(folder, "measured", NULL);
  f->notes = g_ptr_array_new_with_free_func(g_free);
  f->workload = workload_new();
  add(f->workload, named ? "a" : NULL, 0, 10, 3);
  add(f->workload, named ? "b, \"c\"" : NULL, PS_PER_S, 20, 5);
  add(f->workload, named ? "d" : NULL, 2 * PS_PER_S, 30, 1);
  g_assert_true(workload_seal(f->workload, NULL));
}

static void
teardown(Fixture *f, gconstpointer data)
{
  g_autofree char *folder = g_path_get_dirname(f->path);

  (void)data;
  g_remove(f->path);
  g_rmdir(folder);
  g_free(f->path);
  g_ptr_array_unref(f->notes);
  workload_free(f->workload);
}

static Measured *
read_text(Fixture *f, const char *text, GError **error)
{
  g_autoptr(Measured) measured = NULL;

  g_assert_true(g_file_set_contents(f->path, text, -1, NULL));
  g_ptr_array_set_size(f->notes, 0);
  measured = measured_read(f->path, error);
  if (measured == NULL || !measured_pair(measured, f->workload, f->notes, error))
    return NULL;
  return g_steal_pointer(&measured);
}

static RequestResult
result_of(const Workload *workload, guint32 index, double first_s, double last_s)
{
  const Request *request = workload_request(workload, index);
  return (RequestResult){.request = index,
                         .status = STATUS_FINISHED,
                         .arrival_ps = request->arrival_ps,
                         .first_token_ps = (gint64)llround(first_s * PS_PER_S),
                         .last_token_ps = (gint64)llround(last_s * PS_PER_S),
                         .finish_ps = (gint64)llround(last_s * PS_PER_S),
                         .prompt_tokens = request->prompt_tokens,
                         .generated_tokens = request->output_tokens};
}

/* The run: TTFT 0.5, 0.5, 0.25 s; TPOT 0.5, 0.25 s; latency 1.5, 1.5, 0.25 s. */
static void
tell_run(const Workload *workload, Observer *observer)
{
  const RequestResult results[] = {result_of(workload, 2, 2.25, 2.25),
                                   result_of(workload, 0, 0.5, 1.5),
                                   result_of(workload, 1, 1.5, 2.5)};

  for (guint i = 0; i < G_N_ELEMENTS(results); i++)
    observer->request(observer, &results[i]);
}

static AgainstFigures *
run_against(Fixture *f, const Measured *measured)
{
  g_autoptr(Against) against = against_new(measured);

  tell_run(f->workload, against_observer(against));
  return against_figures(against);
}

/* The engine's clock is 1000 s ahead of 5000 s, less 0.125 s of "a", queued that long after
 * arrival; measured: TTFT 0.25, 1, 0.25 s, TPOT 0.5, 0.25, latency 1.25, 2, 0.25 s. */
#define BENCHMARK                                                                                  \
  "{\"request_id\": \"a\", \"input_toks\": 10, \"output_toks\": 3, \"arrival_time\": 5000,"        \
  " \"queued_ts\": 1000.125, \"scheduled_ts\": 1000.2, \"first_token_ts\": 1000.25,"               \
  " \"last_token_ts\": 1001.25}\n"                                                                 \
  "\n"                                                                                             \
  "{\"request_id\": \"d\", \"input_toks\": 30, \"output_toks\": 1, \"arrival_time\": 5002,"        \
  " \"queued_ts\": 1002, \"first_token_ts\": 1002.25, \"last_token_ts\": 1002.25}\r\n"             \
  "{\"request_id\": \"b, \\\"c\\\"\", \"input_toks\": 20, \"output_toks\": 5,"                     \
  " \"arrival_time\": 5001.0, \"first_token_ts\": 1002.0, \"last_token_ts\": 1003.0}"

static void
check_pair(const LatencyAgainst *latency, guint statistic, double measured_s, double simulated_s)
{
  g_assert_cmpfloat_with_epsilon(quantiles_get(&latency->measured_s, statistic), measured_s, 1e-12);
  g_assert_cmpfloat_with_epsilon(quantiles_get(&latency->simulated_s, statistic), simulated_s,
                                 1e-12);
}

static void
test_benchmark(Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(Measured) measured = read_text(f, BENCHMARK, &error);
  AgainstFigures *figures;

  (void)data;
  g_assert_no_error(error);
  g_assert_cmpuint(f->notes->len, ==, 0);
  figures = run_against(f, measured);
  g_assert_cmpuint(figures->requests, ==, 3);
  g_assert_cmpuint(figures->left_out, ==, 0);
  check_pair(&figures->latencies[LATENCY_TTFT], 0, 0.5, 1.25 / 3);
  check_pair(&figures->latencies[LATENCY_TTFT], 1, 0.25, 0.5);
  check_pair(&figures->latencies[LATENCY_TTFT], 2, 0.85, 0.5);
  check_pair(&figures->latencies[LATENCY_TPOT], 0, 0.375, 0.375);
  check_pair(&figures->latencies[LATENCY_E2E], 0, 3.5 / 3, 3.25 / 3);
  g_assert_cmpfloat_with_epsilon(against_error(&figures->latencies[LATENCY_TTFT], 1), 1, 1e-12);
  g_assert_cmpfloat_with_epsilon(figures->latencies[LATENCY_TTFT].error_s.p50, 0.25, 1e-12);
  g_assert_cmpfloat_with_epsilon(figures->latencies[LATENCY_TTFT].error_s.p90, 0.45, 1e-12);
  g_assert_cmpfloat(figures->latencies[LATENCY_TPOT].error_s.p90, ==, 0);
  against_figures_free(figures);
}

/* What --requests writes of a run, held against the same run. */
static void
test_own_csv(Fixture *f, gconstpointer data)
{
  g_autofree char *compressed = g_strconcat(f->path, ".gz", NULL);
  const char *const paths[] = {f->path, compressed};

  (void)data;
  for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(Measured) measured = NULL;
    RequestsCsv *csv = requests_csv_open(paths[i], f->workload, &error);
    AgainstFigures *figures;
    g_assert_no_error(error);
    tell_run(f->workload, requests_csv_observer(csv));
    g_assert_true(requests_csv_close(csv, &error));
    requests_csv_free(csv);
    measured = measured_read(paths[i], &error);
    g_assert_no_error(error);
    g_assert_true(measured_pair(measured, f->workload, f->notes, &error));
    g_assert_cmpuint(f->notes->len, ==, 0);
    figures = run_against(f, measured);
    g_assert_cmpuint(figures->requests, ==, 3);
    for (guint l = 0; l < LATENCIES; l++) {
      g_assert_cmpfloat(figures->latencies[l].error_s.max, ==, 0);
      g_assert_cmpfloat(against_error(&figures->latencies[l], 4), ==, 0);
    }
    against_figures_free(figures);
  }
  g_remove(compressed);
}

#define HEADER                                                                                     \
  "id,arrival_s,prompt_tokens,output_tokens,first_token_s,finish_s,preemptions,status\n"

/* Requests that did not finish, and those that one side lacks. */
static void
test_partial(Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(Measured) measured = read_text(
      f, HEADER "a,0,10,3,.5,1.5,0,finished\nd,2,30,0,,,0,aborted\ne,3,1,1,4,4,0,finished\n",
      &error);
  g_autoptr(GString) text = g_string_new(NULL);
  AgainstFigures *figures;

  (void)data;
  g_assert_no_error(error);
  g_assert_cmpuint(f->notes->len, ==, 2);
  g_assert_nonnull(strstr(g_ptr_array_index(f->notes, 0), "1 of its 3 requests"));
  g_assert_nonnull(strstr(g_ptr_array_index(f->notes, 1), "nothing of 1 of the run's 3 requests"));
  figures = run_against(f, measured);
  g_assert_cmpuint(figures->requests, ==, 1);
  g_assert_cmpuint(figures->left_out, ==, 1);
  against_append_text(text, figures, "swap");
  g_assert_nonnull(strstr(text->str, "swap against "));
  g_assert_nonnull(strstr(text->str, "1 request; 1 left out"));
  g_assert_nonnull(strstr(text->str,
                          "Mean TTFT is as measured, mean TPOT as measured, mean latency "
                          "as measured.\n"));
  against_figures_free(figures);
}

/* Nothing finished in both: said, without a table of zeros. */
static void
test_nothing_left(Fixture *f, gconstpointer data)
{
  g_autoptr(Measured) measured = read_text(f, HEADER "d,2,30,0,,,0,aborted\n", NULL);
  g_autoptr(GString) text = g_string_new(NULL);
  json_auto_t *json = NULL;
  AgainstFigures *figures;

  (void)data;
  g_assert_nonnull(measured);
  figures = run_against(f, measured);
  against_append_text(text, figures, NULL);
  g_assert_nonnull(strstr(text->str, "0 requests; 1 left out"));
  g_assert_null(strstr(text->str, "measured  simulated"));
  json = against_to_json(figures);
  g_assert_true(json_is_null(
      json_object_get(json_object_get(json_object_get(json, "tpot_s"), "mean"), "error")));
  against_figures_free(figures);
}

/* The run's ids are indices, the file's are names: by order of arrival, not of the file. */
static void
test_by_order(Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(Measured) measured = read_text(f, BENCHMARK, &error);
  AgainstFigures *figures;

  (void)data;
  g_assert_no_error(error);
  g_assert_cmpuint(f->notes->len, ==, 1);
  g_assert_nonnull(strstr(g_ptr_array_index(f->notes, 0), "by order of arrival"));
  figures = run_against(f, measured);
  g_assert_cmpuint(figures->requests, ==, 3);
  check_pair(&figures->latencies[LATENCY_E2E], 0, 3.5 / 3, 3.25 / 3);
  against_figures_free(figures);
}

/* Another load is told. */
static void
test_arrivals(Fixture *f, gconstpointer data)
{
  g_autoptr(Measured) measured = read_text(
      f, HEADER "a,7,10,3,8,9,0,\n\"b, \"\"c\"\"\",7.5,20,5,8,9,0,\nd,8,30,1,9,9,0,", NULL);

  (void)data;
  g_assert_nonnull(measured);
  g_assert_cmpuint(f->notes->len, ==, 1);
  g_assert_nonnull(strstr(g_ptr_array_index(f->notes, 0), "by up to 1.000 s"));
}

#define LINE(members) "{" members "}\n"
#define LENGTHS "\"request_id\": \"a\", \"input_toks\": 10, \"output_toks\": 3"

static void
test_refused(Fixture *f, gconstpointer data)
{
  static const struct {
    const char *text, *message; /* after "FILE:" */
  } cases[] = {
      {"", "1: found no requests"},
      {HEADER, "2: found no requests"},
      {"hello\n", "1: found 'hello' …, expected JSON lines"},
      {"\n{\"a\": 1\n", "2: found '{\"a\": 1', expected a JSON object"},
      {"\n{\"a\": 1,\n", "3: found no JSON, expected a benchmark's result"},
      {"{\"a\": 1}\n{\"a\": 1\n", "1: found no input_toks"},
      {LINE(LENGTHS), "1: found no arrival_time, expected seconds"},
      {LINE("\"input_toks\": -1"), "1: found a bad input_toks, expected a whole"},
      {LINE("\"input_toks\": 1.5"), "1: found a bad input_toks, expected a whole"},
      {LINE(LENGTHS ", \"arrival_time\": \"x\""), "1: found a bad arrival_time"},
      {LINE(LENGTHS ", \"arrival_time\": 1, \"arrival_time\": 2"), "1: found '{"},
      {LINE(LENGTHS ", \"arrival_time\": 1, \"first_token_ts\": 3, \"last_token_ts\": 2"),
       "1: found a last token before the first"},
      {LINE(LENGTHS ", \"arrival_time\": 3, \"first_token_ts\": 2, \"last_token_ts\": 2"),
       "1: found a first token 1 s before the request's arrival"},
      {LINE(LENGTHS ", \"arrival_time\": 1777142838, \"first_token_ts\": 2, \"last_token_ts\": 2"),
       "1: found times more than 4e+06 s apart"},
      {LINE(LENGTHS ", \"arrival_time\": 3") LINE(LENGTHS ", \"arrival_time\": 3"),
       "2: found the id 'a', expected each once; line 1 has it too"},
      {LINE("\"request_id\": \"z\", \"input_toks\": 1, \"output_toks\": 3, \"arrival_time\": 3"),
       "1: found the id z, and none of the trace's, of which the first is a"},
      {HEADER "a,0,11,3,1,2,0,finished\n", "2: found 11 prompt tokens, expected the 10 of"},
      {HEADER "a,0,10,4,1,2,0,finished\n", "2: found 4 output tokens, expected the 3 of"},
      {LINE("\"request_id\": \"a\", \"input_toks\": 10, \"output_toks\": 2, \"arrival_time\": 3,"
            "\"first_token_ts\": 4, \"last_token_ts\": 4"),
       "1: found 2 output tokens, expected the 3 of"},
      {HEADER "a,0,10,3,1,2,0\n", "2: found 7 fields, expected 8"},
      {HEADER "a,0,ten,3,1,2,0,\n", "2: found 'ten' in prompt_tokens"},
      {HEADER "a,nan,10,3,1,2,0,\n", "2: found 'nan' in arrival_s"},
      {HEADER "a,0,10,3,0x1,2,0,\n", "2: found '0x1' in first_token_s"},
      {HEADER "\"a\nb\",0,1,1,1,1,0,\nc,-1,1,1,1,1,0,\n", "4: found '-1' in arrival_s"},
      {HEADER ",0,10,3,1,2,0,\n", "2: found no id"},
      {"id,arrival_s\n", "1: found 'id' …, expected JSON lines of a benchmark, or the header of "
                         "--requests; there is no column prompt_tokens"},
  };

  (void)data;
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    g_autofree char *expected = g_strconcat(f->path, ":", cases[i].message, NULL);
    g_assert_null(read_text(f, cases[i].text, &error));
    g_assert_nonnull(error);
    if (!g_str_has_prefix(error->message, expected))
      g_error("found \"%s\", expected \"%s\"", error->message, expected);
  }
}

static void
test_unreadable(Fixture *f, gconstpointer data)
{
  static const char zeros[] = "{\0}";
  g_autofree char *folder = g_path_get_dirname(f->path);
  g_autoptr(GError) missing = NULL, is_folder = NULL, binary = NULL, cut = NULL;
  gzFile gz = NULL;
  g_autofree char *bytes = NULL;
  gsize n_bytes;

  (void)data;
  g_assert_null(measured_read(f->path, &missing));
  g_assert_error(missing, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  g_assert_null(measured_read(folder, &is_folder));
  g_assert_nonnull(is_folder);
  g_assert_true(g_file_set_contents(f->path, zeros, sizeof zeros, NULL));
  g_assert_null(measured_read(f->path, &binary));
  g_assert_nonnull(strstr(binary->message, "no text"));
  gz = gzopen(f->path, "wb");
  g_assert_cmpint(gzwrite(gz, BENCHMARK, sizeof BENCHMARK - 1), >, 0);
  gzclose(gz);
  g_assert_true(g_file_get_contents(f->path, &bytes, &n_bytes, NULL));
  g_assert_true(g_file_set_contents(f->path, bytes, (gssize)n_bytes / 2, NULL));
  g_assert_null(measured_read(f->path, &cut));
  g_assert_nonnull(cut);
}

/* Where the figures go: JSON, columns of CSV, and after the summary. */
static void
test_outputs(Fixture *f, gconstpointer data)
{
  g_autoptr(Measured) measured = read_text(f, BENCHMARK, NULL);
  RunRecord record = {.name = "swap", .summary = {.end = RUN_DONE, .requests = 3}};
  g_autofree char *csv = NULL, *text = NULL, *comparison = NULL;
  json_auto_t *json = NULL;
  json_t *against;
  double value, error_s, median_s;

  (void)data;
  g_assert_nonnull(measured);
  record.against = run_against(f, measured);
  json = summary_to_json(&record);
  against = json_object_get(json, "against");
  g_assert_cmpstr(json_string_value(json_object_get(against, "file")), ==, f->path);
  g_assert_cmpint(json_unpack(against, "{s:{s:{s:f, s:f}}, s:{s:{s:f}}}", "ttft_s", "p50",
                              "simulated", &value, "error", &error_s, "per_request", "ttft_s",
                              "median_abs_error", &median_s),
                  ==, 0);
  g_assert_cmpfloat(value, ==, 0.5);
  g_assert_cmpfloat(error_s, ==, 1);
  g_assert_cmpfloat(median_s, ==, 0.25);
  csv = summary_csv(&record, 1, FALSE);
  g_assert_nonnull(strstr(csv, ",against.e2e_s.p99.error,"));
  text = summary_text(&record);
  g_assert_nonnull(strstr(text, "Mean TTFT is 16.7 % below the measured, mean TPOT as measured, "
                                "mean latency 7.1 % below; the largest difference is +100.0 %, in "
                                "the median of TTFT.\n"));
  comparison = comparison_text(&record, 1, 120);
  g_assert_nonnull(strstr(comparison, "swap against "));
  against_figures_free(record.against);
}

int
main(int argc, char **argv)
{
  const gconstpointer names = GINT_TO_POINTER(TRUE), indices = GINT_TO_POINTER(FALSE);

  g_test_init(&argc, &argv, NULL);
#define ADD(path, ids, test) g_test_add("/against/" path, Fixture, ids, setup, test, teardown)
  ADD("benchmark", names, test_benchmark);
  ADD("own-csv", names, test_own_csv);
  ADD("own-csv-indices", indices, test_own_csv);
  ADD("partial", names, test_partial);
  ADD("nothing-left", names, test_nothing_left);
  ADD("by-order", indices, test_by_order);
  ADD("arrivals", names, test_arrivals);
  ADD("refused", names, test_refused);
  ADD("unreadable", names, test_unreadable);
  ADD("outputs", names, test_outputs);
  return g_test_run();
}
