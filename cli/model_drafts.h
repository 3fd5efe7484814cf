/* The memory of a server that decodes speculatively, by a model's own layers (MTP): of `model show
 * --speculative-config`, or as the start-up log has it. */
#pragma once

#include "model_memory.h"

/* Puts the model with its draft layers into the request, where tokens are drafted; left_out has the
 * log's method where its memory is not known. FALSE and an error on an option that cannot be used.
 */
gboolean model_drafts_find(const ModelMemoryOptions *options, ModelMemory *memory, GError **error);
/* What of the sum the drafts take; nothing where there are none. */
void model_drafts_append(const ModelMemory *memory, GString *text);
