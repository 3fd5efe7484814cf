/* Reads the config.json that a model is published with (Hugging Face transformers).
 *
 * Known families are the rows of the tables family_*.c; others are refused, because a shape that
 * is nearly right gives costs that are wrong without a sign. quantization.h tells how weights and
 * KV are kept, context.h which context the model has. KV has 16 bits an element unless the file
 * says otherwise; float32 counts as 16 bits, since engines convert it.
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

/* The same with its weights quantized while an engine loads them, as vLLM's --quantization: "fp8"
 * (one scale a matrix), "fp8_block" (a scale a block of 128 x 128), "nvfp4" (a scale 16 elements).
 * NULL: as the file says. A file that says itself how weights are quantized says the same, or is
 * refused. */
Model *model_config_read_quantized(const char *path, const char *name, const char *quantization,
                                   GError **error);
