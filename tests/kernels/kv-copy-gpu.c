/* The KV copy kernels against the header's formula, on a GPU; skipped where there is none. */
#include "kernels/check/kv_copy_cases.h"

#include <cuda_runtime_api.h>

enum { CASES = 100 };

typedef struct {
  guint8 *pool, *buffer;
  int32_t *block_list;
} DeviceMemory;

static void
check(int status)
{
  g_assert_cmpstr(cudaGetErrorName((cudaError_t)status), ==, cudaGetErrorName(cudaSuccess));
}

static gboolean
skip_without_gpu(void)
{
  int num_gpus = 0;

  if (cudaGetDeviceCount(&num_gpus) == cudaSuccess && num_gpus > 0)
    return FALSE;
  g_test_skip("no GPU");
  return TRUE;
}

static void
upload(const KvCopyCase *c, DeviceMemory *device)
{
  size_t list_bytes = c->num_blocks * sizeof *c->block_list;

  check(cudaMalloc((void **)&device->pool, c->pool_bytes));
  check(cudaMalloc((void **)&device->buffer, c->buffer_bytes));
  check(cudaMalloc((void **)&device->block_list, list_bytes));
  check(cudaMemcpy(device->pool, c->pool, c->pool_bytes, cudaMemcpyHostToDevice));
  check(cudaMemcpy(device->buffer, c->buffer, c->buffer_bytes, cudaMemcpyHostToDevice));
  check(cudaMemcpy(device->block_list, c->block_list, list_bytes, cudaMemcpyHostToDevice));
}

/* Pool and buffer come back into the case; waits for the copies, and so for their errors. */
static void
download(KvCopyCase *c, DeviceMemory *device)
{
  check(cudaMemcpy(c->pool, device->pool, c->pool_bytes, cudaMemcpyDeviceToHost));
  check(cudaMemcpy(c->buffer, device->buffer, c->buffer_bytes, cudaMemcpyDeviceToHost));
  check(cudaFree(device->pool));
  check(cudaFree(device->buffer));
  check(cudaFree(device->block_list));
}

static void
test_gather(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);

  if (skip_without_gpu())
    return;
  for (unsigned i = 0; i < CASES; i++) {
    g_autoptr(KvCopyCase) c = kv_copy_case_new(rand);
    g_autofree guint8 *expected = kv_copy_case_gathered(c);
    g_autofree guint8 *pool = g_memdup2(c->pool, c->pool_bytes);
    DeviceMemory device;

    upload(c, &device);
    check(kv_gather(&c->layout, device.pool, device.block_list, c->num_blocks, device.buffer, i % 3,
                    NULL));
    download(c, &device);
    g_assert_cmpmem(c->buffer, c->buffer_bytes, expected, c->buffer_bytes);
    g_assert_cmpmem(c->pool, c->pool_bytes, pool, c->pool_bytes);
  }
}

static void
test_scatter(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(2);

  if (skip_without_gpu())
    return;
  for (unsigned i = 0; i < CASES; i++) {
    g_autoptr(KvCopyCase) c = kv_copy_case_new(rand);
    g_autofree guint8 *expected = kv_copy_case_scattered(c);
    DeviceMemory device;

    upload(c, &device);
    check(kv_scatter(&c->layout, device.pool, device.block_list, c->num_blocks, device.buffer,
                     i % 3, NULL));
    download(c, &device);
    g_assert_cmpmem(c->pool, c->pool_bytes, expected, c->pool_bytes);
  }
}

/* Refused before anything is launched, so this needs no GPU. */
static void
test_refused(void)
{
  const KvLayout layout = {
      .block_stride_bytes = 64, .piece_stride_bytes = 64, .piece_bytes = 64, .num_pieces = 1};
  KvLayout odd = layout, apart = layout;
  const KvCopy staged = {.method = KV_COPY_STAGED, .layout = &apart, .num_blocks = 1};
  _Alignas(KV_COPY_VECTOR_BYTES) char memory[80] = {0};

  odd.piece_bytes = 40;
  g_assert_cmpint(kv_gather(&odd, memory, NULL, 1, memory, 0, NULL), ==, cudaErrorInvalidValue);
  g_assert_cmpint(kv_scatter(&layout, memory + 8, NULL, 1, memory, 0, NULL), ==,
                  cudaErrorMisalignedAddress);
  g_assert_cmpint(kv_gather(&layout, memory, NULL, 1, memory + 8, 0, NULL), ==,
                  cudaErrorMisalignedAddress);
  g_assert_cmpint(kv_scatter(&layout, memory, NULL, 0, memory, 0, NULL), ==, cudaSuccess);

  /* One copy between the staging buffer and the host's takes the blocks packed. */
  apart.buffer_block_bytes = apart.num_pieces * apart.piece_bytes + KV_COPY_VECTOR_BYTES;
  g_assert_cmpint(kv_copy(&staged, NULL), ==, cudaErrorInvalidValue);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/kv-copy-gpu/gather", test_gather);
  g_test_add_func("/kv-copy-gpu/scatter", test_scatter);
  g_test_add_func("/kv-copy-gpu/refused", test_refused);
  return g_test_run();
}
