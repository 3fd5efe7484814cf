#include "step.h"

const char *
overflow_action_name(OverflowAction action)
{
  static const char *const names[] = {"recompute", "swap", "split", "partial"};

  return names[action];
}

Step *
step_new(guint32 block_size, guint32 period)
{
  Step *step = g_new0(Step, 1);
  step->entries = g_array_new(FALSE, FALSE, sizeof(StepEntry));
  step->sequences = g_ptr_array_new();
  step->victims = g_array_new(FALSE, FALSE, sizeof(StepVictim));
  step->plans = g_array_new(FALSE, FALSE, sizeof(OverflowPlan));
  step->shed = g_array_new(FALSE, FALSE, sizeof(StepShed));
  step->swapped_in = g_array_new(FALSE, FALSE, sizeof(StepSwapIn));
  step->copies = g_array_new(FALSE, FALSE, sizeof(StepCopy));
  step->copied = g_array_new(FALSE, FALSE, sizeof(StepCopy));
  step->starved = g_array_new(FALSE, FALSE, sizeof(guint32));
  step->ignored = g_array_new(FALSE, FALSE, sizeof(guint32));
  step->hits = g_array_new(FALSE, FALSE, sizeof(StepHit));
  step->stores = g_array_new(FALSE, FALSE, sizeof(StepStore));
  step->loads = g_array_new(FALSE, FALSE, sizeof(StepLoad));
  step->flushes = g_array_new(FALSE, FALSE, sizeof(guint32));
  step->ending = g_ptr_array_new();
  step->grown = g_new0(gint32, period);
  step->period = period;
  step->block_size = block_size;
  step->repeat = 1;
  return step;
}

void
step_free(Step *step)
{
  g_array_unref(step->entries);
  g_ptr_array_unref(step->sequences);
  g_array_unref(step->victims);
  g_array_unref(step->plans);
  g_array_unref(step->shed);
  g_array_unref(step->swapped_in);
  g_array_unref(step->copies);
  g_array_unref(step->copied);
  g_array_unref(step->starved);
  g_array_unref(step->ignored);
  g_array_unref(step->hits);
  g_array_unref(step->stores);
  g_array_unref(step->loads);
  g_array_unref(step->flushes);
  g_ptr_array_unref(step->ending);
  g_free(step->grown);
  g_free(step);
}

void
step_clear(Step *step, const ContextWindows *windows)
{
  /* The lengths alone: this runs a million times a second. */
  step->entries->len = step->victims->len = step->swapped_in->len = 0;
  step->ignored->len = step->hits->len = step->shed->len = 0;
  step->sequences->len = step->ending->len = 0;
  step->clocked = step->clocked_at = step->late = 0;
  step->n_sequences = step->n_decodes = step->n_tokens = 0;
  step->contexts = decode_contexts_through(windows);
  step->copy_out_blocks = step->copy_in_blocks = 0;
  step->repeat = 1;
  step->shrinks = step->listed = step->ticks = step->ends = step->takes_no_time =
      step->idle_changes = FALSE;
  step->abort = NULL;
  step->sglang.mode = NULL;
}

gint64
step_grown_peak(const Step *step, guint32 first, guint32 repeats)
{
  gint64 peak = step_grown_blocks(step, repeats);

  /* A period never shrinks it. */
  for (guint32 i = 1; i < step->period && i < repeats && repeats - i >= first; i++) {
    gint64 grown = step_grown_blocks(step, repeats - i);
    peak = MAX(peak, grown);
  }
  return peak;
}

void
step_clear_copies(Step *step)
{
  step->copies->len = step->copied->len = step->starved->len = 0;
  step->stores->len = step->loads->len = step->flushes->len = 0;
}
