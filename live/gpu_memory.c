#include "config.h"

#include "gpu_memory.h"

#include <string.h>

#include "kernels/gemm.h"

#define GIB (1024.0 * 1024 * 1024)

gboolean
gpu_fail(GError **error, int status, const char *what)
{
  switch (status) {
  case cudaErrorMemoryAllocation:
    g_set_error(error, LIVE_ERROR, LIVE_ERROR_MEMORY, "%s: the GPU's memory is full", what);
    break;
  case cudaErrorNoDevice:
  case cudaErrorInsufficientDriver:
    g_set_error(error, LIVE_ERROR, LIVE_ERROR_DEVICE,
                "%s: there is no usable GPU (%s), or its driver is older than this program's CUDA; "
                "'spillway-gpu selfcheck' says more, and --executor cpu computes small models "
                "without one",
                what, gemm_status_name(status));
    break;
  case cudaErrorNotSupported:
    g_set_error(
        error, LIVE_ERROR, LIVE_ERROR_DEVICE,
        "%s: this GPU or its driver does not support it; compute capability 8.0 or later is "
        "needed",
        what);
    break;
  default:
    g_set_error(error, LIVE_ERROR, LIVE_ERROR_DEVICE,
                "%s: the GPU failed or was lost: %s; what came before is kept", what,
                gemm_status_name(status));
  }
  return FALSE;
}

void *
gpu_allocate(gsize bytes, const char *what, GError **error)
{
  void *memory = NULL;
  cudaError_t status = cudaMalloc(&memory, MAX(bytes, 16));

  if (status == cudaSuccess)
    status = cudaMemset(memory, 0, MAX(bytes, 16));
  if (status == cudaSuccess)
    return memory;
  cudaFree(memory);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError(); /* reported here, so the next call must not report it again */
    g_set_error(error, LIVE_ERROR, LIVE_ERROR_MEMORY,
                "%s: the GPU has no %.2f GiB left; give fewer blocks (--kv-memory, "
                "--num-gpu-blocks), fewer batched tokens, or a smaller model",
                what, (double)bytes / GIB);
  } else {
    gpu_fail(error, (int)status, what);
  }
  return NULL;
}

void *
gpu_allocate_host(gsize bytes, gboolean pageable, const char *what, GError **error)
{
  void *memory = NULL;

  if (pageable)
    memory = g_try_malloc0(MAX(bytes, 16));
  else if (cudaMallocHost(&memory, MAX(bytes, 16)) != cudaSuccess)
    memory = NULL;
  if (memory == NULL) {
    cudaGetLastError();
    g_set_error(error, LIVE_ERROR, LIVE_ERROR_MEMORY,
                "%s: the host has no %.2f GiB of %smemory for it; give less --swap-space%s", what,
                (double)bytes / GIB, pageable ? "" : "pinned ",
                pageable ? "" : ", or --host-memory pageable");
  }
  return memory;
}

void
gpu_free_host(void *memory, gboolean pageable)
{
  if (pageable)
    g_free(memory);
  else if (memory != NULL)
    cudaFreeHost(memory);
}
