#include "validation.h"

#include <string.h>

#include "report/format.h"
#include "report/gnuplot.h"
#include "sim/units.h"

const char *
steps_kind_name(StepsKind kind)
{
  static const char *const names[] = {"prefill", "decode", "mixed", "recompute", "copies"};
  return names[kind];
}

static StepsKind
kind_of(const Step *step)
{
  gboolean again = FALSE;

  if (step->copy_out_blocks + step->copy_in_blocks > 0)
    return STEPS_COPIES;
  for (guint i = 0; i < step->entries->len; i++)
    again |= g_array_index(step->entries, StepEntry, i).recomputed_tokens > 0;
  if (again)
    return STEPS_RECOMPUTE;
  if (step->n_decodes == step->n_sequences)
    return STEPS_DECODE;
  return step->n_decodes == 0 ? STEPS_PREFILL : STEPS_MIXED;
}

static void
digest_add(StepWatch *watch, guint64 value)
{
  watch->digest = (watch->digest ^ value) * G_GUINT64_CONSTANT(0x100000001b3);
  watch->digest ^= watch->digest >> 29;
}

static void
digest_step(StepWatch *watch, const StepReport *report)
{
  const Step *step = report->step;

  digest_add(watch, report->step_index);
  digest_add(watch, (guint64)report->start_ps);
  digest_add(watch, (guint64)report->elapsed_ps);
  digest_add(watch, step->gpu_free_blocks);
  digest_add(watch, step->host_free_blocks);
  for (guint i = 0; i < step->entries->len; i++) {
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
    digest_add(watch, entry->request);
    digest_add(watch, entry->tokens);
    digest_add(watch, entry->cached_tokens);
    digest_add(watch, entry->kind);
  }
  for (guint i = 0; i < step->victims->len; i++) {
    digest_add(watch, g_array_index(step->victims, StepVictim, i).request);
    digest_add(watch, g_array_index(step->victims, StepVictim, i).action);
  }
  for (guint i = 0; i < step->swapped_in->len; i++)
    digest_add(watch, g_array_index(step->swapped_in, StepSwapIn, i).request);
  for (guint i = 0; i < report->n_finished; i++)
    digest_add(watch, report->finished[i]);
}

static void
note_components(StepWatch *watch, const StepReport *report)
{
  StepSample sample = {.counts = step_counts_of(report->step)};

  for (guint c = 0; c < COST_COMPONENTS && report->cost != NULL; c++) {
    sample.component_ps[c] = report->cost->base_ps[c];
    watch->measured_component_ps[c] += report->cost->base_ps[c];
  }
  g_array_append_val(watch->samples, sample);
}

static void
predict(StepWatch *watch, const StepReport *report)
{
  const RepeatLimit limit = {.until_ps = G_MAXINT64};
  StepsKind kind = kind_of(report->step);
  StepTiming timing;

  if (!executor_run(watch->predictor, report->step, &limit, &timing, NULL))
    return;
  g_array_append_val(watch->measured_ps[kind], report->first_ps);
  g_array_append_val(watch->predicted_ps[kind], timing.first_ps);
  for (guint c = 0; c < COST_COMPONENTS; c++)
    watch->predicted_component_ps[c] += timing.cost.base_ps[c];
}

static void
on_step(Observer *observer, const StepReport *report)
{
  StepWatch *watch = (StepWatch *)observer;
  RecordedStep recorded = recorded_step_shape(report->step);

  digest_step(watch, report);
  if (report->step->abort != NULL)
    return;
  recorded.step = report->step_index;
  recorded.repeats = report->repeats;
  recorded.first_ps = report->first_ps;
  recorded.growth_ps = report->growth_ps;
  recorded.recompute_overhead_ps = report->recompute_overhead_ps;
  for (guint c = 0; c < COST_COMPONENTS && report->cost != NULL; c++)
    recorded.component_ps[c] = report->cost->base_ps[c];
  g_array_append_val(watch->recorded, recorded);
  note_components(watch, report);
  if (watch->predictor != NULL)
    predict(watch, report);
}

StepWatch *
step_watch_new(CostModel *cost)
{
  StepWatch *watch = g_new0(StepWatch, 1);

  watch->observer = (Observer){.step = on_step, .needs_decodes = TRUE};
  watch->predictor = cost != NULL ? executor_model.create(cost) : NULL;
  for (guint k = 0; k < STEPS_KINDS; k++) {
    watch->measured_ps[k] = g_array_new(FALSE, FALSE, sizeof(gint64));
    watch->predicted_ps[k] = g_array_new(FALSE, FALSE, sizeof(gint64));
  }
  watch->samples = g_array_new(FALSE, FALSE, sizeof(StepSample));
  watch->recorded = g_array_new(FALSE, FALSE, sizeof(RecordedStep));
  return watch;
}

void
step_watch_free(StepWatch *watch)
{
  if (watch == NULL)
    return;
  executor_free(watch->predictor);
  for (guint k = 0; k < STEPS_KINDS; k++) {
    g_array_unref(watch->measured_ps[k]);
    g_array_unref(watch->predicted_ps[k]);
  }
  g_array_unref(watch->samples);
  g_array_unref(watch->recorded);
  g_free(watch);
}

gboolean
validation_replay_is_same(const Validation *v)
{
  return v->steps->digest == v->replayed_steps->digest &&
         v->steps->recorded->len == v->replayed_steps->recorded->len;
}

static char *
plot_commands(const Validation *v)
{
  GString *script = g_string_new(NULL);
  guint index = 0;

  g_string_append(script, "set title 'time of each step' noenhanced\nset logscale xy\n"
                          "set key left top noenhanced\nset grid\nset xlabel 'computed (us)'\n"
                          "set ylabel 'predicted (us)'\nplot x title 'equal' with lines");
  for (guint k = 0; k < STEPS_KINDS; k++)
    if (v->steps->measured_ps[k]->len > 0)
      g_string_append_printf(script, ", 'data' index %u title '%s' with points", index++,
                             steps_kind_name((StepsKind)k));
  g_string_append_c(script, '\n');
  return g_string_free(script, FALSE);
}

static char *
plot_data(const Validation *v)
{
  GString *data = g_string_new(NULL);

  for (guint k = 0; k < STEPS_KINDS; k++) {
    const GArray *measured = v->steps->measured_ps[k], *predicted = v->steps->predicted_ps[k];
    for (guint i = 0; i < measured->len; i++) {
      char x[FORMAT_SECONDS_MAX], y[FORMAT_SECONDS_MAX];
      format_real((double)g_array_index(measured, gint64, i) / PS_PER_US, x);
      format_real((double)g_array_index(predicted, gint64, i) / PS_PER_US, y);
      g_string_append_printf(data, "%s %s\n", x, y);
    }
    if (measured->len > 0)
      g_string_append(data, "\n\n");
  }
  return g_string_free(data, FALSE);
}

gboolean
validation_draw(const Validation *validation, const char *out, GError **error)
{
  g_autofree char *commands = plot_commands(validation);
  g_autofree char *data = plot_data(validation);
  GnuplotDrawing drawing = {
      .commands = commands,
      .data = data,
      .width = 900,
      .height = 700,
      .out = out,
  };

  return gnuplot_format_of(out, &drawing.format) && gnuplot_draw(&drawing, error);
}
