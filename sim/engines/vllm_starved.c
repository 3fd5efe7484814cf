/* Running sequences that starve: they wait for blocks that are being copied out (--overlap-copies).
 *
 * While a copy is under way no step stands for several, and most steps find what the one before
 * found: the same sequences wait for the same blocks, and no member of the decode clock takes one.
 * Then the running pass is not repeated. Members may stand behind who starves, as long as they all
 * have the blocks that they need, or starve in their turn.
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

/* TRUE if another pass would find the same, which is then in the step. */
static gboolean
starves_as_before(VllmDecision *d)
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

/* What those between the first that starved and the last member find. */
typedef struct {
  guint32 first_blocks; /* that the first lacks, */
  guint32 blocks;       /* and that all lack who starve */
  guint32 due;          /* members among these */
  gboolean members;     /* there are any */
} Starving;

/* Blocks that it lacks for its next token. */
static gint64
lacked_blocks(const Scheduler *self, const Sequence *loose)
{
  return pool_lacks(&self->pool, loose, vllm_settled_tokens(self, loose),
                    vllm_end_tokens(self, loose->computed_tokens, 1));
}

/* FALSE: one of them would find otherwise. end: behind the last member, which may stand before the
 * first that starved. */
static gboolean
find_starving(VllmDecision *d, const Sequence *end, Starving *found)
{
  const Scheduler *self = d->self;

  *found = (Starving){0};
  for (Sequence *s = self->first_starved; s != NULL && s != end; s = s->next) {
    gint64 more = 1;
    if (s->in_clock) {
      found->members = TRUE;
      if (s->due_place != self->clock.place)
        continue;
      found->due++;
    } else if (!s->ending) {
      more = lacked_blocks(self, s);
      if (s->stage != STAGE_DECODE || vllm_running_tokens(d, s, d->budget) != 1 || more <= 0)
        return FALSE;
    } else {
      continue;
    }
    if (found->blocks == 0)
      found->first_blocks = (guint32)more;
    found->blocks += (guint32)more;
  }
  return found->members && found->blocks > 0;
}

/* Whoever stands before them takes what is due, the first lacks its blocks, so that those behind it
 * get none, and what is being copied out is enough for all. */
static gboolean
all_starve(const VllmDecision *d, const Starving *found)
{
  const Scheduler *self = d->self;
  guint32 due = decode_clock_due(&self->clock, 0)->length - found->due;
  guint64 left = self->pool.free_blocks;

  if (due > left || self->pool.leaving_blocks == 0 || self->kept_blocks > 0 ||
      self->clock.supplied || d->budget < self->running.length)
    return FALSE;
  left -= due;
  return left < found->first_blocks && left + self->pool.leaving_blocks >= found->blocks;
}

static void
starve_again(VllmDecision *d, const Sequence *end)
{
  Scheduler *self = d->self;

  for (Sequence *s = self->first_starved; s != end; s = s->next) {
    gint64 more = 1;
    if (s->ending || (s->in_clock && s->due_place != self->clock.place))
      continue;
    if (s->in_clock)
      scheduler_leave_clock(self, s);
    else
      more = lacked_blocks(self, s);
    vllm_starve(d, s, (guint32)more);
  }
}

/* TRUE: STARVES_ON. Else nobody stands before members any more. */
static gboolean
starves_on(VllmDecision *d)
{
  Scheduler *self = d->self;
  Starving found;

  d->behind = scheduler_first_loose(self);
  if ((self->config.victim->rank != NULL && d->behind != NULL) ||
      !find_starving(d, d->behind, &found) || !all_starve(d, &found)) {
    scheduler_end_starving(self);
    return FALSE;
  }
  starve_again(d, d->behind);
  self->memory_bound = TRUE;
  return TRUE;
}

VllmStarving
vllm_look_at_starved(VllmDecision *d)
{
  if (starves_as_before(d))
    return STARVES_AS_BEFORE;
  return d->self->first_starved != NULL && starves_on(d) ? STARVES_ON : STARVES_ANEW;
}
