#include "token_source.h"

#include "random.h"

#include "token_file.h"

struct TokenSource {
  const Workload *workload;
  guint32 vocab;
  guint64 seed;
  GPtrArray *prompts; /* of GArray of gint32, one a request; NULL: made up */
};

static TokenSource *
source_new(const Workload *workload, guint32 vocab, guint64 seed)
{
  TokenSource *source = g_new0(TokenSource, 1);

  source->workload = workload;
  source->vocab = vocab;
  source->seed = random_key(seed, RANDOM_PROMPTS);
  return source;
}

TokenSource *
token_source_random(const Workload *workload, guint32 vocab, guint64 seed)
{
  return source_new(workload, vocab, seed);
}

TokenSource *
token_source_read(const char *path, const Workload *workload, guint32 vocab, GError **error)
{
  GPtrArray *prompts = token_file_read(path, workload, vocab, error);
  TokenSource *source;

  if (prompts == NULL)
    return NULL;
  source = source_new(workload, vocab, 0);
  source->prompts = prompts;
  return source;
}

void
token_source_free(TokenSource *source)
{
  if (source == NULL)
    return;
  if (source->prompts != NULL)
    g_ptr_array_unref(source->prompts);
  g_free(source);
}

static gint32
token_of(const TokenSource *source, guint64 key, guint64 place)
{
  return (gint32)(random_key(key, place) % source->vocab);
}

static void
make_up(const TokenSource *source, guint32 index, gint32 *ids)
{
  const Request *request = workload_request(source->workload, index);
  const GArray *hashes = source->workload->hashes;
  guint64 own = random_key(random_key(source->seed, 1), index);
  guint64 shared = random_key(source->seed, 2);
  guint32 place = 0;

  for (guint32 h = 0; h < request->hash_count; h++) {
    shared = random_key(shared, g_array_index(hashes, guint64, request->hash_first + h));
    for (guint32 i = 0; i < request->hash_block_tokens && place < request->prompt_tokens; i++)
      ids[place++] = token_of(source, shared, i);
  }
  for (; place < request->prompt_tokens; place++)
    ids[place] = token_of(source, own, place);
}

void
token_source_prompt(const TokenSource *source, guint32 request, gint32 *ids)
{
  if (source->prompts == NULL) {
    make_up(source, request, ids);
  } else {
    const GArray *prompt = g_ptr_array_index(source->prompts, request);
    for (guint i = 0; i < prompt->len; i++)
      ids[i] = g_array_index(prompt, gint32, i);
  }
}

/* FALSE and an error if the request's tokens differ from those of an earlier request with the same
 * hashes. seen: a hash of the prefix hashes so far → a hash of the tokens so far. */
static gboolean
check_request(const TokenSource *source, guint32 index, GHashTable *seen, GError **error)
{
  const Request *request = workload_request(source->workload, index);
  const guint64 *hashes = request->hash_count > 0 ? &g_array_index(source->workload->hashes,
                                                                   guint64, request->hash_first)
                                                  : NULL;
  g_autofree gint32 *ids = g_new(gint32, request->prompt_tokens);
  guint64 key = request->hash_block_tokens, tokens = 0;
  guint64 whole = request->hash_count > 0 ? request->prompt_tokens / request->hash_block_tokens : 0;

  token_source_prompt(source, index, ids);
  for (guint32 h = 0; h < MIN(request->hash_count, whole); h++) {
    gpointer known;
    char buffer[24];
    key = random_key(key, hashes[h]);
    for (guint32 i = 0; i < request->hash_block_tokens; i++)
      tokens = random_key(tokens, (guint64)ids[h * request->hash_block_tokens + i]);
    if (!g_hash_table_lookup_extended(seen, GSIZE_TO_POINTER(key), NULL, &known)) {
      g_hash_table_insert(seen, GSIZE_TO_POINTER(key), GSIZE_TO_POINTER(tokens));
    } else if (GPOINTER_TO_SIZE(known) != tokens) {
      g_set_error(error, TOKEN_FILE_ERROR, TOKEN_FILE_ERROR_INPUT,
                  "--token-ids: the trace says that request %s begins with the same %u tokens as "
                  "an earlier one, the ids say otherwise; give ids that fit, or leave prefix "
                  "caching off",
                  workload_id(source->workload, index, buffer),
                  (h + 1) * request->hash_block_tokens);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
token_source_check_prefixes(const TokenSource *source, GError **error)
{
  g_autoptr(GHashTable) seen = g_hash_table_new(g_direct_hash, g_direct_equal);

  for (guint32 i = 0; source->prompts != NULL && i < workload_count(source->workload); i++)
    if (!check_request(source, i, seen, error))
      return FALSE;
  return TRUE;
}
