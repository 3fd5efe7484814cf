/* Copies out ahead of need (--swap-ahead N): so that N blocks are free, or can be free at once,
 * since the host already has copies of what the sequences that would be preempted first hold.
 *
 * Full blocks do not change, so a running sequence's first blocks can be copied while it runs on.
 * When it is preempted those are free at once. What the host lacks of it is copied then; but up to
 * AHEAD_REST_BLOCKS (the block that is being filled, and one that was filled during the last copy)
 * are computed again instead, so that nobody waits for them. Where the host is short of room for a
 * victim, copies ahead give way.
 */
#include "sim/scheduler.h"

static guint32
computed_tokens(const Scheduler *self, const Sequence *sequence)
{
  return sequence->in_clock ? decode_clock_tokens(&self->clock, sequence)
                            : sequence->computed_tokens;
}

/* Full blocks of the sequence that the host lacks and has room for. None where the sequence has
 * just begun: blocks that it found in the prefix cache may be computed in this very step. */
static guint32
uncopied_blocks(const Scheduler *self, const Sequence *sequence)
{
  guint32 full = computed_tokens(self, sequence) / self->config.block_size;

  /* One beyond max_model_len has fewer than its tokens would fill. */
  if (!sequence->in_clock)
    full = MIN(full, sequence->blocks);
  if (sequence->ahead_pending > 0 || full <= sequence->ahead_blocks ||
      (self->config.prefix_caching && sequence->began_in == self->pool.decisions))
    return 0;
  return MIN(full - sequence->ahead_blocks, self->pool.host_free_blocks);
}

AheadBound
scheduler_copy_ahead(Scheduler *self, Step *step)
{
  guint32 wanted = self->config.swap_ahead_blocks, block_size = self->config.block_size;
  guint64 there = (guint64)self->pool.free_blocks + self->pool.leaving_blocks, ahead = 0;
  AheadBound bound = {.repeats = G_MAXUINT32};

  g_assert(self->swap_copies != NULL && wanted > 0);
  if (self->pool.host_owed_blocks > 0)
    return bound;
  for (Sequence *s = self->running.tail; s != NULL && there + ahead < wanted; s = s->previous) {
    guint32 more;
    if (s->ending || s->gap_end_tokens > 0)
      continue;
    ahead += s->ahead_blocks;
    if (there + ahead >= wanted)
      break;
    more = uncopied_blocks(self, s);
    more = (guint32)MIN(more, wanted - there - ahead);
    if (more > 0)
      scheduler_begin_copy_ahead(self, step, s, more);
    ahead += more;
    /* When its next block is full there is more to copy. */
    bound.repeats = MIN(bound.repeats, block_size - computed_tokens(self, s) % block_size);
  }
  if (self->pool.host_free_blocks == 0)
    bound.repeats = G_MAXUINT32;
  bound.reserve_blocks = there + ahead >= wanted && ahead < wanted ? wanted - (guint32)ahead : 0;
  return bound;
}

/* The victim's last `rest` blocks are to be computed again. */
static void
drop_rest(Scheduler *self, Sequence *victim, guint32 rest)
{
  guint32 kept_tokens = victim->host_blocks * self->config.block_size;

  victim->rest_blocks = rest;
  if (victim->computed_tokens > kept_tokens)
    victim->stage = STAGE_PREFILL;
  victim->computed_tokens = MIN(victim->computed_tokens, kept_tokens);
}

guint32
scheduler_swap_out_ahead(Scheduler *self, Step *step, Sequence *victim)
{
  guint32 pending = victim->ahead_pending, rest = victim->blocks - victim->ahead_blocks;
  gboolean copies_rest = rest > AHEAD_REST_BLOCKS && scheduler_find_host_room(self, victim, rest);

  victim->host_blocks = victim->ahead_blocks;
  victim->ahead_blocks = victim->ahead_pending = 0;
  if (copies_rest) {
    victim->result.swapped_out_blocks += rest;
    pool_begin_swap_out(&self->pool, victim, 0, rest + pending);
    scheduler_copy_out(self, step, victim, rest);
    return 0;
  }
  drop_rest(self, victim, rest);
  if (pending > 0) {
    swap_copies_last_out(self->swap_copies, victim)->is_last = TRUE;
    pool_begin_swap_out(&self->pool, victim, 0, pending);
  } else {
    pool_shrink(&self->pool, victim, 0);
  }
  return rest;
}
