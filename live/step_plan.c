#include "step_plan.h"

StepPlan *
step_plan_new(void)
{
  StepPlan *plan = g_new0(StepPlan, 1);

  plan->token_ids = g_array_new(FALSE, FALSE, sizeof(gint32));
  plan->positions = g_array_new(FALSE, FALSE, sizeof(gint32));
  plan->slots = g_array_new(FALSE, FALSE, sizeof(gint64));
  plan->requests = g_array_new(FALSE, FALSE, sizeof(guint32));
  plan->query_starts = g_array_new(FALSE, FALSE, sizeof(gint32));
  plan->context_lens = g_array_new(FALSE, FALSE, sizeof(gint32));
  plan->block_tables = g_array_new(FALSE, TRUE, sizeof(gint32));
  plan->sample_rows = g_array_new(FALSE, FALSE, sizeof(gint32));
  plan->sample_sequences = g_array_new(FALSE, FALSE, sizeof(guint32));
  plan->uniforms = g_array_new(FALSE, FALSE, sizeof(float));
  plan->copies_out = g_array_new(FALSE, FALSE, sizeof(BlockCopy));
  plan->copies_in = g_array_new(FALSE, FALSE, sizeof(BlockCopy));
  plan->jobs = g_array_new(FALSE, FALSE, sizeof(CopyJob));
  plan->job_blocks = g_array_new(FALSE, FALSE, sizeof(BlockCopy));
  step_plan_clear(plan);
  return plan;
}

void
step_plan_free(StepPlan *plan)
{
  if (plan == NULL)
    return;
  g_array_unref(plan->token_ids);
  g_array_unref(plan->positions);
  g_array_unref(plan->slots);
  g_array_unref(plan->requests);
  g_array_unref(plan->query_starts);
  g_array_unref(plan->context_lens);
  g_array_unref(plan->block_tables);
  g_array_unref(plan->sample_rows);
  g_array_unref(plan->sample_sequences);
  g_array_unref(plan->uniforms);
  g_array_unref(plan->copies_out);
  g_array_unref(plan->copies_in);
  g_array_unref(plan->jobs);
  g_array_unref(plan->job_blocks);
  g_free(plan);
}

void
step_plan_clear(StepPlan *plan)
{
  const gint32 first = 0;

  g_array_set_size(plan->token_ids, 0);
  g_array_set_size(plan->positions, 0);
  g_array_set_size(plan->slots, 0);
  g_array_set_size(plan->requests, 0);
  g_array_set_size(plan->query_starts, 0);
  g_array_append_val(plan->query_starts, first);
  g_array_set_size(plan->context_lens, 0);
  g_array_set_size(plan->block_tables, 0);
  plan->block_table_stride = 0;
  g_array_set_size(plan->sample_rows, 0);
  g_array_set_size(plan->sample_sequences, 0);
  g_array_set_size(plan->uniforms, 0);
  g_array_set_size(plan->copies_out, 0);
  g_array_set_size(plan->copies_in, 0);
  g_array_set_size(plan->jobs, 0);
  g_array_set_size(plan->job_blocks, 0);
}

guint
step_plan_copy_row(const GArray *copies, guint first)
{
  gint32 host_block = g_array_index(copies, BlockCopy, first).host_block;
  guint n = 1;

  while (first + n < copies->len &&
         g_array_index(copies, BlockCopy, first + n).host_block == host_block + (gint32)n)
    n++;
  return n;
}
