/* What was not typed: taken from the engine's version and the card, and noted with where it is
 * from, so that a run shows each of its settings' origin (`defaults` in its configuration).
 *
 * A server's defaults are for a simulated server. The unit executor replays the scheduler alone, as
 * recordings of it do; what computes is this program's own engine; a replay goes on as it was
 * recorded.
 */
#include "resolver.h"

#include "engine_defaults.h"
#include "executors.h"

/* Of the executors that compute. */
#define OWN_SEQS 256
#define OWN_TOKENS 8192
#define OWN_ENGINE "this program's own engine"

void
resolver_origin(const Resolver *r, const char *key, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start(args, format);
  text = g_strdup_vprintf(format, args);
  va_end(args);
  json_object_set_new(r->scenario->defaults, key, json_string(text));
}

/* The option's name of a setting; the caller frees it. */
static char *
option_of(const char *key)
{
  return g_strdelimit(g_strdup(key), "_", '-');
}

static gboolean
is_typed(const Resolver *r, const char *key)
{
  g_autofree char *option = option_of(key), *off = g_strconcat("no-", option, NULL);

  return resolver_given(r, option) || resolver_given(r, off);
}

/* The text of a setting in the recording that is replayed, NULL where there is none. */
static const char *
recorded(const Resolver *r, const char *key)
{
  const Recording *recording = r->scenario->recording;

  return recording != NULL ? g_hash_table_lookup(recording->config, key) : NULL;
}

/* The setting as it was typed, else as it was recorded, else by default; notes its origin. */
static guint32
choose(const Resolver *r, const char *key, guint64 typed, guint32 by_default, const char *origin)
{
  const char *then = recorded(r, key);

  if (is_typed(r, key))
    return (guint32)typed;
  resolver_origin(r, key, "%s", then != NULL ? "the recording" : origin);
  return then != NULL ? (guint32)g_ascii_strtoull(then, NULL, 10) : by_default;
}

/* Prefix caching, or asynchronous scheduling: FALSE where the engine has no such thing. */
static gboolean
choose_switch(const Resolver *r, const char *key, SchedulerFeatures feature, gboolean typed,
              gboolean by_default)
{
  const Scenario *s = r->scenario;

  if (!(s->scheduler->features & feature))
    return FALSE;
  if (s->executor->bare_scheduler)
    return choose(r, key, typed, FALSE, "off: the scheduler alone") != 0;
  if (executor_computes(s->executor))
    return choose(r, key, typed, FALSE, OWN_ENGINE) != 0;
  return choose(r, key, typed, by_default, s->scheduler->name) != 0;
}

/* The token budget by default: it holds a whole prompt where prompts are not split, and no more
 * than all sequences at their longest. */
static guint32
default_budget(const Scenario *s, const EngineDefaults *defaults)
{
  const SchedulerConfig *c = &s->config;

  if (!c->chunked_prefill)
    return MAX(defaults->least_batched_tokens, c->max_model_len);
  return (guint32)MIN(defaults->max_num_batched_tokens,
                      (guint64)c->max_num_seqs * c->max_model_len);
}

static void
resolve_batch(Resolver *r, EngineDefaults *defaults)
{
  const Settings *settings = r->settings;
  Scenario *s = r->scenario;
  SchedulerConfig *c = &s->config;
  gboolean computes = executor_computes(s->executor);
  g_autofree char *origin =
      computes               ? g_strdup(OWN_ENGINE)
      : *defaults->card != 0 ? g_strdup_printf("%s%s, %s", s->scheduler->name,
                                               settings->offline ? " offline" : "", defaults->card)
                             : g_strdup(s->scheduler->name);

  if (computes && *defaults->card != 0) {
    defaults->max_num_seqs = OWN_SEQS;
    defaults->max_num_batched_tokens = defaults->least_batched_tokens = OWN_TOKENS;
  }
  c->max_num_seqs =
      choose(r, "max_num_seqs", settings->max_num_seqs, defaults->max_num_seqs, origin);
  c->max_num_batched_tokens = choose(r, "max_num_batched_tokens", settings->max_num_batched_tokens,
                                     default_budget(s, defaults), origin);
  if (!is_typed(r, "max_num_seqs"))
    c->max_num_seqs = MIN(c->max_num_seqs, c->max_num_batched_tokens);
}

static void
resolve_length(Resolver *r)
{
  const Scenario *s = r->scenario;
  SchedulerConfig *c = &r->scenario->config;

  c->max_model_len = (guint32)r->settings->max_model_len;
  if (c->max_model_len > 0)
    return;
  c->max_model_len = G_MAXINT32;
  if (s->model == NULL)
    return;
  c->max_model_len = s->model->max_position;
  resolver_origin(r, "max_model_len", "the model's config.json");
}

void
resolver_limits(Resolver *r)
{
  const Settings *settings = r->settings;
  Scenario *s = r->scenario;
  SchedulerConfig *c = &s->config;
  const EngineSetup setup = {s->scheduler->name, s->device, settings->offline};
  EngineDefaults defaults = engine_defaults_find(&setup);
  gboolean has_manager = (s->scheduler->features & SCHEDULER_HAS_BLOCK_MANAGER) != 0;

  c->block_size = (guint32)settings->block_size;
  if (!is_typed(r, "block_size"))
    resolver_origin(r, "block_size", "%s", s->scheduler->name);
  c->block_manager = has_manager ? (guint32)settings->block_manager : 0;
  c->watermark = has_manager ? settings->watermark : 0;
  c->prefix_caching = choose_switch(r, "enable_prefix_caching", SCHEDULER_HAS_PREFIX_CACHING,
                                    settings->prefix_caching, defaults.prefix_caching);
  s->async = choose_switch(r, "async_scheduling", SCHEDULER_HAS_ASYNC, settings->async_scheduling,
                           defaults.async_scheduling);
  c->long_prefill_token_threshold = (guint32)settings->long_prefill_token_threshold;
  c->chunked_prefill = settings->chunked_prefill;
  if (!is_typed(r, "enable_chunked_prefill")) {
    c->chunked_prefill = (s->scheduler->features & SCHEDULER_CHUNKS_BY_DEFAULT) != 0;
    resolver_origin(r, "enable_chunked_prefill", "%s", s->scheduler->name);
  }
  resolve_length(r);
  resolve_batch(r, &defaults);
  s->gpu_memory_utilization = settings->gpu_memory_utilization;
  if (!is_typed(r, "gpu_memory_utilization"))
    s->gpu_memory_utilization = defaults.gpu_memory_utilization;
}
