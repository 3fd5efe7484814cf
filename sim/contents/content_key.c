#include "content_key.h"

#include "sim/mix.h"

/* Makes the keys of the units that the prompt's prefix hashes cover whole. A key chains all hashes
 * up to its last token, so equal keys mean equal content from the prompt's start, whatever the
 * unit. */
static void
make_prefix_keys(const Workload *workload, guint32 unit, Sequence *sequence)
{
  const Request *request = workload_request(workload, sequence->request);
  const guint64 *hashes = (const guint64 *)(gpointer)workload->hashes->data;
  guint64 covered =
      MIN((guint64)request->hash_count * request->hash_block_tokens, request->prompt_tokens);
  guint64 key = 0;
  guint32 hash = 0;

  sequence->n_prefix_keys = (guint32)(covered / unit);
  sequence->prefix_keys = g_new(guint64, sequence->n_prefix_keys);
  for (guint32 i = 0; i < sequence->n_prefix_keys; i++) {
    guint64 end = (guint64)(i + 1) * unit;
    for (; (guint64)hash * request->hash_block_tokens < end; hash++)
      key = mix64_chain(key, hashes[request->hash_first + hash]);
    sequence->prefix_keys[i] = MAX(mix64_chain(key, end), 1);
  }
}

guint64
content_key(const Workload *workload, guint32 unit, Sequence *sequence, guint32 index)
{
  const Request *request = workload_request(workload, sequence->request);
  guint64 key;

  if (request->hash_count > 0 && sequence->prefix_keys == NULL)
    make_prefix_keys(workload, unit, sequence);
  if (index < sequence->n_prefix_keys)
    return sequence->prefix_keys[index];
  key = mix64(((guint64)sequence->request << 32 | index) ^ G_GUINT64_CONSTANT(0xd1b54a32d192ed03));
  return MAX(key, 1);
}
