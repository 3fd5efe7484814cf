/* Decoders near Llama's that differ in a norm, a gate or a bias. */
#include "family.h"

enum { XIELU_PARAMETERS = 2 }; /* of Apertus' activation, in each layer */

/* Apertus: no gate, an activation with parameters of its own, norms of q and k. */
static gboolean
read_apertus(FamilyReader *f)
{
  gboolean normed;

  if (!family_read_frame(f) || !family_read_width(f) ||
      !config_flag_or(&f->reader, "attention_bias", FALSE, &f->attention.qkv_bias) ||
      !config_flag_or(&f->reader, "mlp_bias", FALSE, &f->dense.bias) ||
      !config_flag_or(&f->reader, "qk_norm", TRUE, &normed) ||
      !config_require_flag(&f->reader, "post_norm", FALSE))
    return FALSE;
  f->attention.output_bias = f->attention.qkv_bias;
  f->attention.qk_norm = normed ? QK_NORM_HEAD : QK_NORM_NONE;
  f->attention.window = 0;
  f->dense.up = "up_proj";
  f->dense.gated = FALSE;
  return family_add_dense_layers(f, 2 * (guint64)f->model->hidden + XIELU_PARAMETERS);
}

/* HyperCLOVA X: norms behind each part, too, where use_post_norm. */
static gboolean
read_hyperclovax(FamilyReader *f)
{
  gboolean behind;

  if (!family_read_frame(f) || !family_read_width(f) ||
      !config_flag_or(&f->reader, "attention_bias", FALSE, &f->attention.qkv_bias) ||
      !config_flag_or(&f->reader, "mlp_bias", FALSE, &f->dense.bias) ||
      !config_flag_or(&f->reader, "use_post_norm", FALSE, &behind))
    return FALSE;
  f->attention.output_bias = f->attention.qkv_bias;
  f->attention.window = 0;
  return family_add_dense_layers(f, (behind ? 4 : 2) * (guint64)f->model->hidden);
}

/* Orion: norms with biases. */
static gboolean
read_orion(FamilyReader *f)
{
  if (!family_read_frame(f) || !family_read_width(f) ||
      !config_require_flag(&f->reader, "attention_bias", FALSE))
    return FALSE;
  f->model->outer_vectors = 2 * (guint64)f->model->hidden;
  f->attention.window = 0;
  return family_add_dense_layers(f, 4 * (guint64)f->model->hidden);
}

/* MiniCPM: Llama with scaled residuals; experts of the whole width where num_experts. The sparse
 * attention of its fourth version is an option that servers leave out. */
static gboolean
read_minicpm(FamilyReader *f)
{
  ExpertTraits experts = {.module = "mlp", .experts = "experts.0.w1", .gated = TRUE};
  guint32 count;

  if (!family_read_frame(f) || !family_read_width(f) ||
      !config_amount_or(&f->reader, "num_experts", CONFIG_MAX_EXPERTS, 0, &count) ||
      !config_require_flag(&f->reader, "attention_bias", FALSE))
    return FALSE;
  f->attention.window = 0;
  if (count == 0)
    return family_add_dense_layers(f, 2 * (guint64)f->model->hidden);
  if (!family_read_experts(f, &experts))
    return FALSE;
  experts.width = f->dense.width;
  return family_add_expert_layers(f, &experts, NULL, 2 * (guint64)f->model->hidden);
}

/* The Code World Model: windows in all but every fourth layer, the first being one without. */
static gboolean
is_behind_first(const FamilyReader *f, guint32 index)
{
  return index % f->pattern != 0;
}

static gboolean
read_cwm(FamilyReader *f)
{
  if (!family_read_frame(f) || !family_read_width(f) ||
      !config_count_or(&f->reader, "window_pattern", CONFIG_MAX_LAYERS, 4, &f->pattern))
    return FALSE;
  f->is_windowed = is_behind_first;
  return family_add_dense_layers(f, 2 * (guint64)f->model->hidden);
}

/* IQuest-Coder: Llama's layers; a clamp of q, k and v has no weights. */
static gboolean
read_plain(FamilyReader *f)
{
  if (!family_read_frame(f) || !family_read_width(f) ||
      !config_flag_or(&f->reader, "attention_bias", FALSE, &f->attention.qkv_bias) ||
      !config_flag_or(&f->reader, "mlp_bias", FALSE, &f->dense.bias))
    return FALSE;
  f->attention.output_bias = f->attention.qkv_bias;
  f->attention.window = 0;
  return family_add_dense_layers(f, 2 * (guint64)f->model->hidden);
}

const Family families_dense[] = {
    {"apertus", read_apertus, FALSE, NULL}, {"hyperclovax", read_hyperclovax, FALSE, NULL},
    {"orion", read_orion, FALSE, NULL},     {"minicpm", read_minicpm, TRUE, NULL},
    {"cwm", read_cwm, FALSE, NULL},         {"iquestcoder", read_plain, FALSE, NULL},
    {"xverse", read_plain, FALSE, NULL},    {NULL, NULL, FALSE, NULL},
};
