/* The GPU as a device of the calibration: the current CUDA device, through the launchers of
 * kernels/ and timed by kernels/timing.h.
 *
 * Buffers on the card are kept from one measurement to the next and grow to what was asked for.
 * What is read is random, never zeros; what must be cold is rotated through several times the
 * last-level cache.
 */
#pragma once

#include "calib/measure/bench_step.h"

/* Nothing is asked of the card before it is identified. steps: NULL, and steps are not measured. */
BenchDevice *bench_cuda_new(const BenchStepClass *steps);

/* Random values between -1 and 1 of a type; small ones, as the weights of a whole model are, which
 * no number of layers makes overflow, between -1/64 and 1/64. */
typedef enum {
  BENCH_FILL_NONE,
  BENCH_FILL_BF16,
  BENCH_FILL_FP16,
  BENCH_FILL_FP8,
  BENCH_FILL_SMALL_BF16,
  BENCH_FILL_SMALL_FP16,
} BenchFill;

/* Fills memory of the current device; a cudaError_t. */
int bench_cuda_fill(void *memory, gsize bytes, BenchFill fill);
/* The type's name in profiles: "bfloat16", "float16", "fp8"; FALSE if it is none of these. */
gboolean bench_cuda_dtype(const char *name, Dtype *dtype, BenchFill *fill);
