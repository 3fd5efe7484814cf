/* The free queue of a prefix cache in which no two requests share a prefix: a sequence only finds
 * what it held itself before a preemption.
 *
 * So blocks need no ids. The queue is runs of blocks, in the order in which they are used again:
 * blocks whose content no sequence will look for, and what is left of a preempted sequence's
 * content, its last block first.
 *
 *     head  [ 812 ][ a: 5 ][ 3 ][ b: 2 ]  tail      a took 9 blocks to the queue, 4 are used again
 *
 * An event costs the runs that it uses up, not blocks: a trace without shared prefixes pays nothing
 * for the cache. named.c does the same with ids, for traces that share prefixes;
 * tests/unit/sim/invariants.c compares the two.
 */
#include "sim/pool.h"

struct FreeRun {
  FreeRun *previous, *next; /* in the queue, a ring around the anchor */
  Sequence *owner;          /* that will look for its content; NULL: none will */
  FreeWatch *watch;         /* told how much is left; NULL: nobody asks */
  guint32 blocks;           /* at least 1; the owner's first ones */
};

typedef struct {
  FreeRun anchor;
  FreeRun *spare; /* linked by `next` */
  gboolean two_ended;
} FreeRuns;

static FreeRun *
insert_behind(FreeRuns *runs, FreeRun *before, Sequence *owner, guint32 blocks)
{
  FreeRun *run = runs->spare;

  if (run != NULL)
    runs->spare = run->next;
  else
    run = g_new(FreeRun, 1);
  *run = (FreeRun){.previous = before, .next = before->next, .owner = owner, .blocks = blocks};
  before->next->previous = run;
  before->next = run;
  return run;
}

static void
drop(FreeRuns *runs, FreeRun *run)
{
  if (run->owner != NULL)
    run->owner->free_run = NULL;
  if (run->watch != NULL)
    run->watch->run = NULL;
  run->previous->next = run->next;
  run->next->previous = run->previous;
  run->next = runs->spare;
  runs->spare = run;
}

/* Adds blocks whose content no sequence will look for, behind `before` or merged with its
 * neighbour. */
static void
add_unowned(FreeRuns *runs, FreeRun *before, FreeRun *neighbour, guint32 blocks)
{
  if (blocks == 0)
    return;
  if (neighbour != &runs->anchor && neighbour->owner == NULL && neighbour->watch == NULL)
    neighbour->blocks += blocks;
  else
    insert_behind(runs, before, NULL, blocks);
}

/* Adds blocks without content. */
static void
add_empty(FreeRuns *runs, guint32 blocks)
{
  FreeRun *anchor = &runs->anchor;

  if (runs->two_ended)
    add_unowned(runs, anchor, anchor->next, blocks);
  else
    add_unowned(runs, anchor->previous, anchor->previous, blocks);
}

static void
free_runs(Pool *pool)
{
  FreeRuns *runs = pool->contents;

  while (runs->anchor.next != &runs->anchor)
    drop(runs, runs->anchor.next);
  while (runs->spare != NULL) {
    FreeRun *next = runs->spare->next;
    g_free(runs->spare);
    runs->spare = next;
  }
  g_free(runs);
}

static void
take(Pool *pool, Sequence *sequence, guint32 blocks)
{
  FreeRuns *runs = pool->contents;

  pool->free_blocks -= blocks;
  if (sequence != NULL)
    sequence->blocks += blocks;
  while (blocks > 0) {
    FreeRun *run = runs->anchor.next;
    guint32 taken = MIN(blocks, run->blocks);
    g_assert(run != &runs->anchor);
    pool->evicted |= run->owner != NULL;
    run->blocks -= taken;
    blocks -= taken;
    if (run->watch != NULL)
      run->watch->left_blocks = run->blocks;
    if (run->blocks == 0)
      drop(runs, run);
  }
}

static void
begin_watch(FreeRuns *runs, Sequence *sequence, guint32 blocks)
{
  FreeWatch *watch = g_steal_pointer(&sequence->free_watch);

  *watch = (FreeWatch){.left_blocks = blocks, .told_blocks = blocks};
  if (blocks == 0)
    return;
  watch->run = insert_behind(runs, runs->anchor.previous, NULL, blocks);
  watch->run->watch = watch;
}

void
free_watch_end(FreeWatch *watch)
{
  if (watch->run != NULL)
    watch->run->watch = NULL;
  watch->run = NULL;
}

/* Gives all of the sequence's blocks to the queue. The registered ones hold content, which it will
 * look for if it comes back. */
static void
give(FreeRuns *runs, Sequence *sequence, gboolean comes_back)
{
  FreeRun *anchor = &runs->anchor;
  guint32 cached = sequence->registered_blocks;

  g_assert(cached <= sequence->blocks && sequence->free_run == NULL);
  add_empty(runs, sequence->blocks - cached);
  if (!comes_back && sequence->free_watch != NULL)
    begin_watch(runs, sequence, cached);
  else if (!comes_back)
    add_unowned(runs, anchor->previous, anchor->previous, cached);
  else if (cached > 0)
    sequence->free_run = insert_behind(runs, anchor->previous, sequence, cached);
}

static void
give_last(Pool *pool, Sequence *sequence, guint32 blocks)
{
  FreeRuns *runs = pool->contents;

  g_assert(blocks <= sequence->blocks - sequence->registered_blocks);
  add_empty(runs, blocks);
  sequence->blocks -= blocks;
  pool->free_blocks += blocks;
}

static void
release(Pool *pool, Sequence *sequence, Release why)
{
  if (sequence->blocks > 0)
    give(pool->contents, sequence, why == RELEASE_PREEMPTED);
  pool->free_blocks += sequence->blocks;
  sequence->blocks = sequence->registered_blocks = 0;
}

/* What is left is at most most_tokens: the sequence had not computed its newest token when it left,
 * and the host has as many blocks as it had. */
static PoolPrefix
find(Pool *pool, Sequence *sequence, guint32 most_tokens)
{
  guint32 left = sequence->free_run != NULL ? sequence->free_run->blocks : 0;

  g_assert((guint64)left * pool->block_size <= most_tokens);
  return (PoolPrefix){.tokens = (sequence->blocks + left) * pool->block_size,
                      .blocks = left,
                      .idle = left,
                      .found = left > 0};
}

static void
share(Pool *pool, Sequence *sequence, const PoolPrefix *prefix)
{
  g_assert(sequence->free_run != NULL && sequence->free_run->blocks == prefix->blocks);
  drop(pool->contents, sequence->free_run);
  pool->free_blocks -= prefix->blocks;
  sequence->blocks = sequence->registered_blocks = prefix->blocks;
}

static void
commit(Pool *pool, Sequence *sequence, guint32 tokens)
{
  guint32 full = MIN(tokens / pool->block_size, sequence->blocks);

  sequence->registered_blocks = MAX(sequence->registered_blocks, full);
}

static void
forget(Sequence *sequence)
{
  if (sequence->free_run != NULL)
    sequence->free_run->owner = NULL;
  sequence->free_run = NULL;
}

static const ContentsClass contents_runs = {
    .keeps_content = TRUE,
    .free = free_runs,
    .find = find,
    .share = share,
    .take = take,
    .commit = commit,
    .give_last = give_last,
    .release = release,
    .forget = forget,
};

void
contents_use_runs(Pool *pool, gboolean two_ended)
{
  FreeRuns *runs = g_new0(FreeRuns, 1);

  runs->anchor.previous = runs->anchor.next = &runs->anchor;
  runs->two_ended = two_ended;
  add_unowned(runs, &runs->anchor, &runs->anchor, pool->free_blocks);
  pool->class = &contents_runs;
  pool->contents = runs;
}
