/* Overflow policies: what happens to a victim's KV.
 *
 * A policy decides per victim; the scheduler carries the decision out. A new policy is a file with
 * one OverflowPolicy, and its line in the table below.
 */
#pragma once

#include "policy.h"
#include "sim/cost.h"
#include "sim/sequence.h"

typedef struct {
  const Sequence *victim;
  guint32 host_free_blocks;
  CostModel *cost; /* NULL where the executor has none */
  const PolicyValues *options;
} OverflowQuery;

typedef struct OverflowPolicy OverflowPolicy;

struct OverflowPolicy {
  Policy base;
  gboolean needs_host; /* it may swap, so the run needs host blocks */
  OverflowAction (*decide)(const OverflowPolicy *self, const OverflowQuery *query);
};

/* The table, in the order of the lists; the first is the default. */
#define OVERFLOW_POLICIES(ENTRY)                                                                   \
  ENTRY(overflow_recompute)                                                                        \
  ENTRY(overflow_swap)                                                                             \
  ENTRY(overflow_threshold)

#define OVERFLOW_DECLARE(name) extern const OverflowPolicy name;
OVERFLOW_POLICIES(OVERFLOW_DECLARE)

/* The same, NULL-terminated. */
extern const OverflowPolicy *const overflow_policies[];
