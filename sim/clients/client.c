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
  gint64 last_ps; /* of the last arrival: they do not go backward */
  Turns *turns;   /* NULL: requests come in the trace's order */
} WaitingClient;

/* The i-th of the free slots, the one that has been free for longest first. */
static gint64 *
slot_at(const WaitingClient *self, guint32 i)
{
  return &self->free_since_ps[(self->first + i) % self->most];
}

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
    next_ps = MAX(next_ps, MAX(*slot_at(self, 0), self->last_ps));
  self->base.next_ps = next_ps;
  if (self->turns != NULL)
    turns_place_next(self->turns, self->base.taken);
}

static void
waiting_take(Client *base)
{
  WaitingClient *self = (WaitingClient *)base;

  self->last_ps = base->next_ps;
  if (self->turns != NULL)
    turns_take(self->turns, base->taken - 1, base->next_ps);
  else
    workload_set_arrival(self->workload, base->taken - 1, base->next_ps);
  if (self->free_since_ps != NULL) {
    self->first = (self->first + 1) % self->most;
    self->free_slots--;
  }
  set_next(self);
}

/* Of several instances one may tell of an end after another told of a later one, and a request that
 * is refused leaves when it came. Returns the slot's place among those that are free. */
static guint32
free_slot(WaitingClient *self, gint64 at_ps)
{
  guint32 i = self->free_slots++;

  for (; i > 0 && *slot_at(self, i - 1) > at_ps; i--)
    *slot_at(self, i) = *slot_at(self, i - 1);
  *slot_at(self, i) = at_ps;
  return i;
}

static void
waiting_leave(Client *base, guint32 request, gint64 at_ps)
{
  WaitingClient *self = (WaitingClient *)base;
  gboolean is_first = self->free_since_ps != NULL && free_slot(self, at_ps) == 0;

  if (self->turns != NULL)
    turns_leave(self->turns, request, at_ps);
  if (self->turns != NULL || is_first)
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
