/* The small operations of a decoder layer: embedding, norms, rotary embedding, the gated
 * activation, biases and residuals.
 *
 * Matrices are row-major, a row a token; `row_stride` counts elements.
 *
 * GPU versions (same names without _reference) take the element type first, fp16 or bf16, and a
 * stream last. Widths, strides and head sizes are multiples of 8 elements (rotary_dim: of 16) and
 * matrices are aligned to 16 bytes. They return a cudaError_t without waiting, 0 for success:
 * cudaErrorInvalidValue or cudaErrorMisalignedAddress where that is not so, or the launch's error.
 * No rows: success, and no launch. They compute in float, and round the result once.
 */
#pragma once

#include "dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out[row] = table[ids[row]]; table: [vocab][width]. Ids are inside the table. */
void embedding_reference(const float *table, const int32_t *ids, size_t num_rows, size_t width,
                         float *out);
int embedding(Dtype dtype, const void *table, const int32_t *ids, size_t num_rows, size_t width,
              void *out, struct CUstream_st *stream);

/* out = in / sqrt(mean(in^2) + epsilon) * weight, a row at a time. In place is allowed. */
void rms_norm_reference(const float *in, const float *weight, size_t num_rows, size_t width,
                        float epsilon, float *out);
int rms_norm(Dtype dtype, const void *in, const void *weight, size_t num_rows, size_t width,
             float epsilon, void *out, struct CUstream_st *stream);

/* The same of each head of strided rows, in place. rows: [num_rows][num_heads][head_dim]. */
void head_rms_norm_reference(float *rows, const float *weight, size_t num_rows, size_t row_stride,
                             uint32_t num_heads, uint32_t head_dim, float epsilon);
int head_rms_norm(Dtype dtype, void *rows, const void *weight, size_t num_rows, size_t row_stride,
                  uint32_t num_heads, uint32_t head_dim, float epsilon, struct CUstream_st *stream);

/* residual += in; out = rms_norm(residual). in and out may be the same. */
void residual_rms_norm_reference(const float *in, float *residual, const float *weight,
                                 size_t num_rows, size_t width, float epsilon, float *out);
/* The norm is of the stored sum, which is rounded to the type. */
int residual_rms_norm(Dtype dtype, const void *in, void *residual, const void *weight,
                      size_t num_rows, size_t width, float epsilon, void *out,
                      struct CUstream_st *stream);

/* in += bias, each row. */
void bias_reference(float *in, const float *bias, size_t num_rows, size_t width, size_t row_stride);
int bias(Dtype dtype, void *in, const void *bias, size_t num_rows, size_t width, size_t row_stride,
         struct CUstream_st *stream);

/* Rotates the first rotary_dim elements of each head, in place: element d and d + rotary_dim / 2
 * make a pair ("neox" order). cos_sin: [positions][rotary_dim]: first the cosines of a position's
 * rotary_dim / 2 angles, then the sines. rows: [num_rows][num_heads][head_dim]. */
void rope_reference(float *rows, const float *cos_sin, const int32_t *positions, size_t num_rows,
                    size_t row_stride, uint32_t num_heads, uint32_t head_dim, uint32_t rotary_dim);
/* cos_sin stays float; positions are inside it. */
int rope(Dtype dtype, void *rows, const float *cos_sin, const int32_t *positions, size_t num_rows,
         size_t row_stride, uint32_t num_heads, uint32_t head_dim, uint32_t rotary_dim,
         struct CUstream_st *stream);

/* out = silu(gate) * up; gate_up: [rows][2 * width], gates first; silu(x) = x / (1 + exp(-x)). */
void silu_gate_reference(const float *gate_up, size_t num_rows, size_t width, float *out);
int silu_gate(Dtype dtype, const void *gate_up, size_t num_rows, size_t width, void *out,
              struct CUstream_st *stream);

#ifdef __cplusplus
}
#endif
