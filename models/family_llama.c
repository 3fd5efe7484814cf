/* Decoders as Llama's: two norms a layer, grouped heads, a gated feed-forward part. */
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
  /* A window that a file carries along is no part of this architecture. */
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

const Family families_llama[] = {
    {"llama", read_llama, FALSE}, {"mistral", read_mistral, FALSE}, {"qwen2", read_qwen2, FALSE},
    {"qwen3", read_qwen3, FALSE}, {"phi3", read_phi3, FALSE},       {NULL, NULL, FALSE},
};
