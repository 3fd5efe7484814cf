/* The cuBLASLt launcher.
 *
 * cuBLASLt counts columns first: our row-major out [m][n] is its [n][m], the product of the
 * weights, transposed, with the activations. That is also the one form that it has for fp8.
 */
#include "kernels/gemm.h"

#include <cublasLt.h>
#include <cuda_runtime.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda_status.h"

/* Returns early with the negative status of a cuBLASLt call that failed. */
#define RETURN_IF_REFUSED(call)                                                                    \
  do {                                                                                             \
    cublasStatus_t status_of_call = (call);                                                        \
    if (status_of_call != CUBLAS_STATUS_SUCCESS)                                                   \
      return -(int)status_of_call;                                                                 \
  } while (0)

static_assert(sizeof(cublasLtMatmulAlgo_t) == GEMM_ALGORITHM_WORDS * sizeof(uint64_t),
              "an algorithm's words");

struct Gemm {
  cublasLtHandle_t handle;
  void *workspace;
  size_t workspace_bytes;
  bool has_fp8;
  void *plans; /* a tree of Plan by shape, of tsearch() */
};

namespace
{

constexpr size_t WORKSPACE_BYTES = (size_t)4 << 20;
constexpr size_t WORKSPACE_BYTES_SM90 = (size_t)32 << 20;
constexpr int FP8_CAPABILITY = 89; /* ten times major, and minor */
constexpr size_t FP8_MULTIPLE = 16;

struct Shape {
  uint64_t dtype, m, n, k; /* of one width: they are compared as bytes */
};

/* The library's descriptors of a shape. */
struct Layouts {
  cublasLtMatmulDesc_t product;
  cublasLtMatrixLayout_t weights, in, out;
};

struct Plan {
  Shape shape; /* first: the tree compares by it */
  Layouts layouts;
  cublasLtMatmulAlgo_t algorithm;
};

Shape
shape_of(const GemmProblem *p)
{
  return {(uint64_t)p->dtype, p->m, p->n, p->k};
}

int
compare_shapes(const void *a, const void *b)
{
  return memcmp(a, b, sizeof(Shape));
}

cudaDataType_t
in_type(Dtype dtype)
{
  switch (dtype) {
  case DTYPE_FP16:
    return CUDA_R_16F;
  case DTYPE_FP8_E4M3:
    return CUDA_R_8F_E4M3;
  default:
    return CUDA_R_16BF;
  }
}

cudaDataType_t
out_type(Dtype dtype)
{
  return dtype == DTYPE_FP16 ? CUDA_R_16F : CUDA_R_16BF;
}

void
free_layouts(Layouts *layouts)
{
  if (layouts->product != NULL)
    cublasLtMatmulDescDestroy(layouts->product);
  for (cublasLtMatrixLayout_t layout : {layouts->weights, layouts->in, layouts->out})
    if (layout != NULL)
      cublasLtMatrixLayoutDestroy(layout);
  memset(layouts, 0, sizeof *layouts);
}

void
free_plan(void *plan)
{
  free_layouts(&((Plan *)plan)->layouts);
  free(plan);
}

int
make_layouts(const Shape &shape, Layouts *layouts)
{
  const Dtype dtype = (Dtype)shape.dtype;
  const cublasOperation_t transposed = CUBLAS_OP_T;

  RETURN_IF_REFUSED(cublasLtMatmulDescCreate(&layouts->product, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  RETURN_IF_REFUSED(cublasLtMatmulDescSetAttribute(layouts->product, CUBLASLT_MATMUL_DESC_TRANSA,
                                                   &transposed, sizeof transposed));
  RETURN_IF_REFUSED(cublasLtMatrixLayoutCreate(&layouts->weights, in_type(dtype), shape.k, shape.n,
                                               (int64_t)shape.k));
  RETURN_IF_REFUSED(
      cublasLtMatrixLayoutCreate(&layouts->in, in_type(dtype), shape.k, shape.m, (int64_t)shape.k));
  RETURN_IF_REFUSED(cublasLtMatrixLayoutCreate(&layouts->out, out_type(dtype), shape.n, shape.m,
                                               (int64_t)shape.n));
  return 0;
}

/* Scales are pointers within the product's descriptor: set before each fp8 product. */
int
set_scales(const Layouts &layouts, const GemmProblem *p)
{
  if (p->dtype != DTYPE_FP8_E4M3)
    return 0;
  RETURN_IF_REFUSED(cublasLtMatmulDescSetAttribute(layouts.product,
                                                   CUBLASLT_MATMUL_DESC_A_SCALE_POINTER,
                                                   &p->weight_scale, sizeof p->weight_scale));
  RETURN_IF_REFUSED(cublasLtMatmulDescSetAttribute(
      layouts.product, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, &p->in_scale, sizeof p->in_scale));
  return 0;
}

int
ask(Gemm *gemm, const Layouts &layouts, int wanted, cublasLtMatmulHeuristicResult_t *results,
    int *found)
{
  cublasLtMatmulPreference_t preference;
  cublasStatus_t status;

  RETURN_IF_REFUSED(cublasLtMatmulPreferenceCreate(&preference));
  status =
      cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                           &gemm->workspace_bytes, sizeof gemm->workspace_bytes);
  if (status == CUBLAS_STATUS_SUCCESS)
    status = cublasLtMatmulAlgoGetHeuristic(gemm->handle, layouts.product, layouts.weights,
                                            layouts.in, layouts.out, layouts.out, preference,
                                            wanted, results, found);
  cublasLtMatmulPreferenceDestroy(preference);
  if (status == CUBLAS_STATUS_SUCCESS && *found == 0)
    status = CUBLAS_STATUS_NOT_SUPPORTED;
  return -(int)status;
}

int
fill_plan(Gemm *gemm, const GemmProblem *p, Plan *plan)
{
  cublasLtMatmulHeuristicResult_t result;
  int found, status;

  plan->shape = shape_of(p);
  status = make_layouts(plan->shape, &plan->layouts);
  if (status == 0)
    status = set_scales(plan->layouts, p);
  if (status == 0)
    status = ask(gemm, plan->layouts, 1, &result, &found);
  if (status == 0)
    plan->algorithm = result.algo;
  return status;
}

/* The plan of the problem's shape; makes it where there is none. */
int
find_plan(Gemm *gemm, const GemmProblem *p, Plan **plan)
{
  const Shape shape = shape_of(p);
  void *found = tfind(&shape, &gemm->plans, compare_shapes);
  Plan *made;
  int status;

  if (found != NULL) {
    *plan = *(Plan **)found;
    return 0;
  }
  made = (Plan *)calloc(1, sizeof *made);
  if (made == NULL)
    return cudaErrorMemoryAllocation;
  status = fill_plan(gemm, p, made);
  if (status == 0 && tsearch(made, &gemm->plans, compare_shapes) == NULL)
    status = cudaErrorMemoryAllocation;
  if (status != 0)
    free_plan(made);
  *plan = made;
  return status;
}

int
multiply(Gemm *gemm, const GemmProblem *p, const Layouts &layouts,
         const cublasLtMatmulAlgo_t *algorithm, cudaStream_t stream)
{
  const float one = 1, zero = 0;
  int status = set_scales(layouts, p);

  if (status != 0)
    return status;
  return -(int)cublasLtMatmul(gemm->handle, layouts.product, &one, p->weights, layouts.weights,
                              p->in, layouts.in, &zero, p->out, layouts.out, p->out, layouts.out,
                              algorithm, gemm->workspace, gemm->workspace_bytes, stream);
}

int
check_problem(const Gemm *gemm, const GemmProblem *p)
{
  if (p->n == 0 || p->k == 0)
    return cudaErrorInvalidValue;
  if (p->dtype == DTYPE_FP8_E4M3) {
    if (!gemm->has_fp8)
      return cudaErrorNotSupported;
    if (p->n % FP8_MULTIPLE != 0 || p->k % FP8_MULTIPLE != 0)
      return cudaErrorInvalidValue;
  }
  return 0;
}

int
prepare(Gemm *gemm)
{
  int device, major, minor;

  RETURN_IF_FAILED(cudaGetDevice(&device));
  RETURN_IF_FAILED(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
  RETURN_IF_FAILED(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device));
  gemm->has_fp8 = 10 * major + minor >= FP8_CAPABILITY;
  gemm->workspace_bytes = major >= 9 ? WORKSPACE_BYTES_SM90 : WORKSPACE_BYTES;
  RETURN_IF_FAILED(cudaMalloc(&gemm->workspace, gemm->workspace_bytes));
  RETURN_IF_REFUSED(cublasLtCreate(&gemm->handle));
  return 0;
}

} // namespace

int
gemm_new(Gemm **gemm)
{
  Gemm *made = (Gemm *)calloc(1, sizeof *made);
  int status = made != NULL ? prepare(made) : cudaErrorMemoryAllocation;

  if (status != 0) {
    gemm_free(made);
    made = NULL;
  }
  *gemm = made;
  return status;
}

void
gemm_free(Gemm *gemm)
{
  if (gemm == NULL)
    return;
  tdestroy(gemm->plans, free_plan);
  if (gemm->handle != NULL)
    cublasLtDestroy(gemm->handle);
  cudaFree(gemm->workspace);
  free(gemm);
}

bool
gemm_has_fp8(const Gemm *gemm)
{
  return gemm->has_fp8;
}

int
gemm_run(Gemm *gemm, const GemmProblem *problem, struct CUstream_st *stream)
{
  Plan *plan;
  int status = check_problem(gemm, problem);

  if (status != 0 || problem->m == 0)
    return status;
  status = find_plan(gemm, problem, &plan);
  return status != 0 ? status : multiply(gemm, problem, plan->layouts, &plan->algorithm, stream);
}

int
gemm_choices(Gemm *gemm, const GemmProblem *problem, GemmChoice choices[GEMM_CHOICES_MAX],
             size_t *num_choices)
{
  cublasLtMatmulHeuristicResult_t results[GEMM_CHOICES_MAX];
  Plan *plan;
  int found = 0, status = check_problem(gemm, problem);

  if (status == 0)
    status = find_plan(gemm, problem, &plan);
  if (status == 0)
    status = ask(gemm, plan->layouts, GEMM_CHOICES_MAX, results, &found);
  *num_choices = 0;
  for (int i = 0; status == 0 && i < found; i++)
    if (results[i].state == CUBLAS_STATUS_SUCCESS) {
      GemmChoice *choice = &choices[(*num_choices)++];
      memcpy(choice->algorithm, &results[i].algo, sizeof choice->algorithm);
      choice->workspace_bytes = results[i].workspaceSize;
      choice->waves = results[i].wavesCount;
    }
  return status;
}

int
gemm_run_choice(Gemm *gemm, const GemmProblem *problem, const GemmChoice *choice,
                struct CUstream_st *stream)
{
  cublasLtMatmulAlgo_t algorithm;
  Plan *plan;
  int status = check_problem(gemm, problem);

  if (status != 0 || problem->m == 0)
    return status;
  memcpy(&algorithm, choice->algorithm, sizeof algorithm);
  status = find_plan(gemm, problem, &plan);
  return status != 0 ? status : multiply(gemm, problem, plan->layouts, &algorithm, stream);
}

const char *
gemm_status_name(int status)
{
  return status < 0 ? cublasLtGetStatusName((cublasStatus_t)-status)
                    : cudaGetErrorName((cudaError_t)status);
}
