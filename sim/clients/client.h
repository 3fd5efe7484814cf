/* A client: it decides when requests arrive. The loop asks it for the next request, and tells it of
 * each that left, so that an arrival may depend on a completion.
 *
 * Requests arrive in the workload's order; once one has arrived its arrival is in the workload. A
 * client that does not keep to the trace's times or order writes into a copy of the workload: there
 * a request gets its index, which is its place among the arrivals, when it arrives.
 */
#pragma once

#include "sim/workload.h"

typedef struct Client Client;

struct Client {
  const Workload *workload; /* its first `taken` requests have arrived */
  guint32 taken;
  /* When the next request arrives, which is then at the place `taken` of the workload. G_MAXINT64:
   * none will, or none before another has left. */
  gint64 next_ps;
  /* The next request has arrived; `taken` counts it already. NULL: the one behind it arrives when
   * the workload says. */
  void (*take)(Client *self);
  /* A request has left, finished or not. NULL: arrivals do not depend on that. */
  void (*leave)(Client *self, guint32 request, gint64 at_ps);
  void (*free)(Client *self);
};

/* Requests arrive at the trace's times. */
Client *client_trace_new(const Workload *workload);

/* A turn arrives its delay after the request that it waits for has left, finished or not; and at
 * most `most` requests are under way (0: any number): one too many arrives when another has left,
 * which is the max concurrency of server benchmarks, who count latency from then, too. The client
 * changes the workload, which is borrowed. */
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

/* Takes the next request, which must have arrived; returns its index. */
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
