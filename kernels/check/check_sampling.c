/* Sampling: the token itself must be the reference's, greedy and among the top k and top p. */
#include "check.h"
#include "kernels/sampling.h"
#include "parallel.h"
#include "random_data.h"

#include <math.h>

enum { TINY_CASES = 6, QUICK_CASES = 20, FULL_CASES = 48 };

typedef struct {
  Dtype dtype;
  gsize rows, vocab, stride;
  SamplingParams params;
  float *logits, *uniforms;
  gint32 *expected;
} SamplingCase;

static SamplingParams
choose_params(GRand *rand, guint number)
{
  static const SamplingParams edges[] = {
      {.temperature = 0},
      {.temperature = 1, .top_p = 1},
      {.temperature = 1, .top_k = 50, .top_p = 0.9f},
      {.temperature = 0.7f, .top_k = 1, .top_p = 1},
      {.temperature = 1.5f, .top_k = 0, .top_p = 0.95f},
      {.temperature = 0.2f, .top_k = 3, .top_p = 0},
  };

  if (number < G_N_ELEMENTS(edges))
    return edges[number];
  if (number % 3 == 0)
    return edges[0];
  return (SamplingParams){
      .temperature = (float)g_rand_double_range(rand, 0.1, 2),
      .top_k = g_rand_boolean(rand) ? 0 : (guint32)g_rand_int_range(rand, 1, 200),
      .top_p = g_rand_boolean(rand) ? 1 : (float)g_rand_double_range(rand, 0.05, 1),
  };
}

static void
sampling_case_init(SamplingCase *c, GRand *rand, guint number)
{
  static const gsize vocabs[] = {17, 1000, 32000, 128256, 151936};
  static const gsize rows[] = {1, 3, 2, 7, 16, 64, 33, 512};
  const gboolean tiny = number < TINY_CASES;

  c->dtype = number % 2 ? DTYPE_FP16 : DTYPE_BF16;
  c->vocab = vocabs[tiny ? number % 2 : number % G_N_ELEMENTS(vocabs)];
  c->rows = rows[tiny ? number % 3 : number % G_N_ELEMENTS(rows)];
  c->params = choose_params(rand, number);
  if (c->params.temperature > 0) /* the reference sorts */
    c->rows = MIN(c->rows, 64);
  c->stride = (c->vocab + 7) / 8 * 8 + (g_rand_boolean(rand) ? 0 : 8);
  c->logits = g_new(float, c->rows * c->stride);
  random_floats(rand, c->dtype, g_rand_double_range(rand, 0.5, 5), c->logits, c->rows * c->stride);
  for (gsize row = 0; row < c->rows; row++) /* what lies between rows would win */
    for (gsize i = c->vocab; i < c->stride; i++)
      c->logits[row * c->stride + i] = 1000;
  if (number % 5 == 4)
    c->logits[0] = NAN;
  c->uniforms = g_new(float, c->rows);
  for (gsize row = 0; row < c->rows; row++)
    c->uniforms[row] = (float)(g_rand_int(rand) >> 8) * 0x1p-24f;
  c->expected = g_new(gint32, c->rows);
}

static void
sampling_case_clear(SamplingCase *c)
{
  g_free(c->logits);
  g_free(c->uniforms);
  g_free(c->expected);
}

static void
expect_row(gpointer data, gsize row)
{
  const SamplingCase *c = data;

  sample_reference(c->logits + row * c->stride, 1, c->vocab, c->stride, &c->params,
                   c->uniforms + row, c->expected + row);
}

static void
compare_tokens(const SamplingCase *c, const gint32 *found, CheckCase *result)
{
  for (gsize row = 0; row < c->rows; row++)
    if (found[row] != c->expected[row])
      check_case_fail(result, "row %" G_GSIZE_FORMAT ": token %d, expected %d", row, found[row],
                      c->expected[row]);
}

static void
run(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  SamplingCase c;

  sampling_case_init(&c, rand, number);
  g_autofree gint32 *found = g_new(gint32, c.rows);
  g_autoptr(CheckMemory) memory = check_memory_new(context->tamper);
  void *logits = check_memory_upload_floats(memory, c.dtype, c.logits, c.rows * c.stride,
                                            CHECK_INPUT, "logits");
  float *uniforms = check_memory_upload(memory, c.uniforms, c.rows * sizeof *c.uniforms,
                                        CHECK_INPUT, "uniform numbers");
  gint32 *tokens = check_memory_add(memory, c.rows * sizeof *tokens, CHECK_OUTPUT, "tokens");

  result->shape = g_strdup_printf(
      "%s, %" G_GSIZE_FORMAT " rows of %" G_GSIZE_FORMAT ", temperature %g, top k %u, top p %g",
      check_dtype_name(c.dtype), c.rows, c.vocab, (double)c.params.temperature, c.params.top_k,
      (double)c.params.top_p);
  if (check_memory_problem(memory) == NULL)
    check_memory_called(memory,
                        sample(c.dtype, logits, c.rows, c.vocab, c.stride, &c.params, uniforms,
                               tokens, check_memory_stream(memory)),
                        "sample");
  parallel_for(c.rows, expect_row, &c);
  check_memory_settle(memory);
  check_memory_download(memory, found, tokens, c.rows * sizeof *found);
  compare_tokens(&c, found, result);
  check_case_end(result, memory);
  sampling_case_clear(&c);
}

const KernelCheck check_sampling = {
    .name = "sampling",
    .num_cases = {TINY_CASES, QUICK_CASES, FULL_CASES},
    .run = run,
};
