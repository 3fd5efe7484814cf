/* KV groups against a manager that keeps each block by itself, as vLLM does: at every step it gives
 * back what is out of sight and then takes room for the new tokens.
 */
#include "sim/kv_groups.h"

typedef struct {
  gboolean held[4096]; /* by block of the group */
  guint32 taken;       /* blocks that it ever took, or passed over */
} Group;

/* The first token that somebody still reads when the token behind `computed` is computed. */
static guint64
first_needed(const KvGroupKind *kind, guint64 computed)
{
  switch (kind->kind) {
  case KV_WINDOW:
    return computed + 1 > kind->window ? computed + 1 - kind->window : 0;
  case KV_CHUNKS:
    return computed - computed % kind->window;
  case KV_STATE: /* the state behind the last token */
    return computed > 0 && kind->block_tokens > 0 ? computed - 1 : 0;
  case KV_WHOLE:
    break;
  }
  return 0;
}

/* A step from `computed` to `tokens` tokens. Returns the blocks that it holds then. */
static guint64
step(Group *group, const KvGroupKind *kind, guint64 computed, guint64 tokens)
{
  guint64 held = 0;

  if (kind->block_tokens == 0)
    return 1;
  for (guint32 i = 0; i < group->taken; i++)
    if ((guint64)(i + 1) * kind->block_tokens <= first_needed(kind, computed))
      group->held[i] = FALSE;
  while ((guint64)group->taken * kind->block_tokens < tokens) {
    /* A state is written where the step ends only. */
    guint64 end = (guint64)(group->taken + 1) * kind->block_tokens;
    group->held[group->taken++] = kind->kind != KV_STATE || end >= tokens;
  }
  for (guint32 i = 0; i < group->taken; i++)
    held += group->held[i];
  return held;
}

static KvGroups
random_groups(GRand *rand)
{
  KvGroups groups = {.n_kinds = (guint)g_rand_int_range(rand, 1, 4)};

  for (guint i = 0; i < groups.n_kinds; i++) {
    KvGroupKind *kind = &groups.kinds[i];
    kind->kind = (KvKind)g_rand_int_range(rand, KV_WHOLE, KV_STATE + 1);
    kind->groups = (guint32)g_rand_int_range(rand, 1, 4);
    kind->block_tokens = (guint32)g_rand_int_range(rand, kind->kind == KV_STATE ? 0 : 1, 33);
    if (kind->kind == KV_WINDOW || kind->kind == KV_CHUNKS)
      kind->window = (guint32)g_rand_int_range(rand, 1, 200);
    groups.n_groups += kind->groups;
  }
  return groups;
}

/* Sequences in random steps hold what is said, and never more than the most. */
static void
test_against_blocks(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(7);

  for (guint n = 0; n < 500; n++) {
    const KvGroups groups = random_groups(rand);
    Group kept[KV_GROUP_KINDS] = {0};
    guint64 longest = (guint64)g_rand_int_range(rand, 1, 1000), computed = 0;
    guint64 budget = (guint64)g_rand_int_range(rand, 1, 300);
    guint64 most = kv_groups_most_blocks(&groups, longest, budget);
    g_assert_cmpuint(kv_groups_longest(&groups, most, budget, longest), ==, longest);
    while (computed < longest) {
      guint64 tokens = computed + (guint64)g_rand_int_range(rand, 1, (gint32)budget + 1);
      guint64 held = 0;
      tokens = MIN(tokens, longest);
      for (guint i = 0; i < groups.n_kinds; i++)
        held += groups.kinds[i].groups * step(&kept[i], &groups.kinds[i], computed, tokens);
      g_assert_cmpuint(kv_groups_step_blocks(&groups, computed, computed, tokens), ==, held);
      g_assert_cmpuint(held, <=, most);
      computed = tokens;
    }
  }
}

static gint64
growth_of(const KvGroups *groups, guint64 computed, guint32 lag)
{
  guint64 before = computed - 1;

  return (gint64)kv_groups_step_blocks(groups, computed - lag, computed, computed + 1) -
         (gint64)kv_groups_step_blocks(groups, before - MIN(lag, before), before, computed);
}

/* Of a decode, token by token: in between the changes that are foretold nothing is taken or given
 * back. */
static void
test_changes(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(9);

  for (guint n = 0; n < 300; n++) {
    const KvGroups groups = random_groups(rand);
    guint32 lag = (guint32)g_rand_int_range(rand, 0, 2);
    guint64 computed = (guint64)g_rand_int_range(rand, 1, 300), end = computed + 300;
    guint64 next = kv_groups_next_change(&groups, computed, lag);
    for (; computed < end; computed++) {
      guint64 held = kv_groups_step_blocks(&groups, computed - lag, computed, computed + 1);
      guint64 kept = kv_groups_step_blocks(&groups, computed + 1 - lag, computed + 1, computed + 1);
      guint64 then = kv_groups_step_blocks(&groups, computed + 1 - lag, computed + 1, computed + 2);
      g_assert_cmpuint(then, >=, kept);
      if (computed + 1 < next)
        g_assert_true(kept == held && then == kept);
      else
        next = kv_groups_next_change(&groups, computed + 1, lag);
      g_assert_cmpuint(next, >, computed + 1);
    }
  }
}

/* Where changes are said to be alike, each is what it was a period before. */
static void
test_alike(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(10);

  for (guint n = 0; n < 300; n++) {
    const KvGroups groups = random_groups(rand);
    guint32 lag = (guint32)g_rand_int_range(rand, 0, 2);
    guint64 period = kv_groups_period(&groups), cut = MIN(period, 1000);
    guint64 from = (guint64)g_rand_int_range(rand, 1, 300), end;
    for (guint stretch = 0; stretch < 20; stretch++, from = end) {
      end = kv_groups_alike_until(&groups, from, lag);
      g_assert_cmpuint(end, >, from);
      for (guint64 c = from + period; c < MIN(end, from + period + cut); c++)
        g_assert_cmpint(growth_of(&groups, c, lag), ==, growth_of(&groups, c - period, lag));
      if (end == G_MAXUINT64)
        break;
    }
  }
}

/* The longest sequence for so many blocks: one token more needs more of them. */
static void
test_longest(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(8);

  for (guint n = 0; n < 500; n++) {
    const KvGroups groups = random_groups(rand);
    guint64 blocks = (guint64)g_rand_int_range(rand, 0, 200), longest;
    longest = kv_groups_longest(&groups, blocks, 64, 5000);
    if (longest > 0)
      g_assert_cmpuint(kv_groups_most_blocks(&groups, longest, 64), <=, blocks);
    if (longest < 5000)
      g_assert_cmpuint(kv_groups_most_blocks(&groups, longest + 1, 64), >, blocks);
  }
}

/* What several hold is never more than the bound of them all. */
static void
test_bound(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(7);

  for (guint n = 0; n < 500; n++) {
    const KvGroups groups = random_groups(rand);
    guint32 sequences = (guint32)g_rand_int_range(rand, 1, 9);
    guint64 held = 0, tokens = 0;
    for (guint32 i = 0; i < sequences; i++) {
      guint64 its = (guint64)g_rand_int_range(rand, 1, 400);
      held += kv_groups_step_blocks(&groups, its - 1, its - 1, its);
      tokens += its;
    }
    g_assert_cmpuint(held, <=, kv_groups_bound_blocks(&groups, sequences, tokens));
  }
}

/* gpt-oss: half of the layers see 128 tokens. However long a decode is, that half has 8 or 9 blocks
 * of 16; while 2048 tokens are computed in a step, up to 136. */
static void
test_window(void)
{
  const KvGroups groups = {
      .n_kinds = 2,
      .n_groups = 2,
      .kinds = {{.kind = KV_WHOLE, .groups = 1, .block_tokens = 16},
                {.kind = KV_WINDOW, .groups = 1, .window = 128, .block_tokens = 16}}};

  g_assert_false(kv_groups_is_plain(&groups));
  g_assert_cmpuint(kv_groups_step_blocks(&groups, 0, 0, 2048), ==, 2 * 128);
  g_assert_cmpuint(kv_groups_step_blocks(&groups, 2048, 2048, 2049), ==, 129 + 9);
  g_assert_cmpuint(kv_groups_step_blocks(&groups, 2047, 2047, 2048), ==, 128 + 8);
  g_assert_cmpuint(kv_groups_step_blocks(&groups, 2048, 2048, 4096), ==, 256 + 136);
  g_assert_cmpuint(kv_groups_most_blocks(&groups, 131072, 2048), ==, 8192 + 137);
  /* (8192 + 8192) for all of it: what a window saves of 131072 tokens is nearly half. */
  g_assert_cmpuint(kv_groups_sequence_blocks(&groups, 131072), ==, 8192 + 8);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/kv-groups/against-blocks", test_against_blocks);
  g_test_add_func("/kv-groups/changes", test_changes);
  g_test_add_func("/kv-groups/alike", test_alike);
  g_test_add_func("/kv-groups/longest", test_longest);
  g_test_add_func("/kv-groups/bound", test_bound);
  g_test_add_func("/kv-groups/window", test_window);
  return g_test_run();
}
