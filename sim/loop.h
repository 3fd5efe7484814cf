/* The loop: replays a workload through one instance or many, in one virtual time, and tells
 * observers.
 */
#pragma once

#include "sim/clients/client.h"
#include "sim/clients/servers.h"
#include "executor.h"
#include "observer.h"
#include "scheduler.h"
#include "workload.h"

#include <signal.h>

/* outcome->reason of aborts that are not the engine's own. */
#define LOOP_INTERRUPTED "interrupted"
#define LOOP_EXECUTOR_FAILED "the executor could not go on"

typedef struct {
  Scheduler *scheduler; /* fresh */
  Executor *executor;
} LoopInstance;

typedef struct {
  Client *client; /* fresh; its workload is sorted (workload_seal()) */
  const LoopInstance *instances;
  guint n_instances; /* at least 1 */
  /* Fresh: the instances are those of several servers, as many of each, one server's behind the
   * other's, and requests pass the front end of one. NULL: there is one server. */
  Servers *servers;
  /* Which server gets the request, which the client sends now. Only with servers. */
  guint (*deal)(gpointer data, guint32 request);
  /* Which of the n instances of one server gets the request, which arrives there now; below n.
   * NULL: each in its turn. */
  guint (*route)(gpointer data, const LoopInstance *instances, guint n, guint32 request);
  /* At each multiple of the interval, before requests that are dealt at that time, the instances
   * tell their loads. 0: they do not; else there are several instances. */
  gint64 publish_interval_ps;
  void (*publish)(gpointer data);
  gpointer route_data; /* of all three */
  Observer *const *observers;
  guint n_observers;
  guint32 unit_copy_steps; /* under the unit executor: steps that a copy takes */
  gboolean stride;         /* let steps be repeated; the results are the same without */
  /* End the run before a step, as an abort: a signal's flag that is set, or an answer of TRUE.
   * Either may be NULL. */
  const volatile sig_atomic_t *interrupted;
  gboolean (*stop)(gpointer data);
  gpointer stop_data;
} Loop;

/* When the client sends a request next, or a server's front end passes one on; G_MAXINT64: neither
 * is known. */
static inline gint64
loop_next_arrival_ps(const Loop *loop)
{
  return loop->servers == NULL ? loop->client->next_ps
                               : MIN(loop->client->next_ps, loop->servers->next_ps);
}

/* Runs to the end: all requests done, or an engine that died, is stuck, or goes round in circles
 * (outcome->end and ->reason say which). FALSE only if the executor failed. */
gboolean loop_run(const Loop *loop, RunOutcome *outcome, GError **error);
