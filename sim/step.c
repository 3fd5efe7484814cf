#include "step.h"

const char *
overflow_action_name(OverflowAction action)
{
  return action == OVERFLOW_SWAP ? "swap" : "recompute";
}

Step *
step_new(guint32 block_size)
{
  Step *step = g_new0(Step, 1);
  step->entries = g_array_new(FALSE, FALSE, sizeof(StepEntry));
  step->sequences = g_ptr_array_new();
  step->victims = g_array_new(FALSE, FALSE, sizeof(StepVictim));
  step->swapped_in = g_array_new(FALSE, FALSE, sizeof(StepSwapIn));
  step->ignored = g_array_new(FALSE, FALSE, sizeof(guint32));
  step->hits = g_array_new(FALSE, FALSE, sizeof(StepHit));
  step->growth = g_new0(guint32, block_size);
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
  g_array_unref(step->swapped_in);
  g_array_unref(step->ignored);
  g_array_unref(step->hits);
  g_free(step->growth);
  g_free(step);
}

void
step_clear(Step *step)
{
  g_array_set_size(step->entries, 0);
  g_ptr_array_set_size(step->sequences, 0);
  g_array_set_size(step->victims, 0);
  g_array_set_size(step->swapped_in, 0);
  g_array_set_size(step->ignored, 0);
  g_array_set_size(step->hits, 0);
  step->n_decodes = 0;
  step->copy_out_blocks = step->copy_in_blocks = 0;
  step->repeat = 1;
  step->idle_changes = FALSE;
  step->abort = NULL;
}

gboolean
step_is_empty(const Step *step)
{
  return step->entries->len == 0 && step->victims->len == 0 && step->swapped_in->len == 0 &&
         step->ignored->len == 0;
}

gboolean
step_is_only_decodes(const Step *step)
{
  return step->n_decodes > 0 && step->n_decodes == step->entries->len && step->victims->len == 0 &&
         step->swapped_in->len == 0 && step->ignored->len == 0 && step->abort == NULL;
}
