/* Element types of the kernels, and the stream that they run in.
 *
 * The CPU references work on float throughout and add up in double: what they are given is already
 * rounded to the type that the kernel under test reads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { DTYPE_FP16, DTYPE_BF16, DTYPE_FP8_E4M3 } Dtype;

struct CUstream_st; /* what a cudaStream_t points to */
