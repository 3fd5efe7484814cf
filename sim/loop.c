/* The loop: arrivals, a decision, its execution, its completion, and again, for the instance that
 * decides next.
 *
 * Everything that moves time or state is called from here, in one order, whatever the executor.
 * With asynchronous scheduling a decision is made while the step before it is in flight: it sees
 * what had arrived when that step started, and its own starts when that one lands. An empty
 * decision jumps to the next arrival; with none left the engine is stuck. Steps without a token
 * while requests preempt each other are counted, so that a livelock ends the run.
 */
#include "instance.h"

#include "units.h"

/* So many steps without a token, with preemptions among them, are a livelock: */
#define LIVELOCK_STEPS 3000
/* and so many where a request is still to arrive, which could end it; */
#define LIVELOCK_BEFORE_ARRIVAL_STEPS 100000
/* and so many without preemptions, since a very long prompt in very small chunks takes long. */
#define PATIENCE_STEPS 10000000

/* When a request arrives next, or is dealt to a server. */
static gint64
next_arrival_ps(const Run *run)
{
  return loop_next_arrival_ps(run->loop);
}

static void
refuse(const Run *run, guint32 index, const char *reason)
{
  const Request *request = workload_request(run->loop->client->workload, index);
  RequestResult result = request_result_untouched(index, request);

  result.status = STATUS_IGNORED;
  result.reason = reason;
  result.finish_ps = request->arrival_ps;
  run->outcome->ignored++;
  run_tell_request(run, &result);
  client_leave(run->loop->client, index, request->arrival_ps);
}

/* The instance that gets the request, of those of its server. */
static Instance *
route(const Run *run, Instance *instances, guint server, guint32 index)
{
  const Loop *loop = run->loop;
  guint n = loop->servers != NULL ? loop->n_instances / loop->servers->n : loop->n_instances;
  guint first = server * n, chosen = 0;

  if (n > 1)
    chosen = loop->route != NULL ? loop->route(loop->route_data, loop->instances + first, n, index)
                                 : index % n;
  g_assert(chosen < n);
  return &instances[first + chosen];
}

static void
arrive(const Run *run, Instance *instances, guint server, guint32 index)
{
  Instance *instance = route(run, instances, server, index);
  const Request *request = workload_request(run->loop->client->workload, index);
  const char *reason = instance->executor->class->bare_scheduler
                           ? NULL
                           : scheduler_refuses(instance->scheduler, request);

  if (reason != NULL)
    refuse(run, index, reason);
  else
    scheduler_arrive(instance->scheduler, index);
  instance->idle_since = instance->step_index;
}

/* Loads are told as they were at the last multiple of the interval up to then. It is the first time
 * that anybody decides since: what was decided before has come about, and nothing after. */
static void
publish_by(Run *run, gint64 at_ps)
{
  const Loop *loop = run->loop;
  gint64 last_ps;

  if (loop->publish_interval_ps == 0)
    return;
  last_ps = at_ps / loop->publish_interval_ps * loop->publish_interval_ps;
  if (last_ps <= run->published_ps)
    return;
  run->published_ps = last_ps;
  loop->publish(loop->route_data);
}

/* In the order of their times, of requests that are passed on and those that are sent at the same
 * one the former first: what is passed on at once finds its server as the router saw it. */
static void
take_arrivals(Run *run, Instance *instances, gint64 now_ps)
{
  const Loop *loop = run->loop;

  while (next_arrival_ps(run) <= now_ps) {
    Servers *servers = loop->servers;
    guint server = servers != NULL ? servers->next : 0;
    guint32 index;
    publish_by(run, next_arrival_ps(run));
    if (servers != NULL && servers->next_ps <= loop->client->next_ps) {
      index = servers_pass(servers);
    } else {
      index = client_take(loop->client);
      if (servers != NULL) {
        servers_deal(servers, loop->deal(loop->route_data, index), index);
        continue;
      }
    }
    arrive(run, instances, server, index);
  }
  publish_by(run, now_ps);
}

/* After an empty decision: waits for the step in flight or, without one, for an arrival or the end
 * of a copy. FALSE if none of these is known to come, or, of several instances, if there is no step
 * in flight. */
static gboolean
rest(Instance *self)
{
  if (self->in_flight) {
    instance_land(self);
    if (self->pipeline == NULL) {
      instance_begin_copies(self);
      self->empty_ps = self->now_ps;
    }
    return TRUE;
  }
  instance_begin_copies(self);
  return instance_end_copies_while_idle(self) ||
         (self->loop->n_instances == 1 && instance_idle(self));
}

static gboolean
end_with(const Run *run, RunEnd end, const char *reason)
{
  run->outcome->end = end;
  run->outcome->reason = reason;
  return FALSE;
}

/* FALSE if the run ends here; the outcome then says how. */
static gboolean
goes_on(const Instance *s)
{
  const Run *run = s->run;
  const Loop *loop = s->loop;
  guint64 idle_steps = s->step_index - s->idle_since;

  if ((loop->interrupted != NULL && *loop->interrupted != 0) ||
      (loop->stop != NULL && loop->stop(loop->stop_data)))
    return end_with(run, RUN_ABORT, LOOP_INTERRUPTED);
  if (s->now_ps > TIME_MAX_PS)
    return end_with(run, RUN_ABORT,
                    "the run passed the latest time that the clock can hold, 53 days");
  if ((s->preempted_since &&
       idle_steps >=
           (next_arrival_ps(run) == G_MAXINT64 ? LIVELOCK_STEPS : LIVELOCK_BEFORE_ARRIVAL_STEPS)) ||
      idle_steps >= PATIENCE_STEPS)
    return end_with(
        run, RUN_LIVELOCK,
        "requests preempt each other for ever and none gets a token; give the pool more "
        "blocks, or lower max_num_seqs or max_model_len");
  return TRUE;
}

static void
end_instance(Instance *instance)
{
  Scheduler *scheduler = instance->scheduler;
  RunOutcome *outcome = instance->outcome;
  Sequence *sequence;

  instance_land_all(instance);
  outcome->unfinished += scheduler_unfinished(scheduler);
  outcome->end_ps = MAX(outcome->end_ps, instance->now_ps);
  outcome->memory_bound |= scheduler->memory_bound || scheduler->pool.evicted ||
                           (scheduler->offload != NULL && offload_was_used(scheduler->offload));
  while ((sequence = scheduler_take_unfinished(scheduler)) != NULL) {
    run_tell_request(instance->run, &sequence->result);
    scheduler_recycle(scheduler, sequence);
  }
}

static void
tell_untouched(const Run *run, guint32 index)
{
  const Request *request = workload_request(run->loop->client->workload, index);
  const RequestResult result = request_result_untouched(index, request);

  run->outcome->unfinished++;
  run_tell_request(run, &result);
}

static void
tell_end(const Run *run)
{
  Servers *servers = run->loop->servers;

  while (servers != NULL && servers->next_ps < G_MAXINT64)
    tell_untouched(run, servers_pass(servers));
  for (guint32 i = run->loop->client->taken; i < workload_count(run->loop->client->workload); i++)
    tell_untouched(run, i);
  for (guint i = 0; i < run->loop->n_observers; i++)
    if (run->loop->observers[i]->end != NULL)
      run->loop->observers[i]->end(run->loop->observers[i], run->outcome);
}

/* When the instance decides next; G_MAXINT64: it waits for a request that is not known yet. */
static gint64
next_decision_ps(const Instance *instance)
{
  return instance->waits ? MAX(instance->now_ps, instance_idle_until_ps(instance))
                         : instance->now_ps;
}

/* The instance that decides next; NULL: all wait for requests, of which none is known to come.
 * Those that stand idle go on when it is their turn, and not before: until then another may finish
 * a request, and one that waits for its answer comes before the next that is known. */
static Instance *
next_instance(const Run *run, Instance *instances)
{
  gint64 next_ps = G_MAXINT64;
  Instance *next = NULL;

  if (run->loop->n_instances == 1 && !instances->waits)
    return instances;
  for (guint i = 0; i < run->loop->n_instances; i++)
    next_ps = MIN(next_ps, next_decision_ps(&instances[i]));
  for (guint i = 0; i < run->loop->n_instances; i++) {
    Instance *instance = &instances[i];
    if (instance->waits && next_decision_ps(instance) == next_ps)
      instance->waits = !instance_idle(instance);
    if (!instance->waits && (next == NULL || instance->now_ps < next->now_ps))
      next = instance;
  }
  return next;
}

/* When loads are told that a router may read: before the next request that it deals out. If a
 * completion may bring that about, at any time. G_MAXINT64: not before the instance's next
 * decision.
 */
static gint64
next_publication_ps(const Instance *instance)
{
  const Loop *loop = instance->loop;
  gint64 interval_ps = loop->publish_interval_ps, next_ps = loop->client->next_ps;

  if (interval_ps == 0)
    return G_MAXINT64;
  if (loop->client->leave != NULL)
    return (instance->now_ps / interval_ps + 1) * interval_ps;
  if (next_ps == G_MAXINT64 || next_ps / interval_ps * interval_ps <= instance->now_ps)
    return G_MAXINT64;
  return next_ps / interval_ps * interval_ps;
}

/* The time up to which the instance can be let on by itself: then a request may arrive, perhaps
 * since another instance has finished one, or its load is told. */
static gint64
horizon_ps(const Instance *instance, const Instance *instances)
{
  const Loop *loop = instance->loop;
  gint64 until_ps = MIN(next_arrival_ps(instance->run), next_publication_ps(instance));

  if (loop->n_instances == 1 || loop->client->leave == NULL)
    return until_ps;
  for (guint i = 0; i < loop->n_instances; i++)
    if (&instances[i] != instance)
      until_ps = MIN(until_ps, next_decision_ps(&instances[i]));
  return until_ps;
}

/* Acts on the instance's decision. FALSE if the run is over. */
static gboolean
act(Instance *s, const Instance *instances, gboolean *ok, GError **error)
{
  if (s->step->abort != NULL) {
    const char *reason = s->step->abort;
    instance_land_all(s);
    instance_die(s);
    return end_with(s->run, RUN_ABORT, reason);
  }
  if (!step_is_empty(s->step)) {
    *ok = instance_execute(s, horizon_ps(s, instances), error);
    return *ok || end_with(s->run, RUN_ABORT, LOOP_EXECUTOR_FAILED);
  }
  s->waits = !rest(s) && (scheduler_unfinished(s->scheduler) > 0 || instance_is_over(s) ||
                          instance_idle_until_ps(s) < G_MAXINT64);
  return TRUE;
}

/* Every instance is done, and no request will arrive. */
static gboolean
is_over(const Run *run, const Instance *instances)
{
  if (next_arrival_ps(run) < G_MAXINT64)
    return FALSE;
  for (guint i = 0; i < run->loop->n_instances; i++)
    if (!instance_is_over(&instances[i]))
      return FALSE;
  return TRUE;
}

static gboolean
run_instances(Run *run, Instance *instances, GError **error)
{
  gboolean ok = TRUE;

  for (;;) {
    Instance *next = next_instance(run, instances);
    if (next == NULL && !is_over(run, instances))
      end_with(run, RUN_STUCK,
               "nothing can be scheduled and nothing will ever change; the requests that are "
               "left do not fit as the engine's rules stand");
    if (next == NULL || !goes_on(next))
      return ok;
    take_arrivals(run, instances, next->now_ps);
    if (is_over(run, instances))
      return ok;
    scheduler_schedule(next->scheduler, next->now_ps, run->loop->stride, next->step);
    if (!act(next, instances, &ok, error))
      return ok;
    if (next->failure != NULL) {
      g_propagate_error(error, g_steal_pointer(&next->failure));
      return end_with(run, RUN_ABORT, LOOP_EXECUTOR_FAILED);
    }
  }
}

gboolean
loop_run(const Loop *loop, RunOutcome *outcome, GError **error)
{
  g_autofree Observer **step_observers = g_new(Observer *, loop->n_observers);
  Run run = {.loop = loop, .outcome = outcome, .step_observers = step_observers};
  g_autofree Instance *instances = g_new(Instance, loop->n_instances);
  gboolean ok;

  *outcome = (RunOutcome){.end = RUN_DONE, .reason = ""};
  for (guint i = 0; i < loop->n_observers; i++)
    if (loop->observers[i]->step != NULL)
      step_observers[run.n_step_observers++] = loop->observers[i];
  for (guint i = 0; i < loop->n_instances; i++)
    instance_init(&instances[i], &run, i);
  ok = run_instances(&run, instances, error);
  for (guint i = 0; i < loop->n_instances; i++) {
    end_instance(&instances[i]);
    if (ok && instances[i].failure != NULL) {
      g_propagate_error(error, g_steal_pointer(&instances[i].failure));
      ok = end_with(&run, RUN_ABORT, LOOP_EXECUTOR_FAILED);
    }
  }
  tell_end(&run);
  for (guint i = 0; i < loop->n_instances; i++)
    instance_clear(&instances[i]);
  return ok;
}
