/* ERNIE 4.5 with experts: from a layer on, up to another, every so many. */
#include "family.h"

static json_int_t
number_or(const FamilyReader *f, const char *key, json_int_t absent)
{
  const json_t *found = config_get(&f->reader, key);

  return json_is_integer(found) ? json_integer_value(found) : absent;
}

/* An end of -1 is the last layer. */
static gboolean
is_ernie_sparse(const FamilyReader *f, guint32 index)
{
  json_int_t first = number_or(f, "moe_layer_start_index", 1);
  json_int_t last = number_or(f, "moe_layer_end_index", -1);

  return (json_int_t)index >= first && (last < 0 || (json_int_t)index <= last) &&
         (index + 1) % f->pattern == 0;
}

static gboolean
read_ernie_moe(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  ExpertTraits experts = {.module = "mlp",
                          .experts = "experts.0.gate_proj",
                          .shared = "shared_experts.gate_proj",
                          .gated = TRUE,
                          .router_bias = TRUE};
  guint32 shared;

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts) ||
      !config_require_flag(r, "use_bias", FALSE) ||
      !config_count(r, "moe_intermediate_size", CONFIG_MAX_FFN, &experts.width) ||
      !config_amount_or(r, "moe_num_shared_experts", CONFIG_MAX_EXPERTS, 0, &shared) ||
      !config_count_or(r, "moe_layer_interval", CONFIG_MAX_LAYERS, 1, &f->pattern))
    return FALSE;
  experts.shared_width = shared * experts.width;
  return family_add_expert_layers(f, &experts, is_ernie_sparse, 2 * (guint64)f->model->hidden);
}

const Family families_ernie[] = {
    {"ernie4_5_moe", read_ernie_moe, TRUE, NULL},
    {NULL, NULL, FALSE, NULL},
};
