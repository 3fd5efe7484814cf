#include "weights.h"

#include <stdarg.h>

G_DEFINE_QUARK(spillway - weights - error, weights_error)

typedef struct {
  WeightLayout *layout;
  guint32 layer;
} Builder;

static void
align(Builder *b)
{
  b->layout->elements = (b->layout->elements + WEIGHT_ALIGN - 1) / WEIGHT_ALIGN * WEIGHT_ALIGN;
}

/* Appends a tensor right behind the one before: ranges of rows of one matrix follow each other. */
static gsize
append(Builder *b, const char *name, guint64 rows, guint64 columns)
{
  WeightTensor tensor = {
      .name = g_strdup(name),
      .rows = rows,
      .columns = columns,
      .offset = b->layout->elements,
  };

  b->layout->elements += rows * columns;
  g_array_append_val(b->layout->tensors, tensor);
  return tensor.offset;
}

static gsize
append_of_layer(Builder *b, const char *name, guint64 rows, guint64 columns)
{
  g_autofree char *full = g_strdup_printf("model.layers.%u.%s", b->layer, name);

  return append(b, full, rows, columns);
}

static void
mark_vector(Builder *b, gboolean is_norm)
{
  WeightTensor *tensor =
      &g_array_index(b->layout->tensors, WeightTensor, b->layout->tensors->len - 1);

  tensor->is_vector = TRUE;
  tensor->is_norm = is_norm;
}

static gsize
append_norm(Builder *b, const char *name, guint64 width)
{
  gsize offset = append_of_layer(b, name, 1, width);

  mark_vector(b, TRUE);
  align(b);
  return offset;
}

static gsize
append_bias(Builder *b, const char *name, guint64 width)
{
  gsize offset = append_of_layer(b, name, 1, width);

  mark_vector(b, FALSE);
  return offset;
}

static void
append_layer(Builder *b, const Model *m)
{
  guint64 q = (guint64)m->heads * m->head_dim, kv = (guint64)m->kv_heads * m->head_dim;
  LayerWeights layer = {0};

  layer.input_norm = append_norm(b, "input_layernorm.weight", m->hidden);
  layer.qkv = append_of_layer(b, "self_attn.q_proj.weight", q, m->hidden);
  append_of_layer(b, "self_attn.k_proj.weight", kv, m->hidden);
  append_of_layer(b, "self_attn.v_proj.weight", kv, m->hidden);
  align(b);
  if (m->qkv_bias) {
    layer.qkv_bias = append_bias(b, "self_attn.q_proj.bias", q);
    append_bias(b, "self_attn.k_proj.bias", kv);
    append_bias(b, "self_attn.v_proj.bias", kv);
    align(b);
  }
  if (m->qk_norm) {
    layer.q_norm = append_norm(b, "self_attn.q_norm.weight", m->head_dim);
    layer.k_norm = append_norm(b, "self_attn.k_norm.weight", m->head_dim);
  }
  layer.output = append_of_layer(b, "self_attn.o_proj.weight", m->hidden, q);
  align(b);
  layer.post_norm = append_norm(b, "post_attention_layernorm.weight", m->hidden);
  layer.gate_up = append_of_layer(b, "mlp.gate_proj.weight", m->ffn, m->hidden);
  append_of_layer(b, "mlp.up_proj.weight", m->ffn, m->hidden);
  align(b);
  layer.down = append_of_layer(b, "mlp.down_proj.weight", m->hidden, m->ffn);
  align(b);
  g_array_append_val(b->layout->layers, layer);
}

static void
tensor_clear(gpointer tensor)
{
  g_free(((WeightTensor *)tensor)->name);
}

WeightLayout *
weight_layout_new(const Model *model)
{
  WeightLayout *layout = g_new0(WeightLayout, 1);
  Builder b = {.layout = layout};

  layout->tensors = g_array_new(FALSE, FALSE, sizeof(WeightTensor));
  g_array_set_clear_func(layout->tensors, tensor_clear);
  layout->layers = g_array_new(FALSE, FALSE, sizeof(LayerWeights));
  layout->embedding = append(&b, "model.embed_tokens.weight", model->vocab, model->hidden);
  align(&b);
  for (b.layer = 0; b.layer < model->layers; b.layer++)
    append_layer(&b, model);
  layout->final_norm = append(&b, "model.norm.weight", 1, model->hidden);
  mark_vector(&b, TRUE);
  align(&b);
  layout->head = model->tied_embeddings ? layout->embedding
                                        : append(&b, "lm_head.weight", model->vocab, model->hidden);
  align(&b);
  return layout;
}

void
weight_layout_free(WeightLayout *layout)
{
  if (layout == NULL)
    return;
  g_array_unref(layout->tensors);
  g_array_unref(layout->layers);
  g_free(layout);
}

float *
weights_load(const WeightLayout *layout, WeightSource *source, GError **error)
{
  g_autofree float *arena = g_try_new0(float, layout->elements);

  if (arena == NULL) {
    g_set_error(error, WEIGHTS_ERROR, WEIGHTS_ERROR_INPUT,
                "there is no memory for %.1f GiB of weights; run a smaller model",
                (double)layout->elements * sizeof(float) / (1024.0 * 1024 * 1024));
    return NULL;
  }
  for (guint i = 0; i < layout->tensors->len; i++) {
    const WeightTensor *tensor = &g_array_index(layout->tensors, WeightTensor, i);
    if (!weight_source_read(source, tensor, 0, (gsize)(tensor->rows * tensor->columns),
                            arena + tensor->offset, error))
      return NULL;
  }
  return g_steal_pointer(&arena);
}
