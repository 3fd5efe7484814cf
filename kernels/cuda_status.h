/* Returns early with the cudaError_t of a CUDA call that failed. */
#pragma once

#include <cuda_runtime_api.h>

#define RETURN_IF_FAILED(call)                                                                     \
  do {                                                                                             \
    cudaError_t status_of_call = (cudaError_t)(call);                                              \
    if (status_of_call != cudaSuccess)                                                             \
      return status_of_call;                                                                       \
  } while (0)
