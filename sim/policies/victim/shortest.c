/* Shortest: the fewest tokens, prompt and output, whether they are computed or not.
 */
#include "sim/policies/victim.h"

static gint64
rank(const VictimPolicy *self G_GNUC_UNUSED, const VictimQuery *query G_GNUC_UNUSED,
     const VictimCandidate *candidate)
{
  return -((gint64)candidate->sequence->result.prompt_tokens + candidate->generated_tokens);
}

const VictimPolicy victim_shortest = {
    .base = {.name = "shortest", .help = "the one with the fewest tokens, prompt and output"},
    .moves_alike = TRUE,
    .rank_per_token = -1,
    .rank = rank,
};
