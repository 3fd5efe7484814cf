#include "store.h"

#include <math.h>

#include "report/results/check.h"
#include "report/results/private.h"
#include "report/results/studies.h"

static const char *const states[] = {
    [MAP_DONE] = "done", [MAP_ENDED] = "ended", [MAP_LACKED] = "lacked"};

/* The columns before the figures, and their places. */
enum {
  IDENTITY = 1,
  KIND,
  POLICY,
  ENGINE,
  MODEL,
  DEVICE,
  TRAFFIC,
  PRESSURE,
  LINK,
  BLOCKS,
  SEED,
  STATE,
  FIGURES
};

gboolean
policy_store_open(Results *results, GError **error)
{
  g_autofree char *tables = policy_tables();

  return results_exec(results, tables, error) &&
         results_check_kept(results, "main", results->path, error);
}

static const char *
kind_name(const MapChoice *choice)
{
  return choice->policy != NULL ? policy_kinds[choice->kind].option : "own";
}

static const char *
policy_name(const MapChoice *choice)
{
  return choice->policy != NULL ? choice->policy->name : "own";
}

/* Takes a row into the run of its choice. A row of a choice that the map does not have is skipped.
 */
static void
take_row(sqlite3_stmt *row, const PolicyMap *map, guint point, guint seed)
{
  const char *kind = (const char *)sqlite3_column_text(row, 0);
  const char *policy = (const char *)sqlite3_column_text(row, 1);
  const char *state = (const char *)sqlite3_column_text(row, 2);

  for (guint c = 0; c < map->choices->len; c++) {
    const MapChoice *choice = &g_array_index(map->choices, MapChoice, c);
    MapRun *run = policy_map_run(map, point, seed, c);
    if (g_strcmp0(kind, kind_name(choice)) != 0 || g_strcmp0(policy, policy_name(choice)) != 0)
      continue;
    for (guint s = MAP_DONE; s < G_N_ELEMENTS(states); s++)
      if (g_strcmp0(state, states[s]) == 0)
        run->state = (MapState)s;
    for (guint f = 0; f < MAP_FIGURES; f++)
      run->figures[f] = sqlite3_column_type(row, 3 + (int)f) == SQLITE_NULL
                            ? NAN
                            : sqlite3_column_double(row, 3 + (int)f);
  }
}

static char *
select_sql(void)
{
  GString *sql = g_string_new("SELECT kind, policy, state");

  for (guint f = 0; f < MAP_FIGURES; f++) {
    g_autofree char *column = results_column(map_figures[f]);
    g_string_append_printf(sql, ", %s", column);
  }
  g_string_append(sql, " FROM policy_run WHERE identity = ?");
  return g_string_free(sql, FALSE);
}

gboolean
policy_store_look(Results *results, PolicyMap *map, guint point, guint seed, const char *identity,
                  gboolean *found, GError **error)
{
  g_autofree char *sql = select_sql();
  sqlite3_stmt *rows = results_prepare(results, sql, error);
  int result;

  if (rows == NULL)
    return FALSE;
  sqlite3_bind_text(rows, 1, identity, -1, SQLITE_TRANSIENT);
  while ((result = sqlite3_step(rows)) == SQLITE_ROW)
    take_row(rows, map, point, seed);
  sqlite3_finalize(rows);
  if (result != SQLITE_DONE)
    return results_fail(results, error);
  *found = TRUE;
  for (guint c = 0; c < map->choices->len; c++)
    *found = *found && policy_map_run(map, point, seed, c)->state != MAP_UNKNOWN;
  return TRUE;
}

static void
bind_point(sqlite3_stmt *row, const PolicyMap *map, const MapPoint *point, guint seed)
{
  const MapRequest *r = map->request;
  const MapChoice own = {0};
  g_autoptr(Settings) settings = policy_map_settings(map, point, seed, &own, NULL);

  sqlite3_bind_text(row, ENGINE, r->engines[point->engine], -1, SQLITE_TRANSIENT);
  sqlite3_bind_text(row, MODEL, r->models[point->model], -1, SQLITE_TRANSIENT);
  sqlite3_bind_text(row, DEVICE, r->device, -1, SQLITE_TRANSIENT);
  sqlite3_bind_text(row, TRAFFIC, settings->trace, -1, SQLITE_TRANSIENT);
  sqlite3_bind_double(row, PRESSURE, policy_map_value(r->pressures, point->pressure));
  sqlite3_bind_double(row, LINK, policy_map_value(r->links, point->link));
  sqlite3_bind_int64(row, BLOCKS, (gint64)policy_map_blocks(map, point));
  sqlite3_bind_int64(row, SEED, (gint64)settings->seed);
}

static gboolean
put_run(sqlite3_stmt *row, const char *identity, const MapChoice *choice, const MapRun *run)
{
  sqlite3_bind_text(row, IDENTITY, identity, -1, SQLITE_TRANSIENT);
  sqlite3_bind_text(row, KIND, kind_name(choice), -1, SQLITE_STATIC);
  sqlite3_bind_text(row, POLICY, policy_name(choice), -1, SQLITE_STATIC);
  sqlite3_bind_text(row, STATE, states[run->state], -1, SQLITE_STATIC);
  for (guint f = 0; f < MAP_FIGURES; f++)
    if (run->state == MAP_DONE)
      sqlite3_bind_double(row, FIGURES + (int)f, run->figures[f]);
    else
      sqlite3_bind_null(row, FIGURES + (int)f);
  if (sqlite3_step(row) != SQLITE_DONE)
    return FALSE;
  sqlite3_reset(row);
  return TRUE;
}

static gboolean
put_all(Results *results, const PolicyMap *map, guint point, guint seed, const char *identity,
        GError **error)
{
  sqlite3_stmt *row = results_prepare(
      results,
      "INSERT OR REPLACE INTO policy_run VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
      error);
  gboolean worked = row != NULL;

  if (worked)
    bind_point(row, map, &g_array_index(map->points, MapPoint, point), seed);
  for (guint c = 0; worked && c < map->choices->len; c++)
    worked = put_run(row, identity, &g_array_index(map->choices, MapChoice, c),
                     policy_map_run(map, point, seed, c)) ||
             results_fail(results, error);
  sqlite3_finalize(row);
  return worked;
}

gboolean
policy_store_put(Results *results, const PolicyMap *map, guint point, guint seed,
                 const char *identity, GError **error)
{
  return results_begin(results, error) &&
         results_finish(results, put_all(results, map, point, seed, identity, error), error);
}
