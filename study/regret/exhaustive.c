#include "exhaustive.h"

#include <math.h>

#define BATCH_PLAYS 64

/* Schedules with the same decisions for their first `from` evictions. The branch itself plays the
 * one that goes on with the base policies; a schedule that first differs from it at a later
 * eviction belongs to a branch of its own, so each schedule is played once. */
typedef struct {
  GArray *decisions; /* of ScriptDecision */
  guint32 from;
} Branch;

typedef struct {
  const Players *players;
  ScriptSpace space;
  SchedulerConfig config;
  GArray *branches; /* of Branch, not yet played; the last is played first */
  Exhaustive *out;
} Tree;

static void
branch(Tree *tree, const Branch *parent, guint32 eviction, guint32 request, guint32 action)
{
  const ScriptDecision decision = {eviction, request, action};
  const Branch child = {search_decide(parent->decisions, &decision), eviction + 1};

  g_array_append_val(tree->branches, child);
}

static void
branch_at(Tree *tree, const Branch *parent, const Play *play, guint32 index)
{
  const ScriptEviction *eviction = &g_array_index(play->evictions, ScriptEviction, index);

  for (guint a = 0; a < tree->space.n_actions; a++) {
    if (eviction->action_bits & (1u << a))
      branch(tree, parent, index, SCRIPT_AS_BASE, a);
    for (guint32 v = 0; v < eviction->n_victims; v++)
      branch(tree, parent, index, g_array_index(play->victims, guint32, eviction->first_victim + v),
             a);
  }
}

static void
take(Tree *tree, const Branch *parent, Play *play)
{
  Exhaustive *out = tree->out;

  out->schedules++;
  if (search_is_better(play->figures.mean_latency_s, out->best.mean_latency_s)) {
    out->best = play->figures;
    g_array_unref(out->decisions);
    out->decisions = g_array_ref(parent->decisions);
  }
  for (guint32 i = parent->from; i < play->evictions->len; i++)
    branch_at(tree, parent, play, i);
}

static void
play_last(Tree *tree)
{
  guint n = MIN(BATCH_PLAYS, tree->branches->len), first = tree->branches->len - n;
  Branch parents[BATCH_PLAYS];
  Play plays[BATCH_PLAYS];

  for (guint i = 0; i < n; i++) {
    parents[i] = g_array_index(tree->branches, Branch, first + i);
    plays[i] = (Play){.config = tree->config,
                      .space = &tree->space,
                      .decisions = parents[i].decisions,
                      .notes = PLAY_NOTES_CHOICES};
  }
  g_array_set_size(tree->branches, first);
  players_run(tree->players, plays, n);
  for (guint i = 0; i < n; i++) {
    take(tree, &parents[i], &plays[i]);
    play_clear(&plays[i]);
    g_array_unref(parents[i].decisions);
  }
}

void
exhaustive_run(const Players *players, const ScriptSpace *space, const SchedulerConfig *config,
               const SearchBudget *budget, Exhaustive *exhaustive)
{
  Tree tree = {.players = players,
               .space = *space,
               .config = *config,
               .branches = g_array_new(FALSE, FALSE, sizeof(Branch)),
               .out = exhaustive};
  const Branch root = {g_array_new(FALSE, FALSE, sizeof(ScriptDecision)), 0};

  tree.space.all_victims = TRUE;
  tree.config.overflow = &overflow_recompute;
  tree.config.overflow_options = policy_fallbacks(&overflow_recompute.base);
  tree.config.victim = &victim_newest;
  tree.config.victim_options = policy_fallbacks(&victim_newest.base);
  *exhaustive = (Exhaustive){.best = {.mean_latency_s = INFINITY},
                             .decisions = g_array_new(FALSE, FALSE, sizeof(ScriptDecision))};
  g_array_append_val(tree.branches, root);
  while (tree.branches->len > 0 && exhaustive->schedules + tree.branches->len <= EXHAUSTIVE_MOST &&
         !(exhaustive->is_late = search_is_late(budget)))
    play_last(&tree);
  exhaustive->is_whole = tree.branches->len == 0;
  for (guint i = 0; i < tree.branches->len; i++)
    g_array_unref(g_array_index(tree.branches, Branch, i).decisions);
  g_array_unref(tree.branches);
}

void
exhaustive_clear(Exhaustive *exhaustive)
{
  g_clear_pointer(&exhaustive->decisions, g_array_unref);
}
