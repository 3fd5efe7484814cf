/* The formats of a checkpoint's weights and KV, module by module.
 *
 * They are read from config.json, or from a file beside it (quantization_source.h). Known methods:
 * fp8 (by tensor and by block), fbgemm_fp8, compressed-tensors (int8, fp8, int4, NVFP4, MXFP4),
 * modelopt (FP8, NVFP4, MXFP8, W4A16 and mixed), awq, gptq, auto-round, bitsandbytes (int8, nf4),
 * mxfp4, quark (MXFP4, NVFP4, fp8, int8), torchao (int4, int8, fp8, NVFP4). Others are refused by
 * name: a width that is nearly right would give a wrong pool that nobody notices.
 *
 * Scales and zero points are counted as an engine keeps them: no zero points for GPTQ with
 * symmetric weights. Modules that a method's list leaves out have 16 bits, as have embeddings, the
 * output head (unless the file says otherwise), routers and norms.
 */
#pragma once

#include "config_reader.h"
#include "sim/weight_format.h"

typedef struct Quantization Quantization;

/* plain_name: the format of weights that are not quantized. NULL with MODEL_CONFIG_ERROR. The
 * caller frees it. */
Quantization *quantization_read(const ConfigReader *reader, const char *plain_name);
void quantization_free(Quantization *quantization);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Quantization, quantization_free)

/* The format of a module's matrix, by its path from the layers on: "layers.3.mlp.gate_proj". */
const WeightFormat *quantization_format(const Quantization *quantization, const char *module);
/* The format of weights that no method quantizes. */
const WeightFormat *quantization_plain(const Quantization *quantization);
/* The format of the output head. */
const WeightFormat *quantization_head(const Quantization *quantization);
/* Bits of a KV element; 0: the file does not say. */
guint32 quantization_kv_bits(const Quantization *quantization);
