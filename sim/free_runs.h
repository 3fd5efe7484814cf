/* The free queue of a pool whose prefix cache nobody shares: a sequence only ever finds what it
 * held itself before a preemption.
 *
 * So blocks need no names. The queue is runs of blocks, in the order in which they are used again:
 * blocks that nobody will ask for, and what is left of the cached content of a preempted sequence,
 * its last block first.
 *
 *     head  [ 812 ][ a: 5 ][ 3 ][ b: 2 ]  tail      a took 9 blocks to the queue, 4 are used again
 *
 * Each event touches the runs that it uses up, not blocks: a trace without shared prefixes pays
 * nothing for the cache. prefix_cache.h is the same with names, for traces that have them;
 * tests/unit/invariants.c holds the two against each other.
 */
#pragma once

#include "sequence.h"

typedef struct FreeRuns FreeRuns;

/* What is left in the queue of the cached blocks of a sequence that ended. All zero: nothing. */
struct FreeWatch {
  FreeRun *run;        /* NULL: none */
  guint32 left_blocks; /* the first so many; the rest is used again */
  guint32 told_blocks; /* the watcher's note: what was left when it looked last; all at first */
};
/* Nobody looks any more. */
void free_watch_end(FreeWatch *watch);

/* `blocks` free ones. two_ended: freed blocks without cached content go to the head of the queue,
 * else all go to its tail. */
FreeRuns *free_runs_new(guint32 blocks, gboolean two_ended);
void free_runs_free(FreeRuns *runs);

/* `blocks` from the head. */
void free_runs_take(FreeRuns *runs, guint32 blocks);
/* The sequence's blocks join: as many of them as it has registered hold cached content, which it
 * will ask for if it comes_back; else its free_watch, if it has one, is told of them from now on. It
 * has no run in the queue. */
void free_runs_give(FreeRuns *runs, Sequence *sequence, gboolean comes_back);
/* What is left of its cached blocks. */
guint32 free_runs_left(const Sequence *sequence);
/* It takes all of them out. */
void free_runs_claim(FreeRuns *runs, Sequence *sequence);
/* It will not come back for them. */
void free_runs_forget(Sequence *sequence);
/* TRUE if content was lost that somebody might have come back for. */
gboolean free_runs_evicted(const FreeRuns *runs);
