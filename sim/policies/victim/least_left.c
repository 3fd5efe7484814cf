/* Least left: the one that would have ended first, which a server cannot know. One end of what
 * knowledge of the lengths can do to a choice; most-left is the other.
 */
#include "sim/policies/victim.h"

static gint64
rank(const VictimPolicy *self G_GNUC_UNUSED, const VictimQuery *query G_GNUC_UNUSED,
     const VictimCandidate *candidate)
{
  return -(gint64)(candidate->sequence->output_limit - candidate->generated_tokens);
}

const VictimPolicy victim_least_left = {
    .base = {.name = "least-left",
             .help =
                 "the one with the fewest output tokens to come (knows the lengths: no server can)",
             .is_bound = TRUE},
    .moves_alike = TRUE,
    .rank_per_token = 1,
    .rank = rank,
};
