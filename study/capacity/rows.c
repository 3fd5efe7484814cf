#include "capacity.h"

#include <math.h>
#include <stdlib.h>

#include "report/student.h"
#include "sim/policies/policy.h"
#include "sim/units.h"

/* The share of the load that a run in a steady state serves at least: its end, when no more
 * requests arrive, lowers the mean. */
#define SERVED_SHARE 0.8

/* NULL: the cell has none. */
static const json_t *
search_of(const Capacity *c, guint point, guint seed)
{
  return g_ptr_array_index(c->searches, point * c->plan->study->seeds->len + seed);
}

static double
member(const json_t *object, const char *key)
{
  const json_t *value = json_object_get(object, key);

  return json_is_number(value) ? json_number_value(value) : NAN;
}

/* The load that a seed's search found: 0 where none holds, INFINITY where any rate does. */
static double
load_of(const json_t *search)
{
  double low = member(search, "low");

  if (isnan(low))
    return json_is_true(json_object_get(search, "unlimited")) ? INFINITY : 0;
  return low;
}

/* The mean of each figure that all seeds have. */
static json_t *
mean_figures(const Capacity *c, guint point)
{
  guint n = c->plan->study->seeds->len;
  json_t *means = json_object(), *value;
  const char *key;

  json_object_foreach(json_object_get(search_of(c, point, 0), "figures"), key, value)
  {
    double sum = 0;
    for (guint seed = 0; seed < n; seed++)
      sum += member(json_object_get(search_of(c, point, seed), "figures"), key);
    if (isfinite(sum))
      json_object_set_new(means, key, json_real(sum / n));
  }
  return means;
}

/* The limit that most seeds name; of those named as often, the first. */
static const char *
most_limiting(const Capacity *c, guint point)
{
  guint n = c->plan->study->seeds->len, most = 0;
  const char *found = NULL;

  for (guint i = 0; i < n; i++) {
    const char *key = json_string_value(json_object_get(search_of(c, point, i), "limited_by"));
    guint times = 0;
    for (guint j = 0; key != NULL && j < n; j++)
      times +=
          g_strcmp0(key,
                    json_string_value(json_object_get(search_of(c, point, j), "limited_by"))) == 0;
    if (times > most) {
      most = times;
      found = key;
    }
  }
  return found;
}

static void
set_interval(const Capacity *c, CapacityRow *row)
{
  guint n = c->plan->study->seeds->len;
  double sum = 0, squares = 0, half;

  for (guint seed = 0; seed < n; seed++)
    sum += load_of(search_of(c, row->point, seed));
  row->load = row->low = row->high = sum / n;
  if (n == 1) {
    double high = member(search_of(c, row->point, 0), "high");
    row->high = isnan(high) ? INFINITY : high;
    return;
  }
  if (isinf(row->load))
    return;
  for (guint seed = 0; seed < n; seed++) {
    double away = load_of(search_of(c, row->point, seed)) - row->load;
    squares += away * away;
  }
  half = student_t95(n - 1) * sqrt(squares / (n - 1) / n);
  row->low = MAX(row->load - half, 0);
  row->high = row->load + half;
}

static CapacityRow
make_row(const Capacity *c, guint point)
{
  guint n = c->plan->study->seeds->len;
  const StudyCell *cell = &g_array_index(c->plan->table.cells, StudyCell, point * n);
  g_autoptr(Settings) settings = study_plan_settings(c->plan, point * n);
  CapacityRow row = {
      .point = point,
      .name = c->plan->study->grid->len > 0 ? cell->name : "",
      .cards = (guint)(settings->instances * settings->tensor_parallel_size *
                       (settings->enable_dp_attention ? 1 : settings->data_parallel_size) *
                       settings->pipeline_parallel_size),
      .load = NAN};

  for (guint i = 0; c->plan->table.options[i] != NULL; i++)
    row.is_bound |= policy_setting_is_bound(c->plan->table.options[i], cell->values[i]);
  for (guint seed = 0; seed < n && row.failure == NULL; seed++)
    row.failure = g_ptr_array_index(c->failures, point * n + seed);
  if (row.failure != NULL)
    return row;
  for (guint seed = 0; seed < n; seed++)
    row.unlimited |= json_is_true(json_object_get(search_of(c, point, seed), "unlimited"));
  set_interval(c, &row);
  row.limited_by = most_limiting(c, point);
  row.figures = mean_figures(c, point);
  row.is_short = c->kind == SEARCH_RATE && isfinite(row.load) &&
                 member(row.figures, "requests_per_s") < SERVED_SHARE * row.load;
  return row;
}

/* Whether b is worse than a in nothing and better in something. Latencies within 1 % of the limit
 * of each other are as good: at its load each setting is near a limit, by chance a little more or
 * less. */
static gboolean
dominates(const Capacity *c, const CapacityRow *b, const CapacityRow *a)
{
  gboolean better = b->load > a->load || b->cards < a->cards;

  if (b->load < a->load || b->cards > a->cards)
    return FALSE;
  for (guint i = 0; i < c->slo.n; i++) {
    g_autofree char *key = slo_key(&c->slo.limits[i]);
    double theirs = member(b->figures, key), ours = member(a->figures, key);
    double same = 0.01 * ps_to_s(c->slo.limits[i].limit_ps);
    if (theirs > ours + same)
      return FALSE;
    better |= theirs < ours - same;
  }
  return better;
}

static void
mark_front(const Capacity *c, GArray *rows)
{
  gboolean all_bounds = TRUE;

  for (guint i = 0; i < rows->len; i++)
    all_bounds &= g_array_index(rows, CapacityRow, i).is_bound;
  for (guint i = 0; i < rows->len; i++) {
    CapacityRow *row = &g_array_index(rows, CapacityRow, i);
    row->on_front = row->failure == NULL && row->load > 0 && (all_bounds || !row->is_bound);
    for (guint j = 0; j < rows->len && row->on_front; j++) {
      const CapacityRow *other = &g_array_index(rows, CapacityRow, j);
      row->on_front =
          other->failure != NULL || (other->is_bound && !all_bounds) || !dominates(c, other, row);
    }
  }
}

static int
compare_rows(const void *a, const void *b)
{
  const CapacityRow *x = a, *y = b;

  if ((x->failure != NULL) != (y->failure != NULL))
    return (x->failure != NULL) - (y->failure != NULL);
  if (x->is_bound != y->is_bound)
    return x->is_bound - y->is_bound;
  if (x->failure == NULL && x->load != y->load)
    return x->load < y->load ? 1 : -1;
  return (x->point > y->point) - (x->point < y->point);
}

static void
row_clear(gpointer data)
{
  json_decref(((CapacityRow *)data)->figures);
}

GArray *
capacity_rows(const Capacity *c)
{
  GArray *rows = g_array_new(FALSE, FALSE, sizeof(CapacityRow));

  g_array_set_clear_func(rows, row_clear);
  for (guint point = 0; point < c->plan->table.n_points; point++) {
    CapacityRow row = make_row(c, point);
    g_array_append_val(rows, row);
  }
  mark_front(c, rows);
  qsort(rows->data, rows->len, sizeof(CapacityRow), compare_rows);
  return rows;
}
