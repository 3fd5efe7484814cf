#include "config.h"

#include "config_json.h"

#include <math.h>

#include "assumptions.h"

#include "calib/cost/profile_remarks.h"
#include "calib/store/file.h"
#include "executors.h"
#include "sim/units.h"
#include "traces/bench.h"

/* As valid UTF-8, which JSON needs; a file's name may be other bytes. */
static json_t *
text_or_null(const char *text)
{
  g_autofree char *valid = text != NULL ? g_utf8_make_valid(text, -1) : NULL;

  return valid != NULL ? json_string(valid) : json_null();
}

static gboolean
has(const Scenario *s, guint32 feature)
{
  return (s->scheduler->features & feature) != 0;
}

/* The client; null for what it does not do. */
static void
set_client(json_t *object, const Settings *settings)
{
  gboolean is_random = workload_source(settings) == WORKLOAD_RANDOM;
  gboolean has_rate = is_random || settings_given(settings, "request-rate");
  gboolean is_paced = settings_given(settings, "request-rate") && !isinf(settings->request_rate);
  const struct {
    const char *key;
    json_t *value;
  } rows[] = {
      {"slo", text_or_null(settings->slo)},
      {"max_concurrency", settings->max_concurrency > 0
                              ? json_integer((json_int_t)settings->max_concurrency)
                              : json_null()},
      {"num_prompts", settings->num_prompts > 0 ? json_integer((json_int_t)settings->num_prompts)
                      : is_random               ? json_integer(BENCH_NUM_PROMPTS)
                                                : json_null()},
      {"request_rate", is_paced   ? json_real(settings->request_rate)
                       : has_rate ? json_string("inf")
                                  : json_null()},
      {"burstiness", is_paced ? json_real(settings->burstiness) : json_null()},
      {"random_input_len",
       is_random ? json_integer((json_int_t)settings->random_input_len) : json_null()},
      {"random_output_len",
       is_random ? json_integer((json_int_t)settings->random_output_len) : json_null()},
      {"random_range_ratio", is_random ? json_real(settings->random_range_ratio) : json_null()},
  };

  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    json_object_set_new(object, rows[i].key, rows[i].value);
}

static void
set_policy(json_t *object, PolicyKindIndex kind, const Policy *policy, const PolicyValues *values)
{
  json_object_set_new(object, policy_kinds[kind].option, json_string(policy->name));
  for (guint i = 0; policy->options[i].name != NULL; i++) {
    const PolicyOption *option = &policy->options[i];
    g_autofree char *key = g_strdelimit(g_strdup(option->name), "-", '_');
    json_object_set_new(object, key,
                        option->whole ? json_integer((json_int_t)values->of[i])
                                      : json_real(values->of[i]));
  }
}

/* The disk behind the host; null: there is none. */
static void
set_disk(json_t *object, const Scenario *s, const Settings *settings)
{
  const DiskFigures *disk = s->disk;
  gboolean costs = disk != NULL;

  json_object_set_new(object, "num_disk_blocks", json_integer(s->config.num_disk_blocks));
  json_object_set_new(object, "kv_offloading_disk",
                      s->config.num_disk_blocks > 0 ? text_or_null(settings->kv_offloading_disk)
                                                    : json_null());
  json_object_set_new(object, "disk", text_or_null(costs ? disk->name : NULL));
  json_object_set_new(object, "disk_read_bandwidth",
                      costs ? json_real(disk->read_bytes_per_s / 1e9) : json_null());
  json_object_set_new(object, "disk_write_bandwidth",
                      costs ? json_real(disk->write_bytes_per_s / 1e9) : json_null());
  json_object_set_new(object, "disk_latency",
                      costs && settings_given(settings, "disk-latency")
                          ? json_real(settings->disk_latency)
                          : json_null());
  json_object_set_new(object, "disk_read_latency_us",
                      costs ? json_real(disk->read_latency_ps / (double)PS_PER_US) : json_null());
  json_object_set_new(object, "disk_write_latency_us",
                      costs ? json_real(disk->write_latency_ps / (double)PS_PER_US) : json_null());
  json_object_set_new(object, "disk_queue_depth",
                      costs ? json_integer((json_int_t)disk->queue_depth) : json_null());
}

static void
set_pool(json_t *object, const Scenario *s, const Settings *settings)
{
  const SchedulerConfig *c = &s->config;

  json_object_set_new(object, "block_size", json_integer(c->block_size));
  json_object_set_new(object, "num_gpu_blocks", json_integer(c->num_gpu_blocks));
  json_object_set_new(object, "num_cpu_blocks", json_integer(c->num_cpu_blocks));
  json_object_set_new(object, "kv_memory", text_or_null(settings->kv_memory));
  json_object_set_new(object, "quantization", text_or_null(settings->quantization));
  json_object_set_new(object, "kv_cache_dtype",
                      json_string(s->kv_cache_dtype != NULL          ? s->kv_cache_dtype
                                  : settings->kv_cache_dtype != NULL ? settings->kv_cache_dtype
                                                                     : "auto"));
  json_object_set_new(object, "mamba_ssm_cache_dtype",
                      json_string(settings->mamba_ssm_cache_dtype != NULL
                                      ? settings->mamba_ssm_cache_dtype
                                      : "auto"));
  json_object_set_new(object, "gpu_memory_utilization",
                      settings_given(settings, "num-gpu-blocks") || settings->kv_memory != NULL ||
                              s->free_gpu_memory_fraction > 0 || has(s, SCHEDULER_IS_SGLANG)
                          ? json_null()
                          : json_real(s->gpu_memory_utilization));
  json_object_set_new(object, "free_gpu_memory_fraction",
                      s->free_gpu_memory_fraction > 0 ? json_real(s->free_gpu_memory_fraction)
                                                      : json_null());
  json_object_set_new(object, "swap_space", text_or_null(settings->swap_space));
  json_object_set_new(object, "overlap_copies", json_boolean(c->overlap_copies));
  json_object_set_new(object, "swap_ahead", json_integer(c->swap_ahead_blocks));
  set_disk(object, s, settings);
}

/* Native offload; null: it is off. */
static void
set_offload(json_t *object, const Scenario *s, const Settings *settings)
{
  const SchedulerConfig *c = &s->config;

  json_object_set_new(object, "num_offload_blocks", json_integer(c->num_offload_blocks));
  json_object_set_new(object, "kv_offloading_size",
                      c->num_offload_blocks > 0 ? text_or_null(settings->kv_offloading_size)
                                                : json_null());
  json_object_set_new(object, "unit_copy_steps",
                      (c->num_offload_blocks > 0 || c->overlap_copies) &&
                              s->executor == &executor_unit
                          ? json_integer((json_int_t)settings->unit_copy_steps)
                          : json_null());
  json_object_set_new(object, "offload_prompt_only",
                      c->num_offload_blocks > 0 ? json_boolean(c->offload_prompt_only)
                                                : json_null());
  json_object_set_new(object, "eviction_policy",
                      c->num_offload_blocks > 0 ? json_string(tier_policy_names[c->offload_policy])
                                                : json_null());
  json_object_set_new(object, "store_threshold",
                      c->num_offload_blocks > 0 ? json_integer(c->offload_store_threshold)
                                                : json_null());
}

static void
set_batches(json_t *object, const Scenario *s, const Settings *settings)
{
  const SchedulerConfig *c = &s->config;

  json_object_set_new(object, "max_num_seqs", json_integer(c->max_num_seqs));
  json_object_set_new(object, "max_num_batched_tokens", json_integer(c->max_num_batched_tokens));
  json_object_set_new(object, "max_model_len", json_integer(c->max_model_len));
  json_object_set_new(object, "enable_chunked_prefill", json_boolean(c->chunked_prefill));
  json_object_set_new(object, "enable_prefix_caching", json_boolean(c->prefix_caching));
  json_object_set_new(object, "async_scheduling", json_boolean(c->async_scheduling));
  json_object_set_new(object, "offline", json_boolean(settings->offline));
  json_object_set_new(object, "long_prefill_token_threshold",
                      json_integer(c->long_prefill_token_threshold));
}

/* Settings that only some engines have; null under the others. */
static void
set_rules(json_t *object, const Scenario *s)
{
  const SchedulerConfig *c = &s->config;

  json_object_set_new(object, "block_manager",
                      has(s, SCHEDULER_HAS_BLOCK_MANAGER) ? json_integer(c->block_manager)
                                                          : json_null());
  json_object_set_new(object, "watermark",
                      has(s, SCHEDULER_HAS_WATERMARK) ? json_real(c->watermark) : json_null());
  json_object_set_new(object, "scheduler_reserve_full_isl",
                      has(s, SCHEDULER_HAS_RESERVE_FULL_ISL) ? json_boolean(c->reserve_full_isl)
                                                             : json_null());
  json_object_set_new(object, "max_num_active_seqs",
                      c->max_num_active_seqs > 0 ? json_integer(c->max_num_active_seqs)
                                                 : json_null());
  json_object_set_new(object, "prefill_schedule_interval",
                      has(s, SCHEDULER_HAS_PREFILL_INTERVAL)
                          ? json_integer(c->prefill_schedule_interval)
                          : json_null());
  json_object_set_new(object, "enforce_eager",
                      has(s, SCHEDULER_IS_SGLANG) ? json_null() : json_boolean(s->eager));
  json_object_set_new(object, "capacity_policy",
                      has(s, SCHEDULER_HAS_CAPACITY_POLICY)
                          ? json_string(capacity_policy_names[c->capacity_policy])
                          : json_null());
  json_object_set_new(object, "context_chunking_policy",
                      has(s, SCHEDULER_HAS_CAPACITY_POLICY) && c->chunked_prefill
                          ? json_string(chunking_policy_names[c->chunking_policy])
                          : json_null());
}

static void
set_engine(json_t *object, const Scenario *s, const Settings *settings)
{
  const SchedulerConfig *c = &s->config;

  json_object_set_new(object, "scheduler", json_string(s->scheduler->name));
  set_policy(object, POLICY_OVERFLOW, &c->overflow->base, &c->overflow_options);
  set_policy(object, POLICY_VICTIM, &c->victim->base, &c->victim_options);
  set_policy(object, POLICY_ADMISSION, &c->admission->base, &c->admission_options);
  if (scenario_engines(s) > 1)
    set_policy(object, POLICY_ROUTER, &s->router->base, &s->router_options);
  else
    json_object_set_new(object, "router", json_null());
  json_object_set_new(object, "executor", json_string(s->executor->name));
  set_pool(object, s, settings);
  set_offload(object, s, settings);
  set_batches(object, s, settings);
  set_rules(object, s);
  json_object_set_new(object, "tensor_parallel_size",
                      json_integer((json_int_t)settings->tensor_parallel_size));
  json_object_set_new(object, "pipeline_parallel_size",
                      json_integer((json_int_t)settings->pipeline_parallel_size));
  json_object_set_new(object, "data_parallel_size",
                      json_integer((json_int_t)settings->data_parallel_size));
  json_object_set_new(object, "router_interval", json_real(settings->router_interval));
  json_object_set_new(object, "instances", json_integer(s->instances));
  json_object_set_new(object, "enable_expert_parallel",
                      json_boolean(settings->enable_expert_parallel));
  json_object_set_new(object, "expert_parallel_size", json_integer(s->expert_groups));
}

/* SGLang's settings, under its own names; null under other engines. */
static void
set_sglang(json_t *object, const Scenario *s, const Settings *typed)
{
  const SchedulerConfig *c = &s->config;
  const struct {
    const char *name;
    json_t *value;
  } settings[] = {
      {"page_size", json_integer(c->block_size)},
      {"max_total_tokens", json_integer((json_int_t)c->num_gpu_blocks * c->block_size)},
      {"mem_fraction_static",
       s->mem_fraction_static > 0 ? json_real(s->mem_fraction_static) : json_null()},
      {"max_running_requests", json_integer(c->max_num_seqs)},
      {"chunked_prefill_size",
       json_integer(c->chunked_prefill_size > 0 ? (json_int_t)c->chunked_prefill_size : -1)},
      {"max_prefill_tokens", json_integer(c->max_prefill_tokens)},
      {"schedule_conservativeness", json_real(c->schedule_conservativeness)},
      {"swa_full_tokens_ratio",
       c->window_pool.tokens > 0 ? json_real(typed->swa_full_tokens_ratio) : json_null()},
      {"swa_max_total_num_tokens",
       c->window_pool.tokens > 0 ? json_integer((json_int_t)c->window_pool.blocks * c->block_size)
                                 : json_null()},
      {"disable_hybrid_swa_memory", json_boolean(typed->disable_hybrid_swa_memory)},
      {"disable_radix_cache", json_boolean(!c->prefix_caching)},
      {"disable_overlap_schedule", json_boolean(!c->async_scheduling)},
      {"enable_mixed_chunk", json_boolean(c->mixed_chunk)},
      {"disable_cuda_graph", json_boolean(s->eager)},
      {"disable_piecewise_cuda_graph", json_boolean(s->launched_prompts)},
      {"enable_dp_attention", json_boolean(s->sharing_engines > 1)},
      {"ignore_eos", json_boolean(c->ignore_eos)},
  };

  for (guint i = 0; i < G_N_ELEMENTS(settings); i++) {
    json_object_set_new(object, settings[i].name,
                        has(s, SCHEDULER_IS_SGLANG) ? json_incref(settings[i].value) : json_null());
    json_decref(settings[i].value);
  }
}

/* The figures that the costs come from. The digest of the device's file tells its editions apart.
 */
static json_t *
profile_identity(const Device *device)
{
  g_autofree char *data = g_key_file_to_data(device->file->keys, NULL, NULL);
  g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, data, -1);
  json_t *profile = json_object();

  json_object_set_new(profile, "name", json_string(device->name));
  json_object_set_new(profile, "kind", json_string("roofline"));
  json_object_set_new(profile, "format", json_integer(DEVICE_FORMAT));
  json_object_set_new(profile, "sha256", json_string(digest));
  return profile;
}

static json_t *
measured_identity(const Scenario *s)
{
  g_autofree char *digest =
      s->profile_digest != NULL ? g_strdup(s->profile_digest) : profile_digest_as_read(s->profile);
  json_t *profile = json_object();

  json_object_set_new(profile, "name", json_string(s->profile->name));
  json_object_set_new(profile, "kind", json_string("measured"));
  json_object_set_new(profile, "sha256", json_string(digest));
  json_object_set_new(profile, "samples", json_integer(s->profile->samples->len));
  json_object_set_new(profile, "note", json_string(s->profile->note));
  json_object_set_new(profile, "roofline", profile_identity(s->device));
  return profile;
}

/* The host, in the words of the results. */
static const char *
host_owner(const Scenario *s)
{
  return host_is_unknown(s->host) ? "host unknown" : s->host->title;
}

/* The source of the host time. That of our own executor is measured where it runs. */
static json_t *
host_time(const Scenario *s, const Settings *settings, HostScheduler scheduler)
{
  gboolean is_own;
  g_autofree char *source = host_time_source(s->profile, s->host, scheduler, &is_own);
  g_autofree char *valid = g_utf8_make_valid(source, -1);

  if (settings->of_own_executor)
    return json_pack("{s:s, s:s}", "of", "this machine", "source", "the live executor");
  return json_pack("{s:s, s:s}", "of", is_own ? "the profile" : host_owner(s), "source", valid);
}

static json_t *
remarks(const Scenario *s)
{
  const ExpertSplit split = {
      .tp = s->tensor_parallel_size, .engines = s->sharing_engines, .groups = s->expert_groups};
  g_autoptr(GPtrArray) texts = profile_remarks(s->profile, s->model, &split);
  json_t *array = json_array();

  for (guint i = 0; i < texts->len; i++)
    json_array_append_new(array, text_or_null(texts->pdata[i]));
  return array;
}

/* How tokens are computed, on which the schedule does not depend. */
static json_t *
live_settings(const Scenario *s, const Settings *settings)
{
  const char *format = settings->load_format != NULL ? settings->load_format : "auto";
  json_t *object = json_object();

  json_object_set_new(object, "load_format", json_string(format));
  json_object_set_new(object, "token_ids", text_or_null(settings->token_ids));
  json_object_set_new(object, "temperature", json_real(settings->temperature));
  json_object_set_new(object, "top_k", json_integer((json_int_t)settings->top_k));
  json_object_set_new(object, "top_p", json_real(settings->top_p));
  json_object_set_new(object, "overlap_copies", json_boolean(settings->overlap_copies));
  json_object_set_new(object, "layerwise_copies", json_boolean(s->copy_stages > 0));
  json_object_set_new(object, "copy_path", json_string(copy_path_name(s->copy_path)));
  json_object_set_new(object, "copy_method", text_or_null(settings->copy_method));
  json_object_set_new(object, "host_memory", json_string(host_memory_name(s->host_memory)));
  json_object_set_new(object, "copy_block_us",
                      settings->copy_block_us > 0 ? json_real(settings->copy_block_us)
                                                  : json_null());
  return object;
}

/* The key is absent if nothing is assumed. */
static void
set_assumptions(json_t *object, const Scenario *s, const Settings *settings,
                const RooflineConfig *costs)
{
  json_t *list;

  if (s->model == NULL)
    return;
  list = scenario_assumptions(s, s->tensor_parallel_size);
  if (costs != NULL && !settings->of_own_executor)
    scenario_assume_host(s, costs->scheduler, costs->what_if.host_time, list);
  if (costs != NULL)
    scenario_assume_parallel(s, settings, costs, list);
  if (json_array_size(list) > 0)
    json_object_set(object, "assumed", list);
  json_decref(list);
}

json_t *
scenario_config(const Scenario *s, const Settings *settings, const RooflineConfig *costs)
{
  json_t *object = json_object(), *profile;

  json_object_set_new(object, "program_version", json_string(PACKAGE_VERSION));
  json_object_set_new(object, "model", text_or_null(s->model != NULL ? s->model->name : NULL));
  json_object_set_new(object, "device", text_or_null(s->device != NULL ? s->device->name : NULL));
  json_object_set_new(object, "host", text_or_null(s->host != NULL ? s->host->name : NULL));
  json_object_set_new(object, CONFIG_FRONT_END_REQUEST, json_integer(s->front_end.request_ps));
  json_object_set_new(object, CONFIG_FRONT_END_TOKEN, json_integer(s->front_end.token_ps));
  json_object_set_new(object, "trace", text_or_null(settings->trace));
  json_object_set_new(
      object, "trace_format",
      json_string(settings->trace_format != NULL ? settings->trace_format : "auto"));
  json_object_set_new(object, "limit", json_integer((json_int_t)settings->limit));
  set_client(object, settings);
  json_object_set_new(object, "time_scale", json_real(settings->time_scale));
  json_object_set_new(object, "seed", json_integer((json_int_t)settings->seed));
  set_engine(object, s, settings);
  set_sglang(object, s, settings);
  json_object_set_new(object, "defaults", json_deep_copy(s->defaults));
  set_assumptions(object, s, settings, costs);
  json_object_set_new(object, "live",
                      executor_computes(s->executor) ? live_settings(s, settings) : json_null());
  if (costs != NULL) {
    json_object_set_new(object, "layerwise_copies", json_boolean(costs->copy_stages > 0));
    json_object_set_new(object, "copy_path", json_string(copy_path_name(costs->copy_path)));
    json_object_set_new(object, "host_memory", json_string(host_memory_name(costs->host_memory)));
    json_object_set_new(object, "cudagraph_mode",
                        json_string(s->eager              ? "none"
                                    : s->graphs_in_pieces ? "piecewise"
                                                          : "full-and-piecewise"));
    json_object_set_new(object, "what_if", text_or_null(settings->what_if));
    profile = s->profile != NULL ? measured_identity(s) : profile_identity(s->device);
    json_object_set_new(profile, "host_time", host_time(s, settings, costs->scheduler));
    if (s->profile != NULL)
      json_object_set_new(profile, "remarks", remarks(s));
    json_object_set_new(object, "profile", profile);
  }
  return object;
}
