/* What a checkpoint's weights and KV are kept as, module by module.
 *
 * Read from config.json, or from a file beside it (quantization_source.h). Known methods: fp8 (by tensor and by block), fbgemm_fp8, compressed-tensors (int8,
 * fp8, int4, NVFP4, MXFP4), modelopt (FP8, NVFP4, MXFP8, W4A16 and mixed), awq, gptq, auto-round,
 * bitsandbytes (int8, nf4), mxfp4. Others are refused by name: a width that is nearly right gives
 * a pool that is wrong without a sign.
 * Scales and zero points are counted as an engine keeps them, which for GPTQ with symmetric weights
 * is without the zero points. What a method's list leaves out has 16 bits, and so have embeddings,
 * the output head (unless the file says otherwise), routers and norms.
 */
#pragma once

#include "config_reader.h"
#include "sim/weight_format.h"

typedef struct Quantization Quantization;

/* `plain_name`: of the weights that are left as they are. NULL with MODEL_CONFIG_ERROR. */
Quantization *quantization_read(const ConfigReader *reader, const char *plain_name);
void quantization_free(Quantization *quantization);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Quantization, quantization_free)

/* Of a product, by its module's path from the layers on: "layers.3.mlp.gate_proj". */
const WeightFormat *quantization_format(const Quantization *quantization, const char *module);
/* Of weights that no method touches. */
const WeightFormat *quantization_plain(const Quantization *quantization);
/* Of the output head. */
const WeightFormat *quantization_head(const Quantization *quantization);
/* Of a KV element, 0 where the file says nothing of it. */
guint32 quantization_kv_bits(const Quantization *quantization);
