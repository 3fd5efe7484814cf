/* The part of CUDA's host interface that kernels' launchers and tests use; cuda.cc implements it.
 * What is enqueued in a stream is done later: streams.h says when. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorNotSupported = 801,
  cudaErrorNotReady = 600,
  cudaErrorIllegalAddress = 700,
  cudaErrorMisalignedAddress = 716,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureInvalidated = 901
} cudaError_t;

typedef enum {
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
} cudaMemcpyKind;
typedef enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount,
  cudaDevAttrComputeCapabilityMajor,
  cudaDevAttrComputeCapabilityMinor,
  cudaDevAttrL2CacheSize
} cudaDeviceAttr;
typedef enum { cudaFuncAttributeMaxDynamicSharedMemorySize } cudaFuncAttribute;

typedef struct CUstream_st *cudaStream_t;
#define cudaStreamLegacy ((cudaStream_t)1)
enum { cudaStreamNonBlocking = 1 };

#define CUDART_VERSION 13000

typedef enum {
  cudaMemcpySrcAccessOrderInvalid,
  cudaMemcpySrcAccessOrderStream,
  cudaMemcpySrcAccessOrderDuringApiCall,
  cudaMemcpySrcAccessOrderAny
} cudaMemcpySrcAccessOrder;
typedef struct cudaMemcpyAttributes {
  cudaMemcpySrcAccessOrder srcAccessOrder;
} cudaMemcpyAttributes;

struct cudaDeviceProp {
  char name[256];
  size_t totalGlobalMem;
  int major, minor, multiProcessorCount;
};

cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaGetDevice(int *device);
/* As card.h has it; 4 multiprocessors. */
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device);
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device);
cudaError_t cudaDeviceGetPCIBusId(char *bus, int length, int device);
/* The card's, and CUDART_VERSION. */
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaRuntimeGetVersion(int *version);
cudaError_t cudaGetLastError(void);
const char *cudaGetErrorName(cudaError_t status);
const char *cudaGetErrorString(cudaError_t status);
cudaError_t cudaMalloc(void **place, size_t num_bytes);
cudaError_t cudaFree(void *place);
cudaError_t cudaMemcpy(void *to, const void *from, size_t num_bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t num_bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
/* In any order; wants what CUDA wants: a stream, attributes that begin with the first copy. */
cudaError_t cudaMemcpyBatchAsync(void *const *to, const void *const *from, const size_t *num_bytes,
                                 size_t count, cudaMemcpyAttributes *attributes,
                                 size_t *first_copies, size_t num_attributes, cudaStream_t stream);
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes);
cudaError_t cudaMallocHost(void **place, size_t num_bytes);
cudaError_t cudaFreeHost(void *place);
cudaError_t cudaMemset(void *place, int value, size_t num_bytes);
cudaError_t cudaMemsetAsync(void *place, int value, size_t num_bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaDeviceSynchronize(void);

#include "cuda_live.h"

#ifdef __cplusplus
}
#endif
