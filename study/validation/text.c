/* A validation for people. */
#include "validation.h"

#include <math.h>

#include "report/text/format.h"
#include "report/text/table.h"
#include "report/text.h"
#include "sim/units.h"

static char *
percent_text(double error)
{
  return isfinite(error) ? g_strdup_printf("%+.2f %%", 100 * error) : g_strdup("-");
}

/* A time in seconds; "-" where there is none. */
static char *
time_text(double seconds)
{
  return isnan(seconds) ? g_strdup("-") : format_duration(seconds);
}

static char *
value_text(const Figure *figure, const RunRecord *record)
{
  double value = figure_real(figure, record);

  if (figure_is_count(figure))
    return format_count(figure_count(figure, record));
  return figure_is_duration(figure) ? time_text(value) : format_number(value);
}

static void
append_figures(const Validation *v, GString *text)
{
  g_autoptr(Table) table = table_new("lrrr");
  const char *const head[] = {"", "computed", "simulated", "error"};
  const char *const *keys = validation_keys();

  for (guint i = 0; i < G_N_ELEMENTS(head); i++)
    table_add(table, head[i]);
  for (guint i = 0; keys[i] != NULL; i++) {
    const Figure *figure = figure_find(keys[i]);
    table_add(table, figure->label);
    table_take(table, value_text(figure, v->live));
    table_take(table, value_text(figure, v->simulated));
    table_take(table, percent_text(validation_error(figure_real(figure, v->live),
                                                    figure_real(figure, v->simulated))));
  }
  table_append(table, "  ", text);
}

static void
append_steps(const Validation *v, GString *text)
{
  g_autoptr(Table) table = table_new("lrrrrr");
  const char *const head[] = {"steps", "", "median", "error", "error of p95", "error of the sum"};

  for (guint i = 0; i < G_N_ELEMENTS(head); i++)
    table_add(table, head[i]);
  for (guint k = 0; k < STEPS_KINDS; k++) {
    KindError e = validation_kind(v->steps, (StepsKind)k);
    if (e.steps == 0)
      continue;
    table_add(table, steps_kind_name((StepsKind)k));
    table_take(table, format_count(e.steps));
    table_take(table, format_duration(e.computed_s.p50));
    table_take(table, percent_text(validation_error(e.computed_s.p50, e.predicted_s.p50)));
    table_take(table, percent_text(validation_error(e.computed_s.p95, e.predicted_s.p95)));
    table_take(table, percent_text(e.sum_error));
  }
  table_append(table, "  ", text);
}

static gint64
busy_ps(const StepWatch *steps)
{
  gint64 sum_ps = 0;

  for (guint c = 0; c < COST_COMPONENTS; c++)
    sum_ps += step_watch_measured_ps(steps, (CostComponent)c);
  return sum_ps;
}

static void
append_operations(const Validation *v, GString *text)
{
  g_autoptr(Table) table = table_new("lrrrr");
  const char *const head[] = {"operations", "computed", "predicted", "error", "of the busy time"};
  TimePart parts[VALIDATION_PARTS];
  guint n = validation_parts(v, parts);
  gint64 all_ps = MAX(busy_ps(v->steps), 1);

  for (guint i = 0; i < G_N_ELEMENTS(head); i++)
    table_add(table, head[i]);
  for (guint i = 0; i < n; i++) {
    const TimePart *part = &parts[i];
    g_autofree char *computed = format_duration(ps_to_s(part->computed_ps));
    table_take(table, g_strdup_printf("%s%s", part->is_inferred ? "  " : "", part->name));
    table_take(table, g_strdup_printf("%s%s", part->is_inferred ? "~" : "", computed));
    table_take(table, format_duration(ps_to_s(part->predicted_ps)));
    table_take(table, percent_text(
                          validation_error((double)part->computed_ps, (double)part->predicted_ps)));
    table_take(table,
               percent_text((double)(part->predicted_ps - part->computed_ps) / (double)all_ps));
  }
  table_append(table, "  ", text);
  if (v->layers_are_one)
    g_string_append(text, "  ~: the layers are timed as one; this is what fits all steps best.\n");
}

static void
append_copies(const Validation *v, GString *text)
{
  g_autoptr(Table) table = table_new("lrrrrr");
  const char *const head[] = {"copies", "", "blocks", "computed", "predicted alone", "error"};

  for (guint i = 0; i < G_N_ELEMENTS(head); i++)
    table_add(table, head[i]);
  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++) {
    CopyError e = validation_copies(v, d);
    if (e.jobs == 0)
      continue;
    table_add(table, validation_copies_name(d));
    table_take(table, format_count(e.jobs));
    table_take(table, format_count(e.blocks));
    table_take(table, format_duration(ps_to_s(e.computed_ps)));
    table_take(table, format_duration(ps_to_s(e.predicted_ps)));
    table_take(table,
               percent_text(validation_error((double)e.computed_ps, (double)e.predicted_ps)));
  }
  g_string_append(text, "\nCopies beside the steps, in sum\n");
  table_append(table, "  ", text);
}

static void
append_targets(const Validation *v, GString *text)
{
  g_autoptr(Table) table = table_new("lrrrrl");
  const char *const head[] = {"asked of it", "computed", "simulated", "error", "target", "met"};
  TargetResult targets[VALIDATION_TARGETS];

  validation_targets(v, targets);
  for (guint i = 0; i < G_N_ELEMENTS(head); i++)
    table_add(table, head[i]);
  for (guint i = 0; i < VALIDATION_TARGETS; i++) {
    table_add(table, targets[i].label);
    table_take(table, time_text(targets[i].computed_s));
    table_take(table, time_text(targets[i].simulated_s));
    table_take(table, percent_text(targets[i].error));
    table_take(table, g_strdup_printf("%.0f %%", 100 * targets[i].target));
    table_add(table, targets[i].met ? "yes" : "no");
  }
  table_append(table, "  ", text);
}

gboolean
validation_replay_is_same(const Validation *v)
{
  return v->steps->digest == v->replayed_steps->digest &&
         v->steps->recorded->len == v->replayed_steps->recorded->len;
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
  g_autofree char *explanation = validation_explanation(v);

  text_append_setting(text, v->live, TRUE);
  g_string_append_printf(text, "Costs: %s.\n\n", v->cost);
  append_targets(v, text);
  g_string_append(text, "\nThe whole run, computed and simulated\n");
  append_figures(v, text);
  g_string_append(text, "\nThe same steps, each as computed and as the cost model says\n");
  append_steps(v, text);
  g_string_append(text, "\nWhat the difference is made of, the most first\n");
  append_operations(v, text);
  if (v->copies != NULL)
    append_copies(v, text);
  g_string_append_printf(text, "\nWhat explains most of it: %s.\n", explanation);
  g_string_append_printf(text, "Replay: %s.\n", replay_text(v));
  return g_string_free(text, FALSE);
}
