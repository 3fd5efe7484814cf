/* The token ids of prompts: random from a seed, or from a file.
 *
 * A random token depends on the seed, its position and, where the prompt has prefix hashes, on the
 * hashes up to its block, so that equal prefixes are equal tokens; else on its request. The file
 * (--token-ids) has a JSON object on each line, {"id": 7, "prompt_token_ids": [1, 2]}, with the
 * trace's id, or a bare list, in the order of the trace. Every request of the trace has a line,
 * with as many ids as the trace has prompt tokens, each below the vocabulary's size.
 */
#pragma once

#include "sim/workload.h"

typedef struct TokenSource TokenSource;

/* The workload must outlive the source. */
TokenSource *token_source_random(const Workload *workload, guint32 vocab, guint64 seed);
TokenSource *token_source_read(const char *path, const Workload *workload, guint32 vocab,
                               GError **error);
void token_source_free(TokenSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TokenSource, token_source_free)

/* Writes the prompt of a request to `ids`, which has room for its prompt tokens. */
void token_source_prompt(const TokenSource *source, guint32 request, gint32 *ids);

/* FALSE and an error if two prompts differ where the trace's hashes say that they are equal: one
 * would reuse the other's KV. */
gboolean token_source_check_prefixes(const TokenSource *source, GError **error);
