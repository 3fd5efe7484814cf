/* Fewest outputs: the least of what a user has seen is lost. SGLang's retraction orders by output
 * tokens, and by the longest prompt among equals.
 */
#include "sim/policies/victim.h"

static gint64
rank(const VictimPolicy *self G_GNUC_UNUSED, const VictimQuery *query G_GNUC_UNUSED,
     const VictimCandidate *candidate)
{
  return -((gint64)candidate->generated_tokens << 32) + candidate->sequence->result.prompt_tokens;
}

const VictimPolicy victim_fewest_outputs = {
    .base = {.name = "fewest-outputs",
             .help = "the one with the fewest output tokens, of equals the longest prompt (what "
                     "SGLang does)"},
    .moves_alike = TRUE,
    .rank_per_token = -((gint64)1 << 32),
    .rank = rank,
};
