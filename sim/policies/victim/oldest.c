/* Oldest: who arrived first has had the most of the machine. The opposite of what vLLM does, to see
 * what its choice is worth.
 */
#include "sim/policies/victim.h"

static gint64
rank(const VictimPolicy *self G_GNUC_UNUSED, const VictimQuery *query G_GNUC_UNUSED,
     const VictimCandidate *candidate)
{
  return -(gint64)candidate->sequence->request;
}

const VictimPolicy victim_oldest = {
    .base = {.name = "oldest", .help = "the one that arrived first"},
    .moves_alike = TRUE,
    .rank = rank,
};
