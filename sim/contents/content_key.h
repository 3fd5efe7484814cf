/* Content keys: what tells the content of a sequence's tokens up to a point from all other content.
 *
 * 64-bit mixes of the prompt's prefix hashes (shared between requests), or of the request and the
 * point (its own); a collision among 10^7 blocks has odds of 1 in 10^5.
 */
#pragma once

#include "sim/mix.h"
#include "sim/sequence.h"
#include "sim/workload.h"

/* For content_key(): makes the keys of the units that the prompt's prefix hashes cover whole. */
void content_key_make_prefix(const Workload *workload, guint32 unit, Sequence *sequence);

/* The key of the sequence's first `unit` x (index + 1) tokens; not 0. The sequence keeps its keys,
 * so `unit` must be the same for all calls. In line, since each block of each sequence is asked for
 * several times. */
static inline guint64
content_key(const Workload *workload, guint32 unit, Sequence *sequence, guint32 index)
{
  guint64 key;

  if (!sequence->has_prefix_keys)
    content_key_make_prefix(workload, unit, sequence);
  if (index < sequence->n_prefix_keys)
    return sequence->prefix_keys[index];
  key = mix64(((guint64)sequence->request << 32 | index) ^ G_GUINT64_CONSTANT(0xd1b54a32d192ed03));
  return MAX(key, 1);
}
