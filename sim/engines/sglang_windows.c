/* When SGLang's sequences give back what their windows have passed: at a decode step once enough
 * tokens have left the window, at a step of a prompt each time, but not what a step in flight may
 * still read. With a radix cache a prompt does so where it publishes (contents/radix_pools.c).
 * Rules: sglang 0.5.23, managers/schedule_batch.py (maybe_evict_swa).
 */
#include "sglang.h"

/* The steps of a prompt, with the overlap schedule, before the first that gives back. */
enum { STEPS_BEFORE = 2 };

static void
pass_decode(Scheduler *self, Sequence *sequence)
{
  gint64 known = (gint64)sequence->result.prompt_tokens + sglang_outputs(self, sequence) - 1;

  if (sequence->has_decoded)
    pool_pass_window(&self->pool, sequence, known, self->pool.window.config.interval);
}

void
sglang_pass_windows(Scheduler *self)
{
  guint32 lag = self->tick_in_flight ? 1 : 0;
  gboolean apart = self->clock.count > 0;
  Sequence *sequence = apart ? scheduler_first_loose(self) : self->running.head;
  guint i = 0;

  for (; sequence != NULL; sequence = sequence->next)
    if (!(apart && sequence->ending))
      pass_decode(self, sequence);
  while (apart && (sequence = sglang_next_eos_in_flight(self, &i)) != NULL)
    pass_decode(self, sequence);
  while ((sequence = decode_clock_next_pass(&self->clock, lag)) != NULL) {
    pass_decode(self, sequence);
    decode_clock_move_pass(&self->clock, pool_next_pass(&self->pool, sequence));
  }
}

void
sglang_pass_prefill(Scheduler *self, Sequence *sequence)
{
  const SchedulerConfig *c = &self->config;
  gint64 known = sequence->computed_tokens;

  if (c->prefix_caching)
    return;
  if (c->async_scheduling)
    known -= c->chunked_prefill_size;
  if (!c->async_scheduling || sequence->prefill_steps >= STEPS_BEFORE)
    pool_pass_window(&self->pool, sequence, known, 1);
  sequence->prefill_steps++;
}
