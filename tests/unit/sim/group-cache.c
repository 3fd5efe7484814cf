/* The prefix cache of pools that groups of layers share: small cases by hand, and hits in random
 * runs against the longest prefix of which every group has what goes on behind it.
 */
#include "sim/contents/groups.h"

typedef struct {
  Workload *workload;
  KvGroups groups;
  Pool pool;
  Sequence sequences[24];
  guint32 n;
} Server;

static const KvGroups whole_and_window = {
    .n_kinds = 2,
    .n_groups = 2,
    .kinds = {{.kind = KV_WHOLE, .groups = 1, .block_tokens = 4},
              {.kind = KV_WINDOW, .groups = 1, .window = 8, .block_tokens = 4}},
};

static const KvGroups whole_and_state = {
    .n_kinds = 2,
    .n_groups = 2,
    .kinds = {{.kind = KV_WHOLE, .groups = 1, .block_tokens = 4},
              {.kind = KV_STATE, .groups = 1, .block_tokens = 4}},
};

/* Its first `shared` tokens are those of all others. */
static void
add_request(Server *server, guint32 prompt_tokens, guint32 shared)
{
  guint64 hashes[400];
  const Request request = {.prompt_tokens = prompt_tokens,
                           .output_tokens = 200,
                           .hash_block_tokens = 1,
                           .hash_count = prompt_tokens};

  for (guint32 i = 0; i < prompt_tokens; i++)
    hashes[i] = i < shared ? i : 1000 * (server->n + 1) + i;
  workload_add(server->workload, &request, NULL, hashes);
  server->sequences[server->n] =
      (Sequence){.request = server->n, .result.prompt_tokens = prompt_tokens};
  server->n++;
}

static void
begin(Server *server, const KvGroups *groups, guint32 usable_blocks, GroupRetention retention)
{
  *server = (Server){.workload = workload_new(), .groups = *groups};
  pool_init(&server->pool, 4, usable_blocks, 0, &server->groups);
  contents_use_groups(&server->pool, server->workload,
                      &(GroupContentsConfig){.num_blocks = usable_blocks + 1,
                                             .retention = retention,
                                             .two_ended = TRUE,
                                             .windows_two_ended = TRUE});
}

static void
end(Server *server)
{
  for (guint32 i = 0; i < server->n; i++) {
    pool_forget(&server->pool, &server->sequences[i]);
    g_free(server->sequences[i].prefix_keys);
  }
  pool_clear(&server->pool);
  workload_free(server->workload);
}

static PoolPrefix
find_prefix(Server *server, guint32 i)
{
  Sequence *s = &server->sequences[i];

  return pool_find(&server->pool, s, sequence_length(s) - 1);
}

static guint32
find(Server *server, guint32 i)
{
  return find_prefix(server, i).tokens;
}

/* FALSE if the free blocks do not suffice. */
static gboolean
step(Server *server, guint32 i, guint32 tokens)
{
  Sequence *s = &server->sequences[i];
  guint32 to = s->computed_tokens + tokens;

  if (!pool_extend(&server->pool, s, s->computed_tokens, to))
    return FALSE;
  pool_commit(&server->pool, s, to);
  s->computed_tokens = to;
  return TRUE;
}

static gboolean
admit(Server *server, guint32 i, guint32 to)
{
  Sequence *s = &server->sequences[i];
  const PoolPrefix prefix = find_prefix(server, i);

  if (pool_admission_blocks(&server->pool, s, &prefix, to, 0) > server->pool.free_blocks)
    return FALSE;
  pool_share(&server->pool, s, &prefix);
  s->computed_tokens = prefix.tokens;
  return step(server, i, to - prefix.tokens);
}

static void
leave(Server *server, guint32 i)
{
  pool_release(&server->pool, &server->sequences[i], RELEASE_ENDED);
  server->sequences[i].computed_tokens = 0;
}

/* 24 tokens in three steps: the window's first blocks are given back on the way, and are found
 * again where a prompt shares 12 tokens. Then one that somebody else needs is lost. */
static void
test_window(void)
{
  Server s;

  begin(&s, &whole_and_window, 20, RETAIN_ALL);
  add_request(&s, 24, 24);
  add_request(&s, 24, 12);
  add_request(&s, 24, 24);
  g_assert_cmpuint(find(&s, 0), ==, 0);
  g_assert_true(admit(&s, 0, 12));
  g_assert_cmpuint(s.sequences[0].blocks, ==, 3 + 3);
  /* Behind 12 tokens the window shows the last 7 of them: the second block and the third. */
  g_assert_true(step(&s, 0, 4));
  g_assert_cmpuint(s.sequences[0].blocks, ==, 4 + 3);
  g_assert_true(step(&s, 0, 8));
  g_assert_cmpuint(s.sequences[0].blocks, ==, 6 + 4);
  g_assert_cmpuint(find(&s, 1), ==, 12);
  g_assert_cmpuint(find(&s, 2), ==, 20); /* a token is left to compute */
  g_assert_true(admit(&s, 1, 24));
  leave(&s, 0);
  leave(&s, 1);
  g_assert_cmpuint(s.pool.free_blocks, ==, 20);
  end(&s);
}

/* A window is found from the right; a shorter run is one only where the prompt begins. */
static void
test_runs(void)
{
  Server s;

  begin(&s, &whole_and_window, 12, RETAIN_ALL);
  add_request(&s, 20, 20);
  add_request(&s, 21, 20);
  add_request(&s, 8, 0);
  g_assert_true(admit(&s, 0, 20));
  leave(&s, 0);
  /* Both groups' last blocks went to the queue first, those of all of the context before. */
  g_assert_cmpuint(find(&s, 1), ==, 20);
  g_assert_true(admit(&s, 2, 8)); /* takes 2 that held nothing, and the last two of the context */
  g_assert_cmpuint(find(&s, 1), ==, 12);
  g_assert_cmpuint(s.sequences[1].shared_prefix_tokens, ==, 0);
  leave(&s, 2);
  end(&s);
}

/* Chunks of 8: behind 12 tokens the first chunk is not asked for. */
static void
test_chunks(void)
{
  KvGroups groups = whole_and_window;
  guint32 id;
  Server s;

  groups.kinds[1].kind = KV_CHUNKS;
  begin(&s, &groups, 7, RETAIN_ALL);
  add_request(&s, 12, 12);
  add_request(&s, 13, 12);
  g_assert_true(admit(&s, 0, 8));
  g_assert_true(step(&s, 0, 4)); /* the chunk is over: its two blocks are given back, one is left */
  g_assert_cmpuint(s.sequences[0].blocks, ==, 3 + 1);
  s.sequences[0].generated_tokens = 8;
  g_assert_true(step(&s, 0, 4));
  g_assert_true(step(&s, 0, 1)); /* the last free block but one, which held the first chunk */
  g_assert_cmpuint(find(&s, 1), ==, 12);
  g_assert_false(group_cache_find(s.pool.contents, &s.sequences[1], 1, 1, &id));
  end(&s);
}

/* States lie at the ends of steps only. One is not there for others in the decision that takes the
 * step which writes it. */
static void
test_states(void)
{
  Server s;

  begin(&s, &whole_and_state, 20, RETAIN_ALL);
  add_request(&s, 14, 14);
  add_request(&s, 15, 14);
  s.pool.decisions++;
  g_assert_true(admit(&s, 0, 8));
  g_assert_cmpuint(s.sequences[0].blocks, ==, 2 + 1);
  g_assert_cmpuint(find(&s, 1), ==, 8);
  g_assert_false(admit(&s, 1, 15));
  s.pool.decisions++;
  g_assert_true(step(&s, 0, 6)); /* the state that it begins with, and the one that it writes */
  g_assert_cmpuint(s.sequences[0].blocks, ==, 4 + 2);
  g_assert_cmpuint(find(&s, 1), ==, 8); /* none was written behind 12 tokens */
  g_assert_cmpuint(s.sequences[1].shared_prefix_tokens, ==, 12);
  g_assert_true(admit(&s, 1, 15));
  g_assert_cmpuint(s.sequences[1].blocks, ==, 4 + 2);
  leave(&s, 0);
  leave(&s, 1);
  g_assert_cmpuint(s.pool.free_blocks, ==, 20);
  end(&s);
}

/* A step that ends a prefill leaves a state at its last kept point: a block more, until the next
 * step, and content that is found. One that begins between such points, or passes none, does not.
 */
static void
test_inner_state(void)
{
  KvGroups groups = whole_and_state;
  Server s;

  groups.inner_states = TRUE;
  begin(&s, &groups, 20, RETAIN_REPLAYED);
  add_request(&s, 22, 22);
  add_request(&s, 22, 22);
  add_request(&s, 11, 0);
  g_assert_true(admit(&s, 0, 22));
  g_assert_cmpuint(s.sequences[0].blocks, ==, 6 + 2);
  g_assert_cmpuint(find(&s, 1), ==, 20);
  g_assert_false(admit(&s, 1, 22)); /* it is only being written */
  s.pool.decisions++;
  g_assert_true(admit(&s, 1, 22));
  g_assert_cmpuint(s.sequences[1].blocks, ==, 6 + 2);
  s.sequences[0].generated_tokens++;
  g_assert_true(step(&s, 0, 1));
  g_assert_cmpuint(s.sequences[0].blocks, ==, 6 + 1);
  g_assert_true(admit(&s, 2, 6));
  g_assert_true(step(&s, 2, 5));
  g_assert_cmpuint(s.sequences[2].blocks, ==, 3 + 2); /* the one that it begins with */
  end(&s);
}

/* Of a window, the blocks before the prompt's end, and where a shared prefix was met. */
static void
test_retention(void)
{
  Server s;

  begin(&s, &whole_and_window, 40, RETAIN_REPLAYED);
  add_request(&s, 24, 24);
  add_request(&s, 24, 24);
  add_request(&s, 24, 12);
  add_request(&s, 24, 12);
  g_assert_true(admit(&s, 0, 24));
  g_assert_cmpuint(find(&s, 1), ==, 20);
  g_assert_cmpuint(find(&s, 2), ==, 0);
  g_assert_cmpuint(s.sequences[2].shared_prefix_tokens, ==, 12);
  g_assert_true(admit(&s, 2, 24));
  g_assert_cmpuint(find(&s, 3), ==, 12);
  end(&s);
}

/* Blocks of 4 and of 8 tokens: hits are multiples of 8. */
static void
test_alignment(void)
{
  KvGroups groups = whole_and_window;
  Server s;

  groups.kinds[1].block_tokens = 8;
  begin(&s, &groups, 40, RETAIN_REACHABLE);
  add_request(&s, 24, 24);
  add_request(&s, 24, 20);
  g_assert_true(admit(&s, 0, 24));
  g_assert_cmpuint(find(&s, 1), ==, 16);
  end(&s);
}

/* TRUE if the group has what a step behind `tokens` tokens reads. */
static gboolean
goes_on(Server *s, guint32 i, const KvGroupKind *kind, guint32 group, guint32 tokens)
{
  guint32 end = tokens / kind->block_tokens, id;
  guint32 begin = (guint32)kv_group_gone_blocks(kind, tokens);

  for (guint32 index = begin; index < end; index++)
    if (!group_cache_find(s->pool.contents, &s->sequences[i], group, index, &id))
      return FALSE;
  return TRUE;
}

/* The longest prefix that all groups have. */
static guint32
longest_hit(Server *s, guint32 i)
{
  guint32 alignment = ((const GroupCache *)s->pool.contents)->alignment;
  guint32 tokens = (sequence_length(&s->sequences[i]) - 1) / alignment * alignment;

  for (; tokens > 0; tokens -= alignment) {
    gboolean all = TRUE;
    guint32 group = 0;
    for (guint k = 0; k < s->groups.n_kinds; k++)
      for (guint32 j = 0; j < s->groups.kinds[k].groups; j++)
        all = all && goes_on(s, i, &s->groups.kinds[k], group++, tokens);
    if (all)
      return tokens;
  }
  return 0;
}

static void
make_random(Server *s, GRand *rand)
{
  static const KvKind others[] = {KV_WINDOW, KV_CHUNKS, KV_STATE};
  KvGroups groups = {.n_kinds = (guint)g_rand_int_range(rand, 1, 4)};

  for (guint k = 0; k < groups.n_kinds; k++) {
    KvGroupKind *kind = &groups.kinds[k];
    *kind = (KvGroupKind){.kind = k == 0 ? KV_WHOLE : others[g_rand_int_range(rand, 0, 3)],
                          .groups = (guint32)g_rand_int_range(rand, 1, 3),
                          .block_tokens = 4};
    if (kind->kind == KV_WINDOW)
      kind->window = (guint32)g_rand_int_range(rand, 2, 30);
    if (kind->kind == KV_WINDOW && g_rand_boolean(rand))
      kind->block_tokens = 8;
    if (kind->kind == KV_CHUNKS)
      kind->window = 8 * (guint32)g_rand_int_range(rand, 1, 4);
    groups.n_groups += kind->groups;
  }
  groups.inner_states = groups.n_groups % 2 == 0;
  begin(s, &groups, (guint32)g_rand_int_range(rand, 20, 150),
        (GroupRetention)g_rand_int_range(rand, RETAIN_ALL, RETAIN_REPLAYED + 1));
  for (guint i = 0; i < 8; i++)
    add_request(s, (guint32)g_rand_int_range(rand, 1, 120), (guint32)g_rand_int_range(rand, 0, 60));
}

/* Admissions, steps and ends in any order: hits are as long as can be, what is asked for suffices,
 * and in the end every block is free. */
static void
test_random(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(11);
  guint32 hits = 0;

  for (guint n = 0; n < 400; n++) {
    Server s;
    make_random(&s, rand);
    for (guint k = 0; k < 120; k++) {
      guint32 i = (guint32)g_rand_int_range(rand, 0, 8);
      Sequence *sequence = &s.sequences[i];
      s.pool.decisions++;
      if (sequence->blocks > 0 && g_rand_int_range(rand, 0, 6) == 0) {
        leave(&s, i);
      } else if (sequence->blocks > 0) {
        guint32 tokens = sequence_length(sequence) - sequence->computed_tokens;
        sequence->generated_tokens += tokens == 0;
        step(&s, i, (guint32)g_rand_int_range(rand, 1, (gint32)MAX(tokens, 1) + 1));
      } else {
        guint32 found = find(&s, i), to = found + (guint32)g_rand_int_range(rand, 1, 40);
        g_assert_cmpuint(found, ==, longest_hit(&s, i));
        hits += found > 0;
        admit(&s, i, MIN(to, sequence_length(sequence)));
      }
    }
    for (guint32 i = 0; i < s.n; i++)
      leave(&s, i);
    g_assert_cmpuint(s.pool.free_blocks, ==, s.pool.total_blocks);
    end(&s);
  }
  g_assert_cmpuint(hits, >, 1000);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/group-cache/window", test_window);
  g_test_add_func("/group-cache/runs", test_runs);
  g_test_add_func("/group-cache/chunks", test_chunks);
  g_test_add_func("/group-cache/states", test_states);
  g_test_add_func("/group-cache/inner-state", test_inner_state);
  g_test_add_func("/group-cache/retention", test_retention);
  g_test_add_func("/group-cache/alignment", test_alignment);
  g_test_add_func("/group-cache/random", test_random);
  return g_test_run();
}
