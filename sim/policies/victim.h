/* Victim policies: who is preempted when the pool cannot supply a block.
 *
 * A policy picks among the running sequences that have no work in this step yet, in the queue's
 * order. A new policy is a file with one VictimPolicy, declared below, and a line in victim.c's
 * table.
 */
#pragma once

#include "sim/sequence.h"

typedef struct VictimPolicy VictimPolicy;

struct VictimPolicy {
  const char *name;
  const char *help;
  gboolean takes_tail; /* always the queue's last: others keep the decode clock from running */
  /* One of `first` and those behind it. */
  Sequence *(*pick)(const VictimPolicy *self, const SequenceQueue *queue, Sequence *first);
};

extern const VictimPolicy victim_newest;

/* NULL-terminated. */
extern const VictimPolicy *const victim_policies[];

/* pick(), for a `first` that is in the queue. */
Sequence *victim_policy_pick(const VictimPolicy *self, const SequenceQueue *queue, Sequence *first);
