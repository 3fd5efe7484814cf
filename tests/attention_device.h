/* An attention case in a GPU's memory: uploaded as 16-bit numbers, run, and fetched again. */
#pragma once

#include "tests/attention_cases.h"

typedef struct {
  AttentionPlan *plan;
  PagedKv kv; /* into pool */
  AttentionBatch batch;
  void *pool, *q, *out, *plan_data, *workspace;
  void *query_starts, *context_lens, *block_tables;
} AttentionMemory;

/* `out` and the workspace are NaN. Ends the program where CUDA reports an error. */
AttentionMemory *attention_memory_new(const AttentionDevice *device, Dtype dtype,
                                      const AttentionCase *c);
void attention_memory_free(AttentionMemory *memory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AttentionMemory, attention_memory_free)

/* Returns out as float; the caller frees. */
float *attention_memory_run(AttentionMemory *memory, Dtype dtype, const AttentionCase *c);
