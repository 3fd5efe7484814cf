/* The outputs of `spillway capacity`. */
#include "capacity.h"

#include <math.h>

#include "report/figures.h"
#include "report/summary.h"
#include "report/text/format.h"
#include "report/text/table.h"
#include "report/text/json_values.h"
#include "sim/policies/policy.h"
#include "sim/units.h"

/* The grid's options of a point, as the study has them. */
static json_t *
settings_to_json(const Capacity *c, guint point)
{
  const StudyTable *table = &c->plan->table;
  const StudyCell *cell = &g_array_index(table->cells, StudyCell, point * table->n_seeds);
  json_t *object = json_object();

  for (guint i = 0; table->options[i] != NULL; i++)
    json_object_set_new(object, table->options[i], json_string(cell->values[i]));
  return object;
}

static json_t *
figures_to_json(const CapacityRow *row)
{
  json_t *root = json_object(), *value;
  const char *key;

  json_object_foreach(row->figures, key, value) summary_set_nested(root, key, json_incref(value));
  return root;
}

static json_t *
row_to_json(const Capacity *c, const CapacityRow *row)
{
  json_t *object = json_object();

  json_object_set_new(object, "load", row->load > 0 ? json_real_or_null(row->load) : json_null());
  json_object_set_new(object, "unit", json_string(search_units[c->kind]));
  json_object_set_new(object, "interval",
                      row->failure != NULL ? json_null()
                                           : json_pack("[o, o]", json_real_or_null(row->low),
                                                       json_real_or_null(row->high)));
  json_object_set_new(object, "settings", settings_to_json(c, row->point));
  json_object_set_new(object, "figures", row->failure != NULL ? json_null() : figures_to_json(row));
  return object;
}

static json_t *
full_row_to_json(const Capacity *c, const CapacityRow *row)
{
  json_t *object = row_to_json(c, row);

  json_object_set_new(object, "unlimited", json_boolean(row->unlimited));
  json_object_set_new(object, "steady", json_boolean(row->failure == NULL && !row->is_short));
  json_object_set_new(object, "limited_by",
                      row->limited_by != NULL ? json_string(row->limited_by) : json_null());
  json_object_set_new(object, "cards", json_integer(row->cards));
  json_object_set_new(object, "on_front", json_boolean(row->on_front));
  json_object_set_new(object, "bound", json_boolean(row->is_bound));
  json_object_set_new(object, "failure",
                      row->failure != NULL ? json_string(row->failure) : json_null());
  return object;
}

static gboolean
has_best(const GArray *rows)
{
  const CapacityRow *first = &g_array_index(rows, CapacityRow, 0);

  return rows->len > 0 && first->failure == NULL && first->load > 0;
}

static json_t *
to_json(const Capacity *c)
{
  g_autoptr(GArray) rows = capacity_rows(c);
  json_t *array = json_array();

  for (guint i = 0; i < rows->len; i++)
    json_array_append_new(array, full_row_to_json(c, &g_array_index(rows, CapacityRow, i)));
  return json_pack("{s:o, s:o}", "best",
                   has_best(rows) ? row_to_json(c, &g_array_index(rows, CapacityRow, 0))
                                  : json_null(),
                   "rows", array);
}

char *
capacity_json(const Capacity *c)
{
  json_auto_t *root = to_json(c);
  g_autofree char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(12));

  return g_strconcat(text, "\n", NULL);
}

static char *
load_text(const CapacityRow *row, double load)
{
  return isinf(load) ? g_strdup(row->unlimited ? "any" : "–") : format_number(load);
}

static double
value_at(const CapacityRow *row, const SloLimit *limit)
{
  g_autofree char *key = slo_key(limit);
  const json_t *value = json_object_get(row->figures, key);

  return json_is_number(value) ? json_number_value(value) : NAN;
}

static void
add_head(Table *table, const Capacity *c)
{
  table_add(table, "");
  table_add(table, search_units[c->kind]);
  table_add(table, c->plan->study->seeds->len > 1 ? "95 % interval" : "between");
  for (guint i = 0; i < c->slo.n; i++) {
    g_autofree char *key = slo_key(&c->slo.limits[i]);
    table_add(table, key);
  }
  table_add(table, "cards");
  table_add(table, "front");
  table_add(table, "limited by");
}

static char *
name_of(const CapacityRow *row)
{
  return g_strconcat(*row->name != '\0' ? row->name : "as given",
                     row->is_bound ? POLICY_BOUND_LABEL : "", NULL);
}

static const char *
limited_by(const CapacityRow *row)
{
  if (row->failure != NULL || row->limited_by != NULL)
    return row->failure != NULL ? row->failure : row->limited_by;
  return row->unlimited ? "nothing" : "requests that are not served";
}

static void
add_row(Table *table, const Capacity *c, const CapacityRow *row)
{
  g_autofree char *low = row->failure == NULL ? load_text(row, row->low) : NULL;
  g_autofree char *high = row->failure == NULL ? load_text(row, row->high) : NULL;

  table_take(table, name_of(row));
  if (row->failure != NULL)
    table_add(table, "–");
  else
    table_take(table, row->load == 0 ? g_strdup("none") : load_text(row, row->load));
  table_take(table, row->failure != NULL || row->load == 0 || row->unlimited
                        ? g_strdup("")
                        : g_strdup_printf("%s to %s", low, high));
  for (guint i = 0; i < c->slo.n; i++) {
    double value = row->failure == NULL ? value_at(row, &c->slo.limits[i]) : NAN;
    table_take(table, isnan(value) ? g_strdup("–") : format_duration(value));
  }
  table_take(table, g_strdup_printf("%u", row->cards));
  table_add(table, row->on_front ? "*" : "");
  table_add(table, limited_by(row));
}

static void
append_answer(GString *text, const Capacity *c, const CapacityRow *best, const char *slo)
{
  g_autofree char *name = name_of(best);
  g_autofree char *load = load_text(best, best->load);
  g_autofree char *low = load_text(best, best->low);
  g_autofree char *high = load_text(best, best->high);

  g_string_append_printf(text, "%s%s%s %s with %s", *best->name != '\0' ? name : "",
                         *best->name != '\0' ? " holds " : "It holds ", load, search_units[c->kind],
                         slo);
  if (best->unlimited)
    g_string_append(text,
                    ": no limit was met, the requests are too few or the limits too loose.\n");
  else if (c->plan->study->seeds->len > 1)
    g_string_append_printf(text, " (95 %% of the mean: %s to %s, %u seeds).\n", low, high,
                           c->plan->study->seeds->len);
  else
    g_string_append_printf(text, " (and not %s).\n", high);
}

static char *
slo_text(const Capacity *c)
{
  GString *text = g_string_new(NULL);

  for (guint i = 0; i < c->slo.n; i++) {
    g_autofree char *key = slo_key(&c->slo.limits[i]);
    g_autofree char *limit = format_duration(ps_to_s(c->slo.limits[i].limit_ps));
    g_string_append_printf(text, "%s%s below %s", i > 0 ? " and " : "", key, limit);
  }
  return g_string_free(text, FALSE);
}

/* Loads that say more of the run's length than of the server. */
static void
append_short(GString *text, const GArray *rows)
{
  gboolean has_one = FALSE;

  for (guint i = 0; i < rows->len; i++) {
    const CapacityRow *row = &g_array_index(rows, CapacityRow, i);
    double served = json_number_value(json_object_get(row->figures, "requests_per_s"));
    g_autofree char *load = row->is_short ? format_number(row->load) : NULL;
    g_autofree char *rate = row->is_short ? format_number(served) : NULL;
    if (!row->is_short)
      continue;
    g_string_append_printf(text, "%sNot steady: %s at %s requests / s served only %s.\n",
                           has_one ? "" : "\n", *row->name != '\0' ? row->name : "the run", load,
                           rate);
    has_one = TRUE;
  }
  if (has_one)
    g_string_append(text, "There the requests are too few for the queue to grow: give more "
                          "(--num-prompts, or a longer trace), and less will be held.\n");
}

char *
capacity_text(const Capacity *c)
{
  g_autoptr(GArray) rows = capacity_rows(c);
  g_autoptr(GString) columns = g_string_new("lrr");
  g_autoptr(Table) table = NULL;
  g_autofree char *slo = slo_text(c);
  GString *text = g_string_new(NULL);

  for (guint i = 0; i < c->slo.n; i++)
    g_string_append_c(columns, 'r');
  g_string_append(columns, "rll");
  table = table_new(columns->str);
  if (has_best(rows))
    append_answer(text, c, &g_array_index(rows, CapacityRow, 0), slo);
  else
    g_string_append_printf(text, "No setting holds %s at any load that was tried.\n", slo);
  g_string_append_c(text, '\n');
  add_head(table, c);
  for (guint i = 0; i < rows->len; i++)
    add_row(table, c, &g_array_index(rows, CapacityRow, i));
  table_append(table, "", text);
  append_short(text, rows);
  if (rows->len > 1)
    g_string_append(text,
                    "\n* on the front: no other has as much load, no more latency and no more "
                    "cards. Figures are those at the load.\n");
  for (guint i = 0; i < rows->len; i++)
    if (g_array_index(rows, CapacityRow, i).load == 0) {
      g_string_append(text, "\nWhere none is held, figures are those of the last load that was "
                            "tried.\n");
      break;
    }
  for (guint i = 0; i < rows->len; i++)
    if (g_array_index(rows, CapacityRow, i).is_bound) {
      g_string_append(text, "A bound knows or gets what no server can: it is on no front.\n");
      break;
    }
  return g_string_free(text, FALSE);
}

char *
capacity_csv(const Capacity *c)
{
  g_autoptr(GArray) rows = capacity_rows(c);
  GString *text = g_string_new("setting,load,unit,low,high,cards,on_front,bound,limited_by");
  char buffer[FORMAT_SECONDS_MAX];

  for (guint i = 0; i < c->slo.n; i++) {
    g_autofree char *key = slo_key(&c->slo.limits[i]);
    g_string_append_printf(text, ",%s", key);
  }
  g_string_append_c(text, '\n');
  for (guint i = 0; i < rows->len; i++) {
    const CapacityRow *row = &g_array_index(rows, CapacityRow, i);
    const double loads[] = {row->load, row->low, row->high};
    format_csv_cell(text, row->name);
    for (guint l = 0; l < G_N_ELEMENTS(loads); l++) {
      g_string_append_printf(
          text, ",%s",
          row->failure == NULL && isfinite(loads[l]) ? format_real(loads[l], buffer) : "");
      if (l == 0)
        g_string_append_printf(text, ",%s", search_units[c->kind]);
    }
    g_string_append_printf(text, ",%u,%s,%s,", row->cards, row->on_front ? "true" : "false",
                           row->is_bound ? "true" : "false");
    format_csv_cell(text, row->failure != NULL      ? row->failure
                          : row->limited_by != NULL ? row->limited_by
                                                    : "");
    for (guint k = 0; k < c->slo.n; k++) {
      double value = row->failure == NULL ? value_at(row, &c->slo.limits[k]) : NAN;
      g_string_append_printf(text, ",%s", isfinite(value) ? format_real(value, buffer) : "");
    }
    g_string_append_c(text, '\n');
  }
  return g_string_free(text, FALSE);
}

/* A row's trials with the first seed. */
static json_t *
trials_of(const Capacity *c, guint point)
{
  const json_t *search = g_ptr_array_index(c->searches, point * c->plan->study->seeds->len);
  json_t *trials = json_object_get(search, "trials");

  return trials != NULL ? json_incref(trials) : json_array();
}

json_t *
capacity_page_data(const Capacity *c)
{
  g_autoptr(GArray) rows = capacity_rows(c);
  json_t *root = to_json(c), *array = json_object_get(root, "rows"), *limits = json_array();

  for (guint i = 0; i < rows->len; i++) {
    const CapacityRow *row = &g_array_index(rows, CapacityRow, i);
    json_t *object = json_array_get(array, i);
    g_autofree char *name = row->is_bound ? name_of(row) : g_strdup(row->name);
    json_object_set_new(object, "name", json_string(name));
    json_object_set_new(object, "trials", trials_of(c, row->point));
  }
  for (guint i = 0; i < c->slo.n; i++) {
    g_autofree char *key = slo_key(&c->slo.limits[i]);
    json_array_append_new(
        limits, json_pack("{s:s, s:f}", "key", key, "limit_s", ps_to_s(c->slo.limits[i].limit_ps)));
  }
  json_object_set_new(root, "limits", limits);
  json_object_set_new(root, "unit", json_string(search_units[c->kind]));
  json_object_set_new(root, "seeds", json_integer(c->plan->study->seeds->len));
  return root;
}
