/* What a pasted flag that overrides a model's config.json says of its context. */
#pragma once

#include <glib.h>

/* The context, in tokens, of the value of --rope-scaling, --hf-overrides or
 * --json-model-override-args: a JSON object. 0: it says none. */
guint32 server_context_tokens(const char *value);
