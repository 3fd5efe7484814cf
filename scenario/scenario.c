/* Resolves settings: names to table entries, memory to blocks, what was not given to the engine's
 * defaults.
 *
 * The order matters: names, then which options the engine has, then the length limit that sizes the
 * activations, then the pool, then what the pool leaves of the length limit.
 */
#include "config.h"

#include "resolver.h"

#include <string.h>

#include "calib/cost/pool_size.h"
#include "message.h"
#include "typed.h"
#include "executors.h"
#include "sim/clients/turns.h"
#include "sim/pipeline.h"
#include "sim/units.h"
#include "resolve.h"
#include "config_json.h"

/* names: the known ones, NULL-terminated. */
static void
refuse_name(const char *option, const char *name, const GPtrArray *names, GError **error)
{
  g_autofree char *known = g_strjoinv(", ", (char **)names->pdata);
  g_autofree char *hint = typed_hint(name, (const char *const *)names->pdata);

  if (strchr(name, ',') != NULL) {
    resolver_refuse(error,
                    "--%s: found '%s', expected one of %s; 'spillway compare --overflow' takes "
                    "several, 'spillway sweep' of every option",
                    option, name, known);
    return;
  }
  resolver_refuse(error, "--%s: found '%s', expected %s%s%s", option, name,
                  names->len > 2 ? "one of " : "", known, hint);
}

/* The entry of that name in a NULL-terminated table of pointers to structs that begin with it. */
static gconstpointer
find_entry(const char *option, const char *name, const gconstpointer *table, GError **error)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new();

  for (guint i = 0; table[i] != NULL; i++) {
    const char *entry_name = *(const char *const *)table[i];
    if (g_str_equal(entry_name, name))
      return table[i];
    g_ptr_array_add(names, (gpointer)entry_name);
  }
  g_ptr_array_add(names, NULL);
  refuse_name(option, name, names, error);
  return NULL;
}

/* The policy of that name (NULL: the default), and the values of its own options. */
static const Policy *
resolve_policy(const Resolver *r, PolicyKindIndex index, const char *name, PolicyValues *values,
               GError **error)
{
  const PolicyKind *kind = &policy_kinds[index];
  const Policy *policy = name != NULL ? policy_find(kind, name) : kind->entry(0);
  g_autoptr(GPtrArray) known = g_ptr_array_new();

  if (policy != NULL) {
    *values = settings_policy_values(r->settings, policy);
    return policy;
  }
  for (guint i = 0; kind->entry(i) != NULL; i++)
    g_ptr_array_add(known, (gpointer)kind->entry(i)->name);
  g_ptr_array_add(known, NULL);
  refuse_name(kind->option, name, known, error);
  return NULL;
}

/* "; did you mean vllm-0.11?" for "0.11.2", "v0.11" and "vllm==0.11", trtllm for TensorRT-LLM, or
 * the nearest name; "": none is near. The caller frees it. */
static char *
scheduler_hint(const char *typed, const char *const *names)
{
  const char *digit = typed + strcspn(typed, "0123456789");
  g_autofree char *lower = g_ascii_strdown(typed, -1);
  g_autofree char *version = g_strconcat("vllm-", digit, NULL);
  const char *near = strstr(lower, "trt") != NULL || strstr(lower, "tensorrt") != NULL ? "trtllm"
                     : g_str_equal(lower, "vllm-v0")                                   ? "vllm-0.6"
                     : g_str_has_prefix(lower, "sgl")                                  ? "sglang"
                     : (g_str_has_prefix(lower, "v") || digit == typed) &&
                             scheduler_class_from_name(version, NULL) != NULL
                         ? version
                         : typed_nearest(typed, names);

  return near != NULL ? g_strdup_printf("; did you mean %s?", near) : g_strdup("");
}

static gboolean
resolve_names(Resolver *r, GError **error)
{
  const Settings *settings = r->settings;
  Scenario *s = r->scenario;
  const char *router = router_round_robin.base.name;
  g_autoptr(GError) unknown = NULL;

  s->scheduler = scheduler_class_from_name(or_default(settings->scheduler, "vllm"), &unknown);
  if (s->scheduler == NULL) {
    g_autofree const char **names = scheduler_names();
    const char *several = typed_list_hint(settings->scheduler);
    gboolean is_version =
        g_str_has_prefix(settings->scheduler, "vllm-0.") || unknown->code == SCHEDULER_ERROR_NEWER;
    g_autofree char *hint = is_version || *several != '\0'
                                ? g_strdup(several)
                                : scheduler_hint(settings->scheduler, names);
    return resolver_refuse(error, "--scheduler: %s%s", unknown->message, hint);
  }
  if (!resolver_trtllm(r, error))
    return FALSE;
  s->executor = find_entry("executor", or_default(settings->executor, "model"),
                           (const gconstpointer *)executors, error);
  if (s->executor == NULL)
    return FALSE;
  s->config.overflow = (const OverflowPolicy *)resolve_policy(
      r, POLICY_OVERFLOW, settings->overflow, &s->config.overflow_options, error);
  if (s->config.overflow == NULL)
    return FALSE;
  s->config.victim = (const VictimPolicy *)resolve_policy(r, POLICY_VICTIM, settings->victim,
                                                          &s->config.victim_options, error);
  if (s->config.victim == NULL)
    return FALSE;
  if (settings->victim == NULL && (s->scheduler->features & SCHEDULER_OWN_VICTIMS))
    s->config.victim = &victim_engine;
  s->config.admission = (const AdmissionPolicy *)resolve_policy(
      r, POLICY_ADMISSION, settings->admission, &s->config.admission_options, error);
  if (s->config.admission == NULL)
    return FALSE;
  s->router_seed = settings->seed;
  if (settings->router != NULL || settings->instances == 1)
    router = settings->router;
  s->router =
      (const RouterPolicy *)resolve_policy(r, POLICY_ROUTER, router, &s->router_options, error);
  return s->router != NULL;
}

/* A time in picoseconds among the settings of a recording; 0: it has none. */
static gint64
recorded_ps(const Recording *recording, const char *key)
{
  const char *text = g_hash_table_lookup(recording->config, key);
  gint64 ps = text != NULL ? g_ascii_strtoll(text, NULL, 10) : 0;

  return CLAMP(ps, 0, PS_PER_S);
}

/* The recording that is replayed. What a decision depends on should be as it was then. */
static gboolean
resolve_recording(Resolver *r, GError **error)
{
  Scenario *s = r->scenario;

  if ((s->executor == &executor_replay) != (r->settings->replay != NULL))
    return resolver_refuse(error, s->executor == &executor_replay
                                      ? "--executor replay needs --replay FILE.db: the run whose "
                                        "durations it takes"
                                      : "--replay needs --executor replay");
  if (r->settings->replay == NULL)
    return TRUE;
  s->recording = recording_read(r->settings->replay, error);
  if (s->recording == NULL) {
    g_prefix_error(error, "--replay: ");
    return FALSE;
  }
  s->front_end = (FrontEnd){recorded_ps(s->recording, CONFIG_FRONT_END_REQUEST),
                            recorded_ps(s->recording, CONFIG_FRONT_END_TOKEN)};
  return TRUE;
}

/* TRUE if a sequence must be as short as a step is large, since a step may have to compute all of
 * it at once. Where nobody is ever paused only prompts are computed so, and TensorRT-LLM refuses
 * those alone (scheduler_refuses()); vLLM would not start. */
static gboolean
fits_one_step(const Scenario *s)
{
  const SchedulerConfig *c = &s->config;

  if (s->scheduler->features & SCHEDULER_HAS_CAPACITY_POLICY)
    return !c->chunked_prefill && c->capacity_policy == CAPACITY_MAX_UTILIZATION;
  return !c->chunked_prefill;
}

/* Lowers the length limit to what the pool can hold and a prefill can take, so that no request
 * blocks the queue for ever. A server would not start. Recordings are of the scheduler alone, which
 * has no such check. */
static gboolean
fit_length_limit(Resolver *r, GError **error)
{
  const Scenario *s = r->scenario;
  SchedulerConfig *c = &r->scenario->config;
  guint64 blocks = c->num_gpu_blocks - s->scheduler->hidden_blocks;
  guint64 pool_tokens =
      c->kv_groups.n_kinds == 0
          ? blocks * c->block_size
          : kv_groups_longest(&c->kv_groups, blocks, scheduler_in_flight_tokens(s->scheduler, c),
                              c->max_model_len);

  if (s->executor->bare_scheduler || (s->scheduler->features & SCHEDULER_IS_SGLANG))
    return TRUE;
  if (c->max_model_len > pool_tokens) {
    if (resolver_given(r, "max-model-len"))
      resolver_note(r,
                    "a server would not start: the pool holds %" G_GUINT64_FORMAT
                    " tokens, max_model_len is %u; lowered to what it holds",
                    pool_tokens, c->max_model_len);
    c->max_model_len = (guint32)pool_tokens;
    resolver_origin(r, "max_model_len",
                    "what the pool holds; more blocks, memory or devices raise it");
  }
  if (fits_one_step(s) && c->max_model_len > c->max_num_batched_tokens) {
    resolver_note(r,
                  "without chunked prefill what is computed anew must fit max_num_batched_tokens: "
                  "max_model_len lowered to %u",
                  c->max_num_batched_tokens);
    c->max_model_len = c->max_num_batched_tokens;
    resolver_origin(r, "max_model_len",
                    "max_num_batched_tokens, as prefills are not chunked; "
                    "--max-num-batched-tokens or --enable-chunked-prefill raises it");
  }
  if (c->max_num_batched_tokens < c->max_num_seqs && resolver_given(r, "max-num-batched-tokens"))
    resolver_note(
        r, "a server would not start: max_num_batched_tokens %u is less than max_num_seqs %u",
        c->max_num_batched_tokens, c->max_num_seqs);
  if (c->max_model_len < 2)
    return pool_tokens < 2
               ? resolver_refuse(
                     error, "the KV pool holds %" G_GUINT64_FORMAT " token: give it more blocks",
                     pool_tokens)
               : resolver_refuse(error,
                                 "--max-num-batched-tokens: found %u, which is then the longest "
                                 "sequence, since prefills are not chunked; expected 2 or more, or "
                                 "--enable-chunked-prefill",
                                 c->max_num_batched_tokens);
  return TRUE;
}

static void
note_automatic_chunking(const Resolver *r)
{
  const Scenario *s = r->scenario;
  gboolean version_0 = (s->scheduler->features & SCHEDULER_HAS_BLOCK_MANAGER) != 0;

  if (version_0 && s->model != NULL && !resolver_given(r, "enable-chunked-prefill") &&
      !resolver_given(r, "no-enable-chunked-prefill") && !resolver_given(r, "max-model-len") &&
      s->model->max_position > 32768)
    resolver_note(
        r, "vLLM 0.5.3 to 0.6.3 chunk prefills by themselves when max_model_len exceeds 32768; "
           "--enable-chunked-prefill simulates that");
}

/* Resolves all of r->scenario and returns it; frees it and returns NULL with an error. */
static Scenario *
resolve(Resolver *r, GError **error)
{
  g_autoptr(Scenario) scenario = r->scenario;

  for (guint i = 0; i < r->settings->notes->len; i++)
    resolver_note(r, "%s", (const char *)g_ptr_array_index(r->settings->notes, i));
  scenario->doubts = g_ptr_array_new_with_free_func(g_free);
  scenario->defaults = json_object();
  scenario->max_concurrency = (guint32)r->settings->max_concurrency;
  if (!slo_parse(r->settings->slo, &scenario->slo, error) || !resolve_names(r, error) ||
      !resolver_check(r, error) || !resolver_ranks(r, error) || !resolver_hardware(r, error) ||
      !resolver_node(r, error) || !resolver_decoder(r, error) || !resolve_recording(r, error))
    return NULL;
  resolver_limits(r);
  if (!resolver_check_limits(r, error) || !resolver_kv_groups(r, error))
    return NULL;
  if (!resolver_sglang(r, error) || !resolver_sglang_windows(r, error))
    return NULL;
  scenario->block_bytes = r->pool_bytes_per_block;
  /* The machine has one disk. */
  scenario->disk_block_bytes = r->pool_bytes_per_block * scenario->tensor_parallel_size *
                               r->settings->pipeline_parallel_size;
  if (!resolver_gpu_pool(r, error) || !resolver_host_pool(r, error) || !resolver_tier(r, error) ||
      !resolver_copies(r, error) || !resolver_disk(r, error) || !fit_length_limit(r, error))
    return NULL;
  resolver_sglang_requests(r);
  if (!resolver_cost(r, error))
    return NULL;
  note_automatic_chunking(r);
  if (scenario->settings == NULL)
    scenario->settings = scenario_config(scenario, r->settings, NULL);
  return g_steal_pointer(&scenario);
}

Scenario *
scenario_new(const Settings *settings, const char *verb, gboolean quiet, GError **error)
{
  Resolver r = {
      .settings = settings, .verb = verb, .quiet = quiet, .scenario = g_new0(Scenario, 1)};

  return resolve(&r, error);
}

static gboolean
is_in(const GPtrArray *scenarios, const char *doubt)
{
  for (guint i = 0; i < scenarios->len; i++) {
    const Scenario *one = g_ptr_array_index(scenarios, i);
    if (g_ptr_array_find_with_equal_func(one->doubts, doubt, g_str_equal, NULL))
      return TRUE;
  }
  return FALSE;
}

void
scenario_tell_doubts(const Scenario *scenario, const GPtrArray *told, const char *verb)
{
  for (guint i = 0; i < scenario->doubts->len; i++)
    if (!is_in(told, g_ptr_array_index(scenario->doubts, i)))
      cli_note(verb, "%s", (const char *)g_ptr_array_index(scenario->doubts, i));
}

/* Leaves what is doubtful and assumed on the shelf, whose notes a verb tells once. */
static void
leave_notes(const Resolver *r, const Scenario *scenario)
{
  const json_t *sentence;
  gsize i;

  for (guint d = 0; d < scenario->doubts->len; d++)
    shelf_note(r->shelf, "", g_ptr_array_index(scenario->doubts, d));
  json_array_foreach(json_object_get(scenario->settings, "assumed"), i, sentence)
      shelf_note(r->shelf, "assumed: ", json_string_value(sentence));
}

gboolean
scenario_runs_among_others(const Scenario *scenario, GError **error)
{
  return scenario->executor->create != NULL ||
         resolver_refuse(error,
                         "--executor: found %s, which is for one run at a time ('spillway run', "
                         "'spillway live'); expected model or unit",
                         scenario->executor->name);
}

Scenario *
scenario_new_shared(const Settings *settings, Shelf *shelf, gboolean with_cost, GError **error)
{
  Resolver r = {.settings = settings,
                .quiet = TRUE,
                .shelf = shelf,
                .without_cost = !with_cost,
                .scenario = g_new0(Scenario, 1)};
  g_autoptr(Scenario) scenario = resolve(&r, error);

  if (scenario == NULL || !scenario_runs_among_others(scenario, error))
    return NULL;
  leave_notes(&r, scenario);
  return g_steal_pointer(&scenario);
}

Client *
scenario_client_new(const Scenario *scenario, const Workload **workload, Workload **own)
{
  /* Of several servers each has its own (sim/clients/servers.h). */
  const FrontEnd none = {0}, *front_end = scenario->instances > 1 ? &none : &scenario->front_end;

  if (scenario->max_concurrency == 0 && (*workload)->turns == NULL)
    return client_behind(client_trace_new(*workload), front_end);
  *workload = *own = workload_copy(*workload);
  if (scenario->router->needs_sessions && (*own)->turns != NULL)
    turns_note_sessions(*own);
  return client_behind(client_waiting_new(*own, scenario->max_concurrency), front_end);
}

void
scenario_free(Scenario *scenario)
{
  if (scenario == NULL)
    return;
  g_clear_pointer(&scenario->doubts, g_ptr_array_unref);
  cost_model_free(scenario->cost);
  model_free(scenario->model);
  device_free(scenario->device);
  host_free(scenario->host);
  disk_figures_free(scenario->disk);
  if (scenario->profile_digest == NULL)
    profile_free(scenario->profile);
  decoder_config_free(scenario->decoder);
  recording_free(scenario->recording);
  json_decref(scenario->defaults);
  json_decref(scenario->settings);
  g_free(scenario);
}
