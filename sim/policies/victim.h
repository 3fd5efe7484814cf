/* Victim policies: who is preempted when the pool cannot supply a block.
 *
 * A policy picks among the running sequences that have no work in this step yet, in the queue's
 * order. A new policy is a file with one VictimPolicy, and its line in the table below.
 */
#pragma once

#include "policy.h"
#include "sim/sequence.h"

typedef struct VictimPolicy VictimPolicy;

struct VictimPolicy {
  Policy base;
  gboolean takes_tail; /* always the queue's last: others keep the decode clock from running */
  /* One of `first` and those behind it. */
  Sequence *(*pick)(const VictimPolicy *self, const SequenceQueue *queue, Sequence *first);
};

/* The table, in the order of the lists; the first is the default. */
#define VICTIM_POLICIES(ENTRY) ENTRY(victim_newest)

#define VICTIM_DECLARE(name) extern const VictimPolicy name;
VICTIM_POLICIES(VICTIM_DECLARE)

/* The same, NULL-terminated. */
extern const VictimPolicy *const victim_policies[];

/* pick(), for a `first` that is in the queue. */
Sequence *victim_policy_pick(const VictimPolicy *self, const SequenceQueue *queue, Sequence *first);
