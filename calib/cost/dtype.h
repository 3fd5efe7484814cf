/* Dtypes as keys of measurements: which of a profile's serve what a model asks for.
 *
 * Every dtype is a key of its own. "fp8" (a scale a tensor or a row) and "fp8_block" (a scale a
 * block of 128 x 128) are kernels apart that differ by half, and "int8" is neither. Only bfloat16
 * and float16 stand in for each other: they have the same width and run at the same rate on every
 * known device. profile_remarks.h says what stands in; where there are no samples, the roofline
 * does.
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

/* The dtype whose samples of one operation and variant serve one that asks for
 * `asked`: the same; samples without a dtype; its stand-in. NULL: none. */
const char *dtype_serving(const Profile *profile, OperationKind kind, const char *variant,
                          const char *asked);
