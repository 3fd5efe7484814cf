#include "config.h"

#include "decoder_memory.h"

#include <stddef.h>

#include "decoder_graphs.h"
#include "gpu_memory.h"
#include "rope_table.h"

enum { ACTIVATIONS = 9 };

Dtype
decoder_dtype(const Model *model)
{
  return g_str_equal(model->dtype, "float16") ? DTYPE_FP16 : DTYPE_BF16;
}

static gsize
q_width_of(const Model *m)
{
  return (gsize)m->heads * m->head_dim;
}

static gsize
qkv_width_of(const Model *m)
{
  return q_width_of(m) + 2 * (gsize)m->kv_heads * m->head_dim;
}

DecoderRoom
decoder_room(const DeviceSetup *setup, const KvGeometry *geometry, const AttentionDevice *device)
{
  const DecoderMemory shapes = {.model = setup->decoder->model,
                                .q_width = q_width_of(setup->decoder->model),
                                .qkv_width = qkv_width_of(setup->decoder->model)};
  const AttentionShape shape = decoder_attention_shape(&shapes);
  const PagedKv kv = kv_geometry_layer(geometry, NULL, 0);
  const guint32 padded = decoder_graph_rows(MIN(setup->max_sequences, GPU_GRAPH_ROWS));
  DecoderRoom room = {
      .rows = MAX(setup->max_rows, padded),
      .sequences = MAX(setup->max_sequences, padded),
      .blocks_of_a_sequence = setup->max_model_len / setup->block_size + 2,
  };

  attention_plan_most_bytes(device, &shape, &kv, room.rows, room.sequences, &room.attention_bytes,
                            &room.workspace_bytes);
  room.upload_bytes = step_upload_most_bytes(room.rows, room.sequences, room.blocks_of_a_sequence,
                                             room.attention_bytes);
  return room;
}

typedef struct {
  gsize place; /* of a pointer in DecoderMemory */
  gsize bytes;
} Buffer;

static void
list_activations(const Model *m, const DecoderRoom *room, Buffer buffers[ACTIVATIONS])
{
  const gsize q = q_width_of(m), rows = room->rows, samples = room->sequences;
  const Buffer list[ACTIVATIONS] = {
      {offsetof(DecoderMemory, residual), rows * m->hidden * sizeof(guint16)},
      {offsetof(DecoderMemory, hidden), rows * MAX(m->hidden, q) * sizeof(guint16)},
      {offsetof(DecoderMemory, qkv), rows * qkv_width_of(m) * sizeof(guint16)},
      {offsetof(DecoderMemory, attended), rows * q * sizeof(guint16)},
      {offsetof(DecoderMemory, gate_up), rows * 2 * m->ffn * sizeof(guint16)},
      {offsetof(DecoderMemory, activated), rows * m->ffn * sizeof(guint16)},
      {offsetof(DecoderMemory, sampled_rows), samples * m->hidden * sizeof(guint16)},
      {offsetof(DecoderMemory, logits), samples * m->vocab * sizeof(guint16)},
      {offsetof(DecoderMemory, sampled), samples * sizeof(gint32)},
  };

  for (guint i = 0; i < ACTIVATIONS; i++)
    buffers[i] = list[i];
}

static gsize
rope_bytes(const DeviceSetup *setup)
{
  return (gsize)setup->max_model_len * setup->decoder->model->head_dim * sizeof(float);
}

void
decoder_memory_add_needs(const DeviceSetup *setup, const DecoderRoom *room, Budget *budget)
{
  Buffer buffers[ACTIVATIONS];
  guint64 bytes = rope_bytes(setup);

  list_activations(setup->decoder->model, room, buffers);
  for (guint i = 0; i < ACTIVATIONS; i++)
    bytes += buffers[i].bytes;
  budget_add(budget, "activations", bytes);
  budget_add(budget, "attention and a step's inputs", room->workspace_bytes + room->upload_bytes);
}

static void **
place_of(DecoderMemory *memory, const Buffer *buffer)
{
  return (void **)(gpointer)((char *)memory + buffer->place);
}

static gboolean
upload_rope(DecoderMemory *memory, const DeviceSetup *setup, GError **error)
{
  g_autofree float *table =
      rope_table_new(&memory->config->rope, memory->model->head_dim, setup->max_model_len);
  cudaError_t status;

  memory->cos_sin = gpu_allocate(rope_bytes(setup), "the rotary embedding", error);
  if (memory->cos_sin == NULL)
    return FALSE;
  status = cudaMemcpy(memory->cos_sin, table, rope_bytes(setup), cudaMemcpyHostToDevice);
  return status == cudaSuccess || gpu_fail(error, (int)status, "copying the rotary embedding");
}

gboolean
decoder_memory_allocate(DecoderMemory *memory, const DeviceSetup *setup, const KvGeometry *geometry,
                        const DecoderRoom *room, GError **error)
{
  Buffer buffers[ACTIVATIONS];

  memory->config = setup->decoder;
  memory->model = setup->decoder->model;
  memory->layout = setup->layout;
  memory->geometry = geometry;
  memory->dtype = decoder_dtype(memory->model);
  memory->q_width = q_width_of(memory->model);
  memory->qkv_width = qkv_width_of(memory->model);
  memory->sampling = setup->sampling;
  list_activations(memory->model, room, buffers);
  for (guint i = 0; i < ACTIVATIONS; i++)
    if ((*place_of(memory, &buffers[i]) = gpu_allocate(buffers[i].bytes, "activations", error)) ==
        NULL)
      return FALSE;
  return (memory->inputs = gpu_allocate(room->upload_bytes, "a step's inputs", error)) != NULL &&
         (memory->attention_workspace =
              gpu_allocate(room->workspace_bytes, "attention's workspace", error)) != NULL &&
         upload_rope(memory, setup, error);
}

void
decoder_memory_free(DecoderMemory *memory)
{
  const DecoderRoom none = {0};
  Buffer buffers[ACTIVATIONS];

  if (memory->model == NULL)
    return;
  list_activations(memory->model, &none, buffers);
  for (guint i = 0; i < ACTIVATIONS; i++)
    cudaFree(*place_of(memory, &buffers[i]));
  cudaFree(memory->inputs);
  cudaFree(memory->attention_workspace);
  cudaFree(memory->cos_sin);
}
