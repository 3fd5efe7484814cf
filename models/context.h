/* The longest context that a model is made for, as vLLM derives it from config.json.
 *
 * The smallest of the keys that name a length (max_position_embeddings, n_positions, seq_length …),
 * or model_max_length where there is one,
 * times the `factor` of rope_scaling (or rope_parameters, transformers 5) where its type is linear,
 * dynamic, yarn or another that stretches; yarn stretches original_max_position_embeddings.
 * llama3 and longrope have the stretched length in max_position_embeddings already. A sliding
 * window bounds what attention sees, not the context.
 *
 * Engines serve another length where it is not said to them. vLLM from 0.11.1 on: of longrope,
 * original_max_position_embeddings, as longer contexts change what short ones get. SGLang
 * (get_context_length): the first of its own list of keys, times any `factor` unless the type is
 * llama3 or the original length is given.
 */
#pragma once

#include "config_reader.h"

typedef struct {
  guint32 max_position; /* tokens */
  char *source;         /* the keys it comes from; owned by the caller */
  guint32 unstretched;  /* what vLLM serves of longrope; 0: as above */
  guint32 sglang;       /* what SGLang serves */
} ModelContext;

gboolean context_read(const ConfigReader *reader, ModelContext *context);
