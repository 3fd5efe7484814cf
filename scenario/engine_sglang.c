/* SGLang's settings under its own names: which engine has which options, and what is not given. */
#include "resolver.h"
#include "typed.h"

/* Its option, and what vLLM's of the same meaning is called; NULL: vLLM has none. */
static const struct {
  const char *sglang, *vllm;
} names[] = {
    {"page-size", "block-size"},
    {"max-total-tokens", "num-gpu-blocks"},
    {"mem-fraction-static", "gpu-memory-utilization"},
    {"max-running-requests", "max-num-seqs"},
    {"chunked-prefill-size", "max-num-batched-tokens"},
    {"chunked-prefill-size", "enable-chunked-prefill"},
    {"chunked-prefill-size", "no-enable-chunked-prefill"},
    {"disable-radix-cache", "enable-prefix-caching"},
    {"disable-radix-cache", "no-enable-prefix-caching"},
    {"disable-overlap-schedule", "async-scheduling"},
    {"disable-overlap-schedule", "no-async-scheduling"},
    {"max-prefill-tokens", NULL},
    {"schedule-conservativeness", NULL},
    {"enable-mixed-chunk", NULL},
    {"ignore-eos", NULL},
};

gboolean
resolver_check_engine_names(const Resolver *r, GError **error)
{
  const SchedulerClass *scheduler = r->scenario->scheduler;
  gboolean is_sglang = (scheduler->features & SCHEDULER_IS_SGLANG) != 0;

  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    const char *foreign = is_sglang ? names[i].vllm : names[i].sglang;
    const char *own = is_sglang ? names[i].sglang : names[i].vllm;
    if (foreign == NULL || !resolver_given(r, foreign))
      continue;
    if (own != NULL)
      return resolver_refuse(error, "--%s: the scheduler %s has no such option; it has --%s",
                             foreign, scheduler->name, own);
    return resolver_refuse(error, "--%s: the scheduler %s has no such thing", foreign,
                           scheduler->name);
  }
  if (is_sglang && r->scenario->config.overflow != overflow_policies[0])
    return resolver_refuse(error, "--overflow: found %s, and the scheduler sglang only recomputes",
                           r->scenario->config.overflow->base.name);
  if (is_sglang && resolver_given(r, "victim"))
    return resolver_refuse(error, "--victim: the scheduler sglang has its own order");
  return TRUE;
}

/* "-1" is none. */
static gboolean
chunk_size(const Settings *settings, guint32 *tokens, GError **error)
{
  guint64 parsed = 0;

  if (settings->chunked_prefill_size == NULL) {
    *tokens = 8192;
    return TRUE;
  }
  if (!g_str_equal(settings->chunked_prefill_size, "-1") &&
      !cli_parse_uint(settings->chunked_prefill_size, "--chunked-prefill-size", 1, G_MAXINT32,
                      &parsed, error))
    return FALSE;
  *tokens = (guint32)parsed;
  return TRUE;
}

gboolean
resolver_sglang(Resolver *r, GError **error)
{
  const Settings *settings = r->settings;
  SchedulerConfig *c = &r->scenario->config;

  if (!(r->scenario->scheduler->features & SCHEDULER_IS_SGLANG))
    return TRUE;
  c->block_size = (guint32)settings->page_size;
  c->max_num_seqs = (guint32)settings->max_running_requests;
  c->max_prefill_tokens = (guint32)settings->max_prefill_tokens;
  c->schedule_conservativeness = settings->schedule_conservativeness;
  c->prefix_caching = !settings->disable_radix_cache;
  c->async_scheduling = !settings->disable_overlap_schedule;
  c->mixed_chunk = settings->enable_mixed_chunk;
  c->ignore_eos = settings->ignore_eos;
  if (!chunk_size(settings, &c->chunked_prefill_size, error))
    return FALSE;
  c->chunked_prefill = c->chunked_prefill_size > 0;
  c->max_num_batched_tokens = MAX(c->chunked_prefill_size, c->max_prefill_tokens);
  return TRUE;
}
