/* Matrix products by cuBLASLt: fp16, bf16, and fp8 with scales where the GPU has it. Of large ones
 * some rows are compared. */
#include "check.h"
#include "half_floats.h"
#include "parallel.h"
#include "random_data.h"

#include <math.h>
#include <string.h>

enum { ROWS_CHECKED = 12, PRODUCTS_AT_ONCE = 64 };

static const struct {
  gsize m, n, k;
} shapes[] = {
    {1, 64, 32},        {3, 16, 64},        {17, 48, 128},     {2, 128, 48},
    {33, 256, 64},      {7, 80, 112},       {1, 4096, 4096},   {16, 1024, 4096},
    {17, 4608, 3584},   {64, 256, 8192},    {100, 1000, 96},   {128, 2048, 2048},
    {255, 512, 512},    {1, 32000, 2048},   {2, 11008, 4096},  {31, 4096, 11008},
    {32, 6144, 4096},   {256, 4096, 4096},  {512, 4096, 4096}, {1000, 1536, 1536},
    {2048, 4096, 4096}, {8192, 1024, 1024}, {4096, 896, 4864}, {65, 14336, 4096},
};
enum { SHAPES = G_N_ELEMENTS(shapes), DTYPES = 3, TINY_SHAPES = 4, QUICK_SHAPES = 12 };

typedef struct {
  gsize m, n, k;
  float *in, *weights; /* in: of the rows that are checked */
  float *expected;
  gsize num_checked;
  double scale; /* of the product */
} Product;

static void
multiply_some(gpointer data, gsize part)
{
  const Product *p = data;
  const gsize first = part * PRODUCTS_AT_ONCE, n = MIN(p->n - first, PRODUCTS_AT_ONCE);
  float out[PRODUCTS_AT_ONCE];

  for (gsize row = 0; row < p->num_checked; row++) {
    gemm_reference(p->in + row * p->k, p->weights + first * p->k, 1, n, p->k, out);
    for (gsize i = 0; i < n; i++)
      p->expected[row * p->n + first + i] = (float)(p->scale * (double)out[i]);
  }
}

static gsize
element_bytes(Dtype dtype)
{
  return dtype == DTYPE_FP8_E4M3 ? 1 : sizeof(guint16);
}

static float *
to_floats(Dtype dtype, const guint8 *elements, gsize first, gsize count)
{
  float *values = g_new(float, count);

  for (gsize i = 0; i < count; i++)
    if (dtype == DTYPE_FP8_E4M3) {
      values[i] = fp8_to_float(elements[first + i]);
    } else {
      guint16 bits;
      memcpy(&bits, elements + (first + i) * sizeof bits, sizeof bits);
      values[i] = half_to_float(dtype, bits);
    }
  return values;
}

/* Chooses the rows that are compared: all where there are few, else the last and random others. */
static gsize
choose_rows_checked(GRand *rand, gsize m, gsize rows[ROWS_CHECKED])
{
  const gsize count = MIN(m, ROWS_CHECKED);

  for (gsize i = 0; i < count; i++)
    rows[i] = m <= ROWS_CHECKED ? i : (gsize)g_rand_int_range(rand, 0, (gint32)m);
  rows[count - 1] = m - 1;
  return count;
}

static Comparison
compare_product(GRand *rand, Product *p, Dtype dtype, const guint8 *in, const guint8 *weights,
                const float *out)
{
  gsize rows[ROWS_CHECKED];
  Comparison worst = {0};

  p->num_checked = choose_rows_checked(rand, p->m, rows);
  p->weights = to_floats(dtype, weights, 0, p->n * p->k);
  p->in = g_new(float, p->num_checked * p->k);
  p->expected = g_new(float, p->num_checked * p->n);
  for (gsize i = 0; i < p->num_checked; i++) {
    g_autofree float *row = to_floats(dtype, in, rows[i] * p->k, p->k);
    memcpy(p->in + i * p->k, row, p->k * sizeof *row);
  }
  parallel_for((p->n + PRODUCTS_AT_ONCE - 1) / PRODUCTS_AT_ONCE, multiply_some, p);
  for (gsize i = 0; i < p->num_checked; i++)
    comparison_add(&worst,
                   compare_rows(out + rows[i] * p->n, p->expected + i * p->n, 1, p->n, p->n));
  if (comparison_has_nan(out, p->m * p->n))
    worst = (Comparison){NAN, NAN};
  g_free(p->in);
  g_free(p->weights);
  g_free(p->expected);
  return worst;
}

static void
run(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  const guint place = number / DTYPES;
  Dtype dtype = (Dtype)(number % DTYPES);
  Product p = {.m = shapes[place].m, .n = shapes[place].n, .k = shapes[place].k, .scale = 1};
  const float scales[] = {0.5f, 0.125f}; /* of in and weights, where they are fp8 */

  if (dtype == DTYPE_FP8_E4M3 && (!gemm_has_fp8(context->gemm) || p.n % 16 != 0))
    dtype = DTYPE_BF16;
  if (dtype == DTYPE_FP8_E4M3)
    p.scale = (double)scales[0] * (double)scales[1];
  const gsize in_bytes = p.m * p.k * element_bytes(dtype);
  const gsize weight_bytes = p.n * p.k * element_bytes(dtype);
  const Dtype out_dtype = dtype == DTYPE_FP16 ? DTYPE_FP16 : DTYPE_BF16;
  g_autofree guint8 *in = g_malloc(in_bytes), *weights = g_malloc(weight_bytes);
  g_autoptr(CheckMemory) memory = check_memory_new(context->tamper);

  random_elements(rand, dtype, 1, in, p.m * p.k);
  random_elements(rand, dtype, dtype == DTYPE_FP8_E4M3 ? 1 : 1 / sqrt((double)p.k), weights,
                  p.n * p.k);
  float *scales_on_gpu = check_memory_upload(memory, scales, sizeof scales, CHECK_INPUT, "scales");
  const GemmProblem problem = {
      .dtype = dtype,
      .m = p.m,
      .n = p.n,
      .k = p.k,
      .in = check_memory_upload(memory, in, in_bytes, CHECK_INPUT, "in"),
      .weights = check_memory_upload(memory, weights, weight_bytes, CHECK_INPUT, "weights"),
      .in_scale = dtype == DTYPE_FP8_E4M3 ? scales_on_gpu : NULL,
      .weight_scale = dtype == DTYPE_FP8_E4M3 ? scales_on_gpu + 1 : NULL,
      .out = check_memory_add(memory, p.m * p.n * sizeof(guint16), CHECK_OUTPUT, "out"),
  };

  result->shape =
      g_strdup_printf("%s, m %" G_GSIZE_FORMAT ", n %" G_GSIZE_FORMAT ", k %" G_GSIZE_FORMAT,
                      check_dtype_name(dtype), p.m, p.n, p.k);
  if (check_memory_problem(memory) == NULL)
    check_memory_called(memory, gemm_run(context->gemm, &problem, check_memory_stream(memory)),
                        "gemm_run");
  check_memory_settle(memory);
  g_autofree float *out = check_memory_download_floats(memory, out_dtype, problem.out, p.m * p.n);
  check_case_compare(result, compare_product(rand, &p, dtype, in, weights, out),
                     check_limit(out_dtype)); /* the library may round parts of a sum */
  check_case_end(result, memory);
}

const KernelCheck check_gemm = {
    .name = "gemm",
    .num_cases = {DTYPES * TINY_SHAPES, DTYPES *QUICK_SHAPES, DTYPES *SHAPES},
    .run = run,
};
