#include "planner_copies.h"

#include "random.h"

Planner *
planner_new(const PlannerConfig *config)
{
  Planner *planner = g_new0(Planner, 1);

  planner->config = *config;
  planner->seed = random_key(config->seed, RANDOM_SAMPLING);
  planner->requests = g_new0(LiveRequest *, workload_count(config->workload));
  planner_init_pools(planner);
  return planner;
}

void
planner_free(Planner *planner)
{
  if (planner == NULL)
    return;
  for (guint32 i = 0; i < workload_count(planner->config.workload); i++) {
    LiveRequest *request = planner->requests[i];
    if (request == NULL)
      continue;
    g_array_unref(request->tokens);
    g_array_unref(request->blocks);
    g_array_unref(request->host);
    g_array_unref(request->disk);
    g_array_unref(request->source);
    g_array_unref(request->leaving);
    g_array_unref(request->ahead);
    g_free(request);
  }
  g_free(planner->requests);
  planner_clear_pools(planner);
  g_free(planner);
}

static LiveRequest *
get_request(Planner *planner, guint32 index)
{
  LiveRequest *request = planner->requests[index];
  guint32 prompt_tokens;

  if (request != NULL)
    return request;
  request = planner->requests[index] = g_new0(LiveRequest, 1);
  prompt_tokens = workload_request(planner->config.workload, index)->prompt_tokens;
  request->prompt_tokens = prompt_tokens;
  request->tokens = g_array_new(FALSE, FALSE, sizeof(gint32));
  g_array_set_size(request->tokens, prompt_tokens);
  token_source_prompt(planner->config.tokens, index, (gint32 *)(gpointer)request->tokens->data);
  request->blocks = g_array_new(FALSE, FALSE, sizeof(gint32));
  request->host = g_array_new(FALSE, FALSE, sizeof(gint32));
  request->disk = g_array_new(FALSE, FALSE, sizeof(gint32));
  request->source = g_array_new(FALSE, FALSE, sizeof(gint32));
  request->leaving = g_array_new(FALSE, FALSE, sizeof(gint32));
  request->ahead = g_array_new(FALSE, FALSE, sizeof(gint32));
  return request;
}

/* Leaves the request its first `blocks` blocks on the device. If it has blocks on the host, too,
 * there is then a gap between the two. */
static void
shrink(Planner *planner, LiveRequest *request, guint32 blocks)
{
  planner_give_blocks(planner, request->blocks, planner->config.prefix_caching ? 0 : blocks);
  if (request->host->len == 0) {
    request->gap_end_tokens = 0;
  } else if (request->gap_end_tokens == 0 && blocks < request->front) {
    request->gap_end_tokens = request->front * planner->config.block_size;
    request->tail_end_tokens = request->computed;
  }
  if (request->host->len == 0 || request->gap_end_tokens > 0)
    request->computed = blocks * planner->config.block_size;
}

static void
close_gap(LiveRequest *request)
{
  request->computed = request->tail_end_tokens;
  request->gap_end_tokens = 0;
}

/* Frees the victim's last blocks, which the scheduler no longer counts (`held`) and which hold no
 * token yet. */
static void
drop_empty(Planner *planner, LiveRequest *request, guint32 held)
{
  guint32 block_size = planner->config.block_size;
  guint32 filled = MAX(held, (request->computed + block_size - 1) / block_size);

  planner_give_blocks(planner, request->blocks, filled);
}

/* The last blocks of the victim go to the host before the step. */
static gboolean
copy_out(Planner *planner, const StepVictim *victim, LiveRequest *request, StepPlan *plan,
         GError **error)
{
  guint32 held = victim->kept_blocks + victim->blocks;

  if (request->blocks->len != held)
    return planner_disagree(error, victim->request, "blocks of a victim", request->blocks->len,
                            held);
  if (!places_take(&planner->host, request->host, victim->copied_blocks))
    return planner_disagree(error, victim->request, "free blocks of the host",
                            planner->host.free_blocks, victim->copied_blocks);
  request->front = held - victim->copied_blocks;
  for (guint32 i = 0; i < victim->copied_blocks; i++) {
    const BlockCopy copy = {
        .request = victim->request,
        .device_block = g_array_index(request->blocks, gint32, request->front + i),
        .host_block = g_array_index(request->host, gint32, i),
    };
    g_array_append_val(plan->copies_out, copy);
  }
  return TRUE;
}

/* A victim may have left meanwhile: its last token was on its way when it was chosen. */
static gboolean
evict(Planner *planner, const StepVictim *victim, StepPlan *plan, GError **error)
{
  LiveRequest *request = planner->requests[victim->request];

  if (request == NULL || (request->left && request->ahead_pending == 0))
    return TRUE;
  drop_empty(planner, request, victim->kept_blocks + victim->blocks);
  if (victim->copies.beside) {
    if (!planner_evict_beside(planner, victim, request, error))
      return FALSE;
  } else if (victim->copied_blocks > 0 && !copy_out(planner, victim, request, plan, error)) {
    return FALSE;
  }
  shrink(planner, request, victim->kept_blocks);
  request->resumes = victim->copied_blocks > 0;
  return TRUE;
}

static gboolean
plan_victims(Planner *planner, const Step *step, StepPlan *plan, GError **error)
{
  for (guint i = 0; i < step->victims->len; i++)
    if (!evict(planner, &g_array_index(step->victims, StepVictim, i), plan, error))
      return FALSE;
  for (guint i = 0; i < step->shed->len; i++) {
    const StepShed *shed = &g_array_index(step->shed, StepShed, i);
    LiveRequest *request = planner->requests[shed->request];
    if (request != NULL && !request->left)
      shrink(planner, request, request->blocks->len - shed->blocks);
  }
  return TRUE;
}

static gboolean
plan_returns(Planner *planner, const Step *step, GError **error)
{
  for (guint i = 0; i < step->swapped_in->len; i++) {
    const StepSwapIn *in = &g_array_index(step->swapped_in, StepSwapIn, i);
    LiveRequest *request = planner->requests[in->request];
    if (request == NULL || request->host->len < in->blocks)
      return planner_disagree(error, in->request, "blocks on the host",
                              request != NULL ? request->host->len : 0, in->blocks);
    if (request->arrived) {
      planner_give_places(planner, request);
      continue;
    }
    request->returns = TRUE;
    request->kept = request->host->len - in->blocks;
  }
  return TRUE;
}

/* The request holds as many blocks as the scheduler says; with prefix caching, the same ones. A
 * decode that the scheduler tells nothing of takes the blocks that its tokens need. */
static gboolean
hold_blocks(Planner *planner, LiveRequest *request, const StepEntry *entry,
            const Sequence *sequence, GError **error)
{
  guint32 block_size = planner->config.block_size;
  guint32 blocks = sequence != NULL
                       ? sequence->blocks
                       : (entry->cached_tokens + entry->tokens + block_size - 1) / block_size;

  if (sequence != NULL)
    request->sequence = sequence;
  if (!planner_take_blocks(planner, request, blocks))
    return planner_disagree(error, entry->request, "free blocks", request->blocks->len, blocks);
  return TRUE;
}

static void
plan_copies_in(Planner *planner, guint32 index, LiveRequest *request, StepPlan *plan)
{
  for (guint32 i = request->kept; i < request->host->len; i++) {
    const BlockCopy copy = {
        .request = index,
        .device_block = g_array_index(request->blocks, gint32, request->front + i),
        .host_block = g_array_index(request->host, gint32, i),
    };
    g_array_append_val(plan->copies_in, copy);
  }
  planner_give_places(planner, request);
  request->returns = FALSE;
}

static void
plan_rows(Planner *planner, const StepEntry *entry, const LiveRequest *request, StepPlan *plan)
{
  guint32 block_size = planner->config.block_size;
  gint32 rows, context = (gint32)(entry->cached_tokens + entry->tokens);

  for (guint32 i = 0; i < entry->tokens; i++) {
    gint32 position = (gint32)(entry->cached_tokens + i);
    gint64 block = g_array_index(request->blocks, gint32, (guint32)position / block_size);
    gint64 slot = block * block_size + (guint32)position % block_size;
    g_array_append_val(plan->token_ids, g_array_index(request->tokens, gint32, position));
    g_array_append_val(plan->positions, position);
    g_array_append_val(plan->slots, slot);
  }
  if (entry->samples) {
    guint32 place = request->tokens->len - request->prompt_tokens;
    float uniform = random_unit_float(random_key(random_key(planner->seed, entry->request), place));
    gint32 row = (gint32)plan->token_ids->len - 1;
    guint32 sequence = plan->requests->len;
    g_array_append_val(plan->sample_rows, row);
    g_array_append_val(plan->sample_sequences, sequence);
    g_array_append_val(plan->uniforms, uniform);
  }
  rows = (gint32)plan->token_ids->len;
  g_array_append_val(plan->requests, entry->request);
  g_array_append_val(plan->query_starts, rows);
  g_array_append_val(plan->context_lens, context);
  plan->block_table_stride = MAX(plan->block_table_stride, request->blocks->len);
}

/* FALSE and an error unless the entry's cached tokens are there (found in the prefix cache, or
 * computed by the request) and its blocks have room for its tokens. */
static gboolean
check_entry(const Planner *planner, const StepEntry *entry, LiveRequest *request, GError **error)
{
  gboolean hits = planner->config.prefix_caching &&
                  (entry->kind == ENTRY_NEW || entry->kind == ENTRY_RESUMED ||
                   (request->resumes && (request->gap_end_tokens > 0 || request->has_rest)));
  guint32 end = entry->cached_tokens + entry->tokens;

  if (hits && request->gap_end_tokens > 0 && entry->cached_tokens >= request->gap_end_tokens)
    close_gap(request);
  if (!hits && entry->cached_tokens != request->computed)
    return planner_disagree(error, entry->request, "tokens in the cache", request->computed,
                            entry->cached_tokens);
  if (end > request->tokens->len)
    return planner_disagree(error, entry->request, "tokens", request->tokens->len, end);
  if ((guint64)request->blocks->len * planner->config.block_size < end)
    return planner_disagree(error, entry->request, "places in its blocks",
                            request->blocks->len * planner->config.block_size, end);
  if (entry->samples != (end == request->tokens->len))
    return planner_disagree(error, entry->request, "tokens when one is sampled",
                            request->tokens->len, end);
  return TRUE;
}

static void
plan_block_tables(const Planner *planner, StepPlan *plan)
{
  guint32 stride = plan->block_table_stride;

  g_array_set_size(plan->block_tables, step_plan_sequences(plan) * stride);
  for (guint32 i = 0; i < step_plan_sequences(plan); i++) {
    const LiveRequest *request = planner->requests[g_array_index(plan->requests, guint32, i)];
    gint32 *table = &g_array_index(plan->block_tables, gint32, i * stride);
    for (guint32 j = 0; j < stride; j++)
      table[j] = j < request->blocks->len ? g_array_index(request->blocks, gint32, j) : 0;
  }
}

void
planner_forget(Planner *planner, guint32 index)
{
  LiveRequest *request = planner->requests[index];

  if (request == NULL || request->left)
    return;
  request->sequence = NULL;
  request->left = planner->has_left = TRUE;
  if (planner_leave_copies(planner, request))
    return;
  planner_give_blocks(planner, request->blocks, 0);
  planner_give_blocks(planner, request->leaving, 0);
  planner_give_places(planner, request);
}

/* Their blocks are free in this step already. */
static void
forget_ignored(Planner *planner, const Step *step)
{
  for (guint i = 0; i < step->ignored->len; i++)
    planner_forget(planner, g_array_index(step->ignored, guint32, i));
  planner->has_ignored |= step->ignored->len > 0;
}

gboolean
planner_plan(Planner *planner, const Step *step, StepPlan *plan, GError **error)
{
  step_plan_clear(plan);
  if (!planner_end_copies(planner, step, error) || !plan_victims(planner, step, plan, error) ||
      !plan_returns(planner, step, error))
    return FALSE;
  forget_ignored(planner, step);
  for (guint i = 0; i < step->entries->len; i++) {
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
    const Sequence *sequence = g_ptr_array_index(step->sequences, i);
    LiveRequest *request = get_request(planner, entry->request);
    if (!hold_blocks(planner, request, entry, sequence, error) ||
        !check_entry(planner, entry, request, error))
      return FALSE;
    if (request->returns)
      plan_copies_in(planner, entry->request, request, plan);
    plan_rows(planner, entry, request, plan);
    request->resumes = FALSE;
    request->computed = entry->cached_tokens + entry->tokens;
    if (request->gap_end_tokens > 0 && request->computed >= request->gap_end_tokens)
      close_gap(request);
  }
  plan_block_tables(planner, plan);
  return planner_begin_copies(planner, step, plan, error) &&
         planner_check_pools(planner, step, error);
}

void
planner_commit(Planner *planner, const StepPlan *plan, const gint32 *sampled)
{
  for (guint i = 0; i < plan->sample_sequences->len; i++) {
    guint32 sequence = g_array_index(plan->sample_sequences, guint32, i);
    guint32 index = g_array_index(plan->requests, guint32, sequence);
    g_array_append_val(planner->requests[index]->tokens, sampled[i]);
  }
}

const gint32 *
planner_output(const Planner *planner, guint32 index, guint32 *n)
{
  const LiveRequest *request = planner->requests[index];

  *n = request != NULL ? request->tokens->len - request->prompt_tokens : 0;
  return *n > 0 ? &g_array_index(request->tokens, gint32, request->prompt_tokens) : NULL;
}
