#include "content_key.h"

/* A key chains all hashes up to its last token, so equal keys mean equal content from the prompt's
 * start, whatever the unit. */
void
content_key_make_prefix(const Workload *workload, guint32 unit, Sequence *sequence)
{
  const Request *request = workload_request(workload, sequence->request);
  const guint64 *hashes = (const guint64 *)(gpointer)workload->hashes->data;
  guint64 key = 0;
  guint32 hash = 0;

  sequence->has_prefix_keys = TRUE;
  sequence->n_prefix_keys = request_hashed_tokens(request) / unit;
  if (sequence->n_prefix_keys == 0)
    return;
  sequence->prefix_keys = g_new(guint64, sequence->n_prefix_keys);
  for (guint32 i = 0; i < sequence->n_prefix_keys; i++) {
    guint64 end = (guint64)(i + 1) * unit, unit_key;
    for (; (guint64)hash * request->hash_block_tokens < end; hash++)
      key = mix64_chain(key, hashes[request->hash_first + hash]);
    unit_key = mix64_chain(key, end);
    sequence->prefix_keys[i] = MAX(unit_key, 1);
  }
}
