/* No evict: room for all that every client allows, so nobody is ever preempted. TensorRT-LLM's
 * guaranteed no evict. One block is spared, since vLLM 0.x wants one free for whoever grows.
 */
#include "sim/policies/admission.h"

static guint64
last_blocks(const AdmissionQuery *query, const AdmissionSequence *sequence)
{
  guint64 tokens = (guint64)sequence->length - sequence->generated + sequence->max_tokens;

  return admission_most_blocks(query, tokens);
}

static gboolean
admits(const AdmissionPolicy *self G_GNUC_UNUSED, const AdmissionQuery *query)
{
  guint64 blocks = last_blocks(query, &query->candidate) + 1;

  for (guint32 i = 0; i < query->n_running; i++)
    blocks += last_blocks(query, &query->running[i]);
  return blocks <= query->total_blocks;
}

const AdmissionPolicy admission_no_evict = {
    .base = {.name = "no-evict",
             .help = "only if all that every client allows finds room: nobody is ever preempted"},
    .sees_running = TRUE,
    .admits = admits,
};
