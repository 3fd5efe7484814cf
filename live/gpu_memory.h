/* CUDA allocations whose error messages say what the memory was for, and errors from statuses. */
#pragma once

#include <cuda_runtime_api.h>

#include "device.h"

/* Sets a LIVE_ERROR that begins with `what` ("the KV pool"), from a status that is not 0: a
 * cudaError_t, or below 0 the negative of a cublasStatus_t. Returns FALSE. */
gboolean gpu_fail(GError **error, int status, const char *what);

/* Zeroed memory on the GPU, for cudaFree(); NULL and an error that begins with `what`. */
void *gpu_allocate(gsize bytes, const char *what, GError **error);
/* Memory of the host, for gpu_free_host(): pinned, which the GPU copies at full speed, or pageable.
 * NULL and an error that begins with `what`. */
void *gpu_allocate_host(gsize bytes, gboolean pageable, const char *what, GError **error);
void gpu_free_host(void *memory, gboolean pageable);
