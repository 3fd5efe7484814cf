#include "slowdown.h"

#include "engines.h"

#include <math.h>

/* At least as many blocks as can ever be in use at once: those of all requests that may run at
 * once, each at its longest, or of all requests if that is less, and some for the watermark. */
static guint32
unlimited_blocks(const Scenario *s, const Workload *workload)
{
  const SchedulerConfig *c = &s->config;
  guint64 running = MIN(c->max_num_seqs, workload_count(workload));
  guint64 blocks = running * (c->max_model_len / c->block_size + 2), all = 0;

  for (guint32 i = 0; i < workload_count(workload); i++) {
    const Request *request = workload_request(workload, i);
    all += ((guint64)request->prompt_tokens + request->output_tokens) / c->block_size + 2;
  }
  blocks = MIN(blocks, all) * MAX(1, c->kv_groups.n_groups);
  if (c->watermark < 1)
    blocks = (guint64)((double)blocks / (1 - c->watermark)) + 2;
  return (guint32)CLAMP(blocks, c->num_gpu_blocks, G_MAXINT32);
}

SchedulerConfig
slowdown_unlimited_config(const Scenario *s, const Workload *workload)
{
  SchedulerConfig config = s->config;

  config.num_offload_blocks = 0;
  config.num_gpu_blocks = unlimited_blocks(s, workload);
  if (config.window_pool.tokens > 0)
    config.window_pool.blocks = config.num_gpu_blocks; /* no sequence has more pages there */
  /* Without preemptions only prompts with hashes can hit. */
  config.prefix_caching = s->config.prefix_caching && workload->hashes->len > 0;
  return config;
}

static Unlimited
simulate_unlimited(const Scenario *s, const Workload *trace,
                   const volatile sig_atomic_t *interrupted)
{
  g_autoptr(Workload) own = NULL;
  const Workload *workload = trace;
  g_autoptr(Client) client = scenario_client_new(s, &workload, &own);
  const SchedulerConfig config = slowdown_unlimited_config(s, workload);
  g_autoptr(Engines) engines = engines_new(s, &config, workload, NULL);
  g_autoptr(Metrics) metrics = NULL;
  Observer *observers[1];
  Loop loop = {
      .client = client,
      .observers = observers,
      .n_observers = G_N_ELEMENTS(observers),
      .stride = TRUE,
      .interrupted = interrupted,
  };
  Unlimited unlimited = {.known = TRUE, .makespan_ps = -1};
  RunOutcome outcome;
  Summary summary;

  metrics = metrics_new(workload, config.num_gpu_blocks - s->scheduler->hidden_blocks,
                        config.num_cpu_blocks);
  observers[0] = metrics_observer(metrics);
  engines_put(engines, &loop);
  if (!loop_run(&loop, &outcome, NULL) || outcome.end != RUN_DONE || outcome.lines == 0)
    return unlimited;
  metrics_summary(metrics, &summary);
  unlimited.makespan_ps = summary.makespan_ps;
  unlimited.finished = summary.finished;
  unlimited.e2e_s = summary.e2e_s.mean;
  summary_clear(&summary);
  return unlimited;
}

void
slowdown_measure(const Scenario *s, const Workload *workload, Unlimited *unlimited,
                 const RunOutcome *outcome, const volatile sig_atomic_t *interrupted,
                 RunRecord *record)
{
  const Summary *summary = &record->summary;

  record->slowdown = record->latency_slowdown = NAN;
  if (outcome->end != RUN_DONE || summary->makespan_ps == 0 || summary->finished == 0)
    return;
  if (!outcome->memory_bound) {
    record->slowdown = record->latency_slowdown = 1;
    return;
  }
  if (s->executor->create == NULL)
    return;
  if (!unlimited->known)
    *unlimited = simulate_unlimited(s, workload, interrupted);
  if (unlimited->makespan_ps <= 0 || unlimited->finished != summary->finished)
    return;
  record->slowdown = (double)summary->makespan_ps / (double)unlimited->makespan_ps;
  record->latency_slowdown = summary->e2e_s.mean / unlimited->e2e_s;
}
