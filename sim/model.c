/* Sizes of a decoder model: sums over its kinds of layers and what lies around them. All sums of
 * parameters are exact and agree with the counts that models are published with. */
#include "model.h"

#define MIB ((guint64)1 << 20)


void
model_free(Model *model)
{
  if (model == NULL)
    return;
  g_free(model->name);
  g_free(model->family);
  g_free(model->kinds);
  g_free(model->context_source);
  g_free(model->left_out);
  g_free(model->dtype);
  g_free(model);
}

Model *
model_copy(const Model *model)
{
  Model *copy = g_new(Model, 1);

  *copy = *model;
  copy->name = g_strdup(model->name);
  copy->family = g_strdup(model->family);
  copy->kinds = g_memdup2(model->kinds, model->n_kinds * sizeof *model->kinds);
  copy->context_source = g_strdup(model->context_source);
  copy->left_out = g_strdup(model->left_out);
  copy->dtype = g_strdup(model->dtype);
  return copy;
}

void
model_add_layer(Model *model, const Layer *layer)
{
  model->layers++;
  for (guint i = 0; i < model->n_kinds; i++)
    if (layer_equal(&model->kinds[i], layer)) {
      model->kinds[i].count++;
      return;
    }
  model->kinds = g_renew(Layer, model->kinds, model->n_kinds + 1);
  model->kinds[model->n_kinds] = *layer;
  model->kinds[model->n_kinds++].count = 1;
}

/* FALSE if there is no room for it. */
static gboolean
add_window(ContextWindows *windows, ContextWindow window)
{
  guint32 at = 0;

  while (at < windows->n &&
         (windows->of[at].tokens != window.tokens || windows->of[at].in_chunks != window.in_chunks))
    at++;
  if (window.tokens == 0 || at < windows->n)
    return TRUE;
  if (at == CONTEXT_WINDOWS)
    return FALSE;
  windows->of[windows->n++] = window;
  return TRUE;
}

gboolean
model_windows(const Model *model, ContextWindows *windows)
{
  *windows = (ContextWindows){0};
  for (guint i = 0; i < model->n_kinds; i++) {
    const Mixer *mixer = &model->kinds[i].mixer;
    if (!add_window(windows, mixer_window(mixer)) ||
        !add_window(windows, mixer_entry_window(mixer)))
      return FALSE;
  }
  return TRUE;
}

gboolean
model_is_compressed(const Model *model)
{
  for (guint i = 0; i < model->n_kinds; i++)
    if (model->kinds[i].mixer.kind == MIXER_COMPRESSED)
      return TRUE;
  return FALSE;
}

gboolean
model_is_uniform(const Model *model)
{
  return model->n_kinds == 1 && model->kinds[0].mixer.kind == MIXER_FULL &&
         model->kinds[0].mixer.head_dim == model->kinds[0].mixer.value_dim &&
         model->kinds[0].shared_ffn == 0 && !model->kinds[0].parallel;
}

/* Elements of a layer's matrices; with `active`, of those that one token passes. */
static guint64
layer_matrices(const Layer *layer, gboolean active)
{
  guint64 elements = 0;

  for (guint i = 0; i < layer->n_matrices; i++)
    elements += layer->matrices[i].n * layer->matrices[i].k *
                (active ? layer->matrices[i].active : layer->matrices[i].copies);
  return elements;
}

/* What lies outside the layers: tables, output head, final norm. */
static guint64
outer_parameters(const Model *model)
{
  guint64 table = (guint64)model->vocab * model->hidden;

  return (model->tied_embeddings ? 1 : 2) * table +
         (guint64)model->learned_positions * model->hidden + model->outer_vectors;
}

static guint64
parameters(const Model *model, gboolean active)
{
  guint64 sum = outer_parameters(model);

  for (guint i = 0; i < model->n_kinds; i++)
    sum += model->kinds[i].count *
           (layer_matrices(&model->kinds[i], active) + model->kinds[i].vectors);
  return sum;
}

guint64
model_parameters(const Model *model)
{
  return parameters(model, FALSE) + model->tower_parameters;
}

guint64
model_active_parameters(const Model *model)
{
  return parameters(model, TRUE);
}

guint64
model_weight_bytes(const Model *model)
{
  guint64 head = (guint64)model->vocab * model->hidden;
  guint64 bytes = 2 * outer_parameters(model) + model->tower_bytes;

  if (!model->tied_embeddings)
    bytes += weight_format_bytes(&model->head_format, model->vocab, model->hidden) - 2 * head;
  for (guint i = 0; i < model->n_kinds; i++) {
    const Layer *layer = &model->kinds[i];
    guint64 layer_bytes = 2 * layer->vectors;

    for (guint j = 0; j < layer->n_matrices; j++)
      layer_bytes +=
          matrix_element_bytes(&layer->matrices[j]) + matrix_scale_bytes(&layer->matrices[j]);
    bytes += layer->count * layer_bytes;
  }
  return bytes;
}

/* What PyTorch's caching allocator sets aside for a tensor (model_rank_bytes()). */
static guint64
allocated_bytes(guint64 bytes)
{
  guint64 rest = (2 * MIB - bytes % (2 * MIB)) % (2 * MIB);

  return bytes >= 10 * MIB && rest <= MIB ? bytes + rest : bytes;
}

static guint64
matrix_rank_bytes(const Matrix *matrix, const Mixer *mixer, guint32 tp)
{
  Matrix part = *matrix;

  part.n = matrix_rank_n(matrix, mixer, tp);
  part.k = matrix_rank_k(matrix, tp);
  return allocated_bytes(matrix_element_bytes(&part)) + allocated_bytes(matrix_scale_bytes(&part));
}

/* Latent attention multiplies by the up-projections of K and V in 16 bits: a copy, where they are
 * kept in fewer bits (vLLM's MLA backends). */
static guint64
latent_copy_bytes(const Layer *layer, guint32 tp)
{
  guint64 bytes = 0;

  for (guint i = 0; layer->mixer.latent_dim > 0 && i < layer->n_matrices; i++) {
    const Matrix *matrix = &layer->matrices[i];
    if (matrix->k == layer->mixer.latent_dim && matrix->split == SPLIT_OUTPUTS &&
        matrix->format.bits < 16)
      bytes += allocated_bytes(2 * matrix->n / tp * matrix->k);
  }
  return bytes;
}

/* Bytes that a rank has of experts that `ranks` ranks share. */
static guint64
expert_rank_bytes(const Matrix *matrix, const Mixer *mixer, guint32 ranks, guint32 groups)
{
  Matrix part = *matrix;

  part.copies = (matrix->copies + groups - 1) / groups;
  if (groups < ranks)
    return matrix_rank_bytes(&part, mixer, ranks / groups);
  return allocated_bytes(matrix_element_bytes(&part)) + allocated_bytes(matrix_scale_bytes(&part));
}

static guint64
round_up(guint64 n, guint64 multiple)
{
  return (n + multiple - 1) / multiple * multiple;
}

/* The same with padded sizes. */
static guint64
padded_expert_bytes(const Matrix *matrix, const Mixer *mixer, guint32 ranks, guint32 groups,
                    const ExpertPadding *padding)
{
  guint32 tp = groups < ranks ? ranks / groups : 1, pieces = MAX(1, matrix->pieces);
  gboolean widens = matrix->split == SPLIT_OUTPUTS;
  Matrix part = *matrix;
  guint64 scales;

  part.copies = (matrix->copies + groups - 1) / groups;
  part.n = round_up(matrix_rank_n(matrix, mixer, tp) / pieces,
                    widens ? padding->width : padding->hidden) *
           pieces;
  part.k = round_up(matrix_rank_k(matrix, tp), widens ? padding->hidden : padding->width);
  scales = allocated_bytes(matrix_scale_bytes(&part));
  part.k = round_up(part.k, padding->value_inputs);
  return allocated_bytes(matrix_element_bytes(&part)) + scales;
}

/* A stage's share of the bytes of all layers, without overflow. */
static guint64
stage_share(const Model *model, const ModelStage *stage, guint64 bytes)
{
  return bytes / model->layers * stage->layers +
         bytes % model->layers * stage->layers / model->layers;
}

guint64
model_stage_padding_bytes(const Model *model, guint32 ranks, guint32 groups,
                          const ModelStage *stage, const ExpertPadding *padding)
{
  guint64 layers = 0;

  for (guint i = 0; i < model->n_kinds; i++) {
    const Layer *layer = &model->kinds[i];
    for (guint j = 0; j < layer->n_matrices; j++) {
      const Matrix *matrix = &layer->matrices[j];
      if (matrix->copies > 1 && g_str_equal(matrix->format.name, "mxfp4"))
        layers +=
            layer->count * (padded_expert_bytes(matrix, &layer->mixer, ranks, groups, padding) -
                            expert_rank_bytes(matrix, &layer->mixer, ranks, groups));
    }
  }
  return stage_share(model, stage, layers);
}

guint64
model_rank_bytes(const Model *model, guint32 tp)
{
  return model_rank_bytes_shared(model, tp, tp, 1);
}

guint64
model_rank_bytes_shared(const Model *model, guint32 tp, guint32 ranks, guint32 groups)
{
  const ModelStage all = {model->layers, TRUE, TRUE};

  return model_stage_bytes(model, tp, ranks, groups, &all);
}

/* A rank's part of the tower; where the heads cannot be shared out it has all of it. */
static guint64
tower_rank_bytes(const Model *model, guint32 tp)
{
  if (model->tower_heads == 0 || model->tower_heads % tp != 0)
    return model->tower_bytes;
  return model->tower_bytes - model->tower_split_bytes + model->tower_split_bytes / tp;
}

guint64
model_stage_bytes(const Model *model, guint32 tp, guint32 ranks, guint32 groups,
                  const ModelStage *stage)
{
  guint64 rows = model_rank_vocab(model, tp);
  guint64 table = allocated_bytes(2 * rows * model->hidden), layers = 0;
  guint64 bytes = allocated_bytes(2 * (guint64)model->max_position * model->rotary_dim);

  if (stage->is_first)
    bytes +=
        table + 2 * model->learned_positions * (guint64)model->hidden + tower_rank_bytes(model, tp);
  if (stage->is_last)
    bytes += 2 * model->outer_vectors;
  if (stage->is_last && !model->tied_embeddings)
    bytes += allocated_bytes(weight_format_bytes(&model->head_format, rows, model->hidden));
  else if (stage->is_last && !stage->is_first)
    bytes += table;
  for (guint i = 0; i < model->n_kinds; i++) {
    const Layer *layer = &model->kinds[i];
    guint64 layer_bytes = 2 * layer->vectors;

    for (guint j = 0; j < layer->n_matrices; j++)
      layer_bytes += layer->matrices[j].copies > 1
                         ? expert_rank_bytes(&layer->matrices[j], &layer->mixer, ranks, groups)
                         : matrix_rank_bytes(&layer->matrices[j], &layer->mixer, tp);
    layer_bytes += latent_copy_bytes(layer, tp);
    layers += layer->count * layer_bytes;
  }
  return bytes + stage_share(model, stage, layers);
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
model_rank_kv_bytes(const Model *model, guint32 tp)
{
  guint64 bytes = 0;

  for (guint i = 0; i < model->n_kinds; i++)
    bytes += model->kinds[i].count * layer_kv_bytes(&model->kinds[i], model->kv_bits, tp);
  return bytes;
}

guint64
model_kv_bytes_per_token(const Model *model)
{
  return model_rank_kv_bytes(model, 1);
}

guint64
model_rank_state_bytes(const Model *model, guint32 tp)
{
  guint64 bytes = 0;

  for (guint i = 0; i < model->n_kinds; i++)
    bytes += model->kinds[i].count * layer_state_bytes(&model->kinds[i], tp);
  return bytes;
}

guint32
model_all_reduces(const Model *model)
{
  guint32 reduces = 0;

  for (guint i = 0; i < model->n_kinds; i++) {
    const Layer *layer = &model->kinds[i];
    guint32 parts = (layer->mixer.kind != MIXER_NONE) + (layer->ffn > 0);
    reduces += layer->count * (layer->parallel ? MIN(parts, 1) : parts);
  }
  return reduces;
}

guint32
model_kv_rounds(const Model *model)
{
  guint32 rounds = 0;

  for (guint i = 0; i < model->n_kinds; i++) {
    guint64 bytes = layer_kv_bytes(&model->kinds[i], model->kv_bits, 1);
    guint32 alike = 0;
    for (guint j = 0; j < model->n_kinds; j++)
      alike +=
          layer_kv_bytes(&model->kinds[j], model->kv_bits, 1) == bytes ? model->kinds[j].count : 0;
    if (bytes > 0)
      rounds = rounds == 0 ? alike : MIN(rounds, alike);
  }
  return MAX(1, rounds);
}

guint32
model_latent_layers(const Model *model)
{
  guint32 layers = 0;

  for (guint i = 0; i < model->n_kinds; i++)
    if (model->kinds[i].mixer.latent_dim > 0)
      layers += model->kinds[i].count;
  return layers;
}

guint32
model_kv_tensors(const Model *model)
{
  guint32 tensors = 0;

  for (guint i = 0; i < model->n_kinds; i++)
    if (layer_kv_bytes(&model->kinds[i], model->kv_bits, 1) > 0)
      tensors += model->kinds[i].count * mixer_kv_tensors(&model->kinds[i].mixer);
  return tensors;
}

double
model_linear_flops_per_token(const Model *model)
{
  double elements = 0;

  for (guint i = 0; i < model->n_kinds; i++)
    elements += (double)model->kinds[i].count * (double)layer_matrices(&model->kinds[i], TRUE);
  return 2 * elements;
}

double
model_head_flops(const Model *model)
{
  return 2.0 * model->vocab * model->hidden;
}

double
model_attention_flops(const Model *model, double new_tokens, double cached_tokens)
{
  double flops = 0;

  for (guint i = 0; i < model->n_kinds; i++)
    flops +=
        model->kinds[i].count * layer_attention_flops(&model->kinds[i], new_tokens, cached_tokens);
  return flops;
}
