/* The norms: of rows, of a residual's sum, of heads in place. */
#include "check.h"
#include "half_floats.h"
#include "kernels/transformer.h"
#include "random_data.h"
#include "row_shapes.h"

static const gsize widths[] = {64, 128, 512, 896, 1024, 1536, 2048, 4096, 5120, 8192};
static const float epsilon = 1e-5f;

typedef struct {
  Dtype dtype;
  gsize rows, width;
  float *in, *weight;
} NormCase;

static void
norm_case_init(NormCase *c, GRand *rand, guint number)
{
  c->dtype = number % 3 == 2 ? DTYPE_FP16 : DTYPE_BF16;
  c->width = choose_width(rand, number, widths, G_N_ELEMENTS(widths));
  c->rows = choose_rows(rand, number, c->width);
  c->in = random_floats_new(rand, c->dtype, 0.01, 10, c->rows * c->width);
  c->weight = random_floats_new(rand, c->dtype, 0.01, 10, c->width);
}

static void
norm_case_clear(NormCase *c)
{
  g_free(c->in);
  g_free(c->weight);
}

static char *
describe(const NormCase *c)
{
  return g_strdup_printf("%s, %" G_GSIZE_FORMAT " rows of %" G_GSIZE_FORMAT,
                         check_dtype_name(c->dtype), c->rows, c->width);
}

static void
run_norm(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  NormCase c;

  norm_case_init(&c, rand, number);
  const gsize count = c.rows * c.width;
  g_autoptr(CheckMemory) memory = check_memory_new(context->tamper);
  const gboolean in_place = number % 4 == 3;
  void *weight =
      check_memory_upload_floats(memory, c.dtype, c.weight, c.width, CHECK_INPUT, "weight");
  void *in = check_memory_upload_floats(memory, c.dtype, c.in, count,
                                        in_place ? CHECK_OUTPUT : CHECK_INPUT, "in");
  void *out =
      in_place ? in : check_memory_add(memory, count * sizeof(guint16), CHECK_OUTPUT, "out");
  g_autofree float *expected = g_new(float, count);

  result->shape = describe(&c);
  if (check_memory_problem(memory) == NULL)
    check_memory_called(
        memory,
        rms_norm(c.dtype, in, weight, c.rows, c.width, epsilon, out, check_memory_stream(memory)),
        "rms_norm");
  check_memory_settle(memory);
  g_autofree float *found = check_memory_download_floats(memory, c.dtype, out, count);
  rms_norm_reference(c.in, c.weight, c.rows, c.width, epsilon, expected);
  check_case_compare(result, compare_rows(found, expected, c.rows, c.width, c.width),
                     check_limit_rounding(c.dtype));
  check_case_end(result, memory);
  norm_case_clear(&c);
}

/* The sum is rounded to the type and kept; the norm is of what is kept. */
static void
add_rounded(Dtype dtype, const float *in, float *residual, gsize count)
{
  for (gsize i = 0; i < count; i++)
    residual[i] = half_round(dtype, residual[i] + in[i]);
}

static void
run_residual_norm(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  NormCase c;

  norm_case_init(&c, rand, number);
  const gsize count = c.rows * c.width;
  g_autofree float *residual = random_floats_new(rand, c.dtype, 0.01, 10, count);
  g_autofree float *expected = g_new(float, count);
  g_autoptr(CheckMemory) memory = check_memory_new(context->tamper);
  const gboolean in_place = number % 4 == 3;
  void *weight =
      check_memory_upload_floats(memory, c.dtype, c.weight, c.width, CHECK_INPUT, "weight");
  void *in = check_memory_upload_floats(memory, c.dtype, c.in, count,
                                        in_place ? CHECK_OUTPUT : CHECK_INPUT, "in");
  void *sum =
      check_memory_upload_floats(memory, c.dtype, residual, count, CHECK_OUTPUT, "residual");
  void *out =
      in_place ? in : check_memory_add(memory, count * sizeof(guint16), CHECK_OUTPUT, "out");

  result->shape = describe(&c);
  if (check_memory_problem(memory) == NULL)
    check_memory_called(memory,
                        residual_rms_norm(c.dtype, in, sum, weight, c.rows, c.width, epsilon, out,
                                          check_memory_stream(memory)),
                        "residual_rms_norm");
  check_memory_settle(memory);
  g_autofree float *found = check_memory_download_floats(memory, c.dtype, out, count);
  g_autofree float *found_sum = check_memory_download_floats(memory, c.dtype, sum, count);
  add_rounded(c.dtype, c.in, residual, count);
  rms_norm_reference(residual, c.weight, c.rows, c.width, epsilon, expected);
  Comparison worst = compare_rows(found, expected, c.rows, c.width, c.width);
  comparison_add(&worst, compare_rows(found_sum, residual, c.rows, c.width, c.width));
  check_case_compare(result, worst, check_limit_rounding(c.dtype));
  check_case_end(result, memory);
  norm_case_clear(&c);
}

/* Heads lie beside others in rows; what is between them stays as it was. */
static void
run_head_norm(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  static const guint32 head_counts[] = {1, 2, 5, 8, 16, 32, 40}, head_dims[] = {128, 64, 256, 80};
  const Dtype dtype = number % 3 == 2 ? DTYPE_FP16 : DTYPE_BF16;
  const guint32 heads =
      head_counts[number < ROW_CASES_TINY ? number % 3 : (guint)g_rand_int_range(rand, 0, 7)];
  const guint32 head_dim = head_dims[number % G_N_ELEMENTS(head_dims)];
  const gsize stride = (gsize)heads * head_dim + choose_gap(rand);
  const gsize rows = choose_rows(rand, number, stride), count = rows * stride;
  g_autofree float *in = random_floats_new(rand, dtype, 0.01, 10, count);
  g_autofree float *weight = random_floats_new(rand, dtype, 0.01, 10, head_dim);
  g_autoptr(CheckMemory) memory = check_memory_new(context->tamper);
  void *weight_on_gpu =
      check_memory_upload_floats(memory, dtype, weight, head_dim, CHECK_INPUT, "weight");
  void *place = check_memory_upload_floats(memory, dtype, in, count, CHECK_OUTPUT, "rows");

  result->shape =
      g_strdup_printf("%s, %" G_GSIZE_FORMAT " rows of %u heads of %u, %" G_GSIZE_FORMAT " apart",
                      check_dtype_name(dtype), rows, heads, head_dim, stride);
  if (check_memory_problem(memory) == NULL)
    check_memory_called(memory,
                        head_rms_norm(dtype, place, weight_on_gpu, rows, stride, heads, head_dim,
                                      epsilon, check_memory_stream(memory)),
                        "head_rms_norm");
  check_memory_settle(memory);
  g_autofree float *found = check_memory_download_floats(memory, dtype, place, count);
  head_rms_norm_reference(in, weight, rows, stride, heads, head_dim, epsilon);
  check_case_compare(result, compare_rows(found, in, rows, stride, stride),
                     check_limit_rounding(dtype));
  check_case_end(result, memory);
}

#define ROW_CASES                                                                                  \
  {                                                                                                \
    ROW_CASES_TINY, ROW_CASES_QUICK, ROW_CASES_FULL                                                \
  }

const KernelCheck check_rms_norm = {.name = "rms-norm", .num_cases = ROW_CASES, .run = run_norm};
const KernelCheck check_residual_rms_norm = {
    .name = "residual-norm", .num_cases = ROW_CASES, .run = run_residual_norm};
const KernelCheck check_head_rms_norm = {
    .name = "head-norm", .num_cases = ROW_CASES, .run = run_head_norm};
