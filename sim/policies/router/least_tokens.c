/* Least tokens: who has the fewest tokens of requests, their prompts and what they have generated
 * so far, be they computed or not; of equals who has the fewest requests.
 *
 * So SGLang's front end deals with --load-balance-method total_tokens: KV tokens in use and the
 * lengths of those that wait. There a shared prefix counts once and a prompt in chunks as far as it
 * is computed; here each request counts whole, which needs no look at the cache.
 */
#include "sim/policies/router.h"

static guint
choose(const RouterPolicy *self G_GNUC_UNUSED, const RouterQuery *query)
{
  const RouterLoad *loads = query->loads;
  guint chosen = 0;

  for (guint i = 1; i < query->n; i++)
    if (loads[i].tokens < loads[chosen].tokens ||
        (loads[i].tokens == loads[chosen].tokens &&
         loads[i].running + loads[i].waiting < loads[chosen].running + loads[chosen].waiting))
      chosen = i;
  return chosen;
}

const RouterPolicy router_least_tokens = {
    .base = {.name = "least-tokens",
             .help = "the engine with the fewest tokens of prompts and outputs so far"},
    .choose = choose,
};
