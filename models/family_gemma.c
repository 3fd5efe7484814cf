/* Google's Gemma: tied tables, heads wider than their share of the hidden width, and from the
 * second on two more norms a layer and windows in most of them. */
#include "family.h"

static gboolean
read_gemma(FamilyReader *f)
{
  return family_read_frame(f) && family_read_width(f) &&
         family_add_dense_layers(f, 2 * (guint64)f->model->hidden);
}

static gboolean
is_even(const FamilyReader *f G_GNUC_UNUSED, guint32 index)
{
  return index % 2 == 0;
}

/* Windows in every other layer, the first among them. */
static gboolean
read_gemma2(FamilyReader *f)
{
  f->is_windowed = is_even;
  return family_read_frame(f) && family_read_width(f) &&
         family_add_dense_layers(f, 4 * (guint64)f->model->hidden);
}

static gboolean
read_gemma3(FamilyReader *f)
{
  f->is_windowed = family_is_in_pattern;
  if (!family_read_frame(f) || !family_read_width(f) ||
      !config_count(&f->reader, "sliding_window_pattern", CONFIG_MAX_LAYERS, &f->pattern))
    return FALSE;
  f->attention.qk_norm = QK_NORM_HEAD;
  return family_add_dense_layers(f, 4 * (guint64)f->model->hidden);
}

typedef struct {
  AttentionTraits sliding, full;
  ExpertTraits experts;
  guint32 shared_layers; /* the last, which have no KV of their own */
  guint32 per_layer;     /* width of what each layer is told of a token besides */
  gboolean has_experts, wide;
} Gemma4;

/* Layers that see all have wider heads, fewer KV heads, and where attention_k_eq_v one product for
 * keys and values. */
static gboolean
read_gemma4_attention(FamilyReader *f, Gemma4 *g)
{
  const ConfigReader *r = &f->reader;
  guint32 kv_heads;

  f->attention.qk_norm = QK_NORM_HEAD;
  g->sliding = g->full = f->attention;
  if (!config_flag_or(r, "attention_k_eq_v", FALSE, &g->full.value_is_key) ||
      !config_count(r, "global_head_dim", CONFIG_MAX_HEAD_DIM, &g->full.head_dim) ||
      !config_count_or(r, "num_global_key_value_heads", CONFIG_MAX_HEADS, f->attention.kv_heads,
                       &kv_heads))
    return FALSE;
  g->full.value_dim = g->full.head_dim;
  if (g->full.value_is_key)
    g->full.kv_heads = kv_heads;
  return TRUE;
}

static gboolean
sees_all(const FamilyReader *f, guint32 layer)
{
  const char *type = family_layer_type(f, layer);

  return type != NULL ? g_str_equal(type, "full_attention") : !family_is_in_pattern(f, layer);
}

/* A layer that shares reads the KV of the last one of its kind that keeps its own. */
static gboolean
check_shared_layers(const FamilyReader *f, guint32 shared_layers)
{
  gboolean kept[2] = {FALSE, FALSE}, read[2] = {FALSE, FALSE};

  for (guint32 i = 0; i < f->layers; i++)
    (i + shared_layers >= f->layers ? read : kept)[sees_all(f, i)] = TRUE;
  return (kept[0] || !read[0]) && (kept[1] || !read[1])
             ? TRUE
             : config_refuse(&f->reader, "num_kv_shared_layers",
                             "so few that a layer of each kind keeps its own KV");
}

static gboolean
read_gemma4_rest(FamilyReader *f, Gemma4 *g)
{
  const ConfigReader *r = &f->reader;

  g->experts = (ExpertTraits){.module = "", .experts = "experts.gate_up_proj", .gated = TRUE};
  if (!config_flag_or(r, "enable_moe_block", FALSE, &g->has_experts) ||
      !config_flag_or(r, "use_double_wide_mlp", FALSE, &g->wide) ||
      !config_amount_or(r, "num_kv_shared_layers", CONFIG_MAX_LAYERS, 0, &g->shared_layers) ||
      !check_shared_layers(f, g->shared_layers) ||
      !config_amount_or(r, "hidden_size_per_layer_input", CONFIG_MAX_HIDDEN, 0, &g->per_layer))
    return FALSE;
  return !g->has_experts ||
         (config_count(r, "num_experts", CONFIG_MAX_EXPERTS, &g->experts.experts_count) &&
          config_count(r, "top_k_experts", g->experts.experts_count, &g->experts.active) &&
          config_count(r, "moe_intermediate_size", CONFIG_MAX_FFN, &g->experts.width));
}

/* What is the same for a token in all layers: a table, a product and a norm. */
static gboolean
add_per_layer_inputs(FamilyReader *f, const Gemma4 *g)
{
  guint32 rows;
  guint64 width = (guint64)g->per_layer * f->layers;

  if (g->per_layer == 0)
    return TRUE;
  if (!config_count_or(&f->reader, "vocab_size_per_layer_input", CONFIG_MAX_VOCAB, f->model->vocab,
                       &rows))
    return FALSE;
  f->model->outer_vectors += rows * width + width * f->model->hidden + g->per_layer;
  return TRUE;
}

/* A dense part, and beside it the experts with three norms more, a scale of the router's input and
 * one for each expert. */
static gboolean
read_gemma4(FamilyReader *f)
{
  guint64 hidden;
  guint32 width;
  Gemma4 g = {0};

  f->is_windowed = family_is_in_pattern;
  f->pattern = 6;
  if (!family_read_frame(f) || !family_read_width(f) || !read_gemma4_attention(f, &g) ||
      !read_gemma4_rest(f, &g) || !add_per_layer_inputs(f, &g))
    return FALSE;
  hidden = f->model->hidden;
  width = f->dense.width;
  for (guint32 i = 0; i < f->layers; i++) {
    gboolean shares = g.shared_layers > 0 && i + g.shared_layers >= f->layers;
    if (!family_set_attention_kind(f, i))
      return FALSE;
    AttentionTraits attention = sees_all(f, i) ? g.full : g.sliding;
    attention.kind = f->attention.kind;
    attention.borrows_kv = shares;
    f->dense.width = g.wide && shares ? 2 * width : width;
    /* layer_scalar besides the norms. */
    layer_begin(&f->maker, i, 4 * hidden + 1);
    layer_attention(&f->maker, &attention);
    layer_dense(&f->maker, &f->dense);
    if (g.has_experts) {
      layer_experts(&f->maker, &g.experts);
      f->maker.layer.shared_ffn = width;
      f->maker.layer.vectors += 4 * hidden + g.experts.experts_count;
    }
    if (g.per_layer > 0)
      layer_side_input(&f->maker, g.per_layer);
    layer_end(&f->maker);
  }
  f->dense.width = width;
  return TRUE;
}

/* Gemma 3n: four streams (AltUp), of which one is computed and the others are predicted from it, a
 * product of low rank beside attention (Laurel), inputs a layer. The last layers read the KV of
 * earlier ones, and have the products of k and v all the same. */
static gboolean
read_gemma3n(FamilyReader *f)
{
  const ConfigReader *r = &f->reader;
  const json_t *widths = config_get(r, "intermediate_size");
  Gemma4 g = {0};
  guint32 streams, rank;
  guint64 hidden;

  f->is_windowed = family_is_in_pattern;
  f->pattern = 5;
  if (!family_read_frame(f) || !config_count(r, "altup_num_inputs", 64, &streams) ||
      !config_count(r, "laurel_rank", CONFIG_MAX_HIDDEN, &rank) || !read_gemma4_rest(f, &g) ||
      !add_per_layer_inputs(f, &g))
    return FALSE;
  if (json_is_array(widths) && json_array_size(widths) < f->layers)
    return config_refuse(r, "intermediate_size", "a width for each layer, or one");
  if (!json_is_array(widths) && !family_read_width(f))
    return FALSE;
  hidden = f->model->hidden;
  /* Into and out of the streams beside the first. */
  f->model->outer_vectors += 2 * (guint64)(streams - 1) * hidden * hidden;
  for (guint32 i = 0; i < f->layers; i++) {
    json_int_t width = json_integer_value(json_array_get(widths, i));
    if (json_is_array(widths) && (width < 1 || width > CONFIG_MAX_FFN))
      return config_refuse(r, "intermediate_size", "a width for each layer, or one");
    if (json_is_array(widths))
      f->dense.width = (guint32)width;
    if (!family_set_attention_kind(f, i))
      return FALSE;
    f->attention.qk_norm = QK_NORM_HEAD;
    f->attention.borrows_kv = f->attention.keeps_kv =
        g.shared_layers > 0 && i + g.shared_layers >= f->layers;
    layer_begin(&f->maker, i, 4 * hidden);
    layer_attention(&f->maker, &f->attention);
    layer_dense(&f->maker, &f->dense);
    layer_side_input(&f->maker, g.per_layer);
    /* Laurel's two products and norm; a scale, two tables of streams, a router with a norm. */
    f->maker.layer.vectors += 2 * hidden * rank + hidden + hidden +
                              (guint64)streams * streams * (streams + 1) + streams * hidden +
                              hidden;
    layer_end(&f->maker);
  }
  return TRUE;
}

#define GEMMA3N_DEFAULTS                                                                           \
  "{\"vocab_size\":262400,\"hidden_size\":2048,\"intermediate_size\":16384,"                       \
  "\"num_hidden_layers\":35,\"num_attention_heads\":8,\"num_key_value_heads\":2,"                  \
  "\"head_dim\":256,\"max_position_embeddings\":32768,\"sliding_window\":512,"                     \
  "\"hidden_size_per_layer_input\":256,\"vocab_size_per_layer_input\":262144,"                     \
  "\"altup_num_inputs\":4,\"laurel_rank\":64,\"num_kv_shared_layers\":15}"
#define GEMMA3_DEFAULTS                                                                            \
  "{\"vocab_size\":262208,\"hidden_size\":2304,\"intermediate_size\":9216,"                        \
  "\"num_hidden_layers\":26,\"num_attention_heads\":8,\"num_key_value_heads\":4,"                  \
  "\"head_dim\":256,\"max_position_embeddings\":131072,\"sliding_window\":4096,"                   \
  "\"sliding_window_pattern\":6}"
#define GEMMA2_DEFAULTS                                                                            \
  "{\"head_dim\":256,\"sliding_window\":4096,\"max_position_embeddings\":8192}"
#define GEMMA4_DEFAULTS                                                                            \
  "{\"vocab_size\":262144,\"hidden_size\":2304,\"intermediate_size\":9216,"                        \
  "\"num_hidden_layers\":30,\"num_attention_heads\":8,\"num_key_value_heads\":4,"                  \
  "\"head_dim\":256,\"global_head_dim\":512,\"max_position_embeddings\":131072,"                   \
  "\"sliding_window\":512,\"hidden_size_per_layer_input\":256,"                                    \
  "\"vocab_size_per_layer_input\":262144}"

const Family families_gemma[] = {
    {"gemma", read_gemma, TRUE, NULL},
    {"gemma2", read_gemma2, TRUE, GEMMA2_DEFAULTS},
    {"gemma3", read_gemma3, TRUE, GEMMA3_DEFAULTS},
    {"gemma3_text", read_gemma3, TRUE, GEMMA3_DEFAULTS},
    {"gemma3n", read_gemma3n, TRUE, GEMMA3N_DEFAULTS},
    {"gemma3n_text", read_gemma3n, TRUE, GEMMA3N_DEFAULTS},
    {"gemma4", read_gemma4, TRUE, GEMMA4_DEFAULTS},
    {"gemma4_text", read_gemma4, TRUE, GEMMA4_DEFAULTS},
    {NULL, NULL, FALSE, NULL},
};
