/* The towers before a decoder that sees: their weights, which an engine holds at 16 bits. What
 * they compute is not modelled. Known are Qwen's, Mistral's (Pixtral), Gemma 3's (SigLIP) and 4's,
 * and Llama 4's; of another tower, and of any for sound, the model says that it is not counted. */
#pragma once

#include "config_reader.h"

gboolean tower_read(const ConfigReader *reader, Model *model);
