/* The weights on the GPU: the layout's arena in fp16 or bf16. */
#pragma once

#include "gpu_memory.h"

/* Reads every tensor, rounds it to the type and copies it. For cudaFree(). */
void *weights_gpu_load(const WeightLayout *layout, WeightSource *source, Dtype dtype,
                       GError **error);

/* To nearest, ties to even; out of fp16's range: infinity. */
guint16 weight_from_float(Dtype dtype, float value);
float weight_to_float(Dtype dtype, guint16 bits);
