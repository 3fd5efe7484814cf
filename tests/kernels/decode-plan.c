/* Plans of decodes: every key of every sequence is read once, thread blocks have equal work, and no
 * plan is larger than decode_plan_most() says, whatever the lengths and the GPU. */
#include "config.h"

#include <glib.h>

#include "kernels/decode_plan.h"

enum { MOST_SEQUENCES = 300 };

typedef struct {
  gint32 query_starts[MOST_SEQUENCES + 1], context_lens[MOST_SEQUENCES];
  DecodeBatch batch;
} Lengths;

static void
lengths_end(Lengths *lengths)
{
  for (guint32 s = 0; s <= lengths->batch.num_sequences; s++)
    lengths->query_starts[s] = (gint32)s;
  lengths->batch.query_starts = lengths->query_starts;
  lengths->batch.context_lens = lengths->context_lens;
}

/* Even, ragged, or one long among short ones. */
static void
draw_lengths(GRand *rand, Lengths *lengths)
{
  gint32 longest = 1 << g_rand_int_range(rand, 0, 18);
  gint kind = g_rand_int_range(rand, 0, 3);

  lengths->batch.num_sequences =
      (guint32)g_rand_int_range(rand, 1, g_rand_boolean(rand) ? 8 : MOST_SEQUENCES);
  for (guint32 s = 0; s < lengths->batch.num_sequences; s++) {
    gint32 most = kind == 2 && s > 0 ? MIN(longest, 100) : longest;
    lengths->context_lens[s] = kind == 0 ? longest : g_rand_int_range(rand, 1, most + 1);
  }
  lengths_end(lengths);
}

/* Every token of every sequence is in one piece; pieces of a cut one wait for one merge. */
static void
check_whole(const DecodePlan *plan, const DecodeBatch *batch)
{
  g_autofree gint32 *tokens = g_new0(gint32, batch->num_sequences);
  g_autofree guint8 *waiting = g_new0(guint8, plan->num_partials + 1);
  g_autoptr(GHashTable) begins = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);

  for (guint32 i = 0; i < plan->num_pieces; i++) {
    const DecodePiece *piece = &plan->pieces[i];
    gint64 *begin = g_new(gint64, 1);
    *begin = ((gint64)piece->sequence << 32) + piece->first_token;
    g_assert_true(g_hash_table_add(begins, begin));
    g_assert_cmpint(piece->first_token % DECODE_UNIT_TOKENS, ==, 0);
    g_assert_cmpint(piece->num_tokens, >, 0);
    g_assert_cmpint(piece->first_token + piece->num_tokens, <=,
                    batch->context_lens[piece->sequence]);
    tokens[piece->sequence] += piece->num_tokens;
    if (piece->partial >= 0) {
      g_assert_cmpint(piece->partial, <, plan->num_partials);
      waiting[piece->partial]++;
    }
  }
  for (guint32 s = 0; s < batch->num_sequences; s++)
    g_assert_cmpint(tokens[s], ==, batch->context_lens[s]);
  for (guint32 i = 0; i < plan->num_merges; i++)
    for (gint32 p = 0; p < plan->merges[i].num_partials; p++)
      waiting[plan->merges[i].first_partial + p] += 2;
  for (guint32 p = 0; p < plan->num_partials; p++)
    g_assert_cmpuint(waiting[p], ==, 3);
}

/* Of lists of thread blocks: the most units, with one a piece, over the mean. */
static double
unevenness(const DecodePlan *plan)
{
  double most = 0, all = 0;

  for (guint32 list = 0; list < plan->num_lists; list++) {
    double load = 0;
    for (guint32 i = plan->starts[list]; i < plan->starts[list + 1]; i++)
      load += 1 + (double)((plan->pieces[i].num_tokens - 1) / DECODE_UNIT_TOKENS + 1);
    most = MAX(most, load);
    all += load;
  }
  return most / (all / plan->num_lists);
}

static void
check_random(DecodeCut cut)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);
  double fullest = 0;

  for (guint i = 0; i < 3000; i++) {
    const DecodeWays ways = {.cut = cut,
                             .thread_blocks_per_piece = 1u << g_rand_int_range(rand, 0, 7),
                             .multiprocessors = (guint32)g_rand_int_range(rand, 1, 150)};
    Lengths lengths;
    DecodePlan most, plan;
    draw_lengths(rand, &lengths);
    most = decode_plan_most(lengths.batch.num_sequences, &ways);
    g_assert_true(decode_plan_make(&plan, &lengths.batch, &ways));
    check_whole(&plan, &lengths.batch);
    if (plan.is_cut) {
      g_assert_cmpuint(plan.num_pieces, <=, most.num_pieces);
      g_assert_cmpuint(plan.num_lists, <=, most.num_lists);
      if (cut == DECODE_LISTS)
        g_assert_cmpuint(plan.num_lists, ==, most.num_lists); /* graphs count on it */
      fullest = MAX(fullest, (double)plan.num_pieces / most.num_pieces);
    } else {
      g_assert_cmpuint(plan.num_lists, ==, lengths.batch.num_sequences);
    }
    g_assert_cmpuint(plan.num_merges, <=, most.num_merges);
    g_assert_cmpuint(plan.num_partials, <=, most.num_partials);
    decode_plan_clear(&plan);
  }
  g_test_message("the fullest plan takes %.2f of the room", fullest);
  g_assert_cmpfloat(fullest, >, 0.3);
}

static void
test_lists(void)
{
  check_random(DECODE_LISTS);
}

static void
test_waves(void)
{
  check_random(DECODE_WAVES);
}

/* Batches just above a whole number of waves are cut: 9 sequences of 32 KV heads on 132
 * multiprocessors are 288 thread blocks in 264 places. Those that fill their waves are not. */
static void
test_full_waves(void)
{
  for (DecodeCut cut = DECODE_LISTS; cut <= DECODE_WAVES; cut++)
    for (guint32 count = 1; count <= 32; count++) {
      const DecodeWays ways = {.cut = cut, .thread_blocks_per_piece = 32, .multiprocessors = 132};
      Lengths lengths = {.batch.num_sequences = count};
      DecodePlan plan;
      for (guint32 s = 0; s < count; s++)
        lengths.context_lens[s] = 2048;
      lengths_end(&lengths);
      g_assert_true(decode_plan_make(&plan, &lengths.batch, &ways));
      if (count == 8 || count == 16 || count == 32)
        g_assert_false(plan.is_cut);
      if (count == 1 || count == 2 || count == 9 || count == 10 || count == 17)
        g_assert_true(plan.is_cut);
      decode_plan_clear(&plan);
    }
}

/* Whatever the contexts: thread blocks of what is cut into lists end together. */
static void
test_even(void)
{
  static const guint32 counts[] = {1, 3, 5, 9, 11, 18, 33, 70, 128, 256};
  static const guint32 kv_heads[] = {1, 4, 8, 32}, multiprocessors[] = {78, 108, 114, 132, 148};
  g_autoptr(GRand) rand = g_rand_new_with_seed(2);
  double worst = 0;
  guint num_cut = 0;

  for (guint c = 0; c < G_N_ELEMENTS(counts); c++)
    for (guint h = 0; h < G_N_ELEMENTS(kv_heads); h++)
      for (guint m = 0; m < G_N_ELEMENTS(multiprocessors); m++)
        for (gint32 shortest = 100; shortest <= 8000; shortest += 7900) {
          const DecodeWays ways = {.cut = DECODE_LISTS,
                                   .thread_blocks_per_piece = kv_heads[h],
                                   .multiprocessors = multiprocessors[m]};
          Lengths lengths = {.batch.num_sequences = counts[c]};
          DecodePlan plan;
          gint64 tokens = 0;
          for (guint32 s = 0; s < counts[c]; s++)
            tokens += lengths.context_lens[s] = g_rand_int_range(rand, shortest, 16000);
          lengths_end(&lengths);
          g_assert_true(decode_plan_make(&plan, &lengths.batch, &ways));
          if (plan.is_cut && tokens / DECODE_UNIT_TOKENS >= 20 * plan.num_lists) {
            worst = MAX(worst, unevenness(&plan));
            num_cut++;
          }
          decode_plan_clear(&plan);
        }
  g_test_message("%u plans that are cut: the longest list is %.3f of the mean", num_cut, worst);
  g_assert_cmpuint(num_cut, >, 50);
  g_assert_cmpfloat(worst, <, 1.1);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/decode-plan/lists", test_lists);
  g_test_add_func("/decode-plan/waves", test_waves);
  g_test_add_func("/decode-plan/full-waves", test_full_waves);
  g_test_add_func("/decode-plan/even", test_even);
  return g_test_run();
}
