/* A client: who decides when requests arrive. The loop asks it for the next one, and tells it of
 * each that left, so that an arrival may depend on a completion.
 *
 * Requests arrive in the workload's order, and each has its arrival in the workload once it has
 * arrived. A client that does not keep to the trace's times or order has a workload of its own and
 * writes there: a request gets its index, which is its place among the arrivals, when it arrives.
 */
#pragma once

#include "sim/workload.h"

typedef struct Client Client;

struct Client {
  const Workload *workload; /* whose first `taken` requests have arrived */
  guint32 taken;
  /* When the next one arrives, as far as is known now: G_MAXINT64 if none will, or none before
   * another has left. It is at the place `taken` of the workload then. */
  gint64 next_ps;
  /* The next one has arrived. NULL: the one behind it arrives when the workload says. */
  void (*take)(Client *self);
  /* One of those that arrived has left, finished or not. NULL: it does not matter. */
  void (*leave)(Client *self, guint32 request, gint64 at_ps);
  void (*free)(Client *self);
};

/* Requests arrive when the trace says. */
Client *client_trace_new(const Workload *workload);

/* Turns arrive their delay after the request that they wait for has left, finished or not; and at
 * most `most` requests are under way (0: any number): one that would be too many arrives when
 * another has left. (Benchmarks of servers call it max concurrency, and count latency from then,
 * too.) The workload is its own while it is in use. */
Client *client_waiting_new(Workload *workload, guint32 most);

void client_free(Client *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Client, client_free)

/* When the workload says that the next request arrives; G_MAXINT64: there is none. */
static inline gint64
client_next_in_trace_ps(const Client *self)
{
  return self->taken < workload_count(self->workload)
             ? workload_request(self->workload, self->taken)->arrival_ps
             : G_MAXINT64;
}

/* The next request's index. */
static inline guint32
client_take(Client *self)
{
  guint32 request = self->taken++;

  if (self->take != NULL)
    self->take(self);
  else
    self->next_ps = client_next_in_trace_ps(self);
  return request;
}

static inline void
client_leave(Client *self, guint32 request, gint64 at_ps)
{
  if (self->leave != NULL)
    self->leave(self, request, at_ps);
}
