/* Within models/: where a checkpoint says how it is quantized.
 *
 * In config.json: `quantization_config`, or `compression_config` as the first files of
 * compressed-tensors have it. Else in a file beside it, from before config.json said it:
 * hf_quant_config.json (ModelOpt), quantize_config.json (AutoGPTQ), quant_config.json (AutoAWQ).
 * What a checkpoint says in a form that no engine here loads is refused: left alone it would be
 * taken for 16 bits.
 */
#pragma once

#include "config_reader.h"

typedef struct {
  const char *key; /* for messages, static */
  json_t *found;   /* NULL: it is not quantized */
  char *path;      /* the file that says it */
  char *method;    /* NULL: it names none */
} QuantizationSource;

/* FALSE with MODEL_CONFIG_ERROR. */
gboolean quantization_source_find(const ConfigReader *reader, QuantizationSource *source);
void quantization_source_clear(QuantizationSource *source);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(QuantizationSource, quantization_source_clear)
