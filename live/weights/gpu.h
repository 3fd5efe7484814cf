/* The weights on the GPU: the layout's arena in fp16 or bf16. */
#pragma once

#include "live/gpu_memory.h"

/* Reads every tensor a piece at a time, pieces side by side in threads, rounds them to the type and
 * copies them: the host never holds more than weights_gpu_host_bytes(). For cudaFree(). */
void *weights_gpu_load(const WeightLayout *layout, WeightSource *source, Dtype dtype,
                       GError **error);
gsize weights_gpu_host_bytes(void);
