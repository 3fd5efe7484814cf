/* Dtypes as keys of measurements: which of a profile's serve what a model asks for.
 *
 * Every dtype is a key of its own. "fp8" (a scale a tensor or a row) and "fp8_block" (a scale a
 * block of 128 x 128) are kernels apart that differ by half, and "int8" is neither. One pair alone
 * stands in for each other: bfloat16 and float16, which have the same width and run at the same
 * rate on every device that is known. What stands in is said (profile_remarks.h); what has no
 * samples is the roofline's.
 */
#pragma once

#include "calib/profile.h"

#include "sim/model.h"

/* What a product of weights of a dtype costs by: its bits, 16 where they are not known, and whether
 * a scale is a block's. */
WeightFormat dtype_format(const char *dtype);

/* What a model's activations are in: its weights' dtype if that has 16 bits, else bfloat16. Norms
 * and embeddings of quantized checkpoints stay in it. */
const char *dtype_of_activations(const Model *model);
/* What its output head is kept as: most quantized checkpoints leave it in 16 bits. */
const char *dtype_of_head(const Model *model);
/* What its attention asks for: "bfloat16", or "bfloat16+fp8kv" with a KV cache of 8 bits. */
const char *dtype_of_attention(const Model *model);

/* The dtype whose samples of one operation and variant serve one that asks for
 * `asked`: the same; samples without a dtype; its stand-in. NULL: none. */
const char *dtype_serving(const Profile *profile, OperationKind kind, const char *variant,
                          const char *asked);
