/* An API front end before the engine: what becomes of a request between the client that sends it
 * and the scheduler that is told of it.
 *
 * One process reads prompts into tokens, one prompt after the other (vLLM's API server and SGLang's
 * tokenizer manager are one process each, with one thread that tokenizes), so that requests that
 * are sent at once arrive one by one. What does not keep it busy (HTTP, a wait for others to batch
 * with, the way to the engine's process and back) is added to each.
 */
#pragma once

#include "client.h"

typedef struct {
  gint64 request_ps; /* of each request, beside others' */
  gint64 token_ps;   /* of each token of its prompt, after those of requests before it */
} FrontEnd;

static inline gboolean
front_end_is_none(const FrontEnd *front_end)
{
  return front_end->request_ps == 0 && front_end->token_ps == 0;
}

/* Requests of the inner client, which it takes over, arrive when the front end has passed them on;
 * in the workload they keep the time at which they were sent, from which latencies count. Where
 * there is no front end it is the inner client itself. */
Client *client_behind(Client *inner, const FrontEnd *front_end);
