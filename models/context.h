/* The longest context that a model is made for, as vLLM derives it from config.json.
 *
 * It is model_max_length, or else the smallest of the keys that name a length
 * (max_position_embeddings, n_positions, seq_length …), times the `factor` of rope_scaling (or
 * rope_parameters, transformers 5) if its type is linear, dynamic, yarn or another that stretches;
 * yarn stretches original_max_position_embeddings. With llama3 and longrope
 * max_position_embeddings is the stretched length. A sliding window bounds what attention sees, not
 * the context.
 *
 * Without --max-model-len some engines serve another length. vLLM from 0.11.1 on:
 * original_max_position_embeddings of longrope, since longer contexts change what short ones get.
 * SGLang (get_context_length): the first of its own list of keys, times any `factor` unless the
 * type is llama3 or the original length is given.
 */
#pragma once

#include "config_reader.h"

typedef struct {
  guint32 max_position; /* tokens */
  char *source;         /* the keys it comes from; the caller frees it */
  guint32 unstretched;  /* what vLLM serves with longrope; 0: max_position */
  guint32 sglang;       /* what SGLang serves */
} ModelContext;

/* FALSE with MODEL_CONFIG_ERROR. */
gboolean context_read(const ConfigReader *reader, ModelContext *context);
