#include "check.h"

#include <cuda_runtime_api.h>
#include <math.h>
#include <string.h>

const KernelCheck *const kernel_checks[] = {
    &check_kv_copy,
    &check_kv_write,
    &check_decode,
    &check_decode_lists,
    &check_prefill,
    &check_prefill_cuts,
    &check_prefill_wgmma,
    &check_prefill_wgmma_cuts,
    &check_prefill_wgmma_wide,
    &check_prefill_wgmma_maps,
    &check_mixed,
    &check_gemm,
    &check_embedding,
    &check_rms_norm,
    &check_residual_rms_norm,
    &check_head_rms_norm,
    &check_bias,
    &check_rope,
    &check_silu_gate,
    &check_sampling,
    &check_stream_copy,
    &check_launch_ahead,
    NULL,
};

double
check_limit(Dtype dtype)
{
  return dtype == DTYPE_FP16 ? 1.5e-3 : 1e-2;
}

/* Half a unit of the last place is 2^-9 of a bf16 number at most, 2^-12 of an fp16 one. */
double
check_limit_rounding(Dtype dtype)
{
  return dtype == DTYPE_FP16 ? 6e-4 : 4e-3;
}

const char *
check_dtype_name(Dtype dtype)
{
  static const char *const names[] = {
      [DTYPE_FP16] = "fp16",
      [DTYPE_BF16] = "bf16",
      [DTYPE_FP8_E4M3] = "fp8",
  };

  return names[dtype];
}

gboolean
check_gpu_is_lost(void)
{
  cudaGetLastError(); /* one that did not stay */
  return cudaDeviceSynchronize() != cudaSuccess;
}

void
check_case_run(const KernelCheck *check, const CheckContext *context, guint number, guint32 seed,
               CheckCase *result)
{
  const guint32 seeds[] = {seed, g_str_hash(check->name), number};
  g_autoptr(GRand) rand = g_rand_new_with_seed_array(seeds, G_N_ELEMENTS(seeds));

  *result = (CheckCase){0};
  check->run(context, number, rand, result);
}

void
check_case_clear(CheckCase *result)
{
  g_free(result->shape);
  g_free(result->problem);
  *result = (CheckCase){0};
}

void
check_case_fail(CheckCase *result, const char *format, ...)
{
  va_list arguments;

  if (result->problem != NULL)
    return;
  va_start(arguments, format);
  result->problem = g_strdup_vprintf(format, arguments);
  va_end(arguments);
}

void
check_case_compare(CheckCase *result, Comparison found, double limit)
{
  result->limit = limit;
  result->found = found;
  if (comparison_is_within(&found, limit))
    return;
  if (isnan(found.error))
    check_case_fail(result, "an element was not written, or is NaN");
  else if (!(found.error <= limit))
    check_case_fail(result, "a row is off by %.2e of its norm, more than %.1e", found.error, limit);
  else
    check_case_fail(result,
                    "an element is off by %.3f of its row's root mean square, more than %.3f",
                    found.element_error, ELEMENT_ERRORS * limit);
}

void
check_case_compare_bytes(CheckCase *result, const void *found, const void *expected,
                         gsize num_bytes, const char *what)
{
  const guint8 *a = found, *b = expected;

  if (memcmp(a, b, num_bytes) == 0)
    return;
  for (gsize i = 0; i < num_bytes; i++)
    if (a[i] != b[i]) {
      check_case_fail(
          result, "%s: byte %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " is 0x%02x, expected 0x%02x",
          what, i, num_bytes, a[i], b[i]);
      return;
    }
}

void
check_case_end(CheckCase *result, const CheckMemory *memory)
{
  if (check_memory_problem(memory) == NULL)
    return;
  g_clear_pointer(&result->problem, g_free);
  check_case_fail(result, "%s", check_memory_problem(memory));
}
