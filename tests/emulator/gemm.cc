/* Products on the reference in place of the library's, each an operation of its stream. It has one
 * choice, and no fp8. */
#include "cuda_runtime_api.h"

#include <vector>

#include "kernels/check/half_floats.h"
#include "kernels/gemm.h"
#include "tests/emulator/streams.h"

namespace
{

char something;

} // namespace

int
gemm_new(Gemm **gemm)
{
  *gemm = (Gemm *)(void *)&something;
  return 0;
}

void
gemm_free(Gemm *)
{
}

static void
multiply(const GemmProblem *problem)
{
  const uint16_t *in = (const uint16_t *)problem->in;
  const uint16_t *weights = (const uint16_t *)problem->weights;
  uint16_t *out = (uint16_t *)problem->out;
  std::vector<float> a(problem->m * problem->k), b(problem->n * problem->k);
  std::vector<float> c(problem->m * problem->n);

  for (size_t i = 0; i < a.size(); i++)
    a[i] = half_to_float(problem->dtype, in[i]);
  for (size_t i = 0; i < b.size(); i++)
    b[i] = half_to_float(problem->dtype, weights[i]);
  gemm_reference(a.data(), b.data(), problem->m, problem->n, problem->k, c.data());
  for (size_t i = 0; i < c.size(); i++)
    out[i] = half_from_float(problem->dtype, c[i]);
}

int
gemm_run(Gemm *, const GemmProblem *problem, CUstream_st *stream)
{
  const GemmProblem held = *problem;

  return emulator::enqueue(stream, [held] { multiply(&held); });
}

const char *
gemm_status_name(int status)
{
  return cudaGetErrorName((cudaError_t)status);
}

bool
gemm_has_fp8(const Gemm *)
{
  return false;
}

int
gemm_choices(Gemm *, const GemmProblem *, GemmChoice choices[GEMM_CHOICES_MAX], size_t *num_choices)
{
  choices[0] = {};
  *num_choices = 1;
  return 0;
}

int
gemm_run_choice(Gemm *gemm, const GemmProblem *problem, const GemmChoice *, CUstream_st *stream)
{
  return gemm_run(gemm, problem, stream);
}
