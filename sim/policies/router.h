/* Router policies: which of several engines gets an arriving request.
 *
 * A policy is asked once a request, in order of arrival, and told each engine's load of that
 * moment. A new policy is a file with one RouterPolicy, and its line in the table below.
 */
#pragma once

#include "policy.h"

typedef struct {
  guint32 running; /* requests */
  guint32 waiting; /* requests, those whose KV is on the host included */
  guint32 used_blocks;
} RouterLoad;

typedef struct {
  const RouterLoad *loads; /* [n] */
  guint n;                 /* at least 2 */
  guint32 request;         /* how many requests arrived before */
  guint any;               /* one of the n engines at random, */
  guint other;             /* and another one */
  const PolicyValues *options;
} RouterQuery;

typedef struct RouterPolicy RouterPolicy;

struct RouterPolicy {
  Policy base;
  /* The engine, below query->n. NULL: as the engines' own front end routes. */
  guint (*choose)(const RouterPolicy *self, const RouterQuery *query);
};

/* The table, in the order of the lists; the first is the default. */
#define ROUTER_POLICIES(ENTRY)                                                                     \
  ENTRY(router_engine)                                                                             \
  ENTRY(router_round_robin)                                                                        \
  ENTRY(router_random)                                                                             \
  ENTRY(router_least_requests)                                                                     \
  ENTRY(router_least_kv)                                                                           \
  ENTRY(router_two_choices)

#define ROUTER_DECLARE(name) extern const RouterPolicy name;
ROUTER_POLICIES(ROUTER_DECLARE)

/* The same, NULL-terminated. */
extern const RouterPolicy *const router_policies[];

/* The engine with the least `load`; of equals the first. */
guint router_least(const RouterQuery *query,
                   double (*load)(const RouterQuery *query, const RouterLoad *engine));
