#include "config.h"

#include "decoder_gpu.h"

#include <math.h>

#include "kernels/attention.h"
#include "kernels/gemm.h"
#include "kernels/transformer.h"
#include "rope_table.h"
#include "weights_gpu.h"

struct DecoderGpu {
  const DecoderConfig *config;
  const Model *model;
  const WeightLayout *layout;
  const KvGeometry *geometry;
  const char *weights;
  Dtype dtype;
  gsize q_width, qkv_width;
  SamplingParams sampling;
  Gemm *gemm;
  AttentionDevice attention_device;
  AttentionPlan *attention_plan;
  void *attention_workspace;
  gsize attention_workspace_bytes;
  float *cos_sin;
  char *inputs; /* the upload, on the GPU */
  gsize inputs_bytes;
  char *rows_head; /* ids and positions and slots of graphs: fixed places, whatever the upload */
  GraphUse graph_use;
  guint32 graph_rows; /* of the largest graph */
  void *residual, *hidden, *qkv, *attended, *gate_up, *activated, *sampled_rows, *logits;
  gint32 *sampled;
  guint32 num_samples;      /* of the last run */
  guint buckets;            /* numbers of rows that batches are padded to, with or without graphs */
  cudaGraphExec_t **graphs; /* of a bucket: layers + 1; NULL: not captured yet */
  gboolean *warm;           /* of a bucket: ran once without, so that products have their plans */
  gboolean no_graphs;       /* this CUDA has none, or none are wanted */
};

/* One pass. The first thing that fails is kept. */
typedef struct {
  DecoderGpu *d;
  guint32 rows;
  const int32_t *token_ids, *positions;
  const int64_t *slots;
  void *pool;
  cudaStream_t stream;
  int status;
} Pass;

Dtype
decoder_gpu_dtype(const Model *model)
{
  return g_str_equal(model->dtype, "float16") ? DTYPE_FP16 : DTYPE_BF16;
}

static const void *
weight(const DecoderGpu *d, gsize offset)
{
  return d->weights + offset * sizeof(guint16);
}

static void
keep(Pass *p, int status)
{
  if (p->status == 0)
    p->status = status;
}

static void
product(Pass *p, const void *in, gsize weight_offset, gsize m, gsize n, gsize k, void *out)
{
  const GemmProblem problem = {
      .dtype = p->d->dtype,
      .m = m,
      .n = n,
      .k = k,
      .in = in,
      .weights = weight(p->d, weight_offset),
      .out = out,
  };

  keep(p, gemm_run(p->d->gemm, &problem, p->stream));
}

/* From a layer's normed input to its KV in the pool. */
static void
before_attention(Pass *p, guint32 index)
{
  DecoderGpu *d = p->d;
  const Model *m = d->model;
  const LayerWeights *layer = &g_array_index(d->layout->layers, LayerWeights, index);
  PagedKv kv = kv_geometry_layer(d->geometry, p->pool, index);
  float epsilon = (float)d->config->rms_epsilon;
  guint16 *q = d->qkv, *k = q + d->q_width, *v = k + (gsize)m->kv_heads * m->head_dim;

  product(p, d->hidden, layer->qkv, p->rows, d->qkv_width, m->hidden, d->qkv);
  if (m->qkv_bias)
    keep(p, bias(d->dtype, d->qkv, weight(d, layer->qkv_bias), p->rows, d->qkv_width, d->qkv_width,
                 p->stream));
  if (m->qk_norm) {
    keep(p, head_rms_norm(d->dtype, q, weight(d, layer->q_norm), p->rows, d->qkv_width, m->heads,
                          m->head_dim, epsilon, p->stream));
    keep(p, head_rms_norm(d->dtype, k, weight(d, layer->k_norm), p->rows, d->qkv_width, m->kv_heads,
                          m->head_dim, epsilon, p->stream));
  }
  keep(p, rope(d->dtype, d->qkv, d->cos_sin, p->positions, p->rows, d->qkv_width,
               m->heads + m->kv_heads, m->head_dim, m->head_dim, p->stream));
  keep(p, kv_write(d->dtype, &kv, k, v, d->qkv_width, p->slots, p->rows, p->stream));
}

/* From attention's output to the next layer's normed input. */
static void
after_attention(Pass *p, guint32 index)
{
  DecoderGpu *d = p->d;
  const Model *m = d->model;
  const LayerWeights *layer = &g_array_index(d->layout->layers, LayerWeights, index);
  gsize next_norm = index + 1 < m->layers
                        ? g_array_index(d->layout->layers, LayerWeights, index + 1).input_norm
                        : d->layout->final_norm;
  float epsilon = (float)d->config->rms_epsilon;

  product(p, d->attended, layer->output, p->rows, m->hidden, d->q_width, d->hidden);
  keep(p, residual_rms_norm(d->dtype, d->hidden, d->residual, weight(d, layer->post_norm), p->rows,
                            m->hidden, epsilon, d->hidden, p->stream));
  product(p, d->hidden, layer->gate_up, p->rows, 2 * (gsize)m->ffn, m->hidden, d->gate_up);
  keep(p, silu_gate(d->dtype, d->gate_up, p->rows, m->ffn, d->activated, p->stream));
  product(p, d->activated, layer->down, p->rows, m->hidden, m->ffn, d->hidden);
  keep(p, residual_rms_norm(d->dtype, d->hidden, d->residual, weight(d, next_norm), p->rows,
                            m->hidden, epsilon, d->hidden, p->stream));
}

/* Segment 0 begins the step, segment i follows the attention of layer i - 1. */
static void
run_segment(Pass *p, guint32 segment)
{
  DecoderGpu *d = p->d;
  const Model *m = d->model;

  if (segment == 0) {
    keep(p, embedding(d->dtype, weight(d, d->layout->embedding), p->token_ids, p->rows, m->hidden,
                      d->residual, p->stream));
    keep(p, rms_norm(d->dtype, d->residual,
                     weight(d, g_array_index(d->layout->layers, LayerWeights, 0).input_norm),
                     p->rows, m->hidden, (float)d->config->rms_epsilon, d->hidden, p->stream));
  } else {
    after_attention(p, segment - 1);
  }
  if (segment < m->layers)
    before_attention(p, segment);
}

static guint
bucket_of(guint32 padded_rows)
{
  return padded_rows <= 4 ? (padded_rows + 1) / 2 : 2 + padded_rows / 8;
}

/* One segment, captured. What it reads is at places that stay. */
static void
capture_segment(Pass *p, guint32 segment, cudaGraphExec_t *exec)
{
  cudaGraph_t graph = NULL;

  run_segment(p, segment);
  keep(p, (int)cudaStreamEndCapture(p->stream, &graph));
  if (p->status == 0)
    keep(p, (int)cudaGraphInstantiate(exec, graph, 0));
  if (graph != NULL)
    cudaGraphDestroy(graph);
}

/* All segments of a number of rows. FALSE where CUDA captures nothing: they run one by one then. */
static gboolean
capture(Pass *p, guint bucket)
{
  DecoderGpu *d = p->d;
  guint32 n = d->model->layers + 1;

  d->graphs[bucket] = g_new0(cudaGraphExec_t, n);
  for (guint32 i = 0; i < n && p->status == 0; i++) {
    cudaError_t status = cudaStreamBeginCapture(p->stream, cudaStreamCaptureModeThreadLocal);
    if (status == cudaErrorNotSupported && i == 0) {
      d->no_graphs = TRUE;
      g_clear_pointer(&d->graphs[bucket], g_free);
      return FALSE;
    }
    keep(p, (int)status);
    if (p->status == 0)
      capture_segment(p, i, &d->graphs[bucket][i]);
  }
  return TRUE;
}

/* Whether the step is padded to a number of rows that graphs are for. */
static gboolean
is_padded(const DecoderGpu *d, const StepPlan *plan)
{
  return step_plan_rows(plan) <= d->graph_rows &&
         (d->graph_use == GRAPHS_ALWAYS || step_plan_rows(plan) == step_plan_sequences(plan));
}

static void
run_attention(Pass *p, const StepPlan *plan, const StepUpload *upload, guint32 layer)
{
  DecoderGpu *d = p->d;
  const AttentionBatch batch = step_upload_batch(upload, plan, d->inputs);
  const AttentionShape shape = {
      .heads = d->model->heads,
      .scale = (float)(1 / sqrt(d->model->head_dim)),
      .q_row_stride = d->qkv_width,
      .out_row_stride = d->q_width,
  };
  PagedKv kv = kv_geometry_layer(d->geometry, p->pool, layer);

  keep(p, attention_run(d->dtype, &shape, &batch, &kv, d->qkv, d->attended, d->attention_plan,
                        d->inputs + upload->attention_plan, d->attention_workspace, p->stream));
}

static void
run_head(Pass *p, const StepPlan *plan, const StepUpload *upload)
{
  DecoderGpu *d = p->d;
  gsize n = plan->sample_rows->len, vocab = d->model->vocab;

  d->num_samples = (guint32)n;
  if (n == 0)
    return;
  /* The rows that are sampled, side by side: the norm's output is the table that they are from. */
  keep(p, embedding(d->dtype, d->hidden,
                    (const int32_t *)(gconstpointer)(d->inputs + upload->sample_rows), n,
                    d->model->hidden, d->sampled_rows, p->stream));
  product(p, d->sampled_rows, d->layout->head, n, vocab, d->model->hidden, d->logits);
  keep(p,
       sample(d->dtype, d->logits, n, vocab, vocab, &d->sampling,
              (const float *)(gconstpointer)(d->inputs + upload->uniforms), d->sampled, p->stream));
}

gboolean
decoder_gpu_prepare(DecoderGpu *d, const StepPlan *plan, StepUpload *upload, GError **error)
{
  guint32 rows =
      is_padded(d, plan) ? step_upload_padded_rows(step_plan_rows(plan)) : step_plan_rows(plan);
  const AttentionShape shape = {
      .heads = d->model->heads,
      .scale = (float)(1 / sqrt(d->model->head_dim)),
      .q_row_stride = d->qkv_width,
      .out_row_stride = d->q_width,
  };
  PagedKv kv = kv_geometry_layer(d->geometry, NULL, 0);
  AttentionBatch batch;
  const void *data;
  size_t num_bytes, workspace_bytes;
  int status;

  step_upload_pack(upload, plan, rows);
  batch = step_upload_batch(upload, plan, upload->bytes->data);
  g_clear_pointer(&d->attention_plan, attention_plan_free);
  status = attention_plan_new(&d->attention_device, &shape, &kv, &batch, &d->attention_plan);
  if (status != 0)
    return gpu_fail(error, status, "planning attention");
  data = attention_plan_data(d->attention_plan, &num_bytes);
  step_upload_add_attention(upload, data, num_bytes);
  workspace_bytes = attention_plan_workspace_bytes(d->attention_plan);
  if (workspace_bytes > d->attention_workspace_bytes) {
    cudaFree(d->attention_workspace);
    d->attention_workspace_bytes = 2 * workspace_bytes;
    d->attention_workspace =
        gpu_allocate(d->attention_workspace_bytes, "attention's workspace", error);
    if (d->attention_workspace == NULL)
      return FALSE;
  }
  if (upload->bytes->len > d->inputs_bytes) {
    cudaFree(d->inputs);
    d->inputs_bytes = 2 * (gsize)upload->bytes->len;
    d->inputs = gpu_allocate(d->inputs_bytes, "a step's inputs", error);
    if (d->inputs == NULL)
      return FALSE;
  }
  return TRUE;
}

/* Ids, positions and slots of padded steps, at the fixed places that graphs read. */
static void
fix_places(Pass *p, const StepUpload *upload)
{
  DecoderGpu *d = p->d;
  char *slots = d->rows_head, *ids = slots + d->graph_rows * sizeof(gint64),
       *positions = ids + d->graph_rows * sizeof(gint32);

  keep(p, (int)cudaMemcpyAsync(ids, d->inputs + upload->token_ids, p->rows * sizeof(gint32),
                               cudaMemcpyDeviceToDevice, p->stream));
  keep(p, (int)cudaMemcpyAsync(positions, d->inputs + upload->positions, p->rows * sizeof(gint32),
                               cudaMemcpyDeviceToDevice, p->stream));
  keep(p, (int)cudaMemcpyAsync(slots, d->inputs + upload->slots, p->rows * sizeof(gint64),
                               cudaMemcpyDeviceToDevice, p->stream));
  p->token_ids = (const int32_t *)(gpointer)ids;
  p->positions = (const int32_t *)(gpointer)positions;
  p->slots = (const int64_t *)(gpointer)slots;
}

gboolean
decoder_gpu_run(DecoderGpu *d, const StepPlan *plan, const StepUpload *upload, void *pool,
                LayerGate gate, gpointer gate_data, cudaEvent_t head_start, cudaStream_t stream,
                GError **error)
{
  Pass p = {
      .d = d,
      .rows = upload->rows,
      .token_ids = (const int32_t *)(gpointer)(d->inputs + upload->token_ids),
      .positions = (const int32_t *)(gpointer)(d->inputs + upload->positions),
      .slots = (const int64_t *)(gpointer)(d->inputs + upload->slots),
      .pool = pool,
      .stream = stream,
  };
  gboolean padded = is_padded(d, plan);
  guint bucket = padded ? bucket_of(upload->rows) : 0;
  gboolean graphs = padded && d->warm[bucket] && !d->no_graphs;

  keep(&p, (int)cudaMemcpyAsync(d->inputs, upload->bytes->data, upload->bytes->len,
                                cudaMemcpyHostToDevice, stream));
  if (padded)
    fix_places(&p, upload);
  if (graphs && d->graphs[bucket] == NULL)
    graphs = capture(&p, bucket);
  for (guint32 i = 0; i <= d->model->layers && p.status == 0; i++) {
    if (i < d->model->layers && gate != NULL && !gate(gate_data, i, stream))
      keep(&p, cudaErrorUnknown);
    if (graphs && p.status == 0)
      keep(&p, (int)cudaGraphLaunch(d->graphs[bucket][i], stream));
    else if (p.status == 0)
      run_segment(&p, i);
    if (i < d->model->layers && p.status == 0)
      run_attention(&p, plan, upload, i);
  }
  if (padded)
    d->warm[bucket] = TRUE;
  keep(&p, (int)cudaEventRecord(head_start, stream));
  run_head(&p, plan, upload);
  return p.status == 0 || gpu_fail(error, p.status, "a step");
}

gboolean
decoder_gpu_logits(const DecoderGpu *d, GArray *logits)
{
  gsize n = (gsize)d->num_samples * d->model->vocab;
  g_autofree guint16 *bits = g_new(guint16, MAX(n, 1));

  if (cudaMemcpy(bits, d->logits, n * sizeof(guint16), cudaMemcpyDeviceToHost) != cudaSuccess)
    return FALSE;
  g_array_set_size(logits, (guint)n);
  for (gsize i = 0; i < n; i++)
    g_array_index(logits, float, i) = weight_to_float(d->dtype, bits[i]);
  return TRUE;
}

const gint32 *
decoder_gpu_sampled(const DecoderGpu *d)
{
  return d->sampled;
}

static gboolean
check_shape(const Model *m, GError **error)
{
  if ((m->head_dim == 64 || m->head_dim == 128) && m->vocab % 8 == 0 && m->hidden % 8 == 0 &&
      m->ffn % 8 == 0 && m->heads / m->kv_heads <= 16)
    return TRUE;
  g_set_error(error, LIVE_ERROR, LIVE_ERROR_SHAPE,
              "%s: the GPU's kernels take heads of 64 or 128 elements, at most 16 of them to a KV "
              "head, and a hidden size, feed-forward width and vocabulary that are multiples of 8; "
              "found heads of %u, %u to a KV head, %u, %u and %u",
              m->name, m->head_dim, m->heads / m->kv_heads, m->hidden, m->ffn, m->vocab);
  return FALSE;
}

static gboolean
allocate_activations(DecoderGpu *d, const DeviceSetup *setup, GError **error)
{
  const Model *m = d->model;
  gsize rows = MAX(setup->max_rows, d->graph_rows);
  const struct {
    void **place;
    gsize elements;
  } buffers[] = {
      {&d->residual, rows * m->hidden},
      {&d->hidden, rows * MAX(m->hidden, d->q_width)},
      {&d->qkv, rows * d->qkv_width},
      {&d->attended, rows * d->q_width},
      {&d->gate_up, rows * 2 * m->ffn},
      {&d->activated, rows * m->ffn},
      {&d->sampled_rows, (gsize)setup->max_sequences * m->hidden},
      {&d->logits, (gsize)setup->max_sequences * m->vocab},
      {(void **)&d->sampled, 2 * (gsize)setup->max_sequences},
  };

  for (guint i = 0; i < G_N_ELEMENTS(buffers); i++) {
    *buffers[i].place = gpu_allocate(buffers[i].elements * sizeof(guint16), "activations", error);
    if (*buffers[i].place == NULL)
      return FALSE;
  }
  d->rows_head =
      gpu_allocate(d->graph_rows * (2 * sizeof(gint32) + sizeof(gint64)), "a step's inputs", error);
  return d->rows_head != NULL;
}

static gboolean
upload_rope(DecoderGpu *d, guint32 positions, GError **error)
{
  gsize bytes = (gsize)positions * d->model->head_dim * sizeof(float);
  g_autofree float *table = rope_table_new(&d->config->rope, d->model->head_dim, positions);
  cudaError_t status;

  d->cos_sin = gpu_allocate(bytes, "rotary embedding", error);
  if (d->cos_sin == NULL)
    return FALSE;
  status = cudaMemcpy(d->cos_sin, table, bytes, cudaMemcpyHostToDevice);
  return status == cudaSuccess || gpu_fail(error, (int)status, "rotary embedding");
}

static void
plan_graphs(DecoderGpu *d, const DeviceSetup *setup)
{
  guint32 rows =
      setup->graphs == GRAPHS_ALWAYS ? setup->max_rows : MIN(setup->max_sequences, GPU_GRAPH_ROWS);

  d->graph_use = setup->graphs;
  d->no_graphs = setup->graphs == GRAPHS_NEVER;
  d->graph_rows = step_upload_padded_rows(MAX(rows, 1));
  d->buckets = bucket_of(d->graph_rows) + 1;
  d->graphs = g_new0(cudaGraphExec_t *, d->buckets);
  d->warm = g_new0(gboolean, d->buckets);
}

DecoderGpu *
decoder_gpu_new(const DeviceSetup *setup, const KvGeometry *geometry, const void *weights,
                GError **error)
{
  DecoderGpu *d = g_new0(DecoderGpu, 1);
  const Model *m = setup->decoder->model;
  int status;

  d->config = setup->decoder;
  d->model = m;
  d->layout = setup->layout;
  d->geometry = geometry;
  d->weights = weights;
  d->dtype = decoder_gpu_dtype(m);
  d->q_width = (gsize)m->heads * m->head_dim;
  d->qkv_width = d->q_width + 2 * (gsize)m->kv_heads * m->head_dim;
  d->sampling = setup->sampling;
  plan_graphs(d, setup);
  if (!check_shape(m, error)) {
    decoder_gpu_free(d);
    return NULL;
  }
  status = attention_device_query(&d->attention_device);
  if (status == 0)
    status = gemm_new(&d->gemm);
  if (status != 0) {
    gpu_fail(error, status, "starting on the GPU");
    decoder_gpu_free(d);
    return NULL;
  }
  if (allocate_activations(d, setup, error) && upload_rope(d, setup->max_model_len, error))
    return d;
  decoder_gpu_free(d);
  return NULL;
}

void
decoder_gpu_free(DecoderGpu *d)
{
  void *const memory[] = {d->attention_workspace,
                          d->cos_sin,
                          d->inputs,
                          d->rows_head,
                          d->residual,
                          d->hidden,
                          d->qkv,
                          d->attended,
                          d->gate_up,
                          d->activated,
                          d->sampled_rows,
                          d->logits,
                          d->sampled};

  for (guint b = 0; b < d->buckets; b++) {
    for (guint32 i = 0; d->graphs[b] != NULL && i <= d->model->layers; i++)
      if (d->graphs[b][i] != NULL)
        cudaGraphExecDestroy(d->graphs[b][i]);
    g_free(d->graphs[b]);
  }
  g_free(d->graphs);
  g_free(d->warm);
  for (guint i = 0; i < G_N_ELEMENTS(memory); i++)
    cudaFree(memory[i]);
  if (d->attention_plan != NULL)
    attention_plan_free(d->attention_plan);
  if (d->gemm != NULL)
    gemm_free(d->gemm);
  g_free(d);
}
