#include "group_growth.h"

/* Ticks; a longer period is cut. Known models have some hundred at most. */
enum { LONGEST_PERIOD = 4096 };

GroupGrowth *
group_growth_new(const KvGroups *groups, guint32 lag, gboolean named)
{
  GroupGrowth *self = g_new0(GroupGrowth, 1);
  guint64 period = kv_groups_period(groups);

  self->groups = groups;
  self->lag = lag;
  self->cut = period > LONGEST_PERIOD;
  self->period = (guint32)MIN(period, LONGEST_PERIOD);
  self->net = g_new0(gint32, self->period);
  self->least = named ? g_new0(gint32, self->period) : self->net;
  self->taken = g_new0(guint32, self->period);
  self->held = named ? NULL : g_new0(guint32, 1);
  self->known = 1;
  return self;
}

void
group_growth_free(GroupGrowth *self)
{
  if (self == NULL)
    return;
  if (self->least != self->net)
    g_free(self->least);
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

/* What a member takes and gives back with the token behind its first n. */
typedef struct {
  gint32 taken;
  gint32 given;
  gint32 freed; /* of these, those that nobody else has */
} Change;

static Change
find_change(const GroupGrowth *self, guint32 n, guint32 hashed_tokens)
{
  guint32 settled = n - MIN(self->lag, n);
  Change change = {0};

  for (guint i = 0; i < self->groups->n_kinds; i++) {
    const KvGroupKind *kind = &self->groups->kinds[i];
    guint64 first = settled > 0 ? kv_group_gone_blocks(kind, settled - 1) : 0;
    gint32 given = (gint32)(kind->groups * (kv_group_gone_blocks(kind, settled) - first));
    change.taken += n % kind->block_tokens == 0 ? (gint32)kind->groups : 0;
    change.given += given;
    change.freed += first * kind->block_tokens >= hashed_tokens ? given : 0;
  }
  return change;
}

/* The first number of tokens beyond `computed` with which a window has passed those that are
 * hashed. */
static guint64
hashed_until(const GroupGrowth *self, guint32 computed, guint32 hashed_tokens)
{
  guint64 end = G_MAXUINT64;

  for (guint i = 0; i < self->groups->n_kinds; i++) {
    const KvGroupKind *kind = &self->groups->kinds[i];
    guint32 hashed_blocks = (hashed_tokens + kind->block_tokens - 1) / kind->block_tokens;
    guint64 passed =
        (guint64)kind->window - 1 + (hashed_blocks + 1) * (guint64)kind->block_tokens + self->lag;
    if (kind->kind == KV_WINDOW && computed < passed)
      end = MIN(end, passed);
  }
  return end;
}

/* With names. */
static void
count_named(GroupGrowth *self, guint32 n, guint32 at, guint32 hashed_tokens, gint32 sign)
{
  const Change change = find_change(self, n, hashed_tokens);
  gint32 most = change.taken - change.freed;

  self->net[at] += sign * most;
  self->least[at] += sign * (change.taken - change.given);
  self->taken[at] += (guint32)(sign * MAX(most, 0));
  self->unsure += (guint32)(sign * (change.given - change.freed));
}

static void
count_counted(GroupGrowth *self, guint32 n, guint32 at, gint32 sign)
{
  gint32 growth = group_growth_of(self, n);

  self->net[at] += sign * growth;
  self->taken[at] += (guint32)(sign * MAX(growth, 0));
}

static guint64
count(GroupGrowth *self, const GrowthMember *member, gint32 sign)
{
  guint32 computed = member->computed;
  guint64 end = kv_groups_alike_until(self->groups, computed, self->lag);
  guint64 period_end = (guint64)computed + self->period;
  gboolean named = self->least != self->net;

  g_assert(computed > 0);
  if (named) {
    guint64 passed = hashed_until(self, computed, member->hashed_tokens);
    end = MIN(end, passed);
  }
  if (self->cut)
    end = MIN(end, period_end);
  for (guint64 n = computed; n < MIN(end, period_end);
       n = kv_groups_next_change(self->groups, n, self->lag)) {
    guint32 at = (member->place + (guint32)(n - computed)) % self->period;
    if (named)
      count_named(self, (guint32)n, at, member->hashed_tokens, sign);
    else
      count_counted(self, (guint32)n, at, sign);
  }
  return end;
}

guint64
group_growth_add(GroupGrowth *self, const GrowthMember *member)
{
  return count(self, member, 1);
}

guint64
group_growth_remove(GroupGrowth *self, const GrowthMember *member)
{
  return count(self, member, -1);
}
