/* Newest: the last of the running queue, as vLLM does. In vLLM 0.6 a resumed request sits at the
 * tail, so it is the next victim; in 0.5 and v1 the queue is in order of arrival, or nearly.
 */
#include "sim/policies/victim.h"

const VictimPolicy victim_newest = {
    .base = {.name = "newest", .help = "the last in the running queue (what vLLM does)"},
};
