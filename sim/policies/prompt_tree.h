/* What a router remembers of the prompts that it sent to each engine.
 *
 * A tree of pieces of prompts: a piece is the tokens of one prefix hash, and is known by the key of
 * the prompt up to its end, so equal keys mean equal prefixes. What no hash covers is a piece that
 * no other prompt has. Of each engine at most so many tokens are remembered; the pieces used
 * longest ago go first, a prompt's later ones before its earlier ones.
 */
#pragma once

#include "sim/workload.h"

typedef struct PromptTree PromptTree;

/* n: engines, at most ROUTER_ENGINES_MAX. max_tokens: of each engine, at least 1. */
PromptTree *prompt_tree_new(guint n, guint64 max_tokens);
void prompt_tree_free(PromptTree *tree);

typedef struct {
  guint32 tokens; /* of the longest prefix of the prompt that some engine was sent; 0: none was, */
  guint engine;   /* and the engine that was sent it last */
} PromptMatch;

/* Looks for the request's prompt. */
PromptMatch prompt_tree_find(PromptTree *tree, const Workload *workload, guint32 request);
/* The engine is sent the prompt that was looked for last. */
void prompt_tree_add(PromptTree *tree, guint engine);
/* The engine of which the fewest tokens are remembered; of equals the first. */
guint prompt_tree_smallest(const PromptTree *tree);
