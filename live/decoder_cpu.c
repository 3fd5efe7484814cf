#include "config.h"

#include "decoder_cpu.h"

#include <math.h>
#include <string.h>

#include "kernels/attention.h"
#include "kernels/gemm.h"
#include "kernels/transformer.h"
#include "clock.h"
#include "rope_table.h"

struct DecoderCpu {
  const DecoderConfig *config;
  const WeightLayout *layout;
  const float *weights;
  float *cos_sin;
  GArray *residual, *hidden, *qkv, *attended, *gate_up, *activated, *sampled; /* of float */
};

/* One pass through all layers. */
typedef struct {
  DecoderCpu *decoder;
  const Model *model;
  const StepPlan *plan;
  const KvGeometry *geometry;
  void *pool;
  CpuCopies *copies; /* made layer by layer; NULL: none are */
  gsize rows, qkv_width, q_width;
  float *residual, *hidden, *qkv, *attended, *gate_up, *activated;
  DeviceTimes *times;
  gint64 since_ns;
} Pass;

DecoderCpu *
decoder_cpu_new(const DecoderConfig *config, const WeightLayout *layout, const float *weights,
                guint32 max_model_len)
{
  DecoderCpu *decoder = g_new0(DecoderCpu, 1);
  GArray **scratch[] = {&decoder->residual, &decoder->hidden,  &decoder->qkv,
                        &decoder->attended, &decoder->gate_up, &decoder->activated,
                        &decoder->sampled};

  decoder->config = config;
  decoder->layout = layout;
  decoder->weights = weights;
  decoder->cos_sin = rope_table_new(&config->rope, config->model->head_dim, max_model_len);
  for (guint i = 0; i < G_N_ELEMENTS(scratch); i++)
    *scratch[i] = g_array_new(FALSE, FALSE, sizeof(float));
  return decoder;
}

void
decoder_cpu_free(DecoderCpu *decoder)
{
  if (decoder == NULL)
    return;
  g_array_unref(decoder->residual);
  g_array_unref(decoder->hidden);
  g_array_unref(decoder->qkv);
  g_array_unref(decoder->attended);
  g_array_unref(decoder->gate_up);
  g_array_unref(decoder->activated);
  g_array_unref(decoder->sampled);
  g_free(decoder->cos_sin);
  g_free(decoder);
}

/* The time since the last call belongs to this component. */
static void
took(Pass *p, CostComponent component)
{
  gint64 now_ns = live_worked_ns();

  p->times->component_ns[component] += now_ns - p->since_ns;
  p->since_ns = now_ns;
}

static float *
floats(GArray *array, gsize n)
{
  g_array_set_size(array, (guint)n);
  return (float *)(gpointer)array->data;
}

/* Norms of each head of q and of k, in place. */
static void
norm_heads(Pass *p, const LayerWeights *layer)
{
  const Model *m = p->model;
  const float *weights = p->decoder->weights;
  float epsilon = (float)p->decoder->config->rms_epsilon;

  for (gsize row = 0; row < p->rows; row++) {
    float *q = p->qkv + row * p->qkv_width, *k = q + p->q_width;
    rms_norm_reference(q, weights + layer->q_norm, m->heads, m->head_dim, epsilon, q);
    rms_norm_reference(k, weights + layer->k_norm, m->kv_heads, m->head_dim, epsilon, k);
  }
}

/* The layer's copies, before its KV is touched. */
static gboolean
copy_layer(Pass *p, guint32 index, GError **error)
{
  gboolean is_back;

  if (p->copies == NULL)
    return TRUE;
  took(p, COST_ELEMENTWISE);
  cpu_copies_layer_out(p->copies, p->plan, index);
  took(p, COST_SWAP_OUT);
  is_back = cpu_copies_layer_in(p->copies, p->plan, index, error);
  took(p, COST_SWAP_IN);
  return is_back;
}

static void
attend(Pass *p, guint32 index)
{
  const Model *m = p->model;
  const StepPlan *plan = p->plan;
  const AttentionBatch batch = {
      .num_sequences = step_plan_sequences(plan),
      .query_starts = (const int32_t *)(gconstpointer)plan->query_starts->data,
      .context_lens = (const int32_t *)(gconstpointer)plan->context_lens->data,
      .block_tables = (const int32_t *)(gconstpointer)plan->block_tables->data,
      .block_table_stride = plan->block_table_stride,
  };
  const AttentionShape shape = {
      .heads = m->heads,
      .scale = (float)(1 / sqrt(m->head_dim)),
      .q_row_stride = p->qkv_width,
      .out_row_stride = p->q_width,
  };
  PagedKv kv = kv_geometry_layer(p->geometry, p->pool, index);
  const float *k = p->qkv + p->q_width, *v = k + (gsize)m->kv_heads * m->head_dim;

  /* All rows' KV first: a sequence may read what another one writes in this very step. */
  kv_write_reference(&kv, k, v, p->qkv_width, (const int64_t *)(gconstpointer)plan->slots->data,
                     p->rows);
  took(p, COST_ELEMENTWISE);
  attention_reference(&shape, &batch, &kv, p->qkv, p->attended);
  took(p, COST_ATTENTION);
}

static gboolean
run_layer(Pass *p, guint32 index, GError **error)
{
  const Model *m = p->model;
  const float *weights = p->decoder->weights;
  const LayerWeights *layer = &g_array_index(p->decoder->layout->layers, LayerWeights, index);
  float epsilon = (float)p->decoder->config->rms_epsilon;

  gemm_reference(p->hidden, weights + layer->qkv, p->rows, p->qkv_width, m->hidden, p->qkv);
  took(p, COST_LINEAR);
  if (m->qkv_bias)
    bias_reference(p->qkv, weights + layer->qkv_bias, p->rows, p->qkv_width, p->qkv_width);
  if (m->qk_norm)
    norm_heads(p, layer);
  rope_reference(p->qkv, p->decoder->cos_sin,
                 (const int32_t *)(gconstpointer)p->plan->positions->data, p->rows, p->qkv_width,
                 m->heads + m->kv_heads, m->head_dim, m->head_dim);
  if (!copy_layer(p, index, error))
    return FALSE;
  attend(p, index);
  gemm_reference(p->attended, weights + layer->output, p->rows, m->hidden, p->q_width, p->hidden);
  took(p, COST_LINEAR);
  residual_rms_norm_reference(p->hidden, p->residual, weights + layer->post_norm, p->rows,
                              m->hidden, epsilon, p->hidden);
  took(p, COST_ELEMENTWISE);
  gemm_reference(p->hidden, weights + layer->gate_up, p->rows, 2 * (gsize)m->ffn, m->hidden,
                 p->gate_up);
  took(p, COST_LINEAR);
  silu_gate_reference(p->gate_up, p->rows, m->ffn, p->activated);
  took(p, COST_ELEMENTWISE);
  gemm_reference(p->activated, weights + layer->down, p->rows, m->hidden, m->ffn, p->hidden);
  took(p, COST_LINEAR);
  return TRUE;
}

/* The norm before the next layer, or before the head. */
static void
add_and_norm(Pass *p, gsize weight)
{
  residual_rms_norm_reference(p->hidden, p->residual, p->decoder->weights + weight, p->rows,
                              p->model->hidden, (float)p->decoder->config->rms_epsilon, p->hidden);
  took(p, COST_ELEMENTWISE);
}

static void
run_head(Pass *p, GArray *logits)
{
  const Model *m = p->model;
  guint n = p->plan->sample_rows->len;
  float *rows = floats(p->decoder->sampled, (gsize)n * m->hidden);

  for (guint i = 0; i < n; i++)
    memcpy(rows + (gsize)i * m->hidden,
           p->hidden + (gsize)g_array_index(p->plan->sample_rows, gint32, i) * m->hidden,
           m->hidden * sizeof(float));
  gemm_reference(rows, p->decoder->weights + p->decoder->layout->head, n, m->vocab, m->hidden,
                 floats(logits, (gsize)n * m->vocab));
  took(p, COST_HEAD);
}

gboolean
decoder_cpu_run(DecoderCpu *decoder, const StepPlan *plan, const KvGeometry *geometry, void *pool,
                CpuCopies *layer_copies, GArray *logits, DeviceTimes *times, GError **error)
{
  const Model *m = decoder->config->model;
  gsize rows = step_plan_rows(plan);
  gsize q_width = (gsize)m->heads * m->head_dim;
  gsize qkv_width = q_width + 2 * (gsize)m->kv_heads * m->head_dim;
  Pass p = {
      .decoder = decoder,
      .model = m,
      .plan = plan,
      .geometry = geometry,
      .pool = pool,
      .copies = layer_copies,
      .rows = rows,
      .q_width = q_width,
      .qkv_width = qkv_width,
      .residual = floats(decoder->residual, rows * m->hidden),
      .hidden = floats(decoder->hidden, rows * m->hidden),
      .qkv = floats(decoder->qkv, rows * qkv_width),
      .attended = floats(decoder->attended, rows * q_width),
      .gate_up = floats(decoder->gate_up, rows * 2 * m->ffn),
      .activated = floats(decoder->activated, rows * m->ffn),
      .times = times,
      .since_ns = live_worked_ns(),
  };

  embedding_reference(decoder->weights + decoder->layout->embedding,
                      (const int32_t *)(gconstpointer)plan->token_ids->data, rows, m->hidden,
                      p.residual);
  for (guint32 i = 0; i < m->layers; i++) {
    const LayerWeights *layer = &g_array_index(decoder->layout->layers, LayerWeights, i);
    if (i > 0)
      add_and_norm(&p, layer->input_norm);
    else
      rms_norm_reference(p.residual, decoder->weights + layer->input_norm, rows, m->hidden,
                         (float)decoder->config->rms_epsilon, p.hidden);
    if (!run_layer(&p, i, error))
      return FALSE;
  }
  add_and_norm(&p, decoder->layout->final_norm);
  run_head(&p, logits);
  return TRUE;
}
