#include "client.h"

#include "turns.h"

void
client_free(Client *self)
{
  if (self != NULL)
    self->free(self);
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

  *self = (Client){.workload = workload, .free = trace_free};
  self->next_ps = client_next_in_trace_ps(self);
  return self;
}

/* Requests wait for an answer, or for one of `most` slots; a request takes the slot that has been
 * free for longest. */
typedef struct {
  Client base;
  Workload *workload;
  gint64 *free_since_ps; /* of free slots, a ring; NULL: any number may be under way */
  guint32 most, first, free_slots;
  gint64 last_ps; /* latest leaving; a dropped request may be told of after one that ended later */
  Turns *turns;   /* NULL: requests come in the trace's order */
} WaitingClient;

static gint64
ready_ps(const WaitingClient *self)
{
  return self->turns != NULL ? turns_ready_ps(self->turns) : client_next_in_trace_ps(&self->base);
}

static void
set_next(WaitingClient *self)
{
  gint64 next_ps = ready_ps(self);

  self->base.next_ps = G_MAXINT64;
  if (next_ps == G_MAXINT64 || (self->free_since_ps != NULL && self->free_slots == 0))
    return;
  if (self->free_since_ps != NULL)
    next_ps = MAX(next_ps, self->free_since_ps[self->first]);
  self->base.next_ps = next_ps;
  if (self->turns != NULL)
    turns_place_next(self->turns, self->base.taken);
  else
    workload_set_arrival(self->workload, self->base.taken, next_ps);
}

static void
waiting_take(Client *base)
{
  WaitingClient *self = (WaitingClient *)base;

  if (self->turns != NULL)
    turns_take(self->turns, base->taken - 1, base->next_ps);
  if (self->free_since_ps != NULL) {
    self->first = (self->first + 1) % self->most;
    self->free_slots--;
  }
  set_next(self);
}

static void
waiting_leave(Client *base, guint32 request, gint64 at_ps)
{
  WaitingClient *self = (WaitingClient *)base;

  self->last_ps = MAX(self->last_ps, at_ps);
  if (self->turns != NULL)
    turns_leave(self->turns, request, at_ps);
  if (self->free_since_ps != NULL)
    self->free_since_ps[(self->first + self->free_slots++) % self->most] = self->last_ps;
  if (self->turns != NULL || self->free_slots == 1)
    set_next(self);
}

static void
waiting_free(Client *base)
{
  WaitingClient *self = (WaitingClient *)base;

  turns_free(self->turns);
  g_free(self->free_since_ps);
  g_free(self);
}

Client *
client_waiting_new(Workload *workload, guint32 most)
{
  WaitingClient *self = g_new0(WaitingClient, 1);

  g_assert(most > 0 || workload->turns != NULL);
  self->base = (Client){
      .workload = workload, .take = waiting_take, .leave = waiting_leave, .free = waiting_free};
  self->workload = workload;
  if (workload->turns != NULL)
    self->turns = turns_new(workload);
  if (most > 0) {
    self->most = MIN(most, MAX(workload_count(workload), 1));
    self->free_since_ps = g_new0(gint64, self->most);
    self->free_slots = self->most;
  }
  set_next(self);
  return &self->base;
}
