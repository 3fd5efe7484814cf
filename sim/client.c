#include "client.h"

void
client_free(Client *self)
{
  if (self != NULL)
    self->free(self);
}

static gint64
trace_next_ps(const Client *self)
{
  if (self->taken == workload_count(self->workload))
    return G_MAXINT64;
  return workload_request(self->workload, self->taken)->arrival_ps;
}

static void
trace_take(Client *self)
{
  self->next_ps = trace_next_ps(self);
}

static void
trace_free(Client *self)
{
  g_free(self);
}

Client *
client_trace_new(const Workload *workload)
{
  Client *self = g_new0(Client, 1);

  *self = (Client){.workload = workload, .take = trace_take, .free = trace_free};
  self->next_ps = trace_next_ps(self);
  return self;
}

/* `most` slots; a request takes the one that has been free for longest. */
typedef struct {
  Client base;
  Workload *workload;
  gint64 *free_since_ps; /* of the slots that are free: a ring */
  guint32 most, first, free_slots;
  gint64 last_ps; /* one that the engine drops may be told of after one that ended later */
} LimitedClient;

static void
set_next(LimitedClient *self)
{
  gint64 trace_ps = trace_next_ps(&self->base);

  self->base.next_ps = G_MAXINT64;
  if (self->free_slots == 0 || trace_ps == G_MAXINT64)
    return;
  self->base.next_ps = MAX(trace_ps, self->free_since_ps[self->first]);
  workload_set_arrival(self->workload, self->base.taken, self->base.next_ps);
}

static void
limited_take(Client *base)
{
  LimitedClient *self = (LimitedClient *)base;

  self->first = (self->first + 1) % self->most;
  self->free_slots--;
  set_next(self);
}

static void
limited_leave(Client *base, gint64 at_ps)
{
  LimitedClient *self = (LimitedClient *)base;

  self->last_ps = MAX(self->last_ps, at_ps);
  self->free_since_ps[(self->first + self->free_slots++) % self->most] = self->last_ps;
  if (self->free_slots == 1)
    set_next(self);
}

static void
limited_free(Client *base)
{
  LimitedClient *self = (LimitedClient *)base;

  g_free(self->free_since_ps);
  g_free(self);
}

Client *
client_limited_new(Workload *workload, guint32 most)
{
  LimitedClient *self = g_new0(LimitedClient, 1);

  g_assert(most > 0);
  self->base = (Client){
      .workload = workload, .take = limited_take, .leave = limited_leave, .free = limited_free};
  self->workload = workload;
  self->most = MIN(most, MAX(workload_count(workload), 1));
  self->free_since_ps = g_new0(gint64, self->most);
  self->free_slots = self->most;
  set_next(self);
  return &self->base;
}
