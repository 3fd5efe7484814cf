/* Copies of swapped blocks beside the steps of vLLM 0.x: a what-if, as under later versions.
 *
 * The engine demands a free block for each running sequence, needed or not. A sequence that finds
 * none starves while enough is being copied out for it; meanwhile no sequence comes back or is
 * admitted. One that comes back holds its blocks from the decision on and runs in the first step
 * with room for its tokens after its copy has ended; a gap it computes before that.
 */
#include "vllm_v0.h"

guint32
v0_remaining_tokens(const Sequence *sequence)
{
  guint32 computed = sequence->computed_tokens;

  return sequence->stage == STAGE_DECODE ? 1 : sequence_goal_tokens(sequence, computed) - computed;
}

guint32
v0_returning_tokens(const V0Plan *p, const Sequence *sequence)
{
  guint32 tokens = v0_remaining_tokens(sequence);

  if (!p->self->config.chunked_prefill ||
      (sequence->gap_end_tokens == 0 && !sequence->computes_front))
    return tokens;
  return (guint32)CLAMP(p->tokens, 1, tokens);
}

gboolean
v0_starves(V0Plan *p, const Sequence *sequence)
{
  const Pool *pool = &p->self->pool;
  guint32 need = pool_blocks_for(pool, sequence_length(sequence));

  if (pool->leaving_blocks == 0 ||
      (guint64)pool->free_blocks + pool->leaving_blocks <= p->owed_blocks)
    return FALSE;
  p->owed_blocks += need > sequence->blocks ? need - sequence->blocks : 0;
  g_array_append_val(p->step->starved, sequence->request);
  return TRUE;
}

void
v0_compute_front(V0Plan *p, Sequence *sequence)
{
  guint32 tokens = v0_returning_tokens(p, sequence);
  gboolean computes = sequence->gap_end_tokens > 0 && tokens <= p->tokens;

  sequence->step_tokens = computes ? tokens : 0;
  p->tokens -= sequence->step_tokens;
}

static void
join(V0Plan *p, Sequence *sequence, guint32 tokens)
{
  scheduler_join_arrived(p->step, sequence);
  sequence->step_tokens = tokens;
  sequence_queue_push_tail(sequence->stage == STAGE_DECODE ? p->back_decodes : p->back_prefills,
                           sequence);
  p->tokens -= tokens;
  p->seqs++;
}

void
v0_join_returned(V0Plan *p)
{
  Sequence *next;

  for (Sequence *s = p->self->returning.head; s != NULL && p->step->abort == NULL; s = next) {
    guint32 tokens = v0_returning_tokens(p, s);
    next = s->next;
    if (s->arriving)
      v0_compute_front(p, s);
    else if (tokens > p->tokens)
      return;
    else
      join(p, s, tokens);
  }
}
