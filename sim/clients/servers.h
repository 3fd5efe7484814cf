/* Servers: what lies between a router and several servers, the API front end of each (front_end.h).
 *
 * A request that a router has dealt to a server is read there, behind those dealt to it before, and
 * then passed on to the server's engines. For the loop, which deals, passes, and orders both among
 * its events. Requests of a server are passed on in the order in which they were dealt.
 */
#pragma once

#include "front_end.h"

typedef struct {
  GArray *passing; /* its own: from `first` on the requests that are not passed on yet */
  guint first;
  guint64 tokens; /* of their prompts */
  gint64 free_ps; /* when its process has read them */
  gint64 next_ps; /* when the first of them is passed on; G_MAXINT64: there is none */
} Server;

typedef struct {
  guint n;
  FrontEnd front_end; /* of each */
  const Workload *workload;
  Server *of;     /* [n] */
  gint64 next_ps; /* the earliest of theirs */
  guint next;     /* and whose it is; of equals the first */
} Servers;

/* workload: borrowed; requests are known by their indices there. */
Servers *servers_new(guint n, const FrontEnd *front_end, const Workload *workload);
void servers_free(Servers *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Servers, servers_free)

/* Requests of the server that are not passed on yet. */
static inline guint32
server_passing(const Server *server)
{
  return server->passing->len - server->first;
}

/* The request, sent at the time that the workload says, is dealt to the server. */
void servers_deal(Servers *self, guint server, guint32 request);
/* Takes the request that is passed on next, at self->next_ps, by the server self->next. */
guint32 servers_pass(Servers *self);
