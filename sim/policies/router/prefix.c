/* Prefix: the engine that was sent the longest prefix of the prompt, as long as loads are balanced.
 *
 * The rule is cache_aware of SGLang's gateway and of vLLM's router, with the options and defaults
 * of their command lines: where the most requests of an engine are more than balance-abs-threshold
 * above the fewest and more than balance-rel-threshold times those, the engine with the fewest;
 * else, if more than cache-threshold of the prompt is remembered, the engine that was sent that
 * last; else the engine of which the least is remembered. What is remembered is what was sent
 * (prompt_tree.h), not what the engine still has. Those routers read text; here prompts are known
 * by the prefix hashes of the trace, and what has none is like no other.
 */
#include "sim/policies/prompt_tree.h"
#include "sim/policies/router.h"

enum { CACHE_THRESHOLD, BALANCE_ABS, BALANCE_REL, MAX_TREE_SIZE };

static gpointer
state_new(guint n, const PolicyValues *options)
{
  return prompt_tree_new(n, (guint64)options->of[MAX_TREE_SIZE]);
}

static void
state_free(gpointer state)
{
  prompt_tree_free(state);
}

static gboolean
is_imbalanced(const RouterQuery *query)
{
  guint32 fewest = G_MAXUINT32, most = 0;

  for (guint i = 0; i < query->n; i++) {
    guint32 requests = query->loads[i].running + query->loads[i].waiting;
    fewest = MIN(fewest, requests);
    most = MAX(most, requests);
  }
  return most - fewest > query->options->of[BALANCE_ABS] &&
         most > fewest * query->options->of[BALANCE_REL];
}

static guint
choose(const RouterPolicy *self G_GNUC_UNUSED, const RouterQuery *query)
{
  PromptTree *tree = query->state;
  guint32 prompt_tokens = workload_request(query->workload, query->request)->prompt_tokens;
  PromptMatch match = prompt_tree_find(tree, query->workload, query->request);
  guint chosen;

  if (is_imbalanced(query))
    chosen = router_fewest_requests(query);
  else if ((double)match.tokens / prompt_tokens > query->options->of[CACHE_THRESHOLD])
    chosen = match.engine;
  else
    chosen = prompt_tree_smallest(tree);
  prompt_tree_add(tree, chosen);
  return chosen;
}

const RouterPolicy router_prefix = {
    .base = {.name = "prefix",
             .help = "the engine that was sent the longest prefix of the prompt",
             .options = {[CACHE_THRESHOLD] = {.name = "cache-threshold",
                                              .argument = "X",
                                              .help = "the share of a prompt that an engine must "
                                                      "have been sent more of to get it for that",
                                              .fallback = 0.3,
                                              .max = 1},
                         [BALANCE_ABS] = {.name = "balance-abs-threshold",
                                          .argument = "N",
                                          .help = "fewest requests, if an engine has more than N "
                                                  "more than another,",
                                          .fallback = 64,
                                          .max = G_MAXUINT32,
                                          .whole = TRUE},
                         [BALANCE_REL] = {.name = "balance-rel-threshold",
                                          .argument = "X",
                                          .help = "and more than X times as many",
                                          .fallback = 1.5,
                                          .max = 1e6},
                         [MAX_TREE_SIZE] = {.name = "max-tree-size",
                                            .argument = "N",
                                            .help = "prompt tokens that are remembered of an "
                                                    "engine; those used longest ago go",
                                            .fallback = 1 << 24,
                                            .min = 1,
                                            .max = 1e15,
                                            .whole = TRUE}}},
    .assumes =
        "the router knows prompts by the trace's prefix hashes, and remembers what it sent, not "
        "what is still cached",
    .state_new = state_new,
    .state_free = state_free,
    .choose = choose,
};
