/* Latent attention (MLA) and fine experts: DeepSeek from its second version on, and its kin. */
#include "family.h"

typedef struct {
  LatentTraits latent;
  ExpertTraits experts;
} Latent;

/* kv_lora_rank …; q_lora_rank may be null. */
static gboolean
read_ranks(FamilyReader *f, LatentTraits *latent)
{
  const ConfigReader *r = &f->reader;

  *latent = (LatentTraits){.module = "self_attn", .heads = f->attention.heads};
  if (!config_count(r, "kv_lora_rank", CONFIG_MAX_HIDDEN, &latent->kv_rank) ||
      !config_amount_or(r, "q_lora_rank", CONFIG_MAX_HIDDEN, 0, &latent->query_rank) ||
      !config_count(r, "qk_rope_head_dim", CONFIG_MAX_HEAD_DIM, &latent->rope_dim) ||
      !config_count(r, "qk_nope_head_dim", CONFIG_MAX_HEAD_DIM, &latent->nope_dim) ||
      !config_count(r, "v_head_dim", CONFIG_MAX_HEAD_DIM, &latent->value_dim) ||
      !config_flag_or(r, "attention_bias", FALSE, &latent->bias))
    return FALSE;
  f->model->rotary_dim = latent->rope_dim;
  return TRUE;
}

/* The indexer that picks the tokens attention sees. */
static gboolean
read_indexer(FamilyReader *f, LatentTraits *latent)
{
  const ConfigReader *r = &f->reader;

  return config_count(r, "index_n_heads", CONFIG_MAX_HEADS, &latent->index_heads) &&
         config_count(r, "index_head_dim", CONFIG_MAX_HEAD_DIM, &latent->index_dim) &&
         config_count(r, "index_topk", CONFIG_MAX_POSITION, &latent->index_tokens) &&
         (latent->query_rank > 0 ||
          config_refuse(r, "q_lora_rank", "the rank that the indexer's queries are made of"));
}

static gboolean
read_experts(FamilyReader *f, ExpertTraits *experts)
{
  const ConfigReader *r = &f->reader;

  *experts = (ExpertTraits){.module = "mlp",
                            .experts = "experts.0.gate_proj",
                            .shared = "shared_experts.gate_proj",
                            .gated = TRUE};
  return family_read_experts(f, experts) &&
         config_count(r, "moe_intermediate_size", CONFIG_MAX_FFN, &experts->width) &&
         family_read_shared_experts(f, "n_shared_experts", experts->width, experts);
}

/* Layers may share the tokens that the indexer of one before them picked: `indexer_types`, or all
 * but one of each index_topk_freq behind index_skip_topk_offset. */
static gboolean
has_indexer(const FamilyReader *f, guint32 index)
{
  const json_t *types = config_get(&f->reader, "indexer_types");
  json_int_t every = json_integer_value(config_get(&f->reader, "index_topk_freq"));
  json_int_t first = json_integer_value(config_get(&f->reader, "index_skip_topk_offset"));

  if (json_array_size(types) > 0)
    return g_strcmp0(json_string_value(json_array_get(types, index)), "shared") != 0;
  return every <= 1 || (json_int_t)index < first || ((json_int_t)index + 1 - first) % every == 0;
}

static gboolean
add_layers(FamilyReader *f, const Latent *traits, gboolean has_experts)
{
  for (guint32 i = 0; i < f->layers; i++) {
    LatentTraits latent = traits->latent;
    if (!has_indexer(f, i))
      latent.index_heads = latent.index_dim = 0;
    layer_begin(&f->maker, i, 2 * (guint64)f->model->hidden);
    layer_latent(&f->maker, &latent);
    family_end_layer(f, has_experts && family_is_past_dense(f, i) ? &traits->experts : NULL);
  }
  return TRUE;
}

/* Whether the choice of experts has a bias: from the third version on. */
static gboolean
read_deepseek(FamilyReader *f, gboolean router_bias, gboolean is_sparse)
{
  Latent traits = {0};

  if (!family_read_frame(f) || !family_read_width(f) || !read_ranks(f, &traits.latent) ||
      !read_experts(f, &traits.experts) || (is_sparse && !read_indexer(f, &traits.latent)))
    return FALSE;
  traits.experts.router_bias = router_bias;
  return add_layers(f, &traits, TRUE);
}

/* The decoders of DeepSeek-OCR and of the smallest VL2: plain attention, whatever ranks they name.
 */
static gboolean
read_without_latent(FamilyReader *f)
{
  ExpertTraits experts;

  if (!family_read_frame(f) || !family_read_width(f) || !read_experts(f, &experts))
    return FALSE;
  return family_add_expert_layers(f, &experts, family_is_past_dense, 2 * (guint64)f->model->hidden);
}

static gboolean
read_deepseek_v2(FamilyReader *f)
{
  gboolean latent;

  if (!config_flag_or(&f->reader, "use_mla", TRUE, &latent))
    return FALSE;
  return latent ? read_deepseek(f, FALSE, FALSE) : read_without_latent(f);
}

/* VL2's choice of experts has a bias where its topk_method says so. */
static gboolean
read_deepseek_vl2(FamilyReader *f)
{
  gboolean latent;

  if (!config_flag_or(&f->reader, "use_mla", TRUE, &latent))
    return FALSE;
  if (!latent)
    return read_without_latent(f);
  return read_deepseek(f, g_strcmp0(config_text(&f->reader, "topk_method"), "noaux_tc") == 0,
                       FALSE);
}

static gboolean
read_deepseek_v3(FamilyReader *f)
{
  return read_deepseek(f, TRUE, FALSE);
}

static gboolean
read_deepseek_v32(FamilyReader *f)
{
  return read_deepseek(f, TRUE, TRUE);
}

/* MiniCPM 3: latent attention, no experts. */
static gboolean
read_minicpm3(FamilyReader *f)
{
  Latent traits = {0};

  return family_read_frame(f) && family_read_width(f) && read_ranks(f, &traits.latent) &&
         add_layers(f, &traits, FALSE);
}

/* LongCat: a layer is two of latent attention and dense parts, and experts beside the second. The
 * router may choose experts that hand on their input: of moe_topk so many are real on average. */
static gboolean
read_longcat(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  Latent traits = {0};
  guint32 layers, chosen;

  if (!family_read_frame(f) || !read_ranks(f, &traits.latent) ||
      !config_count_or(r, "num_layers", CONFIG_MAX_LAYERS, f->layers, &layers) ||
      !config_count(r, "ffn_hidden_size", CONFIG_MAX_FFN, &f->dense.width) ||
      !config_count(r, "n_routed_experts", CONFIG_MAX_EXPERTS, &traits.experts.experts_count) ||
      !config_amount_or(r, "zero_expert_num", CONFIG_MAX_EXPERTS, 0, &traits.experts.idle) ||
      !config_count(r, "moe_topk", CONFIG_MAX_EXPERTS, &chosen) ||
      !config_count(r, "expert_ffn_hidden_size", CONFIG_MAX_FFN, &traits.experts.width))
    return FALSE;
  traits.experts.module = "mlp";
  traits.experts.experts = "experts.0.gate_proj";
  traits.experts.shared = "mlps.1.gate_proj";
  traits.experts.shared_width = f->dense.width;
  traits.experts.gated = traits.experts.router_bias = TRUE;
  traits.experts.active = MAX(1, chosen * traits.experts.experts_count /
                                     (traits.experts.experts_count + traits.experts.idle));
  if (traits.experts.active > traits.experts.experts_count)
    return config_refuse(r, "moe_topk", "no more than there are experts");
  for (guint32 i = 0; i < layers; i++) {
    layer_begin(&f->maker, i, 2 * (guint64)f->model->hidden);
    layer_latent(&f->maker, &traits.latent);
    layer_dense(&f->maker, &f->dense);
    layer_end(&f->maker);
    layer_begin(&f->maker, i, 2 * (guint64)f->model->hidden);
    layer_latent(&f->maker, &traits.latent);
    layer_experts(&f->maker, &traits.experts);
    layer_end(&f->maker);
  }
  return TRUE;
}

const Family families_latent[] = {
    {"deepseek_v2", read_deepseek_v2, FALSE, NULL},
    {"deepseek_vl_v2", read_deepseek_vl2, FALSE, NULL},
    {"deepseek_v3", read_deepseek_v3, FALSE, NULL},
    {"deepseek_v32", read_deepseek_v32, FALSE, NULL},
    {"kimi_k2", read_deepseek_v3, FALSE, NULL},
    {"glm_moe_dsa", read_deepseek_v32, FALSE, NULL},
    {"glm4_moe_lite", read_deepseek_v3, FALSE, NULL},
    {"mistral4", read_deepseek_v2, FALSE, NULL},
    {"longcat_flash", read_longcat, FALSE, NULL},
    {"minicpm3", read_minicpm3, FALSE, "{\"v_head_dim\":64}"},
    {"youtu_llm", read_minicpm3, TRUE, NULL},
    {NULL, NULL, FALSE, NULL},
};
