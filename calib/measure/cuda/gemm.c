/* Products on the CUDA device: the library's first choice, weights cold, activations warm. */
#include "config.h"

#include "internal.h"

/* Weights begin on a multiple of what the library's widest loads want. */
#define ALIGN_BYTES ((gsize)256)

gboolean
bench_cuda_gemm(BenchCuda *self, const char *dtype, gsize m, gsize n, gsize k, GemmCall *call,
                GError **error)
{
  Dtype type;
  BenchFill fill;
  gsize in_bytes, set_bytes;

  if (!bench_cuda_dtype(dtype, &type, &fill))
    return bench_cuda_unsupported(error, "there are no products of this type here");
  if (type == DTYPE_FP8_E4M3 && !gemm_has_fp8(self->gemm))
    return bench_cuda_unsupported(error, "the card has no fp8 products");
  in_bytes = type == DTYPE_FP8_E4M3 ? 1 : sizeof(guint16);
  set_bytes = (n * k * in_bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
  *call = (GemmCall){
      .gemm = self->gemm,
      .problem = {.dtype = type, .m = m, .n = n, .k = k},
      .set_bytes = set_bytes,
      .sets = bench_cuda_rotation(self, set_bytes),
  };
  call->problem.weights = bench_cuda_buffer(
      self, BUFFER_DATA, (call->sets - 1) * set_bytes + n * k * in_bytes, fill, error);
  if (call->problem.weights == NULL)
    return FALSE;
  call->problem.in = bench_cuda_buffer(self, BUFFER_IN, m * k * in_bytes, fill, error);
  if (call->problem.in == NULL)
    return FALSE;
  call->problem.out =
      bench_cuda_buffer(self, BUFFER_OUT, m * n * sizeof(guint16), BENCH_FILL_NONE, error);
  return call->problem.out != NULL;
}

int
bench_cuda_call_gemm(void *data, uint32_t turn, cudaStream_t stream)
{
  const GemmCall *call = data;
  GemmProblem problem = call->problem;

  problem.weights = (const char *)problem.weights + turn % call->sets * call->set_bytes;
  return gemm_run(call->gemm, &problem, stream);
}

const char *
bench_cuda_gemm_kernel(BenchCuda *self, const GemmCall *call)
{
  GemmChoice choices[GEMM_CHOICES_MAX];
  size_t n = 0;
  guint words = GEMM_ALGORITHM_WORDS;
  GString *text = g_string_new("cublasLt");

  if (gemm_choices(self->gemm, &call->problem, choices, &n) != 0 || n == 0)
    words = 0;
  while (words > 0 && choices[0].algorithm[words - 1] == 0)
    words--;
  for (guint i = 0; i < words; i++)
    g_string_append_printf(text, "%c%" G_GINT64_MODIFIER "x", i == 0 ? ' ' : '.',
                           (guint64)choices[0].algorithm[i]);
  g_strlcpy(self->kernel, text->str, sizeof self->kernel);
  g_string_free(text, TRUE);
  return self->kernel;
}

gboolean
bench_cuda_measure_gemm(BenchCuda *self, const BenchRequest *request, const BenchStop *stop,
                        BenchTiming *timing, GError **error)
{
  const gint64 *s = request->key->shape;
  GemmCall call;
  TimingRequest timed = {.call = bench_cuda_call_gemm, .data = &call};

  if (!bench_cuda_gemm(self, request->key->dtype, (gsize)s[0], (gsize)s[1], (gsize)s[2], &call,
                       error) ||
      !bench_cuda_time(self, &timed, stop, timing, NULL, error))
    return FALSE;
  timing->kernel = bench_cuda_gemm_kernel(self, &call);
  return TRUE;
}
