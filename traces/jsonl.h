/* The JSON-lines formats: one object a line, whose members are checked and become a request. */
#pragma once

#include "traces/reader.h"

#include <jansson.h>

enum { JSONL_SPELLINGS = 5, JSONL_KEYS = 5 };

struct JsonlSchema {
  /* A line that has all keys of one row is of the format; unused rows and keys are NULL. */
  const char *keys[JSONL_SPELLINGS][JSONL_KEYS];
  /* Adds the request or requests of a line's object, whose text ends at `end`. */
  gboolean (*members)(TraceReader *reader, const char *end, const json_t *object, GError **error);
};

/* TRUE if the first line is of this format; reads a line. */
gboolean jsonl_sniff(const TraceFormat *self, const char *line, const char *end);
gboolean jsonl_row(const TraceFormat *self, TraceReader *reader, const char *line, const char *end,
                   GError **error);

/* TRUE if the line begins as an object does and has all `keys` (NULL-terminated). */
gboolean jsonl_has_keys(const char *line, const char *end, const char *const *keys);

/* "found VALUE in KEY, expected …" at the member's column. Returns FALSE. */
gboolean jsonl_fail(const TraceReader *reader, const char *end, const json_t *object,
                    const char *key, GError **error, const char *expected);

/* A member that must be a token count. */
gboolean jsonl_tokens(const TraceReader *reader, const char *end, const json_t *object,
                      const char *key, guint32 *tokens, GError **error);

/* The member "max_tokens", where there is one. */
gboolean jsonl_max_tokens(const TraceReader *reader, const char *end, const json_t *object,
                          Request *request, GError **error);

/* A time in units of 10^-unit_decimals seconds: 0 for s, 3 for ms, 9 for ns. */
gboolean jsonl_arrival(TraceReader *reader, const char *end, const json_t *object, const char *key,
                       guint unit_decimals, Request *request, GError **error);

/* The member "hash_ids", where there is one, into reader->hashes: a hash stands for `block_tokens`
 * tokens, or for what "hash_block_tokens" says. */
gboolean jsonl_hashes(TraceReader *reader, const char *end, const json_t *object,
                      guint32 block_tokens, Request *request, GError **error);

/* The id, a text or an integer; *id is reader->id's text, or NULL where the member is absent. */
gboolean jsonl_id(TraceReader *reader, const char *end, const json_t *object, const char *key,
                  const char **id, GError **error);
