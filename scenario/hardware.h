/* How wide a model's KV and recurrent states are kept: --kv-cache-dtype, --mamba-ssm-cache-dtype. */
#pragma once

#include "sim/model.h"

/* --kv-cache-dtype: sets the format of the model's KV cache; NULL leaves it. FALSE with an error if
 * there is no such format. */
gboolean resolve_kv_cache_dtype(Model *model, const char *name, GError **error);

/* --mamba-ssm-cache-dtype: sets the format of the states that the option is for: under SGLang all,
 * under vLLM those of Mamba and of the gated delta rule (mamba_utils.py); NULL and "auto" leave it.
 * *without: what the model does not have of what it is for, NULL: it has some. FALSE with an error
 * if there is no such format. */
gboolean resolve_state_dtype(Model *model, const char *name, gboolean is_sglang,
                             const char **without, GError **error);
