/* A witness of where each request's KV is, told by the steps alone: it holds that no token is used
 * before its KV is in the pool, that nothing is computed twice that was not lost, and that what is
 * copied in was copied out. Not for prefix caching, where others' KV may serve.
 */
#pragma once

#include "sim/observer.h"

typedef struct KvWitness KvWitness;

/* cost: what copies beside the steps take at least, borrowed; NULL: their times are not followed. */
KvWitness *kv_witness_new(guint32 requests, guint32 block_size, CostModel *cost);
void kv_witness_free(KvWitness *witness);
/* Of a step whose decodes are listed and that did not kill the engine. */
void kv_witness_step(KvWitness *witness, const StepReport *report);
