/* MiniMax: experts with norms of queries and keys (M2); the same with an indexer that picks blocks
 * of tokens (M3). */
#include "family.h"

/* Norms of all of q and of k, a bias for the choice of experts. */
static gboolean
read_minimax_m2(FamilyReader *f)
{
  ExpertTraits experts = {.module = "block_sparse_moe", .experts = "experts.0.w1", .gated = TRUE};
  gboolean norms;

  if (!family_read_frame(f) || !family_read_width(f) || !family_read_experts(f, &experts) ||
      !config_flag_or(&f->reader, "use_routing_bias", TRUE, &experts.router_bias) ||
      !config_flag_or(&f->reader, "use_qk_norm", TRUE, &norms))
    return FALSE;
  f->attention.qk_norm = norms ? QK_NORM_WIDTH : QK_NORM_NONE;
  f->attention.window = 0;
  experts.width = f->dense.width;
  return family_add_expert_layers(f, &experts, NULL, 2 * (guint64)f->model->hidden);
}

/* sparse_attention_config: an indexer with one key a token and a query for each KV head. It picks
 * sparse_topk_blocks blocks of sparse_block_size tokens for that head. An indexer with values is
 * refused; no published layer has one. */
static gboolean
read_indexer(const FamilyReader *f, ConfigReader *sparse, AttentionTraits *attention)
{
  guint32 blocks, tokens;
  gsize i;
  json_t *entry;

  *sparse = (ConfigReader){.path = f->reader.path,
                           .root = config_get(&f->reader, "sparse_attention_config"),
                           .within = "sparse_attention_config",
                           .error = f->reader.error};
  if (!json_is_object(sparse->root))
    return config_refuse(&f->reader, "sparse_attention_config",
                         "an object with the indexer's sizes");
  if (!config_count(sparse, "sparse_num_index_heads", CONFIG_MAX_HEADS, &attention->index_heads) ||
      !config_count(sparse, "sparse_index_dim", CONFIG_MAX_HEAD_DIM, &attention->index_dim) ||
      !config_count(sparse, "sparse_topk_blocks", 1 << 14, &blocks) ||
      !config_count(sparse, "sparse_block_size", 1 << 14, &tokens))
    return FALSE;
  attention->index_tokens = blocks * tokens;
  json_array_foreach(config_get(sparse, "sparse_disable_index_value"), i, entry)
  {
    if (json_integer_value(json_array_get(config_get(sparse, "sparse_attention_freq"), i)) != 0 &&
        json_integer_value(entry) == 0)
      return config_refuse(sparse, "sparse_disable_index_value",
                           "1 where attention is sparse: an indexer with values is not known");
  }
  if (attention->index_heads != attention->kv_heads)
    return config_refuse(sparse, "sparse_num_index_heads", "as many as there are KV heads");
  return json_is_array(config_get(sparse, "sparse_attention_freq")) ||
         config_refuse(sparse, "sparse_attention_freq", "a list with 1 for each sparse layer");
}

static gboolean
read_minimax_m3(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  ExpertTraits experts = {.module = "block_sparse_moe",
                          .experts = "experts.0.w1",
                          .shared = "shared_experts.gate_proj",
                          .gated = TRUE};
  AttentionTraits sparse;
  ConfigReader indexer;

  if (!family_read_frame(f) ||
      !config_count(r, "dense_intermediate_size", CONFIG_MAX_FFN, &f->dense.width) ||
      !config_count(r, "intermediate_size", CONFIG_MAX_FFN, &experts.width) ||
      !family_read_experts(f, &experts) ||
      !family_read_shared_experts(f, "n_shared_experts", experts.width, &experts) ||
      !config_flag_or(r, "use_routing_bias", FALSE, &experts.router_bias) ||
      !config_require_flag(r, "attention_output_gate", FALSE))
    return FALSE;
  f->attention.qk_norm = QK_NORM_HEAD;
  f->attention.window = 0;
  sparse = f->attention;
  if (!read_indexer(f, &indexer, &sparse))
    return FALSE;
  for (guint32 i = 0; i < f->layers; i++) {
    const json_t *picks = json_array_get(config_get(&indexer, "sparse_attention_freq"), i);
    layer_begin(&f->maker, i, 2 * (guint64)f->model->hidden);
    layer_attention(&f->maker, json_integer_value(picks) != 0 ? &sparse : &f->attention);
    family_end_layer(f, family_is_past_dense(f, i) ? &experts : NULL);
  }
  return TRUE;
}

const Family families_minimax[] = {
    {"minimax_m2", read_minimax_m2, FALSE, NULL},
    {"minimax_m3", read_minimax_m3, FALSE, NULL},
    {"minimax_m3_vl", read_minimax_m3, FALSE, NULL},
    {NULL, NULL, FALSE, NULL},
};
