/* Overflow policies: what happens to a victim's KV.
 *
 * A policy plans per victim; the scheduler carries the plan out. A plan cuts the victim's blocks in
 * three, from the first on:
 *
 *     | keep_blocks: stay | drop_blocks: computed again | the rest: copied to the host and back |
 *
 * A new policy is a file with one OverflowPolicy, and its line in the table below.
 */
#pragma once

#include "policy.h"
#include "sim/cost.h"
#include "sim/sequence.h"

/* What computing so many tokens after so many adds to the steps of one load (price.h), remembered: a
 * policy that tries cuts, or a choice among victims, asks the same again and again. */
enum { PRICE_MEMO_SLOTS = 512 };

typedef struct {
  guint64 load; /* of which it is a price; 0: of none */
  guint32 tokens, cached;
  gint64 ps;
} RememberedPrice;

typedef struct {
  guint64 load; /* the number of the present one, from 1 on */
  RememberedPrice prices[PRICE_MEMO_SLOTS];
} PriceMemo;

typedef struct {
  const Sequence *victim;      /* its counts of tokens and blocks are of now */
  const Sequence *beneficiary; /* the victim itself where nobody else was left */
  guint32 short_blocks;        /* that the beneficiary lacks, at least 1 */
  guint32 block_size;          /* tokens */
  guint32 host_free_blocks;    /* now, or once others have gone on to a disk */
  /* With prefix caching: tokens that were dropped so far, and those of them that victims found
   * again when they came back; both 0 without. */
  guint64 dropped_tokens, found_tokens;
  gboolean caches_prefixes;
  guint32 waiting;        /* requests that are to come before the victim returns, or behind it */
  guint32 step_tokens;    /* the token budget of a step */
  DecodeContexts decodes; /* of what decoded when the step was decided; only where needs_decodes */
  PriceMemo *memo;        /* of them; NULL: nothing is remembered */
  gint64 decodes_ps;      /* what they take (price.h), for who asks for many prices; 0: not known */
  CopyLoad copies;
  CostModel *cost;        /* NULL where the executor has none */
  const PolicyValues *options;
} OverflowQuery;

/* Nothing stays and nothing is copied. */
static inline OverflowPlan
overflow_plan_recompute(const OverflowQuery *query)
{
  return (OverflowPlan){.drop_blocks = query->victim->blocks};
}

/* All of it is copied. */
static inline OverflowPlan
overflow_plan_swap(void)
{
  return (OverflowPlan){0};
}

static inline gboolean
overflow_plan_copies_all(const OverflowPlan *plan)
{
  return plan->keep_blocks + plan->drop_blocks == 0 && !plan->free_copies;
}

/* What the price of a victim's plan rises with: of two at one load the one that has no less of both
 * costs no less. Those of different kinds cannot be compared. */
typedef struct {
  guint32 kind, first, second;
} PriceSize;

static inline gboolean
price_size_is_no_less(PriceSize a, PriceSize b)
{
  return a.kind == b.kind && a.first >= b.first && a.second >= b.second;
}

typedef struct OverflowPolicy OverflowPolicy;

struct OverflowPolicy {
  Policy base;
  gboolean needs_host;    /* it may copy, so the run needs host blocks */
  gboolean needs_tier;    /* the host is a second prefix cache (sim/offload/offload.h) */
  gboolean needs_decodes; /* it asks for query->decodes */
  gboolean of_no_engine;  /* under every engine a what-if */
  gboolean keeps_blocks;  /* it may leave blocks in place, which no prefix cache allows */
  gboolean price_rises;   /* its plan for a victim with more tokens costs no less (price.h), where
                             that holds for steps and copies, */
  gboolean price_rises_beside; /* and with copies beside the steps: not where a longer front to
                                  compute spares blocks a wait for the copy */
  /* Of a policy whose prices rise so, but not with a victim's tokens, in one group: of one with so
   * many tokens computed in so many blocks. NULL: with both, if price_rises. */
  PriceSize (*price_size)(const OverflowQuery *query, guint32 computed_tokens, guint32 blocks);
  gboolean only_modelled; /* an executor that computes cannot carry it out */
  OverflowPlan (*plan)(const OverflowPolicy *self, const OverflowQuery *query);
};

/* The table, in the order of the lists; the first is the default. */
#define OVERFLOW_POLICIES(ENTRY)                                                                   \
  ENTRY(overflow_recompute)                                                                        \
  ENTRY(overflow_swap)                                                                             \
  ENTRY(overflow_offload)                                                                          \
  ENTRY(overflow_swap_free)                                                                        \
  ENTRY(overflow_threshold)                                                                        \
  ENTRY(overflow_auto)                                                                             \
  ENTRY(overflow_split)                                                                            \
  ENTRY(overflow_partial)

#define OVERFLOW_DECLARE(name) extern const OverflowPolicy name;
OVERFLOW_POLICIES(OVERFLOW_DECLARE)

/* The same, NULL-terminated. */
extern const OverflowPolicy *const overflow_policies[];

/* The place of each in the table, such as overflow_swap_place, and their number. */
#define OVERFLOW_PLACE(name) name##_place,
enum { OVERFLOW_POLICIES(OVERFLOW_PLACE) OVERFLOW_POLICIES_COUNT };
