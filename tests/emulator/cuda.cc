/* CUDA's memory: an allocation ends at a guard page and begins as NaN. Copies are operations of
 * their stream, two each: until the second is done the target is NaN. Memory that is not pinned is read when the copy is enqueued, and a copy to such is
 * waited for, as the driver does. */
#include "cuda_runtime_api.h"

#include "tests/emulator/card.h"
#include "tests/emulator/faults.h"
#include "tests/emulator/streams.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <map>
#include <memory>
#include <vector>

namespace
{

enum { PAGE_BYTES = 64 * 1024, VECTOR_BYTES = 16, POISON = 0xff };

struct Allocation {
  void *pages;
  size_t num_bytes, data_bytes;
  bool pinned; /* of the host */
};

std::map<void *, Allocation> allocations;
size_t most_bytes[2] = {SIZE_MAX, SIZE_MAX}; /* of the device, of pinned memory */
size_t used_bytes[2];
double work_ns;
uint64_t num_copies;

bool
is_pageable(const void *place)
{
  const auto next = allocations.upper_bound((void *)place);

  if (next == allocations.begin())
    return true;
  const auto found = std::prev(next);
  return (const char *)place >= (const char *)found->first + found->second.data_bytes;
}

} // namespace

EmulatedCard emulated_card = {CUDART_VERSION, 1, 90, 1 << 16, 4};

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

void
emulator_set_memory(size_t device_bytes, size_t pinned_bytes)
{
  most_bytes[0] = device_bytes;
  most_bytes[1] = pinned_bytes;
}

unsigned long
emulator_allocations(void)
{
  return allocations.size();
}

cudaError_t
cudaGetDeviceCount(int *count)
{
  *count = emulated_card.num_devices;
  return *count > 0 ? cudaSuccess : cudaErrorNoDevice;
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
  case cudaErrorNotReady:
    return "cudaErrorNotReady";
  case cudaErrorIllegalAddress:
    return "cudaErrorIllegalAddress";
  case cudaErrorStreamCaptureUnsupported:
    return "cudaErrorStreamCaptureUnsupported";
  case cudaErrorStreamCaptureInvalidated:
    return "cudaErrorStreamCaptureInvalidated";
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
allocate(void **place, size_t num_bytes, bool pinned)
{
  const size_t data_bytes = (num_bytes + VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES;
  const size_t page_bytes = (data_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
  const cudaError_t status = emulator::check_not_capturing();
  char *pages;

  if (status != cudaSuccess)
    return status;
  if (data_bytes > most_bytes[pinned] - used_bytes[pinned])
    return cudaErrorMemoryAllocation;
  pages = (char *)mmap(nullptr, page_bytes + PAGE_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED)
    return cudaErrorMemoryAllocation;
  if (mprotect(pages + page_bytes, PAGE_BYTES, PROT_NONE) != 0) {
    munmap(pages, page_bytes + PAGE_BYTES);
    return cudaErrorMemoryAllocation;
  }
  memset(pages, POISON, page_bytes);
  *place = pages + page_bytes - data_bytes;
  allocations[*place] = {pages, page_bytes + PAGE_BYTES, data_bytes, pinned};
  used_bytes[pinned] += data_bytes;
  return cudaSuccess;
}

/* Freeing waits for all that is enqueued; a lost device gives its memory back too. */
static cudaError_t
free_memory(void *place)
{
  const auto found = allocations.find(place);

  if (place == nullptr)
    return cudaSuccess;
  if (found == allocations.end())
    return cudaErrorInvalidValue;
  emulator::wait_for_all();
  used_bytes[found->second.pinned] -= found->second.data_bytes;
  munmap(found->second.pages, found->second.num_bytes);
  allocations.erase(found);
  return emulator::device_status();
}

cudaError_t
cudaMalloc(void **place, size_t num_bytes)
{
  return allocate(place, num_bytes, false);
}

cudaError_t
cudaFree(void *place)
{
  return free_memory(place);
}

cudaError_t
cudaMallocHost(void **place, size_t num_bytes)
{
  return allocate(place, num_bytes, true);
}

cudaError_t
cudaFreeHost(void *place)
{
  return free_memory(place);
}

cudaError_t
cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes)
{
  *total_bytes = most_bytes[0];
  *free_bytes = most_bytes[0] - used_bytes[0];
  return emulator::device_status();
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

/* In the default stream, after all that is there. From memory that is not pinned it is read when
 * the call returns, and perhaps not yet written. */
cudaError_t
cudaMemcpy(void *to, const void *from, size_t num_bytes, cudaMemcpyKind)
{
  const cudaError_t status = emulator::wait_for_stream(nullptr);

  if (status == cudaSuccess && is_pageable(from) && !is_pageable(to)) {
    const auto held =
        std::make_shared<std::vector<char>>((const char *)from, (const char *)from + num_bytes);
    return emulator::enqueue_default([=] { copy_bytes(to, held->data(), num_bytes); });
  }
  if (status == cudaSuccess)
    copy_bytes(to, from, num_bytes);
  return status;
}

/* Between the two operations others may go on. */
static cudaError_t
enqueue_copy(void *to, size_t num_bytes, cudaStream_t stream, const std::function<void()> &copy)
{
  const cudaError_t status = emulator::enqueue(stream, [=] { memset(to, POISON, num_bytes); });

  return status != cudaSuccess ? status : emulator::enqueue(stream, copy);
}

static cudaError_t
copy_later(void *to, const void *from, size_t num_bytes, cudaStream_t stream)
{
  return enqueue_copy(to, num_bytes, stream, [=] { copy_bytes(to, from, num_bytes); });
}

/* A copy whose source is read now. */
static cudaError_t
copy_what_is_there(void *to, const void *from, size_t num_bytes, cudaStream_t stream)
{
  const auto held =
      std::make_shared<std::vector<char>>((const char *)from, (const char *)from + num_bytes);

  return enqueue_copy(to, num_bytes, stream, [=] { copy_bytes(to, held->data(), num_bytes); });
}

cudaError_t
cudaMemcpyAsync(void *to, const void *from, size_t num_bytes, cudaMemcpyKind, cudaStream_t stream)
{
  cudaError_t status;

  if (num_bytes == 0)
    return emulator::device_status();
  if (is_pageable(from))
    return copy_what_is_there(to, from, num_bytes, stream);
  status = copy_later(to, from, num_bytes, stream);
  if (status == cudaSuccess && is_pageable(to))
    status = emulator::wait_for_stream(stream);
  return status;
}

static bool pageable_batches_are_refused;

void
emulator_refuse_pageable_batches(int refuse)
{
  pageable_batches_are_refused = refuse != 0;
}

/* In any order; where that is allowed, sources are perhaps read now. */
cudaError_t
cudaMemcpyBatchAsync(void *const *to, const void *const *from, const size_t *num_bytes,
                     size_t count, cudaMemcpyAttributes *attributes, size_t *first_copies,
                     size_t num_attributes, cudaStream_t stream)
{
  std::vector<size_t> order(count);

  if (count == 0 || num_attributes != 1 || first_copies[0] != 0 || stream == nullptr ||
      stream == cudaStreamLegacy || attributes->srcAccessOrder == cudaMemcpySrcAccessOrderInvalid)
    return cudaErrorInvalidValue;
  for (size_t i = 0; i < count; i++) {
    const size_t place = (size_t)(emulator::draw_of_streams() % (i + 1));
    if (pageable_batches_are_refused && (is_pageable(from[i]) || is_pageable(to[i])))
      return cudaErrorInvalidValue;
    order[i] = order[place];
    order[place] = i;
  }
  for (size_t i : order) {
    void *const target = to[i];
    const void *const source = from[i];
    const size_t n = num_bytes[i];
    const bool early = attributes->srcAccessOrder != cudaMemcpySrcAccessOrderStream &&
                       emulator::draw_of_streams() % 2 == 0;
    const cudaError_t status =
        early ? copy_what_is_there(target, source, n, stream)
              : copy_later(target, source, n, stream);
    if (status != cudaSuccess)
      return status;
  }
  return cudaSuccess;
}

cudaError_t
cudaMemset(void *place, int value, size_t num_bytes)
{
  return emulator::enqueue_default([=] { memset(place, value, num_bytes); });
}

cudaError_t
cudaMemsetAsync(void *place, int value, size_t num_bytes, cudaStream_t stream)
{
  return emulator::enqueue(stream, [=] { memset(place, value, num_bytes); });
}
