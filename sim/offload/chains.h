/* A hash table by 64-bit keys that are mixed well, whose links are in its elements: a use of a
 * block looks up several.
 *
 * CHAINS_DEFINE(Chains, NAME, Element) makes, for an Element with `guint64 key` and `Element
 * *chain_next`, a type Chains and
 *
 *     NAME_init(chains), NAME_clear(chains)   without elements; frees them all
 *     NAME_find(chains, key)                  the element of that key; NULL: there is none
 *     NAME_add(chains, key)                   a new one, all zero but its key, which must be absent
 *     NAME_drop(chains, element)              takes it out, to be used again
 */
#pragma once

#include <glib.h>

#define CHAINS_FIRST 1024 /* a power of 2 */

#define CHAINS_DEFINE(Chains, NAME, Element)                                                       \
  typedef struct {                                                                                 \
    Element **heads;                                                                               \
    guint64 mask; /* at least as many chains as elements */                                        \
    guint64 count;                                                                                 \
    Element *spare;                                                                                \
  } Chains;                                                                                        \
                                                                                                   \
  static inline void NAME##_init(Chains *chains)                                                   \
  {                                                                                                \
    *chains = (Chains){.heads = g_new0(Element *, CHAINS_FIRST), .mask = CHAINS_FIRST - 1};        \
  }                                                                                                \
                                                                                                   \
  static inline void NAME##_free_chain(Element *element)                                           \
  {                                                                                                \
    while (element != NULL) {                                                                      \
      Element *next = element->chain_next;                                                         \
      g_free(element);                                                                             \
      element = next;                                                                              \
    }                                                                                              \
  }                                                                                                \
                                                                                                   \
  static inline void NAME##_clear(Chains *chains)                                                  \
  {                                                                                                \
    for (guint64 i = 0; i <= chains->mask; i++)                                                    \
      NAME##_free_chain(chains->heads[i]);                                                         \
    NAME##_free_chain(chains->spare);                                                              \
    g_free(chains->heads);                                                                         \
  }                                                                                                \
                                                                                                   \
  /* The link to the element of that key, or where it would be. */                                 \
  static inline Element **NAME##_link(const Chains *chains, guint64 key)                           \
  {                                                                                                \
    Element **link = &chains->heads[key & chains->mask];                                           \
                                                                                                   \
    while (*link != NULL && (*link)->key != key)                                                   \
      link = &(*link)->chain_next;                                                                 \
    return link;                                                                                   \
  }                                                                                                \
                                                                                                   \
  static inline Element *NAME##_find(const Chains *chains, guint64 key)                            \
  {                                                                                                \
    return *NAME##_link(chains, key);                                                              \
  }                                                                                                \
                                                                                                   \
  /* Twice as many chains. */                                                                      \
  static inline void NAME##_grow(Chains *chains)                                                   \
  {                                                                                                \
    Element **old = chains->heads;                                                                 \
    guint64 n = chains->mask + 1;                                                                  \
                                                                                                   \
    chains->mask = 2 * n - 1;                                                                      \
    chains->heads = g_new0(Element *, 2 * n);                                                      \
    for (guint64 i = 0; i < n; i++)                                                                \
      for (Element *element = old[i], *next; element != NULL; element = next) {                    \
        Element **link = &chains->heads[element->key & chains->mask];                              \
        next = element->chain_next;                                                                \
        element->chain_next = *link;                                                               \
        *link = element;                                                                           \
      }                                                                                            \
    g_free(old);                                                                                   \
  }                                                                                                \
                                                                                                   \
  static inline Element *NAME##_add(Chains *chains, guint64 key)                                   \
  {                                                                                                \
    Element **link, *element = chains->spare;                                                      \
                                                                                                   \
    if (++chains->count > chains->mask)                                                            \
      NAME##_grow(chains);                                                                         \
    if (element != NULL)                                                                           \
      chains->spare = element->chain_next;                                                         \
    else                                                                                           \
      element = g_new(Element, 1);                                                                 \
    link = NAME##_link(chains, key);                                                               \
    g_assert(*link == NULL);                                                                       \
    *element = (Element){.key = key};                                                              \
    *link = element;                                                                               \
    return element;                                                                                \
  }                                                                                                \
                                                                                                   \
  static inline void NAME##_drop(Chains *chains, Element *element)                                 \
  {                                                                                                \
    *NAME##_link(chains, element->key) = element->chain_next;                                      \
    element->chain_next = chains->spare;                                                           \
    chains->spare = element;                                                                       \
    chains->count--;                                                                               \
  }                                                                                                \
                                                                                                   \
  G_STATIC_ASSERT(sizeof(Element) > 0)
