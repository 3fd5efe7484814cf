/* Longest: gives back the most blocks, so that the fewest victims are needed.
 */
#include "sim/policies/victim.h"

static gint64
rank(const VictimPolicy *self G_GNUC_UNUSED, const VictimQuery *query G_GNUC_UNUSED,
     const VictimCandidate *candidate)
{
  return (gint64)candidate->sequence->result.prompt_tokens + candidate->generated_tokens;
}

const VictimPolicy victim_longest = {
    .base = {.name = "longest",
             .help = "the one with the most tokens, prompt and output: the fewest victims"},
    .moves_alike = TRUE,
    .rank_per_token = 1,
    .rank = rank,
};
