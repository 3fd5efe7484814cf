/* Sizes of one layer, for one rank of a tensor-parallel group. The reader of config.json bounds
 * every field so that no product here overflows 64 bits. */
#include "layer.h"

gboolean
mixer_equal(const Mixer *a, const Mixer *b)
{
  return a->kind == b->kind && a->heads == b->heads && a->kv_heads == b->kv_heads &&
         a->head_dim == b->head_dim && a->value_dim == b->value_dim && a->window == b->window &&
         a->borrows_kv == b->borrows_kv && a->normed == b->normed &&
         a->normed_wide == b->normed_wide && a->latent_dim == b->latent_dim &&
         a->rope_dim == b->rope_dim && a->index_heads == b->index_heads &&
         a->index_dim == b->index_dim && a->ratio == b->ratio && a->picked == b->picked &&
         a->recurrent == b->recurrent && a->groups == b->groups && a->conv_width == b->conv_width &&
         a->state_elements == b->state_elements && a->window_elements == b->window_elements &&
         a->state_bits == b->state_bits && a->window_bits == b->window_bits;
}

static gboolean
matrix_equal(const Matrix *a, const Matrix *b)
{
  return a->n == b->n && a->k == b->k && a->kv_n == b->kv_n && a->copies == b->copies &&
         a->active == b->active && a->pieces == b->pieces && a->split == b->split &&
         a->shared == b->shared && weight_format_equal(&a->format, &b->format);
}

gboolean
layer_equal(const Layer *a, const Layer *b)
{
  if (!mixer_equal(&a->mixer, &b->mixer) || a->n_matrices != b->n_matrices ||
      a->n_mixer_matrices != b->n_mixer_matrices || a->vectors != b->vectors || a->ffn != b->ffn ||
      a->experts != b->experts || a->active_experts != b->active_experts ||
      a->shared_ffn != b->shared_ffn || a->gated != b->gated || a->parallel != b->parallel ||
      a->streams != b->streams)
    return FALSE;
  for (guint i = 0; i < a->n_matrices; i++)
    if (!matrix_equal(&a->matrices[i], &b->matrices[i]))
      return FALSE;
  return TRUE;
}

guint64
matrix_rank_n(const Matrix *matrix, const Mixer *mixer, guint32 tp)
{
  if (matrix->split != SPLIT_OUTPUTS)
    return matrix->n;
  if (matrix->kv_n == 0)
    return matrix->n / tp;
  return (matrix->n - matrix->kv_n) / tp +
         matrix->kv_n / mixer->kv_heads * MAX(1, mixer->kv_heads / tp);
}

guint64
matrix_rank_k(const Matrix *matrix, guint32 tp)
{
  return matrix->split == SPLIT_INPUTS ? matrix->k / tp : matrix->k;
}

guint64
matrix_element_bytes(const Matrix *matrix)
{
  return matrix->copies * weight_format_element_bytes(&matrix->format, matrix->n, matrix->k);
}

guint64
matrix_scale_bytes(const Matrix *matrix)
{
  const WeightFormat *format = &matrix->format;
  guint64 bytes = weight_format_scale_bytes(format, matrix->n, matrix->k);

  /* One scale for the whole matrix means one for each matrix that was fused into it. */
  if (format->group_rows == 0 && format->group_columns == 0)
    bytes += (matrix->pieces - 1) * (format->scale_bits + format->zero_bits) / 8;
  return matrix->copies * bytes;
}

guint64
layer_kv_bytes(const Layer *layer, guint32 kv_bits, guint32 tp)
{
  const Mixer *mixer = &layer->mixer;

  switch (mixer->kind) {
  case MIXER_FULL:
  case MIXER_SLIDING:
  case MIXER_CHUNKED:
    return mixer->borrows_kv ? 0
                             : (guint64)MAX(1, mixer->kv_heads / tp) *
                                   (mixer->head_dim + mixer->value_dim) * kv_bits / 8;
  case MIXER_LATENT:
    return (guint64)(mixer->latent_dim + mixer->rope_dim) * kv_bits / 8;
  case MIXER_SPARSE:
    if (mixer->latent_dim == 0)
      return (guint64)MAX(1, mixer->kv_heads / tp) * (mixer->head_dim + mixer->value_dim) *
                 kv_bits / 8 +
             mixer_index_bytes(mixer);
    /* An FP8 cache keeps the rotated part at 16 bits and a scale of 32 bits for 128 elements; the
     * indexer's keys are FP8 with one such scale, whatever the cache (vLLM's fp8_ds_mla). */
    return (kv_bits == 8 ? mixer->latent_dim + mixer->latent_dim / 32 + 2 * mixer->rope_dim
                         : (mixer->latent_dim + mixer->rope_dim) * kv_bits / 8) +
           mixer_index_bytes(mixer);
  case MIXER_COMPRESSED:
    return mixer->ratio == 0
               ? 0
               : (mixer_entry_bytes(mixer, kv_bits) +
                  (mixer->picked > 0 ? mixer_index_bytes(mixer) : 0) + mixer->ratio - 1) /
                     mixer->ratio;
  case MIXER_NONE:
  case MIXER_RECURRENT:
    break;
  }
  return 0;
}

guint64
layer_state_bytes(const Layer *layer, guint32 tp)
{
  const Mixer *mixer = &layer->mixer;

  if (mixer->kind != MIXER_RECURRENT)
    return 0;
  return (mixer->state_elements * mixer->state_bits + mixer->window_elements * mixer->window_bits) /
         8 / tp;
}

/* Beside the window each query reads entries, of which there is one for `ratio` tokens, and where
 * some are picked the indexer looks at them all. */
static double
compressed_flops(const Mixer *mixer, double window_pairs, double new_tokens, double cached_tokens)
{
  const ContextWindow seen = mixer_entry_window(mixer);
  const Mixer entries = {.kind = seen.tokens > 0 ? MIXER_SLIDING : MIXER_FULL,
                         .window = seen.tokens};
  const Mixer all = {.kind = MIXER_FULL};
  double pairs = window_pairs, looked_at = 0;

  if (mixer->ratio > 0)
    pairs += mixer_pairs(&entries, new_tokens, cached_tokens) / mixer->ratio;
  if (mixer->picked > 0)
    looked_at = mixer_pairs(&all, new_tokens, cached_tokens) / mixer->ratio;
  return 4.0 * mixer->heads * mixer->head_dim * pairs +
         2.0 * mixer->index_heads * mixer->index_dim * looked_at;
}

double
layer_attention_flops(const Layer *layer, double new_tokens, double cached_tokens)
{
  const Mixer *mixer = &layer->mixer;
  double pairs = mixer_pairs(mixer, new_tokens, cached_tokens);

  switch (mixer->kind) {
  case MIXER_FULL:
  case MIXER_SLIDING:
  case MIXER_CHUNKED:
  case MIXER_LATENT:
    return 2.0 * mixer->heads * (mixer->head_dim + mixer->value_dim) * pairs;
  case MIXER_SPARSE:
    return 2.0 * mixer->heads * (mixer->head_dim + mixer->value_dim) * pairs +
           2.0 * mixer->index_heads * mixer->index_dim *
               (new_tokens * cached_tokens + new_tokens * (new_tokens + 1) / 2);
  case MIXER_COMPRESSED:
    return compressed_flops(mixer, pairs, new_tokens, cached_tokens);
  case MIXER_RECURRENT:
    /* A state is decayed, takes one outer product, and is read: three multiply-adds an element. */
    return 6.0 * (double)mixer->state_elements * new_tokens;
  case MIXER_NONE:
    break;
  }
  return 0;
}

ContextWindow
mixer_window(const Mixer *mixer)
{
  gboolean bounded = mixer->kind == MIXER_SLIDING || mixer->kind == MIXER_CHUNKED ||
                     mixer->kind == MIXER_SPARSE || mixer->kind == MIXER_COMPRESSED;

  return (ContextWindow){bounded ? mixer->window : 0, mixer->kind == MIXER_CHUNKED};
}

ContextWindow
mixer_entry_window(const Mixer *mixer)
{
  return (ContextWindow){mixer->ratio * mixer->picked, FALSE};
}

/* Pairs of the first n tokens of a sequence when each sees the last w, itself included. */
static double
pairs_within(double n, double w)
{
  double short_ones = MIN(n, w);

  return short_ones * (short_ones + 1) / 2 + (n - short_ones) * w;
}

/* Pairs of the first n tokens when each sees those of its own chunk of w up to itself. */
static double
pairs_in_chunks(double n, double w)
{
  double whole = (double)(guint64)(n / w), rest = n - whole * w;

  return whole * w * (w + 1) / 2 + rest * (rest + 1) / 2;
}

double
mixer_window_pairs(const Mixer *mixer, double new_tokens, double cached_tokens)
{
  double all = cached_tokens + new_tokens;

  if (mixer->kind == MIXER_SLIDING || mixer->kind == MIXER_SPARSE ||
      mixer->kind == MIXER_COMPRESSED)
    return pairs_within(all, mixer->window) - pairs_within(cached_tokens, mixer->window);
  if (mixer->kind == MIXER_CHUNKED)
    return pairs_in_chunks(all, mixer->window) - pairs_in_chunks(cached_tokens, mixer->window);
  return 0;
}
