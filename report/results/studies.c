/* What a results database holds of studies, as far as its readers ask: study/store/ fills it. */
#include "config.h"

#include "map_figures.h"
#include "studies.h"

#include <string.h>

const char study_tables[] =
    "CREATE TABLE study (name TEXT PRIMARY KEY, file TEXT NOT NULL, options TEXT NOT NULL,"
    " points INTEGER NOT NULL, seeds INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE cell (id INTEGER PRIMARY KEY, study TEXT NOT NULL REFERENCES study(name) ON"
    " DELETE CASCADE, name TEXT NOT NULL, seed INTEGER NOT NULL, point INTEGER NOT NULL,"
    " identity TEXT NOT NULL, state TEXT NOT NULL, run_id INTEGER REFERENCES run(id) ON DELETE"
    " CASCADE, message TEXT, UNIQUE (study, name, seed));"
    "CREATE INDEX cell_run ON cell (run_id);"
    "CREATE INDEX cell_identity ON cell (identity);"
    "CREATE TABLE cell_setting (cell_id INTEGER NOT NULL REFERENCES cell(id) ON DELETE CASCADE,"
    " position INTEGER NOT NULL, option TEXT NOT NULL, value, PRIMARY KEY (cell_id, option))"
    " WITHOUT ROWID;"
    "CREATE TABLE run_identity (run_id INTEGER PRIMARY KEY REFERENCES run(id) ON DELETE CASCADE,"
    " identity TEXT NOT NULL UNIQUE);"
    "CREATE TABLE student_t (df INTEGER PRIMARY KEY, t95 REAL NOT NULL);";

const char capacity_tables[] =
    "CREATE TABLE IF NOT EXISTS capacity (identity TEXT NOT NULL, kind TEXT NOT NULL,"
    " search TEXT NOT NULL, PRIMARY KEY (identity, kind)) WITHOUT ROWID;";

const char regret_tables[] =
    "CREATE TABLE IF NOT EXISTS regret_play (key TEXT PRIMARY KEY, end TEXT NOT NULL,"
    " finished INTEGER NOT NULL, preemptions INTEGER NOT NULL, mean_latency_s REAL,"
    " ttft_p99_s REAL NOT NULL, requests_per_s REAL NOT NULL, output_tokens_per_s REAL NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS regret_choices (key TEXT PRIMARY KEY, choices TEXT NOT NULL)"
    " WITHOUT ROWID;";

const char *const map_figures[MAP_FIGURES] = {
    "e2e_s.mean",
    "ttft_s.p99",
    "tpot_s.mean",
    "output_tokens_per_s",
    [MAP_FINISHED] = "finished",
    [MAP_PREEMPTIONS] = "preemptions",
    "recomputed_tokens",
    "swapped_out_blocks",
    "latency_slowdown",
};

char *
policy_tables(void)
{
  GString *sql = g_string_new(
      "CREATE TABLE IF NOT EXISTS policy_run (identity TEXT NOT NULL, kind TEXT NOT NULL,"
      " policy TEXT NOT NULL, engine TEXT NOT NULL, model TEXT NOT NULL, device TEXT NOT NULL,"
      " traffic TEXT NOT NULL, pressure REAL NOT NULL, link REAL NOT NULL,"
      " num_gpu_blocks INTEGER NOT NULL, seed INTEGER NOT NULL, state TEXT NOT NULL,");

  for (guint i = 0; i < MAP_FIGURES; i++) {
    g_autofree char *column = results_column(map_figures[i]);
    g_string_append_printf(sql, " %s REAL,", column);
  }
  g_string_append(sql, " PRIMARY KEY (identity, kind, policy)) WITHOUT ROWID;");
  return g_string_free(sql, FALSE);
}

gboolean
study_has_tables(Results *results, const char *schema, gboolean *has, GError **error)
{
  g_autofree char *sql =
      g_strdup_printf("SELECT value FROM %s.meta WHERE key = 'study_format'", schema);
  gint64 format;

  *has = FALSE;
  if (!results_query_int(results, sql, &format, error))
    return FALSE;
  *has = format > 0;
  if (format <= STUDY_FORMAT)
    return TRUE;
  g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_NEWER,
              "%s has the study format %" G_GINT64_FORMAT
              ", this program writes format %d; use the newer program, or name another file",
              g_str_equal(schema, "main") || results->input == NULL ? results->path
                                                                    : results->input,
              format, STUDY_FORMAT);
  return FALSE;
}

/* Names become columns of views. A file says what they are, and may be a stranger's. */
static gboolean
is_option(const char *name)
{
  gsize length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

  return length > 0 && name[length] == '\0' && length < 64;
}

GPtrArray *
study_grid_options(Results *results, GError **error)
{
  g_autoptr(GPtrArray) options = g_ptr_array_new_with_free_func(g_free);
  sqlite3_stmt *statement =
      results_prepare(results,
                      "SELECT option FROM cell_setting JOIN cell ON cell.id = cell_id"
                      " GROUP BY option ORDER BY min(study), min(position)",
                      error);
  int result;

  if (statement == NULL)
    return NULL;
  while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
    const char *name = (const char *)sqlite3_column_text(statement, 0);
    if (name == NULL || !is_option(name)) {
      g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_DAMAGED,
                  "%s: a study of it varies '%s', which is no option's name",
                  results->input != NULL ? results->input : results->path,
                  name != NULL ? name : "");
      break;
    }
    g_ptr_array_add(options, g_strdup(name));
  }
  if (result != SQLITE_DONE && result != SQLITE_ROW)
    results_fail(results, error);
  sqlite3_finalize(statement);
  return result == SQLITE_DONE ? g_steal_pointer(&options) : NULL;
}

char *
study_option_column(const char *option)
{
  return g_strdelimit(g_strdup(option), "-", '_');
}
