/* What an engine is told once, before its first step: sizes, limits, its options, its policies. */
#pragma once

#include "contexts.h"
#include "cost.h"
#include "disk.h"
#include "kv_groups.h"
#include "sim/policies/admission.h"
#include "sim/policies/overflow.h"
#include "sim/policies/victim.h"
#include "sim/offload/tier.h"
#include "window_pool.h"

/* TensorRT-LLM: what must fit for a request to start. */
typedef enum {
  CAPACITY_GUARANTEED_NO_EVICT, /* it and all that run, to their ends */
  CAPACITY_MAX_UTILIZATION,     /* its next step */
  CAPACITY_STATIC_BATCH,        /* as the first, and no other may be running */
} CapacityPolicy;

/* In the order of the enum, NULL-terminated. */
extern const char *const capacity_policy_names[];

/* TensorRT-LLM with chunked prefill: how prompts that do not all fit a step share it. */
typedef enum {
  CHUNKING_FIRST_COME_FIRST_SERVED, /* each gets what those before it left */
  CHUNKING_EQUAL_PROGRESS,          /* a block each in turn, until nothing fits */
} ChunkingPolicy;

extern const char *const chunking_policy_names[];

typedef struct {
  guint32 block_size; /* tokens */
  guint32 num_gpu_blocks;
  guint32 num_cpu_blocks;
  guint32 num_offload_blocks; /* of the host's prefix cache (native offload); 0: none */
  TierPolicy offload_policy;
  guint32 offload_store_threshold;
  gboolean offload_prompt_only; /* generated tokens are not stored there */
  guint32 max_num_seqs;
  guint32 max_num_batched_tokens;
  guint32 max_model_len; /* tokens, prompt and output */
  guint32 block_manager; /* 1 or 2, vLLM 0.x */
  double watermark;      /* share of the pool kept free on admission */
  gboolean chunked_prefill;
  ContextWindows windows; /* of the model's layers */
  KvGroups kv_groups;     /* that share the pool; n_kinds 0: there is one group */
  gboolean prefix_caching;
  gboolean named_blocks; /* with prefix caching: the executor wants to know which block is whose */
  guint32 pipeline_parallel_size; /* stages, and steps in flight; 0 is 1 */
  guint32 layers;                 /* of the model; where there are several stages */
  guint32 swap_ahead_blocks; /* with overlap_copies: blocks kept free by copies ahead of need */
  gboolean overlap_copies;   /* swapped blocks are copied beside the steps */
  guint32 num_disk_blocks;   /* with overlap_copies: of a disk; 0: there is none */
  Disk disk;                 /* how fast it is */
  gboolean async_scheduling; /* a step is decided while the one before it runs */
  CapacityPolicy capacity_policy; /* TensorRT-LLM's own, */
  ChunkingPolicy chunking_policy; /* and this */
  WindowPoolConfig window_pool;   /* SGLang's; tokens 0: there is none */
  /* SGLang's own; its pages are block_size, its max_running_requests is max_num_seqs. */
  guint32 chunked_prefill_size; /* tokens of prompts in a step; 0: any, and no prompt is cut */
  guint32 max_prefill_tokens;   /* tokens of prompts in a step, which the last one may exceed */
  double schedule_conservativeness;
  gboolean mixed_chunk;                 /* decodes run in the same step as prefills */
  gboolean ignore_eos;                  /* requests are known to generate all their max_tokens */
  guint32 long_prefill_token_threshold; /* 0: none */
  gboolean reserve_full_isl; /* admits only a request that finds blocks for all it has to compute */
  guint32 max_num_active_seqs; /* at which admission stops; 0: max_num_seqs */
  guint32
      prefill_schedule_interval; /* decisions from one with prefills to the next; 0, 1: no rule */
  const OverflowPolicy *overflow;
  const VictimPolicy *victim;
  PolicyValues overflow_options;
  PolicyValues victim_options;
  const AdmissionPolicy *admission; /* NULL: the engine's own */
  PolicyValues admission_options;
  CostModel *cost; /* borrowed, for policies that ask it; may be NULL */
} SchedulerConfig;
