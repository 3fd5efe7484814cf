/* How a step's tokens fall on experts. Costs assume that each token draws its experts uniformly and
 * independently; traffic that prefers some experts is less even.
 */
#pragma once

#include <glib.h>

/* How an engine runs the experts that every token passes, of steps of no more than `tokens`; after
 * the routed ones in larger steps.
 *   beside   on a stream of their own (vLLM's shared_experts_stream, TensorRT-LLM's aux_stream)
 *   within   as one expert more of the routed ones' kernel (SGLang's num_fused_shared_experts) */
typedef enum { SHARED_AFTER, SHARED_BESIDE, SHARED_WITHIN } SharedWay;

typedef struct {
  SharedWay way;
  guint64 tokens;
} SharedExperts;

/* How many of a rank's `own` experts, out of `experts`, `tokens` tokens with `active` experts each
 * are expected to touch: own (1 - (1 - k / E)^tokens). */
double experts_touched(unsigned experts, unsigned active, unsigned own, double tokens);

/* Rows of experts' products on the busiest of `ranks` that have E / ranks experts each: the mean,
 * tokens x k / ranks, and as many standard deviations as the largest of so many normal draws is
 * expected to lie above (Tippett 1925). A rank's rows of one token are hypergeometric. */
double experts_busiest_rows(unsigned experts, unsigned active, unsigned ranks, double tokens);
