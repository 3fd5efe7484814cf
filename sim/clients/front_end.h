/* An API front end before the engine: how long a request takes from the client that sends it to the
 * scheduler.
 *
 * One process reads prompts into tokens, one prompt after the other (vLLM's API server and SGLang's
 * tokenizer manager are one process each, with one thread that tokenizes), so requests that are
 * sent at once arrive one by one. What does not keep that process busy (HTTP, a wait for others to
 * batch with, the way to the engine's process and back) is added to each.
 */
#pragma once

#include "client.h"

typedef struct {
  gint64 request_ps; /* a request, in parallel to others */
  gint64 token_ps;   /* a prompt token, one request after the other */
} FrontEnd;

static inline gboolean
front_end_is_none(const FrontEnd *front_end)
{
  return front_end->request_ps == 0 && front_end->token_ps == 0;
}

/* A client whose requests are the inner client's, which it owns, and arrive when the front end has
 * passed them on; in the workload they keep the time at which they were sent, from which latencies
 * count. The inner client itself where the front end costs nothing. */
Client *client_behind(Client *inner, const FrontEnd *front_end);
