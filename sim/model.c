/* Sizes of a decoder model from its shape.
 *
 * A layer has three kinds of parameters: matrices every token passes, matrices of experts, of which
 * a token passes some, and small vectors (norms, biases). All sums are exact and agree with the
 * counts that the models are published with. The reader of config.json bounds every field so that
 * no product here overflows 64 bits.
 */
#include "model.h"

void
model_free(Model *model)
{
  if (model == NULL)
    return;
  g_free(model->name);
  g_free(model->dtype);
  g_free(model);
}

Model *
model_copy(const Model *model)
{
  Model *copy = g_new(Model, 1);

  *copy = *model;
  copy->name = g_strdup(model->name);
  copy->dtype = g_strdup(model->dtype);
  return copy;
}

/* Columns of the fused query, key and value projection. */
static guint64
qkv_width(const Model *model)
{
  return ((guint64)model->heads + 2 * (guint64)model->kv_heads) * model->head_dim;
}

/* Matrices of one layer that every token passes: attention, and the router or the dense part. */
static guint64
shared_matrices(const Model *model)
{
  guint64 attention = model->hidden * (qkv_width(model) + (guint64)model->heads * model->head_dim);

  return model->experts > 0 ? attention + (guint64)model->hidden * model->experts : attention;
}

/* The matrices of one feed-forward part: a layer has one, or one per expert. */
static guint64
ffn_matrices(const Model *model)
{
  return (model->gated_ffn ? 3 : 2) * (guint64)model->hidden * model->ffn;
}

/* The matrices of one layer when `experts` of its experts count (a dense layer has one part). */
static guint64
layer_matrices(const Model *model, guint32 experts)
{
  return shared_matrices(model) + (model->experts > 0 ? experts : 1) * ffn_matrices(model);
}

static guint64
layer_vectors(const Model *model)
{
  guint64 vectors = 2 * (guint64)model->hidden;

  if (model->all_bias)
    vectors += 2 * (guint64)model->hidden         /* the norms' biases */
               + qkv_width(model) + model->hidden /* attention */
               + model->ffn + model->hidden;      /* feed-forward */
  else if (model->qkv_bias)
    vectors += qkv_width(model);
  if (model->qk_norm)
    vectors += 2 * (guint64)model->head_dim;
  return vectors;
}

/* What lies outside the layers: tables, output head, final norm. */
static guint64
outer_parameters(const Model *model)
{
  guint64 table = (guint64)model->vocab * model->hidden;

  return (model->tied_embeddings ? 1 : 2) * table +
         (guint64)model->learned_positions * model->hidden +
         (model->all_bias ? 2 : 1) * (guint64)model->hidden;
}

static guint64
parameters(const Model *model, guint32 experts)
{
  return model->layers * (layer_matrices(model, experts) + layer_vectors(model)) +
         outer_parameters(model);
}

guint64
model_parameters(const Model *model)
{
  return parameters(model, model->experts);
}

guint64
model_active_parameters(const Model *model)
{
  return parameters(model, model->active_experts);
}

guint64
model_weight_bytes(const Model *model)
{
  guint64 matrices = model->layers * layer_matrices(model, model->experts);

  return matrices / 8 * model->weight_bits + matrices % 8 * model->weight_bits / 8 +
         2 * (model_parameters(model) - matrices);
}

gboolean
model_set_kv_cache_dtype(Model *model, const char *name)
{
  static const struct {
    const char *name;
    guint32 bits; /* 0: as they are */
  } dtypes[] = {{"auto", 0}, {"float16", 16}, {"bfloat16", 16},
                {"fp8", 8},  {"fp8_e4m3", 8}, {"fp8_e5m2", 8}};

  for (guint i = 0; i < G_N_ELEMENTS(dtypes); i++)
    if (g_str_equal(dtypes[i].name, name)) {
      model->kv_bits = dtypes[i].bits > 0 ? dtypes[i].bits : model->kv_bits;
      return TRUE;
    }
  return FALSE;
}

guint64
model_kv_bytes_per_token(const Model *model)
{
  return 2 * (guint64)model->layers * model->kv_heads * model->head_dim * model->kv_bits / 8;
}

double
model_linear_flops_per_token(const Model *model)
{
  return 2.0 * model->layers * (double)layer_matrices(model, model->active_experts);
}

double
model_head_flops(const Model *model)
{
  return 2.0 * model->vocab * model->hidden;
}

double
model_attention_flops(const Model *model, double new_tokens, double cached_tokens)
{
  return 4.0 * model->layers * model->heads * model->head_dim *
         (new_tokens * cached_tokens + new_tokens * (new_tokens + 1) / 2);
}
