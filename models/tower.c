#include "tower.h"

#include <string.h>

/* Sizes that the kinds have in common, under different names. */
typedef struct {
  ConfigReader reader; /* vision_config */
  guint32 width, layers, ffn, patch, text_width;
  guint64 split; /* parameters that ranks share out */
} Tower;

static guint64
product(guint64 n, guint64 k, gboolean bias)
{
  return n * k + (bias ? n : 0);
}

static gboolean
read_sizes(Tower *t)
{
  static const char *const widths[] = {"hidden_size", "embed_dim", NULL};
  static const char *const layers[] = {"depth", "num_hidden_layers", NULL};
  const ConfigReader *r = &t->reader;

  return config_count(r, config_key(r, widths), CONFIG_MAX_HIDDEN, &t->width) &&
         config_count(r, config_key(r, layers), CONFIG_MAX_LAYERS, &t->layers) &&
         config_count(r, "intermediate_size", CONFIG_MAX_FFN, &t->ffn) &&
         config_count_or(r, "patch_size", 256, 14, &t->patch);
}

/* A block of attention and a feed-forward part, with biases and norms that have them. */
static guint64
block_with_biases(const Tower *t)
{
  guint64 h = t->width;

  return 4 * product(h, h, TRUE) + product(t->ffn, h, TRUE) + product(h, t->ffn, TRUE) + 4 * h;
}

/* Of Qwen's towers the blocks' matrices, `ffn` of them in the feed-forward part, and the mergers'
 * are split by tensor parallelism (vLLM's --mm-encoder-tp-mode weights, the default, and SGLang).
 */
static guint64
split_by_ranks(const Tower *t, guint ffn, guint64 merged, guint64 out, guint64 mergers)
{
  guint64 h = t->width;

  return t->layers * (4 * h * h + ffn * h * t->ffn) + mergers * merged * (merged + out);
}

/* Qwen3-VL and Qwen3.5: positions in a table; after some layers a merger of its own. */
static gboolean
read_qwen3(Tower *t, guint64 *parameters)
{
  const ConfigReader *r = &t->reader;
  guint64 deep = json_array_size(config_get(r, "deepstack_visual_indexes"));
  guint32 merge, frames, positions, out;
  guint64 merged, mlp;

  if (!read_sizes(t) || !config_count_or(r, "spatial_merge_size", 64, 2, &merge) ||
      !config_count_or(r, "temporal_patch_size", 64, 2, &frames) ||
      !config_count_or(r, "num_position_embeddings", 1 << 20, 2304, &positions) ||
      !config_count_or(r, "out_hidden_size", CONFIG_MAX_HIDDEN, t->text_width, &out))
    return FALSE;
  merged = (guint64)t->width * merge * merge;
  mlp = product(merged, merged, TRUE) + product(out, merged, TRUE);
  *parameters = product(t->width, 3 * (guint64)frames * t->patch * t->patch, TRUE) +
                (guint64)positions * t->width + t->layers * block_with_biases(t) +
                2 * (guint64)t->width + mlp + deep * (2 * merged + mlp);
  t->split = split_by_ranks(t, 2, merged, out, 1 + deep);
  return TRUE;
}

/* Qwen2.5-VL: norms without biases, a gated feed-forward part with them. */
static gboolean
read_qwen2_5(Tower *t, guint64 *parameters)
{
  const ConfigReader *r = &t->reader;
  guint32 merge, frames, out;
  guint64 h, merged;

  if (!read_sizes(t) || !config_count_or(r, "spatial_merge_size", 64, 2, &merge) ||
      !config_count_or(r, "temporal_patch_size", 64, 2, &frames) ||
      !config_count_or(r, "out_hidden_size", CONFIG_MAX_HIDDEN, t->text_width, &out))
    return FALSE;
  h = t->width;
  merged = h * merge * merge;
  *parameters = product(h, 3 * (guint64)frames * t->patch * t->patch, FALSE) +
                t->layers * (4 * product(h, h, TRUE) + 2 * product(t->ffn, h, TRUE) +
                             product(h, t->ffn, TRUE) + 2 * h) +
                h + product(merged, merged, TRUE) + product(out, merged, TRUE);
  t->split = split_by_ranks(t, 3, merged, out, 1);
  return TRUE;
}

/* Qwen2-VL: the width is embed_dim, and hidden_size is the decoder's. */
static gboolean
read_qwen2(Tower *t, guint64 *parameters)
{
  const ConfigReader *r = &t->reader;
  guint32 merge, frames, ratio, out;
  guint64 merged;

  if (!config_count(r, "embed_dim", CONFIG_MAX_HIDDEN, &t->width) ||
      !config_count(r, "depth", CONFIG_MAX_LAYERS, &t->layers) ||
      !config_count_or(r, "mlp_ratio", 64, 4, &ratio) ||
      !config_count_or(r, "patch_size", 256, 14, &t->patch) ||
      !config_count_or(r, "spatial_merge_size", 64, 2, &merge) ||
      !config_count_or(r, "temporal_patch_size", 64, 2, &frames) ||
      !config_count_or(r, "hidden_size", CONFIG_MAX_HIDDEN, t->text_width, &out))
    return FALSE;
  t->ffn = ratio * t->width;
  merged = (guint64)t->width * merge * merge;
  *parameters = product(t->width, 3 * (guint64)frames * t->patch * t->patch, FALSE) +
                t->layers * block_with_biases(t) + 2 * (guint64)t->width +
                product(merged, merged, TRUE) + product(out, merged, TRUE);
  t->split = split_by_ranks(t, 2, merged, out, 1);
  return TRUE;
}

/* Pixtral, and Mistral's projector behind it. */
static gboolean
read_pixtral(Tower *t, guint64 *parameters)
{
  ConfigReader outer = {.path = t->reader.path, .root = t->reader.outer, .error = t->reader.error};
  guint32 merge;
  gboolean bias;
  guint64 h;

  if (!read_sizes(t) || !config_count_or(&outer, "spatial_merge_size", 64, 2, &merge) ||
      !config_flag_or(&outer, "multimodal_projector_bias", FALSE, &bias))
    return FALSE;
  h = t->width;
  *parameters = product(h, 3 * (guint64)t->patch * t->patch, FALSE) + h +
                t->layers * (4 * h * h + 3 * h * t->ffn + 2 * h) + h +
                product(h, h * merge * merge, FALSE) + product(t->text_width, h, bias) +
                product(t->text_width, t->text_width, bias);
  return TRUE;
}

/* Gemma 3: SigLIP, a norm and one matrix. */
static gboolean
read_siglip(Tower *t, guint64 *parameters)
{
  guint32 image;
  guint64 h, side;

  if (!read_sizes(t) || !config_count_or(&t->reader, "image_size", 1 << 16, 896, &image))
    return FALSE;
  h = t->width;
  side = image / t->patch;
  *parameters = product(h, 3 * (guint64)t->patch * t->patch, TRUE) + side * side * h +
                t->layers * block_with_biases(t) + 2 * h + h * t->text_width + h;
  return TRUE;
}

/* Gemma 4: four norms a block, a table of positions for each of two axes. */
static gboolean
read_gemma4(Tower *t, guint64 *parameters)
{
  const ConfigReader *r = &t->reader;
  guint32 head_dim, positions;
  gboolean scaled;
  guint64 h;

  if (!read_sizes(t) || !config_count(r, "head_dim", CONFIG_MAX_HEAD_DIM, &head_dim) ||
      !config_count_or(r, "position_embedding_size", 1 << 20, 10240, &positions) ||
      !config_flag_or(r, "standardize", FALSE, &scaled))
    return FALSE;
  h = t->width;
  *parameters = product(h, 3 * (guint64)t->patch * t->patch, FALSE) + 2 * (guint64)positions * h +
                t->layers * (4 * h * h + 3 * h * t->ffn + 4 * h + 2 * head_dim) +
                (scaled ? 2 * h : 0) + h * t->text_width;
  return TRUE;
}

static gboolean
read_llama4(Tower *t, guint64 *parameters)
{
  const ConfigReader *r = &t->reader;
  guint32 image, in, out, projected;
  guint64 h, side;

  if (!read_sizes(t) || !config_count_or(r, "image_size", 1 << 16, 336, &image) ||
      !config_count_or(r, "projector_input_dim", CONFIG_MAX_HIDDEN, 4096, &in) ||
      !config_count_or(r, "projector_output_dim", CONFIG_MAX_HIDDEN, 4096, &out) ||
      !config_count_or(r, "vision_output_dim", CONFIG_MAX_HIDDEN, 4096, &projected))
    return FALSE;
  h = t->width;
  side = image / t->patch;
  *parameters = product(h, 3 * (guint64)t->patch * t->patch, FALSE) + h + (side * side + 1) * h +
                4 * h + t->layers * block_with_biases(t) + product(in, t->ffn, FALSE) +
                product(out, in, FALSE) + product(t->text_width, projected, FALSE);
  return TRUE;
}

/* ERNIE 4.5 VL: what merges patches of a frame, and two frames, and makes them the decoder's. */
static gboolean
read_ernie(Tower *t, guint64 *parameters)
{
  const ConfigReader *r = &t->reader;
  guint32 merge, frames, ratio;
  guint64 h, merged;

  if (!config_count(r, "hidden_size", CONFIG_MAX_HIDDEN, &t->width) ||
      !config_count(r, "depth", CONFIG_MAX_LAYERS, &t->layers) ||
      !config_count_or(r, "mlp_ratio", 64, 4, &ratio) ||
      !config_count_or(r, "intermediate_size", CONFIG_MAX_FFN, ratio * t->width, &t->ffn) ||
      !config_count_or(r, "patch_size", 256, 14, &t->patch) ||
      !config_count_or(r, "spatial_merge_size", 64, 2, &merge) ||
      !config_count_or(r, "temporal_merge_size", 64, 2, &frames))
    return FALSE;
  h = t->width;
  merged = h * merge * merge;
  *parameters = product(h, 3 * (guint64)t->patch * t->patch, FALSE) +
                t->layers * block_with_biases(t) + 2 * h + 2 * product(merged, merged, TRUE) +
                product(merged, merged * frames, TRUE) + product(merged, merged, TRUE) +
                4 * merged + product(t->text_width, merged, TRUE) + t->text_width;
  return TRUE;
}

static const struct {
  const char *family; /* how its model_type begins */
  gboolean (*read)(Tower *tower, guint64 *parameters);
} kinds[] = {
    {"qwen3_vl", read_qwen3},       {"qwen3_5", read_qwen3},         {"qwen2_5_vl", read_qwen2_5},
    {"qwen2_vl", read_qwen2},       {"mistral3", read_pixtral},      {"gemma3", read_siglip},
    {"llama4", read_llama4},        {"gemma4", read_gemma4},         {"qwen2_5_omni", read_qwen2_5},
    {"qwen3_omni_moe", read_qwen3}, {"ernie4_5_moe_vl", read_ernie}, {"ernie4_5_vl", read_ernie},
};

/* TRUE for an object of the file that describes a part of the model which is read nowhere. */
static gboolean
describes_part(const char *key, const json_t *value)
{
  /* Objects that are read elsewhere, or describe no weights. */
  static const char *const others[] = {
      "text_config",         "llm_config",         "language_config",
      "quantization_config", "compression_config", "generation_config",
      "vision_config",       "audio_config",       NULL};

  return g_str_has_suffix(key, "_config") && json_object_size(value) > 0 &&
         !g_strv_contains(others, key);
}

/* The parts of the model that are not counted, in words; NULL: none. The caller frees the text. */
static char *
name_left_out(const ConfigReader *file, gboolean is_within, gboolean sees, gboolean hears)
{
  static const char *const flat[] = {"visual", "audio" /* the first Qwen's */,
                                     "embd_layer" /* Phi's */};
  const char *key;
  json_t *value;

  if (sees || hears)
    return g_strdup(sees && hears ? "its towers for vision and sound"
                    : sees        ? "its vision tower"
                                  : "its tower for sound");
  for (guint i = 0; i < G_N_ELEMENTS(flat); i++)
    if (json_object_size(config_get(file, flat[i])) > 0)
      return g_strdup_printf("what its \"%s\" describes", flat[i]);
  if (!is_within)
    return NULL;
  json_object_foreach((json_t *)file->root, key, value)
  {
    if (describes_part(key, value))
      return g_strdup_printf("what its \"%.40s\" describes", key);
  }
  return NULL;
}

/* A number of the vision_config, or what SGLang takes where it is not there (Qwen's "depth" is not
 * looked for): server_args.py, adjust_mem_fraction_for_vlm. */
static guint32
count_or(const json_t *vision, const char *key, guint32 most, guint32 absent)
{
  json_int_t value = json_integer_value(json_object_get(vision, key));

  return value > 0 && value <= most ? (guint32)value : absent;
}

/* A vision_config without sizes, which are then those of transformers, is not counted. */
gboolean
tower_read(const ConfigReader *reader, Model *model)
{
  const ConfigReader file = {.path = reader->path,
                             .root = reader->outer != NULL ? reader->outer : reader->root,
                             .error = reader->error};
  const char *type = config_text(&file, "model_type");
  const json_t *vision = config_get(&file, "vision_config");
  gboolean hears = config_has(&file, "audio_config"), known = FALSE;

  for (guint i = 0; json_object_size(vision) > 0 && type != NULL && i < G_N_ELEMENTS(kinds); i++) {
    Tower tower = {.reader = {.path = file.path,
                              .root = vision,
                              .within = "vision_config",
                              .outer = file.root,
                              .error = file.error},
                   .text_width = model->hidden};
    /* Gemma 3n has another tower than Gemma 3. */
    if (!g_str_has_prefix(type, kinds[i].family) || g_str_has_prefix(type, "gemma3n") || known)
      continue;
    if (!kinds[i].read(&tower, &model->tower_parameters))
      return FALSE;
    model->tower_bytes = 2 * model->tower_parameters;
    model->tower_split_bytes = 2 * tower.split;
    if (tower.split > 0 &&
        !config_count_or(&tower.reader, "num_heads", CONFIG_MAX_HEADS, 16, &model->tower_heads))
      return FALSE;
    known = TRUE;
  }
  if (json_is_object(vision)) {
    model->vision_layers = count_or(vision, "num_hidden_layers", CONFIG_MAX_LAYERS, 24);
    model->vision_hidden = count_or(vision, "hidden_size", CONFIG_MAX_HIDDEN, 1024);
  }
  /* Towers for sound are not known. */
  model->left_out =
      name_left_out(&file, reader->outer != NULL, json_object_size(vision) > 0 && !known, hears);
  return TRUE;
}
