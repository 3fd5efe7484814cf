/* How often blocks were offered to the host: with a store threshold of vLLM's native offload
 * (store_threshold, 0.33) only what was offered so often is stored.
 *
 * Counts are kept for the OFFER_COUNTS_MAX most recently offered keys (its max_tracker_size); keys
 * of one offer do not displace each other.
 */
#pragma once

#include <glib.h>

#define OFFER_COUNTS_MAX 64000

typedef struct OfferCounts OfferCounts;

OfferCounts *offer_counts_new(void);
void offer_counts_free(OfferCounts *counts);
/* Counts an offer of these keys. */
void offer_counts_note(OfferCounts *counts, const guint64 *keys, guint32 n_keys);
/* How often the key was offered, as far as is known. */
guint32 offer_counts_of(const OfferCounts *counts, guint64 key);
