/* Victim policies: who is preempted when the pool cannot supply a block.
 *
 * A policy picks among the running sequences that have no work in this step yet, in the queue's
 * order. A new policy is a file with one VictimPolicy and a line in victim.c's table.
 */
#pragma once

#include "sequence.h"

typedef struct VictimPolicy VictimPolicy;

struct VictimPolicy {
  const char *name;
  const char *help;
  /* An index from `first` to queue->length - 1; there is at least one. */
  guint32 (*pick)(const VictimPolicy *self, const SequenceQueue *queue, guint32 first);
};

extern const VictimPolicy victim_newest;

/* NULL-terminated. */
extern const VictimPolicy *const victim_policies[];

/* pick(), checked. */
guint32 victim_policy_pick(const VictimPolicy *self, const SequenceQueue *queue, guint32 first);
