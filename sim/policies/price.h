/* What an eviction will have cost once the victim is back, by the cost model, at the load that it
 * meets: the decodes that run when it is evicted stand for those that run when it returns.
 *
 * A token that is computed again costs what it adds to steps that run anyway: little where decodes
 * leave the arithmetic idle, all of its time where they do not. Copies are added to the steps in
 * which they are made. Beside the steps they slow them, and blocks are of no use while they wait
 * for the link and are copied: the device is taken to do less by the share of the pool that these
 * are. What is dropped before what is copied is then computed while that is copied in. Layer by
 * layer copies add what the layers of those steps wait for: the more a front computes in the step
 * that it comes back in, the less; beside the steps what comes back is of use as soon as a step can
 * begin whose layers wait for no part of it.
 */
#pragma once

#include "overflow.h"

/* What a step of the decodes alone takes. */
gint64 price_decodes_ps(const OverflowQuery *query);

/* What the plan costs; its copies nothing where they are free. Of what is dropped the prefix cache,
 * if there is one, is trusted to keep the share that it has kept so far; at first, all. */
gint64 price_plan_ps(const OverflowQuery *query, const OverflowPlan *plan);

/* The parts of a price, without what copies and the tokens that are computed wait for each other:
 * of more blocks, or more tokens, they are no less, beside the steps, too. */
typedef struct {
  gint64 copies_ps;    /* 0 layer by layer */
  gint64 computing_ps; /* 0 where it was not asked for */
} PriceParts;

static inline gint64
price_parts_sum(const PriceParts *parts)
{
  return parts->copies_ps + parts->computing_ps;
}

/* As price_plan_ps() or, where that is below_ps or more, something that is no less than below_ps.
 */
gint64 price_plan_below_ps(const OverflowQuery *query, const OverflowPlan *plan, gint64 below_ps,
                           PriceParts *parts);

/* The same in hindsight: when the victim came back, its first `found_tokens` were in the prefix
 * cache. They are neither computed again nor copied in. What was copied out ahead of need is not
 * copied again. */
gint64 price_found_plan_ps(const OverflowQuery *query, const OverflowPlan *plan,
                           guint32 found_tokens);
