/* An attention case in the GPU's memory: uploaded as 16-bit numbers, run, and downloaded. */
#pragma once

#include "attention_cases.h"
#include "check_memory.h"

typedef struct {
  CheckMemory *memory; /* has the problem, if there was one */
  AttentionPlan *plan;
  PagedKv kv; /* into pool */
  AttentionBatch batch;
  void *pool, *q, *out, *plan_data, *workspace;
} AttentionMemory;

/* Uploads the case; `out` and the workspace are NaN. */
AttentionMemory *attention_memory_new(const AttentionDevice *device, Dtype dtype,
                                      const AttentionCase *c, const CheckTamper *tamper);
void attention_memory_free(AttentionMemory *memory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AttentionMemory, attention_memory_free)

/* Runs the case. Returns `out` as floats, NaN after a failure; the caller frees. */
float *attention_memory_run(AttentionMemory *memory, Dtype dtype, const AttentionCase *c);
