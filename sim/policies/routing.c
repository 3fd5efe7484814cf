#include "routing.h"

#include <string.h>

void
routing_init(Routing *self, const RouterPolicy *policy, const PolicyValues *options, guint n,
             guint each)
{
  g_assert(policy->choose != NULL && n <= ROUTER_ENGINES_MAX);
  *self = (Routing){.policy = policy, .options = *options, .n = n, .each = each};
  self->loads = g_new(RouterLoad, n);
  if (policy->state_new != NULL)
    self->state = policy->state_new(n, options);
}

void
routing_clear(Routing *self)
{
  if (self->state != NULL)
    self->policy->state_free(self->state);
  g_clear_pointer(&self->loads, g_free);
  g_clear_pointer(&self->published, g_free);
}

void
routing_set_late(Routing *self)
{
  self->is_late = TRUE;
  self->published = g_new0(RouterLoad, self->n);
}

static void
add_load(RouterLoad *load, const Scheduler *scheduler)
{
  guint32 running = scheduler->running.length;

  load->running += running;
  load->waiting += scheduler_unfinished(scheduler) - running;
  load->used_blocks += scheduler->pool.total_blocks - pool_unheld_blocks(&scheduler->pool);
  load->tokens += scheduler->unfinished_tokens;
}

/* The loads as they are. */
static void
look(const Routing *self, RouterLoad *loads, const LoopInstance *engines, const Servers *servers)
{
  for (guint i = 0; i < self->n; i++) {
    loads[i] = (RouterLoad){0};
    if (servers != NULL) {
      loads[i].waiting = server_passing(&servers->of[i]);
      loads[i].tokens = servers->of[i].tokens;
    }
    for (guint j = 0; j < self->each; j++)
      add_load(&loads[i], engines[i * self->each + j].scheduler);
  }
}

void
routing_publish(Routing *self, const LoopInstance *engines, const Servers *servers)
{
  look(self, self->published, engines, servers);
}

guint
routing_choose(Routing *self, const LoopInstance *engines, const Servers *servers,
               const Workload *workload, guint32 request, guint any, guint other)
{
  const RouterQuery query = {.loads = self->loads,
                             .n = self->n,
                             .dealt = self->dealt++,
                             .workload = workload,
                             .request = request,
                             .any = any,
                             .other = other,
                             .state = self->state,
                             .options = &self->options};
  guint chosen;

  if (self->is_late)
    memcpy(self->loads, self->published, self->n * sizeof *self->loads);
  else
    look(self, self->loads, engines, servers);
  chosen = self->policy->choose(self->policy, &query);
  if (self->is_late) {
    self->published[chosen].waiting++;
    self->published[chosen].tokens += workload_request(workload, request)->prompt_tokens;
  }
  return chosen;
}
