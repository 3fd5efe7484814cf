/* Router policies: which of several engines, or of several servers, gets an arriving request.
 *
 * A policy is asked once a request, in order of arrival, and told the load of each of that moment
 * (routing.h asks it). "Engine" is whatever it chooses among. A new policy is a file with one
 * RouterPolicy, and its line in the table below.
 */
#pragma once

#include "policy.h"
#include "sim/workload.h"

typedef struct {
  guint32 running; /* requests */
  guint32 waiting; /* requests, those whose KV is on the host included */
  guint32 used_blocks;
  guint64 tokens; /* prompts, and outputs so far, of all these requests */
} RouterLoad;

#define ROUTER_ENGINES_MAX 64 /* that a policy chooses among */

typedef struct {
  const RouterLoad *loads; /* [n] */
  guint n;                 /* 2 to ROUTER_ENGINES_MAX */
  guint32 dealt;           /* how many requests it was asked about before */
  const Workload *workload;
  guint32 request; /* its index there */
  guint any;       /* one of the n engines at random, */
  guint other;     /* and another one */
  gpointer state;  /* the policy's own; NULL: it has none */
  const PolicyValues *options;
} RouterQuery;

typedef struct RouterPolicy RouterPolicy;

struct RouterPolicy {
  Policy base;
  gboolean is_blind;       /* it asks for no load */
  const char *assumes;     /* what is to be said of its simulation; NULL: nothing */
  gboolean needs_sessions; /* it asks for workload_session() */
  /* What it keeps from one question to the next. NULL: nothing. */
  gpointer (*state_new)(guint n, const PolicyValues *options);
  void (*state_free)(gpointer state);
  /* The engine, below query->n. NULL: as the engines' own front end routes. */
  guint (*choose)(const RouterPolicy *self, const RouterQuery *query);
};

/* The table, in the order of the lists; the first is the default. */
#define ROUTER_POLICIES(ENTRY)                                                                     \
  ENTRY(router_engine)                                                                             \
  ENTRY(router_round_robin)                                                                        \
  ENTRY(router_random)                                                                             \
  ENTRY(router_least_requests)                                                                     \
  ENTRY(router_least_tokens)                                                                       \
  ENTRY(router_least_kv)                                                                           \
  ENTRY(router_two_choices)                                                                        \
  ENTRY(router_prefix)                                                                             \
  ENTRY(router_session)

#define ROUTER_DECLARE(name) extern const RouterPolicy name;
ROUTER_POLICIES(ROUTER_DECLARE)

/* The same, NULL-terminated. */
extern const RouterPolicy *const router_policies[];

/* The engine with the least `load`; of equals the first. */
guint router_least(const RouterQuery *query,
                   double (*load)(const RouterQuery *query, const RouterLoad *engine));
/* The same with the fewest requests. */
guint router_fewest_requests(const RouterQuery *query);
