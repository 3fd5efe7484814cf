/* Products of activations and weights: out = in w^T, in: [m][k], w: [n][k] (as checkpoints keep
 * it), out: [m][n], all row-major and dense.
 *
 * On the GPU through cuBLASLt behind one launcher. A plan (the library's first choice for the
 * shape) is made when a shape first comes and kept.
 */
#pragma once

#include "dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Each element is one sum over k in order, so that a row does not depend on the other rows. */
void gemm_reference(const float *in, const float *weights, size_t m, size_t n, size_t k,
                    float *out);

/* fp8 has an out of bf16 and wants k and n to be multiples of 16; the scales are one float each,
 * on the device: what is stored times that is meant. NULL: 1. */
typedef struct {
  Dtype dtype;
  size_t m, n, k;
  const void *in, *weights;
  const float *in_scale, *weight_scale;
  void *out;
} GemmProblem;

/* The library's handle, the workspace (32 MiB from compute capability 9.0 on, 4 MiB before) and the
 * plans, of the current device. One stream at a time: calls share the workspace. */
typedef struct Gemm Gemm;

/* Statuses: 0 for success, a cudaError_t, or below 0 a cublasStatus_t's negative. */
int gemm_new(Gemm **gemm);
void gemm_free(Gemm *gemm);
int gemm_run(Gemm *gemm, const GemmProblem *problem, struct CUstream_st *stream);
/* For messages: "CUBLAS_STATUS_NOT_SUPPORTED", "cudaErrorMemoryAllocation". */
const char *gemm_status_name(int status);

/* Whether the current device multiplies fp8. */
bool gemm_has_fp8(const Gemm *gemm);

/* What the library would choose from, best guess first: for diagnostics, and to be kept with a
 * measurement. The plan that gemm_run() uses is choice 0. */
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
