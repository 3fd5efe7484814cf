#include "offer_counts.h"

typedef struct {
  GList link; /* in the queue; its data is this */
  guint64 key;
  guint32 count;
} Offer;

struct OfferCounts {
  GQueue queue; /* of Offer, the longest ago offered first */
  GHashTable *offers;
};

OfferCounts *
offer_counts_new(void)
{
  OfferCounts *counts = g_new0(OfferCounts, 1);

  counts->offers = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
  return counts;
}

void
offer_counts_free(OfferCounts *counts)
{
  if (counts == NULL)
    return;
  g_hash_table_unref(counts->offers);
  g_free(counts);
}

static Offer *
find(const OfferCounts *counts, guint64 key)
{
  return g_hash_table_lookup(counts->offers, &key);
}

static void
add(OfferCounts *counts, guint64 key)
{
  Offer *offer = g_new0(Offer, 1);

  offer->link.data = offer;
  offer->key = key;
  offer->count = 1;
  g_queue_push_tail_link(&counts->queue, &offer->link);
  g_hash_table_insert(counts->offers, &offer->key, offer);
}

void
offer_counts_note(OfferCounts *counts, const guint64 *keys, guint32 n_keys)
{
  guint spared = 0, others;

  for (guint32 i = 0; i < n_keys; i++) {
    Offer *offer = find(counts, keys[i]);
    if (offer == NULL)
      continue;
    offer->count++;
    spared++;
    g_queue_unlink(&counts->queue, &offer->link);
    g_queue_push_tail_link(&counts->queue, &offer->link);
  }
  others = counts->queue.length - spared;
  for (guint32 i = 0; i < n_keys; i++) {
    if (find(counts, keys[i]) != NULL)
      continue;
    if (counts->queue.length >= OFFER_COUNTS_MAX) {
      if (others == 0)
        continue;
      others--;
      g_hash_table_remove(counts->offers,
                          &((Offer *)g_queue_pop_head_link(&counts->queue)->data)->key);
    }
    add(counts, keys[i]);
  }
}

guint32
offer_counts_of(const OfferCounts *counts, guint64 key)
{
  const Offer *offer = find(counts, key);

  return offer != NULL ? offer->count : 0;
}
