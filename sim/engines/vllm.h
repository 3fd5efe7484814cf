/* The scheduler of vLLM 0.8 to 0.33, for vllm_versions.c. */
#pragma once

#include "sim/scheduler.h"

/* Rules that no option switches. */
typedef enum {
  /* Without chunked prefill the first prompt that does not fit the budget ends the pass. Before, it
   * was passed over, and what was passed over returned in reverse order: the engine's mistake. */
  RULE_LONG_PROMPT_STOPS = 1 << 0,
  /* A request that is alone has no long-prefill threshold. */
  RULE_LONE_REQUEST_UNLIMITED = 1 << 1,
} VllmRule;

/* With a prefill interval of I, I decisions with tokens lie between two with prefills, as long as
 * something decodes and nobody was left waiting. */
typedef struct {
  gint64 last_prefill; /* decisions with tokens up to the last that had a prefill, it included */
  gboolean bound;      /* requests were left waiting: then prefills are not held back */
} VllmPace;

/* The hooks of a SchedulerClass whose state is a VllmPace. */
void vllm_begin(Scheduler *self);
void vllm_schedule(Scheduler *self, Step *step);
