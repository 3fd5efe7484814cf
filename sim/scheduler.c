/* What engines share: queues, arrivals, preemption, completion.
 *
 * Called by the loop: arrive*, schedule, advance, settle, arrive*, … An engine's file holds only
 * its rules of admission and order. Invariant: a live sequence is in exactly one of waiting,
 * running, swapped.
 */
#include "scheduler.h"

const SchedulerClass *const scheduler_classes[] = {
    &scheduler_vllm_v1,
    &scheduler_vllm_06,
    &scheduler_vllm_05,
    NULL,
};

Scheduler *
scheduler_new(const SchedulerClass *class, const SchedulerConfig *config, const Workload *workload)
{
  Scheduler *self = g_new0(Scheduler, 1);

  g_assert(config->block_size > 0 && config->num_gpu_blocks > class->hidden_blocks);
  self->class = class;
  self->config = *config;
  self->watermark_blocks = (guint32)(config->watermark * config->num_gpu_blocks);
  pool_init(&self->pool, workload, config->block_size, config->num_gpu_blocks,
            config->num_gpu_blocks - class->hidden_blocks, config->num_cpu_blocks,
            config->prefix_caching);
  sequence_queue_init(&self->waiting);
  sequence_queue_init(&self->running);
  sequence_queue_init(&self->swapped);
  for (guint i = 0; i < G_N_ELEMENTS(self->scratch); i++)
    sequence_queue_init(&self->scratch[i]);
  self->left = g_ptr_array_new();
  self->just_finished = g_array_new(FALSE, FALSE, sizeof(guint32));
  self->scratch_requests = g_array_new(FALSE, FALSE, sizeof(guint32));
  return self;
}

void
sequence_free(Sequence *sequence)
{
  g_free(sequence->block_ids);
  g_free(sequence->prefix_keys);
  g_free(sequence);
}

void
scheduler_free(Scheduler *self)
{
  Sequence *sequence;

  if (self == NULL)
    return;
  while ((sequence = scheduler_take_left(self)) != NULL)
    sequence_free(sequence);
  while ((sequence = scheduler_take_unfinished(self)) != NULL)
    sequence_free(sequence);
  sequence_queue_clear(&self->waiting);
  sequence_queue_clear(&self->running);
  sequence_queue_clear(&self->swapped);
  for (guint i = 0; i < G_N_ELEMENTS(self->scratch); i++)
    sequence_queue_clear(&self->scratch[i]);
  g_ptr_array_unref(self->left);
  g_array_unref(self->just_finished);
  g_array_unref(self->scratch_requests);
  pool_clear(&self->pool);
  g_free(self);
}

const char *
scheduler_refuses(const Scheduler *self, const Request *request)
{
  const SchedulerConfig *config = &self->config;

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

void
scheduler_arrive(Scheduler *self, const Request *request, guint32 index)
{
  Sequence *sequence = g_new0(Sequence, 1);

  sequence->request = index;
  sequence->output_limit = request->output_tokens;
  sequence->preempted_at_ps = -1;
  sequence->result = request_result_untouched(index, request);
  sequence_queue_push_tail(&self->waiting, sequence);
}

void
scheduler_schedule(Scheduler *self, gint64 now_ps, gboolean stride, Step *step)
{
  step_clear(step);
  self->now_ps = now_ps;
  self->class->schedule(self, step);
  if (!stride)
    step->repeat = 1;
  step->gpu_free_blocks = self->pool.free_blocks;
  step->host_free_blocks = self->pool.host_free_blocks;
  step->waiting = self->waiting.length;
  step->running = self->running.length;
  step->swapped = self->swapped.length;
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
  const StepEntry entry = {
      .request = sequence->request,
      .tokens = tokens,
      .cached_tokens = computed,
      .recomputed_tokens = MIN(lost, tokens),
      .kind = (guint8)kind,
      .samples = computed + tokens == sequence_length(sequence),
  };

  g_array_append_val(step->entries, entry);
  step->n_decodes += kind == ENTRY_DECODE;
  g_ptr_array_add(step->sequences, sequence);
  sequence->was_scheduled = TRUE;
  sequence->was_preempted = FALSE;
  if (sequence->result.first_scheduled_ps < 0)
    sequence->result.first_scheduled_ps = self->now_ps;
  if (sequence->preempted_at_ps >= 0) {
    sequence->result.preempted_ps += self->now_ps - sequence->preempted_at_ps;
    sequence->preempted_at_ps = -1;
  }
}

static void
drop_kv(Scheduler *self, Sequence *sequence)
{
  pool_release(&self->pool, sequence);
  sequence->computed_tokens = 0;
  sequence->stage = STAGE_PREFILL;
  sequence->was_preempted = TRUE;
}

OverflowAction
scheduler_preempt(Scheduler *self, Step *step, Sequence *victim, const Sequence *beneficiary,
                  gboolean can_fall_back)
{
  const OverflowPolicy *policy = self->config.overflow;
  const OverflowQuery query = {
      .victim = victim,
      .host_free_blocks = self->pool.host_free_blocks,
      .cost = self->config.cost,
  };
  StepVictim record = {
      .request = victim->request,
      .beneficiary = beneficiary->request,
      .blocks = victim->blocks,
      .action = policy->decide(policy, &query),
  };

  if (record.action == OVERFLOW_SWAP && victim->blocks > self->pool.host_free_blocks) {
    if (can_fall_back) {
      record.action = OVERFLOW_RECOMPUTE;
      record.fell_back = TRUE;
    } else {
      step->abort = "Aborted due to the lack of CPU swap space";
    }
  }
  if (step->abort == NULL && record.action == OVERFLOW_SWAP) {
    step->copy_out_blocks += victim->blocks;
    victim->result.swapped_out_blocks += victim->blocks;
    pool_swap_out(&self->pool, victim);
  } else if (step->abort == NULL) {
    record.tokens_lost = victim->computed_tokens;
    drop_kv(self, victim);
  }
  victim->result.preemptions++;
  victim->preempted_at_ps = self->now_ps;
  g_array_append_val(step->victims, record);
  return record.action;
}

void
scheduler_note_swap_in(Scheduler *self, Step *step, Sequence *sequence, guint32 copied)
{
  const StepSwapIn record = {.request = sequence->request, .blocks = copied};

  pool_release_host(&self->pool, sequence);
  step->copy_in_blocks += copied;
  sequence->result.swapped_in_blocks += copied;
  g_array_append_val(step->swapped_in, record);
}

static void
leave(Scheduler *self, Sequence *sequence, RequestStatus status, gint64 end_ps)
{
  sequence->ended = TRUE;
  sequence->result.status = status;
  sequence->result.finish_ps = end_ps;
  sequence->result.generated_tokens = sequence->generated_tokens;
  g_ptr_array_add(self->left, sequence);
}

void
scheduler_ignore(Scheduler *self, GArray *ignored, Sequence *sequence, const char *reason)
{
  g_array_append_val(ignored, sequence->request);
  self->pool.host_leaked_blocks += sequence->host_blocks;
  sequence->result.reason = reason;
  leave(self, sequence, STATUS_IGNORED, self->now_ps);
}

guint32
scheduler_longest_length(const Scheduler *self)
{
  return self->config.max_model_len + (self->class->stops_at_max_model_len ? 0 : 1);
}

/* Advances one sequence by its entry. TRUE if it yields a token. */
static gboolean
advance(Scheduler *self, Sequence *sequence, const StepEntry *entry, guint32 repeats)
{
  guint32 more = entry->kind == ENTRY_DECODE ? repeats - 1 : 0;

  sequence->generated_tokens += more;
  sequence->computed_tokens += entry->tokens + more;
  sequence->highest_computed = MAX(sequence->highest_computed, sequence->computed_tokens);
  sequence->result.recomputed_tokens += entry->recomputed_tokens;
  if (!entry->samples)
    return FALSE;
  sequence->stage = STAGE_DECODE;
  sequence->generated_tokens++;
  sequence->ending = sequence->generated_tokens >= sequence->output_limit ||
                     sequence_length(sequence) >= scheduler_longest_length(self);
  return TRUE;
}

guint32
scheduler_advance(Scheduler *self, const Step *step, guint32 repeats)
{
  guint32 tokens = 0;

  for (guint i = 0; i < step->sequences->len; i++)
    tokens += advance(self, g_ptr_array_index(step->sequences, i),
                      &g_array_index(step->entries, StepEntry, i), repeats);
  if (repeats > 1)
    scheduler_grow_repeated(self, step, repeats);
  return tokens;
}

void
scheduler_settle(Scheduler *self, const Step *step, gint64 first_end_ps, gint64 end_ps)
{
  gboolean preempted = FALSE;

  g_array_set_size(self->just_finished, 0);
  for (guint i = 0; i < step->sequences->len; i++) {
    Sequence *sequence = g_ptr_array_index(step->sequences, i);
    if (!g_array_index(step->entries, StepEntry, i).samples)
      continue;
    if (sequence->result.first_token_ps < 0)
      sequence->result.first_token_ps = first_end_ps;
    sequence->result.last_token_ps = end_ps;
    if (sequence->ending) {
      preempted |= sequence->preempted_at_ps >= 0;
      leave(self, sequence, STATUS_FINISHED, end_ps);
      g_array_append_val(self->just_finished, sequence->request);
      pool_release(&self->pool, sequence);
      pool_release_host(&self->pool, sequence);
    }
  }
  if (self->just_finished->len == 0)
    return;
  sequence_queue_drop_ended(&self->running);
  if (preempted) {
    /* While the last token was on its way: it waits to come back for nothing. */
    sequence_queue_drop_ended(&self->waiting);
    sequence_queue_drop_ended(&self->swapped);
  }
}

Sequence *
scheduler_take_left(Scheduler *self)
{
  if (self->left->len == 0)
    return NULL;
  return g_ptr_array_steal_index(self->left, 0);
}

static SequenceQueue *
first_nonempty(Scheduler *self)
{
  if (self->running.length > 0)
    return &self->running;
  return self->swapped.length > 0 ? &self->swapped : &self->waiting;
}

Sequence *
scheduler_take_unfinished(Scheduler *self)
{
  SequenceQueue *queue = first_nonempty(self);
  Sequence *sequence = queue->length > 0 ? sequence_queue_pop_head(queue) : NULL;

  if (sequence != NULL)
    sequence->result.generated_tokens = sequence->generated_tokens;
  return sequence;
}

guint32
scheduler_unfinished(const Scheduler *self)
{
  return self->waiting.length + self->running.length + self->swapped.length;
}
