/* The order in which blocks leave the host: what vLLM 0.33's own ARCCachePolicy did in this story,
 * and how offers are counted.
 */
#include "sim/offload/arc.h"
#include "sim/offload/offer_counts.h"

#define CAPACITY 4

typedef struct {
  guint64 keys[3]; /* 0 ends them */
  guint64 gone[3]; /* and what leaves for them, in order; of a request's end none */
  gboolean ends;   /* a request ends that stored the keys, */
  guint64 found[2]; /* and found these */
} Act;

static const Act story[] = {
    {.keys = {1, 2}},
    {.keys = {2, 1}, .ends = TRUE},
    {.keys = {3, 4}},
    {.keys = {4, 3}, .ends = TRUE, .found = {1}},
    {.keys = {5}, .gone = {2}},
    {.keys = {6}, .gone = {4}},
    {.keys = {2}, .gone = {3}},
    {.keys = {2}, .ends = TRUE},
    {.keys = {7, 8}, .gone = {5, 6}},
    {.keys = {8, 7}, .ends = TRUE, .found = {2}},
    {.keys = {3}, .gone = {8}},
    {.keys = {5, 6}, .gone = {1, 2}},
    {.keys = {9}, .gone = {7}},
    {.keys = {9, 5}, .ends = TRUE, .found = {3}},
    {.keys = {1, 2, 4}, .gone = {6, 9, 3}},
    {.keys = {10}, .gone = {5}},
    {.keys = {7}, .gone = {1}},
};

static guint32
count(const guint64 *keys, guint32 most)
{
  guint32 n = 0;

  while (n < most && keys[n] != 0)
    n++;
  return n;
}

static gboolean
may_go(gpointer data, guint64 key)
{
  const Act *act = data;

  for (guint i = 0; i < G_N_ELEMENTS(act->keys); i++)
    if (act->keys[i] == key)
      return FALSE;
  return TRUE;
}

static void
store(Arc *arc, const Act *act, guint32 *present)
{
  g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(guint64));
  guint32 n = count(act->keys, 3), expected = count(act->gone, 3);

  for (guint32 i = n; i-- > 0;)
    arc_miss(arc, act->keys[i]);
  g_assert_cmpuint(expected, ==, *present + n > CAPACITY ? *present + n - CAPACITY : 0);
  g_assert_true(arc_evict(arc, expected, may_go, (gpointer)act, gone));
  g_assert_cmpmem(gone->data, gone->len * sizeof(guint64), act->gone, expected * sizeof(guint64));
  for (guint32 i = 0; i < n; i++)
    arc_insert(arc, act->keys[i]);
  *present += n - expected;
}

static void
test_arc(void)
{
  Arc *arc = arc_new(CAPACITY);
  guint32 present = 0;

  for (guint a = 0; a < G_N_ELEMENTS(story); a++) {
    const Act *act = &story[a];
    if (!act->ends) {
      store(arc, act, &present);
      continue;
    }
    for (guint32 i = 0; i < count(act->keys, 3); i++)
      arc_use(arc, act->keys[i], TRUE);
    for (guint32 i = 0; i < count(act->found, 2); i++)
      arc_use(arc, act->found[i], FALSE);
  }
  arc_free(arc);
}

static gboolean
never(gpointer data G_GNUC_UNUSED, guint64 key G_GNUC_UNUSED)
{
  return FALSE;
}

/* Too few to evict: nothing changes. */
static void
test_too_few(void)
{
  const Act nobody = {0};
  Arc *arc = arc_new(CAPACITY);
  g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(guint64));

  arc_insert(arc, 1);
  g_assert_false(arc_evict(arc, 2, may_go, (gpointer)&nobody, gone));
  g_assert_false(arc_evict(arc, 1, never, NULL, gone));
  g_assert_cmpuint(gone->len, ==, 0);
  g_assert_true(arc_evict(arc, 1, may_go, (gpointer)&nobody, gone));
  g_assert_cmpuint(g_array_index(gone, guint64, 0), ==, 1);
  arc_free(arc);
}

/* The longest ago offered keys are forgotten, but none for another of the same offer. */
static void
test_counts(void)
{
  OfferCounts *counts = offer_counts_new();
  g_autofree guint64 *keys = g_new(guint64, OFFER_COUNTS_MAX + 1);

  for (guint64 i = 0; i <= OFFER_COUNTS_MAX; i++)
    keys[i] = i + 1;
  offer_counts_note(counts, keys, 2);
  offer_counts_note(counts, keys + 1, 1);
  g_assert_cmpuint(offer_counts_of(counts, 1), ==, 1);
  g_assert_cmpuint(offer_counts_of(counts, 2), ==, 2);
  offer_counts_note(counts, keys + 2, OFFER_COUNTS_MAX - 1);
  g_assert_cmpuint(offer_counts_of(counts, 1), ==, 0);
  g_assert_cmpuint(offer_counts_of(counts, 2), ==, 2);
  offer_counts_note(counts, keys + 1, OFFER_COUNTS_MAX);
  g_assert_cmpuint(offer_counts_of(counts, 2), ==, 3);
  g_assert_cmpuint(offer_counts_of(counts, OFFER_COUNTS_MAX + 1), ==, 2);
  offer_counts_free(counts);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/tier/arc", test_arc);
  g_test_add_func("/tier/too-few", test_too_few);
  g_test_add_func("/tier/offer-counts", test_counts);
  return g_test_run();
}
