/* No plan of decodes is larger than decode_plan_most() says, whatever the lengths and the GPU. */
#include "config.h"

#include <glib.h>

#include "kernels/decode_plan.h"

enum { MOST_SEQUENCES = 300 };

typedef struct {
  gint32 query_starts[MOST_SEQUENCES + 1], context_lens[MOST_SEQUENCES];
  guint32 count;
} Lengths;

/* Even, ragged, or one long among short ones. */
static void
draw_lengths(GRand *rand, Lengths *lengths)
{
  gint32 longest = 1 << g_rand_int_range(rand, 0, 18);
  gint kind = g_rand_int_range(rand, 0, 3);

  lengths->count = (guint32)g_rand_int_range(rand, 1, g_rand_boolean(rand) ? 8 : MOST_SEQUENCES);
  for (guint32 s = 0; s < lengths->count; s++) {
    gint32 most = kind == 2 && s > 0 ? MIN(longest, 100) : longest;
    lengths->query_starts[s] = (gint32)s;
    lengths->context_lens[s] = kind == 0 ? longest : g_rand_int_range(rand, 1, most + 1);
  }
  lengths->query_starts[lengths->count] = (gint32)lengths->count;
}

static void
test_most(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);
  double fullest = 0;

  for (guint i = 0; i < 20000; i++) {
    guint32 thread_blocks = 1u << g_rand_int_range(rand, 0, 7);
    guint32 multiprocessors = (guint32)g_rand_int_range(rand, 1, 150);
    Lengths lengths;
    DecodeCounts most, found;
    gint32 piece_tokens;
    draw_lengths(rand, &lengths);
    most = decode_plan_most(lengths.count, thread_blocks, multiprocessors);
    piece_tokens = decode_plan_piece_tokens(lengths.query_starts, lengths.context_lens,
                                            lengths.count, thread_blocks, multiprocessors);
    found =
        decode_plan_count(lengths.query_starts, lengths.context_lens, lengths.count, piece_tokens);
    g_assert_cmpuint(found.num_pieces, <=, most.num_pieces);
    g_assert_cmpuint(found.num_merges, <=, most.num_merges);
    g_assert_cmpuint(found.num_partials, <=, most.num_partials);
    if (found.num_merges > 0)
      fullest = MAX(fullest, (double)found.num_pieces / most.num_pieces);
  }
  g_test_message("the fullest plan takes %.2f of the room", fullest);
  g_assert_cmpfloat(fullest, >, 0.3);
}

/* Batches just above a whole number of waves are cut: 9 sequences of 32 KV heads on 132
 * multiprocessors are 288 thread blocks in 264 places. Those that fill their waves are not. */
static void
test_waves(void)
{
  for (guint32 count = 1; count <= 32; count++) {
    gint32 query_starts[33], context_lens[32], piece_tokens;
    for (guint32 s = 0; s <= count; s++)
      query_starts[s] = (gint32)s;
    for (guint32 s = 0; s < count; s++)
      context_lens[s] = 2048;
    piece_tokens = decode_plan_piece_tokens(query_starts, context_lens, count, 32, 132);
    if (count == 8 || count == 16 || count == 32)
      g_assert_cmpint(piece_tokens, >=, 2048);
    if (count == 1 || count == 2 || count == 9 || count == 10 || count == 17)
      g_assert_cmpint(piece_tokens, <, 2048);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/decode-plan/most", test_most);
  g_test_add_func("/decode-plan/waves", test_waves);
  return g_test_run();
}
