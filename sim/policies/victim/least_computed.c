/* Least computed: the least KV is lost, be it computed again or copied. Unlike shortest it sees how
 * far a prefill in chunks has come.
 */
#include "sim/policies/victim.h"

static gint64
rank(const VictimPolicy *self G_GNUC_UNUSED, const VictimQuery *query G_GNUC_UNUSED,
     const VictimCandidate *candidate)
{
  return -(gint64)candidate->computed_tokens;
}

const VictimPolicy victim_least_computed = {
    .base = {.name = "least-computed",
             .help = "the one with the fewest tokens computed: the least work is lost"},
    .moves_alike = TRUE,
    .rank_per_token = -1,
    .rank = rank,
};
