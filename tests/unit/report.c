/* report/: what the files hold, and that bad files and full disks are told. */
#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include "report/files/decision_log.h"
#include "report/text/format.h"
#include "report/files/requests_csv.h"
#include "report/results/results.h"
#include "report/summary.h"
#include "report/text/table.h"
#include "report/text.h"
#include "sim/units.h"

typedef struct {
  char *folder;
  Workload *workload;
  json_t *config;
} Fixture;

static char *
in_folder(Fixture *f, const char *name)
{
  return g_build_filename(f->folder, name, NULL);
}

static void
setup(Fixture *f, gconstpointer data)
{
  const Request request = {.arrival_ps = PS_PER_S / 8, .prompt_tokens = 40, .output_tokens = 9};

  (void)data;
  f->folder = g_dir_make_tmp("spillway-report-XXXXXX", NULL);
  g_assert_nonnull(f->folder);
  f->workload = workload_new();
  workload_add(f->workload, &request, "7", NULL);
  workload_add(f->workload, &request, "a \"b\", c", NULL);
  workload_add(f->workload, &request, "9", NULL);
  g_assert_true(workload_seal(f->workload, NULL));
  f->config = json_pack("{s:s, s:s, s:s, s:i, s:{s:s, s:f}, s:b}", "model", "llama-2-7b", "device",
                        "a100-40gb", "overflow", "swap", "block_size", 16, "profile", "name", "p1",
                        "clock", 1.5, "async", 0);
}

static void
teardown(Fixture *f, gconstpointer data)
{
  g_autoptr(GDir) dir = g_dir_open(f->folder, 0, NULL);
  const char *name;

  (void)data;
  while ((name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *path = in_folder(f, name);
    g_remove(path);
  }
  g_rmdir(f->folder);
  g_free(f->folder);
  workload_free(f->workload);
  json_decref(f->config);
}

/* A run in small: a step with events, a stride of three, an abort; and what became of requests. */
static void
drive(Observer *observer, RunEnd end)
{
  g_autoptr(Step) step = step_new(2);
  const StepEntry entries[] = {{0, 40, 0, 0, ENTRY_NEW, 1}, {1, 1, 41, 0, ENTRY_DECODE, 1}};
  const StepVictim victim = {.request = 2, .beneficiary = 1, .blocks = 3, .action = OVERFLOW_SWAP};
  const StepVictim second = {.request = 1, .beneficiary = 1, .blocks = 2, .tokens_lost = 30};
  const StepSwapIn back = {.request = 1, .blocks = 2};
  const StepHit hit = {.request = 0, .tokens = 16};
  const guint32 finished[] = {1};
  const RequestResult results[] = {{.request = 1,
                                    .status = STATUS_FINISHED,
                                    .arrival_ps = PS_PER_S / 8,
                                    .first_scheduled_ps = PS_PER_S,
                                    .first_token_ps = 2 * PS_PER_S,
                                    .last_token_ps = 5 * PS_PER_S + 1,
                                    .finish_ps = 5 * PS_PER_S + 1,
                                    .prompt_tokens = 40,
                                    .generated_tokens = 9,
                                    .preemptions = 1},
                                   {.request = 2,
                                    .status = STATUS_IGNORED,
                                    .arrival_ps = PS_PER_S / 8,
                                    .first_scheduled_ps = -1,
                                    .first_token_ps = -1,
                                    .last_token_ps = -1,
                                    .finish_ps = PS_PER_S,
                                    .prompt_tokens = 40}};
  const RunOutcome outcome = {.end = end,
                              .reason = end == RUN_DONE ? "" : "no room on the host",
                              .last_step = 4,
                              .lines = 5,
                              .preemptions = 2,
                              .finished = 1,
                              .ignored = 1,
                              .tokens = 8,
                              .unfinished = 1,
                              .peak_host_blocks = 3,
                              .end_ps = 6 * PS_PER_S};
  StepReport report = {.step = step,
                       .repeats = 1,
                       .start_ps = PS_PER_S,
                       .first_ps = PS_PER_S,
                       .elapsed_ps = PS_PER_S,
                       .tokens = 2};

  g_array_append_vals(step->entries, entries, 2);
  step->n_sequences = 2;
  g_array_append_val(step->victims, victim);
  g_array_append_val(step->victims, second);
  g_array_append_val(step->swapped_in, back);
  g_array_append_val(step->hits, hit);
  g_array_append_val(step->ignored, victim.request);
  step->gpu_free_blocks = 9;
  step->host_free_blocks = 2;
  step->running = 2;
  if (observer->step != NULL)
    observer->step(observer, &report);
  step_clear(step);
  g_array_append_vals(step->entries, &entries[1], 1);
  step->n_sequences = 1;
  step->grown[0] = 1;
  step->grown[1] = 3;
  step->repeat = 9;
  report = (StepReport){.step = step,
                        .step_index = 1,
                        .repeats = 3,
                        .start_ps = 2 * PS_PER_S,
                        .first_ps = PS_PER_S / 2,
                        .growth_ps = 1,
                        .tokens = 1,
                        .elapsed_ps = 3 * PS_PER_S / 2 + 3,
                        .finished = finished,
                        .n_finished = 1,
                        .gpu_free_end_blocks = 10};
  if (observer->step != NULL)
    observer->step(observer, &report);
  step_clear(step);
  report = (StepReport){.step = step, .step_index = 4, .repeats = 1, .start_ps = 6 * PS_PER_S};
  if (observer->step != NULL) /* an empty step: no line */
    observer->step(observer, &report);
  step->abort = "RuntimeError: \"no\" space";
  g_array_append_val(step->victims, victim);
  if (observer->step != NULL && end == RUN_ABORT)
    observer->step(observer, &report);
  for (guint i = 0; observer->request != NULL && i < G_N_ELEMENTS(results); i++)
    observer->request(observer, &results[i]);
  if (observer->end != NULL)
    observer->end(observer, &outcome);
}

static const char expected_log[] =
    "{\"step\":0,\"t\":1,\"scheduled\":[[7,40,\"n\"],[\"a \\\"b\\\", c\",1,\"d\"]],"
    "\"preempted\":[[9,\"swap\"],[\"a \\\"b\\\", c\",\"recompute\"]],"
    "\"swapped_in\":[\"a \\\"b\\\", c\"],\"ignored\":[9],\"cached\":[[7,16]],\"gpu_free\":9,"
    "\"cpu_free\":2,\"waiting\":0,\"running\":2,\"swapped\":0,\"tokens\":2}\n"
    "{\"step\":1,\"t\":2,\"scheduled\":[[\"a \\\"b\\\", "
    "c\",1,\"d\"]],\"gpu_free\":9,\"cpu_free\":2,"
    "\"waiting\":0,\"running\":2,\"swapped\":0,\"tokens\":1}\n"
    "{\"step\":2,\"t\":2.5,\"scheduled\":[[\"a \\\"b\\\", "
    "c\",1,\"d\"]],\"gpu_free\":8,\"cpu_free\":2,"
    "\"waiting\":0,\"running\":2,\"swapped\":0,\"tokens\":1}\n"
    "{\"step\":3,\"t\":3.000000000001,\"scheduled\":[[\"a \\\"b\\\", c\",1,\"d\"]],\"gpu_free\":6,"
    "\"cpu_free\":2,\"waiting\":0,\"running\":2,\"swapped\":0,\"tokens\":1,"
    "\"finished\":[\"a \\\"b\\\", c\"],\"gpu_free_end\":10}\n"
    "{\"step\":4,\"t\":6,\"abort\":\"RuntimeError: \\\"no\\\" space\",\"preempted\":[[9,\"swap\"]],"
    "\"swapped_in\":[]}\n"
    "{\"kind\":\"footer\",\"end\":\"abort\",\"last_step\":4,\"lines\":5,\"preemptions\":2,"
    "\"finished\":1,\"ignored\":1,\"tokens\":8,\"unfinished\":1,\"peak_cpu_blocks\":3,\"end_s\":6}"
    "\n";

/* Ids that are texts need quotes; "7" and "9" became texts when the second id was none. */
static char *
expected_with_text_ids(void)
{
  g_autoptr(GString) text = g_string_new(expected_log);
  g_string_replace(text, "[[7,", "[[\"7\",", 0);
  g_string_replace(text, "[[9,", "[[\"9\",", 0);
  g_string_replace(text, "[9]", "[\"9\"]", 0);
  return g_strdup(text->str);
}

static char *
read_gz(const char *path)
{
  gzFile file = gzopen(path, "rb");
  GString *text = g_string_new(NULL);
  char buffer[512];
  int n;

  while ((n = gzread(file, buffer, sizeof buffer)) > 0)
    g_string_append_len(text, buffer, n);
  g_assert_cmpint(gzclose(file), ==, Z_OK);
  return g_string_free(text, FALSE);
}

static void
test_decision_log(Fixture *f, gconstpointer data)
{
  g_autofree char *path = in_folder(f, data);
  g_autofree char *expected = expected_with_text_ids();
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(DecisionLog) log = decision_log_open(path, f->workload, f->config, &error);

  g_assert_no_error(error);
  drive(decision_log_observer(log), RUN_ABORT);
  g_assert_true(decision_log_close(log, &error));
  text = read_gz(path);
  g_assert_true(
      g_str_has_prefix(text, "{\"kind\":\"header\",\"format\":1,\"model\":\"llama-2-7b\","));
  g_assert_cmpstr(strchr(text, '\n') + 1, ==, expected);
}

static void
test_bad_logs(Fixture *f, gconstpointer data)
{
  static const char *const bad[] = {"/dev/full", "/nowhere/x.jsonl", "/"};
  (void)data;
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(DecisionLog) log = decision_log_open(bad[i], f->workload, f->config, &error);
    if (log != NULL) {
      drive(decision_log_observer(log), RUN_DONE);
      g_assert_false(decision_log_close(log, &error));
    }
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, bad[i]));
  }
  /* Compressed as well, and more than the buffer. */
  g_autofree char *link = in_folder(f, "full.gz");
  g_autoptr(GError) error = NULL;
  g_assert_cmpint(symlink("/dev/full", link), ==, 0);
  g_autoptr(DecisionLog) log = decision_log_open(link, f->workload, f->config, &error);
  for (guint i = 0; i < 500; i++)
    drive(decision_log_observer(log), RUN_DONE);
  g_assert_false(decision_log_close(log, &error));
  g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
}

static void
test_requests_csv(Fixture *f, gconstpointer data)
{
  g_autofree char *path = in_folder(f, "r.csv"), *text = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(RequestsCsv) csv = requests_csv_open(path, f->workload, &error);

  (void)data;
  drive(requests_csv_observer(csv), RUN_ABORT);
  g_assert_true(requests_csv_close(csv, &error));
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  g_assert_cmpstr(
      text, ==,
      "id,arrival_s,prompt_tokens,output_tokens,first_token_s,finish_s,preemptions,status\n"
      "7,0.125,40,0,,,0,aborted\n"
      "\"a \"\"b\"\", c\",0.125,40,9,2,5.000000000001,1,finished\n"
      "9,0.125,40,0,,,0,ignored\n");
}

static void
test_format(void)
{
  static const struct {
    gint64 time_ps;
    const char *text;
  } seconds[] = {{0, "0"},
                 {1, "0.000000000001"},
                 {PS_PER_S, "1"},
                 {-PS_PER_S / 2, "-0.5"},
                 {G_MAXINT64, "9223372.036854775807"},
                 {G_MININT64, "-9223372.036854775808"}};
  static const struct {
    double seconds;
    const char *text;
  } durations[] = {{0, "0 s"},
                   {0.9999999, "1.000 s"},
                   {0.0123456, "12.35 ms"},
                   {1.5e-6, "1.500 µs"},
                   {12345.6, "12,346 s"},
                   {999.96, "1,000 s"},
                   {1.5e-12, "0.0015 ns"}};
  char buffer[FORMAT_SECONDS_MAX];

  for (guint i = 0; i < G_N_ELEMENTS(seconds); i++)
    g_assert_cmpstr(format_seconds_ps(seconds[i].time_ps, buffer), ==, seconds[i].text);
  for (guint i = 0; i < G_N_ELEMENTS(durations); i++) {
    g_autofree char *text = format_duration(durations[i].seconds);
    g_assert_cmpstr(text, ==, durations[i].text);
  }
  g_autofree char *none = format_percent(0), *little = format_percent(1e-9),
                  *most = format_percent(0.99999), *all = format_percent(1),
                  *count = format_count(G_MAXUINT64);
  g_assert_cmpstr(none, ==, "0 %");
  g_assert_cmpstr(little, ==, "<0.1 %");
  g_assert_cmpstr(most, ==, ">99.9 %");
  g_assert_cmpstr(all, ==, "100 %");
  g_assert_cmpstr(count, ==, "18,446,744,073,709,551,615");
}

static void
test_table(void)
{
  g_autoptr(Table) table = table_new("lrm");
  g_autoptr(GString) text = g_string_new(NULL);
  static const char *const cells[] = {"µs", "1", "*", "日本", "22", "", "long", "3", "*"};

  for (guint i = 0; i < G_N_ELEMENTS(cells); i++)
    table_add(table, cells[i]);
  table_append(table, "> ", text);
  g_assert_cmpstr(text->str, ==, "> µs     1*\n> 日本  22\n> long   3*\n");
}

static RunRecord
make_record(Fixture *f, const char *name, double scale)
{
  RunRecord record = {.name = name,
                      .num_gpu_blocks = 5400,
                      .num_cpu_blocks = 2048,
                      .wall_s = 0.0213,
                      .config = f->config};
  Summary *sum = &record.summary;
  Quantiles q = {1.25 * scale, 0.8 * scale, 3.1 * scale, 4.2 * scale, 7.75 * scale, 9.1 * scale};

  *sum = (Summary){.requests = 1000,
                   .finished = 1000,
                   .end_reason = (char *)"",
                   .makespan_ps = (gint64)(183.2 * scale * PS_PER_S),
                   .requests_per_s = 5.46 / scale,
                   .output_tokens_per_s = 2490.1 / scale,
                   .ttft_s = q,
                   .e2e_s = q,
                   .queue_s = q,
                   .preemptions = 123,
                   .preempted_requests = 45,
                   .recomputed_tokens = 123456,
                   .overhead_recompute_ps = 3 * PS_PER_S,
                   .peak_gpu_blocks = 5400,
                   .steps = 12345,
                   .output_tokens = 456789,
                   .prompt_tokens = 1234567,
                   .busy_ps = (gint64)(180 * scale * PS_PER_S),
                   .mean_batch = 33.25};
  sum->tpot_s = sum->itl_s = (Quantiles){0.031, 0.03, 0.035, 0.036, 0.0412, 0.9};
  for (guint c = 0; c < 4; c++)
    sum->component_ps[c] = sum->busy_ps / 4;
  sum->measured_ps = sum->busy_ps / 4 * 3;
  return record;
}

static void
test_summary_json(Fixture *f, gconstpointer data)
{
  static const char *const order[] = {"requests",
                                      "finished",
                                      "ignored",
                                      "aborted",
                                      "makespan_s",
                                      "requests_per_s",
                                      "output_tokens_per_s",
                                      "ttft_s",
                                      "tpot_s",
                                      "itl_s",
                                      "e2e_s",
                                      "queue_s",
                                      "preemptions",
                                      "recomputed_tokens",
                                      "swapped_out_blocks",
                                      "swapped_in_blocks",
                                      "overhead_s",
                                      "num_gpu_blocks",
                                      "num_cpu_blocks",
                                      "peak_gpu_blocks",
                                      "steps",
                                      "measured_share",
                                      "wall_s"};
  const RunRecord record = make_record(f, "swap", 1);
  g_autofree char *text = summary_json(&record), *again = summary_json(&record);
  g_autofree char *csv = summary_csv(&record, 1, FALSE);
  json_auto_t *json = json_loads(text, 0, NULL);
  void *at;
  guint i = 0;

  (void)data;
  g_assert_cmpstr(text, ==, again);
  g_assert_nonnull(json);
  for (at = json_object_iter(json); i < G_N_ELEMENTS(order); at = json_object_iter_next(json, at))
    g_assert_cmpstr(json_object_iter_key(at), ==, order[i++]);
  g_assert_cmpfloat(json_real_value(json_object_get(json_object_get(json, "ttft_s"), "p99")), ==,
                    7.75);
  g_assert_cmpfloat(json_real_value(json_object_get(json, "measured_share")), ==, 0.75);
  g_assert_nonnull(json_object_get(json_object_get(json, "overhead_s"), "swap_out"));
  g_assert_true(json_equal(json_object_get(json, "config"), f->config));
  g_assert_true(g_str_has_prefix(csv, "requests,finished,ignored,aborted,makespan_s,requests_per_s,"
                                      "output_tokens_per_s,ttft_s.mean,"));
  g_assert_nonnull(strstr(csv, ",config.profile.name,config.profile.clock,config.async\n"));
  g_assert_true(g_str_has_suffix(csv, ",p1,1.5,false\n"));
}

static void
test_comparison(Fixture *f, gconstpointer data)
{
  RunRecord records[] = {make_record(f, "recompute", 1.2), make_record(f, "swap", 1),
                         make_record(f, "third", 0.5)};
  (void)data;
  records[2].summary.end = RUN_ABORT;
  records[2].summary.end_reason = (char *)"the host has no room";
  g_autofree char *json_text = comparison_json(records, 3), *csv = summary_csv(records, 3, TRUE);
  g_autofree char *text = comparison_text(records, 3), *same = NULL, *near = NULL;
  json_auto_t *json = json_loads(json_text, 0, NULL);
  json_t *best = json_object_get(json, "best");

  g_assert_cmpuint(json_array_size(json_object_get(json, "runs")), ==, 3);
  g_assert_cmpstr(json_string_value(json_object_get(best, "makespan_s")), ==, "swap");
  g_assert_null(json_object_get(best, "finished")); /* a tie */
  g_assert_true(g_str_has_prefix(csv, "policy,requests,"));
  g_assert_nonnull(
      strstr(text, "swap finished 16.7 % sooner than recompute: 183.2 s against 219.8 s.\n"));
  g_assert_nonnull(strstr(text, "third did not finish (abort)"));
  records[0] = records[1];
  records[0].name = "recompute";
  same = comparison_text(records, 2);
  g_assert_nonnull(strstr(same, "All finished at the same time.\n"));
  records[0].summary.makespan_ps = records[1].summary.makespan_ps * 10005 / 10000;
  records[0].summary.ignored = 3;
  records[1].summary.ignored = 0;
  records[1].summary.swap_fallbacks = 1;
  near = comparison_text(records, 2);
  g_assert_nonnull(strstr(near, "The makespans are within 0.1 % of each other: "));
  g_assert_nonnull(strstr(near, "\nrecompute: 3 requests were ignored: "));
  g_assert_nonnull(strstr(near, "\nswap: 1 victim was recomputed because the host's "));
  g_assert_null(strstr(strstr(same, "requests finished"), "*\n"));
}

/* Runs of all shapes print; `-v` shows them to whoever wants to look. */
static void
test_texts(Fixture *f, gconstpointer data)
{
  RunRecord records[] = {make_record(f, "recompute", 1.2), make_record(f, "swap", 1)};
  RunRecord empty = {.name = "", .summary = {.end = RUN_STUCK, .requests = 2, .aborted = 2}};
  g_autofree char *one = summary_text(&records[0]), *nothing = summary_text(&empty);
  g_autofree char *both = comparison_text(records, 2), *none = comparison_text(records, 0);
  g_autofree char *waiting = NULL;

  (void)data;
  g_assert_nonnull(strstr(one, "All 1,000 requests finished in 219.8 s.\n"));
  g_assert_nonnull(
      strstr(one, "75.0 % of the time comes from measurements, 25.0 % is modelled.\n"));
  g_assert_nonnull(strstr(nothing, "0 of 2 requests finished"));
  g_assert_null(strstr(nothing, "never ran out of room"));
  records[0].summary.preemptions = 0;
  records[0].slowdown = 2;
  waiting = summary_text(&records[0]);
  g_assert_nonnull(strstr(waiting, "no preemption: requests waited until the KV cache had room\n"));
  g_assert_cmpstr(none, ==, "");
  if (g_test_verbose())
    g_print("%s----\n%s----\n%s", one, nothing, both);
}

static gint64
commit(Fixture *f, Results *results, const char *name, GError **error)
{
  g_autoptr(ResultsRun) run = results_run_new(f->workload, NULL);
  const RunRecord record = make_record(f, name, 1);
  const SeriesBucket buckets[] = {{.output_tokens = 3, .sampled = TRUE}, {.output_tokens = 4}};
  const ResultsSeries series = {buckets, 2, PS_PER_S / 1000};

  drive(results_run_observer(run), RUN_ABORT);
  return results_commit(results, run, &record, &series, error);
}

static gint64
query(const char *path, const char *sql)
{
  sqlite3 *db;
  sqlite3_stmt *statement;
  gint64 value;

  g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
  if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
    g_error("%s: %s", sql, sqlite3_errmsg(db));
  g_assert_cmpint(sqlite3_step(statement), ==, SQLITE_ROW);
  value = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return value;
}

static void
test_results(Fixture *f, gconstpointer data)
{
  g_autofree char *path = in_folder(f, "results.db");
  g_autoptr(GError) error = NULL;

  (void)data;
  for (gint64 id = 1; id <= 3; id++) {
    g_autoptr(Results) results = results_open(path, 100, &error);
    g_assert_no_error(error);
    g_assert_cmpint(commit(f, results, "swap", &error), ==, id);
    g_assert_no_error(error);
  }
  g_assert_cmpint(query(path, "SELECT count(*) FROM run_summary WHERE overflow = 'swap'"
                              " AND model = 'llama-2-7b' AND ttft_s_p99 = 7.75 AND block_size = 16"),
                  ==, 3);
  g_assert_cmpint(query(path, "SELECT count(*) FROM config WHERE key = 'async' AND value = 0"), ==,
                  3);
  g_assert_cmpint(query(path, "SELECT count(*) FROM request WHERE run_id = 2"), ==, 3);
  g_assert_cmpint(query(path, "SELECT count(*) FROM request WHERE finish_s IS NULL"), ==, 6);
  g_assert_cmpint(query(path, "SELECT count(*) FROM preemption WHERE cost_s IS NULL"), ==, 6);
  g_assert_cmpint(query(path, "SELECT count(*) FROM preemption WHERE resumed_s IS NULL"), ==, 6);
  g_assert_cmpint(query(path, "SELECT blocks FROM preemption_by_request WHERE id = '9'"), ==, 3);
  g_assert_cmpint(query(path, "SELECT sum(output_tokens) FROM series"), ==, 21);
  g_assert_cmpint(query(path, "SELECT round(sum(time_s)) FROM component WHERE run_id = 1"), ==,
                  180);
}

static void
assert_columns_documented(sqlite3 *db, const char *table, const char *text)
{
  g_autofree char *sql = g_strdup_printf("PRAGMA table_info(%s)", table);
  sqlite3_stmt *statement;

  g_assert_cmpint(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), ==, SQLITE_OK);
  while (sqlite3_step(statement) == SQLITE_ROW) {
    g_autofree char *column = g_strdup_printf("`%s`", sqlite3_column_text(statement, 1));
    if (strstr(text, column) == NULL)
      g_error("doc/results.md: no %s of %s", column, table);
  }
  sqlite3_finalize(statement);
}

/* doc/results.md names every column (run's come from the figures), and its queries run. */
static void
test_doc(Fixture *f, gconstpointer data)
{
  static const char *const tables[] = {"config",
                                       "request",
                                       "preemption",
                                       "series",
                                       "preemption_by_request",
                                       "preemption_choice",
                                       "preemption_by_length",
                                       "policy",
                                       "full_pool",
                                       "component"};
  g_autofree char *doc = g_test_build_filename(G_TEST_DIST, "..", "doc", "results.md", NULL);
  g_autofree char *path = in_folder(f, "doc.db"), *text = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(Results) results = results_open(path, 100, &error);
  sqlite3 *db;
  guint queries = 0;

  (void)data;
  if (!g_file_get_contents(doc, &text, NULL, NULL)) {
    g_test_skip("doc/results.md is not here; set G_TEST_SRCDIR to the tests' folder");
    return;
  }
  g_assert_cmpint(commit(f, results, "swap", &error), ==, 1);
  g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
  for (guint i = 0; i < G_N_ELEMENTS(tables); i++)
    assert_columns_documented(db, tables[i], text);
  for (char *sql = strstr(text, "```sql\n"); sql != NULL; sql = strstr(sql, "```sql\n")) {
    g_autofree char *query_text = NULL;
    char *message = NULL;
    sql += strlen("```sql\n");
    query_text = g_strndup(sql, (gsize)(strstr(sql, "```") - sql));
    if (sqlite3_exec(db, query_text, NULL, NULL, &message) != SQLITE_OK)
      g_error("%s: %s", query_text, message);
    queries++;
  }
  g_assert_cmpuint(queries, ==, 5);
  sqlite3_close(db);
}

static void
assert_refused(const char *path, ResultsError code, const char *words)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(Results) results = results_open(path, 50, &error);

  g_assert_null(results);
  g_assert_error(error, RESULTS_ERROR, (int)code);
  if (strstr(error->message, words) == NULL)
    g_error("'%s' does not say '%s'", error->message, words);
}

static void
make_database(const char *path, const char *sql)
{
  sqlite3 *db;
  g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
  g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close(db);
}

static void
test_bad_databases(Fixture *f, gconstpointer data)
{
  g_autofree char *foreign = in_folder(f, "foreign.db"), *text = in_folder(f, "text.db");
  g_autofree char *short_text = in_folder(f, "short.db"), *empty = in_folder(f, "empty.db");
  g_autofree char *newer = in_folder(f, "newer.db"), *broken = in_folder(f, "broken.db");
  g_autofree char *long_text = g_strnfill(5000, 'x'), *kept = NULL;
  g_autoptr(GError) error = NULL;

  (void)data;
  make_database(foreign, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
  assert_refused(foreign, RESULTS_ERROR_FOREIGN, "another program");
  g_assert_cmpint(query(foreign, "SELECT count(*) FROM sqlite_master"), ==, 1);
  g_assert_true(g_file_set_contents(text, long_text, -1, NULL));
  assert_refused(text, RESULTS_ERROR_FOREIGN, "not a results database");
  g_assert_true(g_file_get_contents(text, &kept, NULL, NULL));
  g_assert_cmpstr(kept, ==, long_text);
  g_assert_true(g_file_set_contents(short_text, "id,arrival\n", -1, NULL));
  assert_refused(short_text, RESULTS_ERROR_FOREIGN, "not a results database");
  results_free(results_open(newer, 50, &error));
  make_database(newer, "UPDATE meta SET value = 99 WHERE key = 'format'");
  assert_refused(newer, RESULTS_ERROR_NEWER, "newer program");
  results_free(results_open(broken, 50, &error));
  make_database(broken, "DROP TABLE meta");
  assert_refused(broken, RESULTS_ERROR_FAILED, "meta");
  assert_refused(f->folder, RESULTS_ERROR_FAILED, "folder");
  assert_refused("", RESULTS_ERROR_FAILED, "empty");
  assert_refused("/nowhere/results.db", RESULTS_ERROR_FAILED, "/nowhere/results.db");
  g_assert_true(g_file_set_contents(empty, "", 0, NULL));
  results_free(results_open(empty, 50, &error));
  g_assert_no_error(error);
}

static void
test_locked(Fixture *f, gconstpointer data)
{
  g_autofree char *path = in_folder(f, "locked.db");
  g_autoptr(GError) error = NULL;
  g_autoptr(Results) results = results_open(path, 50, &error);
  sqlite3 *other;

  (void)data;
  g_assert_cmpint(commit(f, results, "a", &error), ==, 1);
  g_assert_cmpint(sqlite3_open(path, &other), ==, SQLITE_OK);
  g_assert_cmpint(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), ==, SQLITE_OK);
  assert_refused(path, RESULTS_ERROR_LOCKED, "locked");
  g_assert_cmpint(commit(f, results, "b", &error), ==, 0);
  g_assert_error(error, RESULTS_ERROR, RESULTS_ERROR_LOCKED);
  g_clear_error(&error);
  sqlite3_close(other);
  g_assert_cmpint(commit(f, results, "b", &error), ==, 2); /* the handle is still good */
}

static void
test_read_only(Fixture *f, gconstpointer data)
{
  g_autofree char *path = in_folder(f, "read-only.db");
  g_autoptr(GError) error = NULL;

  (void)data;
  results_free(results_open(path, 50, &error));
  g_assert_cmpint(g_chmod(path, 0444), ==, 0);
  if (g_access(path, W_OK) == 0) {
    g_test_skip("this user may write read-only files");
    return;
  }
  assert_refused(path, RESULTS_ERROR_FAILED, "read-only");
  g_assert_cmpint(g_chmod(path, 0644), ==, 0);
  g_assert_cmpint(g_chmod(f->folder, 0555), ==, 0); /* no room for the journal */
  assert_refused(path, RESULTS_ERROR_FAILED, "read-only");
  g_assert_cmpint(g_chmod(f->folder, 0755), ==, 0);
  results_free(results_open(path, 50, &error));
  g_assert_no_error(error);
}

/* A limit on the file's size stands in for a full disk: what was committed before survives. */
static void
test_full_disk(Fixture *f, gconstpointer data)
{
  g_autofree char *path = in_folder(f, "full.db");
  g_autoptr(GError) error = NULL;
  g_autoptr(Results) results = results_open(path, 50, &error);
  GStatBuf info;
  struct rlimit limit;
  guint committed = 0;

  (void)data;
  if (!g_test_subprocess()) {
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    return;
  }
  signal(SIGXFSZ, SIG_IGN);
  g_assert_cmpint(g_stat(path, &info), ==, 0);
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = (rlim_t)info.st_size + 8192;
  setrlimit(RLIMIT_FSIZE, &limit);
  while (committed < 1000 && commit(f, results, "x", &error) > 0)
    committed++;
  g_assert_cmpuint(committed, <, 1000);
  g_assert_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED);
  g_clear_pointer(&results, results_free);
  g_assert_cmpint(query(path, "SELECT count(*) FROM run"), ==, committed);
  g_assert_cmpint(
      query(path, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), ==,
      1);
}

#define ADD(path, data, function) g_test_add(path, Fixture, data, setup, function, teardown)

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/report/format", test_format);
  g_test_add_func("/report/table", test_table);
  ADD("/report/decision-log", "log.jsonl", test_decision_log);
  ADD("/report/decision-log-gz", "log.jsonl.gz", test_decision_log);
  ADD("/report/bad-logs", NULL, test_bad_logs);
  ADD("/report/requests-csv", NULL, test_requests_csv);
  ADD("/report/summary-json", NULL, test_summary_json);
  ADD("/report/comparison", NULL, test_comparison);
  ADD("/report/texts", NULL, test_texts);
  ADD("/report/results", NULL, test_results);
  ADD("/report/doc", NULL, test_doc);
  ADD("/report/bad-databases", NULL, test_bad_databases);
  ADD("/report/locked", NULL, test_locked);
  ADD("/report/read-only", NULL, test_read_only);
  ADD("/report/full-disk", NULL, test_full_disk);
  return g_test_run();
}
