/* Llama pruned layer by layer (Nemotron-NAS, DeciLM): `block_configs` says what each block has. */
#include "family.h"

/* 2/3 of the factor times the hidden width, rounded up to a multiple of 256. */
static guint32
pruned_width(double factor, guint32 hidden)
{
  guint32 width = (guint32)(2 * factor * hidden / 3);

  return (width + 255) / 256 * 256;
}

static gboolean
is_left_out(const json_t *part)
{
  return json_is_true(json_object_get(part, "no_op"));
}

static gboolean
add_block(FamilyReader *f, guint32 index, const json_t *block)
{
  const json_t *attention = json_object_get(block, "attention");
  const json_t *ffn = json_object_get(block, "ffn");
  const json_t *factor = json_object_get(ffn, "ffn_mult");
  json_int_t group = json_integer_value(json_object_get(attention, "n_heads_in_group"));
  double width = json_is_number(factor) ? json_number_value(factor) : 0;
  guint64 hidden = f->model->hidden;

  if (json_is_integer(json_object_get(attention, "window_length")))
    return config_refuse_value(&f->reader, "block_configs", attention, "no \"window_length\"");
  if (json_is_true(json_object_get(attention, "replace_with_linear")) ||
      json_is_true(json_object_get(ffn, "replace_with_linear")))
    return config_refuse_value(&f->reader, "block_configs", block,
                               "no part that is replaced by a linear one");
  layer_begin(&f->maker, index, 0);
  if (!is_left_out(attention)) {
    if (group < 1 || f->attention.heads % group != 0)
      return config_refuse_value(&f->reader, "block_configs", attention,
                                 "an \"n_heads_in_group\" that divides the heads, or \"no_op\"");
    f->attention.kv_heads = (guint32)(f->attention.heads / group);
    layer_attention(&f->maker, &f->attention);
    f->maker.layer.vectors += hidden;
  }
  if (!is_left_out(ffn)) {
    if (!(width > 0 && width < 64))
      return config_refuse_value(&f->reader, "block_configs", ffn, "an \"ffn_mult\", or \"no_op\"");
    f->dense.width = pruned_width(width, f->model->hidden);
    layer_dense(&f->maker, &f->dense);
    f->maker.layer.vectors += hidden;
  }
  layer_end(&f->maker);
  return TRUE;
}

static gboolean
read_puzzle(FamilyReader *f)
{
  const json_t *blocks;

  if (!family_read_frame(f))
    return FALSE;
  blocks = config_get(&f->reader, "block_configs");
  if (json_array_size(blocks) != f->layers)
    return config_refuse(&f->reader, "block_configs", "one entry a layer");
  for (guint32 i = 0; i < f->layers; i++)
    if (!add_block(f, i, json_array_get(blocks, i)))
      return FALSE;
  return TRUE;
}

const Family families_puzzle[] = {
    {"nemotron-nas", read_puzzle, FALSE, NULL},
    {"deci", read_puzzle, FALSE, NULL},
    {NULL, NULL, FALSE, NULL},
};
