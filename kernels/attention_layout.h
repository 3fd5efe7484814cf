/* The layout of a batch's two plans in the memory that is copied to the GPU. Only for attention.cu.
 */
#pragma once

#include "kernels/decode_plan.h"
#include "kernels/prefill_plan.h"

#include <stdlib.h>
#include <string.h>

constexpr size_t ALIGNMENT_BYTES = 16;

/* The counts of both plans, and the offsets of their arrays, in bytes, each a multiple of
 * ALIGNMENT_BYTES. */
struct PlanLayout {
  PrefillPlan prefills; /* counts only */
  DecodePlan decodes;   /* counts only */
  size_t items, item_starts, prefill_merges, pieces, piece_starts, decode_merges, data_bytes;
};

inline size_t
aligned(size_t num_bytes)
{
  return (num_bytes + ALIGNMENT_BYTES - 1) / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
}

inline size_t
take(size_t *end, size_t count, size_t element_bytes)
{
  const size_t begin = *end;

  *end = aligned(begin + count * element_bytes);
  return begin;
}

/* One more than lists: a list ends at the next one's start. */
inline uint32_t
count_starts(uint32_t num_lists)
{
  return num_lists > 0 ? num_lists + 1 : 0;
}

inline PlanLayout
make_layout(const PrefillPlan *prefills, const DecodePlan *decodes)
{
  PlanLayout layout = {};
  size_t *end = &layout.data_bytes;

  layout.prefills = *prefills;
  layout.decodes = *decodes;
  layout.prefills.items = nullptr;
  layout.prefills.starts = nullptr;
  layout.prefills.merges = nullptr;
  layout.decodes.pieces = nullptr;
  layout.decodes.starts = nullptr;
  layout.decodes.merges = nullptr;
  layout.items = take(end, prefills->num_items, sizeof(PrefillItem));
  layout.item_starts = take(end, count_starts(prefills->num_lists), sizeof(uint32_t));
  layout.prefill_merges = take(end, prefills->num_merges, sizeof(AttentionMerge));
  layout.pieces = take(end, decodes->num_pieces, sizeof(DecodePiece));
  layout.piece_starts = take(end, count_starts(decodes->num_lists), sizeof(uint32_t));
  layout.decode_merges = take(end, decodes->num_merges, sizeof(AttentionMerge));
  return layout;
}

/* Zeroed memory for all arrays; null where there is none. */
inline unsigned char *
new_data(const PlanLayout *layout)
{
  return (unsigned char *)calloc(1, layout->data_bytes + 1); /* of no bytes it may be null */
}

template <typename Element>
void
put(unsigned char *data, size_t offset, const Element *from, size_t count)
{
  if (count > 0)
    memcpy(data + offset, from, count * sizeof(Element));
}

/* Copies the decodes' arrays into a layout that may be padded: lists after the last are empty. */
inline void
put_decodes(unsigned char *data, const PlanLayout *layout, const DecodePlan *decodes)
{
  uint32_t *starts = (uint32_t *)(data + layout->piece_starts);

  put(data, layout->pieces, decodes->pieces, decodes->num_pieces);
  put(data, layout->piece_starts, decodes->starts, count_starts(decodes->num_lists));
  put(data, layout->decode_merges, decodes->merges, decodes->num_merges);
  for (uint32_t i = decodes->num_lists + 1; i < count_starts(layout->decodes.num_lists); i++)
    starts[i] = decodes->num_pieces;
}
