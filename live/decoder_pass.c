#include "config.h"

#include "decoder_pass.h"

#include <math.h>

#include "gpu_memory.h"
#include "kernels/transformer.h"

static const void *
weight(const DecoderPass *p, gsize offset)
{
  return p->memory->weights + offset * sizeof(guint16);
}

static const LayerWeights *
layer_weights(const DecoderPass *p, guint32 layer)
{
  return &g_array_index(p->memory->layout->layers, LayerWeights, layer);
}

static const int32_t *
int32s(const DecoderPass *p, gsize offset)
{
  return (const int32_t *)(gconstpointer)(p->memory->inputs + offset);
}

void
decoder_pass_keep(DecoderPass *p, int status, const char *what, gint32 layer)
{
  if (p->status != 0 || status == 0)
    return;
  p->status = status;
  p->failed = what;
  p->failed_layer = layer;
}

gboolean
decoder_pass_fail(const DecoderPass *p, GError **error)
{
  g_autofree char *what = p->failed_layer < 0
                              ? g_strdup(p->failed)
                              : g_strdup_printf("%s of layer %d", p->failed, p->failed_layer);

  return gpu_fail(error, p->status, what);
}

AttentionShape
decoder_attention_shape(const DecoderMemory *memory)
{
  return (AttentionShape){
      .heads = memory->model->heads,
      .scale = (float)(1 / sqrt(memory->model->head_dim)),
      .q_row_stride = memory->qkv_width,
      .out_row_stride = memory->q_width,
  };
}

DecoderPass
decoder_pass(const DecoderMemory *memory, const StepUpload *upload, const StepPlan *plan,
             const AttentionPlan *attention, cudaStream_t stream)
{
  return (DecoderPass){
      .memory = memory,
      .upload = upload,
      .batch = step_upload_batch(upload, plan, memory->inputs),
      .attention = attention,
      .stream = stream,
      .failed_layer = -1,
  };
}

static int
product(const DecoderPass *p, const void *in, gsize weight_offset, gsize m, gsize n, gsize k,
        void *out)
{
  const GemmProblem problem = {
      .dtype = p->memory->dtype,
      .m = m,
      .n = n,
      .k = k,
      .in = in,
      .weights = weight(p, weight_offset),
      .out = out,
  };

  return gemm_run(p->memory->gemm, &problem, p->stream);
}

static int
product_qkv(const DecoderPass *p, guint32 layer)
{
  const DecoderMemory *d = p->memory;

  return product(p, d->hidden, layer_weights(p, layer)->qkv, p->upload->rows, d->qkv_width,
                 d->model->hidden, d->qkv);
}

static int
product_output(const DecoderPass *p, guint32 layer)
{
  const DecoderMemory *d = p->memory;

  return product(p, d->attended, layer_weights(p, layer)->output, p->upload->rows, d->model->hidden,
                 d->q_width, d->hidden);
}

static int
product_gate_up(const DecoderPass *p, guint32 layer)
{
  const DecoderMemory *d = p->memory;

  return product(p, d->hidden, layer_weights(p, layer)->gate_up, p->upload->rows,
                 2 * (gsize)d->model->ffn, d->model->hidden, d->gate_up);
}

static int
product_down(const DecoderPass *p, guint32 layer)
{
  const DecoderMemory *d = p->memory;

  return product(p, d->activated, layer_weights(p, layer)->down, p->upload->rows, d->model->hidden,
                 d->model->ffn, d->hidden);
}

static int
product_head(const DecoderPass *p)
{
  const DecoderMemory *d = p->memory;

  return product(p, d->sampled_rows, d->layout->head, p->upload->samples, d->model->vocab,
                 d->model->hidden, d->logits);
}

/* From a layer's normed input to its KV in the pool. */
static void
before_attention(DecoderPass *p, guint32 index)
{
  const DecoderMemory *d = p->memory;
  const Model *m = d->model;
  const LayerWeights *layer = layer_weights(p, index);
  const gint32 at = (gint32)index;
  const guint32 rows = p->upload->rows;
  PagedKv kv = kv_geometry_layer(d->geometry, d->pool, index);
  float epsilon = (float)d->config->rms_epsilon;
  guint16 *q = d->qkv, *k = q + d->q_width, *v = k + (gsize)m->kv_heads * m->head_dim;

  decoder_pass_keep(p, product_qkv(p, index), "the product for q, k and v", at);
  if (m->qkv_bias)
    decoder_pass_keep(p,
                      bias(d->dtype, d->qkv, weight(p, layer->qkv_bias), rows, d->qkv_width,
                           d->qkv_width, p->stream),
                      "the bias", at);
  if (m->qk_norm) {
    decoder_pass_keep(p,
                      head_rms_norm(d->dtype, q, weight(p, layer->q_norm), rows, d->qkv_width,
                                    m->heads, m->head_dim, epsilon, p->stream),
                      "the norm of q", at);
    decoder_pass_keep(p,
                      head_rms_norm(d->dtype, k, weight(p, layer->k_norm), rows, d->qkv_width,
                                    m->kv_heads, m->head_dim, epsilon, p->stream),
                      "the norm of k", at);
  }
  decoder_pass_keep(p,
                    rope(d->dtype, d->qkv, d->cos_sin, int32s(p, p->upload->positions), rows,
                         d->qkv_width, m->heads + m->kv_heads, m->head_dim, m->head_dim, p->stream),
                    "the rotary embedding", at);
  if (p->gate != NULL && p->status == 0)
    decoder_pass_keep(p, p->gate(p->gate_data, index, p->stream), "waiting for the copies", at);
  decoder_pass_keep(p,
                    kv_write(d->dtype, &kv, k, v, d->qkv_width,
                             (const int64_t *)(gconstpointer)(d->inputs + p->upload->slots), rows,
                             p->stream),
                    "the KV write", at);
}

static void
attend(DecoderPass *p, guint32 index)
{
  const DecoderMemory *d = p->memory;
  const AttentionShape shape = decoder_attention_shape(d);
  PagedKv kv = kv_geometry_layer(d->geometry, d->pool, index);

  decoder_pass_keep(p,
                    attention_run(d->dtype, &shape, &p->batch, &kv, d->qkv, d->attended,
                                  p->attention, d->inputs + p->upload->attention_plan,
                                  d->attention_workspace, p->stream),
                    "attention", (gint32)index);
}

/* From attention's output to the next layer's normed input. */
static void
after_attention(DecoderPass *p, guint32 index)
{
  const DecoderMemory *d = p->memory;
  const Model *m = d->model;
  const LayerWeights *layer = layer_weights(p, index);
  const gint32 at = (gint32)index;
  const guint32 rows = p->upload->rows;
  gsize next_norm =
      index + 1 < m->layers ? layer_weights(p, index + 1)->input_norm : d->layout->final_norm;
  float epsilon = (float)d->config->rms_epsilon;

  decoder_pass_keep(p, product_output(p, index), "the output product", at);
  decoder_pass_keep(p,
                    residual_rms_norm(d->dtype, d->hidden, d->residual, weight(p, layer->post_norm),
                                      rows, m->hidden, epsilon, d->hidden, p->stream),
                    "the second norm", at);
  decoder_pass_keep(p, product_gate_up(p, index), "the product for gate and up", at);
  decoder_pass_keep(p, silu_gate(d->dtype, d->gate_up, rows, m->ffn, d->activated, p->stream),
                    "the activation", at);
  decoder_pass_keep(p, product_down(p, index), "the down product", at);
  decoder_pass_keep(p,
                    residual_rms_norm(d->dtype, d->hidden, d->residual, weight(p, next_norm), rows,
                                      m->hidden, epsilon, d->hidden, p->stream),
                    "the norm behind", at);
}

void
decoder_pass_layers(DecoderPass *p)
{
  const DecoderMemory *d = p->memory;
  const Model *m = d->model;

  decoder_pass_keep(p,
                    embedding(d->dtype, weight(p, d->layout->embedding),
                              int32s(p, p->upload->token_ids), p->upload->rows, m->hidden,
                              d->residual, p->stream),
                    "the embedding", -1);
  decoder_pass_keep(p,
                    rms_norm(d->dtype, d->residual, weight(p, layer_weights(p, 0)->input_norm),
                             p->upload->rows, m->hidden, (float)d->config->rms_epsilon, d->hidden,
                             p->stream),
                    "the first norm", -1);
  for (guint32 i = 0; i < m->layers && p->status == 0; i++) {
    before_attention(p, i);
    attend(p, i);
    after_attention(p, i);
  }
}

void
decoder_pass_head(DecoderPass *p)
{
  const DecoderMemory *d = p->memory;
  gsize n = p->upload->samples, vocab = d->model->vocab;

  if (n == 0 || p->status != 0)
    return;
  /* The rows that are sampled, side by side: the norm's output is the table that they are from. */
  decoder_pass_keep(p,
                    embedding(d->dtype, d->hidden, int32s(p, p->upload->sample_rows), n,
                              d->model->hidden, d->sampled_rows, p->stream),
                    "gathering the rows that are sampled", -1);
  decoder_pass_keep(p, product_head(p), "the head's product", -1);
  decoder_pass_keep(p,
                    sample(d->dtype, d->logits, n, vocab, vocab, &d->sampling,
                           (const float *)(gconstpointer)(d->inputs + p->upload->uniforms),
                           d->sampled, p->stream),
                    "sampling", -1);
}

void
decoder_pass_products(DecoderPass *p)
{
  decoder_pass_keep(p, product_qkv(p, 0), "the product for q, k and v", 0);
  decoder_pass_keep(p, product_output(p, 0), "the output product", 0);
  decoder_pass_keep(p, product_gate_up(p, 0), "the product for gate and up", 0);
  decoder_pass_keep(p, product_down(p, 0), "the down product", 0);
}

void
decoder_pass_head_product(DecoderPass *p)
{
  decoder_pass_keep(p, product_head(p), "the head's product", -1);
}
