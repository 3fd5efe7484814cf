/* What engines do with the decode clock.
 *
 * The members stand first among the running sequences that have work; so an engine gives them
 * their blocks first and then handles the others one by one, as if it had handled each in turn. A
 * step that is repeated (scheduler/repeats.c) takes the blocks of all repeats when it takes off.
 */
#include "sim/array.h"
#include "sim/scheduler.h"

gboolean
scheduler_take_due(Scheduler *self, Sequence *member)
{
  if (self->pool.free_blocks == 0)
    return FALSE;
  if (self->pool.class->names_blocks)
    pool_grow(&self->pool, member, member->blocks + 1);
  else
    pool_take(&self->pool, 1);
  return TRUE;
}

/* The members of the list take a block each. */
static void
take_due(Scheduler *self, const DueList *due)
{
  g_assert(due->length <= pool_takeable_blocks(&self->pool));
  if (!self->pool.class->names_blocks) {
    pool_take(&self->pool, due->length);
    return;
  }
  for (Sequence *member = due->head; member != NULL; member = member->due_next)
    pool_take_for(&self->pool, member, 1);
}

/* Where blocks have names the prefix cache is told of those that are full after a tick: of the
 * members that take the next block at the tick behind it. With asynchronous scheduling the tick's
 * token is not known yet, so it is of those that were full before. */
static guint64
full_after(const Scheduler *self)
{
  return self->config.async_scheduling ? 0 : 1;
}

/* Those of the members in the list, which take a block so many ticks later, are full by then. */
static void
register_full(Scheduler *self, const DueList *due, guint64 later)
{
  for (Sequence *member = due->head;
       member != NULL && !decode_clock_is_absent(&self->clock, member); member = member->due_next)
    pool_commit(&self->pool, member, decode_clock_tokens(&self->clock, member) + (guint32)later);
}

/* Tells the prefix cache of a former member what register_full() told it of members whose blocks
 * have ids. */
static void
note_registered(Scheduler *self, Sequence *member)
{
  pool_commit(&self->pool, member, member->computed_tokens - (member->in_flight ? 1 : 0));
}

void
scheduler_take_all_due(Scheduler *self)
{
  take_due(self, decode_clock_due(&self->clock, 0));
  scheduler_note_supplied(self);
}

void
scheduler_note_supplied(Scheduler *self)
{
  guint64 later = full_after(self);

  if (self->pool.class->names_blocks && self->pool.groups == NULL)
    register_full(self, decode_clock_due(&self->clock, later), later);
  self->clock.supplied = TRUE;
}

void
scheduler_run_members(Scheduler *self, Step *step)
{
  step_run_members(step, self->clock.count);
  decode_clock_add_contexts(&self->clock, &step->contexts);
}

/* Makes room for `n` entries before step->entries[clocked_at]. */
static void
open_gap(Step *step, guint32 n)
{
  guint at = step->clocked_at, behind = step->entries->len - at;
  StepEntry *entries;
  gpointer *sequences;

  g_array_set_size(step->entries, step->entries->len + n);
  g_ptr_array_set_size(step->sequences, (gint)(step->sequences->len + n));
  entries = &g_array_index(step->entries, StepEntry, at);
  sequences = &step->sequences->pdata[at];
  memmove(entries + n, entries, behind * sizeof *entries);
  memmove(sequences + n, sequences, behind * sizeof *sequences);
}

/* Lists the members that the step runs, in running order; those that join with it are listed
 * already. leave: they leave the clock. */
static void
list_members(Scheduler *self, Step *step, gboolean leave)
{
  Sequence *member = self->running.head;

  open_gap(step, step->clocked);
  for (guint32 i = step->clocked_at; i < step->clocked_at + step->clocked; member = member->next) {
    if (!member->in_clock)
      continue;
    g_array_index(step->entries, StepEntry, i) = (StepEntry){
        .request = member->request,
        .tokens = 1,
        .cached_tokens = decode_clock_tokens(&self->clock, member),
        .kind = ENTRY_DECODE,
        .samples = 1,
    };
    step->sequences->pdata[i++] = leave ? member : NULL;
    if (leave)
      scheduler_leave_clock(self, member);
  }
}

void
scheduler_list_members(Scheduler *self, Step *step)
{
  list_members(self, step, FALSE);
  step->listed = TRUE;
}

void
scheduler_dissolve_clock(Scheduler *self, Step *step)
{
  if (step->clocked > 0)
    list_members(self, step, TRUE);
  step->clocked = 0;
  for (Sequence *s = self->running.head; s != NULL && self->clock.count > 0; s = s->next)
    if (s->in_clock)
      scheduler_leave_clock(self, s);
  step->ticks = FALSE;
}

void
scheduler_end_starving(Scheduler *self)
{
  scheduler_leave_clock_from(self, self->first_starved);
  self->first_starved = NULL;
}

void
scheduler_leave_clock_from(Scheduler *self, Sequence *member)
{
  for (Sequence *s = member; s != NULL; s = s->next)
    if (s->in_clock)
      scheduler_leave_clock(self, s);
}

/* Ticks until the sequence ends; 0 if it cannot be a member. */
static guint32
ticks_left(const Scheduler *self, const Sequence *sequence)
{
  guint32 length = sequence_length(sequence), longest = scheduler_longest_length(self);

  if (sequence->stage != STAGE_DECODE || sequence->computed_tokens + 1 != length ||
      sequence->blocks != decode_clock_blocks_at(&self->clock, length) || length >= longest ||
      (self->offload != NULL && offload_may_store(self->offload, sequence)))
    return 0;
  return MIN(sequence->output_limit - sequence->generated_tokens, longest - length);
}

gint64
scheduler_member_lacks(const Scheduler *self, const Sequence *member)
{
  const DecodeClock *clock = &self->clock;
  guint32 computed = decode_clock_tokens(clock, member);

  if (clock->counted)
    return group_growth_of(clock->growth, computed);
  return pool_lacks(&self->pool, member, computed - MIN(clock->lag, computed), computed + 1);
}

void
scheduler_begin_change(Scheduler *self, Sequence *member)
{
  guint32 computed = decode_clock_tokens(&self->clock, member);
  guint32 unknown = self->config.async_scheduling ? 1 : 0;
  Pool *pool = &self->pool;

  pool_commit(pool, member, computed - unknown);
  pool_give_back(pool, member, computed - MIN(self->clock.lag, computed));
}

void
scheduler_end_change(Scheduler *self, Sequence *member)
{
  guint32 computed = decode_clock_tokens(&self->clock, member);
  guint32 unknown = self->config.async_scheduling ? 1 : 0;
  Pool *pool = &self->pool;

  pool_take_to(pool, member, computed + 1);
  pool_commit(pool, member, computed + 1 - unknown);
  decode_clock_pass_change(&self->clock, member, 0);
}

void
scheduler_change_all(Scheduler *self, guint32 later)
{
  guint32 unknown = self->config.async_scheduling ? 1 : 0;
  DecodeClock *clock = &self->clock;
  Sequence *member;

  while ((member = decode_clock_next_change(clock, later)) != NULL) {
    guint32 computed = decode_clock_tokens(clock, member) + later;
    self->pool.class->change(&self->pool, member, computed - MIN(clock->lag, computed),
                             computed + 1 - unknown, computed + 1);
    decode_clock_pass_change(clock, member, later);
  }
}

/* The first behind `starved`, and behind those that starve or end with it. */
static Sequence *
pass_starved(Scheduler *self, Sequence *starved)
{
  Sequence *s = starved;

  if (self->first_starved == NULL)
    self->first_starved = starved;
  while (s != NULL && (s->ending || s->starved_in == self->pool.decisions))
    s = s->next;
  return s;
}

void
scheduler_join_entries(Scheduler *self, Step *step)
{
  Sequence *loose = NULL, *next;

  if (!self->stride ||
      g_array_index(step->entries, StepEntry, step->clocked_at).kind != ENTRY_DECODE ||
      self->clock.absent > 0)
    return;
  loose = scheduler_first_loose(self);
  for (guint i = step->clocked_at; i < step->entries->len; i++, loose = next) {
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
    guint32 left;
    while (loose != NULL && loose->ending)
      loose = loose->next;
    if (step->sequences->pdata[i] != loose && loose != NULL &&
        loose->starved_in == self->pool.decisions)
      loose = pass_starved(self, loose);
    if (entry->kind != ENTRY_DECODE || entry->recomputed_tokens > 0 || loose == NULL ||
        step->sequences->pdata[i] != loose)
      return;
    left = ticks_left(self, loose);
    if (left == 0)
      return;
    next = loose->next;
    decode_clock_join(&self->clock, loose, left);
    if (window_pool_is_used(&self->pool.window))
      decode_clock_add_pass(&self->clock, loose, pool_next_pass(&self->pool, loose));
    scheduler_order_member(self, loose);
    self->clock.supplied = TRUE;
    step->ticks = TRUE;
  }
}

void
scheduler_leave_clock(Scheduler *self, Sequence *member)
{
  gboolean in_flight = scheduler_member_is_in_flight(self, member);

  decode_clock_leave(&self->clock, member);
  scheduler_forget_order(self, member);
  if (in_flight) {
    member->in_flight = member->computing = self->config.async_scheduling;
    member->flying_tokens = self->config.async_scheduling ? 1 : 0;
    g_ptr_array_add(self->left_in_flight, member);
  }
  note_registered(self, member);
}

/* With groups whose blocks have names: what members take and give back at the ticks of the repeats
 * after the first, and what that comes to. */
static void
change_in_repeats(Scheduler *self, Step *step, guint32 repeats)
{
  guint32 before = self->pool.free_blocks;

  for (guint32 i = 1; i < repeats; i++) {
    scheduler_change_all(self, i);
    if (i <= step->period)
      step->grown[i - 1] = (gint32)(before - self->pool.free_blocks);
  }
}

/* Takes the blocks that the repeats after the first need. The order matters to the prefix cache
 * alone: step by step, and within a step in running order. */
static void
supply_repeats(Scheduler *self, Step *step, guint32 repeats)
{
  guint64 later = full_after(self);
  const DueList *due, *full;

  if (self->clock.counted) {
    self->pool.free_blocks -= (guint32)step_grown_blocks(step, repeats);
    return;
  }
  if (self->pool.groups != NULL) {
    change_in_repeats(self, step, repeats);
    return;
  }
  if (!self->pool.class->names_blocks) {
    pool_take(&self->pool, (guint32)step_grown_blocks(step, repeats));
    return;
  }
  due = decode_clock_due(&self->clock, 1);
  full = decode_clock_due(&self->clock, 1 + later);
  for (guint32 i = 1; i < repeats; i++) {
    take_due(self, due);
    register_full(self, full, i + later);
    due = decode_clock_due_after(&self->clock, due);
    full = decode_clock_due_after(&self->clock, full);
  }
}

void
scheduler_tick(Scheduler *self, Step *step, guint32 repeats)
{
  Sequence *sequence;

  if (repeats > 1)
    supply_repeats(self, step, repeats);
  decode_clock_tick(&self->clock, repeats);
  while ((sequence = decode_clock_take_ended(&self->clock)) != NULL) {
    scheduler_forget_order(self, sequence);
    sequence->ending = TRUE;
    sequence->in_flight = sequence->computing = self->config.async_scheduling;
    note_registered(self, sequence);
    POINTER_PUSH(self->ended_in_flight, &self->ended_room, sequence);
    POINTER_PUSH(step->ending, &step->ending_room, sequence);
  }
  self->tick_in_flight = TRUE;
}

DecodeContexts
scheduler_running_decodes(Scheduler *self)
{
  DecodeContexts contexts = decode_contexts_through(&self->config.windows);

  decode_clock_add_contexts(&self->clock, &contexts);
  for (const Sequence *s = self->first_starved != NULL ? self->running.head
                                                       : scheduler_first_loose(self);
       s != NULL; s = s->next)
    if (!s->ending && !s->in_clock && s->stage == STAGE_DECODE)
      decode_contexts_add(&contexts, s->computed_tokens + 1);
  return contexts;
}
