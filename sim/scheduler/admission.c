/* Asks the admission policy about a request that the engine would admit.
 *
 * A refusal holds until a sequence joins or leaves what runs: in between nothing changes but by the
 * steps themselves, so that a step may still stand for several.
 */
#include "sim/scheduler.h"

static AdmissionSequence
describe(const Scheduler *self, const Sequence *sequence)
{
  guint32 ticks = sequence->in_clock ? (guint32)(self->clock.ticks - sequence->joined_ticks) : 0;

  return (AdmissionSequence){
      .length = sequence_length(sequence) + ticks,
      .generated = sequence->generated_tokens + ticks,
      .max_tokens = sequence->max_tokens,
      .output_tokens = sequence->output_limit,
  };
}

static void
add_queue(Scheduler *self, const SequenceQueue *queue)
{
  GArray *described = self->described;
  guint len = described->len;

  g_array_set_size(described, len + queue->length);
  for (const Sequence *s = queue->head; s != NULL; s = s->next)
    if (!s->ending)
      g_array_index(described, AdmissionSequence, len++) = describe(self, s);
  described->len = len;
}

/* Describes what runs and goes on, if the policy looks at it. TRUE if there is anything. */
static gboolean
describe_running(Scheduler *self, guint n_planned)
{
  const SequenceQueue *const queues[] = {&self->running, &self->held, &self->prefilling,
                                         &self->returning};
  gboolean all = self->config.admission->sees_running, any = FALSE;

  self->described->len = 0;
  for (guint i = 0; i < G_N_ELEMENTS(queues) + n_planned && (all || !any); i++) {
    const SequenceQueue *queue =
        i < G_N_ELEMENTS(queues) ? queues[i] : &self->scratch[i - G_N_ELEMENTS(queues)];
    if (all)
      add_queue(self, queue);
    for (const Sequence *s = queue->head; s != NULL && !any; s = s->next)
      any = !s->ending;
  }
  return any;
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
      .blocks = self->group_blocks,
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
  if (!scheduler_asks_admission(self))
    return TRUE;
  if (self->refused_at == self->changes && self->refused == candidate->request)
    return FALSE;
  if (!describe_running(self, n_planned) || ask(self, candidate, now_blocks, whole_blocks))
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

  if (policy->finished == NULL)
    return;
  one = describe(self, sequence);
  policy->finished(self->admission_state, &self->config.admission_options, &one);
}
