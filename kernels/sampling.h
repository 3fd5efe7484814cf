/* The next token of each sequence from its logits: greedy, or among the top k and top p.
 *
 * Top k, then top p of what is left: candidates are taken in order of falling probability (ties:
 * the lower id first) while the sum before one is below top_p. `uniforms` are the random numbers,
 * one a row in [0, 1): the same numbers give the same tokens everywhere.
 */
#pragma once

#include "dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  float temperature; /* 0: greedy, and nothing else counts */
  uint32_t top_k;    /* 0: all */
  float top_p;       /* 1: all */
} SamplingParams;

/* logits: [rows][vocab], in rows of `row_stride` elements; ties of the largest: the lowest id. */
void sample_reference(const float *logits, size_t num_rows, size_t vocab, size_t row_stride,
                      const SamplingParams *params, const float *uniforms, int32_t *tokens);

#ifdef __cplusplus
}
#endif
