/* What kernels are to be left without, by an environment variable: ways that were not yet seen on a
 * GPU, or that were found wrong on one. Each has an older way that takes its place. */
#pragma once

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Names, with commas between. */
#define KERNELS_WITHOUT "SPILLWAY_KERNELS_WITHOUT"

#define WITHOUT_PREFILL_CUTS                                                                       \
  "prefill-cuts" /* packed heads, and keys cut, of few or short prefills */
#define WITHOUT_DECODE_LISTS "decode-lists" /* decodes of equal work a thread block */

/* Kernels' thread blocks placed while the one before still runs (kernels/device.h). */
#define WITHOUT_LAUNCH_AHEAD "launch-ahead"

/* Of prefills on compute capability 9.0: tiles of 192 rows for heads of 64 dimensions, and copies
 * by tensor maps. */
#define WITHOUT_WIDE_TILES "wide-tiles"
#define WITHOUT_TENSOR_MAPS "tensor-maps"

#define KERNELS_WITHOUT_NAMES                                                                      \
  WITHOUT_PREFILL_CUTS ", " WITHOUT_DECODE_LISTS ", " WITHOUT_LAUNCH_AHEAD ", " WITHOUT_WIDE_TILES \
                       ", " WITHOUT_TENSOR_MAPS

bool kernels_without(const char *name);
/* The first name that is none of these, of static memory or the environment's; NULL: all are. */
const char *kernels_without_unknown(void);

#ifdef __cplusplus
}
#endif
