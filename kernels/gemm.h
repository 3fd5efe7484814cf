/* Products of activations and weights: out = in w^T, in: [m][k], w: [n][k] (as checkpoints keep
 * it), out: [m][n], all row-major and dense.
 *
 * On the GPU they are cuBLASLt's. The plan of a shape, the library's first choice, is made at the
 * shape's first product and kept.
 */
#pragma once

#include "dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Each element is one sum over k in order, so that a row does not depend on the other rows. */
void gemm_reference(const float *in, const float *weights, size_t m, size_t n, size_t k,
                    float *out);

/* fp8 has an out of bf16, and k and n must be multiples of 16. Scales: one float each, on the
 * device, by which stored values are multiplied; NULL: 1. */
typedef struct {
  Dtype dtype;
  size_t m, n, k;
  const void *in, *weights;
  const float *in_scale, *weight_scale;
  void *out;
} GemmProblem;

/* The library's handle, the workspace (32 MiB from compute capability 9.0 on, 4 MiB before) and the
 * plans, of the current device. Use one stream at a time: products share the workspace. */
typedef struct Gemm Gemm;

/* Statuses: 0 for success, a cudaError_t, or below 0 the negative of a cublasStatus_t. gemm_run()
 * does not wait; cudaErrorInvalidValue for a shape that is not allowed, cudaErrorNotSupported for
 * fp8 where the device has none. m 0: success, and no launch. */
int gemm_new(Gemm **gemm);
void gemm_free(Gemm *gemm);
int gemm_run(Gemm *gemm, const GemmProblem *problem, struct CUstream_st *stream);
/* For messages: "CUBLAS_STATUS_NOT_SUPPORTED", "cudaErrorMemoryAllocation". */
const char *gemm_status_name(int status);

/* Whether the current device multiplies fp8. */
bool gemm_has_fp8(const Gemm *gemm);

/* The library's candidates for a problem, its first choice first: for diagnostics, and to be stored
 * with a measurement. gemm_run() uses choice 0. */
enum { GEMM_CHOICES_MAX = 8, GEMM_ALGORITHM_WORDS = 8 };

typedef struct {
  uint64_t algorithm[GEMM_ALGORITHM_WORDS]; /* the library's own, opaque */
  size_t workspace_bytes;
  float waves;
} GemmChoice;

int gemm_choices(Gemm *gemm, const GemmProblem *problem, GemmChoice choices[GEMM_CHOICES_MAX],
                 size_t *num_choices);
int gemm_run_choice(Gemm *gemm, const GemmProblem *problem, const GemmChoice *choice,
                    struct CUstream_st *stream);

#ifdef __cplusplus
}
#endif
