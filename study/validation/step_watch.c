#include "step_watch.h"

const char *
steps_kind_name(StepsKind kind)
{
  static const char *const names[] = {"prefill",   "decode", "mixed",
                                      "recompute", "copies", "beside"};
  return names[kind];
}

static StepsKind
kind_of(const StepWatch *watch, const Step *step)
{
  gboolean again = FALSE;

  if (step->copy_out_blocks + step->copy_in_blocks > 0)
    return STEPS_COPIES;
  if (watch->under_way[COPY_OUT] + watch->under_way[COPY_IN] > 0)
    return STEPS_BESIDE;
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
  for (guint i = 0; i < step->copied->len; i++) {
    digest_add(watch, g_array_index(step->copied, StepCopy, i).request);
    digest_add(watch, g_array_index(step->copied, StepCopy, i).direction);
  }
  for (guint i = 0; i < report->n_finished; i++)
    digest_add(watch, report->finished[i]);
}

static void
note_sample(StepWatch *watch, const StepReport *report)
{
  StepSample sample = {.counts = step_counts_of(report->step)};

  for (guint c = 0; c < COST_COMPONENTS && report->cost != NULL; c++)
    sample.component_ps[c] = report->cost->base_ps[c];
  g_array_append_val(watch->samples, sample);
}

/* Which copies run beside the step. A copy that has ended in the run is over, though the cost model
 * may say that it ends later. */
static void
follow_copies(StepWatch *watch, const StepReport *report)
{
  const Step *step = report->step;
  gboolean prefills = step->n_decodes < step->n_sequences;

  for (guint i = 0; i < step->copied->len; i++)
    watch->under_way[g_array_index(step->copied, StepCopy, i).direction]--;
  for (CopyDirection d = COPY_OUT; d <= COPY_IN; d++)
    if (watch->under_way[d] == 0)
      watch->link.free_ps[d] = report->start_ps;
  for (guint i = 0; i < step->copies->len; i++) {
    const StepCopy *copy = &g_array_index(step->copies, StepCopy, i);
    watch->under_way[copy->direction]++;
    if (copy->direction <= COPY_IN && watch->cost != NULL) {
      double slowed = 1 + cost_model_contention(watch->cost, copy->direction, prefills).copy;
      gint64 alone_ps = cost_model_copy_ps((CostModel *)watch->cost, copy->direction, copy->blocks);
      copy_link_submit(&watch->link, copy->direction, report->start_ps,
                       (gint64)((double)alone_ps * slowed));
    }
  }
}

/* What the copies beside it lengthen the step by. */
static void
slow_step(const StepWatch *watch, const StepReport *report, WatchedStep *predicted)
{
  gboolean prefills = report->step->n_decodes < report->step->n_sequences;
  gint64 computes_ps = predicted->predicted_ps;

  for (CopyDirection d = COPY_OUT; d <= COPY_IN; d++) {
    const CopyContention contention = cost_model_contention(watch->cost, d, prefills);
    gint64 busy_ps = copy_link_busy_ps(&watch->link, d, report->start_ps);
    gint64 alone_ps = (gint64)((double)busy_ps / (1 + contention.copy));
    gint64 by_ps = copy_contention_step_ps(&contention, alone_ps, computes_ps);
    predicted->predicted_ps += by_ps;
    predicted->predicted_part_ps[d == COPY_OUT ? COST_SWAP_OUT : COST_SWAP_IN] += by_ps;
  }
}

static void
predict(StepWatch *watch, const StepReport *report)
{
  const RepeatLimit limit = {.until_ps = G_MAXINT64};
  WatchedStep step = {.kind = kind_of(watch, report->step), .measured_ps = report->first_ps};
  StepTiming timing;

  if (!executor_run(watch->predictor, report->step, &limit, &timing, NULL))
    return;
  step.predicted_ps = timing.first_ps;
  for (guint c = 0; c < COST_COMPONENTS; c++) {
    step.measured_part_ps[c] = report->cost != NULL ? report->cost->base_ps[c] : 0;
    step.predicted_part_ps[c] = timing.cost.base_ps[c];
  }
  slow_step(watch, report, &step);
  g_array_append_val(watch->watched, step);
}

static void
on_step(Observer *observer, const StepReport *report)
{
  StepWatch *watch = (StepWatch *)observer;
  const RecordedStep recorded = recorded_step(report);

  digest_step(watch, report);
  if (report->step->abort != NULL)
    return;
  g_array_append_val(watch->recorded, recorded);
  note_sample(watch, report);
  follow_copies(watch, report);
  if (watch->predictor != NULL)
    predict(watch, report);
}

StepWatch *
step_watch_new(CostModel *cost)
{
  StepWatch *watch = g_new0(StepWatch, 1);

  watch->observer = (Observer){.step = on_step, .needs_decodes = TRUE};
  watch->cost = cost;
  watch->predictor = cost != NULL ? executor_model.create(cost) : NULL;
  watch->watched = g_array_new(FALSE, FALSE, sizeof(WatchedStep));
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
  g_array_unref(watch->watched);
  g_array_unref(watch->samples);
  g_array_unref(watch->recorded);
  g_free(watch);
}

gint64
step_watch_measured_ps(const StepWatch *watch, CostComponent component)
{
  gint64 sum_ps = 0;

  for (guint i = 0; i < watch->watched->len; i++)
    sum_ps += g_array_index(watch->watched, WatchedStep, i).measured_part_ps[component];
  return sum_ps;
}

gint64
step_watch_predicted_ps(const StepWatch *watch, CostComponent component)
{
  gint64 sum_ps = 0;

  for (guint i = 0; i < watch->watched->len; i++)
    sum_ps += g_array_index(watch->watched, WatchedStep, i).predicted_part_ps[component];
  return sum_ps;
}
