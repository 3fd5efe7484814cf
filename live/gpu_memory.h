/* What the GPU's device has of CUDA: allocations that say what they were for, and messages. */
#pragma once

#include <cuda_runtime_api.h>

#include "device.h"

/* "WHAT: no memory for 12.3 GiB on the GPU …", "the GPU was lost …", from a status that is not 0:
 * a cudaError_t, or below 0 the negative of a cublasStatus_t. FALSE. */
gboolean gpu_fail(GError **error, int status, const char *what);

/* Memory that is zeroed; NULL with an error. `what` is for people: "the KV pool". */
void *gpu_allocate(gsize bytes, const char *what, GError **error);
/* Memory of the host that the GPU copies at full speed (pinned), or such as malloc() gives. */
void *gpu_allocate_host(gsize bytes, gboolean pageable, const char *what, GError **error);
void gpu_free_host(void *memory, gboolean pageable);
