#include "script.h"

/* With at most so many running, each of them is listed as a victim. */
#define FEW_RUNNING 8

/* A policy's functions are called with the policy; these find the script behind it. */
typedef struct {
  OverflowPolicy policy; /* first */
  Script *script;
} ScriptedOverflow;

typedef struct {
  VictimPolicy policy; /* first */
  Script *script;
} ScriptedVictim;

struct Script {
  ScriptedOverflow overflow;
  ScriptedVictim victim;
  const ScriptSpace *space;
  ScriptAction base_action;
  ScriptPick base_pick;
  gboolean prefix_caching;
  const GArray *decisions; /* of ScriptDecision */
  guint next;              /* of them: the first that is not of a past eviction */
  guint32 n_evictions;     /* so far */
  /* The choices at each eviction; NULL, and the rest unused, where they are not recorded. */
  GArray *evictions; /* of ScriptEviction */
  GArray *victims;   /* of guint32 */
  GArray *asked;     /* of guint32: candidates for the next eviction, in their order */
  guint32 picked[SCRIPT_POLICIES_MAX]; /* of them, each policy's choice, */
  gint64 highest[SCRIPT_POLICIES_MAX]; /* and its rank */
};

/* The decision for the next eviction; NULL: none. */
static const ScriptDecision *
next_decision(Script *script)
{
  const ScriptDecision *decision;

  if (script->decisions == NULL)
    return NULL;
  for (; script->next < script->decisions->len; script->next++) {
    decision = &g_array_index(script->decisions, ScriptDecision, script->next);
    if (decision->eviction >= script->n_evictions)
      return decision->eviction == script->n_evictions ? decision : NULL;
  }
  return NULL;
}

static void
add_victim(Script *script, ScriptEviction *eviction, guint32 request)
{
  for (guint32 i = 0; i < eviction->n_victims; i++)
    if (g_array_index(script->victims, guint32, eviction->first_victim + i) == request)
      return;
  g_array_append_val(script->victims, request);
  eviction->n_victims++;
}

/* The victims to try: all that run, or all but the one that goes, or those that policies pick. */
static void
list_victims(Script *script, ScriptEviction *eviction, guint32 gone)
{
  const GArray *asked = script->asked;
  const ScriptSpace *space = script->space;

  eviction->first_victim = script->victims->len;
  if (space->all_victims || asked->len <= FEW_RUNNING) {
    for (guint i = 0; i < asked->len; i++)
      if (space->all_victims || g_array_index(asked, guint32, i) != gone)
        add_victim(script, eviction, g_array_index(asked, guint32, i));
    return;
  }
  for (guint i = 0; i < space->n_picks; i++)
    if (script->picked[i] != gone)
      add_victim(script, eviction, script->picked[i]);
}

static OverflowPlan
plan_by(const ScriptAction *action, const OverflowQuery *query)
{
  OverflowQuery own = *query;

  own.options = &action->options;
  return action->policy->plan(action->policy, &own);
}

/* The plan as the scheduler carries it out (sim/scheduler/overflow.c). */
static OverflowPlan
carried_out(const Script *script, const OverflowQuery *query, OverflowPlan plan)
{
  guint32 copied = query->victim.blocks - plan.keep_blocks - plan.drop_blocks;

  if (script->prefix_caching && plan.keep_blocks > 0)
    return overflow_plan_recompute(query);
  if (!plan.free_copies && copied > query->host_free_blocks)
    plan.drop_blocks += copied;
  return plan;
}

static gboolean
is_same(const OverflowPlan *one, const OverflowPlan *other)
{
  return one->keep_blocks == other->keep_blocks && one->drop_blocks == other->drop_blocks &&
         one->free_copies == other->free_copies;
}

/* The space's actions that differ from what is done, and from each other. */
static guint32
other_actions(const Script *script, const OverflowQuery *query, const OverflowPlan *done)
{
  OverflowPlan seen[SCRIPT_POLICIES_MAX + 1] = {carried_out(script, query, *done)};
  guint n_seen = 1;
  guint32 bits = 0;

  for (guint a = 0; a < script->space->n_actions; a++) {
    const OverflowPlan own = carried_out(script, query, plan_by(&script->space->actions[a], query));
    gboolean is_new = TRUE;
    for (guint i = 0; i < n_seen; i++)
      is_new = is_new && !is_same(&seen[i], &own);
    if (!is_new)
      continue;
    seen[n_seen++] = own;
    bits |= 1u << a;
  }
  return bits;
}

static OverflowPlan
plan(const OverflowPolicy *self, const OverflowQuery *query)
{
  Script *script = ((const ScriptedOverflow *)self)->script;
  const ScriptDecision *decision = next_decision(script);
  const OverflowPlan done = plan_by(decision != NULL && decision->action != SCRIPT_AS_BASE
                                        ? &script->space->actions[decision->action]
                                        : &script->base_action,
                                    query);

  if (script->evictions != NULL) {
    ScriptEviction eviction = {.action_bits = other_actions(script, query, &done)};
    list_victims(script, &eviction, query->victim.request);
    g_array_append_val(script->evictions, eviction);
    g_array_set_size(script->asked, 0);
  }
  script->n_evictions++;
  return done;
}

static gint64
rank_by(const Script *script, const ScriptPick *pick, const VictimQuery *query,
        const VictimCandidate *candidate)
{
  OverflowQuery eviction = *query->eviction;
  const VictimQuery own = {
      .overflow = script->base_action.policy, .eviction = &eviction, .options = &pick->options};

  eviction.options = &script->base_action.options;
  return pick->policy->rank(pick->policy, &own, candidate);
}

/* A policy that ranks nobody picks the last. */
static void
note_asked(Script *script, const VictimQuery *query, const VictimCandidate *candidate)
{
  guint32 request = candidate->sequence->request;

  /* The first of the queue again: the last time it was asked nobody was evicted. */
  if (script->asked->len > 0 && g_array_index(script->asked, guint32, 0) == request)
    g_array_set_size(script->asked, 0);
  for (guint i = 0; i < script->space->n_picks; i++) {
    const ScriptPick *pick = &script->space->picks[i];
    gint64 rank = pick->policy->rank != NULL ? rank_by(script, pick, query, candidate)
                                             : (gint64)script->asked->len;
    if (script->asked->len > 0 && rank < script->highest[i])
      continue;
    script->highest[i] = rank;
    script->picked[i] = request;
  }
  g_array_append_val(script->asked, request);
}

static gint64
rank(const VictimPolicy *self, const VictimQuery *query, const VictimCandidate *candidate)
{
  Script *script = ((const ScriptedVictim *)self)->script;
  const ScriptDecision *decision = next_decision(script);

  if (script->evictions != NULL)
    note_asked(script, query, candidate);
  if (decision != NULL && decision->request == candidate->sequence->request)
    return G_MAXINT64;
  return script->base_pick.policy->rank != NULL
             ? rank_by(script, &script->base_pick, query, candidate)
             : VICTIM_NEVER;
}

Script *
script_new(const ScriptSpace *space, const SchedulerConfig *base, const GArray *decisions,
           gboolean recorded)
{
  Script *script = g_new0(Script, 1);

  script->overflow.policy = (OverflowPolicy){
      .base = base->overflow->base,
      .needs_host = TRUE,
      .needs_decodes = TRUE,
      .of_no_engine = TRUE,
      .plan = plan,
  };
  script->overflow.script = script;
  script->victim.policy = (VictimPolicy){
      .base = base->victim->base,
      .needs_decodes = TRUE,
      .of_engine = base->victim->of_engine,
      .rank = rank,
  };
  script->victim.script = script;
  script->space = space;
  script->base_action = (ScriptAction){base->overflow, base->overflow_options};
  script->base_pick = (ScriptPick){base->victim, base->victim_options};
  script->prefix_caching = base->prefix_caching;
  script->decisions = decisions;
  if (recorded) {
    script->evictions = g_array_new(FALSE, FALSE, sizeof(ScriptEviction));
    script->victims = g_array_new(FALSE, FALSE, sizeof(guint32));
    script->asked = g_array_new(FALSE, FALSE, sizeof(guint32));
  }
  return script;
}

void
script_free(Script *script)
{
  if (script == NULL)
    return;
  g_clear_pointer(&script->evictions, g_array_unref);
  g_clear_pointer(&script->victims, g_array_unref);
  g_clear_pointer(&script->asked, g_array_unref);
  g_free(script);
}

void
script_install(Script *script, SchedulerConfig *config)
{
  config->overflow = &script->overflow.policy;
  config->victim = &script->victim.policy;
}

GArray *
script_take_evictions(Script *script)
{
  return g_steal_pointer(&script->evictions);
}

GArray *
script_take_victims(Script *script)
{
  return g_steal_pointer(&script->victims);
}
