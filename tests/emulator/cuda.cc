/* CUDA's host interface over plain memory. An allocation ends at a guard page and begins as NaN. */
#include "tests/emulator/card.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <map>

namespace
{

enum { PAGE_BYTES = 64 * 1024, VECTOR_BYTES = 16, POISON = 0xff };

struct Allocation {
  void *pages;
  size_t num_bytes;
  size_t *used_bytes; /* of the card, or pinned: what it counts for */
  size_t data_bytes;
};

std::map<void *, Allocation> allocations;
size_t card_bytes, pinned_bytes; /* in use */
double work_ns;
uint64_t num_copies;

} // namespace

EmulatedCard emulated_card = {CUDART_VERSION, 1, 90, SIZE_MAX, SIZE_MAX, 1 << 16, 4, cudaSuccess};

double
emulated_work_ns(void)
{
  return work_ns;
}

uint64_t
emulated_copies(void)
{
  return num_copies;
}

void
emulated_launched(uint64_t num_threads)
{
  work_ns += (double)num_threads;
}

cudaError_t
cudaGetDeviceCount(int *count)
{
  *count = emulated_card.num_devices;
  return *count > 0 ? cudaSuccess : cudaErrorNoDevice;
}

cudaError_t
cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes)
{
  *total_bytes = emulated_card.memory_bytes;
  *free_bytes = *total_bytes - card_bytes;
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
    *value = emulated_card.capability / 10;
    return cudaSuccess;
  case cudaDevAttrComputeCapabilityMinor:
    *value = emulated_card.capability % 10;
    return cudaSuccess;
  case cudaDevAttrL2CacheSize:
    *value = (int)emulated_card.l2_bytes;
    return cudaSuccess;
  }
  return cudaErrorInvalidValue;
}

cudaError_t
cudaGetDeviceProperties(cudaDeviceProp *properties, int)
{
  *properties = {"Emulated H100", (size_t)1 << 30, emulated_card.capability / 10,
                 emulated_card.capability % 10, 4};
  return cudaSuccess;
}

cudaError_t
cudaDriverGetVersion(int *version)
{
  *version = emulated_card.driver_version;
  return cudaSuccess;
}

cudaError_t
cudaDeviceGetPCIBusId(char *bus, int length, int)
{
  snprintf(bus, (size_t)length, "0000:00:00.0");
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
static cudaError_t
allocate(void **place, size_t num_bytes, size_t *used_bytes, size_t most_bytes)
{
  const size_t data_bytes = (num_bytes + VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES;
  const size_t page_bytes = (data_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
  char *pages = (char *)mmap(nullptr, page_bytes + PAGE_BYTES, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (pages == MAP_FAILED)
    return cudaErrorMemoryAllocation;
  if (data_bytes > most_bytes - *used_bytes) {
    munmap(pages, page_bytes + PAGE_BYTES);
    return cudaErrorMemoryAllocation;
  }
  if (mprotect(pages + page_bytes, PAGE_BYTES, PROT_NONE) != 0) {
    munmap(pages, page_bytes + PAGE_BYTES);
    return cudaErrorMemoryAllocation;
  }
  memset(pages, POISON, page_bytes);
  *place = pages + page_bytes - data_bytes;
  allocations[*place] = {pages, page_bytes + PAGE_BYTES, used_bytes, data_bytes};
  *used_bytes += data_bytes;
  return cudaSuccess;
}

cudaError_t
cudaMalloc(void **place, size_t num_bytes)
{
  return allocate(place, num_bytes, &card_bytes, emulated_card.memory_bytes);
}

cudaError_t
cudaFree(void *place)
{
  const auto found = allocations.find(place);

  if (place == nullptr)
    return cudaSuccess;
  if (found == allocations.end())
    return cudaErrorInvalidValue;
  *found->second.used_bytes -= found->second.data_bytes;
  munmap(found->second.pages, found->second.num_bytes);
  allocations.erase(found);
  return cudaSuccess;
}

/* As the driver: no bytes, no matter where. */
static void
copy_bytes(void *to, const void *from, size_t num_bytes)
{
  num_copies++;
  work_ns += 0.01 * (double)num_bytes;
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
  return allocate(place, num_bytes, &pinned_bytes, emulated_card.pinned_bytes);
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
  return emulated_card.failure;
}

cudaError_t
cudaDeviceSynchronize(void)
{
  return emulated_card.failure;
}
