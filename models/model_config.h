/* Reads the config.json that a model is published with (Hugging Face transformers).
 *
 * Known by `model_type`: llama, mistral, mixtral, qwen2, qwen3, qwen3_moe, phi3, gemma, opt. Others
 * are refused, because a shape that is nearly right gives costs that are wrong without a sign.
 * Weights are at the width of `torch_dtype` (float32 counts as 16 bits: engines convert it) or of
 * `quantization_config`; scales of quantized weights are left out. KV has 16 bits an element, or
 * those of a `kv_cache_scheme`.
 * max_position is max_position_embeddings; YaRN extends it to factor x original, and a sliding
 * window shorter than it cuts it, since within the window the sizes are exact.
 *
 * Errors (MODEL_CONFIG_ERROR) name the file, and the line and column where the JSON breaks, or the
 * key, what was found and what was expected.
 */
#pragma once

#include "sim/model.h"

#define MODEL_CONFIG_ERROR (model_config_error_quark())
GQuark model_config_error_quark(void);

typedef enum {
  MODEL_CONFIG_ERROR_OPEN,    /* the file cannot be read */
  MODEL_CONFIG_ERROR_SYNTAX,  /* it is not JSON, or not an object */
  MODEL_CONFIG_ERROR_VALUE,   /* a key is missing or its value is out of range */
  MODEL_CONFIG_ERROR_UNKNOWN, /* a kind of model that is not known */
} ModelConfigError;

/* The caller frees the model. `name` is what the model will be called. */
Model *model_config_read(const char *path, const char *name, GError **error);
