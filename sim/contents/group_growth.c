#include "group_growth.h"

/* Ticks; a longer period is cut. Known models have some hundred at most. */
enum { LONGEST_PERIOD = 4096 };

GroupGrowth *
group_growth_new(const KvGroups *groups, guint32 lag)
{
  GroupGrowth *self = g_new0(GroupGrowth, 1);
  guint64 period = kv_groups_period(groups);

  self->groups = groups;
  self->lag = lag;
  self->cut = period > LONGEST_PERIOD;
  self->period = (guint32)MIN(period, LONGEST_PERIOD);
  self->net = g_new0(gint32, self->period);
  self->taken = g_new0(guint32, self->period);
  self->held = g_new0(guint32, 1);
  self->known = 1;
  return self;
}

void
group_growth_free(GroupGrowth *self)
{
  if (self == NULL)
    return;
  g_free(self->net);
  g_free(self->taken);
  g_free(self->held);
  g_free(self);
}

void
group_growth_learn(GroupGrowth *self, guint32 tokens)
{
  guint32 known = MAX(MAX(tokens + 1, 2 * self->known), 1024);
  guint64 next = self->known;

  self->held = g_renew(guint32, self->held, known);
  for (guint32 n = self->known, blocks = 0; n < known; n++) {
    guint32 computed = n - 1;
    if (n == next) {
      blocks = (guint32)kv_groups_step_blocks(self->groups, computed - MIN(self->lag, computed),
                                              computed, n);
      next = kv_groups_next_change(self->groups, computed, self->lag) + 1;
    }
    self->held[n] = blocks;
  }
  self->known = known;
}

static guint64
count(GroupGrowth *self, guint32 computed, guint32 place, gint32 sign)
{
  guint64 end = kv_groups_alike_until(self->groups, computed, self->lag);
  guint64 period_end = (guint64)computed + self->period;

  g_assert(computed > 0);
  if (self->cut)
    end = MIN(end, period_end);
  for (guint64 n = computed; n < MIN(end, period_end);
       n = kv_groups_next_change(self->groups, n, self->lag)) {
    guint32 at = (place + (guint32)(n - computed)) % self->period;
    gint32 growth = group_growth_of(self, (guint32)n);
    self->net[at] += sign * growth;
    self->taken[at] += (guint32)(sign * MAX(growth, 0));
  }
  return end;
}

guint64
group_growth_add(GroupGrowth *self, guint32 computed, guint32 place)
{
  return count(self, computed, place, 1);
}

guint64
group_growth_remove(GroupGrowth *self, guint32 computed, guint32 place)
{
  return count(self, computed, place, -1);
}
