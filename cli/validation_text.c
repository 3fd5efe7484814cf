/* The figures of a validation: one table of them, from which text, JSON and CSV are made. */
#include "validation.h"

#include <jansson.h>
#include <math.h>

#include "report/format.h"
#include "report/table.h"
#include "report/text.h"
#include "sim/quantiles.h"
#include "sim/units.h"

static const struct {
  const char *key; /* of the table of figures */
  const char *label;
} rows[] = {
    {"makespan_s", "makespan"},
    {"output_tokens_per_s", "output tokens / s"},
    {"ttft_s.mean", "first token, mean"},
    {"ttft_s.p50", "first token, median"},
    {"ttft_s.p99", "first token, p99"},
    {"tpot_s.mean", "time per token, mean"},
    {"tpot_s.p50", "time per token, median"},
    {"tpot_s.p99", "time per token, p99"},
    {"e2e_s.mean", "end to end, mean"},
    {"e2e_s.p99", "end to end, p99"},
    {"steps", "steps"},
    {"preemptions", "preemptions"},
    {"recomputed_tokens", "recomputed tokens"},
    {"swapped_out_blocks", "blocks swapped out"},
    {"swapped_in_blocks", "blocks swapped in"},
    {"overhead_s.recompute", "overhead, recompute"},
    {"overhead_s.swap_out", "overhead, swap out"},
    {"overhead_s.swap_in", "overhead, swap in"},
};

/* NAN where there is nothing to be off from. */
static double
error_of(double measured, double predicted)
{
  if (measured == predicted)
    return 0;
  return measured != 0 ? predicted / measured - 1 : NAN;
}

static char *
percent_text(double error)
{
  return isfinite(error) ? g_strdup_printf("%+.2f %%", 100 * error) : g_strdup("-");
}

static char *
value_text(const Figure *figure, const RunRecord *record)
{
  double value = figure_real(figure, record);

  if (figure_is_count(figure))
    return format_count(figure_count(figure, record));
  return figure_is_duration(figure) ? format_duration(value) : format_number(value);
}

static void
append_figures(const Validation *v, GString *text)
{
  g_autoptr(Table) table = table_new("lrrr");
  const char *const head[] = {"", "computed", "simulated", "error"};

  for (guint i = 0; i < G_N_ELEMENTS(head); i++)
    table_add(table, head[i]);
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    const Figure *figure = figure_find(rows[i].key);
    table_add(table, rows[i].label);
    table_take(table, value_text(figure, v->live));
    table_take(table, value_text(figure, v->simulated));
    table_take(table, percent_text(error_of(figure_real(figure, v->live),
                                            figure_real(figure, v->simulated))));
  }
  table_append(table, "  ", text);
}

typedef struct {
  guint steps;
  Quantiles measured_s, predicted_s;
  double sum_error; /* of all of them together */
} KindError;

static KindError
error_of_kind(const StepWatch *steps, StepsKind kind)
{
  g_autoptr(GArray) measured = g_array_copy(steps->measured_ps[kind]);
  g_autoptr(GArray) predicted = g_array_copy(steps->predicted_ps[kind]);
  KindError error = {.steps = measured->len};
  double sums[2] = {0};

  for (guint i = 0; i < measured->len; i++) {
    sums[0] += (double)g_array_index(measured, gint64, i);
    sums[1] += (double)g_array_index(predicted, gint64, i);
  }
  error.sum_error = error_of(sums[0], sums[1]);
  quantiles_of(measured, &error.measured_s);
  quantiles_of(predicted, &error.predicted_s);
  return error;
}

static void
append_steps(const Validation *v, GString *text)
{
  g_autoptr(Table) table = table_new("lrrrrr");
  const char *const head[] = {"steps", "", "median", "error", "error of p95", "error of the sum"};

  for (guint i = 0; i < G_N_ELEMENTS(head); i++)
    table_add(table, head[i]);
  for (guint k = 0; k < STEPS_KINDS; k++) {
    KindError e = error_of_kind(v->steps, (StepsKind)k);
    if (e.steps == 0)
      continue;
    table_add(table, steps_kind_name((StepsKind)k));
    table_take(table, format_count(e.steps));
    table_take(table, format_duration(e.measured_s.p50));
    table_take(table, percent_text(error_of(e.measured_s.p50, e.predicted_s.p50)));
    table_take(table, percent_text(error_of(e.measured_s.p95, e.predicted_s.p95)));
    table_take(table, percent_text(e.sum_error));
  }
  table_append(table, "  ", text);
}

static gint64
busy_ps(const StepWatch *steps)
{
  gint64 sum_ps = 0;

  for (guint c = 0; c < COST_COMPONENTS; c++)
    sum_ps += steps->measured_component_ps[c];
  return sum_ps;
}

/* The components by how much of the difference is theirs, the most first. */
static void
order_components(const StepWatch *steps, guint order[COST_COMPONENTS])
{
  for (guint c = 0; c < COST_COMPONENTS; c++) {
    gint64 off_ps = ABS(steps->predicted_component_ps[c] - steps->measured_component_ps[c]);
    guint at = c;
    for (; at > 0; at--) {
      guint above = order[at - 1];
      if (ABS(steps->predicted_component_ps[above] - steps->measured_component_ps[above]) >= off_ps)
        break;
      order[at] = above;
    }
    order[at] = c;
  }
}

static void
append_operations(const Validation *v, GString *text)
{
  const StepWatch *steps = v->steps;
  g_autoptr(Table) table = table_new("lrrrr");
  const char *const head[] = {"operations", "computed", "predicted", "error", "of the busy time"};
  guint order[COST_COMPONENTS];

  order_components(steps, order);
  for (guint i = 0; i < G_N_ELEMENTS(head); i++)
    table_add(table, head[i]);
  for (guint i = 0; i < COST_COMPONENTS; i++) {
    gint64 measured_ps = steps->measured_component_ps[order[i]];
    gint64 predicted_ps = steps->predicted_component_ps[order[i]];
    if (measured_ps == 0 && predicted_ps == 0)
      continue;
    table_add(table, cost_component_name((CostComponent)order[i]));
    table_take(table, format_duration(ps_to_s(measured_ps)));
    table_take(table, format_duration(ps_to_s(predicted_ps)));
    table_take(table, percent_text(error_of((double)measured_ps, (double)predicted_ps)));
    table_take(table,
               percent_text((double)(predicted_ps - measured_ps) / (double)MAX(busy_ps(steps), 1)));
  }
  table_append(table, "  ", text);
}

static const char *
replay_text(const Validation *v)
{
  return validation_replay_is_same(v)
             ? "the same decisions at the same times: the scheduler is not what differs"
             : "other decisions, although every step took what it took: a mistake of the program";
}

char *
validation_text(const Validation *v)
{
  GString *text = g_string_new(NULL);

  text_append_setting(text, v->live, TRUE);
  g_string_append_printf(text, "Costs: %s.\n\n", v->cost);
  append_figures(v, text);
  g_string_append(text, "\nThe same steps, each as computed and as the cost model says\n");
  append_steps(v, text);
  g_string_append(text, "\nWhat the difference is made of, the most first\n");
  append_operations(v, text);
  g_string_append_printf(text, "\nReplay: %s.\n", replay_text(v));
  return g_string_free(text, FALSE);
}

static json_t *
real_or_null(double value)
{
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *
steps_json(const StepWatch *steps)
{
  json_t *object = json_object();

  for (guint k = 0; k < STEPS_KINDS; k++) {
    KindError e = error_of_kind(steps, (StepsKind)k);
    if (e.steps > 0)
      json_object_set_new(
          object, steps_kind_name((StepsKind)k),
          json_pack("{s:i, s:f, s:f, s:o, s:o, s:o}", "steps", (int)e.steps, "computed_p50_s",
                    e.measured_s.p50, "predicted_p50_s", e.predicted_s.p50, "error_p50",
                    real_or_null(error_of(e.measured_s.p50, e.predicted_s.p50)), "error_p95",
                    real_or_null(error_of(e.measured_s.p95, e.predicted_s.p95)), "error_sum",
                    real_or_null(e.sum_error)));
  }
  return object;
}

static json_t *
operations_json(const StepWatch *steps)
{
  json_t *object = json_object();
  guint order[COST_COMPONENTS];

  order_components(steps, order);
  for (guint i = 0; i < COST_COMPONENTS; i++) {
    double measured_s = ps_to_s(steps->measured_component_ps[order[i]]);
    double predicted_s = ps_to_s(steps->predicted_component_ps[order[i]]);
    json_object_set_new(object, cost_component_name((CostComponent)order[i]),
                        json_pack("{s:f, s:f, s:o}", "computed_s", measured_s, "predicted_s",
                                  predicted_s, "error",
                                  real_or_null(error_of(measured_s, predicted_s))));
  }
  return object;
}

char *
validation_json(const Validation *v)
{
  json_auto_t *root = json_object();
  json_t *figures_object = json_object();
  g_autofree char *text = NULL;

  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    const Figure *figure = figure_find(rows[i].key);
    double live = figure_real(figure, v->live), simulated = figure_real(figure, v->simulated);
    json_object_set_new(figures_object, rows[i].key,
                        json_pack("{s:o, s:o, s:o}", "computed", real_or_null(live), "simulated",
                                  real_or_null(simulated), "error",
                                  real_or_null(error_of(live, simulated))));
  }
  json_object_set_new(root, "figures", figures_object);
  json_object_set_new(root, "steps", steps_json(v->steps));
  json_object_set_new(root, "operations", operations_json(v->steps));
  json_object_set_new(root, "replay_identical", json_boolean(validation_replay_is_same(v)));
  json_object_set_new(root, "cost", json_string(v->cost));
  json_object_set(root, "config", v->live->config);
  text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
  return g_strconcat(text, "\n", NULL);
}

char *
validation_csv(const Validation *v)
{
  GString *text = g_string_new("figure,computed,simulated,error\n");

  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    const Figure *figure = figure_find(rows[i].key);
    double live = figure_real(figure, v->live), simulated = figure_real(figure, v->simulated);
    double error = error_of(live, simulated);
    char a[FORMAT_SECONDS_MAX], b[FORMAT_SECONDS_MAX], c[FORMAT_SECONDS_MAX];
    g_string_append_printf(text, "%s,%s,%s,%s\n", rows[i].key, format_real(live, a),
                           format_real(simulated, b), isfinite(error) ? format_real(error, c) : "");
  }
  return g_string_free(text, FALSE);
}
