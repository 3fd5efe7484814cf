/* CUDA's host interface over plain memory. An allocation ends at a guard page and begins as NaN. */
#include "cuda_runtime_api.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <map>

namespace
{

enum { PAGE_BYTES = 64 * 1024, VECTOR_BYTES = 16, POISON = 0xff };

struct Allocation {
  void *pages;
  size_t num_bytes;
};

std::map<void *, Allocation> allocations;

} // namespace

cudaError_t
cudaGetDeviceCount(int *count)
{
  *count = 1;
  return cudaSuccess;
}

cudaError_t
cudaGetDevice(int *device)
{
  *device = 0;
  return cudaSuccess;
}

cudaError_t
cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int)
{
  switch (attribute) {
  case cudaDevAttrMultiProcessorCount:
    *value = 4;
    return cudaSuccess;
  case cudaDevAttrComputeCapabilityMajor:
    *value = 9;
    return cudaSuccess;
  case cudaDevAttrComputeCapabilityMinor:
    *value = 0;
    return cudaSuccess;
  }
  return cudaErrorInvalidValue;
}

cudaError_t
cudaGetDeviceProperties(cudaDeviceProp *properties, int)
{
  *properties = {"Emulated H100", (size_t)1 << 30, 9, 0, 4};
  return cudaSuccess;
}

cudaError_t
cudaDriverGetVersion(int *version)
{
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t
cudaRuntimeGetVersion(int *version)
{
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t
cudaGetLastError(void)
{
  return cudaSuccess;
}

const char *
cudaGetErrorName(cudaError_t status)
{
  switch (status) {
  case cudaSuccess:
    return "cudaSuccess";
  case cudaErrorInvalidValue:
    return "cudaErrorInvalidValue";
  case cudaErrorMemoryAllocation:
    return "cudaErrorMemoryAllocation";
  case cudaErrorInvalidConfiguration:
    return "cudaErrorInvalidConfiguration";
  case cudaErrorNotSupported:
    return "cudaErrorNotSupported";
  case cudaErrorMisalignedAddress:
    return "cudaErrorMisalignedAddress";
  }
  return "unrecognized error code";
}

const char *
cudaGetErrorString(cudaError_t status)
{
  return cudaGetErrorName(status);
}

/* The last byte is before the guard page, but for what the alignment of the first takes. */
cudaError_t
cudaMalloc(void **place, size_t num_bytes)
{
  const size_t data_bytes = (num_bytes + VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES;
  const size_t page_bytes = (data_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
  char *pages = (char *)mmap(nullptr, page_bytes + PAGE_BYTES, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (pages == MAP_FAILED)
    return cudaErrorMemoryAllocation;
  if (mprotect(pages + page_bytes, PAGE_BYTES, PROT_NONE) != 0) {
    munmap(pages, page_bytes + PAGE_BYTES);
    return cudaErrorMemoryAllocation;
  }
  memset(pages, POISON, page_bytes);
  *place = pages + page_bytes - data_bytes;
  allocations[*place] = {pages, page_bytes + PAGE_BYTES};
  return cudaSuccess;
}

cudaError_t
cudaFree(void *place)
{
  const auto found = allocations.find(place);

  if (place == nullptr)
    return cudaSuccess;
  if (found == allocations.end())
    return cudaErrorInvalidValue;
  munmap(found->second.pages, found->second.num_bytes);
  allocations.erase(found);
  return cudaSuccess;
}

/* As the driver: no bytes, no matter where. */
static void
copy_bytes(void *to, const void *from, size_t num_bytes)
{
  if (num_bytes > 0)
    memcpy(to, from, num_bytes);
}

cudaError_t
cudaMemcpy(void *to, const void *from, size_t num_bytes, cudaMemcpyKind)
{
  copy_bytes(to, from, num_bytes);
  return cudaSuccess;
}

cudaError_t
cudaMemcpyAsync(void *to, const void *from, size_t num_bytes, cudaMemcpyKind, cudaStream_t)
{
  copy_bytes(to, from, num_bytes);
  return cudaSuccess;
}

cudaError_t
cudaMemcpyBatchAsync(void *const *to, const void *const *from, const size_t *num_bytes,
                     size_t count, cudaMemcpyAttributes *attributes, size_t *first_copies,
                     size_t num_attributes, cudaStream_t stream)
{
  if (count == 0 || num_attributes != 1 || first_copies[0] != 0 || stream == nullptr ||
      stream == cudaStreamLegacy || attributes->srcAccessOrder == cudaMemcpySrcAccessOrderInvalid)
    return cudaErrorInvalidValue;
  for (size_t i = count; i-- > 0;)
    copy_bytes(to[i], from[i], num_bytes[i]);
  return cudaSuccess;
}

cudaError_t
cudaMallocHost(void **place, size_t num_bytes)
{
  return cudaMalloc(place, num_bytes);
}

cudaError_t
cudaFreeHost(void *place)
{
  return cudaFree(place);
}

cudaError_t
cudaMemset(void *place, int value, size_t num_bytes)
{
  memset(place, value, num_bytes);
  return cudaSuccess;
}

cudaError_t
cudaMemsetAsync(void *place, int value, size_t num_bytes, cudaStream_t)
{
  memset(place, value, num_bytes);
  return cudaSuccess;
}

cudaError_t
cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned)
{
  *stream = (cudaStream_t)(uintptr_t)2;
  return cudaSuccess;
}

cudaError_t
cudaStreamDestroy(cudaStream_t)
{
  return cudaSuccess;
}

cudaError_t
cudaStreamSynchronize(cudaStream_t)
{
  return cudaSuccess;
}

cudaError_t
cudaDeviceSynchronize(void)
{
  return cudaSuccess;
}
