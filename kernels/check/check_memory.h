/* The memory of one case on the GPU: between guard zones, poisoned, and freed together.
 *
 * The first failure is kept, and later calls do nothing, so that a case need not check each call:
 * it asks check_memory_problem() at its end.
 */
#pragma once

#include "kernels/dtype.h"

#include <glib.h>

typedef struct CheckMemory CheckMemory;

/* For tests of the checks: damages each output after the kernels and before it is read. */
typedef struct {
  void (*damage)(gpointer data, void *output, gsize num_bytes);
  gpointer data;
} CheckTamper;

CheckMemory *check_memory_new(const CheckTamper *tamper);
void check_memory_free(CheckMemory *memory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CheckMemory, check_memory_free)

/* The stream for the case's kernels and copies; not the default stream. */
struct CUstream_st *check_memory_stream(CheckMemory *memory);

/* Memory on the device. what: for messages; borrowed. NULL after a failure, or for no bytes. An
 * output is written by a kernel. Memory that is not uploaded is NaN, in any type. */
typedef enum { CHECK_INPUT, CHECK_OUTPUT } CheckUse;
void *check_memory_add(CheckMemory *memory, gsize num_bytes, CheckUse use, const char *what);
void *check_memory_upload(CheckMemory *memory, const void *from, gsize num_bytes, CheckUse use,
                          const char *what);
/* Uploads the floats as 16-bit numbers. */
void *check_memory_upload_floats(CheckMemory *memory, Dtype dtype, const float *values, gsize count,
                                 CheckUse use, const char *what);
/* A copy of `from` in memory of the host, pinned or pageable; the GPU can access pinned memory. */
void *check_memory_add_host(CheckMemory *memory, gboolean pageable, const void *from,
                            gsize num_bytes, CheckUse use, const char *what);

/* Keeps the status of a call if it failed: a cudaError_t or the negative of a cublasStatus_t. */
void check_memory_called(CheckMemory *memory, int status, const char *what);
/* Waits for the stream, and checks the guard zones; must be called before outputs are read. */
void check_memory_settle(CheckMemory *memory);
void check_memory_download(CheckMemory *memory, void *to, const void *from, gsize num_bytes);
/* 16-bit numbers as floats, NaN after a failure; the caller frees. */
float *check_memory_download_floats(CheckMemory *memory, Dtype dtype, const void *from,
                                    gsize count);

/* The first failure; NULL: none. */
const char *check_memory_problem(const CheckMemory *memory);
