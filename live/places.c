#include "places.h"

void
places_init(Places *places, guint32 first, guint32 total_blocks)
{
  *places = (Places){
      .used = g_new0(guint8, MAX(total_blocks, 1)),
      .first = first,
      .total_blocks = total_blocks,
      .free_blocks = total_blocks,
  };
}

void
places_clear(Places *places)
{
  g_free(places->used);
}

/* The first of `n` free ones in a row, or of the longest row there is; *found: how many. */
static guint32
find_row(const Places *places, guint32 n, guint32 *found)
{
  guint32 best = 0, first = 0;

  *found = 0;
  for (guint32 i = 0; i < places->total_blocks && *found < n; i++) {
    if (places->used[i]) {
      first = i + 1;
    } else if (i + 1 - first > *found) {
      *found = i + 1 - first;
      best = first;
    }
  }
  return best;
}

gboolean
places_take(Places *places, GArray *ids, guint32 n)
{
  if (n > places->free_blocks)
    return FALSE;
  places->free_blocks -= n;
  while (n > 0) {
    guint32 found, first = find_row(places, n, &found);
    for (guint32 i = first; i < first + found; i++) {
      const gint32 id = (gint32)(places->first + i);
      places->used[i] = TRUE;
      g_array_append_val(ids, id);
    }
    n -= found;
  }
  return TRUE;
}

void
places_give_back(Places *places, gint32 id)
{
  gint64 place = (gint64)id - places->first;

  if (place < 0 || place >= places->total_blocks)
    return;
  g_assert(places->used[place]);
  places->used[place] = FALSE;
  places->free_blocks++;
}
