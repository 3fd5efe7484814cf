/* Prefills are dealt out evenly, and every row of every head meets every key that it sees once.
 *
 * Whole items: no thread block has much more work than the mean, or than the longest item where
 * that is more; where a thread block has but two or three of unlike lengths, no deal is even, and
 * Graham's bound holds: the mean and the longest. Items that may be cut are even whatever the
 * lengths. */
#include "config.h"

#include <glib.h>

#include "kernels/prefill_plan.h"

enum { TILE_ROWS = 128, WIDE_ROWS = 192 };

typedef struct {
  guint32 heads, kv_heads;
} Heads;

static const Heads all_heads[] = {{32, 32}, {32, 8}, {64, 8}, {40, 40}, {28, 4}};
static const guint32 all_multiprocessors[] = {78, 108, 114, 132, 148};

typedef struct {
  PrefillBatch batch;
  gint32 *starts;
  PrefillWays ways;
  PrefillPlan plan;
} Case;

static void
case_clear(Case *c)
{
  prefill_plan_clear(&c->plan);
  g_free(c->starts);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Case, case_clear)

static PrefillWays
persistent(guint32 multiprocessors, gboolean may_cut)
{
  return (PrefillWays){.tile_rows = TILE_ROWS,
                       .places = multiprocessors,
                       .is_persistent = TRUE,
                       .may_cut = may_cut,
                       .piece_tiles = 2.5,
                       .merge_tiles = 3.5};
}

/* Of heads of 64 dimensions. */
static PrefillWays
persistent_wide(guint32 multiprocessors, gboolean may_cut)
{
  PrefillWays ways = persistent(multiprocessors, may_cut);

  ways.tile_rows = WIDE_ROWS;
  return ways;
}

static PrefillWays
portable(guint32 multiprocessors, gboolean may_cut)
{
  return (PrefillWays){.tile_rows = TILE_ROWS,
                       .places = 2 * multiprocessors,
                       .may_cut = may_cut,
                       .piece_tiles = 0.5,
                       .merge_tiles = 0.6};
}

/* `contexts` NULL: no cached prefix. */
static void
make(Case *c, const gint32 *tokens, const gint32 *contexts, guint32 num_sequences,
     const Heads *heads, guint32 head_dim, PrefillWays ways)
{
  PrefillPlan most;

  c->starts = g_new0(gint32, num_sequences + 1);
  for (guint32 s = 0; s < num_sequences; s++)
    c->starts[s + 1] = c->starts[s] + tokens[s];
  c->ways = ways;
  c->batch = (PrefillBatch){.query_starts = c->starts,
                            .context_lens = contexts == NULL ? tokens : contexts,
                            .num_sequences = num_sequences,
                            .heads = heads->heads,
                            .kv_heads = heads->kv_heads,
                            .head_dim = head_dim};
  g_assert_true(prefill_plan_make(&c->plan, &c->batch, &ways));
  most = prefill_plan_most((guint32)c->starts[num_sequences], num_sequences, heads->heads, &ways);
  g_assert_cmpuint(c->plan.num_items, <=, most.num_items);
  g_assert_cmpuint(c->plan.num_lists, <=, most.num_lists);
  g_assert_cmpuint(c->plan.num_merges, <=, most.num_merges);
  g_assert_cmpuint(c->plan.num_partials, <=, most.num_partials);
}

/* Tiles of keys that an item reads, and one for what it takes by itself. */
static double
load_of(const PrefillItem *item)
{
  return (double)((item->end_key - item->first_key - 1) / PREFILL_TILE_KEYS + 2);
}

typedef struct {
  double most, mean, longest; /* of thread blocks, of those, of items */
} Loads;

static void
add_item(Loads *loads, double *load, const PrefillItem *item)
{
  *load += load_of(item);
  loads->longest = MAX(loads->longest, load_of(item));
  loads->most = MAX(loads->most, *load);
}

/* Of lists as they are; of the portable kernel as the hardware hands items out: each to the place
 * that is free first. */
static Loads
loads_of(const Case *c)
{
  const PrefillPlan *plan = &c->plan;
  const guint32 places = c->ways.is_persistent ? plan->num_lists : c->ways.places;
  g_autofree double *loads_of_places = g_new0(double, places);
  Loads loads = {0};

  if (c->ways.is_persistent)
    for (guint32 list = 0; list < plan->num_lists; list++)
      for (guint32 i = plan->starts[list]; i < plan->starts[list + 1]; i++)
        add_item(&loads, &loads_of_places[list], &plan->items[i]);
  else
    for (guint32 i = 0; i < plan->num_items; i++) {
      guint32 first = 0;
      for (guint32 place = 1; place < places; place++)
        if (loads_of_places[place] < loads_of_places[first])
          first = place;
      add_item(&loads, &loads_of_places[first], &plan->items[i]);
    }
  for (guint32 place = 0; place < places; place++)
    loads.mean += loads_of_places[place] / places;
  return loads;
}

/* A place of a tile of rows of a head, along the keys. */
static gint64
place_of(const PrefillItem *item, gint32 key)
{
  return (((gint64)item->sequence * 64 + item->head) << 44) + ((gint64)item->first_row << 20) +
         key / PREFILL_TILE_KEYS;
}

/* How many keys the last row of an item's tile sees. */
static gint32
keys_of(const Case *c, const PrefillItem *item)
{
  const gint32 tokens = c->starts[item->sequence + 1] - c->starts[item->sequence];
  const gint32 packed = (gint32)c->plan.packed_heads;
  const gint32 end = MIN(item->first_row + (gint32)c->ways.tile_rows, tokens * packed);

  g_assert_cmpint(item->first_row, <, tokens * packed);
  return c->batch.context_lens[item->sequence] - tokens + (end - 1) / packed + 1;
}

/* Every tile of every head is there, and its pieces follow each other from the first key to the
 * last that it sees: each begins once, and ends where another begins. */
static void
check_pairs(const Case *c)
{
  const PrefillPlan *plan = &c->plan;
  g_autofree gint64 *places = g_new(gint64, plan->num_items + 1);
  g_autoptr(GHashTable) begins = g_hash_table_new(g_int64_hash, g_int64_equal);
  guint32 whole = 0, expected = 0;

  for (guint32 i = 0; i < plan->num_items; i++) {
    const PrefillItem *item = &plan->items[i];
    g_assert_cmpint(item->head % (gint32)plan->packed_heads, ==, 0);
    g_assert_cmpint(item->first_row % (gint32)c->ways.tile_rows, ==, 0);
    g_assert_cmpint(item->first_key % PREFILL_TILE_KEYS, ==, 0);
    g_assert_cmpint(item->end_key, >, item->first_key);
    places[i] = place_of(item, item->first_key);
    g_assert_true(g_hash_table_add(begins, &places[i]));
    whole += item->first_key == 0;
  }
  for (guint32 i = 0; i < plan->num_items; i++) {
    const PrefillItem *item = &plan->items[i];
    const gint64 end = place_of(item, item->end_key);
    if (item->end_key == keys_of(c, item))
      continue;
    g_assert_cmpint(item->end_key % PREFILL_TILE_KEYS, ==, 0);
    g_assert_cmpint(item->end_key, <, keys_of(c, item));
    g_assert_true(g_hash_table_contains(begins, &end));
  }
  for (guint32 s = 0; s < c->batch.num_sequences; s++) {
    const guint32 tokens = (guint32)(c->starts[s + 1] - c->starts[s]);
    if (tokens > 1)
      expected += ((tokens * plan->packed_heads - 1) / c->ways.tile_rows + 1) *
                  (c->batch.heads / plan->packed_heads);
  }
  g_assert_cmpuint(whole, ==, expected);
}

/* The partials of a merge are those of its tile's pieces. */
static void
check_merges(const Case *c)
{
  const PrefillPlan *plan = &c->plan;
  g_autofree guint32 *merge_of = g_new(guint32, plan->num_partials + 1);
  guint32 waiting = 0, next = 0;

  for (guint32 m = 0; m < plan->num_merges; m++)
    for (gint32 p = 0; p < plan->merges[m].num_partials; p++) {
      g_assert_cmpint(plan->merges[m].first_partial + p, ==, next);
      merge_of[next++] = m;
    }
  g_assert_cmpuint(next, ==, plan->num_partials);
  for (guint32 i = 0; i < plan->num_items; i++) {
    const PrefillItem *item = &plan->items[i];
    const gboolean is_whole = item->first_key == 0 && item->end_key == keys_of(c, item);
    g_assert_true(is_whole == (item->partial < 0));
    if (is_whole)
      continue;
    g_assert_cmpint(item->partial, <, plan->num_partials);
    const AttentionMerge *merge = &plan->merges[merge_of[item->partial]];
    g_assert_cmpint(item->sequence, ==, merge->sequence);
    g_assert_cmpint(item->first_row, ==, merge->first_row);
    g_assert_cmpint(item->head, ==, merge->head);
    waiting++;
  }
  g_assert_cmpuint(waiting, ==, plan->num_partials);
}

static void
test_even(void)
{
  static const gint32 lengths[] = {512,  777,  1024, 1500,  2048,  3000,
                                   4096, 6000, 8192, 12000, 16384, 32768};
  double worst = 0, few = 0;

  for (guint l = 0; l < G_N_ELEMENTS(lengths); l++)
    for (guint h = 0; h < G_N_ELEMENTS(all_heads); h++)
      for (guint m = 0; m < G_N_ELEMENTS(all_multiprocessors); m++)
        for (guint32 head_dim = 64; head_dim <= 128; head_dim += 64) {
          g_auto(Case) c = {0};
          Loads loads;
          double found;
          make(&c, &lengths[l], NULL, 1, &all_heads[h], head_dim,
               persistent(all_multiprocessors[m], FALSE));
          loads = loads_of(&c);
          g_assert_cmpfloat(loads.most, <, loads.mean + loads.longest);
          found = loads.most / MAX(loads.mean, loads.longest);
          if (found >= 1.1 && c.plan.num_items < 4 * c.plan.num_lists)
            few = MAX(few, found);
          else
            worst = MAX(worst, found);
        }
  g_test_message("the longest list is %.3f of the least that it can be, %.3f where lists have less "
                 "than four items",
                 worst, few);
  g_assert_cmpfloat(worst, <, 1.1);
}

/* Chunks of all lengths behind contexts of all lengths: what is cut is even. */
static void
check_short(PrefillWays (*ways)(guint32, gboolean), double most)
{
  static const gint32 chunks[] = {2, 16, 64, 100, 128, 256, 512, 1000, 2048};
  static const gint32 cached[] = {0, 500, 2048, 8192, 32768, 100000};
  double worst = 0, gain = 1, loss = 0;
  guint num_cut = 0;

  for (guint i = 0; i < G_N_ELEMENTS(chunks) * G_N_ELEMENTS(cached); i++)
    for (guint h = 0; h < G_N_ELEMENTS(all_heads); h++)
      for (guint m = 0; m < G_N_ELEMENTS(all_multiprocessors); m++) {
        const gint32 tokens = chunks[i / G_N_ELEMENTS(cached)];
        const gint32 context = tokens + cached[i % G_N_ELEMENTS(cached)];
        g_auto(Case) c = {0}, whole = {0};
        Loads loads, before;
        make(&c, &tokens, &context, 1, &all_heads[h], 128, ways(all_multiprocessors[m], TRUE));
        make(&whole, &tokens, &context, 1, &all_heads[h], 128, ways(all_multiprocessors[m], FALSE));
        check_pairs(&c);
        check_merges(&c);
        loads = loads_of(&c);
        before = loads_of(&whole);
        loss = MAX(loss, loads.most / before.most);
        if (c.plan.num_partials == 0)
          continue;
        num_cut++;
        gain = MIN(gain, loads.most / before.most);
        if (loads.mean >= 20)
          worst = MAX(worst, loads.most / loads.mean);
      }
  g_test_message(
      "%u of them are cut: the longest list is %.3f of the mean, and takes down to %.3f of "
      "the time that it took whole; at worst %.3f",
      num_cut, worst, gain, loss);
  g_assert_cmpuint(num_cut, >, 100);
  g_assert_cmpfloat(worst, <, most);
  g_assert_cmpfloat(gain, <, 0.1);
  g_assert_cmpfloat(loss, <=, 1.1);
}

static void
test_short(void)
{
  check_short(persistent, 1.1);
}

static void
test_short_wide(void)
{
  check_short(persistent_wide, 1.1);
}

/* The hardware deals pieces out. */
static void
test_short_portable(void)
{
  check_short(portable, 1.1);
}

/* Short chunks of models with few KV heads fill tiles by packing their heads. */
static void
test_packed(void)
{
  const gint32 tokens[] = {16, 16, 16, 16}, context[] = {16, 1016, 2016, 3016}, one = 4096;
  g_auto(Case) many = {0}, mha = {0}, full = {0};

  make(&many, tokens, context, 4, &(Heads){32, 8}, 128, persistent(132, TRUE));
  g_assert_cmpuint(many.plan.packed_heads, ==, 4);
  check_pairs(&many);
  make(&mha, tokens, context, 4, &(Heads){32, 32}, 128, persistent(132, TRUE));
  g_assert_cmpuint(mha.plan.packed_heads, ==, 1);
  make(&full, &one, NULL, 1, &(Heads){32, 8}, 128, persistent(132, TRUE));
  g_assert_cmpuint(full.plan.packed_heads, ==, 1); /* tiles are full anyway */
}

/* A burst's steps, and prompts of all lengths together. */
static void
test_ragged(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);
  guint num_cut = 0;

  for (guint i = 0; i < 300; i++) {
    gint32 tokens[16], contexts[16];
    guint32 count = (guint32)g_rand_int_range(rand, 1, G_N_ELEMENTS(tokens) + 1);
    const gboolean may_cut = g_rand_boolean(rand);
    const PrefillWays ways =
        g_rand_boolean(rand) ? persistent(132, may_cut) : portable(132, may_cut);
    g_auto(Case) c = {0};
    for (guint32 s = 0; s < count; s++) {
      tokens[s] = g_rand_int_range(rand, 0, 1 << g_rand_int_range(rand, 2, 12));
      contexts[s] = tokens[s] + g_rand_int_range(rand, 0, 1 << g_rand_int_range(rand, 0, 13));
    }
    make(&c, tokens, contexts, count, &all_heads[i % G_N_ELEMENTS(all_heads)], 128, ways);
    check_pairs(&c);
    check_merges(&c);
    num_cut += c.plan.num_partials > 0;
    if (!may_cut)
      g_assert_cmpuint(c.plan.num_partials, ==, 0);
  }
  g_assert_cmpuint(num_cut, >, 20);
}

/* What is in a group is worked on together: all tiles of its heads, the longest first. */
static void
test_order(void)
{
  for (guint h = 0; h < G_N_ELEMENTS(all_heads); h++) {
    const gint32 tokens = 6000;
    const guint32 groups = prefill_plan_groups(tokens, all_heads[h].kv_heads, 128);
    const guint32 ratio = all_heads[h].heads / all_heads[h].kv_heads;
    guint32 group = 0;
    gint32 keys = tokens;
    g_auto(Case) c = {0};
    make(&c, &tokens, NULL, 1, &all_heads[h], 128, portable(132, FALSE));
    for (guint32 i = 0; i < c.plan.num_items; i++) {
      const PrefillItem *item = &c.plan.items[i];
      const guint32 kv_head = (guint32)item->head / ratio;
      const guint32 of = ((kv_head + 1) * groups - 1) / all_heads[h].kv_heads;
      if (of != group) { /* the next group begins */
        g_assert_cmpuint(of, ==, group + 1);
        group = of;
        keys = tokens;
      }
      g_assert_cmpint(item->end_key, <=, keys);
      keys = item->end_key;
    }
    g_assert_cmpuint(group, ==, groups - 1);
    check_pairs(&c);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/prefill-plan/even", test_even);
  g_test_add_func("/prefill-plan/short", test_short);
  g_test_add_func("/prefill-plan/short-wide", test_short_wide);
  g_test_add_func("/prefill-plan/short-portable", test_short_portable);
  g_test_add_func("/prefill-plan/packed", test_packed);
  g_test_add_func("/prefill-plan/ragged", test_ragged);
  g_test_add_func("/prefill-plan/order", test_order);
  return g_test_run();
}
