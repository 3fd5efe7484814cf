#include "config.h"

#include "decoder_gpu.h"

#include "clock.h"
#include "decoder_graphs.h"
#include "gpu_memory.h"
#include "float16.h"

/* Estimates of what a CUDA graph takes on the GPU: bytes of a node, and the nodes of a layer, of
 * the head, and before the first layer. */
enum { GRAPH_NODE_BYTES = 8 * 1024, LAYER_NODES = 13, HEAD_NODES = 3, LONE_NODES = 2 };
/* The library's workspace, as gemm.h has it, and kernels that are loaded when they are first used.
 */
enum { PRODUCTS_MIB = 32, KERNELS_MIB = 256 };

enum { WARM_PREFILL_ROWS = 256 };

struct DecoderGpu {
  DecoderMemory memory;
  DecoderRoom room;
  AttentionDevice attention_device;
  AttentionPlan *attention; /* of the prepared step */
  StepUpload upload;
  DecoderGraphs *graphs;
  GHashTable *ready_rows, *ready_samples; /* sizes whose products ran before */
  guint32 max_sequences, max_model_len;
  guint32 num_samples; /* of the last run */
};

gboolean
decoder_gpu_check_shape(const Model *m, GError **error)
{
  if ((m->head_dim == 64 || m->head_dim == 128) && m->vocab % 8 == 0 && m->hidden % 8 == 0 &&
      m->ffn % 8 == 0)
    return TRUE;
  g_set_error(error, LIVE_ERROR, LIVE_ERROR_SHAPE,
              "%s: the GPU's kernels take heads of 64 or 128 elements and a hidden size, "
              "feed-forward width and vocabulary that are multiples of 8; found heads of %u, %u, "
              "%u and %u",
              m->name, m->head_dim, m->hidden, m->ffn, m->vocab);
  return FALSE;
}

void
decoder_gpu_add_needs(const DeviceSetup *setup, const DecoderRoom *room, Budget *budget)
{
  guint64 layers = setup->decoder->model->layers, bytes = 0;

  for (guint32 rows = 0; (rows = decoder_graph_rows_after(rows, setup->max_sequences)) > 0;)
    bytes += (2 * (LAYER_NODES * layers + LONE_NODES) + HEAD_NODES) * GRAPH_NODE_BYTES;
  decoder_memory_add_needs(setup, room, budget);
  budget_add(budget, "products", (guint64)PRODUCTS_MIB << 20);
  budget_add(budget, "kernels", (guint64)KERNELS_MIB << 20);
  budget_add(budget, "graphs", bytes);
}

DecoderGpu *
decoder_gpu_new(const DeviceSetup *setup, const KvGeometry *geometry, const DecoderRoom *room,
                const void *weights, void *pool, GError **error)
{
  DecoderGpu *d = g_new0(DecoderGpu, 1);
  int status = attention_device_query(&d->attention_device);

  d->room = *room;
  d->max_sequences = setup->max_sequences;
  d->max_model_len = setup->max_model_len;
  d->graphs = decoder_graphs_new();
  d->ready_rows = g_hash_table_new(NULL, NULL);
  d->ready_samples = g_hash_table_new(NULL, NULL);
  d->memory.weights = weights;
  d->memory.pool = pool;
  d->upload.room_bytes = room->upload_bytes;
  if (status == 0)
    status = gemm_new(&d->memory.gemm);
  if (status != 0)
    gpu_fail(error, status, "starting the products' library");
  else if ((d->upload.memory =
                gpu_allocate_host(room->upload_bytes, FALSE, "a step's inputs", error)) != NULL &&
           decoder_memory_allocate(&d->memory, setup, geometry, room, error))
    return d;
  decoder_gpu_free(d);
  return NULL;
}

void
decoder_gpu_free(DecoderGpu *d)
{
  if (d == NULL)
    return;
  decoder_graphs_free(d->graphs);
  decoder_memory_free(&d->memory);
  gpu_free_host(d->upload.memory, FALSE);
  if (d->attention != NULL)
    attention_plan_free(d->attention);
  if (d->memory.gemm != NULL)
    gemm_free(d->memory.gemm);
  g_hash_table_unref(d->ready_rows);
  g_hash_table_unref(d->ready_samples);
  g_free(d);
}

static gboolean
is_only_decodes(const StepPlan *plan)
{
  return step_plan_rows(plan) == step_plan_sequences(plan) &&
         step_plan_rows(plan) <= GPU_GRAPH_ROWS;
}

static gboolean
too_large(GError **error, const char *what, guint64 found, guint64 room)
{
  g_set_error(error, LIVE_ERROR, LIVE_ERROR_SHAPE,
              "a step has %" G_GUINT64_FORMAT " %s, and the GPU's buffers were made for %" //
              G_GUINT64_FORMAT ", as the scheduler's limits say: it was not run",
              found, what, room);
  return FALSE;
}

/* FALSE and an error if the plan exceeds the limits that the buffers are made for. */
static gboolean
check_room(const DecoderGpu *d, const StepPlan *plan, GError **error)
{
  const DecoderRoom *room = &d->room;

  if (step_plan_rows(plan) > room->rows)
    return too_large(error, "tokens", step_plan_rows(plan), room->rows);
  if (step_plan_sequences(plan) > d->max_sequences)
    return too_large(error, "sequences", step_plan_sequences(plan), d->max_sequences);
  if (plan->sample_rows->len > d->max_sequences)
    return too_large(error, "tokens to sample", plan->sample_rows->len, d->max_sequences);
  if (plan->block_table_stride > room->blocks_of_a_sequence)
    return too_large(error, "blocks of one sequence", plan->block_table_stride,
                     room->blocks_of_a_sequence);
  for (guint i = 0; i < plan->positions->len; i++)
    if ((guint32)g_array_index(plan->positions, gint32, i) >= d->max_model_len)
      return too_large(error, "as a token's position",
                       (guint64)g_array_index(plan->positions, gint32, i), d->max_model_len - 1);
  return TRUE;
}

/* Attention's plan from the lengths, which are on the host. */
static gboolean
plan_attention(DecoderGpu *d, const StepPlan *plan, guint32 padded, GError **error)
{
  const AttentionShape shape = decoder_attention_shape(&d->memory);
  const PagedKv kv = kv_geometry_layer(d->memory.geometry, d->memory.pool, 0);
  const AttentionBatch batch = {
      .num_sequences = step_plan_sequences(plan),
      .query_starts = (const int32_t *)(gconstpointer)plan->query_starts->data,
      .context_lens = (const int32_t *)(gconstpointer)plan->context_lens->data,
  };
  int status;

  g_clear_pointer(&d->attention, attention_plan_free);
  status = attention_plan_new(&d->attention_device, &shape, &kv, &batch, &d->attention);
  if (status == 0 && padded > 0)
    status = attention_plan_pad(d->attention, padded);
  if (status != 0)
    return gpu_fail(error, status, "planning attention");
  if (attention_plan_workspace_bytes(d->attention) > d->room.workspace_bytes)
    return too_large(error, "bytes of attention's workspace",
                     attention_plan_workspace_bytes(d->attention), d->room.workspace_bytes);
  return TRUE;
}

/* Sizes of products that are new: the library chooses and loads their kernels now. */
static gboolean
make_products_ready(DecoderGpu *d, const StepPlan *plan, cudaStream_t stream, gint64 *first_time_ns,
                    GError **error)
{
  gint64 start_ns = live_now_ns();
  DecoderPass pass = decoder_pass(&d->memory, &d->upload, plan, d->attention, stream);
  gboolean new_rows = g_hash_table_add(d->ready_rows, GUINT_TO_POINTER(pass.upload->rows));
  gboolean new_samples = pass.upload->samples > 0 &&
                         g_hash_table_add(d->ready_samples, GUINT_TO_POINTER(pass.upload->samples));

  if (new_rows)
    decoder_pass_products(&pass);
  if (new_samples)
    decoder_pass_head_product(&pass);
  if (new_rows || new_samples) {
    decoder_pass_keep(&pass, (int)cudaStreamSynchronize(stream), "trying products", -1);
    *first_time_ns += live_now_ns() - start_ns;
  }
  return pass.status == 0 || decoder_pass_fail(&pass, error);
}

gboolean
decoder_gpu_prepare(DecoderGpu *d, const StepPlan *plan, cudaStream_t stream, gint64 *first_time_ns,
                    GError **error)
{
  guint32 padded = is_only_decodes(plan) ? decoder_graph_rows(step_plan_rows(plan)) : 0;
  gsize attention_bytes;
  const void *attention;

  if (!check_room(d, plan, error) || !plan_attention(d, plan, padded, error))
    return FALSE;
  attention = attention_plan_data(d->attention, &attention_bytes);
  if (!step_upload_pack(&d->upload, plan, padded, attention, attention_bytes))
    return too_large(error, "bytes of inputs", d->upload.used_bytes, d->upload.room_bytes);
  return make_products_ready(d, plan, stream, first_time_ns, error);
}

/* The one copy that a step needs. */
static void
send(DecoderGpu *d, DecoderPass *pass)
{
  decoder_pass_keep(pass,
                    (int)cudaMemcpyAsync(d->memory.inputs, d->upload.memory, d->upload.used_bytes,
                                         cudaMemcpyHostToDevice, pass->stream),
                    "sending a step's inputs", -1);
}

gboolean
decoder_gpu_run(DecoderGpu *d, const StepPlan *plan, LayerGate gate, gpointer gate_data,
                cudaEvent_t head_start, cudaStream_t stream, GError **error)
{
  DecoderPass pass = decoder_pass(&d->memory, &d->upload, plan, d->attention, stream);
  gboolean graphs = is_only_decodes(plan) && gate == NULL;

  pass.gate = gate;
  pass.gate_data = gate_data;
  d->num_samples = plan->sample_rows->len;
  send(d, &pass);
  if (!graphs || !decoder_graphs_launch_layers(d->graphs, &pass))
    decoder_pass_layers(&pass);
  decoder_pass_keep(&pass, (int)cudaEventRecord(head_start, stream), "recording a time", -1);
  if (d->num_samples > 0 && (!graphs || !decoder_graphs_launch_head(d->graphs, &pass)))
    decoder_pass_head(&pass);
  return pass.status == 0 || decoder_pass_fail(&pass, error);
}

/* Makes a plan for the warm-up: one sequence of `rows` rows and `context` tokens, whose blocks are
 * all block 0 and whose KV is not written. */
static void
make_up_plan(StepPlan *plan, gint32 rows, gint32 context, guint32 blocks)
{
  const gint32 zero = 0, last_row = rows - 1;
  const gint64 nowhere = -1;
  const guint32 first = 0;
  const float uniform = 0;

  step_plan_clear(plan);
  for (gint32 i = 0; i < rows; i++) {
    g_array_append_val(plan->token_ids, zero);
    g_array_append_val(plan->positions, zero);
    g_array_append_val(plan->slots, nowhere);
  }
  g_array_append_val(plan->requests, first);
  g_array_append_val(plan->query_starts, rows);
  g_array_append_val(plan->context_lens, context);
  plan->block_table_stride = blocks;
  g_array_set_size(plan->block_tables, blocks); /* of zeros */
  g_array_append_val(plan->sample_rows, last_row);
  g_array_append_val(plan->sample_sequences, first);
  g_array_append_val(plan->uniforms, uniform);
}

/* Runs it once operation by operation; captures it padded to `padded` rows, unless that is 0. */
static gboolean
try_plan(DecoderGpu *d, const StepPlan *plan, guint32 padded, cudaStream_t stream, GError **error)
{
  gsize attention_bytes;
  const void *attention;
  gint64 first_time_ns = 0;
  DecoderPass pass;

  if (!plan_attention(d, plan, padded, error))
    return FALSE;
  attention = attention_plan_data(d->attention, &attention_bytes);
  if (!step_upload_pack(&d->upload, plan, padded, attention, attention_bytes))
    return too_large(error, "bytes of inputs", d->upload.used_bytes, d->upload.room_bytes);
  if (!make_products_ready(d, plan, stream, &first_time_ns, error))
    return FALSE;
  pass = decoder_pass(&d->memory, &d->upload, plan, d->attention, stream);
  send(d, &pass);
  decoder_pass_layers(&pass);
  decoder_pass_head(&pass);
  decoder_pass_keep(&pass, (int)cudaStreamSynchronize(stream), "a trial step", -1);
  if (padded > 0 && pass.status == 0)
    decoder_graphs_capture(d->graphs, &pass);
  return pass.status == 0 || decoder_pass_fail(&pass, error);
}

gboolean
decoder_gpu_warm_up(DecoderGpu *d, cudaStream_t stream, GError **error)
{
  const gint32 prefill_rows =
      (gint32)MIN(MIN(d->room.rows, d->max_model_len - 1), WARM_PREFILL_ROWS);
  const gint32 contexts[] = {1,
                             (gint32)d->max_model_len - 1}; /* one whole, one cut if ever one is */
  g_autoptr(StepPlan) plan = step_plan_new();

  make_up_plan(plan, prefill_rows, prefill_rows, d->room.blocks_of_a_sequence);
  if (prefill_rows > 1 && !try_plan(d, plan, 0, stream, error))
    return FALSE;
  for (guint32 rows = 0; (rows = decoder_graph_rows_after(rows, d->max_sequences)) > 0;)
    for (guint i = 0; i < G_N_ELEMENTS(contexts); i++) {
      make_up_plan(plan, 1, contexts[i], d->room.blocks_of_a_sequence);
      if (!try_plan(d, plan, rows, stream, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
decoder_gpu_logits(const DecoderGpu *d, GArray *logits)
{
  gsize n = (gsize)d->num_samples * d->memory.model->vocab;
  g_autofree guint16 *bits = g_new(guint16, MAX(n, 1));

  if (cudaMemcpy(bits, d->memory.logits, n * sizeof(guint16), cudaMemcpyDeviceToHost) !=
      cudaSuccess)
    return FALSE;
  g_array_set_size(logits, (guint)n);
  for (gsize i = 0; i < n; i++)
    g_array_index(logits, float, i) = float16_to_float(d->memory.dtype, bits[i]);
  return TRUE;
}

const gint32 *
decoder_gpu_sampled(const DecoderGpu *d)
{
  return d->memory.sampled;
}
