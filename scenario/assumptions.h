/* What a run takes to be so of its model that is not quite so, in sentences. */
#pragma once

#include <jansson.h>

#include "sim/model.h"

/* A new array of strings, without the last full stop; empty for most models. For sequences of up to
 * max_model_len tokens on one of `tp` ranks. */
json_t *model_assumptions(const Model *model, guint32 block_size, guint32 tp,
                          guint32 max_model_len);
