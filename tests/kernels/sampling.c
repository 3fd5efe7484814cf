/* The sampling reference against the header's rule, in floating point and without sorting: a
 * candidate's rank is how many come before it. */
#include "kernels/sampling.h"

#include <glib.h>
#include <math.h>

enum { CASES = 3000, VOCAB_MAX = 60 };

static gboolean
comes_before(const float *logits, size_t a, size_t b)
{
  return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

static size_t
rank_of(const float *logits, size_t vocab, size_t id)
{
  size_t rank = 0;

  for (size_t i = 0; i < vocab; i++)
    rank += comes_before(logits, i, id);
  return rank;
}

/* Probabilities by rank, of what top k and top p leave; FALSE where a sum lies so near to a limit
 * that rounding decides. */
static gboolean
probabilities(const float *logits, size_t vocab, const SamplingParams *params, double *by_rank,
              size_t *ids, size_t *kept)
{
  double sum = 0, before = 0;

  for (size_t i = 0; i < vocab; i++) {
    size_t rank = rank_of(logits, vocab, i);
    ids[rank] = i;
    by_rank[rank] = (double)logits[i];
  }
  for (size_t r = vocab; r-- > 0;)
    by_rank[r] = exp((by_rank[r] - by_rank[0]) / (double)params->temperature);
  *kept = params->top_k > 0 ? MIN(params->top_k, vocab) : vocab;
  for (size_t r = 0; r < *kept; r++)
    sum += by_rank[r];
  for (size_t r = 0; r < *kept && params->top_p < 1; r++) {
    double away = before - (double)params->top_p * sum;
    if (r > 0 && fabs(away) < 1e-9)
      return FALSE;
    if (r > 0 && away > 0)
      *kept = r;
    else
      before += by_rank[r];
  }
  return TRUE;
}

/* The token by the rule; -1 where rounding decides. */
static int32_t
expected_token(const float *logits, size_t vocab, const SamplingParams *params, float uniform)
{
  double by_rank[VOCAB_MAX], sum = 0, before = 0;
  size_t ids[VOCAB_MAX], kept;

  if (!probabilities(logits, vocab, params, by_rank, ids, &kept))
    return -1;
  for (size_t r = 0; r < kept; r++)
    sum += by_rank[r];
  for (size_t r = 0; r < kept; r++) {
    before += by_rank[r];
    if (fabs(before - (double)uniform * sum) < 1e-9)
      return -1;
    if (before > (double)uniform * sum)
      return (int32_t)ids[r];
  }
  return -1;
}

static void
fill_logits(GRand *rand, float *logits, size_t vocab)
{
  gboolean coarse = g_rand_boolean(rand); /* many ties */

  for (size_t i = 0; i < vocab; i++)
    logits[i] =
        coarse ? (float)g_rand_int_range(rand, -4, 4) : (float)g_rand_double_range(rand, -8, 8);
}

static void
test_sampled(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);
  int decided = 0;

  for (int c = 0; c < CASES; c++) {
    size_t vocab = (size_t)g_rand_int_range(rand, 1, VOCAB_MAX + 1);
    SamplingParams params = {
        .temperature = (float)g_rand_double_range(rand, 0.2, 3),
        .top_k = g_rand_boolean(rand) ? (uint32_t)g_rand_int_range(rand, 1, VOCAB_MAX + 9) : 0,
        .top_p = g_rand_boolean(rand) ? (float)g_rand_double(rand) : 1,
    };
    float logits[VOCAB_MAX], uniform = (float)g_rand_int_range(rand, 0, 1 << 24) / (1 << 24);
    int32_t token = -2, expected;

    fill_logits(rand, logits, vocab);
    sample_reference(logits, 1, vocab, vocab, &params, &uniform, &token);
    expected = expected_token(logits, vocab, &params, uniform);
    if (expected >= 0) {
      decided++;
      g_assert_cmpint(token, ==, expected);
    }
  }
  g_assert_cmpint(decided, >, CASES * 9 / 10);
}

/* Over an even grid of numbers each token comes up as often as it is probable. */
static void
test_distribution(void)
{
  enum { DRAWS = 1 << 16 };
  static const float logits[] = {0, 1.5f, -1, 0.25f, 1.5f};
  const SamplingParams params = {.temperature = 0.7f, .top_p = 1};
  guint drawn[G_N_ELEMENTS(logits)] = {0};
  double sum = 0;

  for (guint i = 0; i < G_N_ELEMENTS(logits); i++)
    sum += exp((double)logits[i] / (double)params.temperature);
  for (guint i = 0; i < DRAWS; i++) {
    float uniform = (float)i / DRAWS;
    int32_t token;
    sample_reference(logits, 1, G_N_ELEMENTS(logits), 5, &params, &uniform, &token);
    drawn[token]++;
  }
  for (guint i = 0; i < G_N_ELEMENTS(logits); i++)
    g_assert_cmpfloat(
        fabs(drawn[i] - DRAWS * exp((double)logits[i] / (double)params.temperature) / sum), <, 2);
}

static void
test_greedy(void)
{
  enum { ROWS = 3, VOCAB = 4, STRIDE = 6 };
  static const float logits[ROWS * STRIDE] = {1,  3, 3, 2,         9,   9,         NAN, -5, NAN,
                                              -4, 9, 9, -INFINITY, NAN, -INFINITY, NAN, 9,  9};
  const SamplingParams params = {.temperature = 0, .top_k = 3, .top_p = 0.1f};
  int32_t tokens[ROWS];

  sample_reference(logits, ROWS, VOCAB, STRIDE, &params, NULL, tokens);
  g_assert_cmpint(tokens[0], ==, 1);
  g_assert_cmpint(tokens[1], ==, 3);
  g_assert_cmpint(tokens[2], ==, 0);
}

/* One candidate is left whatever the number; ties are cut by id; what is not a number never comes.
 */
static void
test_limits(void)
{
  static const float tied[] = {-1, 2, 2, 2}, odd[] = {NAN, -INFINITY, 1, NAN};
  static const float uniforms[] = {0, 0.5f, 0.99999994f};
  const SamplingParams one = {.temperature = 5, .top_k = 1, .top_p = 1};
  const SamplingParams none = {.temperature = 5, .top_k = 0, .top_p = 0};
  const SamplingParams two = {.temperature = 5, .top_k = 2, .top_p = 1};
  const SamplingParams all = {.temperature = 5, .top_k = 0, .top_p = 1};
  const SamplingParams third = {.temperature = 1e-3f, .top_k = 0, .top_p = 1.f / 3};
  int32_t token;

  for (guint i = 0; i < G_N_ELEMENTS(uniforms); i++) {
    sample_reference(tied, 1, 4, 4, &one, &uniforms[i], &token);
    g_assert_cmpint(token, ==, 1);
    sample_reference(tied, 1, 4, 4, &none, &uniforms[i], &token);
    g_assert_cmpint(token, ==, 1);
    sample_reference(tied, 1, 4, 4, &two, &uniforms[i], &token);
    g_assert_cmpint(token, ==, uniforms[i] < 0.5f ? 1 : 2);
    sample_reference(tied, 1, 4, 4, &third, &uniforms[i], &token);
    g_assert_cmpint(token, ==, uniforms[i] < 0.5f ? 1 : 2); /* 1/3 as a float is above a third */
    sample_reference(odd, 1, 4, 4, &all, &uniforms[i], &token);
    g_assert_cmpint(token, ==, 2);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/sampling/sampled", test_sampled);
  g_test_add_func("/sampling/distribution", test_distribution);
  g_test_add_func("/sampling/greedy", test_greedy);
  g_test_add_func("/sampling/limits", test_limits);
  return g_test_run();
}
