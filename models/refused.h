/* Within models/: kinds of models that are refused by name, whatever their sizes: what keeps no KV
 * cache, what keeps another than a decoder's, what generates nothing. */
#pragma once

#include "config_reader.h"

/* Sets the error and returns TRUE if `architectures` names a model that generates no text, or
 * model_type a kind that is no decoder. */
gboolean refused_by_kind(const ConfigReader *file);
