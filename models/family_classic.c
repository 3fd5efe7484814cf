/* Decoders from before Llama, with norms that have biases and feed-forward parts without a gate. */
#include "family.h"

enum { OPT_POSITION_OFFSET = 2 }; /* rows of OPT's position table before position 0 */

static gboolean
read_opt(FamilyReader *f)
{
  guint32 embedding_width;
  guint64 hidden;

  if (!family_read_frame(f) ||
      !config_count(&f->reader, "ffn_dim", CONFIG_MAX_FFN, &f->dense.width) ||
      !config_require_flag(&f->reader, "enable_bias", TRUE) ||
      !config_require_flag(&f->reader, "do_layer_norm_before", TRUE) ||
      !config_count_or(&f->reader, "word_embed_proj_dim", CONFIG_MAX_HIDDEN, f->model->hidden,
                       &embedding_width))
    return FALSE;
  if (embedding_width != f->model->hidden)
    return config_refuse(&f->reader, "word_embed_proj_dim", "the same as hidden_size");
  hidden = f->model->hidden;
  f->model->learned_positions = f->model->max_position + OPT_POSITION_OFFSET;
  f->model->rotary_dim = 0;
  f->model->outer_vectors = 2 * hidden;
  f->attention.output = "out_proj";
  f->attention.qkv_bias = f->attention.output_bias = TRUE;
  f->dense = (DenseTraits){
      .module = "fc", .up = "fc1", .down = "fc2", .width = f->dense.width, .bias = TRUE};
  return family_add_dense_layers(f, 4 * hidden);
}

const Family families_classic[] = {
    {"opt", read_opt, TRUE},
    {NULL, NULL, FALSE},
};
