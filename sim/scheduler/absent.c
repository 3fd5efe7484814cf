/* Members of the decode clock that a step does not run.
 *
 * With native offload nobody may be preempted whom a step in flight runs. With asynchronous
 * scheduling that is nearly everybody, so a member that lacks a block gets none in this step, nor
 * does anybody behind it, and all of them are run by the next. They stay members: they miss a tick,
 * and are from then on as if they had joined a tick later.
 */
#include "sim/scheduler.h"

static gboolean
is_first_member(const Sequence *member)
{
  const Sequence *s = member->previous;

  while (s != NULL && !s->in_clock)
    s = s->previous;
  return s == NULL;
}

void
scheduler_miss_from(Scheduler *self, Sequence *member)
{
  if (self->clock.missed > 0 || is_first_member(member)) {
    scheduler_leave_clock_from(self, member);
    return;
  }
  for (Sequence *s = member; s != NULL; s = s->next)
    if (s->in_clock)
      decode_clock_be_absent(&self->clock, s);
}

static void
add_present_contexts(const DecodeClock *clock, DecodeContexts *contexts)
{
  for (guint32 i = 0; i < clock->ends.count; i++) {
    const Sequence *member = clock->ends.events[i].sequence;
    if (!decode_clock_is_absent(clock, member))
      decode_contexts_add(contexts, decode_clock_tokens(clock, member) + 1);
  }
}

void
scheduler_run_present_members(Scheduler *self, Step *step)
{
  if (self->clock.absent == 0) {
    scheduler_run_members(self, step);
    return;
  }
  step_run_members(step, self->clock.count - self->clock.absent);
  add_present_contexts(&self->clock, &step->contexts);
}

/* Those that were absent have missed the tick. */
static void
end_absence(DecodeClock *clock)
{
  if (clock->absent > 0)
    clock->missed_end_ps = clock->last_end_ps;
  clock->missed_number = clock->absent_number;
  clock->missed = clock->absent;
  clock->absent_number = G_MAXUINT64;
  clock->absent = 0;
  clock->apart = clock->missed > 0;
}

void
scheduler_miss_tick(Scheduler *self, Step *step)
{
  DecodeClock *clock = &self->clock;

  step->late = clock->missed;
  for (Sequence *s = clock->absent > 0 ? self->running.head : NULL; s != NULL; s = s->next) {
    if (!s->in_clock || !decode_clock_is_absent(clock, s))
      continue;
    decode_clock_miss(clock, s);
    if (scheduler_orders_victims(self))
      victim_order_move(&self->victims, s, -(guint64)self->ordered_by->rank_per_token);
  }
  end_absence(clock);
}
