/* Overflow policies: what happens to a victim's KV.
 *
 * A policy decides per victim; the scheduler carries the decision out. A new policy is a file with
 * one OverflowPolicy, declared below, and a line in overflow.c's table.
 */
#pragma once

#include "sim/cost.h"
#include "sim/sequence.h"

typedef struct {
  const Sequence *victim;
  guint32 host_free_blocks;
  CostModel *cost; /* NULL where the executor has none */
} OverflowQuery;

typedef struct OverflowPolicy OverflowPolicy;

struct OverflowPolicy {
  const char *name;
  const char *help;
  gboolean needs_host; /* it may swap, so the run needs host blocks */
  OverflowAction (*decide)(const OverflowPolicy *self, const OverflowQuery *query);
};

extern const OverflowPolicy overflow_recompute;
extern const OverflowPolicy overflow_swap;

/* NULL-terminated. */
extern const OverflowPolicy *const overflow_policies[];
