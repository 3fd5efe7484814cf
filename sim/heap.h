/* Binary heaps in arrays, the first element on top: the children of the one at i are at
 * 2 i + 1 and 2 i + 2.
 *
 * HEAP_DEFINE(NAME, Heap, Element, before, place) makes, for a Heap whose elements lie in an array,
 *
 *     NAME_up(heap, elements, at, element)            puts it at `at`, which is free, or above
 *     NAME_down(heap, elements, count, at, element)   puts it at `at`, which is free, or below
 *     NAME_put(heap, elements, count, at, element)    puts it there, above or below
 *
 * of before(heap, a, b), which says whether a is nearer to the top than b, and place(heap,
 * at, element), which stores an element and notes where it is, if anybody has to know. Elements are
 * passed by value.
 */
#pragma once

#include <glib.h>

#define HEAP_DEFINE(NAME, Heap, Element, before, place)                                            \
  G_GNUC_UNUSED static inline void NAME##_up(Heap *heap, Element *elements, guint32 at,            \
                                             Element element)                                      \
  {                                                                                                \
    while (at > 0) {                                                                               \
      Element const parent = elements[(at - 1) / 2];                                               \
      if (!before(heap, element, parent))                                                          \
        break;                                                                                     \
      place(heap, at, parent);                                                                     \
      at = (at - 1) / 2;                                                                           \
    }                                                                                              \
    place(heap, at, element);                                                                      \
  }                                                                                                \
                                                                                                   \
  G_GNUC_UNUSED static inline void NAME##_down(Heap *heap, Element *elements, guint32 count,       \
                                               guint32 at, Element element)                        \
  {                                                                                                \
    for (guint32 child; (child = 2 * at + 1) < count; at = child) {                                \
      Element const *pair = &elements[child];                                                      \
      if (child + 1 < count && before(heap, pair[1], pair[0])) {                                   \
        child++;                                                                                   \
        pair++;                                                                                    \
      }                                                                                            \
      if (!before(heap, *pair, element))                                                           \
        break;                                                                                     \
      place(heap, at, *pair);                                                                      \
    }                                                                                              \
    place(heap, at, element);                                                                      \
  }                                                                                                \
                                                                                                   \
  G_GNUC_UNUSED static inline void NAME##_put(Heap *heap, Element *elements, guint32 count,        \
                                              guint32 at, Element element)                         \
  {                                                                                                \
    if (at > 0 && before(heap, element, elements[(at - 1) / 2]))                                   \
      NAME##_up(heap, elements, at, element);                                                      \
    else                                                                                           \
      NAME##_down(heap, elements, count, at, element);                                             \
  }                                                                                                \
                                                                                                   \
  G_STATIC_ASSERT(sizeof(Element) > 0)
