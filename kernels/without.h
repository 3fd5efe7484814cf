/* Optimizations of kernels that an environment variable turns off: those that have not run on a GPU
 * yet, or that gave wrong results on one. Without it a kernel takes a simpler way. */
#pragma once

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The variable: names of optimizations, separated by commas. */
#define KERNELS_WITHOUT "SPILLWAY_KERNELS_WITHOUT"

#define WITHOUT_PREFILL_CUTS                                                                       \
  "prefill-cuts" /* of few or short prefills, heads are packed and keys cut (prefill_plan.h) */
#define WITHOUT_DECODE_LISTS "decode-lists" /* equal work for each thread block (decode_plan.h) */

/* A kernel's thread blocks are placed while the kernel before still runs (device.h). */
#define WITHOUT_LAUNCH_AHEAD "launch-ahead"

/* Prefills on compute capability 9.0: tiles of 192 rows for heads of 64 dimensions, and copies by
 * tensor maps. */
#define WITHOUT_WIDE_TILES "wide-tiles"
#define WITHOUT_TENSOR_MAPS "tensor-maps"

#define KERNELS_WITHOUT_NAMES                                                                      \
  WITHOUT_PREFILL_CUTS ", " WITHOUT_DECODE_LISTS ", " WITHOUT_LAUNCH_AHEAD ", " WITHOUT_WIDE_TILES \
                       ", " WITHOUT_TENSOR_MAPS

/* Whether the variable names this optimization. */
bool kernels_without(const char *name);
/* The first name in the variable that is none of these, up to a comma or the end, in the
 * environment's memory; NULL: there is none. */
const char *kernels_without_unknown(void);

#ifdef __cplusplus
}
#endif
