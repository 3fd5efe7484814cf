/* Whole prompt: room for all of the prompt, where an engine that splits prompts asks for room for
 * the first part only. What vLLM does by default since 0.19.
 */
#include "sim/policies/admission.h"

static gboolean
admits(const AdmissionPolicy *self G_GNUC_UNUSED, const AdmissionQuery *query)
{
  return query->whole_blocks <= query->free_blocks;
}

const AdmissionPolicy admission_whole_prompt = {
    .base = {.name = "whole-prompt", .help = "only if its whole prompt finds room"},
    .admits = admits,
};
