/* The attention of a model's layers, by what they see of a context: FLOPs a pair of a query and a
 * key, bytes a token. */
#include "roofline_work.h"

#include <math.h>

static const Mixer sees_all = {.kind = MIXER_FULL};

/* The place of a mixer's class, a new one where there is none. */
static guint
find_class(Roofline *self, const Mixer *mixer)
{
  ContextWindow window = mixer_window(mixer);

  for (guint i = 0; i < self->n_classes; i++) {
    const AttentionClass *class = &self->classes[i];
    if (class->window.tokens == window.tokens && class->window.in_chunks == window.in_chunks)
      return i;
  }
  g_assert(self->n_classes < ATTENTION_CLASSES);
  self->classes[self->n_classes].mixer = *mixer;
  self->classes[self->n_classes].most_cached_tokens =
      mixer->kind == MIXER_SLIDING || mixer->kind == MIXER_CHUNKED ? mixer->window : INFINITY;
  self->classes[self->n_classes].window = window;
  return self->n_classes++;
}

/* Work of one layer for a pair of a query and a key, and bytes that a decode reads a token. */
typedef struct {
  double prefill_flops, decode_flops, bytes, decompress_flops;
} AttentionWork;

/* What picks the tokens of sparse attention looks at all of them: index_heads products of index_dim
 * over one key. All of them on every rank with latent (DeepSeek-V3.2) and compressed attention
 * (DeepSeek-V4); one beside each KV head else (MiniMax-M3). */
static AttentionWork
indexer_work_of(const Mixer *mixer, guint32 tp)
{
  gboolean on_every_rank = mixer->latent_dim > 0 || mixer->kind == MIXER_COMPRESSED;
  guint32 heads = on_every_rank ? mixer->index_heads : MAX(1, mixer->index_heads / tp);
  double flops = 2.0 * heads * mixer->index_dim;

  return (AttentionWork){
      .prefill_flops = flops, .decode_flops = flops, .bytes = (double)mixer_index_bytes(mixer)};
}

static void
add_work(AttentionWork *sum, const AttentionWork *work, double layers)
{
  sum->prefill_flops += layers * work->prefill_flops;
  sum->decode_flops += layers * work->decode_flops;
  sum->bytes += layers * work->bytes;
  sum->decompress_flops += layers * work->decompress_flops;
}

/* Latent attention decodes in the latent space, into which the queries are taken (absorbed):
 * 2 (r + p) + 2 r FLOPs a head, r the latent's and p the rotated width, over one vector that all
 * heads read. Prefills make K and V of it first: 2 r (d + v) FLOPs a head and token, d and v the
 * widths of the part of K that is not rotated and of V; then they are ordinary attention
 * (DeepSeek-V2, section 2.1; vLLM's MLA backends). Sparse attention stays in the latent space. */
static AttentionWork
work_of(const Layer *layer, guint32 kv_bits, guint32 tp)
{
  const Mixer *mixer = &layer->mixer;
  double heads = mixer->heads / tp, latent = mixer->latent_dim;
  AttentionWork work = {
      .prefill_flops = 2.0 * heads * (mixer->head_dim + mixer->value_dim),
      .bytes = (double)layer_kv_bytes(layer, kv_bits, tp),
  };

  work.decode_flops = work.prefill_flops;
  if (mixer->latent_dim > 0)
    work.decode_flops = 2 * heads * (2 * latent + mixer->rope_dim);
  if (mixer->kind == MIXER_LATENT)
    work.decompress_flops =
        2 * heads * latent * (mixer->head_dim - mixer->rope_dim + mixer->value_dim);
  if (mixer->kind == MIXER_SPARSE) {
    work.prefill_flops = work.decode_flops;
    work.bytes -= indexer_work_of(mixer, tp).bytes;
  }
  if (mixer->borrows_kv) /* of the layer that it borrows from */
    work.bytes =
        (double)MAX(1, mixer->kv_heads / tp) * (mixer->head_dim + mixer->value_dim) * kv_bits / 8;
  return work;
}

/* A recurrent layer reads and writes its state once a step, and updates it for each token. */
static void
add_recurrent(Roofline *self, const Layer *layer, guint32 tp, double peak, gint64 *token_ps)
{
  double bytes = 2.0 * (double)layer_state_bytes(layer, tp);
  double flops = layer_attention_flops(layer, 1, 0) / tp;

  self->has_recurrent = TRUE;
  self->recurrent_sequence_ps +=
      roofline_round_ps(layer->count * roofline_memory_ps(&self->device, &self->what_if, bytes,
                                                          self->device.decode_efficiency));
  *token_ps +=
      roofline_round_ps(layer->count * flops / peak * (double)PS_PER_S * self->what_if.flops_time);
}

/* A compressed layer (DeepSeek-V4): one vector is key and value of all heads, 2 d FLOPs a head and
 * pair each; of the tokens of the window, and of entries, of which there is one for `ratio` tokens:
 * all, or those that the indexer picks by looking at the keys of all, on every rank. */
static void
add_compressed(Roofline *self, const Layer *layer, guint32 kv_bits, guint32 tp, AttentionWork *sums)
{
  const Mixer *mixer = &layer->mixer;
  const Mixer near = {.kind = MIXER_SLIDING, .window = mixer->window};
  const Mixer picked = {.kind = MIXER_SLIDING, .window = mixer_entry_window(mixer).tokens};
  double flops = 4.0 * (mixer->heads / tp) * mixer->head_dim;
  const AttentionWork work = {.prefill_flops = flops,
                              .decode_flops = flops,
                              .bytes = (double)mixer_entry_bytes(mixer, kv_bits)};
  const AttentionWork index = indexer_work_of(mixer, tp);

  add_work(&sums[find_class(self, &near)], &work, layer->count);
  if (mixer->ratio == 0)
    return;
  add_work(&sums[find_class(self, mixer->picked > 0 ? &picked : &sees_all)], &work,
           (double)layer->count / mixer->ratio);
  if (mixer->picked > 0)
    add_work(&sums[find_class(self, &sees_all)], &index, (double)layer->count / mixer->ratio);
}

/* The work of all layers, by class. */
static void
sum_attention(Roofline *self, const Model *model, guint32 tp, AttentionWork *sums)
{
  for (guint i = 0; i < model->n_kinds; i++) {
    const Layer *layer = &model->kinds[i];
    AttentionWork work;
    if (layer->mixer.kind == MIXER_NONE || layer->mixer.kind == MIXER_RECURRENT)
      continue;
    if (layer->mixer.kind == MIXER_COMPRESSED) {
      add_compressed(self, layer, model->kv_bits, tp, sums);
      continue;
    }
    work = work_of(layer, model->kv_bits, tp);
    add_work(&sums[find_class(self, &layer->mixer)], &work, layer->count);
    if (layer->mixer.kind == MIXER_SPARSE) {
      work = indexer_work_of(&layer->mixer, tp);
      add_work(&sums[find_class(self, &sees_all)], &work, layer->count);
    }
  }
}

/* The share of the memory's bandwidth at which KV is read. */
static double
reading_share(const Device *device, const Mixer *mixer, guint32 kv_bits)
{
  if (mixer->latent_dim > 0)
    return device->decode_latent_efficiency;
  return kv_bits == 8 ? device->decode_fp8_efficiency : device->decode_efficiency;
}

static void
set_class(const Roofline *self, const AttentionWork *work, double peak, guint32 kv_bits,
          AttentionClass *class)
{
  const WhatIf *what_if = &self->what_if;
  double decode_ps = work->decode_flops / peak * (double)PS_PER_S * what_if->flops_time;
  double share = reading_share(&self->device, &class->mixer, kv_bits);

  class->prefill_pair_ps = work->prefill_flops / peak * (double)PS_PER_S * what_if->flops_time;
  class->prefill_token_ps = roofline_memory_ps(&self->device, what_if, work->bytes, share);
  class->prefill_decompress_ps =
      work->decompress_flops / peak * (double)PS_PER_S * what_if->flops_time;
  class->decode_token = roofline_rate(MAX(class->prefill_token_ps, decode_ps));
}

void
roofline_take_attention(Roofline *self, const Model *model, guint32 tp)
{
  const Device *device = &self->device;
  double peak = device->fp16_flops * device->prefill_efficiency, launch = 0;
  AttentionWork sums[ATTENTION_CLASSES] = {{0}};
  gint64 token_ps = 0;

  for (guint i = 0; i < model->n_kinds; i++) {
    const Layer *layer = &model->kinds[i];
    if (layer->mixer.kind != MIXER_NONE)
      launch += layer->count * self->what_if.launch_time;
    if (layer->mixer.kind == MIXER_RECURRENT)
      add_recurrent(self, layer, tp, peak, &token_ps);
  }
  sum_attention(self, model, tp, sums);
  for (guint i = 0; i < self->n_classes; i++)
    set_class(self, &sums[i], peak, model->kv_bits, &self->classes[i]);
  self->recurrent_token = rate_of(token_ps);
  self->recurrent_decode = rate_of(self->recurrent_sequence_ps + token_ps);
  self->prefill_ramp_tokens = device->prefill_ramp_tokens;
  self->prefill_fixed_ps = roofline_round_ps(device->prefill_fixed_ps * launch);
  self->decode_fixed_ps = roofline_round_ps(device->decode_fixed_ps * launch);
}
