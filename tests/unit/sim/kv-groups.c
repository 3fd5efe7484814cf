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

/* Two layers: attention of that kind ("latent", or of heads of 256) and the gated delta rule. */
static Model *
model_with_states(const char *attention, guint32 key)
{
  Model *model = g_new0(Model, 1);
  const gboolean latent = g_str_equal(attention, "latent");
  const Layer layer = {.count = 1,
                       .mixer = {.kind = latent ? MIXER_LATENT : MIXER_FULL,
                                 .heads = 1,
                                 .kv_heads = 1,
                                 .head_dim = latent ? 192 : 256,
                                 .value_dim = latent ? 128 : 256,
                                 .latent_dim = latent ? 512 : 0,
                                 .rope_dim = latent ? 64 : 0}};
  const Layer state = {.count = 1,
                       .mixer = {.kind = MIXER_RECURRENT,
                                 .recurrent = RECURRENT_DELTA,
                                 .heads = 32,
                                 .head_dim = key,
                                 .value_dim = 128,
                                 .state_elements = 32 * (guint64)key * 128,
                                 .state_bits = 32,
                                 .window_elements = 3 * 10240,
                                 .window_bits = 16}};

  model->kv_bits = 16;
  model->head_dim = layer.mixer.head_dim;
  model_add_layer(model, &layer);
  model_add_layer(model, &state);
  return model;
}

/* Read in models/config.py and platforms/interface.py of each version. */
static void
test_state_kernels(void)
{
  static const struct {
    guint version;
    double capability;
    const char *attention;
    guint32 key, block_size;
    guint32 alignment, kept;
    gboolean inner;
  } rows[] = {
      {0, 9, "heads", 128, 32, 16, 16, FALSE},
      {10, 9, "latent", 128, 64, 16, 16, FALSE},
      {11, 9, "latent", 128, 64, 64, 64, FALSE},
      {17, 10, "heads", 128, 16, 32, 32, FALSE},
      {18, 10.3, "heads", 128, 16, 16, 16, FALSE},
      {20, 9, "heads", 128, 48, 48, 48, FALSE},
      {27, 9, "latent", 128, 64, 128, 128, FALSE},
      {32, 9, "heads", 128, 16, 16, 16, FALSE},
      {33, 9, "heads", 128, 16, 16, 64, TRUE},
      {33, 9, "heads", 128, 96, 96, 192, TRUE},
      {33, 8, "heads", 128, 16, 16, 16, FALSE},
      {33, 10, "heads", 64, 16, 16, 16, FALSE},
      {33, 12, "heads", 128, 16, 16, 64, TRUE},
      {33, 9, "latent", 128, 96, 128, 128, TRUE},
      {33, 0, "latent", 128, 16, 128, 128, FALSE},
      {27, 9, "latent", 1, 96, 128, 128, FALSE}, /* a state that 96 tokens have room for */
  };

  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(Model) model = model_with_states(rows[i].attention, rows[i].key);
    const StateKernels found =
        state_kernels_find(model, rows[i].block_size, rows[i].version, rows[i].capability);
    KvGroups groups;

    g_test_message("0.%u on %g: %s, keys of %u, blocks of %u", rows[i].version, rows[i].capability,
                   rows[i].attention, rows[i].key, rows[i].block_size);
    g_assert_cmpuint(found.alignment, ==, rows[i].alignment);
    g_assert_cmpuint(found.kept_alignment, ==, rows[i].kept);
    g_assert_cmpint(found.inner_states, ==, rows[i].inner);

    /* The least multiple into which a state fits, before and after states are kept. */
    const guint64 token_bytes = g_str_equal(rows[i].attention, "latent") ? 1152 : 1024;
    const guint64 state_bytes = model_rank_state_bytes(model, 1);
    const guint64 plain_bytes = token_bytes * rows[i].alignment;
    const guint64 kept_bytes = token_bytes * rows[i].kept;
    model->state_alignment = found.alignment;
    g_assert_true(kv_groups_find(model, rows[i].block_size, 1, &groups));
    g_assert_cmpuint(kv_groups_longest_block(&groups), ==,
                     (state_bytes + plain_bytes - 1) / plain_bytes * rows[i].alignment);
    g_assert_true(kv_groups_keep_states(&groups));
    kv_groups_use_kernels(&groups, model, rows[i].block_size, rows[i].version, rows[i].capability);
    g_assert_cmpuint(kv_groups_state_tokens(&groups), ==,
                     (state_bytes + kept_bytes - 1) / kept_bytes * rows[i].kept);
    g_assert_cmpint(groups.inner_states, ==, rows[i].inner);
  }
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
  g_test_add_func("/kv-groups/state-kernels", test_state_kernels);
  return g_test_run();
}
