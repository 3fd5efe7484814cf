#include "sglang_adder.h"

void
adder_reserve(Adder *a, gint64 tokens, gint64 new_tokens)
{
  gint64 extend = adder_paged(a, tokens), page = a->scheduler->config.block_size;

  a->total += (double)(extend + page + new_tokens);
  if (sglang_has_windows(a->scheduler))
    a->window += adder_window_tokens(a, extend, new_tokens);
  a->current += extend + page;
  a->input -= extend;
  a->chunk -= extend;
}

gint64
adder_window_chunk(const Adder *a, const Sequence *sequence, gint64 tokens)
{
  const Scheduler *self = a->scheduler;
  gint64 page = self->config.block_size, new_tokens = sglang_outputs_left(self, sequence), most;
  gint64 needed = adder_window_tokens(a, adder_paged(a, tokens), new_tokens);

  if (needed < adder_window_left(a))
    return a->chunks ? a->chunk : tokens;
  if (!a->chunks || needed < (gint64)self->pool.window.config.blocks * page)
    return 0;
  most = adder_window_left(a) - adder_window_tokens(a, 0, new_tokens);
  return CLAMP(most / page * page, 0, a->chunk);
}

void
adder_take(Adder *a, Sequence *sequence, guint32 tokens)
{
  sequence->step_tokens = tokens;
  if (sequence->queue != &a->scheduler->prefilling)
    sequence_queue_push_tail(&a->scheduler->prefilling, sequence);
  a->n++;
}

/* A small window pool cuts a prompt and leaves room in the chunk, so that a second one is cut. The
 * release keeps track of one (chunked_req in managers/scheduler.py). */
static void
note_cut(Adder *a, Sequence *sequence)
{
  SglangState *state = adder_state(a);

  if (state->chunked != NULL)
    a->step->abort =
        "a second prompt is cut in this step, and SGLang 0.5.23 answers the first from "
        "the part that it read";
  state->chunked = sequence;
}

void
adder_admit(Adder *a, Sequence *sequence, const PoolPrefix *prefix, gint64 tokens, gboolean is_cut,
            gint64 reserved)
{
  Scheduler *self = a->scheduler;
  SglangState *state = adder_state(a);

  if (prefix->found) {
    const StepHit hit = {.request = sequence->request, .tokens = prefix->tokens};
    g_array_append_val(a->step->hits, hit);
  }
  pool_share(&self->pool, sequence, prefix);
  sequence->computed_tokens = prefix->tokens;
  if (is_cut)
    note_cut(a, sequence);
  state->free_rows--;
  scheduler_take_kept(self, sequence);
  scheduler_take_waiting(self);
  adder_take(a, sequence, (guint32)tokens);
  adder_reserve(a, reserved, is_cut ? 0 : sglang_planned_outputs(sequence));
}

/* Beyond the `current` tokens that the step takes for others. */
gboolean
adder_policy_admits(const Adder *a, const Sequence *sequence, gint64 tokens, gint64 extend)
{
  gint64 page = a->scheduler->config.block_size;

  return scheduler_admits(a->scheduler, sequence,
                          (guint32)(adder_paged(a, a->current + tokens) / page),
                          (guint32)(adder_paged(a, a->current + extend) / page), 0);
}
