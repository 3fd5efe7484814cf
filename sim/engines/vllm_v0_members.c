/* How vLLM 0.x runs the members of the decode clock: all at once, where handling them one by one
 * would come to the same.
 *
 * Each running sequence must find a block free, whether it takes one or not. So the first that
 * finds none is the one behind the member that took the last; room is made for it, and the rest
 * follow.
 */
#include "vllm_v0.h"

void
v0_preempt(V0Plan *p, Sequence *victim, const Sequence *beneficiary)
{
  if (victim == p->next)
    p->next = victim->next;
  if (scheduler_preempt(p->self, p->step, victim, beneficiary, 1, FALSE))
    sequence_queue_push_tail(p->moved, victim);
  else
    sequence_queue_push_tail(p->dropped, victim);
}

gboolean
v0_reaches_members(const V0Plan *p)
{
  guint32 count = p->self->clock.count;

  return count > 0 && !(p->self->config.chunked_prefill && p->tokens < count);
}

Sequence *
v0_first_short_member(const Scheduler *self, guint32 left)
{
  const DueList *due = decode_clock_due(&self->clock, 0);
  Sequence *needy = due->head;

  if (left > due->length)
    return NULL;
  for (guint32 i = 1; i < left; i++)
    needy = needy->due_next;
  needy = left > 0 ? needy->next : self->running.head;
  return needy != NULL && needy->in_clock ? needy : NULL;
}

/* TRUE if the engine dies over this victim, since the host has no room for it. */
static gboolean
would_die(const Scheduler *self, const Sequence *victim)
{
  const OverflowPolicy *overflow = self->config.overflow;
  guint32 blocks = victim->in_clock ? decode_clock_blocks(&self->clock, victim) : victim->blocks;

  return overflow->needs_host && !overflow->of_no_engine && blocks > self->pool.host_free_blocks;
}

/* Frees a block for the member; *gone: it was preempted itself. FALSE if the engine would die over
 * a victim. */
static gboolean
make_room_for_member(V0Plan *p, Sequence *member, gboolean *gone)
{
  Scheduler *self = p->self;

  self->memory_bound = TRUE;
  while (self->pool.free_blocks == 0 && !*gone) {
    Sequence *victim = self->running.tail;
    if (scheduler_free_up(self, p->step, NULL, 1))
      continue;
    if (would_die(self, victim))
      return FALSE;
    *gone = victim == member;
    v0_preempt(p, victim, member);
  }
  return TRUE;
}

/* Gives the members their blocks. FALSE if the engine dies over one: then none has taken a block.
 */
static gboolean
supply_members(V0Plan *p)
{
  Scheduler *self = p->self;
  const DueList *list = decode_clock_due(&self->clock, 0);
  Sequence *last = NULL; /* the last that took a block */
  guint32 taken = 0;
  gboolean gone = FALSE;

  while (!gone) {
    Sequence *due = last != NULL ? last->due_next : list->head, *needy;
    for (; due != NULL && scheduler_take_due(self, due); due = due->due_next, taken++)
      last = due;
    needy = last != NULL ? last->next : self->running.head;
    if (self->pool.free_blocks > 0 || needy == NULL || !needy->in_clock)
      break;
    if (!make_room_for_member(p, needy, &gone)) {
      self->pool.free_blocks += taken;
      return FALSE;
    }
  }
  scheduler_note_supplied(self);
  return TRUE;
}

/* Copies beside the steps: what is preempted is free later, so that the first member that finds no
 * block, or one behind it, may get no token. */
static void
leave_from_short(Scheduler *self)
{
  Sequence *member = v0_first_short_member(self, self->pool.free_blocks);

  if (member != NULL)
    scheduler_leave_clock_from(self, member);
}

void
v0_run_members(V0Plan *p)
{
  Scheduler *self = p->self;

  if (self->swap_copies != NULL && p->step->abort == NULL && v0_reaches_members(p))
    leave_from_short(self);
  p->next = self->clock.count > 0 ? scheduler_first_loose(self) : self->running.head;
  if (self->clock.count == 0 || p->step->abort != NULL)
    return;
  if (!v0_reaches_members(p) || !supply_members(p)) {
    scheduler_dissolve_clock(self, p->step);
    p->next = self->running.head;
    return;
  }
  p->members = self->clock.count;
  p->tokens -= p->members;
  if (self->config.chunked_prefill)
    p->seqs += p->members;
}
