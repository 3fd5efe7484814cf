/* Kimi's delta attention (KDA) with latent attention in every fourth layer: Kimi Linear and K3.
 *
 * K3 adds to it, by the keys of its file: queries of a rank and gates before the output of latent
 * attention, a gate of full rank in KDA, routed experts of another width than the layers', and a
 * weighted sum of earlier blocks' outputs before each part of a layer (two norms and two rows of
 * weights). Latent attention rotates nothing in either (mla_use_nope).
 */
#include "family.h"

typedef struct {
  RecurrentTraits delta;
  LatentTraits latent;
  ExpertTraits experts;
  guint64 layer_norms; /* elements of norms and of the sum before a layer's parts */
} Kimi;

/* linear_attn_config: sizes, and which layers, counted from 1, have a state. */
static ConfigReader
linear_reader(const FamilyReader *f)
{
  return (ConfigReader){.path = f->reader.path,
                        .root = config_get(&f->reader, "linear_attn_config"),
                        .within = "linear_attn_config",
                        .error = f->reader.error};
}

static gboolean
read_delta(const FamilyReader *f, RecurrentTraits *delta)
{
  const ConfigReader r = linear_reader(f);

  *delta = (RecurrentTraits){.module = "self_attn", .kind = RECURRENT_KDA, .state_bits = 32};
  if (!json_is_object(r.root))
    return config_refuse(&f->reader, "linear_attn_config", "an object with the sizes of KDA");
  if (!config_count(&r, "num_heads", CONFIG_MAX_HEADS, &delta->heads) ||
      !config_count(&r, "head_dim", CONFIG_MAX_HEAD_DIM, &delta->head_dim) ||
      !config_count(&r, "short_conv_kernel_size", 64, &delta->kernel) ||
      !config_flag_or(&r, "use_full_rank_gate", FALSE, &delta->full_gate))
    return FALSE;
  delta->groups = delta->heads;
  delta->state = delta->head_dim;
  return json_is_array(config_get(&r, "kda_layers")) ||
         config_refuse(&r, "kda_layers", "a list of the layers with KDA, the first being 1");
}

static gboolean
has_state(const FamilyReader *f, guint32 index)
{
  const ConfigReader r = linear_reader(f);
  gsize i;
  json_t *entry;

  json_array_foreach(config_get(&r, "kda_layers"), i, entry)
  {
    if (json_integer_value(entry) == (json_int_t)index + 1)
      return TRUE;
  }
  return FALSE;
}

static gboolean
read_latent(FamilyReader *f, LatentTraits *latent)
{
  const ConfigReader *r = &f->reader;

  *latent = (LatentTraits){.module = "self_attn", .heads = f->attention.heads};
  f->model->rotary_dim = 0;
  return config_require_flag(r, "mla_use_nope", TRUE) &&
         config_count(r, "kv_lora_rank", CONFIG_MAX_HIDDEN, &latent->kv_rank) &&
         config_amount_or(r, "q_lora_rank", CONFIG_MAX_HIDDEN, 0, &latent->query_rank) &&
         config_count(r, "qk_rope_head_dim", CONFIG_MAX_HEAD_DIM, &latent->rope_dim) &&
         config_count(r, "qk_nope_head_dim", CONFIG_MAX_HEAD_DIM, &latent->nope_dim) &&
         config_count(r, "v_head_dim", CONFIG_MAX_HEAD_DIM, &latent->value_dim) &&
         config_flag_or(r, "mla_use_output_gate", FALSE, &latent->gates);
}

static gboolean
read_experts(const FamilyReader *f, ExpertTraits *experts)
{
  const ConfigReader *r = &f->reader;

  *experts = (ExpertTraits){.module = "block_sparse_moe",
                            .experts = "experts.0.w1",
                            .shared = "shared_experts.gate_proj",
                            .gated = TRUE,
                            .router_bias = TRUE,
                            .plain_latent = TRUE};
  if (!config_count(r, "num_experts", CONFIG_MAX_EXPERTS, &experts->experts_count) ||
      !config_count(r, "num_experts_per_token", CONFIG_MAX_EXPERTS, &experts->active) ||
      !config_count(r, "moe_intermediate_size", CONFIG_MAX_FFN, &experts->width) ||
      !family_read_shared_experts(f, "num_shared_experts", experts->width, experts) ||
      !config_amount_or(r, "routed_expert_hidden_size", CONFIG_MAX_HIDDEN, 0, &experts->latent) ||
      !config_flag_or(r, "latent_moe_use_norm", FALSE, &experts->latent_norm))
    return FALSE;
  experts->latent_norm &= experts->latent > 0;
  return experts->active <= experts->experts_count ||
         config_refuse(r, "num_experts_per_token", "no more than there are experts");
}

static gboolean
read_kimi_linear(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  Kimi kimi;
  guint32 block;

  if (!family_read_frame(f) || !family_read_width(f) || !read_delta(f, &kimi.delta) ||
      !read_latent(f, &kimi.latent) || !read_experts(f, &kimi.experts) ||
      !config_amount_or(r, "attn_res_block_size", CONFIG_MAX_LAYERS, 0, &block))
    return FALSE;
  kimi.layer_norms = (block > 0 ? 6 : 2) * (guint64)f->model->hidden;
  if (block > 0)
    f->model->outer_vectors += 2 * (guint64)f->model->hidden;
  for (guint32 i = 0; i < f->layers; i++) {
    layer_begin(&f->maker, i, kimi.layer_norms);
    if (has_state(f, i))
      layer_recurrent(&f->maker, &kimi.delta);
    else
      layer_latent(&f->maker, &kimi.latent);
    family_end_layer(f, family_is_past_dense(f, i) ? &kimi.experts : NULL);
  }
  return TRUE;
}

/* A head's width is latent attention's own; the frame wants one. */
#define DEFAULTS "{\"head_dim\":128,\"mla_use_nope\":false}"

const Family families_kimi[] = {
    {"kimi_linear", read_kimi_linear, FALSE, DEFAULTS},
    {"kimi_k3", read_kimi_linear, FALSE, DEFAULTS},
    {NULL, NULL, FALSE, NULL},
};
