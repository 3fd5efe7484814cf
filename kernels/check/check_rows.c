/* The small operations on rows: embedding, bias, rotary embedding, the gated activation. */
#include "check.h"
#include "kernels/transformer.h"
#include "random_data.h"
#include "row_shapes.h"

#include <math.h>

static const gsize widths[] = {64, 128, 512, 896, 1024, 1536, 2048, 4096, 5120, 8192, 11008, 14336};

static Dtype
dtype_of(guint number)
{
  return number % 3 == 2 ? DTYPE_FP16 : DTYPE_BF16;
}

static void
run_embedding(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  static const gsize vocabs[] = {17, 1, 1000, 32000, 5};
  const Dtype dtype = dtype_of(number);
  const gsize width = choose_width(rand, number, widths, 9), vocab_choice = number % 5;
  const gsize vocab = MIN(vocabs[vocab_choice], ((gsize)1 << 24) / width);
  const gsize rows = choose_rows(rand, number, width), count = rows * width;
  g_autofree float *table = random_floats_new(rand, dtype, 0.5, 2, vocab * width);
  g_autofree float *expected = g_new(float, count);
  g_autofree gint32 *ids = g_new(gint32, rows);
  g_autoptr(CheckMemory) memory = check_memory_new(context->tamper);

  for (gsize i = 0; i < rows; i++)
    ids[i] = g_rand_int_range(rand, 0, (gint32)vocab);
  ids[rows - 1] = (gint32)vocab - 1;
  void *table_on_gpu =
      check_memory_upload_floats(memory, dtype, table, vocab * width, CHECK_INPUT, "table");
  gint32 *ids_on_gpu =
      check_memory_upload(memory, ids, rows * sizeof *ids, CHECK_INPUT, "token ids");
  void *out = check_memory_add(memory, count * sizeof(guint16), CHECK_OUTPUT, "out");
  result->shape = g_strdup_printf("%s, %" G_GSIZE_FORMAT " rows of %" G_GSIZE_FORMAT
                                  ", a vocabulary of %" G_GSIZE_FORMAT,
                                  check_dtype_name(dtype), rows, width, vocab);
  if (check_memory_problem(memory) == NULL)
    check_memory_called(
        memory,
        embedding(dtype, table_on_gpu, ids_on_gpu, rows, width, out, check_memory_stream(memory)),
        "embedding");
  check_memory_settle(memory);
  g_autofree float *found = check_memory_download_floats(memory, dtype, out, count);
  embedding_reference(table, ids, rows, width, expected);
  check_case_compare_bytes(result, found, expected, count * sizeof *found, "out");
  check_case_end(result, memory);
}

static void
run_bias(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  const Dtype dtype = dtype_of(number);
  const gsize width = choose_width(rand, number, widths, G_N_ELEMENTS(widths));
  const gsize stride = width + choose_gap(rand);
  const gsize rows = choose_rows(rand, number, stride), count = rows * stride;
  g_autofree float *in = random_floats_new(rand, dtype, 0.5, 2, count);
  g_autofree float *added = random_floats_new(rand, dtype, 0.5, 2, width);
  g_autoptr(CheckMemory) memory = check_memory_new(context->tamper);
  void *added_on_gpu = check_memory_upload_floats(memory, dtype, added, width, CHECK_INPUT, "bias");
  void *place = check_memory_upload_floats(memory, dtype, in, count, CHECK_OUTPUT, "rows");

  result->shape = g_strdup_printf("%s, %" G_GSIZE_FORMAT " rows of %" G_GSIZE_FORMAT
                                  ", %" G_GSIZE_FORMAT " apart",
                                  check_dtype_name(dtype), rows, width, stride);
  if (check_memory_problem(memory) == NULL)
    check_memory_called(
        memory, bias(dtype, place, added_on_gpu, rows, width, stride, check_memory_stream(memory)),
        "bias");
  check_memory_settle(memory);
  g_autofree float *found = check_memory_download_floats(memory, dtype, place, count);
  bias_reference(in, added, rows, width, stride);
  check_case_compare(result, compare_rows(found, in, rows, stride, stride),
                     check_limit_rounding(dtype));
  check_case_end(result, memory);
}

/* Angles as models have them, up to a context of 32k. */
static float *
new_rope_table(gsize positions, guint32 rotary_dim)
{
  float *table = g_new(float, positions *rotary_dim);

  for (gsize position = 0; position < positions; position++)
    for (guint32 d = 0; d < rotary_dim / 2; d++) {
      const double angle = (double)position * pow(10000, -2.0 * d / rotary_dim);
      table[position * rotary_dim + d] = (float)cos(angle);
      table[position * rotary_dim + rotary_dim / 2 + d] = (float)sin(angle);
    }
  return table;
}

static void
run_rope(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  static const struct {
    guint32 head_dim, rotary_dim;
  } dims[] = {{128, 128}, {64, 64}, {80, 32}, {256, 64}, {96, 96}, {128, 64}};
  static const guint32 head_counts[] = {1, 2, 5, 8, 12, 40, 32};
  const Dtype dtype = dtype_of(number);
  const guint32 head_dim = dims[number % 6].head_dim, rotary_dim = dims[number % 6].rotary_dim;
  const guint32 heads =
      head_counts[number < ROW_CASES_TINY ? number % 3 : (guint)g_rand_int_range(rand, 0, 7)];
  const gsize stride = (gsize)heads * head_dim + choose_gap(rand);
  const gsize rows = choose_rows(rand, number, stride), count = rows * stride;
  const gsize positions = number < ROW_CASES_QUICK ? 100 : 32768;
  g_autofree float *cos_sin = new_rope_table(positions, rotary_dim);
  g_autofree float *in = random_floats_new(rand, dtype, 0.5, 2, count);
  g_autofree gint32 *at = g_new(gint32, rows);
  g_autoptr(CheckMemory) memory = check_memory_new(context->tamper);

  for (gsize i = 0; i < rows; i++)
    at[i] = g_rand_int_range(rand, 0, (gint32)positions);
  at[rows - 1] = (gint32)positions - 1;
  float *table_on_gpu = check_memory_upload(
      memory, cos_sin, positions * rotary_dim * sizeof *cos_sin, CHECK_INPUT, "cosines");
  gint32 *at_on_gpu = check_memory_upload(memory, at, rows * sizeof *at, CHECK_INPUT, "positions");
  void *place = check_memory_upload_floats(memory, dtype, in, count, CHECK_OUTPUT, "rows");
  result->shape = g_strdup_printf(
      "%s, %" G_GSIZE_FORMAT " rows of %u heads of %u, %u of it rotary, %" G_GSIZE_FORMAT " apart",
      check_dtype_name(dtype), rows, heads, head_dim, rotary_dim, stride);
  if (check_memory_problem(memory) == NULL)
    check_memory_called(memory,
                        rope(dtype, place, table_on_gpu, at_on_gpu, rows, stride, heads, head_dim,
                             rotary_dim, check_memory_stream(memory)),
                        "rope");
  check_memory_settle(memory);
  g_autofree float *found = check_memory_download_floats(memory, dtype, place, count);
  rope_reference(in, cos_sin, at, rows, stride, heads, head_dim, rotary_dim);
  check_case_compare(result, compare_rows(found, in, rows, stride, stride),
                     check_limit_rounding(dtype));
  check_case_end(result, memory);
}

static void
run_silu_gate(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  const Dtype dtype = dtype_of(number);
  const gsize width = choose_width(rand, number, widths, G_N_ELEMENTS(widths));
  const gsize rows = choose_rows(rand, number, 2 * width), count = rows * width;
  g_autofree float *in = random_floats_new(rand, dtype, 0.5, 2, 2 * count);
  g_autofree float *expected = g_new(float, count);
  g_autoptr(CheckMemory) memory = check_memory_new(context->tamper);
  void *in_on_gpu =
      check_memory_upload_floats(memory, dtype, in, 2 * count, CHECK_INPUT, "gate and up");
  void *out = check_memory_add(memory, count * sizeof(guint16), CHECK_OUTPUT, "out");

  result->shape = g_strdup_printf("%s, %" G_GSIZE_FORMAT " rows of %" G_GSIZE_FORMAT,
                                  check_dtype_name(dtype), rows, width);
  if (check_memory_problem(memory) == NULL)
    check_memory_called(memory,
                        silu_gate(dtype, in_on_gpu, rows, width, out, check_memory_stream(memory)),
                        "silu_gate");
  check_memory_settle(memory);
  g_autofree float *found = check_memory_download_floats(memory, dtype, out, count);
  silu_gate_reference(in, rows, width, expected);
  check_case_compare(result, compare_rows(found, expected, rows, width, width),
                     check_limit_rounding(dtype));
  check_case_end(result, memory);
}

#define ROW_CASES                                                                                  \
  {                                                                                                \
    ROW_CASES_TINY, ROW_CASES_QUICK, ROW_CASES_FULL                                                \
  }

const KernelCheck check_embedding = {
    .name = "embedding", .num_cases = ROW_CASES, .run = run_embedding};
const KernelCheck check_bias = {.name = "bias", .num_cases = ROW_CASES, .run = run_bias};
const KernelCheck check_rope = {.name = "rope", .num_cases = ROW_CASES, .run = run_rope};
const KernelCheck check_silu_gate = {
    .name = "silu-gate", .num_cases = ROW_CASES, .run = run_silu_gate};
