/* Decoders like Llama's: two norms a layer, grouped heads, a gated feed-forward part. */
#include "family.h"

/* attention_bias is on q, k, v and o. */
static gboolean
read_biases(FamilyReader *f)
{
  if (!config_flag_or(&f->reader, "attention_bias", FALSE, &f->attention.qkv_bias) ||
      !config_flag_or(&f->reader, "mlp_bias", FALSE, &f->dense.bias))
    return FALSE;
  f->attention.output_bias = f->attention.qkv_bias;
  return TRUE;
}

static gboolean
add_layers(FamilyReader *f)
{
  return family_read_width(f) && family_add_dense_layers(f, 2 * (guint64)f->model->hidden);
}

static gboolean
read_llama(FamilyReader *f)
{
  if (!family_read_frame(f))
    return FALSE;
  /* A file may have a window, which this architecture does not use. */
  f->attention.window = 0;
  return read_biases(f) && add_layers(f);
}

static gboolean
read_mistral(FamilyReader *f)
{
  return family_read_frame(f) && read_biases(f) && add_layers(f);
}

static gboolean
is_past_window_layers(const FamilyReader *f, guint32 index)
{
  return index >= f->pattern;
}

/* use_sliding_window is off unless the file turns it on, for the layers from max_window_layers. */
static gboolean
read_qwen_window(FamilyReader *f)
{
  gboolean used;

  if (!config_flag_or(&f->reader, "use_sliding_window", FALSE, &used) ||
      !config_amount_or(&f->reader, "max_window_layers", CONFIG_MAX_LAYERS, 28, &f->pattern))
    return FALSE;
  if (!used)
    f->attention.window = 0;
  f->is_windowed = is_past_window_layers;
  return TRUE;
}

static gboolean
read_qwen2(FamilyReader *f)
{
  if (!family_read_frame(f) || !read_qwen_window(f))
    return FALSE;
  f->attention.qkv_bias = TRUE;
  return add_layers(f);
}

static gboolean
read_qwen3(FamilyReader *f)
{
  if (!family_read_frame(f) || !read_qwen_window(f) || !read_biases(f))
    return FALSE;
  f->attention.qk_norm = QK_NORM_HEAD;
  return add_layers(f);
}

static gboolean
read_phi3(FamilyReader *f)
{
  if (!family_read_frame(f) || !read_biases(f))
    return FALSE;
  f->attention.query = "qkv_proj";
  f->dense.up = "gate_up_proj";
  return add_layers(f);
}

/* MiniCPM-V and MiniCPM-o keep their decoder's keys in the file's own object; its kind goes with
 * the version. */
static gboolean
read_minicpmv(FamilyReader *f)
{
  static const struct {
    double version;
    gboolean (*read)(FamilyReader *f);
  } decoders[] = {{2.5, read_llama}, {2.6, read_qwen2}, {4.0, read_llama}, {4.5, read_qwen3}};
  const json_t *found = config_get(&f->reader, "version");
  const char *word = json_string_value(found);
  double version = word != NULL ? g_ascii_strtod(word, NULL) : json_number_value(found);

  for (guint i = 0; i < G_N_ELEMENTS(decoders); i++)
    if (version > decoders[i].version - 0.01 && version < decoders[i].version + 0.01)
      return decoders[i].read(f);
  return config_refuse(&f->reader, "version", "2.5, 2.6, 4.0 or 4.5, which say the decoder's kind");
}

/* Four norms a layer, and biases on q, k and v. */
static gboolean
read_glm4(FamilyReader *f)
{
  if (!family_read_frame(f) || !read_biases(f) || !family_read_width(f))
    return FALSE;
  f->attention.output_bias = FALSE;
  f->dense.up = "gate_up_proj";
  return family_add_dense_layers(f, 4 * (guint64)f->model->hidden);
}

/* The first GLM that transformers knows: two norms. */
static gboolean
read_glm(FamilyReader *f)
{
  if (!family_read_frame(f) || !read_biases(f))
    return FALSE;
  f->attention.output_bias = FALSE;
  f->dense.up = "gate_up_proj";
  return add_layers(f);
}

/* ChatGLM's own names: add_qkv_bias, add_bias_linear; KV heads where multi_query_attention. */
static gboolean
read_chatglm(FamilyReader *f)
{
  gboolean grouped;

  if (!family_read_frame(f) ||
      !config_flag_or(&f->reader, "multi_query_attention", FALSE, &grouped) ||
      !config_flag_or(&f->reader, "add_qkv_bias", FALSE, &f->attention.qkv_bias) ||
      !config_flag_or(&f->reader, "add_bias_linear", FALSE, &f->dense.bias))
    return FALSE;
  if (!grouped)
    f->attention.kv_heads = f->attention.heads;
  f->attention.output_bias = f->dense.bias;
  f->attention.module = "self_attention";
  f->attention.query = "query_key_value";
  f->attention.output = "dense";
  f->dense.up = "dense_h_to_4h";
  f->dense.down = "dense_4h_to_h";
  return add_layers(f);
}

static gboolean
read_internlm2(FamilyReader *f)
{
  gboolean bias;

  if (!family_read_frame(f) || !config_flag_or(&f->reader, "bias", FALSE, &bias))
    return FALSE;
  f->attention.module = "attention";
  f->attention.query = "wqkv";
  f->attention.output = "wo";
  f->attention.qkv_bias = f->attention.output_bias = bias;
  f->dense = (DenseTraits){.module = "feed_forward", .up = "w1", .down = "w2", .gated = TRUE};
  f->attention.window = 0;
  return add_layers(f);
}

/* The first InternLM has biases (`bias`) on q, k, v and o; the third names them apart. */
static gboolean
read_internlm(FamilyReader *f)
{
  gboolean bias;

  if (!family_read_frame(f) || !config_flag_or(&f->reader, "bias", FALSE, &bias) ||
      !config_flag_or(&f->reader, "qkv_bias", bias, &f->attention.qkv_bias))
    return FALSE;
  f->attention.output_bias = bias;
  f->attention.window = 0;
  return add_layers(f);
}

static gboolean
read_baichuan(FamilyReader *f)
{
  if (!family_read_frame(f))
    return FALSE;
  f->attention.query = "W_pack";
  /* The larger ones have linear biases for positions. */
  if (!config_has(&f->reader, "max_position_embeddings"))
    f->model->rotary_dim = 0;
  return add_layers(f);
}

/* The first Exaone: Llama under other names. */
static gboolean
read_exaone(FamilyReader *f)
{
  if (!family_read_frame(f))
    return FALSE;
  f->attention.module = "attn.attention";
  f->attention.output = "out_proj";
  f->dense.up = "c_fc_0";
  f->dense.down = "c_proj";
  f->attention.window = 0;
  return add_layers(f);
}

/* The fourth Exaone: norms of q and k, and behind each part. */
static gboolean
read_exaone4(FamilyReader *f)
{
  if (!family_read_frame(f) || !family_read_window_pattern(f))
    return FALSE;
  f->attention.qk_norm = QK_NORM_HEAD;
  return add_layers(f);
}

/* Norms without weights. */
static gboolean
read_olmo(FamilyReader *f)
{
  if (!family_read_frame(f) || !read_biases(f) || !family_read_width(f))
    return FALSE;
  f->model->outer_vectors = 0;
  return family_add_dense_layers(f, 0);
}

/* Norms over the width of q and of k; from the third OLMo on, windows in three of four layers. */
static gboolean
read_olmo2(FamilyReader *f)
{
  if (!family_read_frame(f) || !read_biases(f))
    return FALSE;
  f->pattern = 4;
  f->is_windowed = family_is_in_pattern;
  f->attention.qk_norm = QK_NORM_WIDTH;
  return add_layers(f);
}

/* MiMo: Qwen2 with wider heads; its layers for multi-token prediction are not loaded. */
static gboolean
read_mimo(FamilyReader *f)
{
  if (!family_read_frame(f) || !read_qwen_window(f) ||
      !config_flag_or(&f->reader, "attention_bias", TRUE, &f->attention.qkv_bias))
    return FALSE;
  return add_layers(f);
}

/* The first Qwen: biases on q, k and v; intermediate_size is that of gate and up together. */
static gboolean
read_qwen(FamilyReader *f)
{
  if (!family_read_frame(f) || !family_read_width(f))
    return FALSE;
  f->attention.qkv_bias = TRUE;
  f->attention.module = "attn";
  f->attention.query = "c_attn";
  f->attention.output = "c_proj";
  f->dense.up = "w1";
  f->dense.down = "c_proj";
  f->dense.width /= 2;
  return family_add_dense_layers(f, 2 * (guint64)f->model->hidden);
}

/* attention_bias is on q, k and v, attention_out_bias on o. */
static gboolean
read_seed_oss(FamilyReader *f)
{
  if (!family_read_frame(f) || !read_biases(f) ||
      !config_flag_or(&f->reader, "attention_out_bias", FALSE, &f->attention.output_bias))
    return FALSE;
  return add_layers(f);
}

/* use_bias on q, k, v and o and in the feed-forward part. */
static gboolean
read_ernie(FamilyReader *f)
{
  if (!family_read_frame(f) || !config_flag_or(&f->reader, "use_bias", FALSE, &f->dense.bias))
    return FALSE;
  f->attention.qkv_bias = f->attention.output_bias = f->dense.bias;
  return add_layers(f);
}

/* Two norms with biases, biases on q, k and v where use_qkv_bias. */
static gboolean
read_stablelm(FamilyReader *f)
{
  guint64 hidden;
  gboolean norms, parallel;

  if (!family_read_frame(f) || !family_read_width(f) ||
      !config_flag_or(&f->reader, "use_qkv_bias", FALSE, &f->attention.qkv_bias) ||
      !config_flag_or(&f->reader, "qk_layernorm", FALSE, &norms) ||
      !config_flag_or(&f->reader, "use_parallel_residual", FALSE, &parallel))
    return FALSE;
  hidden = f->model->hidden;
  if (norms)
    f->attention.extra_vectors =
        (f->attention.heads + f->attention.kv_heads) * f->attention.head_dim;
  f->model->outer_vectors = 2 * hidden;
  f->dense.parallel = parallel;
  return family_add_dense_layers(f, parallel ? 2 * hidden : 4 * hidden);
}

const Family families_llama[] = {
    {"llama", read_llama, FALSE, NULL},
    {"mistral", read_mistral, FALSE, NULL},
    {"ministral", read_mistral, FALSE, NULL},
    {"ministral3", read_mistral, FALSE, NULL},
    {"qwen", read_qwen, FALSE, NULL},
    {"qwen2", read_qwen2, FALSE, NULL},
    {"qwen2_vl", read_qwen2, FALSE, NULL},
    {"qwen2_vl_text", read_qwen2, FALSE, NULL},
    {"qwen2_5_vl", read_qwen2, FALSE, NULL},
    {"qwen2_5_vl_text", read_qwen2, FALSE, NULL},
    {"qwen2_5_omni_text", read_qwen2, FALSE, NULL},
    {"qwen3", read_qwen3, FALSE, NULL},
    {"qwen3_vl", read_qwen3, FALSE, NULL},
    {"qwen3_vl_text", read_qwen3, FALSE, NULL},
    {"minicpmv", read_minicpmv, FALSE, NULL},
    {"minicpmo", read_minicpmv, FALSE, NULL},
    {"dots_ocr", read_qwen2, FALSE, NULL},
    {"phi3", read_phi3, FALSE, NULL},
    {"phi3_v", read_phi3, FALSE, NULL},
    {"phi4mm", read_phi3, TRUE, NULL},
    {"mimo", read_mimo, FALSE, NULL},
    {"glm", read_glm, FALSE, NULL},
    {"glm4", read_glm4, FALSE, NULL},
    {"glm4v_text", read_glm4, FALSE, NULL},
    {"chatglm", read_chatglm, FALSE, NULL},
    {"internlm", read_internlm, FALSE, NULL},
    {"PanguEmbedded", read_internlm, FALSE, NULL},
    {"internlm2", read_internlm2, FALSE, NULL},
    {"internlm3", read_internlm, FALSE, NULL},
    {"baichuan", read_baichuan, FALSE, NULL},
    {"exaone", read_exaone, FALSE, NULL},
    {"exaone4", read_exaone4, FALSE, NULL},
    {"granite", read_llama, FALSE, NULL},
    {"olmo", read_olmo, FALSE, NULL},
    {"olmo2", read_olmo2, FALSE, NULL},
    {"olmo3", read_olmo2, FALSE, NULL},
    {"smollm3", read_llama, TRUE, NULL},
    {"telechat3", read_llama, FALSE, NULL},
    {"seed_oss", read_seed_oss, FALSE, NULL},
    {"ernie4_5", read_ernie, TRUE, NULL},
    {"stablelm", read_stablelm, FALSE, NULL},
    {NULL, NULL, FALSE, NULL},
};
