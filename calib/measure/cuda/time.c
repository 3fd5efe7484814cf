/* One call timed by the stop rule, and what is said where it cannot be. */
#include "config.h"

#include "internal.h"

gboolean
bench_cuda_unsupported(GError **error, const char *why)
{
  g_set_error_literal(error, BENCH_ERROR, BENCH_ERROR_UNSUPPORTED, why);
  return FALSE;
}

gboolean
bench_cuda_fail(int status, GError **error)
{
  const char *name = gemm_status_name(status);
  cudaError_t after;

  cudaGetLastError();
  after = cudaDeviceSynchronize(); /* what ended the context goes on failing */
  if (after != cudaSuccess)
    g_set_error(error, BENCH_ERROR, BENCH_ERROR_LOST,
                "the card failed or was lost (%s); 'dmesg' and 'nvidia-smi' may say why",
                cudaGetErrorName(after));
  else if (status == cudaErrorMemoryAllocation)
    g_set_error(error, BENCH_ERROR, BENCH_ERROR_MEMORY, "the card's memory is full");
  else if (status == cudaErrorNotSupported || g_str_has_suffix(name, "NOT_SUPPORTED") ||
           g_str_has_suffix(name, "ARCH_MISMATCH"))
    g_set_error(error, BENCH_ERROR, BENCH_ERROR_UNSUPPORTED,
                "this card, its driver or its libraries cannot do it (%s)", name);
  else
    g_set_error(error, BENCH_ERROR, BENCH_ERROR_FAILED, "it failed: %s", name);
  return FALSE;
}

gboolean
bench_cuda_time(BenchCuda *self, TimingRequest *request, const BenchStop *stop, BenchTiming *timing,
                gboolean *held, GError **error)
{
  const TimingRule rule = {.min_samples = stop->least,
                           .max_samples = stop->most,
                           .max_ns = stop->most_ns,
                           .max_relative_error = stop->error};
  Timing found;
  int status;

  request->rule = &rule;
  status = timer_measure(self->timer, request, &found);
  request->rule = NULL;
  if (status != 0)
    return bench_cuda_fail(status, error);
  *timing = (BenchTiming){.median_ns = found.median_ns,
                          .p10_ns = found.p10_ns,
                          .p90_ns = found.p90_ns,
                          .submit_ns = found.submit_ns,
                          .count = found.num_samples,
                          .kernel = ""};
  if (held != NULL)
    *held = found.is_held;
  return TRUE;
}
