/* The reference of attention against the formula over dense sequences, in double; and what it
 * promises beyond: a row's bits depend on nothing but its query and its keys. */
#include "kernels/check/attention_cases.h"
#include "kernels/check/half_floats.h"

#include <math.h>
#include <string.h>

enum { CASES = 40, MAX_CONTEXT = 120 };

static float *
run_reference(const AttentionCase *c)
{
  float *out = g_new(float, c->out_elements);

  for (gsize i = 0; i < c->out_elements; i++)
    out[i] = NAN;
  attention_reference(&c->shape, &c->batch, &c->kv, c->q, out);
  return out;
}

static void
test_formula(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);

  for (int i = 0; i < CASES; i++) {
    g_autoptr(AttentionCase) c = attention_case_random(rand, i % 2 ? DTYPE_FP16 : DTYPE_BF16,
                                                       i % 3 ? 64 : 128, MAX_CONTEXT, 40);
    g_autofree float *out = run_reference(c);

    g_assert_cmpfloat(attention_case_error(c, out), <, 1e-6);
    g_assert_true(attention_case_gaps_are_untouched(c, out));
  }
}

/* Head dims that no kernel has are the CPU executor's. */
static void
test_odd_head_dims(void)
{
  static const gint32 new_tokens[] = {5, 1}, context_lens[] = {9, 12};
  g_autoptr(GRand) rand = g_rand_new_with_seed(2);

  for (guint32 head_dim = 1; head_dim <= 40; head_dim += 13) {
    const AttentionSpec spec = {.heads = 6,
                                .kv_heads = 2,
                                .head_dim = head_dim,
                                .block_size = 4,
                                .num_sequences = 2,
                                .new_tokens = new_tokens,
                                .context_lens = context_lens};
    g_autoptr(AttentionCase) c = attention_case_new(rand, DTYPE_FP16, &spec, 1);
    g_autofree float *out = run_reference(c);

    g_assert_cmpfloat(attention_case_error(c, out), <, 1e-6);
  }
}

/* A prefill's last rows, taken as a chunk after a cached prefix and as a decode: the same bits. */
static void
test_chunks(void)
{
  static const gint32 new_tokens[] = {50}, context_lens[] = {70};
  const AttentionSpec spec = {.heads = 4,
                              .kv_heads = 2,
                              .head_dim = 64,
                              .block_size = 16,
                              .num_sequences = 1,
                              .new_tokens = new_tokens,
                              .context_lens = context_lens};
  g_autoptr(GRand) rand = g_rand_new_with_seed(3);
  g_autoptr(AttentionCase) c = attention_case_new(rand, DTYPE_BF16, &spec, 1);
  g_autofree float *whole = run_reference(c);
  const gint32 chunks[] = {0, 31, 49, 50};
  const gsize width = (gsize)c->shape.heads * c->kv.head_dim;

  for (gsize i = 0; i + 1 < G_N_ELEMENTS(chunks); i++) {
    gint32 starts[] = {0, chunks[i + 1] - chunks[i]}, context = 20 + chunks[i + 1];
    AttentionBatch batch = c->batch;
    batch.query_starts = starts;
    batch.context_lens = &context;
    g_autofree float *out = g_new0(float, c->out_elements);
    attention_reference(&c->shape, &batch, &c->kv, c->q + (gsize)chunks[i] * c->shape.q_row_stride,
                        out);
    for (gint32 row = 0; row < starts[1]; row++)
      g_assert_cmpmem(out + (gsize)row * c->shape.out_row_stride, width * sizeof(float),
                      whole + (gsize)(chunks[i] + row) * c->shape.out_row_stride,
                      width * sizeof(float));
  }
}

/* Every value of the 16-bit types survives, and what lies between two goes to the nearer. */
static void
test_half_floats(void)
{
  for (int type = 0; type < 2; type++)
    for (guint32 bits = 0; bits < 65535; bits++) {
      const Dtype dtype = type ? DTYPE_BF16 : DTYPE_FP16;
      const float value = half_to_float(dtype, (uint16_t)bits);
      const float next = half_to_float(dtype, (uint16_t)(bits + 1));
      if (isnan(value)) {
        g_assert_true(isnan(half_round(dtype, value)));
        continue;
      }
      g_assert_cmpint(half_from_float(dtype, value), ==, bits);
      if (isinf(value) || !isfinite(next))
        continue;
      const float middle = value + (next - value) / 2;
      g_assert_cmpint(half_from_float(dtype, middle), ==, bits + (bits & 1));
      g_assert_cmpint(half_from_float(dtype, nextafterf(middle, value)), ==, bits);
      g_assert_cmpint(half_from_float(dtype, nextafterf(middle, next)), ==, bits + 1);
    }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/attention/formula", test_formula);
  g_test_add_func("/attention/odd-head-dims", test_odd_head_dims);
  g_test_add_func("/attention/chunks", test_chunks);
  g_test_add_func("/attention/half-floats", test_half_floats);
  return g_test_run();
}
