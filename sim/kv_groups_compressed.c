/* Groups of a model whose layers keep one entry for several tokens (DeepSeek-V4).
 *
 * A block of the first group is a page in each cache of entries and of their indexers, of 256
 * tokens. Every layer has a window beside them, and each compressor the tokens that its next entry
 * is made of, at 32 bits: they are groups behind windows, with fewer tokens a block, so that their
 * pages fit into those of the first group. Pages of one size stand beside those of the others in
 * tuples; a group has so many tuples that the fewest are wasted. Sizes are the same on every rank.
 * Source: vLLM 0.22, group_and_unify_kv_cache_specs, _get_kv_cache_groups_uniform_groups and
 * _get_kv_cache_config_deepseek_v4 of v1/core/kv_cache_utils.py; models/deepseek_v4/compressor.py.
 * Later versions leave out pages that no layer fills, 1 to 5 % of a block.
 */
#include "kv_groups.h"

enum {
  ENTRY_TOKENS = 256,    /* that a block of entries is of */
  WINDOW_TOKENS = 64,    /* that a block of the windows is of */
  PAGE_ALIGNMENT = 576,  /* of FlashMLA's FP8 rows */
  OVERLAPPED_TOKENS = 4, /* that a block of their compressors' states is of */
  STATE_TOKENS = 8,      /* and of the others' */
};

/* Layers of one ratio. */
typedef struct {
  guint32 layers;
  const Mixer *mixer; /* of any of them; NULL: there are none */
} Ratio;

static guint64
page(guint64 bytes, guint32 kv_bits)
{
  return kv_bits == 8 ? (bytes + PAGE_ALIGNMENT - 1) / PAGE_ALIGNMENT * PAGE_ALIGNMENT : bytes;
}

/* Bytes of a tuple: a page of each size that the caches of entries have. */
static guint64
tuple_bytes(const Ratio *ratios, guint n_ratios, guint32 kv_bits)
{
  guint64 bytes = 0;

  for (guint i = 0; i < n_ratios; i++) {
    const Mixer *mixer = ratios[i].mixer;
    guint64 entries = ENTRY_TOKENS / mixer->ratio;
    bytes += page(entries * mixer_entry_bytes(mixer, kv_bits), kv_bits);
    if (mixer->picked > 0)
      bytes += page(entries * mixer_index_bytes(mixer), kv_bits);
  }
  return bytes;
}

/* How many tuples a group has: that of which the fewest are wasted, the most of those. */
static guint32
find_tuples(const guint32 *counts, guint n, guint32 least)
{
  guint32 most = 0, best = least, best_waste = G_MAXUINT32;

  for (guint i = 0; i < n; i++)
    most = MAX(most, counts[i]);
  for (guint32 tuples = least; tuples <= most; tuples++) {
    guint32 waste = 0;
    for (guint i = 0; i < n; i++)
      waste += (tuples - counts[i] % tuples) % tuples;
    if (waste <= best_waste) {
      best = tuples;
      best_waste = waste;
    }
  }
  return best;
}

static void
add_kind(KvGroups *groups, KvGroupKind kind, guint32 tuples)
{
  kind.groups = (kind.layers + tuples - 1) / tuples;
  groups->kinds[groups->n_kinds++] = kind;
  groups->n_groups += kind.groups;
  groups->group_layers = MAX(groups->group_layers, (kind.layers + kind.groups - 1) / kind.groups);
}

/* The ratios of a model's layers, in rising order; the last is that of the layers that have but a
 * window. Returns how many there are of the others. */
static guint
find_ratios(const Model *model, Ratio *ratios, const Mixer **any)
{
  guint n = 0;

  for (guint i = 0; i < model->n_kinds; i++) {
    const Mixer *mixer = &model->kinds[i].mixer;
    guint at = 0;
    *any = mixer;
    if (mixer->ratio == 0)
      continue;
    while (at < n && ratios[at].mixer->ratio != mixer->ratio)
      at++;
    if (at == n)
      ratios[n++] = (Ratio){0, mixer};
    ratios[at].layers += model->kinds[i].count;
  }
  return n;
}

gboolean
kv_groups_find_compressed(const Model *model, KvGroups *groups)
{
  enum { RATIOS = KV_GROUP_KINDS - 2 };
  Ratio ratios[RATIOS] = {{0}};
  guint32 counts[KV_GROUP_KINDS] = {0}, entries = 0, tuples;
  const Mixer *any = NULL;
  guint n_ratios = find_ratios(model, ratios, &any);

  *groups = (KvGroups){0};
  if (n_ratios == 0)
    return FALSE;
  for (guint i = 0; i < n_ratios; i++) {
    counts[0] = MAX(counts[0], ratios[i].layers);
    counts[2 + i] = ratios[i].layers;
    entries += ratios[i].layers;
  }
  counts[1] = model->layers;
  tuples = find_tuples(counts, 2 + n_ratios, counts[0]);
  add_kind(groups, (KvGroupKind){KV_WHOLE, entries, 1, 0, ENTRY_TOKENS}, entries);
  groups->group_layers = counts[0];
  add_kind(groups, (KvGroupKind){KV_WINDOW, model->layers, 1, any->window, WINDOW_TOKENS}, tuples);
  for (guint i = 0; i < n_ratios; i++) {
    guint32 ratio = ratios[i].mixer->ratio;
    gboolean overlaps = ratio == MIXER_OVERLAPPED_RATIO;
    add_kind(groups,
             (KvGroupKind){KV_WINDOW, ratios[i].layers, 1, overlaps ? 2 * ratio : ratio,
                           overlaps ? OVERLAPPED_TOKENS : STATE_TOKENS},
             tuples);
  }
  groups->is_compressed = TRUE;
  groups->block_bytes = groups->group_layers * tuple_bytes(ratios, n_ratios, model->kv_bits);
  groups->page_bytes = groups->block_bytes / groups->group_layers;
  for (guint i = 0; i < n_ratios; i++)
    groups->block_tensors += groups->group_layers * mixer_kv_tensors(ratios[i].mixer);
  return TRUE;
}
