/* When a request will be read is known when it is dealt, so nothing happens in between. */
#include "servers.h"

typedef struct {
  guint32 request;
  gint64 at_ps;
} Passing;

Servers *
servers_new(guint n, const FrontEnd *front_end, const Workload *workload)
{
  Servers *self = g_new0(Servers, 1);

  *self = (Servers){.n = n,
                    .front_end = *front_end,
                    .workload = workload,
                    .of = g_new0(Server, n),
                    .next_ps = G_MAXINT64};
  for (guint i = 0; i < n; i++) {
    self->of[i].passing = g_array_new(FALSE, FALSE, sizeof(Passing));
    self->of[i].next_ps = G_MAXINT64;
  }
  return self;
}

void
servers_free(Servers *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n; i++)
    g_array_unref(self->of[i].passing);
  g_free(self->of);
  g_free(self);
}

static void
find_next(Servers *self)
{
  self->next_ps = G_MAXINT64;
  for (guint i = 0; i < self->n; i++)
    if (self->of[i].next_ps < self->next_ps) {
      self->next_ps = self->of[i].next_ps;
      self->next = i;
    }
}

static void
note_first(Server *server)
{
  server->next_ps = server->first < server->passing->len
                        ? g_array_index(server->passing, Passing, server->first).at_ps
                        : G_MAXINT64;
}

void
servers_deal(Servers *self, guint server, guint32 request)
{
  Server *to = &self->of[server];
  const Request *sent = workload_request(self->workload, request);
  Passing passing = {.request = request};

  to->free_ps =
      MAX(sent->arrival_ps, to->free_ps) + self->front_end.token_ps * (gint64)sent->prompt_tokens;
  passing.at_ps = to->free_ps + self->front_end.request_ps;
  g_array_append_val(to->passing, passing);
  to->tokens += sent->prompt_tokens;
  note_first(to);
  find_next(self);
}

guint32
servers_pass(Servers *self)
{
  Server *from = &self->of[self->next];
  guint32 request = g_array_index(from->passing, Passing, from->first++).request;

  from->tokens -= workload_request(self->workload, request)->prompt_tokens;
  if (from->first * 2 >= from->passing->len) { /* half of it is used up */
    g_array_remove_range(from->passing, 0, from->first);
    from->first = 0;
  }
  note_first(from);
  find_next(self);
  return request;
}
