/* Which values are sound follows from the schema and from the columns' names, which end in their
 * units: a count is a whole number from 0, a time (_s) is seconds that the clock can hold, a share
 * is at most 1. What must hold between columns is written down below, a line a rule.
 */
#include "config.h"

#include "check.h"

#include <string.h>

#include "report/files/requests.h"
#include "sim/quantiles.h"
#include "sim/units.h"

#define COUNT_MAX "9007199254740992" /* the largest up to which a double holds every whole number  \
                                      */
#define U32_MAX "4294967295"
#define QUANTILE_SLACK "1.002" /* quantiles of ITL come from a histogram with buckets of 1/1024 */

/* Of runs. */
enum { TABLE_RUN, TABLE_CONFIG, TABLE_REQUEST };
static const CheckedTable tables[] = {
    {"run", "id", "run"},         {"config", "run_id", "run"},
    {"request", "run_id", "run"}, {"preemption", "run_id", "run"},
    {"series", "run_id", "run"},  {"step", "run_id", "run"},
};

/* The figure whose column of the table `run` it is; NULL: none. */
static const Figure *
figure_of_column(const char *column)
{
  guint n;
  const Figure *all = figures(&n);

  for (guint i = 0; i < n; i++) {
    g_autofree char *name = results_column(all[i].key);
    if (g_str_equal(name, column))
      return &all[i];
  }
  return NULL;
}

typedef struct {
  char *condition;      /* SQL; never NULL */
  const char *expected; /* for people */
} Rule;

static gboolean
is_time(const char *column)
{
  return (g_str_has_suffix(column, "_s") && !g_str_has_suffix(column, "_per_s")) ||
         (strstr(column, "_s_") != NULL && !g_str_has_suffix(column, "_per_s"));
}

/* Columns that are read into 32 bits. */
static gboolean
is_narrow(const char *table, const char *column)
{
  static const char *const step[] = {"repeats",         "sequences",      "decodes", "preemptions",
                                     "copy_out_blocks", "copy_in_blocks", NULL};

  const Figure *figure = g_str_equal(table, "run") ? figure_of_column(column) : NULL;

  return (figure != NULL && figure->type == FIGURE_U32) ||
         (g_str_equal(table, "request") && g_str_equal(column, "preemptions")) ||
         (g_str_equal(table, "step") && g_strv_contains(step, column));
}

static Rule
whole_number(const char *table, const char *column)
{
  /* A seed has all of its 64 bits. */
  if (g_str_equal(column, "seed"))
    return (Rule){g_strdup("(typeof(seed) = 'integer')"), "a whole number"};
  const char *max = g_str_has_suffix(column, "_ps") ? G_STRINGIFY(4611686018427387903)
                    : is_narrow(table, column)      ? U32_MAX
                                                    : COUNT_MAX;

  return (Rule){g_strdup_printf("(typeof(\"%s\") = 'integer' AND \"%s\" BETWEEN %d AND %s)", column,
                                column, g_str_equal(column, "repeats") ? 1 : 0, max),
                g_str_has_suffix(column, "_ps") ? "picoseconds, 0 or more and at most 53 days"
                                                : "a count, 0 or more"};
}

static Rule
real_number(const char *column)
{
  gboolean share = g_str_has_suffix(column, "_share");
  const char *max = share ? "1.000001" : is_time(column) ? "9223372" : "1e15";

  return (Rule){g_strdup_printf("(typeof(\"%s\") IN ('real', 'integer') AND \"%s\" BETWEEN 0 AND "
                                "%s)",
                                column, column, max),
                share             ? "a share, 0 to 1"
                : is_time(column) ? "seconds, 0 or more and at most 106 days"
                                  : "a number, 0 or more"};
}

static Rule
text(const char *table, const char *column)
{
  g_autoptr(GString) names = g_string_new(NULL);

  if (g_str_equal(table, "run") && g_str_equal(column, "end"))
    for (RunEnd end = RUN_DONE; end <= RUN_LIVELOCK; end++)
      g_string_append_printf(names, "%s'%s'", names->len > 0 ? ", " : "", run_end_name(end));
  else if (g_str_equal(table, "request") && g_str_equal(column, "status"))
    for (RequestStatus status = STATUS_UNFINISHED; status <= STATUS_IGNORED; status++)
      g_string_append_printf(names, "%s'%s'", names->len > 0 ? ", " : "",
                             request_outcome_name(status));
  else if (g_str_equal(table, "regret_play") && g_str_equal(column, "end"))
    for (RunEnd end = RUN_DONE; end <= RUN_LIVELOCK; end++)
      g_string_append_printf(names, "%s'%s'", names->len > 0 ? ", " : "", run_end_name(end));
  else if (g_str_equal(table, "policy_run") && g_str_equal(column, "state"))
    g_string_append(names, "'done', 'ended', 'lacked'");
  else if (g_str_equal(table, "cell") && g_str_equal(column, "state")) {
    g_string_append(names, "'pending', 'failed'");
    for (RunEnd end = RUN_DONE; end <= RUN_LIVELOCK; end++)
      g_string_append_printf(names, ", '%s'", run_end_name(end));
  }
  if (names->len == 0)
    return (Rule){g_strdup_printf("(typeof(\"%s\") = 'text')", column), "a text"};
  return (Rule){
      g_strdup_printf("(typeof(\"%s\") = 'text' AND \"%s\" IN (%s))", column, column, names->str),
      "a name that this program knows"};
}

/* What has no type is a setting: any number or text. */
static Rule
rule_of(const char *table, const char *column, const char *type)
{
  if (g_str_equal(type, "INTEGER"))
    return whole_number(table, column);
  if (g_str_equal(type, "REAL"))
    return real_number(column);
  if (g_str_equal(type, "TEXT"))
    return text(table, column);
  return (Rule){g_strdup_printf("(typeof(\"%s\") IN ('null', 'integer', 'text') OR "
                                "(typeof(\"%s\") = 'real' AND \"%s\" BETWEEN -1e308 AND 1e308))",
                                column, column, column),
                "a number or a text"};
}

/* Some columns are NULL where there is no value. Of a run's figures only those that may be no
 * number. */
static gboolean
may_be_absent(const char *table, const char *column, gboolean declared)
{
  const Figure *figure = g_str_equal(table, "run") ? figure_of_column(column) : NULL;

  return declared && (figure == NULL || figure->type == FIGURE_DOUBLE);
}

/* Appends a WHEN for each column of the table to both CASEs. FALSE: it has none, or reading failed.
 */
static gboolean
append_cases(Results *results, const char *schema, const char *table, GString *names,
             GString *values)
{
  g_autofree char *sql = g_strdup_printf(
      "SELECT name, type, \"notnull\", pk FROM pragma_table_info('%s', '%s') ORDER BY cid", table,
      schema);
  sqlite3_stmt *statement = results_prepare(results, sql, NULL);
  gboolean any = FALSE;

  while (statement != NULL && sqlite3_step(statement) == SQLITE_ROW) {
    const char *column = (const char *)sqlite3_column_text(statement, 0);
    Rule rule = rule_of(table, column, (const char *)sqlite3_column_text(statement, 1));
    gboolean may_lack = may_be_absent(table, column,
                                      sqlite3_column_int(statement, 2) == 0 &&
                                          sqlite3_column_int(statement, 3) == 0);
    g_autofree char *null = may_lack ? g_strdup_printf("\"%s\" IS NULL OR ", column) : g_strdup("");
    g_string_append_printf(names, " WHEN NOT (%s%s) THEN '%s is %s'", null, rule.condition, column,
                           rule.expected);
    g_string_append_printf(values, " WHEN NOT (%s%s) THEN quote(substr(\"%s\", 1, 40))", null,
                           rule.condition, column);
    g_free(rule.condition);
    any = TRUE;
  }
  sqlite3_finalize(statement);
  return any;
}

gboolean
results_refuse_row(Results *results, const char *sql, gint64 run_id, const CheckedTable *table,
                   const char *path, GError **error)
{
  sqlite3_stmt *statement = results_prepare(results, sql, error);
  int result;

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64(statement, 1, run_id);
  result = sqlite3_step(statement);
  if (result == SQLITE_ROW)
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_DAMAGED,
                "%s: %s %s, in its table %s: found %s, expected that %s; the "
                "file is damaged, or was changed by hand",
                path, table->row, (const char *)sqlite3_column_text(statement, 0), table->name,
                (const char *)sqlite3_column_text(statement, 2),
                (const char *)sqlite3_column_text(statement, 1));
  else if (result != SQLITE_DONE)
    results_fail(results, error);
  sqlite3_finalize(statement);
  return result == SQLITE_DONE;
}

gboolean
results_check_table(Results *results, const char *schema, const CheckedTable *table, gint64 run_id,
                    const char *path, GError **error)
{
  g_autoptr(GString) names = g_string_new("CASE"), values = g_string_new("CASE");
  g_autofree char *sql = NULL;

  if (!append_cases(results, schema, table->name, names, values))
    return TRUE; /* such as `step`, which not every file has */
  sql = g_strdup_printf("SELECT substr(%s, 1, 40), %s END AS fault, coalesce(%s END, 'nothing')"
                        " FROM \"%s\".%s WHERE (?1 = 0 OR %s = ?1) AND fault IS NOT NULL LIMIT 1",
                        table->key, names->str, values->str, schema, table->name, table->key);
  return results_refuse_row(results, sql, run_id, table, path, error);
}

/* The figures of a run among themselves. A rule that is NULL holds. The host's blocks are those of
 * swap, or of the native offload. */
static void
append_sums(GString *rules, const char *schema)
{
  guint n;
  const FigureLatency *latencies = figure_latencies(&n);

  g_string_append_printf(
      rules,
      " WHEN id < 1 THEN 'runs are numbered from 1'"
      " WHEN finished + ignored + aborted > requests THEN 'finished, ignored and"
      " aborted are requests'"
      " WHEN peak_disk_blocks > num_disk_blocks THEN 'the peak is at most the disk'"
      " WHEN peak_gpu_blocks > num_gpu_blocks OR peak_cpu_blocks > num_cpu_blocks + coalesce("
      "(SELECT value FROM \"%s\".config WHERE run_id = id AND key = 'num_offload_blocks'), 0)"
      " THEN 'the peak is at most the pool'",
      schema);
  for (guint i = 0; i < n; i++) {
    const char *l = latencies[i].key;
    g_string_append_printf(rules, " WHEN NOT (%s_mean <= %s_max * " QUANTILE_SLACK, l, l);
    for (Statistic s = STATISTIC_P50; s < STATISTIC_MAX; s++)
      g_string_append_printf(rules, " AND %s_%s <= %s_%s * " QUANTILE_SLACK, l, statistic_name(s),
                             l, statistic_name(s + 1));
    g_string_append_printf(rules, ") THEN 'the quantiles of %s ascend'", l);
  }
}

static gboolean
check_sums(Results *results, const char *schema, gint64 run_id, const char *path, GError **error)
{
  g_autoptr(GString) rules = g_string_new("CASE");
  g_autofree char *sql = NULL;

  append_sums(rules, schema);
  sql = g_strdup_printf("SELECT id, %s END AS fault, 'other figures' FROM \"%s\".run"
                        " WHERE (?1 = 0 OR id = ?1) AND fault IS NOT NULL LIMIT 1",
                        rules->str, schema);
  return results_refuse_row(results, sql, run_id, &tables[TABLE_RUN], path, error);
}

/* There is a row a request, or none was kept. */
static gboolean
check_rows(Results *results, const char *schema, gint64 run_id, const char *path, GError **error)
{
  g_autofree char *sql = g_strdup_printf(
      "SELECT id, 'there is a row a request, and as many are finished as the run says', n || ' "
      "rows,"
      " ' || done || ' finished' FROM \"%s\".run JOIN (SELECT run_id, count(*) AS n, sum(status ="
      " 'finished') AS done FROM \"%s\".request WHERE ?1 = 0 OR run_id = ?1 GROUP BY run_id) ON"
      " run_id = id WHERE n <> requests OR done <> finished LIMIT 1",
      schema, schema);

  return results_refuse_row(results, sql, run_id, &tables[TABLE_REQUEST], path, error);
}

/* A request's moments come in order. */
static gboolean
check_moments(Results *results, const char *schema, gint64 run_id, const char *path, GError **error)
{
  g_autofree char *sql = g_strdup_printf(
      "SELECT run_id, 'a request arrives, is scheduled, has its first and last token and finishes"
      " in this order', 'request ' || request FROM \"%s\".request WHERE (?1 = 0 OR run_id = ?1)"
      " AND (first_scheduled_s < arrival_s - 1e-9 OR first_token_s < first_scheduled_s - 1e-9 OR"
      " last_token_s < first_token_s - 1e-9 OR finish_s < last_token_s - 1e-9) LIMIT 1",
      schema);

  return results_refuse_row(results, sql, run_id, &tables[TABLE_REQUEST], path, error);
}

gboolean
results_check_figures(Results *results, const char *schema, gint64 run_id, const char *path,
                      GError **error)
{
  return results_check_table(results, schema, &tables[TABLE_RUN], run_id, path, error) &&
         check_sums(results, schema, run_id, path, error);
}

gboolean
results_check_values(Results *results, const char *schema, gint64 run_id, const char *path,
                     GError **error)
{
  for (guint t = 0; t < G_N_ELEMENTS(tables); t++)
    if (!results_check_table(results, schema, &tables[t], run_id, path, error))
      return FALSE;
  return check_sums(results, schema, run_id, path, error) &&
         check_rows(results, schema, run_id, path, error) &&
         check_moments(results, schema, run_id, path, error);
}
