#include "free_runs.h"

struct FreeRun {
  FreeRun *previous, *next; /* in the queue, a ring around the anchor */
  Sequence *owner;          /* NULL: nobody will ask for its content */
  FreeWatch *watch;         /* NULL: nobody looks how much is left */
  guint32 blocks;           /* at least 1; its owner's first ones */
};

struct FreeRuns {
  FreeRun anchor;
  FreeRun *spare; /* linked by `next` */
  gboolean two_ended;
  gboolean evicted;
};

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

/* Blocks that nobody will ask for, behind `before` or merged with its neighbour. */
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

FreeRuns *
free_runs_new(guint32 blocks, gboolean two_ended)
{
  FreeRuns *runs = g_new0(FreeRuns, 1);

  runs->anchor.previous = runs->anchor.next = &runs->anchor;
  runs->two_ended = two_ended;
  add_unowned(runs, &runs->anchor, &runs->anchor, blocks);
  return runs;
}

void
free_runs_free(FreeRuns *runs)
{
  if (runs == NULL)
    return;
  while (runs->anchor.next != &runs->anchor)
    drop(runs, runs->anchor.next);
  while (runs->spare != NULL) {
    FreeRun *next = runs->spare->next;
    g_free(runs->spare);
    runs->spare = next;
  }
  g_free(runs);
}

void
free_runs_take(FreeRuns *runs, guint32 blocks)
{
  while (blocks > 0) {
    FreeRun *run = runs->anchor.next;
    guint32 taken = MIN(blocks, run->blocks);
    g_assert(run != &runs->anchor);
    runs->evicted |= run->owner != NULL;
    run->blocks -= taken;
    blocks -= taken;
    if (run->watch != NULL)
      run->watch->left_blocks = run->blocks;
    if (run->blocks == 0)
      drop(runs, run);
  }
}

static void
watch(FreeRuns *runs, Sequence *sequence, guint32 blocks)
{
  FreeWatch *left = g_steal_pointer(&sequence->free_watch);

  *left = (FreeWatch){.left_blocks = blocks, .told_blocks = blocks};
  if (blocks == 0)
    return;
  left->run = insert_behind(runs, runs->anchor.previous, NULL, blocks);
  left->run->watch = left;
}

void
free_watch_end(FreeWatch *watch)
{
  if (watch->run != NULL)
    watch->run->watch = NULL;
  watch->run = NULL;
}

void
free_runs_give(FreeRuns *runs, Sequence *sequence, gboolean comes_back)
{
  FreeRun *anchor = &runs->anchor;
  guint32 cached = sequence->registered_blocks, rest = sequence->blocks - cached;

  g_assert(cached <= sequence->blocks && sequence->free_run == NULL);
  if (runs->two_ended)
    add_unowned(runs, anchor, anchor->next, rest);
  else
    add_unowned(runs, anchor->previous, anchor->previous, rest);
  if (!comes_back && sequence->free_watch != NULL)
    watch(runs, sequence, cached);
  else if (!comes_back)
    add_unowned(runs, anchor->previous, anchor->previous, cached);
  else if (cached > 0)
    sequence->free_run = insert_behind(runs, anchor->previous, sequence, cached);
}

guint32
free_runs_left(const Sequence *sequence)
{
  return sequence->free_run != NULL ? sequence->free_run->blocks : 0;
}

void
free_runs_claim(FreeRuns *runs, Sequence *sequence)
{
  if (sequence->free_run != NULL)
    drop(runs, sequence->free_run);
}

void
free_runs_forget(Sequence *sequence)
{
  if (sequence->free_run != NULL)
    sequence->free_run->owner = NULL;
  sequence->free_run = NULL;
}

gboolean
free_runs_evicted(const FreeRuns *runs)
{
  return runs->evicted;
}
