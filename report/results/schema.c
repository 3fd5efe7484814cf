/* The schema: fixed tables, and a table `run` and a view `run_summary` whose columns come from the
 * table of figures. A change of either, or of views.c, is a new RESULTS_FORMAT. */
#include "config.h"

#include "private.h"

#include "files/database.h"
#include "studies.h"

/* Settings that every run_summary shows. */
const char *const results_summary_keys[] = {
    "model",  "device",   "trace",      "scheduler", "overflow",
    "victim", "executor", "block_size", "seed",      NULL,
};

static const char fixed_tables[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE config (run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " key TEXT NOT NULL, value, PRIMARY KEY (run_id, key)) WITHOUT ROWID;"
    "CREATE TABLE request (run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " request INTEGER NOT NULL, id TEXT NOT NULL, status TEXT NOT NULL, arrival_s REAL NOT NULL,"
    " prompt_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, first_scheduled_s REAL,"
    " first_token_s REAL, last_token_s REAL, finish_s REAL, preemptions INTEGER NOT NULL,"
    " preempted_s REAL NOT NULL, recomputed_tokens INTEGER NOT NULL,"
    " swapped_out_blocks INTEGER NOT NULL, swapped_in_blocks INTEGER NOT NULL,"
    " PRIMARY KEY (run_id, request)) WITHOUT ROWID;"
    "CREATE TABLE series (run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
    " bucket INTEGER NOT NULL, time_s REAL NOT NULL, length_s REAL NOT NULL,"
    " output_tokens INTEGER NOT NULL, computed_tokens INTEGER NOT NULL,"
    " preemptions INTEGER NOT NULL, resumes INTEGER NOT NULL, finished INTEGER NOT NULL,"
    " gpu_blocks INTEGER NOT NULL, gpu_blocks_peak INTEGER NOT NULL, cpu_blocks INTEGER NOT NULL,"
    " running INTEGER NOT NULL, waiting INTEGER NOT NULL, swapped INTEGER NOT NULL,"
    " sampled INTEGER NOT NULL, PRIMARY KEY (run_id, bucket)) WITHOUT ROWID;";

char *
results_price_column(const OverflowPolicy *policy)
{
  char *column = g_strdup_printf("price_s_%s", policy->base.name);

  return g_strdelimit(column, "-", '_');
}

static void
append_preemption_table(GString *sql)
{
  g_string_append(
      sql, "CREATE TABLE preemption (run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,"
           " sequence INTEGER NOT NULL, victim INTEGER NOT NULL, beneficiary INTEGER NOT NULL,"
           " step INTEGER NOT NULL, time_s REAL NOT NULL, action TEXT NOT NULL,"
           " fell_back INTEGER NOT NULL, blocks INTEGER NOT NULL, tokens_lost INTEGER NOT NULL,"
           " found_tokens INTEGER NOT NULL, cost_s REAL, other_cost_s REAL, resumed_s REAL, free_s "
           "REAL");
  for (guint i = 0; overflow_policies[i] != NULL; i++) {
    g_autofree char *column = results_price_column(overflow_policies[i]);
    g_string_append_printf(sql, ", %s REAL", column);
  }
  g_string_append(sql,
                  ", PRIMARY KEY (run_id, sequence)) WITHOUT ROWID;"
                  "CREATE INDEX preemption_of_victim ON preemption (run_id, victim);"
                  "CREATE INDEX preemption_for_beneficiary ON preemption (run_id, beneficiary);");
}

/* A run that ended badly has no slowdown. */
static const char *
column_type(const Figure *figure)
{
  return figure_is_text(figure)    ? "TEXT NOT NULL"
         : figure_is_count(figure) ? "INTEGER NOT NULL"
                                   : "REAL";
}

static void
append_run_table(GString *sql)
{
  guint n;
  const Figure *all = figures(&n);

  g_string_append(
      sql,
      "CREATE TABLE run (id INTEGER PRIMARY KEY, name TEXT NOT NULL, created_utc TEXT NOT NULL,"
      " program_version TEXT NOT NULL");
  for (guint i = 0; i < n; i++) {
    g_autofree char *column = results_column(all[i].key);
    g_string_append_printf(sql, ", \"%s\" %s", column, column_type(&all[i]));
  }
  g_string_append(sql, ");");
}

/* A component's time a row, for plots. */
static void
append_component_view(GString *sql, const char *kind)
{
  g_string_append_printf(sql, "CREATE %sVIEW component AS", kind);
  for (guint c = 0; c < COST_COMPONENTS; c++)
    g_string_append_printf(sql,
                           "%s SELECT id AS run_id, name AS run, '%s' AS component,"
                           " time_s_%s AS time_s FROM run",
                           c > 0 ? " UNION ALL" : "", cost_component_name(c),
                           cost_component_name(c));
  g_string_append(sql, ";");
}

static void
append_config_column(GString *sql, const char *key)
{
  g_string_append_printf(
      sql, ", (SELECT value FROM config WHERE run_id = run.id AND key = '%s') AS \"%s\"", key, key);
}

/* Of a file without studies; study/store/schema.c has that of one with them. */
static void
append_summary_view(GString *sql, const char *kind)
{
  guint n;
  const Figure *all = figures(&n);

  g_string_append_printf(sql, "CREATE %sVIEW run_summary AS SELECT run.id AS run_id, run.name",
                         kind);
  for (guint i = 0; results_summary_keys[i] != NULL; i++)
    append_config_column(sql, results_summary_keys[i]);
  for (guint i = 0; i < n; i++) {
    g_autofree char *column = results_column(all[i].key);
    g_string_append_printf(sql, ", run.\"%s\"", column);
  }
  g_string_append(sql, " FROM run;");
}

char *
results_views_script(const char *kind)
{
  g_autofree char *create = g_strdup_printf("CREATE %sVIEW", kind);
  GString *sql = g_string_new(results_fixed_views);

  g_string_replace(sql, "CREATE VIEW", create, 0);
  append_component_view(sql, kind);
  append_summary_view(sql, kind);
  return g_string_free(sql, FALSE);
}

/* All that a new file has but its views, with the tables that are added later; for the caller to
 * free. */
static char *
results_schema_script(void)
{
  g_autofree char *steps = results_steps_sql(), *policies = policy_tables();
  GString *sql = g_string_new(fixed_tables);

  append_run_table(sql);
  append_preemption_table(sql);
  g_string_append_printf(sql, "%s;%s%s%s%s", steps, study_tables, capacity_tables, policies,
                         regret_tables);
  return g_string_free(sql, FALSE);
}

static gboolean
create_schema(Results *results, GError **error)
{
  g_autoptr(GString) sql = g_string_new(NULL);
  g_autofree char *views = results_views_script("");

  append_run_table(sql);
  g_string_append(sql, fixed_tables);
  append_preemption_table(sql);
  g_string_append(sql, views);
  g_string_append_printf(sql,
                         "PRAGMA application_id = %d;"
                         "INSERT INTO meta VALUES ('format', %d), ('program_version', '%s')",
                         RESULTS_APPLICATION_ID, RESULTS_FORMAT, PACKAGE_VERSION);
  return results_exec(results, sql->str, error);
}

static const char *const optional_tables[] = {
    "step",         "study",          "cell",     "cell_setting",
    "run_identity", "student_t",      "capacity", "policy_run",
    "regret_play",  "regret_choices", NULL};

gboolean
results_check_tables(Results *results, const char *schema, const char *path, GError **error)
{
  g_autofree char *script = results_schema_script();
  g_autofree char *fault = NULL;
  gboolean failed;

  fault = database_schema_fault(results->db, schema, script, optional_tables, &failed);
  if (failed && fault == NULL)
    return results_fail(results, error);
  if (failed)
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED, "%s: %s", path, fault);
  else if (fault != NULL)
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_DAMAGED,
                "%s is no results database as this program writes them: %s", path, fault);
  return fault == NULL;
}

gboolean
results_check_format(Results *results, gint64 application_id, GError **error)
{
  gint64 format;

  if (application_id != RESULTS_APPLICATION_ID) {
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FOREIGN,
                "%s is a database of another program, not of results; name another file",
                results->path);
    return FALSE;
  }
  if (!results_query_int(results, "SELECT value FROM meta WHERE key = 'format'", &format, error))
    return FALSE;
  if (format == RESULTS_FORMAT)
    return TRUE;
  g_set_error(error, RESULTS_ERROR,
              format > RESULTS_FORMAT ? RESULTS_ERROR_NEWER : RESULTS_ERROR_FOREIGN,
              "%s has the results format %" G_GINT64_FORMAT
              ", this program (spillway " PACKAGE_VERSION ") knows format %d; %s",
              results->path, format, RESULTS_FORMAT,
              format > RESULTS_FORMAT ? "use the newer program, or name another file"
                                      : "run it again, into another file");
  return FALSE;
}

gboolean
results_check_schema(Results *results, GError **error)
{
  gint64 application_id, objects;

  if (!results_query_int(results, "PRAGMA application_id", &application_id, error) ||
      !results_query_int(results, "SELECT count(*) FROM sqlite_master", &objects, error))
    return FALSE;
  if (objects == 0 && application_id == 0)
    return create_schema(results, error);
  /* The probe needs the journal, and leaves nothing. */
  return results_check_format(results, application_id, error) &&
         results_check_tables(results, "main", results->path, error) &&
         results_exec(results,
                      "INSERT INTO meta VALUES ('probe', 0); DELETE FROM meta WHERE key = 'probe'",
                      error);
}
