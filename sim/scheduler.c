/* What engines share: queues, arrivals, a step's entries; scheduler/progress.c says what becomes of
 * these.
 *
 * Called by the loop: arrive*, schedule, advance, settle, arrive*, … An engine's file holds only
 * its rules of admission and order. Invariant: a live sequence is in exactly one queue.
 */
#include "scheduler.h"

#include "array.h"

static OffloadConfig
offload_config(const SchedulerConfig *config)
{
  return (OffloadConfig){
      .host_blocks = config->num_offload_blocks,
      .prompt_only = config->offload_prompt_only,
      .policy = config->offload_policy,
      .store_threshold = config->offload_store_threshold,
  };
}

static gboolean
offload_names_blocks(const SchedulerConfig *config)
{
  const OffloadConfig offload = offload_config(config);

  return config->num_offload_blocks > 0 && offload_needs_names(&offload);
}

/* The one place that knows which contents a pool has. */
static void
begin_pool(Scheduler *self)
{
  const SchedulerConfig *config = &self->config;
  guint32 features = self->class->features;
  gboolean groups = config->kv_groups.n_kinds > 0;
  gboolean shares_prefixes = self->workload->hashes->len > 0;
  gboolean two_ended = (features & SCHEDULER_REUSES_PARTIAL_FIRST) != 0;
  Pool *pool = &self->pool;

  g_assert(!groups || (features & SCHEDULER_HAS_KV_GROUPS) != 0);
  pool_init(pool, config->block_size, config->num_gpu_blocks - self->class->hidden_blocks,
            config->num_cpu_blocks, groups ? &config->kv_groups : NULL);
  /* Where no two requests share a prefix groups' blocks are counted, and nothing is found. */
  if (groups)
    self->config.prefix_caching &= shares_prefixes;
  if (config->window_pool.tokens > 0) {
    g_assert((features & SCHEDULER_IS_SGLANG) != 0 && !groups && config->window_pool.interval > 0);
    pool->window =
        (WindowPool){.config = config->window_pool, .free_blocks = config->window_pool.blocks};
    pool->class = &contents_counted_windows;
  }
  if (!config->prefix_caching)
    return;
  if (config->window_pool.tokens > 0)
    contents_use_radix_pools(pool, self->workload);
  else if (groups)
    contents_use_groups(pool, self->workload,
                        &(GroupContentsConfig){
                            .num_blocks = config->num_gpu_blocks,
                            .retention = self->class->group_retention,
                            .withholds_states_again = self->class->withholds_states_again,
                            .two_ended = two_ended,
                            .windows_two_ended = (features & SCHEDULER_REUSES_PARTIAL_WINDOWS) != 0,
                        });
  else if (features & SCHEDULER_IS_SGLANG)
    contents_use_radix(pool, self->workload);
  else if ((features & SCHEDULER_HAS_PREFIX_CACHING) == 0)
    return;
  else if (!shares_prefixes && !config->named_blocks && !offload_names_blocks(config))
    contents_use_runs(pool, two_ended);
  else if (features & SCHEDULER_REUSES_COMPUTED)
    contents_use_reuse(pool, self->workload);
  else
    contents_use_named(pool, self->workload, config->num_gpu_blocks, two_ended);
}

/* Native offload, or swaps beside the steps. */
static void
begin_copies(Scheduler *self)
{
  const SchedulerConfig *config = &self->config;

  if (config->num_offload_blocks > 0) {
    const OffloadConfig offload = offload_config(config);
    self->offload = offload_new(&offload, self->workload, &self->pool);
  }
  if (config->overlap_copies) {
    g_assert((self->class->features & SCHEDULER_OVERLAPS_COPIES) != 0);
    self->swap_copies = swap_copies_new();
    self->copied = g_array_new(FALSE, FALSE, sizeof(StepCopy));
    self->pool.disk_total_blocks = self->pool.disk_free_blocks = config->num_disk_blocks;
  }
  self->copies_beside = self->offload != NULL || self->swap_copies != NULL;
}

static void
begin_admission(Scheduler *self)
{
  const AdmissionPolicy *policy = self->config.admission;

  self->refused_at = G_MAXUINT64;
  self->described = g_array_new(FALSE, FALSE, sizeof(AdmissionSequence));
  if (policy == NULL)
    return;
  self->admission_state = g_malloc0(policy->state_bytes);
  if (policy->sees_running && self->pool.groups != NULL) {
    self->group_blocks.n = MIN(self->config.max_model_len, ADMISSION_BLOCKS_TOKENS) + 1;
    self->group_blocks.more_than = g_new0(guint32, self->group_blocks.n);
  }
}

Scheduler *
scheduler_new(const SchedulerClass *class, const SchedulerConfig *config, const Workload *workload)
{
  Scheduler *self = g_new0(Scheduler, 1);

  g_assert(config->block_size > 0 && config->num_gpu_blocks > class->hidden_blocks);
  self->class = class;
  self->config = *config;
  self->workload = workload;
  self->watermark_blocks = (guint32)(config->watermark * config->num_gpu_blocks);
  begin_pool(self);
  begin_copies(self);
  self->decides_ahead = config->async_scheduling || scheduler_is_pipelined(self);
  self->needs_decodes = config->overflow->needs_decodes || config->victim->needs_decodes;
  if (self->needs_decodes)
    self->price_memo = g_new0(PriceMemo, 1);
  self->ordered_by = config->victim->moves_alike ? config->victim : config->victim->bounded_by;
  waiting_queue_init(&self->waiting);
  decode_clock_init(&self->clock, config->block_size, &config->windows);
  if (self->pool.groups != NULL)
    decode_clock_use_groups(&self->clock, self->pool.groups,
                            (class->features & SCHEDULER_GIVES_BACK_SETTLED) != 0 &&
                                config->async_scheduling,
                            !self->pool.class->names_blocks);
  if (window_pool_is_used(&self->pool.window))
    decode_clock_use_passes(&self->clock);
  self->left_in_flight = g_ptr_array_new();
  self->ended_in_flight = g_ptr_array_new();
  self->keepers = g_ptr_array_new();
  begin_admission(self);
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
    g_free(spare->block_ids);
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
  victim_order_clear(&self->victims);
  g_free(self->price_memo);
  g_ptr_array_unref(self->left_in_flight);
  g_ptr_array_unref(self->ended_in_flight);
  g_ptr_array_unref(self->keepers);
  g_array_unref(self->described);
  g_free(self->group_blocks.more_than);
  g_free(self->admission_state);
  g_array_unref(self->gaps);
  g_array_unref(self->just_finished);
  g_array_unref(self->scratch_requests);
  if (self->class->end != NULL)
    self->class->end(self);
  offload_free(self->offload);
  swap_copies_free(self->swap_copies);
  g_clear_pointer(&self->copied, g_array_unref);
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
  if (pool_most_blocks(&self->pool, (guint64)request->prompt_tokens + 1,
                       scheduler_in_flight_tokens(self->class, config)) > self->pool.total_blocks)
    return "the prompt is longer than the KV pool";
  if (!config->chunked_prefill && request->prompt_tokens > config->max_num_batched_tokens)
    return "the prompt is longer than max_num_batched_tokens, and chunked prefill is off";
  return NULL;
}

guint32
scheduler_in_flight_tokens(const SchedulerClass *class, const SchedulerConfig *config)
{
  gboolean two = (class->features & SCHEDULER_GIVES_BACK_SETTLED) != 0 && config->async_scheduling;

  return (two ? 2 : 1) * config->max_num_batched_tokens;
}

void
scheduler_arrive(Scheduler *self, guint32 request)
{
  waiting_queue_add(&self->waiting, request);
  self->unfinished_tokens += workload_request(self->workload, request)->prompt_tokens;
}

static Sequence *
new_sequence(Scheduler *self, guint32 index)
{
  const Request *request = workload_request(self->workload, index);
  Sequence *sequence = self->spare;
  guint32 *block_ids, room;

  if (sequence == NULL) {
    sequence = g_new(Sequence, 1);
    sequence_init(sequence, index, request);
    return sequence;
  }
  self->spare = sequence->next;
  block_ids = sequence->block_ids;
  room = sequence->block_ids_room;
  sequence_init(sequence, index, request);
  sequence->block_ids = block_ids;
  sequence->block_ids_room = room;
  return sequence;
}

/* It keeps the room for its blocks' ids. */
void
scheduler_recycle(Scheduler *self, Sequence *sequence)
{
  pool_forget(&self->pool, sequence);
  offload_forget(self->offload, sequence);
  g_free(sequence->prefix_keys);
  sequence->next = self->spare;
  self->spare = sequence;
}

/* Takes out the first of the untouched, as a sequence. */
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

/* Decides and tells copies beside the steps. TRUE if one is under way or has just ended: then no
 * step stands for several. */
static gboolean
decide_copies(Scheduler *self, Step *step)
{
  scheduler_move_to_disk(self, step);
  if (self->offload != NULL)
    offload_decide(self->offload, step);
  if (self->swap_copies != NULL)
    scheduler_tell_copied(self, step);
  step->has_disk = self->pool.disk_total_blocks > 0;
  step->disk_used_blocks = self->pool.disk_total_blocks - self->pool.disk_free_blocks;
  return (self->offload != NULL && offload_is_busy(self->offload)) || step->copied->len > 0 ||
         self->last_layers_ps > self->now_ps ||
         (self->swap_copies != NULL && swap_copies_are_under_way(self->swap_copies));
}

void
scheduler_schedule(Scheduler *self, gint64 now_ps, gboolean stride, Step *step)
{
  gboolean copying;

  step_clear(step, &self->config.windows);
  self->now_ps = now_ps;
  self->stride = stride = stride && !scheduler_is_pipelined(self);
  if (self->tell_plans || self->needs_decodes) {
    step->plans->len = 0;
    self->decodes_noted = FALSE;
    if (!self->class->evicts_in_place)
      scheduler_note_decodes(self);
    if (self->price_memo != NULL)
      self->price_memo->load++;
  }
  self->pool.decisions++;
  if (self->copies_beside)
    step_clear_copies(step);
  self->class->schedule(self, step);
  copying = self->copies_beside && decide_copies(self, step);
  if (!stride || copying)
    step->repeat = 1;
  if (self->list_decodes && step->clocked > 0)
    scheduler_list_members(self, step);
  step->gpu_free_blocks = self->pool.free_blocks;
  step->host_free_blocks = self->pool.host_free_blocks;
  step->waiting = self->waiting.length + self->held.length;
  step->running = self->running.length;
  step->swapped = self->swapped.length + self->returning.length;
}

void
scheduler_register(Scheduler *self, Sequence *sequence, guint32 tokens)
{
  guint32 known = sequence_length(sequence) - (sequence->in_flight ? 1 : 0);

  pool_commit(&self->pool, sequence, MIN(sequence->computed_tokens + tokens, known));
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
  POINTER_PUSH(step->sequences, &step->sequences_room, sequence);
  step->n_sequences++;
  step->n_decodes += kind == ENTRY_DECODE;
  step->n_tokens += tokens;
  if ((kind == ENTRY_DECODE || kind == ENTRY_DECODE_SWAPPED_IN) && lost == 0)
    decode_contexts_add(&step->contexts, computed + 1);
  self->changes += kind == ENTRY_NEW || kind == ENTRY_RESUMED;
  if (kind != ENTRY_DECODE && kind != ENTRY_CONTINUED)
    sequence->began_in = self->pool.decisions;
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

Sequence *
scheduler_take_unfinished(Scheduler *self)
{
  SequenceQueue *const queues[] = {&self->running, &self->swapped, &self->prefilling, &self->held,
                                   &self->returning};
  Sequence *sequence = NULL;

  for (guint i = 0; i < G_N_ELEMENTS(queues) && sequence == NULL; i++)
    if (queues[i]->length > 0)
      sequence = sequence_queue_pop_head(queues[i]);
  if (sequence == NULL)
    sequence = scheduler_take_waiting(self);
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
         self->prefilling.length + self->held.length + self->returning.length;
}
