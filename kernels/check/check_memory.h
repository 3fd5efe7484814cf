/* The memory of one case on the GPU: between guard zones, poisoned, and freed together.
 *
 * The first failure is kept and what follows does nothing, so that a case is written without asking
 * after each call; at its end stands check_memory_problem().
 */
#pragma once

#include "kernels/dtype.h"

#include <glib.h>

typedef struct CheckMemory CheckMemory;

/* For tests of the checks: may damage each output when the kernels are done and before it is read.
 * NULL: nothing does. */
typedef struct {
  void (*damage)(gpointer data, void *output, gsize num_bytes);
  gpointer data;
} CheckTamper;

CheckMemory *check_memory_new(const CheckTamper *tamper);
void check_memory_free(CheckMemory *memory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CheckMemory, check_memory_free)

/* Where kernels and copies of the case run; not the default stream. */
struct CUstream_st *check_memory_stream(CheckMemory *memory);

/* `what` is for messages: a text that stays. NULL after a failure, or for no bytes. Outputs are
 * what a kernel writes; all but what is uploaded begins as NaN, in any type. */
typedef enum { CHECK_INPUT, CHECK_OUTPUT } CheckUse;
void *check_memory_add(CheckMemory *memory, gsize num_bytes, CheckUse use, const char *what);
void *check_memory_upload(CheckMemory *memory, const void *from, gsize num_bytes, CheckUse use,
                          const char *what);
/* As 16-bit numbers. */
void *check_memory_upload_floats(CheckMemory *memory, Dtype dtype, const float *values, gsize count,
                                 CheckUse use, const char *what);
/* On the host, pinned or pageable, as an upload; the GPU reads and writes what is pinned. */
void *check_memory_add_host(CheckMemory *memory, gboolean pageable, const void *from,
                            gsize num_bytes, CheckUse use, const char *what);

/* Notes the status of a call: 0, a cudaError_t or the negative of a cublasStatus_t. */
void check_memory_called(CheckMemory *memory, int status, const char *what);
/* Waits for what runs, and looks at the guard zones. Before outputs are read. */
void check_memory_settle(CheckMemory *memory);
void check_memory_download(CheckMemory *memory, void *to, const void *from, gsize num_bytes);
/* The caller frees; NaN after a failure. */
float *check_memory_download_floats(CheckMemory *memory, Dtype dtype, const void *from,
                                    gsize count);

/* NULL while all goes well. */
const char *check_memory_problem(const CheckMemory *memory);
