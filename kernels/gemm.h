/* Products of activations and weights: out = in w^T, in: [m][k], w: [n][k] (as checkpoints keep
 * it), out: [m][n], all row-major and dense.
 *
 * On the GPU through cuBLASLt behind one launcher.
 */
#pragma once

#include "dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Each element is one sum over k in order, so that a row does not depend on the other rows. */
void gemm_reference(const float *in, const float *weights, size_t m, size_t n, size_t k,
                    float *out);

#ifdef __cplusplus
}
#endif
