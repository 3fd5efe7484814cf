/* What unequal contexts cost a decode kernel beyond their mean, from how it splits its work.
 *
 * FlashAttention 2 gives each sequence and KV head a block of threads that reads the context from
 * end to end. A batch that fills less than 0.8 of two blocks a multiprocessor has its contexts
 * split until it does (num_splits_heuristic() of its flash_api.cpp; a captured graph counts the
 * sequences that it was captured with): all end together, and unequal contexts cost nothing. Larger
 * ones are not split. Blocks start in the batch's order as multiprocessors come free, and the
 * kernel lasts until the last has read its context to the end, with the memory nearly to itself.
 * The longest context may be anywhere in the batch:
 *
 *   waves  = max(1, blocks / multiprocessors)
 *   starts   at 0 with the chance 1 / waves, else evenly between 0 and (waves - 1) x mean
 *   left   = start + longest - waves x mean, if above 0: what the others do not hide
 *   excess = expected left / tail speed, in tokens that one multiprocessor reads
 *
 * The tail speed, how much faster a block reads once the others have ended, is read from the skew
 * samples, whose long contexts come last. A step with prefills is one kernel that does not pack the
 * query heads of a KV head: blocks are heads.
 */
#pragma once

#include "attention_fit.h"
#include "sim/contexts.h"

typedef struct AttentionSkew AttentionSkew;

/* Contexts count by their multiples of so many tokens, so that the excess is the same for a run of
 * steps in which all grow. */
#define ATTENTION_SKEW_STRIDE 256

/* NULL where no sample is of a batch that is not split: nothing is known of the tail then. */
AttentionSkew *attention_skew_new(const Profile *profile, const AttentionKey *key,
                                  double multiprocessors);
void attention_skew_free(AttentionSkew *skew);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AttentionSkew, attention_skew_free)

/* Tokens of total context that the batch is worth beyond its sum, at least 0. */
gint64 attention_skew_tokens(const AttentionSkew *skew, const DecodeContexts *contexts,
                             gboolean with_prefills);
/* Steps, at least 1, for which that stays while all contexts grow. */
guint32 attention_skew_steps(const DecodeContexts *contexts);

/* Of a skew sample, what its unequal contexts take of what equal ones take, 1 or more. */
double attention_skew_of_sample(const AttentionSkew *skew, const ProfileSample *sample);
