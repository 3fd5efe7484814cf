/* For router/prefix.c. An entry is a piece that one engine was sent; entries of the same piece are
 * a list, the one used last first, which a hash table finds by the piece's key. Entries of an
 * engine are in a list by when they were used. As the pieces of a prompt are put there from the
 * last to the first, the oldest entry is always of a piece behind which its engine has none: what
 * is forgotten leaves whole prefixes, so that behind a piece that nobody has nothing needs to be
 * looked for.
 *
 *     slots  [key, first] ──▶ entry (engine 2) ──next──▶ entry (engine 0)
 *
 * Entries and slots lie in arrays, linked by indices (0: none), since there may be many millions.
 */
#include "prompt_tree.h"

#include "sim/mix.h"

enum { FIRST_SLOTS = 1 << 10 };

typedef struct {
  guint64 key;
  guint32 tokens;
  guint32 next;         /* of the same piece, used before it; of a free entry the next free one */
  guint32 newer, older; /* of the same engine */
  guint32 engine;
} Entry;

typedef struct {
  guint64 key;
  guint32 first; /* entry; 0: the slot is free */
} Slot;

typedef struct {
  guint32 newest, oldest;
  guint64 tokens;
} Remembered;

typedef struct {
  guint64 key;
  guint32 tokens;
  guint32 slot; /* where it is, as far as the prompt was found */
} Piece;

struct PromptTree {
  guint n;
  guint64 max_tokens;
  Remembered *engines; /* [n] */
  GArray *entries;     /* of Entry; the first is none */
  guint32 free_entry;  /* the first free one; 0: none is */
  Slot *slots;         /* [n_slots], a power of two; a key lies at its place or behind it */
  guint32 n_slots;
  guint32 used_slots;
  GArray *pieces; /* of Piece: the prompt that was looked for last, */
  guint found;    /* of which the first so many were found */
};

static inline Entry *
entry_at(const PromptTree *tree, guint32 index)
{
  return &g_array_index(tree->entries, Entry, index);
}

PromptTree *
prompt_tree_new(guint n, guint64 max_tokens)
{
  PromptTree *tree = g_new0(PromptTree, 1);

  tree->n = n;
  tree->max_tokens = max_tokens;
  tree->engines = g_new0(Remembered, n);
  tree->entries = g_array_new(FALSE, TRUE, sizeof(Entry));
  g_array_set_size(tree->entries, 1);
  tree->n_slots = FIRST_SLOTS;
  tree->slots = g_new0(Slot, tree->n_slots);
  tree->pieces = g_array_new(FALSE, FALSE, sizeof(Piece));
  return tree;
}

void
prompt_tree_free(PromptTree *tree)
{
  if (tree == NULL)
    return;
  g_array_unref(tree->entries);
  g_array_unref(tree->pieces);
  g_free(tree->slots);
  g_free(tree->engines);
  g_free(tree);
}

/* Slots --------------------------------------------------------------------------------------- */

/* The key's slot, or the free one where it would be. Keys are mixed. */
static guint32
find_slot(const PromptTree *tree, guint64 key)
{
  guint32 at = (guint32)key & (tree->n_slots - 1);

  while (tree->slots[at].first != 0 && tree->slots[at].key != key)
    at = (at + 1) & (tree->n_slots - 1);
  return at;
}

/* Makes room for `more` keys, at most half of the slots being used; slots may move. */
static void
reserve_slots(PromptTree *tree, guint32 more)
{
  g_autofree Slot *old = NULL;
  guint32 n = tree->n_slots;

  if (((guint64)tree->used_slots + more) * 2 <= n)
    return;
  while (((guint64)tree->used_slots + more) * 2 > tree->n_slots)
    tree->n_slots *= 2;
  old = tree->slots;
  tree->slots = g_new0(Slot, tree->n_slots);
  for (guint32 i = 0; i < n; i++)
    if (old[i].first != 0)
      tree->slots[find_slot(tree, old[i].key)] = old[i];
}

/* Frees the slot; those behind it that are not at their places move up. */
static void
free_slot(PromptTree *tree, guint32 at)
{
  guint32 mask = tree->n_slots - 1;

  tree->used_slots--;
  for (guint32 i = (at + 1) & mask; tree->slots[i].first != 0; i = (i + 1) & mask) {
    guint32 place = (guint32)tree->slots[i].key & mask;
    if (((i - place) & mask) < ((i - at) & mask))
      continue;
    tree->slots[at] = tree->slots[i];
    at = i;
  }
  tree->slots[at].first = 0;
}

/* Looking ------------------------------------------------------------------------------------- */

static void
cut_into_pieces(PromptTree *tree, const Workload *workload, guint32 index)
{
  const Request *request = workload_request(workload, index);
  guint32 known = request_hashed_tokens(request), at = 0;
  guint64 key = mix64(request->hash_block_tokens);

  g_array_set_size(tree->pieces, 0);
  for (guint32 i = 0; at < known; i++) {
    Piece piece = {.tokens = MIN(request->hash_block_tokens, known - at)};
    at += piece.tokens;
    key = mix64_chain(key, g_array_index(workload->hashes, guint64, request->hash_first + i));
    piece.key = mix64_chain(key, at);
    g_array_append_val(tree->pieces, piece);
  }
  if (known < request->prompt_tokens) {
    Piece own = {.key = mix64(~(guint64)index), .tokens = request->prompt_tokens - known};
    g_array_append_val(tree->pieces, own);
  }
}

PromptMatch
prompt_tree_find(PromptTree *tree, const Workload *workload, guint32 request)
{
  PromptMatch match = {0};

  cut_into_pieces(tree, workload, request);
  reserve_slots(tree, tree->pieces->len);
  for (tree->found = 0; tree->found < tree->pieces->len; tree->found++) {
    Piece *piece = &g_array_index(tree->pieces, Piece, tree->found);
    guint32 first;
    piece->slot = find_slot(tree, piece->key);
    first = tree->slots[piece->slot].first;
    if (first == 0)
      break;
    match.tokens += piece->tokens;
    match.engine = entry_at(tree, first)->engine;
  }
  return match;
}

/* Remembering --------------------------------------------------------------------------------- */

static void
unlink_used(PromptTree *tree, const Entry *entry)
{
  Remembered *engine = &tree->engines[entry->engine];

  *(entry->newer != 0 ? &entry_at(tree, entry->newer)->older : &engine->newest) = entry->older;
  *(entry->older != 0 ? &entry_at(tree, entry->older)->newer : &engine->oldest) = entry->newer;
}

static guint32
new_entry(PromptTree *tree, const Piece *piece, guint engine)
{
  guint32 index = tree->free_entry;

  if (index != 0) {
    tree->free_entry = entry_at(tree, index)->next;
  } else {
    index = tree->entries->len;
    g_array_set_size(tree->entries, index + 1);
  }
  *entry_at(tree, index) = (Entry){.key = piece->key, .tokens = piece->tokens, .engine = engine};
  tree->engines[engine].tokens += piece->tokens;
  return index;
}

/* The engine's entry of the piece in that slot, taken out of both lists; a new one if it has none.
 */
static guint32
take_entry(PromptTree *tree, Slot *slot, const Piece *piece, guint engine)
{
  guint32 *place = &slot->first, index;

  while (*place != 0 && entry_at(tree, *place)->engine != engine)
    place = &entry_at(tree, *place)->next;
  index = *place;
  if (index == 0)
    return new_entry(tree, piece, engine);
  *place = entry_at(tree, index)->next;
  unlink_used(tree, entry_at(tree, index));
  return index;
}

static void
use_piece(PromptTree *tree, const Piece *piece, gboolean found, guint engine)
{
  Slot *slot = &tree->slots[found ? piece->slot : find_slot(tree, piece->key)];
  Remembered *remembered = &tree->engines[engine];
  guint32 index = take_entry(tree, slot, piece, engine);
  Entry *entry = entry_at(tree, index);

  tree->used_slots += !found;
  slot->key = piece->key;
  entry->next = slot->first;
  slot->first = index;
  entry->newer = 0;
  entry->older = remembered->newest;
  *(remembered->newest != 0 ? &entry_at(tree, remembered->newest)->newer : &remembered->oldest) =
      index;
  remembered->newest = index;
}

static void
forget_oldest(PromptTree *tree, Remembered *engine)
{
  guint32 index = engine->oldest;
  Entry *entry = entry_at(tree, index);
  guint32 at = find_slot(tree, entry->key), *place = &tree->slots[at].first;

  while (*place != index)
    place = &entry_at(tree, *place)->next;
  *place = entry->next;
  if (tree->slots[at].first == 0)
    free_slot(tree, at);
  unlink_used(tree, entry);
  engine->tokens -= entry->tokens;
  entry->next = tree->free_entry;
  tree->free_entry = index;
}

void
prompt_tree_add(PromptTree *tree, guint engine)
{
  for (guint i = tree->pieces->len; i-- > 0;)
    use_piece(tree, &g_array_index(tree->pieces, Piece, i), i < tree->found, engine);
  while (tree->engines[engine].tokens > tree->max_tokens)
    forget_oldest(tree, &tree->engines[engine]);
}

guint
prompt_tree_smallest(const PromptTree *tree)
{
  guint smallest = 0;

  for (guint i = 1; i < tree->n; i++)
    if (tree->engines[i].tokens < tree->engines[smallest].tokens)
      smallest = i;
  return smallest;
}
