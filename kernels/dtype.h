/* Element types of the kernels, and the stream that they run in.
 *
 * The CPU references take and give float and add up in double. A test rounds their inputs to the
 * type that the kernel reads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { DTYPE_FP16, DTYPE_BF16, DTYPE_FP8_E4M3 } Dtype;

struct CUstream_st; /* what a cudaStream_t points to */
