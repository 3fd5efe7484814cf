/* What a step does to its sequences: its tokens count when it takes off, its times and completions
 * when it lands. Called by the loop; with asynchronous scheduling the next step is decided between.
 */
#include "sim/array.h"
#include "sim/scheduler.h"

/* The sequence leaves. It may be in any queue: running or, if it was preempted while its last token
 * was in flight, one in which it waits in vain. */
static void
leave(Scheduler *self, Sequence *sequence, RequestStatus status, gint64 end_ps)
{
  if (sequence->queue == &self->waiting.known)
    waiting_queue_remove(&self->waiting, sequence);
  else if (sequence->queue != NULL)
    sequence_queue_remove(sequence);
  scheduler_take_kept(self, sequence);
  self->changes++;
  self->unfinished_tokens -= sequence_length(sequence);
  sequence->ended = TRUE;
  sequence->result.status = status;
  sequence->result.finish_ps = end_ps;
  sequence->result.generated_tokens = sequence->generated_tokens;
  sequence_queue_push_tail(&self->left, sequence);
}

void
scheduler_ignore(Scheduler *self, GArray *ignored, Sequence *sequence, const char *reason)
{
  g_array_append_val(ignored, sequence->request);
  self->pool.host_leaked_blocks += sequence->copies_are_free ? 0 : sequence->host_blocks;
  scheduler_take_kept(self, sequence);
  pool_release(&self->pool, sequence, RELEASE_DROPPED);
  sequence->result.reason = reason;
  leave(self, sequence, STATUS_IGNORED, self->now_ps);
}

/* Advances one sequence by its entry. TRUE if it yields a token. */
static gboolean
advance(Scheduler *self, Sequence *sequence, const StepEntry *entry)
{
  if (self->decides_ahead) {
    sequence->computing = TRUE;
    sequence->flights += scheduler_is_pipelined(self);
    sequence->flying_tokens = self->config.async_scheduling ? entry->tokens : 0;
  }
  sequence->computed_tokens += entry->tokens;
  scheduler_close_gap(sequence);
  sequence->highest_computed = MAX(sequence->highest_computed, sequence->computed_tokens);
  sequence->result.recomputed_tokens += entry->recomputed_tokens;
  if (!entry->samples)
    return FALSE;
  sequence->stage = STAGE_DECODE;
  sequence->in_flight = self->decides_ahead;
  sequence->generated_tokens++;
  sequence->ending = sequence->generated_tokens >= sequence->output_limit ||
                     sequence_length(sequence) >= scheduler_longest_length(self);
  if (sequence->ending)
    POINTER_PUSH(self->ended_in_flight, &self->ended_room, sequence);
  return TRUE;
}

/* A step that is decided while another is in flight starts when that one lands: corrects when its
 * new requests were first scheduled. */
static void
note_starts(const Scheduler *self, const Step *step, gint64 start_ps)
{
  for (guint i = 0; i < step->sequences->len; i++) {
    Sequence *sequence = g_ptr_array_index(step->sequences, i);
    if (sequence != NULL && g_array_index(step->entries, StepEntry, i).kind == ENTRY_NEW &&
        sequence->result.first_scheduled_ps == self->now_ps)
      sequence->result.first_scheduled_ps = start_ps;
  }
}

guint32
scheduler_advance(Scheduler *self, Step *step, guint32 repeats, gint64 start_ps)
{
  guint32 tokens = step->clocked;

  if (start_ps != self->now_ps)
    note_starts(self, step, start_ps);
  if (self->swap_copies != NULL)
    scheduler_forget_copied(self, step);
  self->in_flight = TRUE;
  self->repeats = repeats;
  for (guint i = 0; i < step->sequences->len; i++) {
    Sequence *sequence = g_ptr_array_index(step->sequences, i);
    if (sequence != NULL)
      tokens += sequence->in_clock ||
                advance(self, sequence, &g_array_index(step->entries, StepEntry, i));
  }
  if (step->ticks) {
    if (self->clock.apart)
      scheduler_miss_tick(self, step);
    scheduler_tick(self, step, repeats);
  }
  step->ends = self->ended_in_flight->len > 0;
  self->executed += step->n_sequences > 0 ? repeats : 0;
  self->unfinished_tokens += (guint64)tokens * repeats;
  return tokens;
}

/* Those of sequences that had their last tokens together are one. */
static inline void
add_gap(Scheduler *self, gint64 gap_ps, guint32 count)
{
  GArray *gaps = self->gaps;
  TokenGap *last = gaps->len > 0 ? &g_array_index(gaps, TokenGap, gaps->len - 1) : NULL;

  if (last != NULL && last->gap_ps == gap_ps)
    last->count += count;
  else
    ARRAY_PUSH(gaps, &self->gaps_room, TokenGap, (TokenGap){gap_ps, count});
}

/* TRUE if the sequence was preempted since the step that computes its token was decided, so that
 * the token is dropped. */
static gboolean
lost_token(const Scheduler *self, const Sequence *sequence)
{
  return self->class->loses_flying_tokens && sequence->was_preempted;
}

/* How many members that the step ran lose their tokens; one that joined at its tick is an entry. */
static guint32
count_lost_members(const Scheduler *self, const Step *step)
{
  guint32 n = 0;

  if (!step->ticks)
    return 0;
  for (guint i = 0; i < step->ending->len + self->left_in_flight->len; i++) {
    const Sequence *sequence = i < step->ending->len
                                   ? g_ptr_array_index(step->ending, i)
                                   : g_ptr_array_index(self->left_in_flight, i - step->ending->len);
    n += lost_token(self, sequence) && sequence->joined_ticks + 1 < self->clock.ticks;
  }
  return n;
}

/* The sequence's token has come: with asynchronous scheduling a block that it filled is cached from
 * now on. */
static void
deliver(Scheduler *self, Sequence *sequence)
{
  if (!self->decides_ahead)
    return;
  sequence->in_flight = sequence->computing = FALSE;
  sequence->flying_tokens = 0;
  if (self->config.async_scheduling && !sequence->in_clock)
    pool_commit(&self->pool, sequence, sequence->computed_tokens);
}

/* The last token of a former member has come. */
static void
end_token(Scheduler *self, Sequence *sequence, gint64 end_ps)
{
  if (lost_token(self, sequence))
    return;
  deliver(self, sequence);
  sequence->result.last_token_ps = end_ps;
}

/* Of the members that the step ran some missed the tick before. */
static void
note_late(Scheduler *self, const Step *step, gint64 first_end_ps)
{
  if (step->clocked > step->late)
    add_gap(self, first_end_ps - self->clock.last_end_ps, step->clocked - step->late);
  add_gap(self, first_end_ps - self->clock.missed_end_ps, step->late);
}

/* Notes when the step's tokens came. */
static void
note_tokens(Scheduler *self, const Step *step, gint64 first_end_ps, gint64 end_ps)
{
  guint32 clocked = step->clocked - (self->lost_tokens > 0 ? count_lost_members(self, step) : 0);

  if (step->late > 0)
    note_late(self, step, first_end_ps);
  else if (clocked > 0)
    add_gap(self, first_end_ps - self->clock.last_end_ps, clocked);
  for (guint i = 0; i < step->sequences->len; i++) {
    Sequence *sequence = g_ptr_array_index(step->sequences, i);
    if (sequence == NULL)
      continue;
    if (self->decides_ahead) {
      sequence->flights -= sequence->flights > 0;
      sequence->computing = sequence->flights > 0;
      sequence->flying_tokens = 0;
    }
    if (!g_array_index(step->entries, StepEntry, i).samples || lost_token(self, sequence))
      continue;
    deliver(self, sequence);
    if (sequence->result.first_token_ps < 0)
      sequence->result.first_token_ps = first_end_ps;
    else
      add_gap(self, first_end_ps - sequence->result.last_token_ps, 1);
    sequence->result.last_token_ps = end_ps;
  }
  if (!step->ticks)
    return;
  decode_clock_settle(&self->clock, end_ps);
  for (guint i = 0; i < step->ending->len; i++)
    end_token(self, g_ptr_array_index(step->ending, i), end_ps);
  for (guint i = 0; i < self->left_in_flight->len; i++)
    end_token(self, g_ptr_array_index(self->left_in_flight, i), end_ps);
  self->left_in_flight->len = 0;
  self->tick_in_flight = FALSE;
}

static void
finish(Scheduler *self, Sequence *sequence, gint64 end_ps)
{
  if (self->config.admission != NULL)
    scheduler_note_finished(self, sequence);
  leave(self, sequence, STATUS_FINISHED, end_ps);
  if (self->class->finished != NULL)
    self->class->finished(self, sequence);
  ARRAY_PUSH(self->just_finished, &self->finished_room, guint32, sequence->request);
  if (self->offload != NULL)
    offload_finish(self->offload, sequence);
  if (self->swap_copies != NULL)
    scheduler_leave_copies(self, sequence);
  pool_release(&self->pool, sequence, RELEASE_ENDED);
  pool_release_host(&self->pool, sequence);
}

static inline void
finish_if_ending(Scheduler *self, Sequence *sequence, gint64 end_ps)
{
  if (sequence != NULL && sequence->ending && !sequence->ended && sequence->flights == 0)
    finish(self, sequence, end_ps);
}

/* Settles one entry of the step. */
static inline void
settle_entry(Scheduler *self, const Step *step, guint i, gint64 end_ps)
{
  const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
  Sequence *sequence = g_ptr_array_index(step->sequences, i);

  finish_if_ending(self, sequence, end_ps);
  if (self->class->prefilled != NULL && sequence != NULL && entry->samples &&
      entry->kind != ENTRY_DECODE && !sequence->ended && !lost_token(self, sequence))
    self->class->prefilled(self, sequence);
}

/* What becomes of the step's sequences, in its order, now that their tokens have come. */
static void
settle_entries(Scheduler *self, const Step *step, gint64 end_ps)
{
  guint i = 0;

  for (; i < step->clocked_at; i++)
    settle_entry(self, step, i, end_ps);
  for (guint j = 0; j < step->ending->len; j++)
    finish_if_ending(self, g_ptr_array_index(step->ending, j), end_ps);
  for (; i < step->sequences->len; i++)
    settle_entry(self, step, i, end_ps);
}

void
scheduler_settle(Scheduler *self, const Step *step, gint64 first_end_ps, gint64 end_ps)
{
  self->just_finished->len = self->gaps->len = 0;
  note_tokens(self, step, first_end_ps, end_ps);
  if (step->ends || self->class->prefilled != NULL)
    settle_entries(self, step, end_ps);
  self->in_flight = FALSE;
  self->ended_in_flight->len = self->lost_tokens = 0;
}
