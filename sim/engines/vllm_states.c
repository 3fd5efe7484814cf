/* Where vLLM cuts the prefills of models whose recurrent states the prefix cache keeps.
 *
 * A state exists only where a step ends. So that there is one at the end of each block worth
 * keeping, chunks end at whole blocks, at the last whole block of the prefill, and where a prefix
 * ends that other requests share. Source: Scheduler._mamba_block_aligned_split of 0.18 to 0.33.
 */
#include "vllm.h"

/* Tokens up to the last block's end at which a state is kept. */
static guint32
last_kept(const VllmDecision *d, const Sequence *sequence, guint32 block_tokens)
{
  guint32 length = sequence_length(sequence) - (sequence->in_flight ? 1 : 0);

  if (vllm_has_rule(d->self, RULE_LAST_STATE_BEFORE_END))
    length--;
  return length / block_tokens * block_tokens;
}

static guint32
most_of_a_prefill(const VllmDecision *d)
{
  guint32 most = d->self->config.max_num_batched_tokens;
  guint32 threshold = d->self->config.long_prefill_token_threshold;

  return threshold > 0 ? MIN(most, threshold) : most;
}

/* A chunk that does not reach the prefill's end ends at a whole block; a block longer than a chunk
 * may be is filled by several. */
static guint32
align_end(const VllmDecision *d, guint32 start, guint32 end, guint32 prefill_end, guint32 last,
          guint32 block_tokens)
{
  guint32 aligned = end / block_tokens * block_tokens;

  if (!vllm_has_rule(d->self, RULE_STOPS_AT_SHARED_PREFIX))
    return end < last ? start + (end - start) / block_tokens * block_tokens : end;
  if (!vllm_has_rule(d->self, RULE_ALIGNS_ALL_CHUNKS))
    return end < last ? MAX(aligned, start) : end;
  if (end >= prefill_end)
    return end;
  return aligned > start || block_tokens <= most_of_a_prefill(d) ? MAX(aligned, start) : end;
}

static guint32
earlier_stop(guint32 start, guint32 end, guint32 stop)
{
  return start < stop && stop < end ? stop : end;
}

guint32
vllm_cut_at_states(const VllmDecision *d, const Sequence *sequence, guint32 cached, guint32 tokens)
{
  guint32 block_tokens = kv_groups_state_tokens(d->self->pool.groups);
  guint32 prefill_end = sequence_prefill_end(sequence);
  guint32 shared = sequence->shared_prefix_tokens, last, end;
  gboolean within; /* the last kept state comes within the prefill's last step */

  if (block_tokens == 0 || tokens == 0 || cached >= prefill_end)
    return tokens;
  last = last_kept(d, sequence, block_tokens);
  within = cached + tokens >= prefill_end &&
           kv_groups_leaves_inner_state(d->self->pool.groups, cached, prefill_end, prefill_end);
  end = align_end(d, cached, cached + tokens, prefill_end, last, block_tokens);
  if (vllm_has_rule(d->self, RULE_STOPS_AT_SHARED_PREFIX) && cached < shared && shared < end)
    end = earlier_stop(cached, end, cached + (shared - cached) / block_tokens * block_tokens);
  if (cached % block_tokens != 0 && vllm_has_rule(d->self, RULE_STOPS_AT_SHARED_PREFIX))
    end = earlier_stop(cached, end, (cached / block_tokens + 1) * block_tokens);
  if (!within)
    end = earlier_stop(cached, end, last);
  return end - cached;
}
