/* Preemption under vLLM, and how the members of the decode clock get their blocks: all at once if
 * there are enough, otherwise one by one in running order, as the engine does.
 */
#include "vllm.h"

void
vllm_preempt(VllmDecision *d, Sequence *victim, const Sequence *beneficiary, guint32 short_blocks)
{
  Scheduler *self = d->self;

  if (scheduler_preempt(self, d->step, victim, beneficiary, short_blocks, TRUE))
    sequence_queue_push_head(&self->swapped, victim);
  else
    waiting_queue_push_head(&self->waiting, victim);
}

gboolean
vllm_may_preempt(const Scheduler *self, const Sequence *victim)
{
  gboolean computing =
      victim->in_clock ? scheduler_member_is_in_flight(self, victim) : victim->computing;

  return (self->offload == NULL && !scheduler_is_pipelined(self)) || !computing;
}

gboolean
vllm_may_preempt_any(const Scheduler *self)
{
  const Sequence *s = self->running.tail;

  if (self->offload == NULL && !scheduler_is_pipelined(self))
    return TRUE;
  for (; s != NULL && (self->clock.apart || !s->in_clock); s = s->previous)
    if (!s->ending && vllm_may_preempt(self, s))
      return TRUE;
  return s != NULL && vllm_may_preempt(self, s);
}

/* The first member from `s` on, in running order, whose blocks change at the coming tick; NULL:
 * there is none. *more: blocks that it takes, less those that it gives back. */
static Sequence *
next_changing(const Scheduler *self, Sequence *s, gint64 *more)
{
  for (; s != NULL; s = s->next) {
    *more = s->in_clock ? scheduler_member_lacks(self, s) : 0;
    if (*more != 0)
      return s;
  }
  return NULL;
}

/* As vllm_first_short_member(), where groups share the pool and blocks are counted. */
static Sequence *
first_short_counted(Scheduler *self, guint32 *left, guint32 *short_blocks)
{
  const GroupGrowth *growth = self->clock.growth;
  guint32 place = self->clock.place;
  gint64 more;

  if (growth->taken[place] <= *left) {
    *left -= (guint32)growth->net[place];
    return NULL;
  }
  for (Sequence *s = self->running.head; (s = next_changing(self, s, &more)) != NULL; s = s->next) {
    if (more > (gint64)*left) {
      *short_blocks = (guint32)(more - *left);
      return s;
    }
    *left -= (guint32)more;
  }
  return NULL;
}

/* The same where blocks have names. */
static Sequence *
first_short_named(Scheduler *self, guint32 *left, guint32 *short_blocks)
{
  const GPtrArray *coming = decode_clock_coming_changes(&self->clock);

  if (coming->len > 0 && self->running.tail->in_clock &&
      (guint64)coming->len * self->clock.groups->n_groups <= *left)
    return NULL; /* *left is not needed: there are no loose sequences */
  for (guint i = 0; i < coming->len; i++) {
    gint64 more = scheduler_member_lacks(self, coming->pdata[i]);
    if (more > (gint64)*left) {
      *short_blocks = (guint32)(more - *left);
      return coming->pdata[i];
    }
    *left = (guint32)(*left - more);
  }
  return NULL;
}

Sequence *
vllm_first_short_member(Scheduler *self, guint32 *left, guint32 *short_blocks)
{
  const DueList *due;

  if (self->clock.counted)
    return first_short_counted(self, left, short_blocks);
  if (self->clock.groups != NULL)
    return first_short_named(self, left, short_blocks);
  due = decode_clock_due(&self->clock, 0);
  if (due->length > *left) {
    Sequence *member = due->head;
    for (guint32 i = 0; i < *left; i++)
      member = member->due_next;
    *short_blocks = 1;
    return member;
  }
  *left -= due->length;
  return NULL;
}

/* Preempts until `more` blocks are free for the member. FALSE if it preempted itself, or no
 * sequence may be preempted: then it and those behind it get no token. */
static gboolean
find_blocks(VllmDecision *d, Sequence *member, gint64 more)
{
  Scheduler *self = d->self;

  while (more > (gint64)self->pool.free_blocks) {
    Sequence *victim = self->running.tail;
    self->memory_bound = TRUE;
    if (scheduler_free_up(self, d->step, NULL, (guint32)more))
      continue;
    if (!vllm_may_preempt(self, victim)) {
      if (self->pool.groups == NULL && self->config.async_scheduling)
        scheduler_miss_from(self, member);
      else
        scheduler_leave_clock_from(self, member);
      return FALSE;
    }
    vllm_preempt(d, victim, member, (guint32)(more - self->pool.free_blocks));
    if (victim == member)
      return FALSE;
  }
  return TRUE;
}

/* Gives the members their blocks where the pool is not shared by groups. */
static gboolean
supply_due(VllmDecision *d)
{
  Scheduler *self = d->self;
  const DueList *due = decode_clock_due(&self->clock, 0);
  Sequence *next;

  if (due->length <= self->pool.free_blocks) {
    scheduler_take_all_due(self);
    return TRUE;
  }
  for (Sequence *member = due->head; member != NULL; member = next) {
    if (!find_blocks(d, member, 1))
      return FALSE;
    scheduler_take_due(self, member);
    next = member->due_next;
  }
  return TRUE;
}

/* The same where groups share the pool and blocks are counted. */
static gboolean
supply_counted(VllmDecision *d)
{
  Scheduler *self = d->self;
  const GroupGrowth *growth = self->clock.growth;
  guint32 place = self->clock.place;
  gint64 more;

  if (growth->taken[place] <= self->pool.free_blocks) {
    self->pool.free_blocks -= (guint32)growth->net[place];
    return TRUE;
  }
  for (Sequence *s = self->running.head; (s = next_changing(self, s, &more)) != NULL; s = s->next) {
    if (!find_blocks(d, s, more))
      return FALSE;
    self->pool.free_blocks -= (guint32)more;
  }
  return TRUE;
}

/* The same where blocks have names. */
static gboolean
supply_named(VllmDecision *d)
{
  Scheduler *self = d->self;
  const GroupGrowth *growth = self->clock.growth;
  Sequence *member;

  if (growth != NULL && growth->taken[self->clock.place] <= self->pool.free_blocks) {
    scheduler_change_all(self, 0);
    return TRUE;
  }
  while ((member = decode_clock_next_change(&self->clock, 0)) != NULL) {
    scheduler_begin_change(self, member);
    if (!find_blocks(d, member, scheduler_member_lacks(self, member)))
      return FALSE;
    scheduler_end_change(self, member);
  }
  return TRUE;
}

gboolean
vllm_supply_members(VllmDecision *d)
{
  Scheduler *self = d->self;
  gboolean goes_on;

  if (self->clock.supplied)
    return TRUE;
  if (self->clock.groups == NULL)
    goes_on = supply_due(d);
  else
    goes_on = self->clock.counted ? supply_counted(d) : supply_named(d);
  if (!self->clock.supplied)
    scheduler_note_supplied(self);
  return goes_on;
}

void
vllm_leave_from_short(Scheduler *self)
{
  guint32 left = self->pool.free_blocks, short_blocks;
  Sequence *member = NULL;

  if (self->clock.count > 0 && !self->clock.supplied)
    member = vllm_first_short_member(self, &left, &short_blocks);
  if (member != NULL)
    scheduler_leave_clock_from(self, member);
}
