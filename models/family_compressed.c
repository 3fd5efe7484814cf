/* DeepSeek-V4: attention of one vector a token behind a window, beside entries of 4 or 128 tokens,
 * fine experts, and several residual streams. Source: the model.py published with the weights;
 * vLLM, models/deepseek_v4.
 */
#include <string.h>

#include "family.h"
#include "quantization_rules.h"

/* The sizes for which vLLM has kernels and pages. */
enum { HEAD_DIM = 512, INDEX_DIM = 128, PICKING_RATIO = 4, LONG_RATIO = 128 };

typedef struct {
  CompressedTraits attention;
  ExpertTraits experts;
  guint32 streams, hash_layers;
} Compressed;

static gboolean
read_attention(FamilyReader *f, CompressedTraits *t)
{
  const ConfigReader *r = &f->reader;

  *t = (CompressedTraits){
      .module = "attn", .heads = f->attention.heads, .head_dim = f->attention.head_dim};
  if (!config_count(r, "q_lora_rank", CONFIG_MAX_HIDDEN, &t->query_rank) ||
      !config_count(r, "o_lora_rank", CONFIG_MAX_HIDDEN, &t->output_rank) ||
      !config_count(r, "o_groups", CONFIG_MAX_HEADS, &t->output_groups) ||
      !config_count(r, "qk_rope_head_dim", CONFIG_MAX_HEAD_DIM, &t->rope_dim) ||
      !config_count(r, "sliding_window", CONFIG_MAX_POSITION, &t->window) ||
      !config_count(r, "index_n_heads", CONFIG_MAX_HEADS, &t->index_heads) ||
      !config_count(r, "index_head_dim", CONFIG_MAX_HEAD_DIM, &t->index_dim) ||
      !config_count(r, "index_topk", CONFIG_MAX_POSITION / PICKING_RATIO, &t->picked))
    return FALSE;
  f->model->rotary_dim = t->rope_dim;
  if (f->attention.kv_heads != 1)
    return config_refuse(r, "num_key_value_heads", "1: all heads read one vector");
  if (t->head_dim != HEAD_DIM)
    return config_refuse(r, "head_dim", "512: no engine has kernels for another");
  if (t->index_dim != INDEX_DIM)
    return config_refuse(r, "index_head_dim", "128: no engine has kernels for another");
  return t->heads % t->output_groups == 0 ||
         config_refuse(r, "o_groups", "a divisor of num_attention_heads");
}

/* expert_dtype: experts are in MXFP4, also if the file does not say (vLLM's DeepseekV4FP8Config),
 * or in FP8 like the rest. */
static gboolean
experts_are_fp4(const FamilyReader *f, gboolean *fp4)
{
  const json_t *found = config_get(&f->reader, "expert_dtype");
  const char *word = found != NULL ? json_string_value(found) : "fp4";

  *fp4 = g_strcmp0(word, "fp4") == 0;
  return *fp4 || g_strcmp0(word, "fp8") == 0 ||
         config_refuse(&f->reader, "expert_dtype", "\"fp4\" or \"fp8\"");
}

static gboolean
read_experts(FamilyReader *f, Compressed *v4)
{
  const ConfigReader *r = &f->reader;
  ExpertTraits *experts = &v4->experts;

  *experts = (ExpertTraits){
      .module = "ffn", .experts = "experts.0.w1", .shared = "shared_experts.w1", .gated = TRUE};
  if (!family_read_experts(f, experts) ||
      !config_count(r, "moe_intermediate_size", CONFIG_MAX_FFN, &experts->width) ||
      !family_read_shared_experts(f, "n_shared_experts", experts->width, experts) ||
      !config_amount_or(r, "num_hash_layers", CONFIG_MAX_LAYERS, 0, &v4->hash_layers) ||
      !config_count(r, "hc_mult", 64, &v4->streams))
    return FALSE;
  return TRUE;
}

/* compress_ratios: 0 for a layer with only its window. Entries behind the last layer are those of
 * the layers for multi-token prediction. */
static gboolean
read_ratio(const FamilyReader *f, guint32 index, guint32 *ratio)
{
  const json_t *list = config_get(&f->reader, "compress_ratios");
  const json_t *found = json_array_get(list, index);
  json_int_t value = json_is_integer(found) ? json_integer_value(found) : -1;

  if (value != 0 && value != 1 && value != PICKING_RATIO && value != LONG_RATIO)
    return config_refuse(&f->reader, "compress_ratios", "0, 4 or 128 for each layer");
  *ratio = value > 1 ? (guint32)value : 0;
  return TRUE;
}

/* A quantization by FP8 does not name the experts' own format, MXFP4. */
static void
set_expert_format(LayerMaker *maker)
{
  for (guint i = 0; i < maker->layer.n_matrices; i++) {
    Matrix *matrix = &maker->layer.matrices[i];
    if (matrix->copies > 1 && g_str_has_prefix(matrix->format.name, "fp8"))
      matrix->format = FORMAT_MXFP4;
  }
}

static gboolean
read_deepseek_v4(FamilyReader *f)
{
  Compressed v4 = {0};
  gboolean fp4;

  if (!family_read_frame(f) || !read_attention(f, &v4.attention) || !read_experts(f, &v4) ||
      !experts_are_fp4(f, &fp4))
    return FALSE;
  /* The streams are summed before the head. The cache is FP8: vLLM's fp8_ds_mla, which most of its
   * kernels need. */
  f->model->outer_vectors += v4.streams * v4.streams * (guint64)f->model->hidden + v4.streams + 1;
  f->model->kv_bits = 8;
  for (guint32 i = 0; i < f->layers; i++) {
    CompressedTraits attention = v4.attention;
    if (!read_ratio(f, i, &attention.ratio))
      return FALSE;
    if (attention.ratio != PICKING_RATIO)
      attention.picked = 0;
    v4.experts.router_bias = i >= v4.hash_layers; /* the first layers choose by a table of tokens */
    layer_begin(&f->maker, i, 2 * (guint64)f->model->hidden);
    layer_compressed(&f->maker, &attention);
    layer_experts(&f->maker, &v4.experts);
    if (fp4)
      set_expert_format(&f->maker);
    layer_streams(&f->maker, v4.streams);
    layer_end(&f->maker);
  }
  return TRUE;
}

const Family families_compressed[] = {
    {"deepseek_v4", read_deepseek_v4, FALSE, NULL},
    {NULL, NULL, FALSE, NULL},
};
