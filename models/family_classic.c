/* Decoders from before Llama, with norms that have biases and feed-forward parts without a gate. */
#include "family.h"

enum { OPT_POSITION_OFFSET = 2 }; /* rows of OPT's position table before position 0 */

/* What a table of learned positions goes with: biases everywhere, two norms a layer, no gate. */
static gboolean
add_with_learned_positions(FamilyReader *f, guint32 positions, DenseTraits dense)
{
  guint64 hidden = f->model->hidden;

  f->model->learned_positions = positions;
  f->model->rotary_dim = 0;
  f->model->outer_vectors = 2 * hidden;
  f->attention.qkv_bias = f->attention.output_bias = TRUE;
  dense.width = f->dense.width;
  dense.bias = TRUE;
  f->dense = dense;
  return family_add_dense_layers(f, 4 * hidden);
}

static gboolean
read_opt(FamilyReader *f)
{
  guint32 embedding_width;

  if (!family_read_frame(f) ||
      !config_count(&f->reader, "ffn_dim", CONFIG_MAX_FFN, &f->dense.width) ||
      !config_require_flag(&f->reader, "enable_bias", TRUE) ||
      !config_require_flag(&f->reader, "do_layer_norm_before", TRUE) ||
      !config_count_or(&f->reader, "word_embed_proj_dim", CONFIG_MAX_HIDDEN, f->model->hidden,
                       &embedding_width))
    return FALSE;
  if (embedding_width != f->model->hidden)
    return config_refuse(&f->reader, "word_embed_proj_dim", "the same as hidden_size");
  f->attention.output = "out_proj";
  return add_with_learned_positions(f, f->model->max_position + OPT_POSITION_OFFSET,
                                    (DenseTraits){.module = "fc", .up = "fc1", .down = "fc2"});
}

/* GPT-NeoX (Pythia): both parts read the same input, each through its own norm. */
static gboolean
read_gpt_neox(FamilyReader *f)
{
  guint64 hidden;
  gboolean parallel, bias;

  if (!family_read_frame(f) || !family_read_width(f) ||
      !config_flag_or(&f->reader, "use_parallel_residual", TRUE, &parallel) ||
      !config_flag_or(&f->reader, "attention_bias", TRUE, &bias))
    return FALSE;
  hidden = f->model->hidden;
  f->model->outer_vectors = 2 * hidden;
  f->attention.module = "attention";
  f->attention.query = "query_key_value";
  f->attention.output = "dense";
  f->attention.qkv_bias = f->attention.output_bias = bias;
  f->dense = (DenseTraits){.module = "mlp",
                           .up = "dense_h_to_4h",
                           .down = "dense_4h_to_h",
                           .width = f->dense.width,
                           .bias = TRUE,
                           .parallel = parallel};
  return family_add_dense_layers(f, 4 * hidden);
}

/* Falcon: one KV head (7B), or groups with two norms (40B, 180B); no biases unless `bias`. */
static gboolean
read_falcon(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  guint64 hidden, norms;
  gboolean grouped, single, parallel, bias, alibi;
  guint32 count;

  if (!family_read_frame(f) || !config_flag_or(r, "new_decoder_architecture", FALSE, &grouped) ||
      !config_flag_or(r, "multi_query", TRUE, &single) ||
      !config_flag_or(r, "parallel_attn", TRUE, &parallel) ||
      !config_flag_or(r, "bias", FALSE, &bias) || !config_flag_or(r, "alibi", FALSE, &alibi) ||
      !config_amount_or(r, "num_ln_in_parallel_attn", 2, grouped ? 2 : 1, &count) ||
      !config_count_or(r, "ffn_hidden_size", CONFIG_MAX_FFN, 4 * f->model->hidden, &f->dense.width))
    return FALSE;
  hidden = f->model->hidden;
  norms = parallel ? 2 * hidden * MAX(count, 1) : 4 * hidden;
  f->model->outer_vectors = 2 * hidden;
  if (alibi)
    f->model->rotary_dim = 0;
  if (!grouped)
    f->attention.kv_heads = single ? 1 : f->attention.heads;
  f->attention.module = "self_attention";
  f->attention.query = "query_key_value";
  f->attention.output = "dense";
  f->attention.qkv_bias = f->attention.output_bias = bias;
  f->dense = (DenseTraits){.module = "mlp",
                           .up = "dense_h_to_4h",
                           .down = "dense_4h_to_h",
                           .width = f->dense.width,
                           .bias = bias,
                           .parallel = parallel};
  return family_add_dense_layers(f, norms);
}

/* Phi 1 to 2: one norm for both parts, biases everywhere, on the output head too. */
static gboolean
read_phi(FamilyReader *f)
{
  guint64 hidden;
  gboolean norms;

  if (!family_read_frame(f) || !family_read_width(f) ||
      !config_flag_or(&f->reader, "qk_layernorm", FALSE, &norms))
    return FALSE;
  hidden = f->model->hidden;
  f->model->outer_vectors = 2 * hidden + f->model->vocab;
  f->attention.output = "dense";
  f->attention.qkv_bias = f->attention.output_bias = TRUE;
  f->attention.extra_vectors = norms ? 4 * f->attention.head_dim : 0;
  f->dense = (DenseTraits){.module = "mlp",
                           .up = "fc1",
                           .down = "fc2",
                           .width = f->dense.width,
                           .bias = TRUE,
                           .parallel = TRUE};
  return family_add_dense_layers(f, 2 * hidden);
}

static gboolean
read_starcoder2(FamilyReader *f)
{
  guint64 hidden;
  gboolean bias;

  if (!family_read_frame(f) || !family_read_width(f) ||
      !config_flag_or(&f->reader, "use_bias", TRUE, &bias))
    return FALSE;
  hidden = f->model->hidden;
  f->model->outer_vectors = 2 * hidden;
  f->attention.qkv_bias = f->attention.output_bias = bias;
  f->dense = (DenseTraits){
      .module = "mlp", .up = "c_fc", .down = "c_proj", .width = f->dense.width, .bias = bias};
  return family_add_dense_layers(f, 4 * hidden);
}

/* Cohere: one norm without a bias for both parts; some norm q and k, head by head. */
static gboolean
read_cohere(FamilyReader *f)
{
  gboolean norms;

  if (!family_read_frame(f) || !family_read_width(f) ||
      !config_flag_or(&f->reader, "use_qk_norm", FALSE, &norms) ||
      !config_amount_or(&f->reader, "sliding_window_pattern", CONFIG_MAX_LAYERS, 0, &f->pattern) ||
      !config_flag_or(&f->reader, "attention_bias", FALSE, &f->attention.qkv_bias))
    return FALSE;
  f->is_windowed = family_is_in_pattern;
  f->attention.output_bias = f->attention.qkv_bias;
  f->attention.qk_norm = norms ? QK_NORM_HEADS : QK_NORM_NONE;
  f->dense.parallel = TRUE;
  return family_add_dense_layers(f, f->model->hidden);
}

/* GPT-2 and GPT-BigCode: a table of positions, biases everywhere, one KV head where multi_query. */
static gboolean
read_gpt2(FamilyReader *f)
{
  gboolean single;

  if (!family_read_frame(f) || !config_flag_or(&f->reader, "multi_query", FALSE, &single) ||
      !config_count_or(&f->reader, "n_inner", CONFIG_MAX_FFN, 4 * f->model->hidden,
                       &f->dense.width))
    return FALSE;
  if (single)
    f->attention.kv_heads = 1;
  f->attention.module = "attn";
  f->attention.query = "c_attn";
  f->attention.output = "c_proj";
  return add_with_learned_positions(f, f->model->max_position,
                                    (DenseTraits){.module = "mlp", .up = "c_fc", .down = "c_proj"});
}

/* Bloom: linear biases for positions, and a norm behind the embedding. */
static gboolean
read_bloom(FamilyReader *f)
{
  guint64 hidden;

  if (!family_read_frame(f))
    return FALSE;
  hidden = f->model->hidden;
  f->model->rotary_dim = 0;
  f->model->outer_vectors = 4 * hidden;
  f->attention.module = "self_attention";
  f->attention.query = "query_key_value";
  f->attention.output = "dense";
  f->attention.qkv_bias = f->attention.output_bias = TRUE;
  f->dense = (DenseTraits){.module = "mlp",
                           .up = "dense_h_to_4h",
                           .down = "dense_4h_to_h",
                           .width = 4 * f->model->hidden,
                           .bias = TRUE};
  return family_add_dense_layers(f, 4 * hidden);
}

/* Nemotron 3 and 4: norms with biases, squared ReLU without a gate. */
static gboolean
read_nemotron(FamilyReader *f)
{
  guint64 hidden;

  if (!family_read_frame(f) || !family_read_width(f) ||
      !config_flag_or(&f->reader, "attention_bias", FALSE, &f->attention.qkv_bias) ||
      !config_flag_or(&f->reader, "mlp_bias", FALSE, &f->dense.bias))
    return FALSE;
  hidden = f->model->hidden;
  f->model->outer_vectors = 2 * hidden;
  f->attention.output_bias = f->attention.qkv_bias;
  f->dense.up = "up_proj";
  f->dense.gated = FALSE;
  return family_add_dense_layers(f, 4 * hidden);
}

/* Arcee: Llama without a gate, squared ReLU. */
static gboolean
read_arcee(FamilyReader *f)
{
  if (!family_read_frame(f) || !family_read_width(f))
    return FALSE;
  f->dense.up = "up_proj";
  f->dense.gated = FALSE;
  return family_add_dense_layers(f, 2 * (guint64)f->model->hidden);
}

const Family families_classic[] = {
    {"opt", read_opt, TRUE, NULL},
    {"gpt_neox", read_gpt_neox, FALSE, "{\"rotary_pct\":0.25}"},
    {"falcon", read_falcon, TRUE, "{\"max_position_embeddings\":2048}"},
    {"phi", read_phi, FALSE, NULL},
    {"starcoder2", read_starcoder2, TRUE, NULL},
    {"cohere", read_cohere, TRUE, NULL},
    {"cohere2", read_cohere, TRUE, "{\"sliding_window\":4096,\"sliding_window_pattern\":4}"},
    {"gpt2", read_gpt2, TRUE, NULL},
    {"gpt_bigcode", read_gpt2, TRUE, "{\"multi_query\":true}"},
    {"bloom", read_bloom, TRUE, "{\"seq_length\":2048}"},
    {"nemotron", read_nemotron, FALSE, NULL},
    {"arcee", read_arcee, FALSE, NULL},
    {NULL, NULL, FALSE, NULL},
};
