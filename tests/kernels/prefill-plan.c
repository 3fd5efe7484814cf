/* Prefills are dealt out evenly: no thread block of the persistent kernel has much more work than
 * the mean, or than the longest item where that is more. Where a thread block has but two or three
 * items of unlike lengths, no deal is even; there Graham's bound holds: the mean and the longest.
 */
#include "config.h"

#include <glib.h>

#include "kernels/prefill_plan.h"

typedef struct {
  guint32 heads, kv_heads;
} Heads;

static const Heads all_heads[] = {{32, 32}, {32, 8}, {64, 8}, {40, 40}, {28, 4}};
static const guint32 all_multiprocessors[] = {78, 108, 114, 132, 148};

/* A plan of prompts without a cached prefix. */
typedef struct {
  PrefillItems items;
  guint32 num_items, num_lists;
  PrefillTile *tiles;
  guint32 *dealt, *starts;
} Plan;

static void
plan_clear(Plan *plan)
{
  g_free(plan->tiles);
  g_free(plan->dealt);
  g_free(plan->starts);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Plan, plan_clear)

static void
make_plan(Plan *plan, const gint32 *tokens, guint32 num_sequences, const Heads *heads,
          guint32 head_dim, guint32 multiprocessors)
{
  g_autofree gint32 *starts = g_new0(gint32, num_sequences + 1);
  guint32 num_tiles;

  for (guint32 s = 0; s < num_sequences; s++)
    starts[s + 1] = starts[s] + tokens[s];
  num_tiles = (guint32)prefill_plan_count(starts, num_sequences);
  plan->tiles = g_new(PrefillTile, num_tiles);
  prefill_plan_cut(starts, tokens, num_sequences, plan->tiles);
  plan->items = (PrefillItems){
      .tiles = plan->tiles,
      .num_tiles = num_tiles,
      .heads = heads->heads,
      .kv_heads = heads->kv_heads,
      .num_groups = prefill_plan_groups(plan->tiles, num_tiles, heads->kv_heads, head_dim),
  };
  plan->num_items = num_tiles * heads->heads;
  plan->num_lists = MIN(plan->num_items, multiprocessors);
  plan->dealt = g_new(guint32, plan->num_items);
  plan->starts = g_new(guint32, plan->num_lists + 1);
  g_assert_true(prefill_items_deal(&plan->items, plan->num_lists, plan->dealt, plan->starts));
}

/* Tiles of keys that an item reads. */
static guint64
keys_of(const Plan *plan, guint32 item)
{
  guint32 head;
  const PrefillTile *tile = &plan->tiles[prefill_items_tile(&plan->items, item, &head)];

  return (guint64)((tile->num_keys - 1) / PREFILL_TILE_KEYS + 1);
}

typedef struct {
  double most, mean, longest; /* of lists, of lists, of items: tiles of keys, and one an item */
} Loads;

static Loads
loads_of(const Plan *plan)
{
  Loads loads = {0};

  for (guint32 list = 0; list < plan->num_lists; list++) {
    double load = 0;
    for (guint32 i = plan->starts[list]; i < plan->starts[list + 1]; i++) {
      double item = (double)keys_of(plan, plan->dealt[i]) + 1;
      load += item;
      loads.longest = MAX(loads.longest, item);
    }
    loads.most = MAX(loads.most, load);
    loads.mean += load / plan->num_lists;
  }
  g_assert_cmpfloat(loads.most, <, loads.mean + loads.longest);
  return loads;
}

/* Every item is in one list, and lists keep the items' order. */
static void
check_dealt(const Plan *plan)
{
  g_autofree gboolean *seen = g_new0(gboolean, plan->num_items);

  g_assert_cmpuint(plan->starts[0], ==, 0);
  g_assert_cmpuint(plan->starts[plan->num_lists], ==, plan->num_items);
  for (guint32 list = 0; list < plan->num_lists; list++) {
    g_assert_cmpuint(plan->starts[list], <, plan->starts[list + 1]);
    for (guint32 i = plan->starts[list]; i < plan->starts[list + 1]; i++) {
      g_assert_cmpuint(plan->dealt[i], <, plan->num_items);
      g_assert_false(seen[plan->dealt[i]]);
      seen[plan->dealt[i]] = TRUE;
      if (i > plan->starts[list])
        g_assert_cmpuint(plan->dealt[i - 1], <, plan->dealt[i]);
    }
  }
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
          g_auto(Plan) plan = {0};
          Loads loads;
          double found;
          make_plan(&plan, &lengths[l], 1, &all_heads[h], head_dim, all_multiprocessors[m]);
          check_dealt(&plan);
          loads = loads_of(&plan);
          found = loads.most / MAX(loads.mean, loads.longest);
          if (found >= 1.1 && plan.num_items < 4 * plan.num_lists)
            few = MAX(few, found);
          else
            worst = MAX(worst, found);
        }
  g_test_message("the longest list is %.3f of the least that it can be, %.3f where lists have less "
                 "than four items",
                 worst, few);
  g_assert_cmpfloat(worst, <, 1.1);
}

/* A burst's steps, and prompts of all lengths together. */
static void
test_ragged(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);

  for (guint i = 0; i < 300; i++) {
    gint32 tokens[16];
    guint32 count = (guint32)g_rand_int_range(rand, 1, G_N_ELEMENTS(tokens) + 1);
    g_auto(Plan) plan = {0};
    for (guint32 s = 0; s < count; s++)
      tokens[s] = g_rand_int_range(rand, 2, 1 << g_rand_int_range(rand, 2, 13));
    make_plan(&plan, tokens, count, &all_heads[i % G_N_ELEMENTS(all_heads)], 128, 132);
    check_dealt(&plan);
    loads_of(&plan);
  }
}

/* What is in a group is worked on together: all tiles of its heads, the longest first. */
static void
test_order(void)
{
  for (guint h = 0; h < G_N_ELEMENTS(all_heads); h++) {
    const gint32 tokens = 6000;
    g_auto(Plan) plan = {0};
    guint32 before = 0, largest = 0, members = 0;
    make_plan(&plan, &tokens, 1, &all_heads[h], 128, 132);
    for (guint32 i = 0; i < plan.num_items; i++) {
      guint32 head, tile = prefill_items_tile(&plan.items, i, &head);
      if (tile < before) { /* the next group begins */
        g_assert_cmpuint(head, ==, largest + 1);
        g_assert_cmpuint(tile, ==, 0);
        members = 0;
      }
      largest = MAX(largest, head);
      members += tile == 0;
      g_assert_cmpuint(head + members, >, largest);
      before = tile;
    }
    g_assert_cmpuint(largest, ==, all_heads[h].heads - 1);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/prefill-plan/even", test_even);
  g_test_add_func("/prefill-plan/ragged", test_ragged);
  g_test_add_func("/prefill-plan/order", test_order);
  return g_test_run();
}
