#include "tests/attention_device.h"

#include "tests/half_floats.h"

#include <cuda_runtime_api.h>

static void
check(int status)
{
  g_assert_cmpstr(cudaGetErrorName((cudaError_t)status), ==, cudaGetErrorName(cudaSuccess));
}

static void *
allocate(gsize num_bytes)
{
  void *place = NULL;

  if (num_bytes > 0) {
    check(cudaMalloc(&place, num_bytes));
    check(cudaMemset(place, 0xff, num_bytes));
  }
  return place;
}

static void *
upload(const void *from, gsize num_bytes)
{
  void *place = allocate(num_bytes);

  if (num_bytes > 0)
    check(cudaMemcpy(place, from, num_bytes, cudaMemcpyHostToDevice));
  return place;
}

static void *
upload_halves(Dtype dtype, const float *values, gsize count)
{
  g_autofree guint16 *halves = g_new(guint16, count);

  for (gsize i = 0; i < count; i++)
    halves[i] = half_from_float(dtype, values[i]);
  return upload(halves, count * sizeof *halves);
}

AttentionMemory *
attention_memory_new(const AttentionDevice *device, Dtype dtype, const AttentionCase *c)
{
  AttentionMemory *memory = g_new0(AttentionMemory, 1);
  const AttentionBatch *batch = &c->batch;
  const gsize sequences = batch->num_sequences;
  const gsize v_offset = (gsize)((const float *)c->kv.v - (const float *)c->kv.k);
  const void *data;
  gsize data_bytes;

  check(attention_plan_new(device, &c->shape, &c->kv, batch, &memory->plan));
  data = attention_plan_data(memory->plan, &data_bytes);
  memory->plan_data = upload(data, data_bytes);
  memory->workspace = allocate(attention_plan_workspace_bytes(memory->plan));
  memory->pool = upload_halves(dtype, c->pool, c->pool_elements);
  memory->q = upload_halves(dtype, c->q, c->q_elements);
  memory->out = allocate(c->out_elements * sizeof(guint16));
  memory->query_starts = upload(batch->query_starts, (sequences + 1) * sizeof(gint32));
  memory->context_lens = upload(batch->context_lens, sequences * sizeof(gint32));
  memory->block_tables =
      upload(batch->block_tables, sequences * batch->block_table_stride * sizeof(gint32));
  memory->kv = c->kv;
  memory->kv.k = memory->pool;
  memory->kv.v = (guint16 *)memory->pool + v_offset;
  memory->batch = *batch;
  memory->batch.query_starts = memory->query_starts;
  memory->batch.context_lens = memory->context_lens;
  memory->batch.block_tables = memory->block_tables;
  return memory;
}

void
attention_memory_free(AttentionMemory *memory)
{
  attention_plan_free(memory->plan);
  cudaFree(memory->pool);
  cudaFree(memory->q);
  cudaFree(memory->out);
  cudaFree(memory->plan_data);
  cudaFree(memory->workspace);
  cudaFree(memory->query_starts);
  cudaFree(memory->context_lens);
  cudaFree(memory->block_tables);
  g_free(memory);
}

float *
attention_memory_run(AttentionMemory *memory, Dtype dtype, const AttentionCase *c)
{
  g_autofree guint16 *halves = g_new(guint16, c->out_elements);
  float *out = g_new(float, c->out_elements);

  check(attention_run(dtype, &c->shape, &memory->batch, &memory->kv, memory->q, memory->out,
                      memory->plan, memory->plan_data, memory->workspace, NULL));
  check(cudaMemcpy(halves, memory->out, c->out_elements * sizeof *halves, cudaMemcpyDeviceToHost));
  for (gsize i = 0; i < c->out_elements; i++)
    out[i] = half_to_float(dtype, halves[i]);
  return out;
}
