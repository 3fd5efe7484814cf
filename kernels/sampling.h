/* The next token of each sequence from its logits: greedy, or among the top k and top p.
 *
 * Top k, then top p of what is left: candidates are taken in order of falling probability (ties:
 * the lower id first) while the sum before one is below top_p. `uniforms` are the random numbers,
 * one a row in [0, 1): the same numbers give the same tokens everywhere. For that, probabilities
 * are whole multiples of 2^-SAMPLING_WEIGHT_BITS of the largest one, and their sums are exact.
 */
#pragma once

#include "dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SAMPLING_WEIGHT_BITS = 40, SAMPLING_VOCAB_MAX = 1 << 22 };

typedef struct {
  float temperature; /* 0: greedy, and nothing else counts */
  uint32_t top_k;    /* 0: all */
  float top_p;       /* 1: all */
} SamplingParams;

/* logits: [rows][vocab], in rows of `row_stride` elements; ties of the largest: the lowest id. A
 * logit that is not a number is never chosen. `uniforms` may be NULL where the temperature is 0. */
void sample_reference(const float *logits, size_t num_rows, size_t vocab, size_t row_stride,
                      const SamplingParams *params, const float *uniforms, int32_t *tokens);
/* The same on the GPU, without waiting: logits of fp16 or bf16, aligned to 16 bytes, row_stride a
 * multiple of 8, vocab at most SAMPLING_VOCAB_MAX. Returns a cudaError_t, 0 for success:
 * cudaErrorInvalidValue or cudaErrorMisalignedAddress where that is not so. */
int sample(Dtype dtype, const void *logits, size_t num_rows, size_t vocab, size_t row_stride,
           const SamplingParams *params, const float *uniforms, int32_t *tokens,
           struct CUstream_st *stream);

#ifdef __cplusplus
}
#endif
