/* The longest context that a model is made for, as vLLM derives it from config.json.
 *
 * The smallest of the keys that name a length (max_position_embeddings, n_positions, seq_length …),
 * or model_max_length where there is one,
 * times the `factor` of rope_scaling (or rope_parameters, transformers 5) where its type is linear,
 * dynamic, yarn or another that stretches; yarn stretches original_max_position_embeddings.
 * llama3 and longrope have the stretched length in max_position_embeddings already. A sliding
 * window bounds what attention sees, not the context.
 */
#pragma once

#include "config_reader.h"

typedef struct {
  guint32 max_position; /* tokens */
  char *source;         /* the keys it comes from; owned by the caller */
} ModelContext;

gboolean context_read(const ConfigReader *reader, ModelContext *context);
