/* report/: what the files hold, and that bad files and full disks are told. */
#include "tests/unit/report/report_fixture.h"
#include "report/files/decision_log.h"
#include "report/text/format.h"
#include "report/files/requests_csv.h"
#include "report/summary.h"
#include "report/text/table.h"
#include "report/text.h"
#include "sim/units.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

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

/* Parts repeat the head, fit the width where a break allows it, and are even. */
static void
test_table_within(void)
{
  static const char *const cells[] = {"k", "aa", "*", "bb", "", "cc", "", "dd", "*"};
  static const struct {
    guint width;
    const char *text;
  } cases[] = {
      {100, "k  aa*  bb  cc  dd*\n"},         {19, "k  aa*  bb  cc  dd*\n"},
      {18, "k  aa*  bb\n\nk  cc  dd*\n"},     {10, "k  aa*  bb\n\nk  cc  dd*\n"},
      {9, "k  aa*\n\nk  bb  cc\n\nk  dd*\n"}, {0, "k  aa*\n\nk  bb\n\nk  cc\n\nk  dd*\n"},
  };
  g_autoptr(Table) table = table_new("l|rm|rm|rm|rm");

  for (guint i = 0; i < G_N_ELEMENTS(cells); i++)
    table_add(table, cells[i]);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GString) text = g_string_new(NULL);
    table_append_within(table, "", cases[i].width, text);
    g_assert_cmpstr(text->str, ==, cases[i].text);
  }
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
  g_autofree char *text = comparison_text(records, 3, 120), *same = NULL, *near = NULL;
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
  same = comparison_text(records, 2, 120);
  g_assert_nonnull(strstr(same, "All finished at the same time.\n"));
  records[0].summary.makespan_ps = records[1].summary.makespan_ps * 10005 / 10000;
  records[0].summary.ignored = 3;
  records[1].summary.ignored = 0;
  records[1].summary.swap_fallbacks = 1;
  near = comparison_text(records, 2, 120);
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
  g_autofree char *both = comparison_text(records, 2, 120),
                  *none = comparison_text(records, 0, 120);
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

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/report/format", test_format);
  g_test_add_func("/report/table", test_table);
  g_test_add_func("/report/table-within", test_table_within);
  ADD("/report/decision-log", "log.jsonl", test_decision_log);
  ADD("/report/decision-log-gz", "log.jsonl.gz", test_decision_log);
  ADD("/report/bad-logs", NULL, test_bad_logs);
  ADD("/report/requests-csv", NULL, test_requests_csv);
  ADD("/report/summary-json", NULL, test_summary_json);
  ADD("/report/comparison", NULL, test_comparison);
  ADD("/report/texts", NULL, test_texts);
  return g_test_run();
}
