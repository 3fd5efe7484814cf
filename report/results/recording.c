#include "recording.h"

#include <string.h>

#include "check.h"
#include "query.h"
#include "sim/units.h"

static gboolean
fail(const Recording *recording, GError **error, const char *what)
{
  g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_DAMAGED, "%s: %s", recording->path, what);
  return FALSE;
}

/* Splits "FILE.db:3". A file of that whole name comes first. */
static void
split_name(const char *text, Recording *recording)
{
  const char *colon = strrchr(text, ':');
  guint64 id;

  recording->path = g_strdup(text);
  if (colon == NULL || g_file_test(text, G_FILE_TEST_EXISTS) ||
      !g_ascii_string_to_unsigned(colon + 1, 10, 1, G_MAXINT64, &id, NULL))
    return;
  recording->path[colon - text] = '\0';
  recording->run_id = (gint64)id;
}

/* FALSE where the file has no table of steps: no run of it recorded any. */
static gboolean
has_steps(Results *results, gboolean *has, GError **error)
{
  gint64 n;

  if (!results_query_int(results,
                         "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = "
                         "'step'",
                         &n, error))
    return FALSE;
  *has = n > 0;
  return TRUE;
}

static gboolean
find_run(Recording *recording, Results *results, GError **error)
{
  g_autoptr(ResultsQuery) query = NULL;
  g_autofree char *which = NULL, *what = NULL;
  gboolean has;

  if (!has_steps(results, &has, error))
    return FALSE;
  if (has) {
    query =
        results_query_first(results_query_new(results,
                                              "SELECT coalesce(max(run_id), 0) AS run_id FROM step"
                                              " WHERE (?1 = 0 OR run_id = ?1)"
                                              " AND run_id IN (SELECT id FROM run)",
                                              recording->run_id, 0, error),
                            "", error);
    if (query == NULL)
      return FALSE;
    if (results_query_count(query, "run_id") > 0) {
      recording->run_id = results_query_count(query, "run_id");
      return TRUE;
    }
  }
  which = recording->run_id != 0 ? g_strdup_printf("its run %" G_GINT64_FORMAT, recording->run_id)
                                 : g_strdup("it");
  what = g_strdup_printf("%s has no recorded steps; live runs have, others with --record-steps",
                         which);
  return fail(recording, error, what);
}

static gboolean
read_config(Recording *recording, Results *results, GError **error)
{
  g_autoptr(ResultsQuery) query = results_query_new(
      results, "SELECT key, value FROM config WHERE run_id = ?1", recording->run_id, 0, error);
  GError *cause = NULL;

  if (query == NULL)
    return FALSE;
  while (results_query_next(query, &cause))
    g_hash_table_insert(recording->config, g_strdup(results_query_text(query, "key")),
                        results_query_is_null(query, "value")
                            ? NULL
                            : g_strdup(results_query_text(query, "value")));
  if (cause != NULL)
    g_propagate_error(error, cause);
  return cause == NULL;
}

static char *
select_sql(void)
{
  GString *sql = g_string_new("SELECT " RESULTS_STEP_COLUMNS);

  for (guint c = 0; c < COST_COMPONENTS; c++)
    g_string_append_printf(sql, ", %s_ps", cost_component_name(c));
  g_string_append(sql, " FROM step WHERE run_id = ?1 ORDER BY sequence");
  return g_string_free(sql, FALSE);
}

static RecordedStep
take_row(sqlite3_stmt *statement)
{
  gint64 values[11];
  RecordedStep step;

  for (int i = 0; i < (int)G_N_ELEMENTS(values); i++)
    values[i] = sqlite3_column_int64(statement, i);
  step = (RecordedStep){
      .step = (guint64)values[0],
      .repeats = (guint32)values[1],
      .first_ps = values[2],
      .growth_ps = values[3],
      .recompute_overhead_ps = values[4],
      .sequences = (guint32)values[5],
      .decodes = (guint32)values[6],
      .tokens = (guint64)values[7],
      .preemptions = (guint32)values[8],
      .copy_out_blocks = (guint32)values[9],
      .copy_in_blocks = (guint32)values[10],
  };
  for (guint c = 0; c < COST_COMPONENTS; c++)
    step.component_ps[c] = sqlite3_column_int64(statement, (int)(G_N_ELEMENTS(values) + c));
  return step;
}

/* Adds a step to the run's time; FALSE where the clock overflows. The values themselves are in
 * range (check.h). */
static gboolean
add_elapsed(const RecordedStep *step, gint64 *elapsed_ps)
{
  gint64 last_ps, sum_ps, components_ps = 0;

  for (guint c = 0; c < COST_COMPONENTS; c++)
    if (__builtin_add_overflow(components_ps, step->component_ps[c], &components_ps))
      return FALSE;
  /* No repeat is shorter than the first, none longer than the last. */
  return !__builtin_mul_overflow(step->growth_ps, (gint64)step->repeats, &last_ps) &&
         !__builtin_add_overflow(last_ps, MAX(step->first_ps, components_ps), &last_ps) &&
         !__builtin_mul_overflow(last_ps, (gint64)step->repeats, &sum_ps) &&
         !__builtin_add_overflow(*elapsed_ps, sum_ps, elapsed_ps) && *elapsed_ps <= TIME_MAX_PS &&
         step->recompute_overhead_ps <= TIME_MAX_PS / 2;
}

static gboolean
read_steps(Recording *recording, Results *results, GError **error)
{
  g_autofree char *sql = select_sql();
  sqlite3_stmt *statement = results_prepare(results, sql, error);
  gint64 elapsed_ps = 0;
  gboolean sound = TRUE;
  int result;

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_int64(statement, 1, recording->run_id);
  while ((result = sqlite3_step(statement)) == SQLITE_ROW && sound) {
    RecordedStep step = take_row(statement);
    sound = add_elapsed(&step, &elapsed_ps);
    g_array_append_val(recording->steps, step);
  }
  sqlite3_finalize(statement);
  if (!sound)
    return fail(recording, error,
                "its recorded steps are damaged: they last longer than 53 days in sum");
  return result == SQLITE_DONE || results_fail(results, error);
}

/* A replay tells as measured what it replays of a run that computed, and of others nothing. */
static gboolean
find_measured(Recording *recording, Results *results, GError **error)
{
  const char *executor = g_hash_table_lookup(recording->config, "executor");
  g_autoptr(ResultsQuery) query = NULL;

  recording->measured = g_strcmp0(executor, "cpu") == 0 || g_strcmp0(executor, "gpu") == 0;
  if (g_strcmp0(executor, "replay") != 0)
    return TRUE;
  query =
      results_query_first(results_query_new(results, "SELECT measured_share FROM run WHERE id = ?1",
                                            recording->run_id, 0, error),
                          "", error);
  if (query == NULL)
    return FALSE;
  recording->measured = results_query_real(query, "measured_share") > 0;
  return TRUE;
}

Recording *
recording_read(const char *text, GError **error)
{
  g_autoptr(Recording) recording = g_new0(Recording, 1);
  g_autoptr(Results) results = NULL;

  recording->config = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  recording->steps = g_array_new(FALSE, FALSE, sizeof(RecordedStep));
  split_name(text, recording);
  results = results_open_read(recording->path, error);
  if (results == NULL || !find_run(recording, results, error) ||
      !results_check_values(results, "main", recording->run_id, recording->path, error) ||
      !read_config(recording, results, error) || !read_steps(recording, results, error))
    return NULL;
  return find_measured(recording, results, error) ? g_steal_pointer(&recording) : NULL;
}

void
recording_free(Recording *recording)
{
  if (recording == NULL)
    return;
  g_free(recording->path);
  g_hash_table_unref(recording->config);
  g_array_unref(recording->steps);
  g_free(recording);
}
