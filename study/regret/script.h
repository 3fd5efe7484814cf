/* A script: an overflow and a victim policy in one. At some evictions of a run it follows given
 * decisions, at all others its two base policies.
 *
 * Evictions are counted from 0, in the order in which sequences are preempted. A run is
 * deterministic, so with another decision at eviction k it is the same up to there: it is forked by
 * playing it again.
 */
#pragma once

#include "sim/scheduler.h"

#define SCRIPT_POLICIES_MAX 32
#define SCRIPT_AS_BASE G_MAXUINT32

/* A decision at an eviction. Where its request does not run then, the base decides. */
typedef struct {
  guint32 eviction;
  guint32 request; /* who goes, or SCRIPT_AS_BASE */
  guint32 action;  /* an index into the space's, or SCRIPT_AS_BASE */
} ScriptDecision;

typedef struct {
  const OverflowPolicy *policy;
  PolicyValues options;
} ScriptAction;

typedef struct {
  const VictimPolicy *policy;
  PolicyValues options;
} ScriptPick;

/* The decisions that a script can contain. */
typedef struct {
  ScriptAction actions[SCRIPT_POLICIES_MAX];
  guint n_actions;
  ScriptPick picks[SCRIPT_POLICIES_MAX]; /* whose choices are worth a try where many run */
  guint n_picks;
  gboolean all_victims; /* each that runs can go; else so where few run */
} ScriptSpace;

/* The other decisions that were possible at an eviction. */
typedef struct {
  guint32 action_bits;  /* of the space's actions, those that would have done something else */
  guint32 first_victim; /* in the script's list of requests */
  guint32 n_victims;    /* that could have gone instead */
} ScriptEviction;

typedef struct Script Script;

/* The base policies are the configuration's. decisions: of ScriptDecision, by rising eviction.
 * Borrows all arguments. recorded: keeps the other possible decisions. */
Script *script_new(const ScriptSpace *space, const SchedulerConfig *base, const GArray *decisions,
                   gboolean recorded);
void script_free(Script *script);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Script, script_free)

/* Puts the script into the place of the configuration's policies. */
void script_install(Script *script, SchedulerConfig *config);

/* The caller's: of ScriptEviction, and of guint32. */
GArray *script_take_evictions(Script *script);
GArray *script_take_victims(Script *script);
