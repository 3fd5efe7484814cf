/* TensorRT-LLM's reuse tree (sim/contents/reuse.c) against one that keeps each block, its parent
 * and the queue, and looks through all of them: what is found, which blocks are taken, what is
 * free.
 */
#include "sim/pool.h"

#define BLOCK_TOKENS 4
#define BLOCKS_MAX 24
#define REQUESTS 12

typedef struct {
  guint32 references;
  gboolean in_tree;
  gint parent;   /* -1: the root */
  guint32 owner; /* of its content; G_MAXUINT32: all that share as much */
  guint32 index; /* in a sequence */
} PlainBlock;

typedef struct {
  PlainBlock blocks[BLOCKS_MAX];
  GQueue free; /* of block numbers */
} PlainTree;

typedef struct {
  Workload *workload;
  Pool pool;
  Sequence sequences[REQUESTS];
  guint32 shared[REQUESTS]; /* tokens that its prompt shares with all others */
  PlainTree plain;
} Server;

static guint32
pick(GRand *rand, guint32 from, guint32 to)
{
  return (guint32)g_rand_int_range(rand, (gint)from, (gint)to + 1);
}

static void
begin(Server *server, GRand *rand)
{
  guint32 blocks = pick(rand, 4, BLOCKS_MAX);

  *server = (Server){.workload = workload_new()};
  for (guint32 i = 0; i < REQUESTS; i++) {
    guint64 hashes[40];
    Request request = {.prompt_tokens = pick(rand, 1, 30), .output_tokens = 9};
    server->shared[i] = pick(rand, 0, request.prompt_tokens);
    request.hash_block_tokens = 1;
    request.hash_count = request.prompt_tokens;
    for (guint32 j = 0; j < request.hash_count; j++)
      hashes[j] = j < server->shared[i] ? j : 1000 * (i + 1) + j;
    workload_add(server->workload, &request, NULL, hashes);
    server->sequences[i] = (Sequence){.request = i, .result.prompt_tokens = request.prompt_tokens};
  }
  pool_init(&server->pool, BLOCK_TOKENS, blocks, 0, NULL);
  contents_use_reuse(&server->pool, server->workload);
  for (guint32 i = 0; i < blocks; i++)
    g_queue_push_tail(&server->plain.free, GUINT_TO_POINTER(i));
}

static void
end(Server *server)
{
  for (guint32 i = 0; i < REQUESTS; i++) {
    g_free(server->sequences[i].block_ids);
    g_free(server->sequences[i].prefix_keys);
  }
  g_queue_clear(&server->plain.free);
  pool_clear(&server->pool);
  workload_free(server->workload);
}

static guint32
owner_of(const Server *server, const Sequence *s, guint32 index)
{
  return (index + 1) * BLOCK_TOKENS <= server->shared[s->request] ? G_MAXUINT32 : s->request;
}

/* The block with that content below `parent`; -1: none. */
static gint
plain_child(const Server *server, gint parent, const Sequence *s, guint32 index)
{
  for (gint i = 0; i < BLOCKS_MAX; i++) {
    const PlainBlock *b = &server->plain.blocks[i];
    if (b->in_tree && b->parent == parent && b->index == index &&
        b->owner == owner_of(server, s, index))
      return i;
  }
  return -1;
}

static guint32
plain_hits(const Server *server, const Sequence *s, guint32 most_tokens)
{
  guint32 hits = 0;
  gint at = -1;

  while (hits < most_tokens / BLOCK_TOKENS && (at = plain_child(server, at, s, hits)) >= 0)
    hits++;
  return hits;
}

static void
plain_lose(PlainTree *tree, gint id)
{
  tree->blocks[id].in_tree = FALSE;
  for (gint i = 0; i < BLOCKS_MAX; i++)
    if (tree->blocks[i].in_tree && tree->blocks[i].parent == id)
      plain_lose(tree, i);
}

/* The first `hits` of its blocks are found, the others come from the head of the queue. */
static void
plain_start(Server *server, const Sequence *s, guint32 hits)
{
  PlainTree *tree = &server->plain;

  for (guint32 i = 0; i < s->blocks; i++) {
    gint id = (gint)s->block_ids[i];
    if (i < hits)
      g_queue_remove(&tree->free, GINT_TO_POINTER(id));
    else
      g_assert_cmpint(GPOINTER_TO_INT(g_queue_pop_head(&tree->free)), ==, id);
    if (i >= hits)
      plain_lose(tree, id);
    tree->blocks[id].references++;
  }
}

static void
plain_publish(Server *server, const Sequence *s)
{
  gint at = -1;

  for (guint32 i = 0; i < MIN(s->computed_tokens / BLOCK_TOKENS, s->blocks); i++) {
    gint found = plain_child(server, at, s, i), own = (gint)s->block_ids[i];
    if (found < 0) {
      plain_lose(&server->plain, own);
      server->plain.blocks[own] =
          (PlainBlock){server->plain.blocks[own].references, TRUE, at, owner_of(server, s, i), i};
    }
    at = found < 0 ? own : found;
  }
}

static void
plain_release(Server *server, const Sequence *s)
{
  plain_publish(server, s);
  for (guint32 i = s->blocks; i-- > 0;)
    if (--server->plain.blocks[s->block_ids[i]].references == 0)
      g_queue_push_tail(&server->plain.free, GUINT_TO_POINTER(s->block_ids[i]));
}

static void
start(Server *server, Sequence *s)
{
  guint32 length = sequence_length(s), blocks = pool_blocks_for(&server->pool, length);
  PoolPrefix prefix = pool_find(&server->pool, s, length - 1);
  guint32 full = length / BLOCK_TOKENS;

  g_assert_cmpuint(prefix.blocks, ==, plain_hits(server, s, length - 1));
  g_assert_true((prefix.next_key == 0) == (plain_hits(server, s, length) == full));
  if (blocks - prefix.blocks + prefix.idle > server->pool.free_blocks)
    return;
  pool_share(&server->pool, s, &prefix);
  s->computed_tokens = prefix.tokens;
  g_assert_true(pool_grow(&server->pool, s, blocks));
  plain_start(server, s, prefix.blocks);
}

/* It has computed some of its prompt, or all of it and made some tokens. */
static void
work(Server *server, Sequence *s, GRand *rand)
{
  guint32 room = s->blocks * BLOCK_TOKENS, prompt = s->result.prompt_tokens;

  s->computed_tokens = MAX(s->computed_tokens, pick(rand, 0, MIN(room, prompt)));
  if (s->computed_tokens < prompt)
    return;
  s->computed_tokens = pick(rand, prompt, room);
  s->generated_tokens = MAX(s->generated_tokens, s->computed_tokens + 1 - prompt);
  if (g_rand_boolean(rand)) {
    pool_publish(&server->pool, s);
    plain_publish(server, s);
  }
}

static void
stop(Server *server, Sequence *s)
{
  plain_release(server, s);
  pool_release(&server->pool, s, RELEASE_PREEMPTED);
  s->computed_tokens = 0;
}

static void
test_random(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(5);
  guint found = 0, lost = 0;

  for (guint run = 0; run < 4000; run++) {
    Server server;
    begin(&server, rand);
    for (guint i = 0; i < 80; i++) {
      Sequence *s = &server.sequences[pick(rand, 0, REQUESTS - 1)];
      guint32 held = 0;
      if (s->blocks == 0)
        start(&server, s);
      else if (g_rand_boolean(rand))
        work(&server, s, rand);
      else
        stop(&server, s);
      for (guint32 j = 0; j < REQUESTS; j++)
        held += server.sequences[j].blocks;
      found += server.pool.shared_blocks > 0;
      lost += server.pool.evicted;
      g_assert_cmpuint(server.pool.free_blocks, ==, server.plain.free.length);
      g_assert_cmpuint(server.pool.free_blocks + held - server.pool.shared_blocks, ==,
                       server.pool.total_blocks);
    }
    end(&server);
  }
  g_assert_cmpuint(found, >, 10000);
  g_assert_cmpuint(lost, >, 10000);
}

/* What lay below a block that is taken is not found, though its own block is not taken. */
static void
test_lost_with_the_parent(void)
{
  Server server = {.workload = workload_new()};
  const guint64 hashes[] = {1, 2, 3};
  const Request request = {
      .prompt_tokens = 12, .output_tokens = 9, .hash_block_tokens = 4, .hash_count = 3};
  Sequence *s = server.sequences;

  for (guint32 i = 0; i < 2; i++) {
    workload_add(server.workload, &request, NULL, hashes);
    s[i] = (Sequence){.request = i, .result.prompt_tokens = 12};
  }
  pool_init(&server.pool, BLOCK_TOKENS, 8, 0, NULL);
  contents_use_reuse(&server.pool, server.workload);
  for (guint32 i = 0; i < 2;
       i++) { /* both compute all, so the second's first blocks stay outside */
    g_assert_true(pool_grow(&server.pool, &s[i], 4));
    s[i].computed_tokens = i == 0 ? 8 : 12;
  }
  pool_publish(&server.pool, &s[0]);
  pool_publish(&server.pool, &s[1]); /* its third, below the first's two */
  g_assert_cmpuint(pool_find(&server.pool, &s[0], 12).blocks, ==, 3);
  pool_release(&server.pool, &s[0], RELEASE_ENDED);
  g_assert_true(pool_grow(&server.pool, &s[0], 4)); /* all that is free, the parents among them */
  g_assert_cmpuint(pool_find(&server.pool, &s[1], 12).blocks, ==, 0);
  pool_release(&server.pool, &s[1], RELEASE_ENDED); /* its own, from the first on */
  g_assert_cmpuint(pool_find(&server.pool, &s[1], 12).blocks, ==, 3);
  end(&server);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/reuse-tree/random", test_random);
  g_test_add_func("/reuse-tree/lost-with-the-parent", test_lost_with_the_parent);
  return g_test_run();
}
