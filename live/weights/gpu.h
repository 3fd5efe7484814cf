/* The weights on the GPU: the layout's arena in fp16 or bf16. */
#pragma once

#include "live/gpu_memory.h"

/* Reads the tensors in pieces, several at once in threads, rounds them to the type and copies them:
 * the host never holds more than weights_gpu_host_bytes(). Memory for cudaFree(); NULL and an
 * error. */
void *weights_gpu_load(const WeightLayout *layout, WeightSource *source, Dtype dtype,
                       GError **error);
gsize weights_gpu_host_bytes(void);
