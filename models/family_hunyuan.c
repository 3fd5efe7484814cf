/* Hunyuan V1, dense and with experts: norms of q and k, and keys that may hold a list with a number
 * for each layer. */
#include "family.h"

/* A number, or a list of one for each layer, all alike. 0 where the key is absent. */
static gboolean
read_alike(const FamilyReader *f, const char *key, guint32 max, guint32 *value)
{
  const json_t *list = config_get(&f->reader, key);
  json_int_t first;
  gsize i;
  json_t *entry;

  if (!json_is_array(list))
    return config_amount_or(&f->reader, key, max, 0, value);
  first = json_integer_value(json_array_get(list, 0));
  json_array_foreach(list, i, entry)
  {
    if (!json_is_integer(entry) || json_integer_value(entry) != first)
      return config_refuse(&f->reader, key, "the same number for each layer");
  }
  if (json_array_size(list) != f->layers || first < 0 || first > (json_int_t)max)
    return config_refuse(&f->reader, key, "a believable number for each layer");
  *value = (guint32)first;
  return TRUE;
}

/* Layers that share their KV with the one before are not known. */
static gboolean
read_attention(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  gboolean norms;

  if (!family_read_frame(f) || !family_read_width(f) || !config_require_flag(r, "use_cla", FALSE) ||
      !config_flag_or(r, "use_qk_norm", FALSE, &norms) ||
      !config_flag_or(r, "attention_bias", FALSE, &f->attention.qkv_bias))
    return FALSE;
  if (!config_has(r, "head_dim") && !config_count_or(r, "attention_head_dim", CONFIG_MAX_HEAD_DIM,
                                                     f->attention.head_dim, &f->attention.head_dim))
    return FALSE;
  f->attention.value_dim = f->attention.head_dim;
  f->attention.output_bias = f->attention.qkv_bias;
  f->attention.qk_norm = norms ? QK_NORM_HEAD : QK_NORM_NONE;
  return TRUE;
}

static gboolean
read_hunyuan(FamilyReader *f)
{
  return read_attention(f) && family_add_dense_layers(f, 2 * (guint64)f->model->hidden);
}

static gboolean
read_hunyuan_moe(FamilyReader *f)
{
  ExpertTraits experts = {.module = "mlp",
                          .experts = "experts.0.gate_proj",
                          .shared = "shared_mlp.gate_proj",
                          .gated = TRUE};
  guint32 shared;

  if (!read_attention(f) ||
      !read_alike(f, "num_experts", CONFIG_MAX_EXPERTS, &experts.experts_count) ||
      !read_alike(f, "moe_topk", CONFIG_MAX_EXPERTS, &experts.active) ||
      !read_alike(f, "moe_intermediate_size", CONFIG_MAX_FFN, &experts.width) ||
      !read_alike(f, "num_shared_expert", CONFIG_MAX_EXPERTS, &shared))
    return FALSE;
  if (experts.experts_count == 0)
    return config_refuse(&f->reader, "num_experts", "a number of experts");
  if (experts.active == 0 || experts.active > experts.experts_count)
    return config_refuse(&f->reader, "moe_topk", "1 or more, and no more than there are experts");
  if (experts.width == 0)
    experts.width = f->dense.width;
  experts.shared_width = shared * experts.width;
  return family_add_expert_layers(f, &experts, NULL, 2 * (guint64)f->model->hidden);
}

const Family families_hunyuan[] = {
    {"hunyuan_v1_dense", read_hunyuan, FALSE, NULL},
    {"hunyuan_v1_moe", read_hunyuan_moe, FALSE, NULL},
    {"hunyuan_vl", read_hunyuan, TRUE, "{\"use_qk_norm\":true}"},
    {"hunyuan_vl_text", read_hunyuan, TRUE, "{\"use_qk_norm\":true}"},
    {NULL, NULL, FALSE, NULL},
};
