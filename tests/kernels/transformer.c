/* The references of a decoder layer's operations against the headers' formulas, in long double and
 * the other way round where there is an order; what lies between rows is not touched. */
#include "kernels/gemm.h"
#include "kernels/paged_kv.h"
#include "kernels/transformer.h"

#include <glib.h>
#include <math.h>
#include <string.h>

enum { CASES = 60 };
#define POISON 12345.f

static float *
random_floats(GRand *rand, size_t count)
{
  float *values = g_new(float, count);

  for (size_t i = 0; i < count; i++)
    values[i] = (float)g_rand_double_range(rand, -2, 2);
  return values;
}

static size_t
random_size(GRand *rand, gint32 below)
{
  return (size_t)g_rand_int_range(rand, 1, below);
}

/* As near as a float gets, when what was added up is of about `scale`. */
static void
assert_near(float found, long double expected, long double scale)
{
  g_assert_cmpfloat(fabsl((long double)found - expected), <=,
                    1.2e-7L * (fabsl(expected) + 1e-6L * scale));
}

static void
test_embedding(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);

  for (int c = 0; c < CASES; c++) {
    size_t vocab = random_size(rand, 40), width = random_size(rand, 70), rows = c == 0 ? 1 : 25;
    g_autofree float *table = random_floats(rand, vocab * width);
    g_autofree float *out = random_floats(rand, rows * width);
    g_autofree int32_t *ids = g_new(int32_t, rows);

    for (size_t i = 0; i < rows; i++)
      ids[i] = g_rand_int_range(rand, 0, (gint32)vocab);
    embedding_reference(table, ids, rows, width, out);
    for (size_t i = 0; i < rows * width; i++)
      g_assert_cmpfloat(out[i], ==, table[(size_t)ids[i / width] * width + i % width]);
  }
}

static void
check_norm(const float *in, const float *weight, size_t width, float epsilon, const float *out)
{
  long double squares = 0;

  for (size_t i = width; i-- > 0;)
    squares += (long double)in[i] * (long double)in[i];
  for (size_t i = 0; i < width; i++)
    assert_near(out[i],
                (long double)in[i] * (long double)weight[i] /
                    sqrtl(squares / (long double)width + (long double)epsilon),
                1);
}

static void
test_rms_norm(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(2);

  for (int c = 0; c < CASES; c++) {
    size_t rows = random_size(rand, 9), width = random_size(rand, 300);
    g_autofree float *in = random_floats(rand, rows * width);
    g_autofree float *weight = random_floats(rand, width);
    g_autofree float *out = g_new(float, rows *width);
    float epsilon = c % 2 ? 1e-5f : 1e-2f;

    rms_norm_reference(in, weight, rows, width, epsilon, out);
    for (size_t row = 0; row < rows; row++)
      check_norm(in + row * width, weight, width, epsilon, out + row * width);
    rms_norm_reference(in, weight, rows, width, epsilon, in);
    g_assert_cmpmem(in, rows * width * sizeof *in, out, rows * width * sizeof *out);
  }
}

static void
test_residual_rms_norm(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(3);

  for (int c = 0; c < CASES; c++) {
    size_t rows = random_size(rand, 9), width = random_size(rand, 300);
    g_autofree float *in = random_floats(rand, rows * width);
    g_autofree float *residual = random_floats(rand, rows * width);
    g_autofree float *before = g_memdup2(residual, rows * width * sizeof *residual);
    g_autofree float *weight = random_floats(rand, width);
    g_autofree float *in_copy = g_memdup2(in, rows * width * sizeof *in);

    residual_rms_norm_reference(in, residual, weight, rows, width, 1e-6f, in);
    for (size_t i = 0; i < rows * width; i++)
      g_assert_cmpfloat(residual[i], ==, before[i] + in_copy[i]);
    for (size_t row = 0; row < rows; row++)
      check_norm(residual + row * width, weight, width, 1e-6f, in + row * width);
  }
}

static void
test_bias(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(4);

  for (int c = 0; c < CASES; c++) {
    size_t rows = random_size(rand, 9), width = random_size(rand, 90);
    size_t stride = width + random_size(rand, 5) - 1;
    g_autofree float *in = random_floats(rand, rows * stride);
    g_autofree float *before = g_memdup2(in, rows * stride * sizeof *in);
    g_autofree float *bias = random_floats(rand, width);

    bias_reference(in, bias, rows, width, stride);
    for (size_t i = 0; i < rows * stride; i++) {
      size_t column = i % stride;
      g_assert_cmpfloat(in[i], ==, column < width ? before[i] + bias[column] : before[i]);
    }
  }
}

/* As complex numbers: x + iy times cos + i sin. What is not rotated stays. */
static void
check_rope(const float *before, const float *after, const float *cos_sin, uint32_t head_dim,
           uint32_t rotary_dim)
{
  uint32_t half = rotary_dim / 2;

  for (uint32_t d = 0; d < half; d++) {
    long double cosine = (long double)cos_sin[d], sine = (long double)cos_sin[half + d];
    assert_near(after[d], (long double)before[d] * cosine - (long double)before[half + d] * sine,
                1);
    assert_near(after[half + d],
                (long double)before[d] * sine + (long double)before[half + d] * cosine, 1);
  }
  g_assert_cmpmem(after + rotary_dim, (head_dim - rotary_dim) * sizeof *after, before + rotary_dim,
                  (head_dim - rotary_dim) * sizeof *after);
}

static void
test_rope(void)
{
  enum { POSITIONS = 50 };
  g_autoptr(GRand) rand = g_rand_new_with_seed(5);

  for (int c = 0; c < CASES; c++) {
    uint32_t heads = (uint32_t)random_size(rand, 6), head_dim = 2 * (uint32_t)random_size(rand, 40);
    uint32_t rotary_dim =
        c % 2 ? head_dim : 2 * (uint32_t)random_size(rand, (gint32)head_dim / 2 + 1);
    size_t rows = random_size(rand, 9), stride = heads * head_dim + random_size(rand, 5) - 1;
    g_autofree float *in = random_floats(rand, rows * stride);
    g_autofree float *before = g_memdup2(in, rows * stride * sizeof *in);
    g_autofree float *cos_sin = random_floats(rand, POSITIONS * rotary_dim);
    g_autofree int32_t *positions = g_new(int32_t, rows);

    for (size_t i = 0; i < rows; i++)
      positions[i] = g_rand_int_range(rand, 0, POSITIONS);
    rope_reference(in, cos_sin, positions, rows, stride, heads, head_dim, rotary_dim);
    for (size_t i = 0; i < rows; i++) {
      size_t end = i * stride + heads * head_dim;
      for (uint32_t head = 0; head < heads; head++)
        check_rope(before + i * stride + head * head_dim, in + i * stride + head * head_dim,
                   cos_sin + (size_t)positions[i] * rotary_dim, head_dim, rotary_dim);
      g_assert_cmpmem(in + end, ((i + 1) * stride - end) * sizeof *in, before + end,
                      ((i + 1) * stride - end) * sizeof *in);
    }
  }
}

static void
test_silu_gate(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(6);
  static const float extremes[] = {-200, 1, 200, 1};
  float out[2];

  for (int c = 0; c < CASES; c++) {
    size_t rows = random_size(rand, 9), width = random_size(rand, 90);
    g_autofree float *gate_up = random_floats(rand, rows * 2 * width);
    g_autofree float *products = g_new(float, rows *width);

    silu_gate_reference(gate_up, rows, width, products);
    for (size_t i = 0; i < rows * width; i++) {
      size_t place = i / width * 2 * width + i % width;
      long double gate = (long double)gate_up[place];
      long double sigmoid = (1 + tanhl(gate / 2)) / 2;
      assert_near(products[i], gate * sigmoid * (long double)gate_up[place + width], 1);
    }
  }
  silu_gate_reference(extremes, 2, 1, out);
  g_assert_cmpfloat(fabsf(out[0]), <, 1e-30f);
  g_assert_cmpfloat(out[1], ==, 200);
}

static void
test_gemm(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(7);

  for (int c = 0; c < CASES; c++) {
    size_t m = random_size(rand, 20), n = random_size(rand, 40), k = random_size(rand, 200);
    g_autofree float *in = random_floats(rand, m * k);
    g_autofree float *weights = random_floats(rand, n * k);
    g_autofree float *out = g_new(float, m *n);
    g_autofree float *alone = g_new(float, n);

    gemm_reference(in, weights, m, n, k, out);
    for (size_t i = 0; i < m * n; i++) {
      long double sum = 0;
      for (size_t j = k; j-- > 0;)
        sum += (long double)in[i / n * k + j] * (long double)weights[i % n * k + j];
      assert_near(out[i], sum, (long double)k);
    }
    gemm_reference(in + (m - 1) * k, weights, 1, n, k, alone);
    g_assert_cmpmem(alone, n * sizeof *alone, out + (m - 1) * n, n * sizeof *out);
  }
}

/* A pool of both layouts: the heads of a block before its tokens, or after. */
static PagedKv
random_pool(GRand *rand, size_t num_blocks, size_t *num_elements)
{
  PagedKv kv = {.block_size = (uint32_t)random_size(rand, 20),
                .kv_heads = (uint32_t)random_size(rand, 5),
                .head_dim = 8 * (uint32_t)random_size(rand, 5)};
  size_t gap = random_size(rand, 9) - 1;

  if (g_rand_boolean(rand)) {
    kv.token_stride = kv.head_dim + gap;
    kv.head_stride = kv.token_stride * kv.block_size;
    kv.block_stride = kv.head_stride * kv.kv_heads + gap;
  } else {
    kv.head_stride = kv.head_dim + gap;
    kv.token_stride = kv.head_stride * kv.kv_heads;
    kv.block_stride = kv.token_stride * kv.block_size + gap;
  }
  *num_elements = num_blocks * kv.block_stride;
  return kv;
}

static void
fill(float *values, size_t count)
{
  for (size_t i = 0; i < count; i++)
    values[i] = POISON;
}

/* Each element of the pool is looked for among the new ones; the others kept their poison. */
static void
check_written(const PagedKv *kv, const float *pool, size_t num_blocks, const float *rows,
              size_t row_stride, const int64_t *slots, size_t num_tokens)
{
  g_autofree gboolean *written = g_new0(gboolean, num_blocks * kv->block_stride);

  for (size_t i = 0; i < num_tokens; i++)
    for (uint32_t e = 0; slots[i] >= 0 && e < kv->kv_heads * kv->head_dim; e++) {
      size_t slot = (size_t)slots[i];
      size_t place = slot / kv->block_size * kv->block_stride +
                     slot % kv->block_size * kv->token_stride + e / kv->head_dim * kv->head_stride +
                     e % kv->head_dim;
      g_assert_cmpfloat(pool[place], ==, rows[i * row_stride + e]);
      written[place] = TRUE;
    }
  for (size_t place = 0; place < num_blocks * kv->block_stride; place++)
    g_assert_true(written[place] || pool[place] == POISON);
}

static void
test_kv_write(void)
{
  enum { BLOCKS = 7 };
  g_autoptr(GRand) rand = g_rand_new_with_seed(8);

  for (int c = 0; c < CASES; c++) {
    size_t num_elements;
    PagedKv kv = random_pool(rand, BLOCKS, &num_elements);
    size_t num_tokens = BLOCKS * kv.block_size, width = kv.kv_heads * kv.head_dim;
    size_t stride = width + random_size(rand, 9) - 1;
    g_autofree float *k = g_new(float, num_elements);
    g_autofree float *v = g_new(float, num_elements);
    g_autofree float *new_k = random_floats(rand, num_tokens * stride);
    g_autofree float *new_v = random_floats(rand, num_tokens * stride);
    g_autofree int64_t *slots = g_new(int64_t, num_tokens);

    for (size_t i = 0; i < num_tokens; i++) {
      size_t other = (size_t)g_rand_int_range(rand, 0, (gint32)i + 1);
      slots[i] = slots[other];
      slots[other] = (int64_t)i;
    }
    for (size_t i = 0; i < num_tokens; i += 3)
      slots[i] = -1;
    num_tokens = random_size(rand, (gint32)num_tokens + 1);
    fill(k, num_elements);
    fill(v, num_elements);
    kv.k = k;
    kv.v = v;
    kv_write_reference(&kv, new_k, new_v, stride, slots, num_tokens);
    check_written(&kv, k, BLOCKS, new_k, stride, slots, num_tokens);
    check_written(&kv, v, BLOCKS, new_v, stride, slots, num_tokens);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/transformer/embedding", test_embedding);
  g_test_add_func("/transformer/rms-norm", test_rms_norm);
  g_test_add_func("/transformer/residual-rms-norm", test_residual_rms_norm);
  g_test_add_func("/transformer/bias", test_bias);
  g_test_add_func("/transformer/rope", test_rope);
  g_test_add_func("/transformer/silu-gate", test_silu_gate);
  g_test_add_func("/transformer/gemm", test_gemm);
  g_test_add_func("/transformer/kv-write", test_kv_write);
  return g_test_run();
}
