#include "run_witness.h"

#include "sim/engines/sglang.h"

static void
digest_add(RunWitness *w, guint64 value)
{
  w->digest = (w->digest ^ value) * G_GUINT64_CONSTANT(0x100000001b3);
  w->digest ^= w->digest >> 29;
}

/* What a sequence has on the disk, and on the host that is reserved for what comes from there. */
static void
add_away(const Sequence *s, guint32 *host, guint32 *disk)
{
  *host += s->copies_are_free ? 0 : s->host_blocks - s->owed_blocks;
  *host += s->reads_through ? 0 : s->from_disk_blocks;
  *disk += s->disk_blocks + s->to_disk_blocks;
  g_assert_cmpuint(s->owed_blocks, <=, s->host_blocks);
  g_assert_cmpuint(s->to_disk_blocks, <=, s->host_blocks - s->owed_blocks);
  g_assert_cmpuint(s->from_disk_blocks, <=, s->disk_blocks);
  g_assert_true(s->to_disk_blocks == 0 || s->from_disk_blocks == 0);
}

static void
add_queue(const Scheduler *scheduler, const SequenceQueue *queue, guint32 *gpu, guint32 *host,
          guint32 *disk)
{
  guint32 length = 0;

  for (const Sequence *s = queue->head; s != NULL; s = s->next, length++) {
    g_assert_false(s->ended);
    g_assert_true(s->queue == queue);
    g_assert_true((s->next != NULL ? s->next->previous : queue->tail) == s);
    *gpu += s->in_clock ? decode_clock_blocks(&scheduler->clock, s) : s->blocks;
    if (!scheduler->pool.class->keeps_content)
      *gpu += s->leaving_blocks;
    add_away(s, host, disk);
    *host += s->ahead_blocks;
    g_assert_cmpuint(s->ahead_pending, <=, s->ahead_blocks);
    g_assert_cmpuint(s->ahead_blocks, <=, s->in_clock ? G_MAXUINT32 : s->blocks);
  }
  g_assert_cmpuint(length, ==, queue->length);
}

static guint64
tokens_of(const Scheduler *scheduler, const SequenceQueue *queue)
{
  guint64 tokens = 0;

  for (const Sequence *s = queue->head; s != NULL; s = s->next)
    tokens += sequence_length(s) + (s->in_clock ? scheduler->clock.ticks - s->joined_ticks : 0);
  return tokens;
}

/* The tokens that a router is told are those of all that wait and run. */
static void
check_tokens(const Scheduler *scheduler)
{
  const SequenceQueue *const queues[] = {&scheduler->running, &scheduler->swapped, &scheduler->held,
                                         &scheduler->returning, &scheduler->prefilling};
  g_autofree Waiter *waiters = g_new(Waiter, scheduler->waiting.length + 1);
  guint32 n = waiting_queue_peek(&scheduler->waiting, scheduler->waiting.length, waiters);
  guint64 tokens = 0;

  g_assert_cmpuint(n, ==, scheduler->waiting.length);
  for (guint32 i = 0; i < n; i++)
    tokens += waiters[i].sequence != NULL
                  ? sequence_length(waiters[i].sequence)
                  : workload_request(scheduler->workload, waiters[i].request)->prompt_tokens;
  for (guint i = 0; i < G_N_ELEMENTS(queues); i++)
    tokens += tokens_of(scheduler, queues[i]);
  g_assert_cmpuint(scheduler->unfinished_tokens, ==, tokens);
}

/* Before a member of the clock stands nothing that has work: who stands there ends or starves, of
 * whom the scheduler knows the first. And the sums are those of the members. */
static void
check_clock(Scheduler *scheduler)
{
  DecodeContexts contexts = decode_contexts_through(&scheduler->config.windows);
  DecodeContexts expected = decode_contexts_through(&scheduler->config.windows);
  const Sequence *starved = NULL;
  gboolean loose = FALSE; /* a sequence that does not starve, as far as is known */

  decode_clock_add_contexts(&scheduler->clock, &contexts);
  for (const Sequence *s = scheduler->running.head; s != NULL; s = s->next) {
    if (s->in_clock)
      decode_contexts_add(&expected, decode_clock_tokens(&scheduler->clock, s) + 1);
    g_assert_false(s->in_clock && loose);
    g_assert_true(!s->in_clock || starved == NULL || starved == scheduler->first_starved);
    if (s->in_clock || s->ending)
      continue;
    loose |= s->starved_in == 0;
    starved = starved != NULL ? starved : s;
  }
  g_assert_cmpuint(contexts.count, ==, expected.count);
  g_assert_cmpuint(contexts.sum, ==, expected.sum);
  g_assert_cmpuint(contexts.squares, ==, expected.squares);
  g_assert_cmpuint(contexts.least, ==, expected.least);
  g_assert_cmpuint(contexts.largest, ==, expected.largest);
  for (guint32 i = 0; i < expected.n_windows; i++) {
    g_assert_cmpuint(contexts.visible[i], ==, expected.visible[i]);
    g_assert_cmpuint(contexts.growing[i], ==, expected.growing[i]);
  }
}

/* What copies still read whose sequences have ended. */
static void
add_orphans(const Scheduler *scheduler, guint32 *gpu, guint32 *host, guint32 *disk)
{
  const GArray *way = scheduler->swap_copies->ways[COPY_OUT];

  for (guint i = 0; i < way->len; i++) {
    const SwapJob *job = &g_array_index(way, SwapJob, i);
    g_assert_true(job->sequence->queue != NULL || job->is_orphan);
    if (!job->is_orphan)
      continue;
    *gpu += job->sequence->blocks;
    add_away(job->sequence, host, disk);
    if (!scheduler->pool.class->keeps_content)
      *gpu += job->sequence->leaving_blocks;
  }
}

/* The same of SGLang's window pool; each sequence holds there what has not gone. */
static void
check_windows(Scheduler *scheduler)
{
  const SequenceQueue *const queues[] = {&scheduler->running, &scheduler->prefilling};
  const Pool *pool = &scheduler->pool;
  guint64 blocks = pool->window.free_blocks + pool->window.cached_blocks;

  g_assert_cmpuint(pool->window.evictable_blocks, <=, pool->window.cached_blocks);
  for (guint i = 0; i < G_N_ELEMENTS(queues); i++)
    for (const Sequence *s = queues[i]->head; s != NULL; s = s->next) {
      guint32 held = s->in_clock ? decode_clock_blocks(&scheduler->clock, s) : s->blocks;
      guint32 gone = MAX(s->window_gone, s->radix_blocks);
      guint64 known = (guint64)s->computed_tokens, window = pool->window.config.tokens;
      g_assert_cmpuint(gone, <=, held);
      blocks += held - gone;
      if (s->window_gone > s->radix_blocks && !s->in_clock)
        g_assert_cmpuint((guint64)s->window_gone * pool->block_size + window, <=, known);
    }
  g_assert_cmpuint(blocks, ==, pool->window.config.blocks);
}

/* Blocks held and free make up each pool. Shared blocks are held more than once. */
static void
check_conservation(Scheduler *scheduler, gboolean died)
{
  const Pool *pool = &scheduler->pool;
  guint32 gpu = 0, host = 0, disk = 0, nowhere = 0;

  add_queue(scheduler, &scheduler->waiting.known, &gpu, &host, &disk);
  if (!died)
    g_assert_cmpuint(host, ==, 0);
  add_queue(scheduler, &scheduler->swapped, &gpu, &host, &disk);
  if (scheduler->swap_copies != NULL)
    add_orphans(scheduler, &gpu, &host, &disk);
  for (guint i = 0; i < scheduler->keepers->len; i++) {
    const Sequence *keeper = g_ptr_array_index(scheduler->keepers, i);
    gpu += keeper->queue == NULL ? keeper->blocks : 0; /* it went to the waiting queue's tail */
  }
  if (!died)
    g_assert_cmpuint(gpu, ==, scheduler->kept_blocks + pool->leaving_blocks);
  add_queue(scheduler, &scheduler->returning, &gpu, &host, &disk);
  add_queue(scheduler, &scheduler->running, &gpu,
            died || scheduler->config.swap_ahead_blocks > 0 ? &host : &nowhere, &disk);
  add_queue(scheduler, &scheduler->prefilling, &gpu, died ? &host : &nowhere, &disk);
  add_queue(scheduler, &scheduler->held, &gpu, &nowhere, &disk);
  g_assert_cmpuint(nowhere, ==, 0);
  gpu += pool->evictable_blocks; /* what nobody holds and stays */
  if (!pool->class->names_blocks &&
      !(scheduler->class == &scheduler_sglang && scheduler->config.prefix_caching))
    g_assert_cmpuint(gpu + pool->free_blocks, ==, pool->total_blocks);
  else
    g_assert_cmpuint(gpu + pool->free_blocks, >=, pool->total_blocks);
  g_assert_cmpuint(host + pool->host_free_blocks + pool->host_leaked_blocks, ==,
                   pool->host_total_blocks);
  g_assert_cmpuint(disk + pool->disk_free_blocks, ==, pool->disk_total_blocks);
}

static void
check_entries(const RunWitness *w, const StepReport *report)
{
  const Step *step = report->step;
  const SchedulerConfig *config = &w->test->config;
  guint64 tokens = step->listed ? 0 : step->clocked;

  for (guint i = 0; i < step->entries->len; i++) {
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
    g_assert_cmpuint(entry->tokens, >, 0);
    g_assert_cmpuint(entry->recomputed_tokens, <=, entry->tokens);
    tokens += entry->tokens;
    for (guint j = 0; j < i; j++)
      g_assert_cmpuint(g_array_index(step->entries, StepEntry, j).request, !=, entry->request);
  }
  if (config->chunked_prefill)
    g_assert_cmpuint(tokens, <=, config->max_num_batched_tokens);
  g_assert_cmpuint(tokens, ==, step->n_tokens);
  g_assert_cmpuint(step->n_sequences, ==, step->entries->len + (step->listed ? 0 : step->clocked));
  g_assert_cmpuint(report->tokens, <=, step->n_sequences);
}

static void
witness_repeat(RunWitness *w, const StepReport *report, guint32 i, guint32 free_blocks,
               gint64 start_ps)
{
  const Step *step = report->step;

  digest_add(w, report->step_index + i);
  digest_add(w, (guint64)start_ps);
  digest_add(w, free_blocks);
  if (step->sglang.has_windows)
    digest_add(w, step->sglang.window_free_blocks - (step->gpu_free_blocks - free_blocks));
  digest_add(w, step->host_free_blocks);
  digest_add(w, step->waiting);
  digest_add(w, step->running);
  digest_add(w, step->swapped);
  digest_add(w, report->tokens);
  for (guint j = 0; j < step->entries->len; j++) {
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, j);
    digest_add(w, entry->request);
    digest_add(w, entry->tokens);
    digest_add(w, entry->cached_tokens + i);
    digest_add(w, entry->recomputed_tokens);
    digest_add(w, entry->kind);
  }
  for (guint j = 0; j < step->victims->len; j++) {
    const StepVictim *victim = &g_array_index(step->victims, StepVictim, j);
    digest_add(w, victim->request);
    digest_add(w, victim->blocks);
    digest_add(w, victim->action);
    digest_add(w, victim->rest_blocks);
    w->at_once += victim->ahead_blocks > 0 && victim->ahead_blocks == victim->copied_blocks;
  }
  for (guint j = 0; j < step->stores->len; j++)
    digest_add(w, g_array_index(step->stores, StepStore, j).request);
  for (guint j = 0; j < step->loads->len; j++)
    digest_add(w, g_array_index(step->loads, StepLoad, j).tokens);
  for (guint j = 0; j < step->flushes->len; j++)
    digest_add(w, g_array_index(step->flushes, guint32, j));
  digest_add(w, step->tier_used_blocks);
  digest_add(w, step->disk_used_blocks);
  for (guint j = 0; j < step->starved->len; j++)
    digest_add(w, g_array_index(step->starved, guint32, j));
  for (guint j = 0; j < step->copies->len; j++)
    digest_add(w, g_array_index(step->copies, StepCopy, j).request);
  for (guint j = 0; j < step->copied->len; j++)
    digest_add(w, g_array_index(step->copied, StepCopy, j).blocks);
  digest_add(w, (guint64)(i == 0 ? report->waited_ps : 0));
  for (guint j = 0; j < report->n_finished && i + 1 == report->repeats; j++)
    digest_add(w, report->finished[j]);
}

void
run_witness_step(Observer *observer, const StepReport *report)
{
  RunWitness *w = (RunWitness *)observer;
  const Step *step = report->step;
  guint32 usable_blocks = w->test->config.num_gpu_blocks - w->test->class->hidden_blocks;
  guint32 free_blocks = step->gpu_free_blocks;
  gint64 at_ps = report->start_ps;

  g_assert_cmpint(report->start_ps, >=, w->ends_ps[report->instance]);
  w->digest = w->digests[report->instance];
  if (step->abort == NULL) {
    g_assert_true(report->elapsed_ps > 0 || step->takes_no_time);
    g_assert_true(report->elapsed_ps == 0 || !step->takes_no_time || step->flushes->len > 0);
    check_entries(w, report);
    if (w->kv != NULL)
      kv_witness_step(w->kv, report);
  }
  g_assert_cmpuint(step->tier_used_blocks, <=, w->test->config.num_offload_blocks);
  check_conservation(w->instances[report->instance].scheduler, step->abort != NULL);
  if (step->abort == NULL)
    check_tokens(w->instances[report->instance].scheduler);
  if (step->sglang.has_windows && step->abort == NULL)
    check_windows(w->instances[report->instance].scheduler);
  check_clock(w->instances[report->instance].scheduler);
  for (guint32 i = 0; i < report->repeats; i++) {
    if (i > 0) {
      gint32 taken = step_growth_blocks(step, i);
      g_assert_cmpint(taken, <=, (gint64)free_blocks);
      free_blocks -= (guint32)taken;
    }
    if (step->abort == NULL)
      w->peak_gpu_blocks =
          MAX(w->peak_gpu_blocks, usable_blocks - free_blocks - step->sglang.evictable_blocks);
    witness_repeat(w, report, i, free_blocks, at_ps);
    at_ps += report->first_ps + i * report->growth_ps;
  }
  g_assert_cmpint(at_ps, ==, report->start_ps + report->elapsed_ps);
  w->digests[report->instance] = w->digest;
  w->ends_ps[report->instance] = at_ps;
  w->end_ps = MAX(w->end_ps, at_ps);
  w->steps += report->repeats;
  w->tokens += (guint64)report->tokens * report->repeats;
  w->preemptions += step->victims->len;
  w->loads += step->loads->len;
  w->copies += step->copies->len;
  for (guint i = 0; i < step->copies->len; i++) {
    CopyDirection direction = g_array_index(step->copies, StepCopy, i).direction;
    w->to_disk += direction == COPY_TO_DISK;
    w->from_disk += direction == COPY_FROM_DISK;
  }
  w->starved += step->starved->len;
}

/* SGLang keeps the end of a sequence free of the pool's and the context's. */
static guint32
shortest_cut(const RandomCase *c, const Request *request)
{
  guint32 page = c->config.block_size, pool = c->config.num_gpu_blocks * page;
  guint32 paged = (request->prompt_tokens + page - 1) / page * page + page + 1;

  if (c->class != &scheduler_sglang)
    return G_MAXUINT32;
  return request->prompt_tokens +
         MAX(1, MIN((gint32)(MIN(c->config.max_model_len, pool) - request->prompt_tokens) - 2,
                    (gint32)(pool - paged)));
}

void
run_witness_request(Observer *observer, const RequestResult *result)
{
  RunWitness *w = (RunWitness *)observer;
  const Request *request = workload_request(w->workload, result->request);
  guint64 steps_digest = w->digest;

  g_assert_cmpuint(w->told[result->request]++, ==, 0);
  g_assert_cmpint(result->arrival_ps, ==, request->arrival_ps);
  w->left_ps[result->request] = result->finish_ps >= 0 ? result->finish_ps : G_MAXINT64;
  g_assert_cmpuint(result->generated_tokens, <=, request->output_tokens);
  if (result->status == STATUS_FINISHED) {
    g_assert_cmpuint(result->generated_tokens, >, 0);
    g_assert_cmpint(result->arrival_ps, <=, result->first_scheduled_ps);
    g_assert_cmpint(result->first_scheduled_ps, <, result->first_token_ps);
    g_assert_cmpint(result->first_token_ps, <=, result->last_token_ps);
    g_assert_cmpint(result->last_token_ps, ==, result->finish_ps);
    if (result->generated_tokens < request->output_tokens)
      g_assert_cmpuint(request->prompt_tokens + result->generated_tokens, >=,
                       MIN(w->test->config.max_model_len, shortest_cut(w->test, request)));
  }
  if (result->preemptions == 0 && w->test->config.swap_ahead_blocks == 0)
    g_assert_cmpuint(result->recomputed_tokens + result->swapped_out_blocks, ==, 0);
  w->generated += result->generated_tokens;
  w->victims_of_results += result->preemptions;
  /* Requests are told in any order between steps: each has a digest of its own, and they are
   * summed. */
  w->digest = result->request;
  digest_add(w, (guint64)result->first_token_ps);
  digest_add(w, (guint64)result->finish_ps);
  digest_add(w, (guint64)result->preempted_ps);
  digest_add(w, result->recomputed_tokens);
  digest_add(w, result->status);
  w->requests_digest += w->digest;
  w->digest = steps_digest;
}
