/* How often a step of plain decodes can be repeated.
 *
 * Between scheduling events contexts grow by one and nothing else changes. Which repeat needs how
 * many blocks is in the clock's due lists or, with groups, in GroupGrowth, so repeats are bounded
 * without stepping through them; the executor then runs as many as fit before the next arrival.
 */
#include "sim/scheduler.h"

/* More repeats than this in one step would only risk an overflow of the closed-form sums. */
#define REPEAT_MAX 65536

/* With groups, of a step whose sequences are all members: how often it may be repeated, at most
 * `limit` times, so that at each repeat all find free what they take, whoever gives back first, and
 * no more is free for who waits than there is now. */
static guint64
find_group_repeats(const Scheduler *self, Step *step, guint64 limit, guint32 reserve_blocks)
{
  const GroupGrowth *growth = self->clock.growth;
  guint32 places = (guint32)MIN(growth->period, limit - 1), place = self->clock.place, i;
  gint64 spare = (gint64)self->pool.free_blocks - reserve_blocks, most = 0, grown = 0, least = 0;
  gboolean waits =
      self->waiting.length + self->swapped.length + self->held.length + self->returning.length > 0;
  guint64 cycles;

  for (i = 0; i < places; i++) {
    place = place + 1 == growth->period ? 0 : place + 1;
    most = MAX(most, grown + growth->taken[place]);
    grown += growth->net[place];
    least += growth->least[place];
    if (most > spare || (least < 0 && waits))
      return 1 + i;
    step->grown[i] = (gint32)grown;
    step->shrinks |= growth->least[place] < 0;
  }
  if (limit - 1 <= places)
    return limit;
  if (growth->unsure > 0)
    return 1 + places;
  g_assert(grown >= 0);
  cycles = grown > 0 ? 1 + (guint64)((spare - most) / grown) : limit;
  if (1 + cycles * growth->period >= limit)
    return limit;
  spare -= (gint64)cycles * grown;
  for (i = 0; i < places; i++) {
    place = place + 1 == growth->period ? 0 : place + 1;
    if ((i > 0 ? step->grown[i - 1] : 0) + (gint64)growth->taken[place] > spare)
      break;
  }
  return MIN(limit, 1 + cycles * growth->period + i);
}

/* Sets step->grown, for a step whose sequences are all members. */
static void
count_growth(Scheduler *self, Step *step, guint64 repeats)
{
  guint32 places = (guint32)MIN(step->period, repeats - 1), grown = 0;
  const DueList *first = self->clock.due, *end = first + self->clock.block_size;
  const DueList *due = decode_clock_due(&self->clock, 1); /* with groups nothing is due */

  for (guint32 i = 0; i < places; i++) {
    grown += due->length;
    step->grown[i] = (gint32)grown;
    due = due + 1 == end ? first : due + 1;
  }
}

void
scheduler_set_repeat(Scheduler *self, Step *step, guint32 reserve_blocks)
{
  guint32 batch = self->clock.count - self->clock.absent, spare;
  guint64 limit, repeat;

  if (batch == 0 || batch != self->running.length ||
      pool_takeable_blocks(&self->pool) < reserve_blocks)
    return;
  limit = MIN(decode_clock_ticks_to_end(&self->clock), REPEAT_MAX);
  limit = MIN(limit, decode_clock_ticks_to_kink(&self->clock));
  limit = MIN(limit, decode_clock_ticks_to_change(&self->clock));
  if (limit <= 1)
    return;
  if (self->clock.growth != NULL) {
    step->repeat = (guint32)find_group_repeats(self, step, limit, reserve_blocks);
    return;
  }
  count_growth(self, step, limit);
  if (self->pool.groups != NULL) { /* no block is taken before the next change */
    guint64 change = decode_clock_ticks_to_due(&self->clock);
    step->repeat = (guint32)MIN(limit, MAX(change, 1));
    return;
  }
  spare = pool_takeable_blocks(&self->pool) - reserve_blocks;
  /* Every block_size steps each sequence takes one block. */
  repeat = 1 + (guint64)(spare / batch) * step->period;
  spare %= batch;
  for (guint32 i = 0; repeat < limit && step->grown[i] <= (gint64)spare; i++)
    repeat++;
  step->repeat = (guint32)MIN(limit, repeat);
}
