/* Defaults of settings that were not typed, by the engine's version and the card. The origin of
 * each is noted, so that a run shows it (`defaults` in its configuration).
 *
 * A replay takes the recorded values; executors that compute have batch sizes of their own.
 */
#include "resolver.h"

#include "calib/cost/pool_size.h"
#include "engine_defaults.h"
#include "executors.h"

/* Batch sizes of the executors that compute. */
#define OWN_SEQS 256
#define OWN_TOKENS 8192
#define OWN_ENGINE "this program's own engine"
#define V0_WATERMARK 0.01

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

/* The name of the setting's option; the caller frees it. */
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

/* The text of a setting in the recording that is replayed; NULL: none. */
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

/* A switch of the engine; FALSE if it has no such switch. */
static gboolean
choose_switch(const Resolver *r, const char *key, SchedulerFeatures feature, gboolean typed,
              gboolean by_default)
{
  const SchedulerClass *scheduler = r->scenario->scheduler;

  if (!(scheduler->features & feature))
    return FALSE;
  return choose(r, key, typed, by_default, scheduler->name) != 0;
}

/* Servers cache prefixes from the v1 engine on. The recordings of vllm-v1 are of its scheduler
 * alone, which does not by default. */
static gboolean
caches_by_default(const Scenario *s)
{
  return (s->scheduler->features & SCHEDULER_CACHES_BY_DEFAULT) != 0 ||
         !(s->executor->bare_scheduler || executor_computes(s->executor));
}

static gboolean
has(const Scenario *s, SchedulerFeatures feature)
{
  return (s->scheduler->features & feature) != 0;
}

/* Before 0.26 vLLM does not cache recurrent states by default, as experimental:
 * ModelConfig.is_prefix_caching_supported. */
static gboolean
leaves_states_uncached(const Scenario *s)
{
  return has(s, SCHEDULER_HAS_KV_GROUPS) && !has(s, SCHEDULER_CACHES_STATES_BY_DEFAULT) &&
         s->model != NULL && model_rank_state_bytes(s->model, 1) > 0;
}

/* Turns a switch off that the engine has not on this card, and says so. */
static void
turn_off(const Resolver *r, const char *key, gboolean *is_on)
{
  const Scenario *s = r->scenario;
  g_autofree char *option = option_of(key);

  if (*is_on && is_typed(r, key))
    resolver_doubt(r, "--%s: %s turns it off on %s, whose kernels of latent attention lack it",
                   option, s->scheduler->name, s->device->name);
  else if (*is_on)
    resolver_origin(r, key, "off: %s has it with latent attention on Hopper and Blackwell alone",
                    s->scheduler->name);
  *is_on = FALSE;
}

static void
resolve_switches(Resolver *r, const EngineDefaults *defaults)
{
  const Settings *settings = r->settings;
  const Scenario *s = r->scenario;
  SchedulerConfig *c = &r->scenario->config;

  c->prefix_caching =
      choose_switch(r, "enable_prefix_caching", SCHEDULER_HAS_PREFIX_CACHING,
                    settings->prefix_caching, caches_by_default(s) && !leaves_states_uncached(s));
  if (leaves_states_uncached(s) && !is_typed(r, "enable_prefix_caching"))
    resolver_origin(r, "enable_prefix_caching", "off: %s caches recurrent states only where asked",
                    s->scheduler->name);
  c->async_scheduling =
      choose_switch(r, "async_scheduling", SCHEDULER_HAS_ASYNC, settings->async_scheduling,
                    has(s, SCHEDULER_ASYNC_BY_DEFAULT) && settings->pipeline_parallel_size == 1);
  c->pipeline_parallel_size = (guint32)settings->pipeline_parallel_size;
  c->layers = s->model != NULL ? s->model->layers : 1;
  c->reserve_full_isl =
      choose_switch(r, "scheduler_reserve_full_isl", SCHEDULER_HAS_RESERVE_FULL_ISL,
                    settings->reserve_full_isl, TRUE);
  c->chunked_prefill = choose(r, "enable_chunked_prefill", settings->chunked_prefill,
                              has(s, SCHEDULER_CHUNKS_BY_DEFAULT), s->scheduler->name) != 0;
  if (defaults->lacks_cached_context) {
    turn_off(r, "enable_prefix_caching", &c->prefix_caching);
    turn_off(r, "enable_chunked_prefill", &c->chunked_prefill);
  }
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

  if (computes && (*defaults->card != 0 || has(s, SCHEDULER_HAS_CAPACITY_POLICY))) {
    defaults->max_num_seqs = OWN_SEQS;
    defaults->max_num_batched_tokens = defaults->least_batched_tokens = OWN_TOKENS;
  }
  c->max_num_seqs =
      choose(r, "max_num_seqs", settings->max_num_seqs, defaults->max_num_seqs, origin);
  c->max_num_batched_tokens = choose(
      r, "max_num_batched_tokens", settings->max_num_batched_tokens,
      engine_defaults_budget(defaults, c->chunked_prefill, c->max_num_seqs, c->max_model_len),
      origin);
  if (!is_typed(r, "max_num_seqs"))
    c->max_num_seqs = MIN(c->max_num_seqs, c->max_num_batched_tokens);
}

/* Notes a limit beyond the model's context, which a server takes only with a warning. */
static void
note_beyond_context(const Resolver *r)
{
  const Model *model = r->scenario->model;

  if (model != NULL &&
      r->scenario->config.max_model_len > MAX(model->max_position, r->settings->context_tokens))
    resolver_note(
        r, "a server would not start: max_model_len %u is beyond the context of %s, %u (%s)",
        r->scenario->config.max_model_len, model->name, model->max_position, model->context_source);
}

static void
resolve_length(Resolver *r, const EngineDefaults *defaults)
{
  const Scenario *s = r->scenario;
  const Model *model = s->model;
  SchedulerConfig *c = &r->scenario->config;

  c->max_model_len = (guint32)r->settings->max_model_len;
  if (c->max_model_len > 0) {
    note_beyond_context(r);
    return;
  }
  c->max_model_len = G_MAXINT32;
  if (model == NULL)
    return;
  if (r->settings->context_tokens > 0 && !has(s, SCHEDULER_IS_SGLANG)) {
    c->max_model_len = r->settings->context_tokens;
    resolver_origin(r, "max_model_len", "the context that the command line gives %s", model->name);
    return;
  }
  c->max_model_len = model->max_position;
  resolver_origin(r, "max_model_len", "the context of %s (%s); --max-model-len changes it",
                  model->name, model->context_source);
  if (defaults->serves_unstretched && model->unstretched_position > 0) {
    c->max_model_len = model->unstretched_position;
    resolver_origin(r, "max_model_len",
                    "what %s serves of %s by itself (longrope, original_max_position_embeddings); "
                    "--max-model-len changes it, to %u at most",
                    s->scheduler->name, model->name, model->max_position);
  } else if (has(s, SCHEDULER_IS_SGLANG) && model->sglang_position != model->max_position) {
    c->max_model_len = model->sglang_position;
    resolver_origin(r, "max_model_len",
                    "what SGLang takes for the context of %s (get_context_length; vLLM: %u); "
                    "--max-model-len changes it",
                    model->name, model->max_position);
  }
}

/* Latent attention's kernels choose the block: then the card is a part of where it is from. */
static void
note_block_size(const Resolver *r, const EngineDefaults *defaults)
{
  const Scenario *s = r->scenario;
  gboolean by_card = s->scheduler->version > 0 || has(s, SCHEDULER_HAS_CAPACITY_POLICY);

  if (is_typed(r, "block_size")) {
    if (defaults->replaced_block > 0)
      resolver_doubt(r,
                     "--block-size %u: %s replaces it by blocks of %u tokens on %s, as latent "
                     "attention's kernels want",
                     defaults->replaced_block, s->scheduler->name, s->config.block_size,
                     s->device->name);
    return;
  }
  if (by_card && s->device != NULL && s->model != NULL && model_latent_layers(s->model) > 0)
    resolver_origin(r, "block_size", "%s, latent attention on %s", s->scheduler->name,
                    s->device->name);
  else
    resolver_origin(r, "block_size", "%s", s->scheduler->name);
}

/* Settings whose defaults do not depend on the version, and blocks. */
static void
resolve_rest(Resolver *r, const EngineDefaults *defaults)
{
  const Settings *settings = r->settings;
  const Scenario *s = r->scenario;
  SchedulerConfig *c = &r->scenario->config;
  gboolean has_manager = has(s, SCHEDULER_HAS_BLOCK_MANAGER);

  c->block_size = defaults->block_size;
  if (s->model != NULL)
    s->model->state_alignment = defaults->state_alignment;
  note_block_size(r, defaults);
  if (s->model != NULL)
    r->pool_bytes_per_block =
        pool_stage_block_bytes(s->model, c->block_size, s->tensor_parallel_size,
                               (guint32)settings->pipeline_parallel_size);
  c->block_manager = has_manager ? (guint32)settings->block_manager : 0;
  c->watermark = is_typed(r, "watermark") ? settings->watermark : has_manager ? V0_WATERMARK : 0;
  c->max_num_active_seqs = (guint32)settings->max_num_active_seqs;
  c->prefill_schedule_interval = (guint32)settings->prefill_schedule_interval;
  c->long_prefill_token_threshold = (guint32)settings->long_prefill_token_threshold;
  c->named_blocks = executor_computes(s->executor);
  /* The cost model refuses too many kinds of windows. */
  if (s->model != NULL && !model_windows(s->model, &c->windows))
    c->windows = (ContextWindows){0};
}

void
resolver_limits(Resolver *r)
{
  const Settings *settings = r->settings;
  Scenario *s = r->scenario;
  const EngineSetup setup = {
      .scheduler = s->scheduler,
      .device = s->device,
      .offline = settings->offline,
      .model = s->model,
      .block_size = is_typed(r, "block_size") ? (guint32)settings->block_size : 0,
  };
  EngineDefaults defaults = engine_defaults_find(&setup);

  resolve_rest(r, &defaults);
  resolve_switches(r, &defaults);
  resolve_length(r, &defaults);
  resolve_batch(r, &defaults);
  s->gpu_memory_utilization = settings->gpu_memory_utilization;
  if (!is_typed(r, "gpu_memory_utilization"))
    s->gpu_memory_utilization = defaults.gpu_memory_utilization;
}
