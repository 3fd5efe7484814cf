/* What a test can do to the emulated GPU. */
#pragma once

#include "cuda_runtime_api.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Memory of the device and pinned memory of the host; as much as there is until it is set. */
void emulator_set_memory(size_t device_bytes, size_t pinned_bytes);
/* After that many operations more, everything fails with `status`. 0: the device is back. */
void emulator_lose_device(cudaError_t status, unsigned long operations);
/* Operations that streams have done so far; graphs that were launched; allocations that are left.
 */
unsigned long emulator_operations(void);
unsigned long emulator_graph_launches(void);
unsigned long emulator_allocations(void);
/* Batches of copies with pageable memory are an invalid value from now on, or are not. */
void emulator_refuse_pageable_batches(int refuse);
/* Of the order in which streams go on. */
void emulator_set_seed(uint64_t seed);

#ifdef __cplusplus
}
#endif
