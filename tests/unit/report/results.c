/* The results database: what is written, and files that cannot be. */
#include "tests/unit/report/report_fixture.h"
#include "report/results/pack.h"
#include "report/results/private.h"
#include "report/text/table.h"
#include "sim/units.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

static gint64
commit(Fixture *f, Results *results, const char *name, GError **error)
{
  g_autoptr(ResultsRun) run = results_run_new(f->workload, NULL, 0);
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
  g_assert_cmpint(query(path,
                        "SELECT count(*) FROM run_summary WHERE overflow = 'swap'"
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

/* What a worker sends is read to its last byte, and no further; what is cut short is refused. */
static void
test_packed(Fixture *f, gconstpointer data)
{
  const RunRecord record = make_record(f, "swap", 1);
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  g_autoptr(GError) error = NULL;

  (void)data;
  g_assert_true(results_pack(bytes, f->workload, NULL, &record, NULL, &error));
  g_assert_no_error(error);
  for (gsize n = 0; n <= bytes->len; n++) {
    g_autofree guint8 *copy = g_memdup2(bytes->data, n); /* nothing lies behind it */
    PackedRun packed;
    g_assert_cmpint(results_unpack(copy, n, &packed), ==, n == bytes->len);
    if (n == bytes->len) {
      g_assert_cmpint(packed.record.summary.makespan_ps, ==, record.summary.makespan_ps);
      g_assert_cmpuint(packed.series.n, ==, 0);
      g_assert_true(json_equal(packed.record.config, record.config));
    }
    packed_run_clear(&packed);
  }
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

/* A name out of a file that ends a statement and begins another: neither is run. */
static void
test_one_statement(Fixture *f, gconstpointer data)
{
  g_autofree char *path = in_folder(f, "one.db");
  g_autoptr(GError) error = NULL;
  g_autoptr(Results) results = results_open(path, 50, &error);
  gint64 n;

  (void)data;
  g_assert_no_error(error);
  g_assert_true(results_exec_one(results, "CREATE TABLE a (x);", &error));
  g_assert_no_error(error);
  g_assert_false(results_exec_one(results, "DROP TABLE a; DROP TABLE run", &error));
  g_assert_error(error, RESULTS_ERROR, RESULTS_ERROR_DAMAGED);
  g_assert_nonnull(strstr(error->message, "DROP TABLE run"));
  g_assert_true(results_query_int(
      results, "SELECT count(*) FROM sqlite_master WHERE name IN ('a', 'run')", &n, NULL));
  g_assert_cmpint(n, ==, 2);
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

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  ADD("/report/packed", NULL, test_packed);
  ADD("/report/results", NULL, test_results);
  ADD("/report/doc", NULL, test_doc);
  ADD("/report/bad-databases", NULL, test_bad_databases);
  ADD("/report/locked", NULL, test_locked);
  ADD("/report/one-statement", NULL, test_one_statement);
  ADD("/report/read-only", NULL, test_read_only);
  ADD("/report/full-disk", NULL, test_full_disk);
  return g_test_run();
}
