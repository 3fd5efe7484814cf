/* Within models/: where a checkpoint says how it is quantized.
 *
 * In config.json it is `quantization_config`, or `compression_config` in the first files of
 * compressed-tensors. Older checkpoints have a file beside config.json: hf_quant_config.json
 * (ModelOpt), quantize_config.json (AutoGPTQ), quant_config.json (AutoAWQ). A form that no engine
 * here loads is refused; otherwise its weights would count as 16 bits.
 */
#pragma once

#include "config_reader.h"

typedef struct {
  const char *key; /* for messages, static */
  json_t *found;   /* NULL: it is not quantized */
  char *path;      /* of the file with it */
  char *method;    /* NULL: it names none */
} QuantizationSource;

/* FALSE with MODEL_CONFIG_ERROR. The caller clears the source. */
gboolean quantization_source_find(const ConfigReader *reader, QuantizationSource *source);
void quantization_source_clear(QuantizationSource *source);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(QuantizationSource, quantization_source_clear)
