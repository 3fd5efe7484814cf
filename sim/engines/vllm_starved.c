/* Running sequences that starve: they wait for blocks that are being copied out (--overlap-copies).
 *
 * While a copy is under way no step stands for several, and most steps find what the one before
 * found: the same sequences wait for the same blocks, and no member of the decode clock takes one.
 * Then the running pass is not repeated.
 */
#include "vllm.h"

void
vllm_note_starved(VllmDecision *d)
{
  const Scheduler *self = d->self;
  VllmStarved *noted = &((VllmState *)self->state)->starved;
  const Step *step = d->step;

  noted->holds = step->starved->len > 0 && step->entries->len == 0 && step->victims->len == 0 &&
                 step->shed->len == 0 && !d->hold && !d->unmet && self->pool.groups == NULL &&
                 !scheduler_is_pipelined(self) &&
                 self->running.length == self->clock.count + step->starved->len;
  if (!noted->holds)
    return;
  noted->changes = self->changes;
  noted->free_blocks = self->pool.free_blocks;
  noted->leaving_blocks = self->pool.leaving_blocks;
  noted->kept_blocks = self->kept_blocks;
  noted->running = self->running.length;
  noted->owed_blocks = d->owed_blocks;
  noted->threshold = d->threshold;
  if (noted->requests == NULL)
    noted->requests = g_array_new(FALSE, FALSE, sizeof(guint32));
  g_array_set_size(noted->requests, 0);
  g_array_append_vals(noted->requests, step->starved->data, step->starved->len);
}

gboolean
vllm_starves_as_before(VllmDecision *d)
{
  const Scheduler *self = d->self;
  const VllmStarved *noted = &((const VllmState *)self->state)->starved;

  if (!noted->holds || d->hold || noted->changes != self->changes ||
      noted->free_blocks != self->pool.free_blocks ||
      noted->leaving_blocks != self->pool.leaving_blocks ||
      noted->kept_blocks != self->kept_blocks || noted->running != self->running.length ||
      noted->threshold != d->threshold ||
      self->clock.count + noted->requests->len != noted->running || self->clock.supplied ||
      decode_clock_due(&self->clock, 0)->length > 0)
    return FALSE;
  g_array_append_vals(d->step->starved, noted->requests->data, noted->requests->len);
  d->owed_blocks = noted->owed_blocks;
  return TRUE;
}
