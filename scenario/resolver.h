/* What scenario.c, check.c, ranks.c, defaults.c and pool.c share while a scenario is resolved. */
#pragma once

#include "scenario.h"

typedef struct {
  const Settings *settings;
  const char *verb;
  gboolean quiet;
  Shelf *shelf; /* NULL: what is read is the scenario's own */
  gboolean without_cost;
  Scenario *scenario;
  guint64 pool_bytes_per_block; /* 0 without a model */
} Resolver;

/* Sets a message that names the option; FALSE. */
gboolean resolver_refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* A note to standard error, unless the resolver is quiet. */
void resolver_note(const Resolver *r, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* TRUE if the option of that long name was given. */
gboolean resolver_given(const Resolver *r, const char *name);

/* Notes that the setting of that key was not typed, and where its value is from. */
void resolver_origin(const Resolver *r, const char *key, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* FALSE for options that this scheduler or executor has no use for, and options that contradict. */
gboolean resolver_check(const Resolver *r, GError **error);
/* The same of limits, once they are known. */
gboolean resolver_check_limits(const Resolver *r, GError **error);

/* How devices make engines. */
gboolean resolver_ranks(Resolver *r, GError **error);
/* How experts are dealt out, once the model is known. FALSE for a group of devices that no node has,
 * or experts that the model has not. */
gboolean resolver_node(Resolver *r, GError **error);
/* FALSE for options that only another engine has. */
gboolean resolver_check_engine_names(const Resolver *r, GError **error);
/* Under TensorRT-LLM: --capacity-policy and --context-chunking-policy by name. */
gboolean resolver_trtllm(Resolver *r, GError **error);
/* Under SGLang: its settings, from its own options; then the pool that it finds room for, where its
 * size is not given; then how many requests run at once. */
gboolean resolver_sglang(Resolver *r, GError **error);
gboolean resolver_sglang_pool(const Resolver *r, guint32 *blocks, GError **error);
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
/* What does not depend on the pool's size, typed or by default. */
void resolver_limits(Resolver *r);
/* Called after these: whether groups of layers that give blocks back share the pool, and if so the
 * size of its blocks. FALSE where a server would not start so. */
gboolean resolver_kv_groups(Resolver *r, GError **error);

/* The GPU's pool from --num-gpu-blocks, --kv-memory or --gpu-memory-utilization; the host's from
 * --num-cpu-blocks or --swap-space. */
gboolean resolver_gpu_pool(Resolver *r, GError **error);
gboolean resolver_host_pool(Resolver *r, GError **error);
/* TRUE if the host is a second prefix cache: native offload. */
gboolean resolver_offloads(const Resolver *r);
/* That cache's size, from --kv-offloading-size or --num-offload-blocks, or else as swap's. */
gboolean resolver_tier(Resolver *r, GError **error);
/* Whether swapped blocks are copied beside the steps. After the pools. */
gboolean resolver_copies(Resolver *r, GError **error);
/* Whether a step's copies are made layer by layer. After these, once the copy path is known. */
gboolean resolver_layerwise(Resolver *r, GError **error);
/* The disk behind the host's memory. After these. */
gboolean resolver_disk(Resolver *r, GError **error);
/* The cost model, for executors that ask one. After all else. */
gboolean resolver_cost(Resolver *r, GError **error);
