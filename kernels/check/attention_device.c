#include "attention_device.h"

AttentionMemory *
attention_memory_new(const AttentionDevice *device, Dtype dtype, const AttentionCase *c,
                     const CheckTamper *tamper)
{
  AttentionMemory *self = g_new0(AttentionMemory, 1);
  CheckMemory *memory = self->memory = check_memory_new(tamper);
  const AttentionBatch *batch = &c->batch;
  const gsize sequences = batch->num_sequences;
  const gsize v_offset = (gsize)((const float *)c->kv.v - (const float *)c->kv.k);
  const void *data;
  gsize data_bytes;

  check_memory_called(memory, attention_plan_new(device, &c->shape, &c->kv, batch, &self->plan),
                      "attention_plan_new");
  if (self->plan == NULL)
    return self;
  data = attention_plan_data(self->plan, &data_bytes);
  self->plan_data = check_memory_upload(memory, data, data_bytes, CHECK_INPUT, "plan");
  self->workspace = check_memory_add(memory, attention_plan_workspace_bytes(self->plan),
                                     CHECK_INPUT, "workspace");
  self->pool =
      check_memory_upload_floats(memory, dtype, c->pool, c->pool_elements, CHECK_INPUT, "KV pool");
  self->q = check_memory_upload_floats(memory, dtype, c->q, c->q_elements, CHECK_INPUT, "q");
  self->out = check_memory_add(memory, c->out_elements * sizeof(guint16), CHECK_OUTPUT, "out");
  if (self->pool == NULL)
    return self;
  self->kv = c->kv;
  self->kv.k = self->pool;
  self->kv.v = (guint16 *)self->pool + v_offset;
  self->batch = *batch;
  self->batch.query_starts = check_memory_upload(
      memory, batch->query_starts, (sequences + 1) * sizeof(gint32), CHECK_INPUT, "query starts");
  self->batch.context_lens = check_memory_upload(
      memory, batch->context_lens, sequences * sizeof(gint32), CHECK_INPUT, "context lengths");
  self->batch.block_tables = check_memory_upload(
      memory, batch->block_tables, sequences * batch->block_table_stride * sizeof(gint32),
      CHECK_INPUT, "block tables");
  return self;
}

void
attention_memory_free(AttentionMemory *self)
{
  attention_plan_free(self->plan);
  check_memory_free(self->memory);
  g_free(self);
}

float *
attention_memory_run(AttentionMemory *self, Dtype dtype, const AttentionCase *c)
{
  CheckMemory *memory = self->memory;

  if (check_memory_problem(memory) == NULL)
    check_memory_called(memory,
                        attention_run(dtype, &c->shape, &self->batch, &self->kv, self->q, self->out,
                                      self->plan, self->plan_data, self->workspace,
                                      check_memory_stream(memory)),
                        "attention_run");
  check_memory_settle(memory);
  return check_memory_download_floats(memory, dtype, self->out, c->out_elements);
}
