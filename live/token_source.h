/* The token ids of prompts: made up from a seed, or from a file.
 *
 * Made up, a token depends on the seed, its place and what the trace says of its content: where the
 * prompt has prefix hashes, the hashes up to it, so that equal prefixes are equal tokens; else its
 * request. The file (--token-ids) has a JSON object a line: {"id": 7, "prompt_token_ids": [1, 2]},
 * id as in the trace; a bare list a line is taken in the order of the trace. Every request of the
 * trace has its line, with as many ids as the trace has prompt tokens, each below the vocabulary's
 * size.
 */
#pragma once

#include "sim/workload.h"

typedef struct TokenSource TokenSource;

/* The workload outlives the source. */
TokenSource *token_source_random(const Workload *workload, guint32 vocab, guint64 seed);
TokenSource *token_source_read(const char *path, const Workload *workload, guint32 vocab,
                               GError **error);
void token_source_free(TokenSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TokenSource, token_source_free)

/* The prompt of a request, as many ids as it has prompt tokens. */
void token_source_prompt(const TokenSource *source, guint32 request, gint32 *ids);

/* FALSE if two prompts that the trace's hashes say begin alike do not: reusing the one's KV for the
 * other would be wrong. */
gboolean token_source_check_prefixes(const TokenSource *source, GError **error);
