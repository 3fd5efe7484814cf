/* Victim policies: which sequence is preempted when the pool cannot supply a block.
 *
 * A policy ranks what runs; the engine preempts the sequence with the highest rank, and again,
 * until the others find their blocks. Where a policy ranks nothing the running queue's last goes,
 * as in vLLM. A new policy is a file with one VictimPolicy, and its line in the table below.
 */
#pragma once

#include "overflow.h"

typedef struct {
  const Sequence *sequence; /* its own counts of tokens and blocks may be older than these */
  guint32 computed_tokens;
  guint32 generated_tokens;
  guint32 blocks;
} VictimCandidate;

typedef struct {
  const OverflowPolicy *overflow; /* what happens to a victim, */
  const OverflowQuery
      *eviction; /* asked with this and a victim; NULL for a policy that moves_alike */
  const PolicyValues *options;
  gint64 first_rank; /* of those asked before; to one that ranks lower the policy may give any lower
                        rank, or VICTIM_RULED_OUT */
} VictimQuery;

/* The rank of a sequence that must not go. */
#define VICTIM_NEVER G_MININT64
/* The rank of one that ranks lower than first_rank, and so does who has no fewer tokens and blocks.
 */
#define VICTIM_RULED_OUT (-PRICE_RULED_OUT)

typedef struct VictimPolicy VictimPolicy;

struct VictimPolicy {
  Policy base;
  gboolean needs_decodes; /* it reads query->eviction->decodes */
  gboolean of_engine;     /* an engine with an order of its own preempts by that */
  /* TRUE if a rank depends on the sequence alone, is never VICTIM_NEVER, and changes by
   * rank_per_token with each decoded token and by nothing else. Then the sequences that decode are
   * kept in order (sim/victim_order.h). Two ranks must differ by less than 2^63. */
  gboolean moves_alike;
  gint64 rank_per_token;
  /* A policy that moves_alike and bounds this one where prices rise with computed tokens: a
   * sequence that ranks lower by it ranks no higher by this one. Then few of those that decode are
   * asked. May be NULL. */
  const VictimPolicy *bounded_by;
  /* The sequence with the highest rank goes, of equals the newest. NULL, or VICTIM_NEVER for all:
   * the running queue's last goes. Asked for running sequences at an eviction; where ranks move
   * alike, for a sequence that decodes once, when it begins to. */
  gint64 (*rank)(const VictimPolicy *self, const VictimQuery *query,
                 const VictimCandidate *candidate);
};

/* For an engine with an order of its own (SCHEDULER_OWN_VICTIMS), where no policy of the table is
 * asked for. It ranks nothing. */
extern const VictimPolicy victim_engine;

/* The table, in the order of the lists; the first is the default. */
#define VICTIM_POLICIES(ENTRY)                                                                     \
  ENTRY(victim_newest)                                                                             \
  ENTRY(victim_oldest)                                                                             \
  ENTRY(victim_fewest_outputs)                                                                     \
  ENTRY(victim_longest)                                                                            \
  ENTRY(victim_shortest)                                                                           \
  ENTRY(victim_least_computed)                                                                     \
  ENTRY(victim_cheapest)                                                                           \
  ENTRY(victim_least_left)                                                                         \
  ENTRY(victim_most_left)

#define VICTIM_DECLARE(name) extern const VictimPolicy name;
VICTIM_POLICIES(VICTIM_DECLARE)

/* The same, NULL-terminated. */
extern const VictimPolicy *const victim_policies[];
