#include "class_defaults.h"

#include <glib.h>

/* Of DeepSeek-VL2's own configuration, which its decoders are read by. */
#define VL2_DEFAULTS                                                                               \
  "{\"vocab_size\":102400,\"hidden_size\":4096,\"intermediate_size\":11008,"                       \
  "\"moe_intermediate_size\":1407,\"num_hidden_layers\":30,\"num_attention_heads\":32,"            \
  "\"num_key_value_heads\":32,\"kv_lora_rank\":512,\"q_lora_rank\":1536,"                          \
  "\"qk_rope_head_dim\":64,\"qk_nope_head_dim\":128,\"v_head_dim\":128,"                           \
  "\"max_position_embeddings\":2048}"

static const struct {
  const char *type, *keys;
} classes[] = {
    {"llama", "{\"vocab_size\":32000,\"hidden_size\":4096,\"intermediate_size\":11008,"
              "\"num_hidden_layers\":32,\"num_attention_heads\":32,"
              "\"max_position_embeddings\":2048}"},
    {"mistral", "{\"vocab_size\":32000,\"hidden_size\":4096,\"intermediate_size\":14336,"
                "\"num_hidden_layers\":32,\"num_attention_heads\":32,\"num_key_value_heads\":8,"
                "\"max_position_embeddings\":131072,\"sliding_window\":4096}"},
    {"mixtral", "{\"vocab_size\":32000,\"hidden_size\":4096,\"intermediate_size\":14336,"
                "\"num_hidden_layers\":32,\"num_attention_heads\":32,\"num_key_value_heads\":8,"
                "\"max_position_embeddings\":131072,\"num_local_experts\":8,"
                "\"num_experts_per_tok\":2}"},
    {"qwen2", "{\"vocab_size\":151936,\"hidden_size\":4096,\"intermediate_size\":22016,"
              "\"num_hidden_layers\":32,\"num_attention_heads\":32,\"num_key_value_heads\":32,"
              "\"max_position_embeddings\":32768}"},
    {"qwen3", "{\"vocab_size\":151936,\"hidden_size\":4096,\"intermediate_size\":22016,"
              "\"num_hidden_layers\":32,\"num_attention_heads\":32,\"num_key_value_heads\":32,"
              "\"head_dim\":128,\"max_position_embeddings\":32768}"},
    {"qwen3_moe", "{\"vocab_size\":151936,\"hidden_size\":2048,\"intermediate_size\":6144,"
                  "\"num_hidden_layers\":24,\"num_attention_heads\":32,\"num_key_value_heads\":4,"
                  "\"max_position_embeddings\":32768,\"moe_intermediate_size\":768,"
                  "\"num_experts\":128,\"num_experts_per_tok\":8}"},
    {"gemma", "{\"vocab_size\":256000,\"hidden_size\":3072,\"intermediate_size\":24576,"
              "\"num_hidden_layers\":28,\"num_attention_heads\":16,\"num_key_value_heads\":16,"
              "\"head_dim\":256,\"max_position_embeddings\":8192}"},
    {"gemma2", "{\"vocab_size\":256000,\"hidden_size\":2304,\"intermediate_size\":9216,"
               "\"num_hidden_layers\":26,\"num_attention_heads\":8,\"num_key_value_heads\":4,"
               "\"head_dim\":256,\"max_position_embeddings\":8192,\"sliding_window\":4096}"},
    {"phi3", "{\"vocab_size\":32064,\"hidden_size\":3072,\"intermediate_size\":8192,"
             "\"num_hidden_layers\":32,\"num_attention_heads\":32,"
             "\"max_position_embeddings\":4096}"},
    {"cohere", "{\"vocab_size\":256000,\"hidden_size\":8192,\"intermediate_size\":22528,"
               "\"num_hidden_layers\":40,\"num_attention_heads\":64,"
               "\"max_position_embeddings\":8192}"},
    {"cohere2", "{\"vocab_size\":256000,\"hidden_size\":8192,\"intermediate_size\":22528,"
                "\"num_hidden_layers\":40,\"num_attention_heads\":64,"
                "\"max_position_embeddings\":8192}"},
    {"deepseek_v2", VL2_DEFAULTS},
    {"deepseek_vl_v2", VL2_DEFAULTS},
    {"deepseek_v3", "{\"vocab_size\":129280,\"hidden_size\":7168,\"intermediate_size\":18432,"
                    "\"moe_intermediate_size\":2048,\"num_hidden_layers\":61,"
                    "\"num_attention_heads\":128,\"num_key_value_heads\":128,"
                    "\"n_shared_experts\":1,\"n_routed_experts\":256,\"num_experts_per_tok\":8,"
                    "\"kv_lora_rank\":512,\"q_lora_rank\":1536,\"qk_rope_head_dim\":64,"
                    "\"qk_nope_head_dim\":128,\"v_head_dim\":128,\"first_k_dense_replace\":3,"
                    "\"max_position_embeddings\":4096}"},
};

json_t *
class_defaults(const char *type)
{
  for (guint i = 0; i < G_N_ELEMENTS(classes); i++)
    if (g_str_equal(classes[i].type, type))
      return json_loads(classes[i].keys, 0, NULL);
  return NULL;
}
