/* What is in the blocks of a pool: the interface of those who know which block holds what.
 *
 * The pool (pool.h) counts blocks; contents know which of them go first and what can be found
 * again.
 *
 *     counted          nothing is found again, and blocks have no order      (contents/counted.c)
 *     counted groups   the same where groups of layers give blocks back
 *     runs             a sequence finds what it held itself                  (contents/runs.c)
 *     named            prefixes of vLLM's requests, block by block           (contents/named.c)
 *     groups           the same in each group of layers                      (contents/groups.c)
 *     radix            prefixes of SGLang's requests, in a tree              (contents/radix.c)
 *     reuse            prefixes of TensorRT-LLM's requests, in a tree        (contents/reuse.c)
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

/* What there is of a sequence that is not running. */
typedef struct {
  guint32 tokens;   /* that it need not compute; what it kept is among them */
  guint32 blocks;   /* leading ones that were found; 0 with groups */
  guint32 idle;     /* of these, those that are free */
  gboolean found;   /* there is more than what it kept */
  RadixNode *end;   /* of contents/radix.c: where it ends */
  guint64 next_key; /* of contents/reuse.c: of its first full block that is not there; 0: all are */
} PoolPrefix;

/* Why a sequence gives its blocks back. */
typedef enum {
  RELEASE_PREEMPTED, /* it comes back, and asks for what is left */
  RELEASE_ENDED,     /* it has all its tokens */
  RELEASE_DROPPED,   /* the engine gives it up */
} Release;

typedef struct {
  gboolean keeps_content; /* of blocks that are free: it can be found until they are taken */
  gboolean names_blocks;  /* each sequence is told of each of its blocks, in the order of taking */

  void (*free)(Pool *pool);
  /* What there is of its first most_tokens tokens. It stays until it is shared or let go. */
  PoolPrefix (*find)(Pool *pool, Sequence *sequence, guint32 most_tokens);
  void (*let_go)(Pool *pool, const PoolPrefix *prefix);
  /* A sequence without blocks takes what was found. */
  void (*share)(Pool *pool, Sequence *sequence, const PoolPrefix *prefix);
  /* It takes so many free blocks, which are there. sequence NULL: whoever counts them himself does.
   */
  void (*take)(Pool *pool, Sequence *sequence, guint32 blocks);
  /* `tokens` of it are known and have their blocks: those that are full can be found. */
  void (*commit)(Pool *pool, Sequence *sequence, guint32 tokens);
  /* A part of its prompt is computed, and it goes on: what it has computed can be found. */
  void (*publish)(Pool *pool, Sequence *sequence);
  /* It gives its last blocks back, which hold nothing yet. */
  void (*give_last)(Pool *pool, Sequence *sequence, guint32 blocks);
  /* It gives all its blocks back. */
  void (*release)(Pool *pool, Sequence *sequence, Release why);
  /* It will not be asked again. */
  void (*forget)(Sequence *sequence);
  /* So many blocks more become free, or as many as nobody locks. */
  void (*evict)(Pool *pool, guint32 blocks);
  /* What there is of the request's first `tokens` tokens was used just now, though it waits. */
  void (*touch)(Pool *pool, guint32 request, guint32 tokens);

  /* With groups of layers: as the pool's functions of the same names. */
  void (*give_back)(Pool *pool, Sequence *sequence, guint32 settled);
  gint64 (*lacks)(const Pool *pool, const Sequence *sequence, guint32 settled, guint64 tokens);
  void (*take_to)(Pool *pool, Sequence *sequence, guint32 tokens);
  guint32 (*admission_blocks)(Pool *pool, Sequence *sequence, const PoolPrefix *prefix,
                              guint64 tokens, guint32 in_flight_tokens);
} ContentsClass;

extern const ContentsClass contents_counted;
extern const ContentsClass contents_counted_groups;

/* Of runs: what is left among the free blocks of those of a sequence that ended which can be found.
 * A sequence with a free_watch fills it when it gives its blocks back. All zero: nothing is left.
 */
struct FreeWatch {
  FreeRun *run;        /* NULL: none */
  guint32 left_blocks; /* the first so many; the others were taken */
  guint32 told_blocks; /* the watcher's note: what was left when it looked last; all at first */
};
/* Nobody looks any more. */
void free_watch_end(FreeWatch *watch);

/* A fresh pool, which is counted, gets other contents, which it frees. two_ended: freed blocks
 * without content are the next to be taken, else all go behind what is free. num_blocks: the count
 * of ids, the engine's own among them. */
void contents_use_runs(Pool *pool, gboolean two_ended);
void contents_use_named(Pool *pool, const Workload *workload, guint32 num_blocks,
                        gboolean two_ended);
void contents_use_radix(Pool *pool, const Workload *workload);
void contents_use_reuse(Pool *pool, const Workload *workload);

/* Which full blocks of windows and states count as cached. */
typedef enum {
  RETAIN_ALL,
  RETAIN_REACHABLE, /* (0.22) those at the end of a multiple of all groups' blocks */
  RETAIN_REPLAYED,  /* (0.29) those that a repetition of the prompt needs, or of a prefix of it that
                       was found to be shared */
} GroupRetention;

typedef struct {
  guint32 num_blocks; /* count of ids, the engine's own among them */
  GroupRetention retention;
  gboolean two_ended;
  gboolean windows_two_ended; /* the same of groups with windows (0.23) */
} GroupContentsConfig;

/* Of a pool of groups. */
void contents_use_groups(Pool *pool, const Workload *workload, const GroupContentsConfig *config);
