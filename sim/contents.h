/* The contents of a pool's blocks: an interface that knows which block holds what.
 *
 * The pool (pool.h) counts blocks; its contents know which free block is used next, and what KV can
 * be found again.
 *
 *     counted          nothing is found again, and blocks have no order      (contents/counted.c)
 *     counted groups   the same where groups of layers give blocks back (the same file)
 *     counted windows  the same with a window pool beside it (the same file)
 *     runs             a sequence finds what it held itself                  (contents/runs.c)
 *     named            prefixes of vLLM's requests, block by block           (contents/named.c)
 *     groups           the same in each group of layers                      (contents/groups.c)
 *     radix            prefixes of SGLang's requests, in a tree              (contents/radix.c)
 *     radix pools      the same with a window pool beside it (contents/radix_pools.c) reuse
 * prefixes of TensorRT-LLM's requests, in a tree        (contents/reuse.c)
 *
 * Engines and policies ask the pool, never contents. Each function below keeps pool->free_blocks
 * and sequence->blocks true; NULL means that there is nothing to do or to find, or that what is
 * asked for is counted by the pool.
 */
#pragma once

#include "kv_groups.h"
#include "sequence.h"
#include "workload.h"

typedef struct Pool Pool;
typedef struct RadixNode RadixNode;

/* The KV that a pool has of a sequence that is not running. */
typedef struct {
  guint32 tokens; /* that need not be computed, those in blocks that the sequence kept included */
  guint32 blocks; /* leading blocks that were found; 0 with groups */
  guint32 idle;   /* the free ones among them */
  gboolean found; /* anything was found beyond the blocks that the sequence kept */
  RadixNode *end; /* contents/radix.c: the node in which the prefix ends, */
  guint32 window_first; /* and with a window pool Sequence.radix_window_first */
  guint64 next_key; /* contents/reuse.c: key of the first full block that is missing; 0: none is */
} PoolPrefix;

/* Why a sequence gives its blocks back. */
typedef enum {
  RELEASE_PREEMPTED, /* it will come back and look for what is left */
  RELEASE_ENDED,     /* it has all its tokens */
  RELEASE_DROPPED,   /* the engine gives it up */
} Release;

typedef struct {
  gboolean keeps_content; /* a free block's content can be found until the block is taken */
  gboolean names_blocks;  /* sequences know the ids of their blocks, in the order of taking */

  void (*free)(Pool *pool);
  /* Finds what is there of the sequence's first most_tokens tokens. It stays there until share() or
   * let_go(). */
  PoolPrefix (*find)(Pool *pool, Sequence *sequence, guint32 most_tokens);
  void (*let_go)(Pool *pool, const PoolPrefix *prefix);
  /* Gives what was found to the sequence, which has no blocks. */
  void (*share)(Pool *pool, Sequence *sequence, const PoolPrefix *prefix);
  /* Takes free blocks, of which there must be as many, for the sequence; NULL: for a caller that
   * counts them itself. */
  void (*take)(Pool *pool, Sequence *sequence, guint32 blocks);
  /* The sequence's first `tokens` tokens are known and have blocks: makes the full ones findable.
   */
  void (*commit)(Pool *pool, Sequence *sequence, guint32 tokens);
  /* The sequence has computed a part of its prompt and goes on: makes that part findable. */
  void (*publish)(Pool *pool, Sequence *sequence);
  /* Gives back the sequence's last blocks, which hold nothing yet. */
  void (*give_last)(Pool *pool, Sequence *sequence, guint32 blocks);
  /* Gives back all its blocks. */
  void (*release)(Pool *pool, Sequence *sequence, Release why);
  /* Frees what is kept for the sequence, which will not come back. */
  void (*forget)(Sequence *sequence);
  /* Evicts content until `blocks` blocks are free, and window_blocks of a window pool, or all that
   * is left is locked. */
  void (*evict)(Pool *pool, guint32 blocks, guint32 window_blocks);
  /* Marks the request's first `tokens` tokens, where they are there, as used just now. */
  void (*touch)(Pool *pool, guint32 request, guint32 tokens);

  /* With groups of layers: the pool's functions of the same names. */
  void (*give_back)(Pool *pool, Sequence *sequence, guint32 settled);
  gint64 (*lacks)(const Pool *pool, const Sequence *sequence, guint32 settled, guint64 tokens);
  void (*take_to)(Pool *pool, Sequence *sequence, guint32 tokens);
  guint32 (*admission_blocks)(Pool *pool, Sequence *sequence, const PoolPrefix *prefix,
                              guint64 tokens, guint32 in_flight_tokens);
  /* give_back(), take_to() and commit() of `known` tokens in one, of a sequence that has blocks and
   * of which known - 1 tokens were to be committed before. */
  void (*change)(Pool *pool, Sequence *sequence, guint32 settled, guint32 known, guint32 tokens);
  guint32 (*idle_windows)(Pool *pool, Sequence *sequence, const PoolPrefix *prefix);
} ContentsClass;

extern const ContentsClass contents_counted;
extern const ContentsClass contents_counted_groups;
extern const ContentsClass contents_counted_windows;

/* contents/runs.c: how much of an ended sequence's KV is still in free blocks. Filled when a
 * sequence with a free_watch gives its blocks back. All zero: nothing is left.
 */
struct FreeWatch {
  FreeRun *run;        /* NULL: none */
  guint32 left_blocks; /* the sequence's first so many blocks; the others were taken */
  guint32 told_blocks; /* the watcher's own: left_blocks when it looked last; at first all */
};
/* Ends the watch; nobody looks at it any more. */
void free_watch_end(FreeWatch *watch);

/* Give a fresh pool, whose contents are counted, other contents, which it owns. two_ended: freed
 * blocks without content are the next to be taken; otherwise all freed blocks go behind the free
 * ones. num_blocks: how many block ids there are, the engine's own included. */
void contents_use_runs(Pool *pool, gboolean two_ended);
void contents_use_named(Pool *pool, const Workload *workload, guint32 num_blocks,
                        gboolean two_ended);
void contents_use_radix(Pool *pool, const Workload *workload);
void contents_use_radix_pools(Pool *pool, const Workload *workload); /* with a window pool */
void contents_use_reuse(Pool *pool, const Workload *workload);

/* Which full blocks of windows and states vLLM's prefix cache keeps. */
typedef enum {
  RETAIN_ALL,
  RETAIN_REACHABLE, /* since 0.22: those that end at a multiple of all groups' block lengths */
  RETAIN_REPLAYED, /* since 0.29: those that the same prompt, or a prefix of it that was found to be
                      shared, would need if it were sent again */
} GroupRetention;

typedef struct {
  guint32 num_blocks; /* as above, */
  GroupRetention retention;
  /* As long as a sequence holds the state of its prompt's last kept point, and has computed no
   * block beyond it, a step withholds it from others as if it had just written it. */
  gboolean withholds_states_again;
  gboolean two_ended;         /* and so is this, */
  gboolean windows_two_ended; /* which groups with windows have of their own (0.23) */
} GroupContentsConfig;

/* The same for a pool whose groups' blocks have names. */
void contents_use_groups(Pool *pool, const Workload *workload, const GroupContentsConfig *config);
