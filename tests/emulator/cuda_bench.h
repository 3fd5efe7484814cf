/* What the calibration asks of CUDA beyond the live executor: what the card is. Included by
 * cuda_runtime_api.h; bench.cc implements it.
 */
#pragma once

struct cudaDeviceProp {
  char name[256];
};

cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaRuntimeGetVersion(int *version);
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device);
cudaError_t cudaDeviceGetPCIBusId(char *bus, int length, int device);
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes);
