/* Routing: a router policy at work, among engines or among servers of several engines each.
 *
 * It tells the policy the loads as they are when a request arrives, or as they were published. It
 * is asked for requests in the order of their arrivals. Asking costs a look at each engine, and
 * nothing between requests.
 */
#pragma once

#include "router.h"
#include "sim/loop.h"

typedef struct {
  const RouterPolicy *policy;
  PolicyValues options;
  gpointer state;    /* the policy's own */
  guint n;           /* that it chooses among */
  guint each;        /* engines of each, one behind the other */
  guint32 dealt;     /* requests so far */
  RouterLoad *loads; /* [n] */
  gboolean is_late;  /* what it sees is what was published last, and what it has dealt since: */
  RouterLoad *published; /* [n] both */
} Routing;

/* policy: one that chooses. */
void routing_init(Routing *self, const RouterPolicy *policy, const PolicyValues *options, guint n,
                  guint each);
void routing_clear(Routing *self);

/* From now on the router sees loads as they are when routing_publish() is called; at first none. */
void routing_set_late(Routing *self);
/* The engines tell their loads. engines, servers: as below. */
void routing_publish(Routing *self, const LoopInstance *engines, const Servers *servers);

/* Which of the n gets the request. engines: [n x each]. servers: the n, whose front ends hold
 * requests that count as waiting; NULL: they are none. any, other: two of the n at random. */
guint routing_choose(Routing *self, const LoopInstance *engines, const Servers *servers,
                     const Workload *workload, guint32 request, guint any, guint other);
