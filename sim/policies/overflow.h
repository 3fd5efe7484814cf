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

/* Prices (price.h) of computing `tokens` tokens after `cached` ones at one load, remembered: a
 * policy that tries cuts, or compares victims, asks the same again and again. */
enum { PRICE_MEMO_SLOTS = 512 };

typedef struct {
  guint64 load; /* the price is of that load; 0: there is none */
  guint32 tokens, cached;
  gint64 ps;
} RememberedPrice;

/* The cut of a victim that `split` found last, and what it was found for. */
typedef struct {
  guint64 load; /* as above */
  guint64 dropped_tokens, found_tokens;
  guint32 host_free_blocks;
  guint32 tokens, blocks; /* the victim's */
  guint32 tries;          /* how many cuts it tried, */
  guint32 place;          /* which of these costs least, */
  gboolean is_lone;       /* less than any other, */
  gint64 ps;
} RememberedCut;

typedef struct {
  guint64 load; /* the number of the present one, from 1 on */
  RememberedPrice prices[PRICE_MEMO_SLOTS];
  RememberedCut cut;
} PriceMemo;

/* A victim as policies see it, with its present counts. */
typedef struct {
  guint32 request;
  guint32 computed_tokens;
  guint32 blocks;
  guint32 ahead_blocks; /* the first ones, that the host has, or is getting, ahead of need */
} OverflowVictim;

typedef struct {
  OverflowVictim victim;
  const Sequence *beneficiary; /* the victim itself where no other was left */
  guint32 short_blocks;        /* that the beneficiary lacks, at least 1 */
  guint32 block_size;          /* tokens */
  guint32 host_free_blocks;    /* now, or once others have gone on to a disk */
  /* With prefix caching: victims' tokens that were dropped so far, and how many of these they found
   * again when they came back; without, both are 0. */
  guint64 dropped_tokens, found_tokens;
  gboolean caches_prefixes;
  guint32 step_tokens;           /* the token budget of a step */
  const DecodeContexts *decodes; /* that run as the decision begins; only where needs_decodes */
  PriceMemo *memo;               /* prices beside them; NULL: nothing is remembered */
  gint64 decodes_ps; /* price_decodes_ps(), for many prices in a row; 0: not asked yet */
  /* No plan is of interest that costs so much or more: the policy may answer with any that does. 0:
   * all are of interest. */
  gint64 below_ps;
  gboolean prices_rise; /* of computing and of copying; FALSE: that is not known */
  const CopyLoad *copies;
  CostModel *cost; /* NULL where the executor has none */
  const PolicyValues *options;
} OverflowQuery;

/* Drops all. */
static inline OverflowPlan
overflow_plan_recompute(const OverflowQuery *query)
{
  return (OverflowPlan){.drop_blocks = query->victim.blocks};
}

/* Copies all. */
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

/* What the price of a victim's plan rises with: of two victims at one load and of one kind, one
 * that has no less of `first` and of `second` costs no less. */
typedef struct {
  guint32 kind, first, second;
} PriceSize;

static inline gboolean
price_size_is_no_less(PriceSize a, PriceSize b)
{
  return a.kind == b.kind && a.first >= b.first && a.second >= b.second;
}

/* The price of a victim where neither its plan, nor that of one with no fewer tokens and blocks,
 * can cost less than query->below_ps. */
#define PRICE_RULED_OUT G_MAXINT64

typedef struct OverflowPolicy OverflowPolicy;

struct OverflowPolicy {
  Policy base;
  gboolean needs_host;         /* it may copy, so a run needs host blocks */
  gboolean needs_tier;         /* the host is a second prefix cache (sim/offload/offload.h) */
  gboolean needs_decodes;      /* it asks for query->decodes */
  gboolean of_no_engine;       /* a what-if under every engine */
  gboolean keeps_blocks;       /* it may leave blocks in place, which no prefix cache allows */
  gboolean price_rises;        /* its plan for a victim with more tokens and blocks costs no less
                                  (price.h),        where the cost model rises (cost_model_rises()), */
  gboolean price_rises_beside; /* also with copies beside the steps: FALSE where a longer front to
                                  compute spares blocks a wait for the copy */
  /* What else prices rise with, for a victim with so many computed tokens and blocks. NULL: with
   * these two, if price_rises. */
  PriceSize (*price_size)(const OverflowQuery *query, guint32 computed_tokens, guint32 blocks);
  gboolean only_modelled; /* an executor that computes cannot carry it out */
  /* The plan for query->victim. */
  OverflowPlan (*plan)(const OverflowPolicy *self, const OverflowQuery *query);
  /* What that plan costs or, where that is query->below_ps or more, something that is no less; or
   * PRICE_RULED_OUT. NULL: price_plan_ps(). */
  gint64 (*price_ps)(const OverflowPolicy *self, const OverflowQuery *query);
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

/* The index of each in the table, such as overflow_swap_place, and how many there are. */
#define OVERFLOW_PLACE(name) name##_place,
enum { OVERFLOW_POLICIES(OVERFLOW_PLACE) OVERFLOW_POLICIES_COUNT };
