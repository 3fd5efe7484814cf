/* The vision tower of a model: its weights, which an engine holds at 16 bits. Its computation is
 * not modelled. Known are Qwen's, Mistral's (Pixtral), Gemma 3's (SigLIP) and 4's, Llama 4's and
 * ERNIE's. Another tower, and any for sound, is not counted. */
#pragma once

#include "config_reader.h"

/* Sets the tower's sizes of the model, and `left_out` if something is not counted. FALSE with
 * MODEL_CONFIG_ERROR. */
gboolean tower_read(const ConfigReader *reader, Model *model);
