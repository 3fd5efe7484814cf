/* What engines share: queues, arrivals, preemption, completion.
 *
 * Called by the loop: arrive*, schedule, advance, settle, arrive*, … An engine's file holds only
 * its rules of admission and order. Invariant: a live sequence is in exactly one of waiting,
 * running, swapped.
 */
#include "scheduler.h"

#include "array.h"

Scheduler *
scheduler_new(const SchedulerClass *class, const SchedulerConfig *config, const Workload *workload)
{
  Scheduler *self = g_new0(Scheduler, 1);

  g_assert(config->block_size > 0 && config->num_gpu_blocks > class->hidden_blocks);
  self->class = class;
  self->config = *config;
  self->workload = workload;
  self->watermark_blocks = (guint32)(config->watermark * config->num_gpu_blocks);
  pool_init(&self->pool, config->block_size, config->num_gpu_blocks - class->hidden_blocks,
            config->num_cpu_blocks);
  if (config->prefix_caching && (class->features & SCHEDULER_HAS_PREFIX_CACHING) != 0)
    pool_cache(&self->pool, workload, config->num_gpu_blocks,
               config->named_blocks || config->num_offload_blocks > 0,
               (class->features & SCHEDULER_REUSES_PARTIAL_FIRST) != 0);
  if (config->num_offload_blocks > 0)
    self->offload = offload_new(&(OffloadConfig){.host_blocks = config->num_offload_blocks,
                                                 .prompt_only = config->offload_prompt_only},
                                &self->pool);
  waiting_queue_init(&self->waiting);
  decode_clock_init(&self->clock, config->block_size, &config->windows);
  self->left_in_flight = g_ptr_array_new();
  self->ended_in_flight = g_ptr_array_new();
  self->keepers = g_ptr_array_new();
  self->described = g_array_new(FALSE, FALSE, sizeof(AdmissionSequence));
  self->admission_state =
      config->admission != NULL ? g_malloc0(config->admission->state_bytes) : NULL;
  self->refused_at = G_MAXUINT64;
  self->gaps = g_array_new(FALSE, FALSE, sizeof(TokenGap));
  self->just_finished = g_array_new(FALSE, FALSE, sizeof(guint32));
  self->scratch_requests = g_array_new(FALSE, FALSE, sizeof(guint32));
  self->state = g_malloc0(class->state_bytes);
  if (class->begin != NULL)
    class->begin(self);
  return self;
}

static void
free_all(Sequence *spare)
{
  while (spare != NULL) {
    Sequence *next = spare->next;
    g_free(spare);
    spare = next;
  }
}

void
scheduler_free(Scheduler *self)
{
  Sequence *sequence;

  if (self == NULL)
    return;
  while ((sequence = scheduler_take_left(self)) != NULL)
    scheduler_recycle(self, sequence);
  while ((sequence = scheduler_take_unfinished(self)) != NULL)
    scheduler_recycle(self, sequence);
  free_all(self->spare);
  waiting_queue_clear(&self->waiting);
  decode_clock_clear(&self->clock);
  g_ptr_array_unref(self->left_in_flight);
  g_ptr_array_unref(self->ended_in_flight);
  g_ptr_array_unref(self->keepers);
  g_array_unref(self->described);
  g_free(self->admission_state);
  g_array_unref(self->gaps);
  g_array_unref(self->just_finished);
  g_array_unref(self->scratch_requests);
  if (self->class->end != NULL)
    self->class->end(self);
  offload_free(self->offload);
  pool_clear(&self->pool);
  g_free(self->state);
  g_free(self);
}

const char *
scheduler_refuses(const Scheduler *self, const Request *request)
{
  const SchedulerConfig *config = &self->config;

  if (self->class->refuses != NULL)
    return self->class->refuses(self, request);
  if (self->class->features & SCHEDULER_DROPS_TOO_LONG)
    return NULL;
  if (request->prompt_tokens >= config->max_model_len)
    return "a prompt leaves no room for a token within max_model_len";
  if (pool_blocks_for(&self->pool, (guint64)request->prompt_tokens + 1) > self->pool.total_blocks)
    return "the prompt is longer than the KV pool";
  if (!config->chunked_prefill && request->prompt_tokens > config->max_num_batched_tokens)
    return "the prompt is longer than max_num_batched_tokens, and chunked prefill is off";
  return NULL;
}

guint32
scheduler_unheld_blocks(const Scheduler *self)
{
  guint32 cached = self->class->cached_blocks != NULL ? self->class->cached_blocks(self) : 0;

  return self->pool.free_blocks + cached;
}

void
scheduler_arrive(Scheduler *self, guint32 request)
{
  waiting_queue_add(&self->waiting, request);
}

static Sequence *
new_sequence(Scheduler *self, guint32 index)
{
  const Request *request = workload_request(self->workload, index);
  Sequence *sequence = self->spare;

  if (sequence != NULL)
    self->spare = sequence->next;
  else
    sequence = g_new(Sequence, 1);
  *sequence = (Sequence){
      .request = index,
      .output_limit = request->output_tokens,
      .max_tokens = request_max_tokens(request),
      .preempted_at_ps = -1,
      .result = request_result_untouched(index, request),
  };
  return sequence;
}

void
scheduler_recycle(Scheduler *self, Sequence *sequence)
{
  pool_forget(&self->pool, sequence);
  offload_forget(sequence);
  g_free(sequence->block_ids);
  g_free(sequence->prefix_keys);
  sequence->next = self->spare;
  self->spare = sequence;
}

/* Takes out the first that is behind all known ones. */
static Sequence *
first_unknown(Scheduler *self)
{
  Sequence *sequence;
  guint32 request = waiting_queue_take_untouched(&self->waiting, &sequence);

  return sequence != NULL ? sequence : new_sequence(self, request);
}

Sequence *
scheduler_waiting_head(Scheduler *self)
{
  WaitingQueue *waiting = &self->waiting;

  if (waiting->length == 0)
    return NULL;
  if (waiting->known.length == 0)
    waiting_queue_push_known(waiting, first_unknown(self));
  return waiting->known.head;
}

Sequence *
scheduler_waiting_after(Scheduler *self, const Sequence *sequence)
{
  WaitingQueue *waiting = &self->waiting;

  if (sequence->next == NULL && waiting->known.length < waiting->length)
    waiting_queue_push_known(waiting, first_unknown(self));
  return sequence->next;
}

Sequence *
scheduler_take_waiting(Scheduler *self)
{
  Sequence *sequence = scheduler_waiting_head(self);

  if (sequence != NULL)
    waiting_queue_remove(&self->waiting, sequence);
  return sequence;
}

void
scheduler_schedule(Scheduler *self, gint64 now_ps, gboolean stride, Step *step)
{
  step_clear(step);
  step->contexts.windows = self->config.windows;
  self->now_ps = now_ps;
  self->stride = stride;
  if (self->tell_plans || self->config.overflow->needs_decodes ||
      self->config.victim->needs_decodes)
    self->decodes = scheduler_running_decodes(self);
  self->class->schedule(self, step);
  if (self->offload != NULL)
    offload_decide(self->offload, step);
  if (!stride || (self->offload != NULL && offload_is_busy(self->offload)))
    step->repeat = 1;
  if (self->list_decodes && step->clocked > 0)
    scheduler_list_members(self, step);
  step->gpu_free_blocks = self->pool.free_blocks;
  step->host_free_blocks = self->pool.host_free_blocks;
  step->waiting = self->waiting.length + self->held.length;
  step->running = self->running.length;
  step->swapped = self->swapped.length;
}

void
scheduler_register(Scheduler *self, Sequence *sequence, guint32 tokens)
{
  guint32 known = sequence_length(sequence) - (sequence->in_flight ? 1 : 0);

  pool_register(&self->pool, sequence, MIN(sequence->computed_tokens + tokens, known));
}

EntryKind
scheduler_entry_kind(const Sequence *sequence)
{
  if (sequence->stage == STAGE_DECODE)
    return ENTRY_DECODE;
  if (sequence->was_preempted)
    return ENTRY_RESUMED;
  return sequence->was_scheduled ? ENTRY_CONTINUED : ENTRY_NEW;
}

void
scheduler_add_entry(Scheduler *self, Step *step, Sequence *sequence, guint32 tokens, EntryKind kind)
{
  guint32 computed = sequence->computed_tokens;
  guint32 lost = sequence->highest_computed > computed ? sequence->highest_computed - computed : 0;

  ARRAY_PUSH(step->entries, &step->entries_room, StepEntry,
             (StepEntry){
                 .request = sequence->request,
                 .tokens = tokens,
                 .cached_tokens = computed,
                 .recomputed_tokens = MIN(lost, tokens),
                 .kind = (guint8)kind,
                 .samples = computed + tokens == sequence_length(sequence),
             });
  g_ptr_array_add(step->sequences, sequence);
  step->n_sequences++;
  step->n_decodes += kind == ENTRY_DECODE;
  step->n_tokens += tokens;
  if ((kind == ENTRY_DECODE || kind == ENTRY_DECODE_SWAPPED_IN) && lost == 0)
    decode_contexts_add(&step->contexts, computed + 1);
  self->changes += kind == ENTRY_NEW || kind == ENTRY_RESUMED;
  if (kind == ENTRY_RESUMED && self->config.prefix_caching)
    self->found_tokens += computed;
  sequence->was_scheduled = TRUE;
  sequence->was_preempted = FALSE;
  if (sequence->result.first_scheduled_ps < 0)
    sequence->result.first_scheduled_ps = self->now_ps;
  if (sequence->preempted_at_ps >= 0) {
    sequence->result.preempted_ps += self->now_ps - sequence->preempted_at_ps;
    sequence->preempted_at_ps = -1;
  }
}

/* It may be in any queue: running, or, if it was preempted while its last token was on its way,
 * waiting to come back for nothing. */
static void
leave(Scheduler *self, Sequence *sequence, RequestStatus status, gint64 end_ps)
{
  if (sequence->queue == &self->waiting.known)
    waiting_queue_remove(&self->waiting, sequence);
  else if (sequence->queue != NULL)
    sequence_queue_remove(sequence);
  scheduler_take_kept(self, sequence);
  self->changes++;
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
  pool_release(&self->pool, sequence, FALSE);
  sequence->result.reason = reason;
  leave(self, sequence, STATUS_IGNORED, self->now_ps);
}

/* Advances one sequence by its entry. TRUE if it yields a token. */
static gboolean
advance(Scheduler *self, Sequence *sequence, const StepEntry *entry)
{
  sequence->computing = self->config.async_scheduling;
  sequence->computed_tokens += entry->tokens;
  scheduler_close_gap(sequence);
  sequence->highest_computed = MAX(sequence->highest_computed, sequence->computed_tokens);
  sequence->result.recomputed_tokens += entry->recomputed_tokens;
  if (!entry->samples)
    return FALSE;
  sequence->stage = STAGE_DECODE;
  sequence->in_flight = self->config.async_scheduling;
  sequence->generated_tokens++;
  sequence->ending = sequence->generated_tokens >= sequence->output_limit ||
                     sequence_length(sequence) >= scheduler_longest_length(self);
  if (sequence->ending)
    g_ptr_array_add(self->ended_in_flight, sequence);
  return TRUE;
}

/* A step that is decided while another is in flight starts when that one lands: until then its
 * requests wait. */
static void
note_starts(const Scheduler *self, const Step *step, gint64 start_ps)
{
  if (start_ps == self->now_ps)
    return;
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

  note_starts(self, step, start_ps);

  self->in_flight = TRUE;
  self->repeats = repeats;
  for (guint i = 0; i < step->sequences->len; i++) {
    Sequence *sequence = g_ptr_array_index(step->sequences, i);
    if (sequence != NULL)
      tokens += sequence->in_clock ||
                advance(self, sequence, &g_array_index(step->entries, StepEntry, i));
  }
  if (step->ticks)
    scheduler_tick(self, step, repeats);
  self->executed += step->n_sequences > 0 ? repeats : 0;
  return tokens;
}

static void
add_gap(Scheduler *self, gint64 gap_ps, guint32 count)
{
  ARRAY_PUSH(self->gaps, &self->gaps_room, TokenGap, (TokenGap){gap_ps, count});
}

/* It was preempted since the step that computes its token was decided, and that token is dropped.
 */
static gboolean
lost_token(const Scheduler *self, const Sequence *sequence)
{
  return self->class->loses_flying_tokens && sequence->was_preempted;
}

/* Of the members that the step ran, those whose tokens are dropped. One that joined at its tick is
 * an entry of it. */
static guint32
count_lost_members(const Scheduler *self, const Step *step)
{
  guint32 n = 0;

  if (self->lost_tokens == 0 || !step->ticks)
    return 0;
  for (guint i = 0; i < step->ending->len + self->left_in_flight->len; i++) {
    const Sequence *sequence = i < step->ending->len
                                   ? g_ptr_array_index(step->ending, i)
                                   : g_ptr_array_index(self->left_in_flight, i - step->ending->len);
    n += lost_token(self, sequence) && sequence->joined_ticks + 1 < self->clock.ticks;
  }
  return n;
}

/* Its token has come: with asynchronous scheduling a block that it filled is cached from now on. */
static void
deliver(Scheduler *self, Sequence *sequence)
{
  sequence->in_flight = sequence->computing = FALSE;
  if (self->config.async_scheduling && !sequence->in_clock)
    pool_register(&self->pool, sequence, sequence->computed_tokens);
}

/* Of a former member of the clock. */
static void
end_token(Scheduler *self, Sequence *sequence, gint64 end_ps)
{
  if (lost_token(self, sequence))
    return;
  deliver(self, sequence);
  sequence->result.last_token_ps = end_ps;
}

/* When the step's tokens came. */
static void
note_tokens(Scheduler *self, const Step *step, gint64 first_end_ps, gint64 end_ps)
{
  guint32 clocked = step->clocked - count_lost_members(self, step);

  if (clocked > 0)
    add_gap(self, first_end_ps - self->clock.last_end_ps, clocked);
  for (guint i = 0; i < step->sequences->len; i++) {
    Sequence *sequence = g_ptr_array_index(step->sequences, i);
    if (sequence == NULL)
      continue;
    sequence->computing = FALSE;
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
  if (sequence == NULL || !sequence->ending || sequence->ended)
    return;
  scheduler_note_finished(self, sequence);
  leave(self, sequence, STATUS_FINISHED, end_ps);
  if (self->class->finished != NULL)
    self->class->finished(self, sequence);
  ARRAY_PUSH(self->just_finished, &self->finished_room, guint32, sequence->request);
  if (self->offload != NULL)
    offload_finish(self->offload, sequence);
  pool_release(&self->pool, sequence, FALSE);
  pool_release_host(&self->pool, sequence);
}

/* One of a settled step's entries. */
static void
settle_entry(Scheduler *self, const Step *step, guint i, gint64 end_ps)
{
  const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
  Sequence *sequence = g_ptr_array_index(step->sequences, i);

  finish(self, sequence, end_ps);
  if (self->class->prefilled != NULL && sequence != NULL && entry->samples &&
      entry->kind != ENTRY_DECODE && !sequence->ended && !lost_token(self, sequence))
    self->class->prefilled(self, sequence);
}

void
scheduler_settle(Scheduler *self, const Step *step, gint64 first_end_ps, gint64 end_ps)
{
  guint i = 0;

  self->just_finished->len = self->gaps->len = 0;
  note_tokens(self, step, first_end_ps, end_ps);
  for (; i < step->clocked_at; i++)
    settle_entry(self, step, i, end_ps);
  for (guint j = 0; j < step->ending->len; j++)
    finish(self, g_ptr_array_index(step->ending, j), end_ps);
  for (; i < step->sequences->len; i++)
    settle_entry(self, step, i, end_ps);
  self->in_flight = FALSE;
  self->ended_in_flight->len = self->lost_tokens = 0;
}

Sequence *
scheduler_take_left(Scheduler *self)
{
  return self->left.head != NULL ? sequence_queue_pop_head(&self->left) : NULL;
}

Sequence *
scheduler_take_unfinished(Scheduler *self)
{
  Sequence *sequence = self->running.head != NULL   ? self->running.head
                       : self->swapped.head != NULL ? self->swapped.head
                                                    : self->prefilling.head;

  if (sequence == NULL)
    sequence = self->held.head;
  if (sequence == NULL)
    sequence = scheduler_take_waiting(self);
  else
    sequence_queue_remove(sequence);
  if (sequence == NULL)
    return NULL;
  if (sequence->in_clock)
    scheduler_leave_clock(self, sequence);
  sequence->result.generated_tokens = sequence->generated_tokens;
  return sequence;
}

guint32
scheduler_unfinished(const Scheduler *self)
{
  return self->waiting.length + self->running.length + self->swapped.length +
         self->prefilling.length + self->held.length;
}
