/* Preemptions while a run goes on, and what each overflow policy would have made each cost.
 *
 * A victim is priced when it is back: what the prefix cache still has of it, and what decodes
 * beside it, is known then. Until then, and for good if it never comes back, it is priced at the
 * load of its preemption, with nothing found.
 */
#include "config.h"

#include "private.h"

#include "sim/policies/price.h"

/* What each policy would have done. */
typedef struct {
  OverflowPlan of[OVERFLOW_POLICIES_COUNT];
} Plans;

/* The plan as it was carried out. Blocks that were kept and given back later are dropped ones; a
 * block or two behind what was copied ahead of need count as copied. */
static OverflowPlan
plan_done(const Preemption *preemption, guint32 kept_blocks)
{
  const StepVictim *victim = &preemption->victim;

  return (OverflowPlan){
      .keep_blocks = kept_blocks,
      .drop_blocks = victim->kept_blocks + victim->blocks - victim->copied_blocks -
                     victim->rest_blocks - kept_blocks,
      .free_copies = victim->free_copies,
  };
}

/* At the load of `step`. kept_blocks: of those that it kept, the ones that it still has. */
static void
price(const ResultsRun *run, const Step *step, const Plans *plans, guint32 kept_blocks,
      Preemption *preemption)
{
  const OverflowVictim victim = {
      .blocks = preemption->victim.kept_blocks + preemption->victim.blocks,
      .computed_tokens = preemption->victim.computed_tokens,
      .ahead_blocks = preemption->victim.ahead_blocks,
  };
  const OverflowQuery query = {
      .victim = victim,
      .block_size = step->block_size,
      .step_tokens = run->step_tokens,
      .decodes = &step->contexts,
      .copies = &preemption->victim.copies,
      .cost = run->cost,
  };
  const OverflowPlan done = plan_done(preemption, kept_blocks);
  guint32 found = preemption->found_tokens;

  preemption->cost_ps = price_found_plan_ps(&query, &done, found);
  for (guint i = 0; i < OVERFLOW_POLICIES_COUNT; i++)
    /* What a second cache on the host would have had is not known. */
    preemption->price_ps[i] =
        overflow_policies[i]->needs_tier ? -1 : price_found_plan_ps(&query, &plans->of[i], found);
}

/* The entry of a request that is back; NULL where this step computes nothing for it. */
static const StepEntry *
entry_of(const Step *step, guint32 request)
{
  for (guint i = 0; i < step->entries->len; i++) {
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
    if (entry->request == request)
      return entry;
  }
  return NULL;
}

/* in_blocks: blocks copied back in, without those that a cache had. */
static void
note_return(ResultsRun *run, const StepReport *report, guint32 request, guint32 in_blocks)
{
  guint32 last = run->last_preemption[request], block_size = report->step->block_size;
  const Plans *plans = g_hash_table_lookup(run->away, GUINT_TO_POINTER(request));
  const StepEntry *entry;
  Preemption *preemption;
  guint32 kept, front, ready;

  run->last_preemption[request] = 0;
  if (last == 0)
    return;
  preemption = &g_array_index(run->preemptions, Preemption, last - 1);
  preemption->resumed_ps = report->start_ps;
  if (plans == NULL)
    return;
  kept = preemption->victim.kept_blocks;
  front = kept + preemption->victim.blocks - preemption->victim.copied_blocks -
          preemption->victim.rest_blocks;
  entry = entry_of(report->step, request);
  ready = entry != NULL ? entry->cached_tokens : 0;
  if (in_blocks < preemption->victim.copied_blocks)
    preemption->found_tokens = (front + preemption->victim.copied_blocks - in_blocks) * block_size;
  else if (kept == 0 && ready < front * block_size)
    preemption->found_tokens = ready;
  else if (kept == 0 && in_blocks == 0)
    preemption->found_tokens = MIN(ready, preemption->victim.computed_tokens);
  if (kept > 0)
    kept = MIN(kept, ready / block_size);
  price(run, report->step, plans, kept, preemption);
  g_hash_table_remove(run->away, GUINT_TO_POINTER(request));
}

void
preemptions_note_returns(ResultsRun *run, const StepReport *report)
{
  const Step *step = report->step;

  for (guint i = 0; i < step->swapped_in->len; i++) {
    const StepSwapIn *in = &g_array_index(step->swapped_in, StepSwapIn, i);
    note_return(run, report, in->request, in->blocks);
  }
  for (guint i = 0; i < step->entries->len; i++) {
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
    if (entry->kind == ENTRY_RESUMED)
      note_return(run, report, entry->request, 0);
  }
}

void
preemptions_note_victims(ResultsRun *run, const StepReport *report)
{
  const Step *step = report->step;
  const Plans *plans = (const Plans *)(gpointer)step->plans->data;

  for (guint i = 0; i < step->victims->len; i++) {
    Preemption preemption = {
        .step = report->step_index,
        .time_ps = report->start_ps,
        .resumed_ps = -1,
        .cost_ps = -1,
        .victim = g_array_index(step->victims, StepVictim, i),
    };
    for (guint p = 0; p < OVERFLOW_POLICIES_COUNT; p++)
      preemption.price_ps[p] = -1;
    if (run->cost != NULL) {
      price(run, step, &plans[i], preemption.victim.kept_blocks, &preemption);
      g_hash_table_insert(run->away, GUINT_TO_POINTER(preemption.victim.request),
                          g_memdup2(&plans[i], sizeof plans[i]));
    }
    g_array_append_val(run->preemptions, preemption);
    run->last_preemption[preemption.victim.request] = run->preemptions->len;
  }
}
