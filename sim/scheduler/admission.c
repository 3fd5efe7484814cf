/* Asks the admission policy about the head of the waiting ones.
 *
 * A refusal holds until somebody joins or leaves what runs: in between nothing changes but by the
 * steps themselves, so that a step may still stand for several.
 */
#include "sim/scheduler.h"

static AdmissionSequence
describe(const Scheduler *self, const Sequence *sequence)
{
  const Request *request = workload_request(self->workload, sequence->request);
  guint32 ticks = sequence->in_clock ? (guint32)(self->clock.ticks - sequence->joined_ticks) : 0;

  return (AdmissionSequence){
      .length = sequence_length(sequence) + ticks,
      .generated = sequence->generated_tokens + ticks,
      .max_tokens = request_max_tokens(request),
      .output_tokens = request->output_tokens,
  };
}

static void
add_queue(Scheduler *self, const SequenceQueue *queue)
{
  for (const Sequence *s = queue->head; s != NULL; s = s->next) {
    const AdmissionSequence one = describe(self, s);
    if (!s->ending)
      g_array_append_val(self->described, one);
  }
}

static gboolean
ask(Scheduler *self, const Sequence *candidate, guint32 now_blocks, guint32 whole_blocks)
{
  const AdmissionPolicy *policy = self->config.admission;
  const AdmissionQuery query = {
      .candidate = describe(self, candidate),
      .running = (const AdmissionSequence *)(gconstpointer)self->described->data,
      .n_running = self->described->len,
      .now_blocks = now_blocks,
      .whole_blocks = whole_blocks,
      .free_blocks = scheduler_available_blocks(self, candidate) - self->pool.free_blocks +
                     pool_unheld_blocks(&self->pool),
      .total_blocks = self->pool.total_blocks,
      .block_size = self->config.block_size,
      .groups = self->pool.groups,
      .in_flight_tokens = scheduler_in_flight_tokens(self->class, &self->config),
      .state = self->admission_state,
      .options = &self->config.admission_options,
  };

  return policy->admits(policy, &query);
}

gboolean
scheduler_admits(Scheduler *self, const Sequence *candidate, guint32 now_blocks,
                 guint32 whole_blocks, guint n_planned)
{
  const AdmissionPolicy *policy = self->config.admission;

  if (policy == NULL || policy->admits == NULL)
    return TRUE;
  if (self->refused_at == self->changes && self->refused == candidate->request)
    return FALSE;
  self->described->len = 0;
  add_queue(self, &self->running);
  add_queue(self, &self->held);
  add_queue(self, &self->prefilling);
  add_queue(self, &self->returning);
  for (guint i = 0; i < n_planned; i++)
    add_queue(self, &self->scratch[i]);
  if (self->described->len == 0 || ask(self, candidate, now_blocks, whole_blocks))
    return TRUE;
  self->memory_bound = TRUE;
  self->refused = candidate->request;
  self->refused_at = self->changes;
  return FALSE;
}

void
scheduler_note_finished(Scheduler *self, const Sequence *sequence)
{
  const AdmissionPolicy *policy = self->config.admission;
  AdmissionSequence one;

  if (policy == NULL || policy->finished == NULL)
    return;
  one = describe(self, sequence);
  policy->finished(self->admission_state, &self->config.admission_options, &one);
}
