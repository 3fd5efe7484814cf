/* Only the next request is computed ahead: when the one behind it is sent may depend on a
 * completion.
 */
#include "front_end.h"

typedef struct {
  Client base;
  Client *inner;
  FrontEnd cost;
  gint64 free_ps; /* when the process is done with those that arrived */
  gint64 read_ps; /* when it will be done with the next */
} FrontEndClient;

static void
set_next(FrontEndClient *self)
{
  gint64 sent_ps = self->inner->next_ps;

  self->base.next_ps = G_MAXINT64;
  if (sent_ps == G_MAXINT64)
    return;
  self->read_ps =
      MAX(sent_ps, self->free_ps) +
      self->cost.token_ps *
          (gint64)workload_request(self->inner->workload, self->inner->taken)->prompt_tokens;
  self->base.next_ps = self->read_ps + self->cost.request_ps;
}

static void
take(Client *base)
{
  FrontEndClient *self = (FrontEndClient *)base;

  self->free_ps = self->read_ps;
  client_take(self->inner);
  set_next(self);
}

static void
leave(Client *base, guint32 request, gint64 at_ps)
{
  FrontEndClient *self = (FrontEndClient *)base;

  client_leave(self->inner, request, at_ps);
  set_next(self);
}

static void
release(Client *base)
{
  FrontEndClient *self = (FrontEndClient *)base;

  client_free(self->inner);
  g_free(self);
}

Client *
client_behind(Client *inner, const FrontEnd *front_end)
{
  FrontEndClient *self;

  if (front_end_is_none(front_end))
    return inner;
  self = g_new0(FrontEndClient, 1);
  self->base = (Client){.workload = inner->workload,
                        .take = take,
                        .leave = inner->leave != NULL ? leave : NULL,
                        .free = release};
  self->inner = inner;
  self->cost = *front_end;
  set_next(self);
  return &self->base;
}
