/* Most left: those that end soonest run on, as shortest-remaining-time-first has it. A server
 * cannot know the lengths, so it is a bound.
 */
#include "sim/policies/victim.h"

static gint64
rank(const VictimPolicy *self G_GNUC_UNUSED, const VictimQuery *query G_GNUC_UNUSED,
     const VictimCandidate *candidate)
{
  return (gint64)candidate->sequence->output_limit - candidate->generated_tokens;
}

const VictimPolicy victim_most_left = {
    .base = {.name = "most-left",
             .help = "the one with the most output tokens to come (knows the lengths: a bound)",
             .is_bound = TRUE},
    .moves_alike = TRUE,
    .rank_per_token = -1,
    .rank = rank,
};
