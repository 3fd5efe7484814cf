#include "arc.h"

#include "chains.h"

typedef enum { T1, T2, B1, B2, N_LISTS } ListName;

typedef struct Entry Entry;

struct Entry {
  guint64 key;
  ListName list;
  Entry *previous, *next; /* in the list, a ring around its anchor */
  Entry *chain_next;
};

CHAINS_DEFINE(Entries, entries, Entry);

typedef struct {
  Entry anchor;
  guint32 length;
} List;

struct Arc {
  guint32 capacity_blocks;
  double target; /* length that T1 is to have, blocks */
  List lists[N_LISTS];
  Entries entries;
};

Arc *
arc_new(guint32 capacity_blocks)
{
  Arc *arc = g_new0(Arc, 1);

  arc->capacity_blocks = capacity_blocks;
  for (ListName l = T1; l < N_LISTS; l++)
    arc->lists[l].anchor.previous = arc->lists[l].anchor.next = &arc->lists[l].anchor;
  entries_init(&arc->entries);
  return arc;
}

void
arc_free(Arc *arc)
{
  if (arc == NULL)
    return;
  entries_clear(&arc->entries);
  g_free(arc);
}

static Entry *
find(const Arc *arc, guint64 key)
{
  return entries_find(&arc->entries, key);
}

static void
take_out(Arc *arc, Entry *entry)
{
  entry->previous->next = entry->next;
  entry->next->previous = entry->previous;
  arc->lists[entry->list].length--;
}

static void
append(Arc *arc, Entry *entry, ListName name)
{
  List *list = &arc->lists[name];

  entry->list = name;
  entry->previous = list->anchor.previous;
  entry->next = &list->anchor;
  list->anchor.previous->next = entry;
  list->anchor.previous = entry;
  list->length++;
}

static void
move(Arc *arc, Entry *entry, ListName name)
{
  take_out(arc, entry);
  append(arc, entry, name);
}

static double
step_of(const Arc *arc, ListName hit, ListName other)
{
  return MAX(1.0, (double)arc->lists[other].length / arc->lists[hit].length);
}

void
arc_miss(Arc *arc, guint64 key)
{
  Entry *entry = find(arc, key);

  if (entry == NULL || entry->list == T1 || entry->list == T2)
    return;
  if (entry->list == B1)
    arc->target = MIN(arc->target + step_of(arc, B1, B2), arc->capacity_blocks);
  else
    arc->target = MAX(arc->target - step_of(arc, B2, B1), 0);
  move(arc, entry, entry->list);
}

void
arc_insert(Arc *arc, guint64 key)
{
  Entry *entry = find(arc, key);

  if (entry != NULL) {
    g_assert(entry->list == B1 || entry->list == B2);
    move(arc, entry, T1);
    return;
  }
  append(arc, entries_add(&arc->entries, key), T1);
}

void
arc_use(Arc *arc, guint64 key, gboolean stored)
{
  Entry *entry = find(arc, key);

  if (entry != NULL && (entry->list == T1 || entry->list == T2))
    move(arc, entry, stored ? entry->list : T2);
}

/* The first entry from *at on that may go, and moves *at behind it. NULL: there is none. */
static Entry *
next_victim(const Arc *arc, ListName name, Entry **at,
            gboolean (*may_go)(gpointer data, guint64 key), gpointer data)
{
  const Entry *anchor = &arc->lists[name].anchor;

  while (*at != anchor) {
    Entry *entry = *at;
    *at = entry->next;
    if (may_go(data, entry->key))
      return entry;
  }
  return NULL;
}

static void
trim_ghosts(Arc *arc)
{
  for (ListName l = B1; l <= B2; l++)
    while (arc->lists[l].length > arc->capacity_blocks) {
      Entry *oldest = arc->lists[l].anchor.next;
      take_out(arc, oldest);
      entries_drop(&arc->entries, oldest);
    }
}

gboolean
arc_evict(Arc *arc, guint32 n, gboolean (*may_go)(gpointer data, guint64 key), gpointer data,
          GArray *keys)
{
  Entry *at_t1 = arc->lists[T1].anchor.next, *at_t2 = arc->lists[T2].anchor.next;
  g_autoptr(GPtrArray) victims = g_ptr_array_sized_new(n);
  guint32 t1_left = arc->lists[T1].length; /* after the victims so far */

  while (victims->len < n) {
    Entry *victim = NULL;
    if (t1_left >= (guint32)arc->target)
      victim = next_victim(arc, T1, &at_t1, may_go, data);
    if (victim == NULL)
      victim = next_victim(arc, T2, &at_t2, may_go, data);
    if (victim == NULL)
      victim = next_victim(arc, T1, &at_t1, may_go, data);
    if (victim == NULL)
      return FALSE;
    t1_left -= victim->list == T1;
    g_ptr_array_add(victims, victim);
  }
  for (guint i = 0; i < victims->len; i++) {
    Entry *victim = g_ptr_array_index(victims, i);
    g_array_append_val(keys, victim->key);
    move(arc, victim, victim->list == T1 ? B1 : B2);
  }
  trim_ghosts(arc);
  return TRUE;
}
