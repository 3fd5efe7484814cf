/* Content keys: what tells the content of a sequence's tokens up to a point from all other content.
 *
 * 64-bit mixes of the prompt's prefix hashes (shared between requests), or of the request and the
 * point (its own); a collision among 10^7 blocks has odds of 1 in 10^5.
 */
#pragma once

#include "sim/sequence.h"
#include "sim/workload.h"

/* The key of the sequence's first `unit` x (index + 1) tokens; not 0. The sequence keeps its keys,
 * so `unit` must be the same for all calls. */
guint64 content_key(const Workload *workload, guint32 unit, Sequence *sequence, guint32 index);
