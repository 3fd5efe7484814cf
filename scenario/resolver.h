/* Resolving a scenario: scenario.c calls these functions, each of which fills in a part of it from
 * the settings. What depends on an earlier part says so.
 *
 * Those that return gboolean return FALSE with an error that names the option.
 */
#pragma once

#include "scenario.h"

typedef struct {
  const Settings *settings;
  const char *verb;
  gboolean quiet;
  Shelf *shelf; /* owns what is read from files; NULL: the scenario does */
  gboolean without_cost;
  Scenario *scenario;
  guint64 pool_bytes_per_block; /* 0 without a model */
} Resolver;

/* Sets the error; returns FALSE. */
gboolean resolver_refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* A note to standard error, unless the resolver is quiet. */
void resolver_note(const Resolver *r, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The same of a figure that is hardly right, which the scenario keeps (Scenario.doubts). */
void resolver_doubt(const Resolver *r, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* TRUE if the option of that long name was given. */
gboolean resolver_given(const Resolver *r, const char *name);

/* Notes what is doubtful in the figures of a device's file that does not ship. */
void resolver_note_doubts(const Resolver *r);

/* Notes where the value of a setting is from that was not typed (Scenario.defaults). */
void resolver_origin(const Resolver *r, const char *key, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* Refuses options that this scheduler or executor has no use for, and options that contradict. */
gboolean resolver_check(const Resolver *r, GError **error);
/* The same for limits. After resolver_limits(). */
gboolean resolver_check_limits(const Resolver *r, GError **error);

/* The model and how its caches are kept, the device, its costs and the host. After the names. */
gboolean resolver_hardware(Resolver *r, GError **error);
/* Reads the model for the executors that compute, by --load-format. */
gboolean resolver_decoder(Resolver *r, GError **error);
/* How many engines there are, and of how many devices each. */
gboolean resolver_ranks(Resolver *r, GError **error);
/* How experts are distributed over the devices. After the model. Refuses a group of devices that no
 * node has, and experts that the model does not have. */
gboolean resolver_node(Resolver *r, GError **error);
/* Refuses options that only another engine has. */
gboolean resolver_check_engine_names(const Resolver *r, GError **error);
/* Under TensorRT-LLM: --capacity-policy and --context-chunking-policy by name. */
gboolean resolver_trtllm(Resolver *r, GError **error);
/* Under SGLang: the settings from its own options. */
gboolean resolver_sglang(Resolver *r, GError **error);
/* KV of DeepSeek's sparse attention, where its type is not typed: FP8 from compute capability 10 on
 * ("Setting KV cache dtype to … for DeepSeek DSA on SM…", server_args.py). */
void resolver_sglang_kv(Resolver *r);
/* Under SGLang: the blocks for which a device has room beside the weights. Needs the model and the
 * device. */
gboolean resolver_sglang_pool(const Resolver *r, guint32 *blocks, GError **error);
/* Under SGLang: the layers that see a window have a pool of their own, if the engine has that for
 * the model (config.window_pool, but for its size). After resolver_sglang(). */
gboolean resolver_sglang_windows(Resolver *r, GError **error);
/* Blocks that `bytes` hold on a card: with a window pool those of the other layers, beside which
 * the window pool finds room. */
guint32 resolver_pool_blocks(const Resolver *r, double bytes);
/* The window pool's size, from that of the other. Refuses one that holds no request. After the
 * pool. */
gboolean resolver_window_pool(Resolver *r, GError **error);
/* Bytes of both on a card. */
double resolver_pool_bytes(const Resolver *r);
/* Under SGLang: how many requests may run at once. After the pool. */
void resolver_sglang_requests(Resolver *r);

static inline const char *
or_default(const char *text, const char *fallback)
{
  return text != NULL ? text : fallback;
}

static inline gboolean
resolver_is_sglang(const Resolver *r)
{
  return (r->scenario->scheduler->features & SCHEDULER_IS_SGLANG) != 0;
}
/* The limits that do not depend on the pool's size, typed or by default. */
void resolver_limits(Resolver *r);
/* If groups of layers share the pool: the groups, and the size of their blocks. After the limits.
 * Refuses what a server would not start with. */
gboolean resolver_kv_groups(Resolver *r, GError **error);

/* The GPU's pool from --num-gpu-blocks, --kv-memory or --gpu-memory-utilization; the host's from
 * --num-cpu-blocks or --swap-space. */
gboolean resolver_gpu_pool(Resolver *r, GError **error);
gboolean resolver_host_pool(Resolver *r, GError **error);
/* TRUE if the host is a second prefix cache: native offload. */
gboolean resolver_offloads(const Resolver *r);
/* That cache: its size, from --kv-offloading-size, --num-offload-blocks or --swap-space, and how it
 * stores and evicts. */
gboolean resolver_tier(Resolver *r, GError **error);
/* --overlap-copies, --swap-ahead: copies of swapped blocks beside the steps. After the pools. */
gboolean resolver_copies(Resolver *r, GError **error);
/* --layerwise-copies: copies of a step made layer by layer. After resolver_copies() and the copy
 * path. */
gboolean resolver_layerwise(Resolver *r, GError **error);
/* The disk behind the host's memory. After resolver_tier(). */
gboolean resolver_disk(Resolver *r, GError **error);
/* The cost model, for executors that need one. After everything else. */
gboolean resolver_cost(Resolver *r, GError **error);
