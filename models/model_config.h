/* Reads the config.json that a model is published with (Hugging Face transformers).
 *
 * Known families are the rows of the tables in family_*.c. Others are refused: a shape that is
 * nearly right would give wrong costs that nobody notices. quantization.h reads the formats of
 * weights and KV, context.h the context. KV has 16 bits an element unless the file says otherwise;
 * float32 counts as 16 bits, since engines convert it.
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

/* The model_type of each known family in turn; NULL behind the last. */
const char *model_config_family(guint index);

/* NULL with MODEL_CONFIG_ERROR. name: of the model. The caller frees the model. */
Model *model_config_read(const char *path, const char *name, GError **error);

/* The same with weights that the engine quantizes while it loads them, as vLLM's --quantization
 * does: "fp8" (one scale a matrix), "fp8_block" (one for each block of 128 x 128), "nvfp4" (one for
 * 16 elements), "int4" (one for 128 inputs, as GPTQ). NULL: as the file says. A file that says how
 * its weights are quantized must say the same. */
Model *model_config_read_quantized(const char *path, const char *name, const char *quantization,
                                   GError **error);

/* Loads the draft layers, to foresee so many tokens: their KV counts as the other layers', and a
 * recurrent state's convolution keeps so many inputs more. There must be such layers. */
void model_add_drafts(Model *model, guint32 tokens);
