#include "layer_traits.h"

/* The matrix of a module; `module` and `name` as in layers.3.MODULE.NAME. */
static Matrix *
add(LayerMaker *maker, const char *module, const char *name, guint64 n, guint64 k,
    MatrixSplit split)
{
  Layer *layer = &maker->layer;
  g_autofree char *path = g_strdup_printf("%slayers.%u.%s.%s", maker->is_draft ? "mtp." : "",
                                          maker->index, module, name);
  Matrix *matrix = &layer->matrices[layer->n_matrices++];

  g_assert(layer->n_matrices <= LAYER_MATRICES);
  *matrix = (Matrix){.n = n,
                     .k = k,
                     .copies = 1,
                     .active = 1,
                     .pieces = 1,
                     .split = split,
                     .format = *quantization_format(maker->quantization, path)};
  return matrix;
}

/* A matrix that no method quantizes. */
static Matrix *
add_plain(LayerMaker *maker, guint64 n, guint64 k, MatrixSplit split)
{
  Matrix *matrix = add(maker, "", "", n, k, split);

  matrix->format = *quantization_plain(maker->quantization);
  return matrix;
}

void
layer_begin(LayerMaker *maker, guint32 index, guint64 norm_elements)
{
  maker->index = index;
  maker->layer = (Layer){.vectors = norm_elements};
}

void
layer_end(LayerMaker *maker)
{
  model_add_layer(maker->model, &maker->layer);
}

void
layer_begin_draft(LayerMaker *maker, guint64 norm_elements)
{
  guint64 hidden = maker->model->hidden;
  Matrix *input;

  layer_begin(maker, 0, norm_elements + 3 * hidden);
  input = add_plain(maker, hidden, 2 * hidden, SPLIT_OUTPUTS);
  input->format = *quantization_format(maker->quantization, "mtp.fc");
  /* Checkpoints in NVFP4 have it at 16 bits without saying so (vLLM pull request 38650). */
  if (g_str_equal(input->format.name, "nvfp4"))
    input->format = *quantization_plain(maker->quantization);
  maker->is_draft = TRUE;
}

void
layer_end_draft(LayerMaker *maker, guint32 count)
{
  maker->is_draft = FALSE;
  maker->model->draft = maker->layer;
  maker->model->draft_layers = count;
}

/* An indexer that picks blocks of tokens (MiniMax-M3): a query for each KV head, and a key, each
 * with a norm. */
static void
add_block_indexer(LayerMaker *maker, const AttentionTraits *t)
{
  guint64 hidden = maker->model->hidden, width = (guint64)t->index_heads * t->index_dim;

  add(maker, t->module, "index_q_proj", width, hidden, SPLIT_OUTPUTS)->kv_n = width;
  add(maker, t->module, "index_k_proj", t->index_dim, hidden, SPLIT_NONE);
  maker->layer.vectors += 2 * (guint64)t->index_dim;
}

void
layer_attention(LayerMaker *maker, const AttentionTraits *t)
{
  guint64 hidden = maker->model->hidden, q = (guint64)t->heads * t->head_dim;
  guint64 out = (guint64)t->heads * t->value_dim;
  gboolean without = t->borrows_kv && !t->keeps_kv;
  guint64 kv = without           ? 0
               : t->value_is_key ? (guint64)t->kv_heads * t->head_dim
                                 : (guint64)t->kv_heads * (t->head_dim + t->value_dim);
  guint64 made = (t->query_rank > 0 ? t->query_rank : q) + (t->gates ? out : 0) + kv;
  /* Every rank has all of a product that the queries' own begins with. */
  Matrix *qkv =
      add(maker, t->module, t->query, made, hidden, t->query_rank > 0 ? SPLIT_NONE : SPLIT_OUTPUTS);

  qkv->kv_n = kv;
  qkv->pieces = without ? 1 : t->value_is_key ? 2 : 3;
  if (t->query_rank > 0)
    add(maker, t->module, "wq", q, t->query_rank, SPLIT_OUTPUTS);
  if (t->head_gates > 0)
    add(maker, t->module, "g_proj", t->head_gates, hidden, SPLIT_OUTPUTS);
  add(maker, t->module, t->output, hidden, out, SPLIT_INPUTS);
  if (t->index_tokens > 0)
    add_block_indexer(maker, t);
  maker->layer.mixer = (Mixer){.kind = t->index_tokens > 0 ? MIXER_SPARSE : t->kind,
                               .heads = t->heads,
                               .kv_heads = t->kv_heads,
                               .head_dim = t->head_dim,
                               .value_dim = t->value_dim,
                               .window = t->index_tokens > 0     ? t->index_tokens
                                         : t->kind == MIXER_FULL ? 0
                                                                 : t->window,
                               .index_heads = t->index_heads,
                               .index_dim = t->index_dim,
                               .borrows_kv = t->borrows_kv,
                               .normed = t->qk_norm != QK_NORM_NONE,
                               .normed_wide = t->qk_norm == QK_NORM_WIDTH};
  maker->layer.n_mixer_matrices = maker->layer.n_matrices;
  maker->layer.vectors +=
      (t->qkv_bias ? made : 0) + (t->output_bias ? hidden : 0) + t->extra_vectors + t->query_rank;
  if (t->qk_norm == QK_NORM_HEAD)
    maker->layer.vectors += (without ? 1 : 2) * (guint64)t->head_dim;
  else if (t->qk_norm == QK_NORM_HEADS || t->qk_norm == QK_NORM_WIDTH)
    maker->layer.vectors += q + (without ? 0 : (guint64)t->kv_heads * t->head_dim);
}

void
layer_latent(LayerMaker *maker, const LatentTraits *t)
{
  guint64 hidden = maker->model->hidden;
  guint64 q = (guint64)t->heads * (t->nope_dim + t->rope_dim);
  guint64 kv = (guint64)t->heads * (t->nope_dim + t->value_dim);

  if (t->query_rank > 0) {
    /* Engines fuse the two ways down; every rank has both. */
    add(maker, t->module, "kv_a_proj_with_mqa", t->query_rank + t->kv_rank + t->rope_dim, hidden,
        SPLIT_NONE)
        ->pieces = 2;
    add(maker, t->module, "q_b_proj", q, t->query_rank, SPLIT_OUTPUTS);
  } else {
    add(maker, t->module, "q_proj", q, hidden, SPLIT_OUTPUTS);
    add(maker, t->module, "kv_a_proj_with_mqa", t->kv_rank + t->rope_dim, hidden, SPLIT_NONE);
  }
  add(maker, t->module, "kv_b_proj", kv, t->kv_rank, SPLIT_OUTPUTS);
  if (t->gates)
    add(maker, t->module, "g_proj", (guint64)t->heads * t->value_dim, hidden, SPLIT_OUTPUTS);
  if (t->head_gates)
    add(maker, t->module, "g_proj", t->heads, hidden, SPLIT_OUTPUTS);
  add(maker, t->module, t->output != NULL ? t->output : "o_proj", hidden,
      (guint64)t->heads * t->value_dim, SPLIT_INPUTS);
  maker->layer.mixer = (Mixer){.kind = t->index_tokens > 0 ? MIXER_SPARSE : MIXER_LATENT,
                               .heads = t->heads,
                               .kv_heads = 1,
                               .head_dim = t->nope_dim + t->rope_dim,
                               .value_dim = t->value_dim,
                               .latent_dim = t->kv_rank,
                               .rope_dim = t->rope_dim,
                               .window = t->index_tokens,
                               .index_heads = t->index_heads,
                               .index_dim = t->index_dim};
  maker->layer.n_mixer_matrices = maker->layer.n_matrices;
  maker->layer.vectors += t->query_rank + t->kv_rank;
  if (t->bias)
    maker->layer.vectors += t->query_rank + t->kv_rank + t->rope_dim + hidden;
  if (t->index_dim == 0)
    return;
  /* The indexer: queries of the query's rank, keys of the input with a norm, weights of heads. */
  add(maker, t->module, "indexer.wq_b", (guint64)t->index_heads * t->index_dim, t->query_rank,
      SPLIT_NONE);
  add(maker, t->module, "indexer.wk", t->index_dim, hidden, SPLIT_NONE);
  add(maker, t->module, "indexer.weights_proj", t->index_heads, hidden, SPLIT_NONE);
  maker->layer.n_mixer_matrices = maker->layer.n_matrices;
  maker->layer.vectors += 2 * (guint64)t->index_dim;
}

/* What makes an entry of `width` elements of the inputs of its tokens: values and the weights that
 * they are summed by, of twice as many tokens where entries overlap (ratio 4), a bias a place, a
 * norm. */
static void
add_compressor(LayerMaker *maker, guint32 ratio, guint32 width)
{
  guint64 made = (guint64)width * (ratio == MIXER_OVERLAPPED_RATIO ? 2 : 1);

  add_plain(maker, 2 * made, maker->model->hidden, SPLIT_NONE)->pieces = 2;
  maker->layer.vectors += ratio * made + width;
}

void
layer_compressed(LayerMaker *maker, const CompressedTraits *t)
{
  guint64 hidden = maker->model->hidden, q = (guint64)t->heads * t->head_dim;
  guint64 outputs = (guint64)t->output_groups * t->output_rank;

  /* Engines fuse the query's way down and the vector; every rank has both. */
  add(maker, t->module, "wq_a", t->query_rank + t->head_dim, hidden, SPLIT_NONE)->pieces = 2;
  add(maker, t->module, "wq_b", q, t->query_rank, SPLIT_OUTPUTS);
  add(maker, t->module, "wo_a", outputs, q / t->output_groups, SPLIT_OUTPUTS);
  add(maker, t->module, "wo_b", hidden, outputs, SPLIT_INPUTS);
  maker->layer.vectors += t->query_rank + t->head_dim + t->heads; /* norms, sinks */
  if (t->ratio > 0)
    add_compressor(maker, t->ratio, t->head_dim);
  if (t->picked > 0) {
    add(maker, t->module, "indexer.wq_b", (guint64)t->index_heads * t->index_dim, t->query_rank,
        SPLIT_NONE);
    add_plain(maker, t->index_heads, hidden, SPLIT_NONE);
    add_compressor(maker, t->ratio, t->index_dim);
  }
  maker->layer.mixer = (Mixer){.kind = MIXER_COMPRESSED,
                               .heads = t->heads,
                               .kv_heads = 1,
                               .head_dim = t->head_dim,
                               .value_dim = t->head_dim,
                               .rope_dim = t->rope_dim,
                               .groups = t->output_groups,
                               .window = t->window,
                               .ratio = t->ratio,
                               .picked = t->picked,
                               .index_heads = t->picked > 0 ? t->index_heads : 0,
                               .index_dim = t->picked > 0 ? t->index_dim : 0};
  maker->layer.n_mixer_matrices = maker->layer.n_matrices;
}

/* A selective scan with a step and B, C that depend on the input (Mamba). */
static void
add_mamba(LayerMaker *maker, const RecurrentTraits *t)
{
  guint64 hidden = maker->model->hidden, inner = (guint64)t->heads * t->head_dim;

  add(maker, t->module, "in_proj", 2 * inner, hidden, SPLIT_OUTPUTS)->pieces = 2;
  add(maker, t->module, "x_proj", t->step_rank + 2 * (guint64)t->state, inner, SPLIT_INPUTS);
  add(maker, t->module, "dt_proj", inner, t->step_rank, SPLIT_OUTPUTS);
  add(maker, t->module, "out_proj", hidden, inner, SPLIT_INPUTS);
  maker->layer.mixer.state_elements = inner * t->state;
  maker->layer.mixer.window_elements = inner * (t->kernel - 1);
  maker->layer.vectors += inner * t->kernel + (t->conv_bias ? inner : 0) /* convolution */
                          + inner                                        /* of the step */
                          + inner * t->state + inner                     /* A, D */
                          + (t->bias ? 2 * inner + hidden : 0) +
                          (t->inner_norms ? t->step_rank + 2 * (guint64)t->state : 0);
}

/* The same with one scalar A a head (Mamba 2). */
static void
add_mamba2(LayerMaker *maker, const RecurrentTraits *t)
{
  guint64 hidden = maker->model->hidden, inner = (guint64)t->heads * t->head_dim;
  guint64 convolved = inner + 2 * (guint64)t->groups * t->state;
  guint64 made = inner + convolved + t->heads;

  add(maker, t->module, "in_proj", made, hidden, SPLIT_OUTPUTS);
  add(maker, t->module, "out_proj", hidden, inner, SPLIT_INPUTS);
  maker->layer.mixer.state_elements = inner * t->state;
  maker->layer.mixer.window_elements = convolved * (t->kernel - 1);
  maker->layer.vectors += convolved * t->kernel + (t->conv_bias ? convolved : 0) +
                          3 * (guint64)t->heads       /* A, D, the step's bias */
                          + (t->unnormed ? 0 : inner) /* norm */
                          + (t->bias ? made + hidden : 0);
}

/* Gated delta rule: `groups` heads of q and k, `heads` of v, z, b and a. */
static void
add_delta(LayerMaker *maker, const RecurrentTraits *t)
{
  guint64 hidden = maker->model->hidden, value = (guint64)t->heads * t->head_dim;
  guint64 key = (guint64)t->groups * t->state;

  if (t->split_products) {
    add(maker, t->module, "in_proj_qkv", 2 * key + value, hidden, SPLIT_OUTPUTS);
    add(maker, t->module, "in_proj_z", value, hidden, SPLIT_OUTPUTS);
    add(maker, t->module, "in_proj_b", 2 * (guint64)t->heads, hidden, SPLIT_OUTPUTS)->pieces = 2;
  } else {
    add(maker, t->module, "in_proj_qkvz", 2 * key + 2 * value, hidden, SPLIT_OUTPUTS);
    add(maker, t->module, "in_proj_ba", 2 * (guint64)t->heads, hidden, SPLIT_OUTPUTS);
  }
  add(maker, t->module, "out_proj", hidden, value, SPLIT_INPUTS);
  maker->layer.mixer.state_elements = value * t->state;
  maker->layer.mixer.window_elements = (2 * key + value) * (t->kernel - 1);
  maker->layer.vectors += (2 * key + value) * t->kernel + 2 * (guint64)t->heads /* A, step */
                          + t->head_dim;                                        /* norm */
}

/* Kimi's delta attention: the decay of each element of a key comes from a product of rank head_dim,
 * the gate from another, or either from one of full rank; q, k and v are convolved. */
static void
add_kda(LayerMaker *maker, const RecurrentTraits *t)
{
  guint64 hidden = maker->model->hidden, width = (guint64)t->heads * t->head_dim;

  add(maker, t->module, "q_proj", 3 * width, hidden, SPLIT_OUTPUTS)->pieces = 3;
  if (t->full_decay) {
    add(maker, t->module, "f_proj", width, hidden, SPLIT_OUTPUTS);
  } else {
    add(maker, t->module, "f_a_proj", t->head_dim, hidden, SPLIT_NONE);
    add(maker, t->module, "f_b_proj", width, t->head_dim, SPLIT_OUTPUTS);
  }
  add(maker, t->module, "b_proj", t->heads, hidden, SPLIT_OUTPUTS);
  if (t->full_gate) {
    add(maker, t->module, "g_proj", width, hidden, SPLIT_OUTPUTS);
  } else {
    add(maker, t->module, "g_a_proj", t->head_dim, hidden, SPLIT_NONE);
    add(maker, t->module, "g_b_proj", width, t->head_dim, SPLIT_OUTPUTS);
  }
  add(maker, t->module, "o_proj", hidden, width, SPLIT_INPUTS);
  maker->layer.mixer.state_elements = width * t->state;
  maker->layer.mixer.window_elements = 3 * width * (t->kernel - 1);
  maker->layer.vectors += 3 * width * t->kernel + width + t->heads /* the step's bias, A */
                          + t->head_dim;                           /* norm */
}

/* Lightning attention: q, k and v of whole heads, a gate of their width, a norm. */
static void
add_lightning(LayerMaker *maker, const RecurrentTraits *t)
{
  guint64 hidden = maker->model->hidden, width = (guint64)t->heads * t->head_dim;

  add(maker, t->module, t->query, 3 * width, hidden, SPLIT_OUTPUTS);
  add(maker, t->module, t->gate, width, hidden, SPLIT_OUTPUTS);
  add(maker, t->module, t->output, hidden, width, SPLIT_INPUTS);
  maker->layer.mixer.state_elements = width * t->state;
  maker->layer.vectors += width + (t->qk_norm ? 2 * (guint64)t->head_dim : 0);
}

/* A convolution of few tokens between two gates. */
static void
add_conv(LayerMaker *maker, const RecurrentTraits *t)
{
  guint64 hidden = maker->model->hidden, width = (guint64)t->heads * t->head_dim;

  add(maker, t->module, "in_proj", 3 * width, hidden, SPLIT_OUTPUTS)->pieces = 3;
  add(maker, t->module, "out_proj", hidden, width, SPLIT_INPUTS);
  maker->layer.mixer.window_elements = width * (t->kernel - 1);
  maker->layer.vectors += width * t->kernel + (t->bias ? 4 * width + hidden : 0);
}

void
layer_recurrent(LayerMaker *maker, const RecurrentTraits *t)
{
  maker->layer.mixer = (Mixer){.kind = MIXER_RECURRENT,
                               .heads = t->heads,
                               .head_dim = t->state,
                               .value_dim = t->head_dim,
                               .recurrent = t->kind,
                               .groups = t->groups,
                               .conv_width = t->kernel,
                               .state_bits = t->state_bits,
                               .window_bits = 16};
  if (t->kind == RECURRENT_MAMBA)
    add_mamba(maker, t);
  else if (t->kind == RECURRENT_MAMBA2)
    add_mamba2(maker, t);
  else if (t->kind == RECURRENT_KDA)
    add_kda(maker, t);
  else if (t->kind == RECURRENT_LIGHTNING)
    add_lightning(maker, t);
  else if (t->kind == RECURRENT_CONV)
    add_conv(maker, t);
  else
    add_delta(maker, t);
  maker->layer.n_mixer_matrices = maker->layer.n_matrices;
}

static void
add_pair(LayerMaker *maker, const char *module, const char *up, const char *down, guint32 width,
         gboolean gated, guint64 inner)
{
  add(maker, module, up, (gated ? 2 : 1) * (guint64)width, inner, SPLIT_OUTPUTS)->pieces =
      gated ? 2 : 1;
  add(maker, module, down, inner, width, SPLIT_INPUTS);
}

void
layer_dense(LayerMaker *maker, const DenseTraits *t)
{
  guint64 hidden = maker->model->hidden;

  add_pair(maker, t->module, t->up, t->down, t->width, t->gated, hidden);
  maker->layer.ffn = t->width;
  maker->layer.gated = t->gated;
  maker->layer.parallel = t->parallel;
  if (t->bias)
    maker->layer.vectors += (t->gated ? 2 : 1) * (guint64)t->width + hidden;
}

void
layer_experts(LayerMaker *maker, const ExpertTraits *t)
{
  guint64 hidden = maker->model->hidden, inner = t->latent > 0 ? t->latent : hidden;
  Layer *layer = &maker->layer;
  guint first;

  add_plain(maker, t->experts_count + t->idle, hidden, SPLIT_NONE);
  if (t->latent > 0 && t->plain_latent) {
    add_plain(maker, t->latent, hidden, SPLIT_NONE);
    add_plain(maker, hidden, t->latent, SPLIT_NONE);
  } else if (t->latent > 0) {
    add(maker, t->module, "fc1_latent_proj", t->latent, hidden, SPLIT_NONE);
    add(maker, t->module, "fc2_latent_proj", hidden, t->latent, SPLIT_NONE);
  }
  first = layer->n_matrices;
  add_pair(maker, t->module, t->experts, t->experts, t->width, t->gated, inner);
  for (guint i = first; i < layer->n_matrices; i++) {
    layer->matrices[i].copies = t->experts_count;
    layer->matrices[i].active = t->active;
  }
  first = layer->n_matrices;
  if (t->shared_width > 0)
    add_pair(maker, t->module, t->shared, t->shared, t->shared_width, t->gated, hidden);
  for (guint i = first; i < layer->n_matrices; i++)
    layer->matrices[i].shared = TRUE;
  if (t->shared_gate)
    add_plain(maker, 1, hidden, SPLIT_NONE);
  layer->ffn = t->width;
  layer->gated = t->gated;
  layer->experts = t->experts_count;
  layer->active_experts = t->active;
  layer->shared_ffn = t->shared_width;
  if (t->router_bias)
    layer->vectors += t->experts_count + t->idle;
  if (t->latent_norm)
    layer->vectors += t->latent;
  if (t->bias)
    layer->vectors += t->experts_count * ((t->gated ? 2 : 1) * (guint64)t->width + inner);
}

void
layer_side_input(LayerMaker *maker, guint32 width)
{
  guint64 hidden = maker->model->hidden;

  add(maker, "", "per_layer_input_gate", width, hidden, SPLIT_NONE);
  add(maker, "", "per_layer_projection", hidden, width, SPLIT_NONE);
  maker->layer.vectors += hidden;
}

void
layer_streams(LayerMaker *maker, guint32 streams)
{
  const WeightFormat single = {.name = "float32", .bits = 32};
  guint64 mixes = (2 + (guint64)streams) * streams;

  for (guint i = 0; i < 2; i++)
    add_plain(maker, mixes, streams * (guint64)maker->model->hidden, SPLIT_NONE)->format = single;
  maker->layer.vectors += 2 * (mixes + 3); /* biases, and a scale for each of three kinds */
  maker->layer.streams = streams;
}
