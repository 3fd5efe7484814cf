/* Dtypes as keys of measurements: which of a profile's serve what a model asks for.
 *
 * Every dtype is a key of its own. "fp8" (a scale a tensor or a row) and "fp8_block" (a scale a
 * block of 128 x 128) are kernels apart that differ by half, and "int8" is neither. Only bfloat16
 * and float16 stand in for each other: they have the same width and run at the same rate on every
 * known device. Weights of 4 bits have names in tables by what they are multiplied with:
 * "w4a8_mxfp4_mxfp8" is what engines take for MXFP4 where they have a kernel for it, and
 * "w4a16_mxfp4" elsewhere; "int4_wo" is int4. profile_remarks.h says what stands in; where there
 * are no samples, the roofline does.
 */
#pragma once

#include "calib/profile.h"

#include "sim/model.h"

/* What decides the cost of a product with weights of a dtype: its bits (16 where unknown), and
 * whether scales are per block. */
WeightFormat dtype_format(const char *dtype);

/* The dtype of a model's activations: that of its weights if it has 16 bits, else bfloat16.
 * Quantized checkpoints keep norms and embeddings in it. */
const char *dtype_of_activations(const Model *model);
/* What its output head is kept as: most quantized checkpoints leave it in 16 bits. */
const char *dtype_of_head(const Model *model);
/* What its attention asks for: "bfloat16", or "bfloat16+fp8kv" with a KV cache of 8 bits. */
const char *dtype_of_attention(const Model *model);

/* The dtypes whose samples serve one that asks for `asked`, in this order: the same; samples
 * without a dtype; its stand-in; its names in tables. NULL after the last. */
enum { DTYPE_CANDIDATES = 6 };
void dtype_candidates(const char *asked, const char *candidates[DTYPE_CANDIDATES]);
/* Whether a dtype that serves `asked` is another, as wide and at the same rate, and not a name that
 * tables have for it. */
gboolean dtype_is_stand_in(const char *dtype, const char *asked);
/* Of these the first that one operation and variant has. NULL: none. */
const char *dtype_serving(const Profile *profile, OperationKind kind, const char *variant,
                          const char *asked);
