#include "points.h"

#include <math.h>

#include "private.h"
#include "report/results/check.h"
#include "sim/policies/policy.h"

static void
point_clear(StudyPoint *point)
{
  g_free(point->cell);
  g_free(point->estimates);
}

static double
real_or_nan(sqlite3_stmt *statement, int column)
{
  return sqlite3_column_type(statement, column) == SQLITE_NULL
             ? NAN
             : sqlite3_column_double(statement, column);
}

char *const *
study_point_values(const StudyTable *study, guint point)
{
  for (guint i = 0; i < study->cells->len; i++) {
    const StudyCell *cell = &g_array_index(study->cells, StudyCell, i);
    if (cell->point == point)
      return cell->values;
  }
  g_assert_not_reached();
}

static gboolean
is_bound(const StudyTable *study, guint point)
{
  char *const *values = study_point_values(study, point);

  for (guint i = 0; study->options[i] != NULL; i++)
    if (policy_setting_is_bound(study->options[i], values[i]))
      return TRUE;
  return FALSE;
}

static gboolean
all_bounds(const GArray *points)
{
  for (guint i = 0; i < points->len; i++)
    if (!g_array_index(points, StudyPoint, i).is_bound)
      return FALSE;
  return TRUE;
}

/* TRUE if only requests that it leaves out can keep the point from being the best. */
static gboolean
may_compete(const StudyPoint *point, gboolean bounds_too)
{
  return point->served > 0 && (bounds_too || !point->is_bound);
}

/* Marks the points that may be best: no bounds, unless all are, that serve as large a share of
 * their requests as any. */
static void
note_competing(GArray *points)
{
  gboolean bounds_too = all_bounds(points);
  double most = 0;

  for (guint i = 0; i < points->len; i++) {
    StudyPoint *point = &g_array_index(points, StudyPoint, i);
    point->competes = may_compete(point, bounds_too);
    if (point->competes)
      most = fmax(most, point->served);
  }
  for (guint i = 0; i < points->len; i++) {
    StudyPoint *point = &g_array_index(points, StudyPoint, i);
    point->competes = point->competes && point->served >= most;
  }
}

GArray *
study_points_read(Results *results, const StudyTable *study, const GPtrArray *columns,
                  GError **error)
{
  g_autoptr(GString) sql = g_string_new("SELECT point, cell, runs, finished * 1.0 / requests");
  g_autoptr(GArray) points = g_array_new(FALSE, TRUE, sizeof(StudyPoint));
  sqlite3_stmt *statement;
  int result;

  g_array_set_clear_func(points, (GDestroyNotify)point_clear);
  for (guint i = 0; i < columns->len; i++) {
    const char *column = g_ptr_array_index(columns, i);
    g_string_append_printf(sql, ", \"%s\", \"%s_ci95\"", column, column);
  }
  g_string_append(sql, " FROM point_summary WHERE study = ? ORDER BY point");
  if (!results_check_figures(results, "main", 0, results->path, error) ||
      !study_point_view(results, error) ||
      (statement = results_prepare(results, sql->str, error)) == NULL)
    return NULL;
  sqlite3_bind_text(statement, 1, study->name, -1, SQLITE_TRANSIENT);
  while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
    StudyPoint point = {(guint)sqlite3_column_int(statement, 0),
                        g_strdup((const char *)sqlite3_column_text(statement, 1)),
                        (guint)sqlite3_column_int(statement, 2), real_or_nan(statement, 3),
                        g_new(StudyEstimate, columns->len)};
    for (guint i = 0; i < columns->len; i++)
      point.estimates[i] = (StudyEstimate){real_or_nan(statement, 4 + 2 * (int)i),
                                           real_or_nan(statement, 5 + 2 * (int)i)};
    point.is_bound = is_bound(study, point.point);
    g_array_append_val(points, point);
  }
  if (result != SQLITE_DONE)
    results_fail(results, error);
  sqlite3_finalize(statement);
  note_competing(points);
  return result == SQLITE_DONE ? g_steal_pointer(&points) : NULL;
}

gboolean
study_points_leave_out(const GArray *points)
{
  gboolean bounds_too = all_bounds(points);

  for (guint i = 0; i < points->len; i++) {
    const StudyPoint *point = &g_array_index(points, StudyPoint, i);
    if (may_compete(point, bounds_too) && !point->competes)
      return TRUE;
  }
  return FALSE;
}
