/* `model show --device`: the memory that a vLLM server leaves for KV on a card, as a sum line by
 * line, beside the lines of a start-up log. */
#pragma once

#include <jansson.h>

#include "calib/cost/pool_size.h"
#include "calib/import/startup_log.h"
#include "sim/scheduler.h"

/* The options as they were typed; NULL where they were not. */
typedef struct {
  char *device, *scheduler, *log;
  char *tensor_parallel_size, *gpu_memory_utilization, *max_num_batched_tokens, *max_num_seqs;
  char *max_model_len, *speculative_config, *mamba_ssm_cache_dtype;
  gboolean offline, enforce_eager;
} ModelMemoryOptions;

typedef struct {
  PoolSizeRequest request;
  PoolSize pool;
  PoolLogTerms terms;
  const SchedulerClass *scheduler;
  Device *device;
  StartupLog *log;        /* NULL: no --log */
  guint32 replaced_block; /* tokens, as typed, where the engine has another; 0: it has not */
  Model *model;           /* as this server has it: with the layers that draft, if any do */
  char *left_out;         /* what the log's server drafts by, which is not counted; NULL: nothing */
} ModelMemory;

/* Resolves the options and sizes the pool; what is not typed (block_size: 0) is the log's, or the
 * engine's default.
 * FALSE and an error on an option that cannot be used; model_memory_clear() all the same. */
gboolean model_memory_find(const ModelMemoryOptions *options, const Model *model,
                           guint32 block_size, ModelMemory *memory, GError **error);
void model_memory_clear(ModelMemory *memory);

/* The tokens that such a server's log names ("GPU KV cache size"). */
guint64 model_memory_tokens(const ModelMemory *memory);
json_t *model_memory_json(const ModelMemory *memory);
void model_memory_append(const ModelMemory *memory, GString *text);
