/* Known lengths: room at the worst moment to come, by the lengths that the outputs will have. No
 * server knows them, so it is a bound.
 */
#include "sim/policies/admission.h"

static gboolean
admits(const AdmissionPolicy *self G_GNUC_UNUSED, const AdmissionQuery *query)
{
  g_autofree guint32 *outputs = g_new(guint32, query->n_running + 1);

  for (guint32 i = 0; i < query->n_running; i++)
    outputs[i] = query->running[i].output_tokens;
  outputs[query->n_running] = query->candidate.output_tokens;
  return admission_all_fit(query, outputs);
}

const AdmissionPolicy admission_known_lengths = {
    .base = {.name = "known-lengths",
             .help = "only if all fit at the worst moment to come, by the outputs' true lengths: a "
                     "bound",
             .is_bound = TRUE},
    .sees_running = TRUE,
    .admits = admits,
};
