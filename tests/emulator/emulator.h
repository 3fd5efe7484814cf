/* Runs CUDA kernels on the CPU, so that they are tested where there is no GPU.
 *
 * How to use: a one-line file tests/emulator/NAME.cc includes kernels/NAME.cu, is listed in
 * tests/local.mk and finds this folder's <cuda_runtime.h>, "kernels/device.h" and
 * "kernels/device_sm90.h" before the real ones. A test of the kernels on a GPU, compiled and linked
 * so, is a test of them in the emulator.
 *
 * Each thread of a thread block is a fiber; thread blocks run one after the other. A fiber runs
 * until it must wait for others: lanes meet in each warp operation, threads at barriers. Which one
 * goes on is random, and so is how far a warp runs ahead of the others.
 *
 * What is caught, each with a message and abort(), or a fault at the guard page: memory behind
 * an allocation or behind the shared memory; misaligned vectors; threads that did not wait for the
 * kernel before; lanes of a warp in different
 * operations; barriers that nobody reaches. Shared memory and new allocations are NaN, an
 * asynchronous copy arrives at the last moment that it may and its place is NaN until then, a box
 * of a tensor map early or late, and a
 * product of a warpgroup reads its operands early or late and is there when it is waited for. What
 * is not: the order of the memories of different thread blocks, plain writes that a product reads
 * without a fence, how many registers there are, speed.
 */
#pragma once

#include "cuda_runtime_api.h"
#include "vector_types.h"

#include <stdint.h>

#include <functional>

namespace emulator
{

enum { WARP_LANES = 32, WARPGROUP_LANES = 128, NAMED_BARRIERS = 16 };

[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Of the thread that runs. */
struct Place {
  dim3 thread, block, block_dim, grid_dim;
};
const Place &place(void);

/* Whether CUDA starts such a grid. */
cudaError_t check_launch(dim3 grid, dim3 block);
/* Runs `body` as every thread of the grid, now. */
cudaError_t launch(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()> &body);

/* Waits for the lanes of `mask` in this warp, or for this warpgroup; the last to come performs the
 * operation for all. They must all have come for the same one. */
typedef void Perform(void *const *lanes);
void meet_warp(unsigned mask, void *mine, Perform *perform);
void meet_warpgroup(void *mine, Perform *perform);

/* `num_threads` 0: all of the block. */
void barrier_sync(unsigned id, unsigned num_threads);
void barrier_arrive(unsigned id, unsigned num_threads);

/* Lets others run until `is_true`, which is asked again when one of them wakes the waiters. */
void wait_until(const std::function<bool()> &is_true);
void wake_waiters(void);
/* What this thread wrote, others may now count on. */
void tell_others(void);

/* What a kernel's threads begin with; one that ends without is a failure, as it would not be in order
 * behind the kernel before it. */
void wait_for_earlier(void);
void check_waited(void);

unsigned char *shared_memory(void);
/* As a kernel sees it: 32 bits, and a multiple of 1024 for the first byte. */
uint32_t shared_address(const void *place);
unsigned char *shared_place(uint32_t address);
void load_shared(uint32_t address, void *to, size_t num_bytes);
void check_vector(const void *place, size_t num_bytes, const char *what);

/* Copies of this thread in flight. */
void copy_async(void *to, const void *from, bool valid);
void copy_async_commit(void);
void copy_async_wait(size_t pending_groups);

/* For the ordering between copies and products of a warpgroup, which read in another way. */
void fence_async(void);
void check_fenced(void);
/* At the end of a thread block: fails where products still run, or boxes of a tensor map. */
void check_products(void);
void check_boxes(void);
/* Fails where they are not all in the shared memory. */
void check_shared(const void *place, size_t num_bytes);

} // namespace emulator
