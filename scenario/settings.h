/* Settings: every option of a run, once. The command line, study files and the help text are all
 * made from the one table in settings.c.
 *
 * A setting keeps the text that set it, so that "not given" and "given as the default" differ: what
 * is not given is resolved later, from the engine, the model and the device (scenario.c).
 */
#pragma once

#include "sim/policies/policy.h"

typedef struct {
  /* What is replayed, on what. NULL where not given. */
  char *model;
  char *device;
  char *host;
  char *trace;
  char *trace_format;
  guint64 limit;
  double time_scale;
  guint64 max_concurrency; /* 0: no limit */
  /* What a serving benchmark's client sends (workload_source.h). */
  guint64 num_prompts; /* 0: not given */
  double request_rate; /* a second; INFINITY: all at once; 0: not given */
  double burstiness;
  guint64 random_input_len, random_output_len; /* tokens */
  double random_range_ratio;
  char *slo;
  guint64 seed;
  /* The engine. */
  char *scheduler;
  char *overflow; /* compare: a comma-separated list */
  char *victim;
  char *admission;
  char *router;
  char *vllm_args, *sglang_args, *trtllm_args; /* server_args.h */
  guint64 block_size;
  guint64 num_gpu_blocks;
  char *kv_memory;
  char *kv_cache_dtype;
  char *mamba_ssm_cache_dtype;
  char *quantization;
  double gpu_memory_utilization;
  char *swap_space;
  guint64 num_cpu_blocks;
  char *kv_offloading_disk;
  guint64 num_disk_blocks;
  char *kv_offloading_size;
  guint64 num_offload_blocks;
  gboolean offload_prompt_only;
  char *eviction_policy;
  guint64 store_threshold;
  guint64 max_num_seqs;
  guint64 max_num_batched_tokens;
  guint64 max_model_len;
  gboolean chunked_prefill;
  guint64 block_manager;
  double watermark;
  gboolean prefix_caching;
  guint64 long_prefill_token_threshold;
  gboolean async_scheduling;
  gboolean reserve_full_isl;
  guint64 max_num_active_seqs;
  guint64 prefill_schedule_interval;
  gboolean offline;
  guint64 tensor_parallel_size;
  guint64 data_parallel_size;
  guint64 instances;
  double router_interval; /* s */
  guint64 pipeline_parallel_size;
  gboolean enable_expert_parallel;
  guint64 expert_parallel_size;
  gboolean enable_dp_attention;
  char *capacity_policy;
  char *context_chunking_policy;
  double free_gpu_memory_fraction;
  /* Under the names of SGLang. */
  guint64 page_size;
  guint64 max_total_tokens;
  double mem_fraction_static;
  guint64 max_running_requests;
  char *chunked_prefill_size;
  guint64 max_prefill_tokens;
  double schedule_conservativeness;
  gboolean disable_radix_cache;
  gboolean disable_overlap_schedule;
  gboolean enable_mixed_chunk;
  gboolean disable_cuda_graph;
  gboolean disable_piecewise_cuda_graph;
  gboolean ignore_eos;
  double swa_full_tokens_ratio;
  gboolean disable_hybrid_swa_memory;
  /* How it is costed and executed. */
  char *executor;
  char *copy_path;
  guint32 context_tokens; /* the model's by a pasted command line; 0: its own */
  char *cudagraph_mode;
  gboolean enforce_eager;
  char *host_memory;
  char *what_if;
  guint64 unit_copy_steps;
  gboolean no_stride;
  gboolean of_own_executor; /* no option: costs are of what this program computes, not of a server's
                               engine */
  const char *kernels; /* no option: the kind that computes (calib/profile_kernels.h), whose costs
                          are taken; interned; NULL: none does */
  char *replay;
  /* What computes: the executors cpu and gpu. */
  char *load_format;
  char *token_ids;
  double temperature;
  guint64 top_k;
  double top_p;
  char *copy_method;
  double copy_block_us; /* 0: what it takes */
  gboolean overlap_copies;
  gboolean layerwise_copies;
  guint64 swap_ahead;
  char *disk;
  double disk_read_bandwidth, disk_write_bandwidth; /* GB/s; 0: the disk's own */
  double disk_latency;                              /* us */
  guint64 disk_queue_depth;                         /* 0: the disk's own */
  /* What comes out. */
  gboolean dry_run;
  char *format;
  char *output;
  char *decisions;
  char *requests;
  char *perfetto;
  char *perfetto_window;
  char *against;
  char *output_token_ids;
  gboolean record_steps;
  char *plot;

  GHashTable *policy_values; /* of double: policies' own options, by their names */
  GHashTable *given; /* long names of the options that were set → where from (const char*) */
  GPtrArray *notes;  /* of char*: sentences for whoever resolves them; copies share it */
} Settings;

Settings *settings_new(void); /* the defaults */
void settings_free(Settings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Settings, settings_free)
Settings *settings_copy(const Settings *settings);

/* TRUE if the option of that long name was given. */
gboolean settings_given(const Settings *settings, const char *name);

/* Where the option of that long name was set: SETTINGS_TYPED, or as settings_set_origin() says;
 * NULL if it was not given. `origin` outlives the settings. */
#define SETTINGS_TYPED "typed"
const char *settings_origin(const Settings *settings, const char *name);
void settings_set_origin(Settings *settings, const char *name, const char *origin);

/* What options of the policy's own were given; its fallbacks where not. */
PolicyValues settings_policy_values(const Settings *settings, const Policy *policy);

/* As if the policies' option of that long name had not been given. */
void settings_forget(Settings *settings, const char *name);

/* What was typed for the option of that long name, as settings_set() takes it; "" of a switch.
 * NULL: it was not typed. The caller frees it. */
char *settings_typed_text(const Settings *settings, const char *name);

/* Sets the option of that long name (without dashes). Switches take NULL, "true" or "false". */
gboolean settings_set(Settings *settings, const char *name, const char *value, GError **error);

/* The long names of all options, policies' own last, NULL-terminated; the caller frees the array,
 * not the names. */
const char **settings_names(void);
