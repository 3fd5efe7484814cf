/* Checks of the kernels against their references: what `spillway-gpu selfcheck` runs.
 *
 * A check has numbered cases, from tiny ones over edge cases to large ones; a level runs the first
 * num_cases[level]. A case depends on its number and the seed only, so that one that failed can be
 * run again by itself.
 */
#pragma once

#include "check_memory.h"
#include "comparison.h"
#include "kernels/attention.h"
#include "kernels/gemm.h"

#include <glib.h>

typedef enum {
  CHECK_TINY,  /* for an emulator */
  CHECK_QUICK, /* for compute-sanitizer, which slows kernels down a hundredfold */
  CHECK_FULL,
  CHECK_NUM_LEVELS
} CheckLevel;

/* What cases share. */
typedef struct {
  AttentionDevice attention;
  Gemm *gemm;
  const CheckTamper *tamper; /* NULL, but for tests */
} CheckContext;

/* A case as it was run. */
typedef struct {
  char *shape;  /* for messages */
  double limit; /* of the error; 0: bytes must be equal */
  Comparison found;
  char *problem;       /* NULL: it passed */
  const char *refused; /* NULL, or what the driver does not support: nothing was checked */
} CheckCase;

typedef struct {
  const char *name;
  guint num_cases[CHECK_NUM_LEVELS];
  /* Returns why this GPU lacks the kernel, NULL: it has it. NULL: every GPU has it. */
  const char *(*lacks)(const CheckContext *context);
  void (*run)(const CheckContext *context, guint number, GRand *rand, CheckCase *result);
} KernelCheck;

/* Ends with NULL. */
extern const KernelCheck *const kernel_checks[];
extern const KernelCheck check_prefill, check_prefill_cuts, check_prefill_wgmma,
    check_prefill_wgmma_cuts, check_prefill_wgmma_wide, check_prefill_wgmma_maps, check_decode,
    check_decode_lists, check_mixed, check_kv_write, check_kv_copy, check_embedding, check_rms_norm,
    check_residual_rms_norm, check_head_rms_norm, check_bias, check_rope, check_silu_gate,
    check_sampling, check_gemm, check_stream_copy, check_launch_ahead;

/* Limits of the error of 16-bit outputs: of attention and products, which round in between, and of
 * kernels that round their result only. */
double check_limit(Dtype dtype);
double check_limit_rounding(Dtype dtype);

/* "bf16", "fp16", "fp8". */
const char *check_dtype_name(Dtype dtype);

/* Whether an earlier error has made the GPU unusable for this program. */
gboolean check_gpu_is_lost(void);

/* Runs one case; the caller clears it. */
void check_case_run(const KernelCheck *check, const CheckContext *context, guint number,
                    guint32 seed, CheckCase *result);
void check_case_clear(CheckCase *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CheckCase, check_case_clear)

/* For the checks: keeps how far the output is off, and the problem where that is beyond the limit.
 */
void check_case_compare(CheckCase *result, Comparison found, double limit);
/* Sets the problem, unless the case has one. */
void check_case_fail(CheckCase *result, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Fails unless the bytes are equal. */
void check_case_compare_bytes(CheckCase *result, const void *found, const void *expected,
                              gsize num_bytes, const char *what);
/* Takes over the memory's problem, if it has one, in place of any other. */
void check_case_end(CheckCase *result, const CheckMemory *memory);
