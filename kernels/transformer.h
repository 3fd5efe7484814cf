/* The small operations of a decoder layer: embedding, norms, rotary embedding, the gated
 * activation, biases and residuals.
 *
 * Matrices are row-major, a row a token; `row_stride` counts elements. GPU versions (same names
 * without _reference) take the element type first and a stream last, and return a cudaError_t.
 */
#pragma once

#include "dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out[row] = table[ids[row]]; table: [vocab][width]. Ids are inside the table. */
void embedding_reference(const float *table, const int32_t *ids, size_t num_rows, size_t width,
                         float *out);

/* out = in / sqrt(mean(in^2) + epsilon) * weight, a row at a time. In place is allowed. */
void rms_norm_reference(const float *in, const float *weight, size_t num_rows, size_t width,
                        float epsilon, float *out);

/* residual += in; out = rms_norm(residual). in and out may be the same. */
void residual_rms_norm_reference(const float *in, float *residual, const float *weight,
                                 size_t num_rows, size_t width, float epsilon, float *out);

/* in += bias, each row. */
void bias_reference(float *in, const float *bias, size_t num_rows, size_t width, size_t row_stride);

/* Rotates the first rotary_dim elements of each head, in place: element d and d + rotary_dim / 2
 * make a pair ("neox" order). cos_sin: [positions][rotary_dim]: first the cosines of a position's
 * rotary_dim / 2 angles, then the sines. rows: [num_rows][num_heads][head_dim]. */
void rope_reference(float *rows, const float *cos_sin, const int32_t *positions, size_t num_rows,
                    size_t row_stride, uint32_t num_heads, uint32_t head_dim, uint32_t rotary_dim);

/* out = silu(gate) * up; gate_up: [rows][2 * width], gates first; silu(x) = x / (1 + exp(-x)). */
void silu_gate_reference(const float *gate_up, size_t num_rows, size_t width, float *out);

#ifdef __cplusplus
}
#endif
