#include "roofline_work.h"

#include "pool_size.h"

#include <math.h>

ExpertSplit
roofline_expert_split(const RooflineConfig *config)
{
  gboolean has_experts = config->model->experts > 0;

  return (ExpertSplit){
      .tp = config->tensor_parallel_size,
      .engines = has_experts ? MAX(1, config->data_parallel_size) : 1,
      .groups = has_experts ? MAX(1, config->expert_groups) : 1,
      .shared = config->shared_experts,
  };
}

Product
roofline_expert_product(const Matrix *matrix, const Mixer *mixer, const ExpertSplit *split)
{
  guint32 groups = expert_split_groups(split), parts = expert_split_parts(split);

  return (Product){.n = matrix_rank_n(matrix, mixer, parts),
                   .k = matrix_rank_k(matrix, parts),
                   .experts = matrix->copies,
                   .active = matrix->active,
                   .copies = (matrix->copies + groups - 1) / groups,
                   .format = matrix->format};
}

Product
roofline_dense_product(const Matrix *matrix, const Mixer *mixer, guint32 tp)
{
  return (Product){.n = matrix_rank_n(matrix, mixer, tp),
                   .k = matrix_rank_k(matrix, tp),
                   .experts = 1,
                   .active = 1,
                   .copies = 1,
                   .shared = matrix->shared,
                   .format = matrix->format};
}

/* What one device of the group has of each layer's matrices. */
static void
set_products(Roofline *self, const Model *model, guint32 tp)
{
  self->n_kinds = model->n_kinds;
  self->kinds = g_new0(LayerProducts, model->n_kinds);
  for (guint i = 0; i < model->n_kinds; i++) {
    const Layer *layer = &model->kinds[i];
    LayerProducts *kind = &self->kinds[i];
    kind->layers = layer->count;
    kind->layer = *layer;
    for (guint j = 0; j < layer->n_matrices; j++) {
      const Matrix *matrix = &layer->matrices[j];
      if (matrix->active == 0)
        continue;
      kind->products[kind->n_products++] =
          matrix->copies > 1 ? roofline_expert_product(matrix, &layer->mixer, &self->split)
                             : roofline_dense_product(matrix, &layer->mixer, tp);
    }
  }
  self->head =
      (Product){model_rank_vocab(model, tp), model->hidden, 1, 1, 1, FALSE, model->head_format};
}

/* The elements that one token moves between a layer's products, and *kernels: two norms with the
 * residual's addition, rotary embedding, the KV write, the activation; with experts their routing
 * and the weighted sum, unless these and the activation are in `blocks` that another model costs; a
 * recurrent layer's convolution, gate and norm. */
static double
small_elements(const Layer *layer, guint32 hidden, guint32 tp, gboolean blocks, double *kernels)
{
  gboolean is_block = blocks && layer->experts > 0;
  const Mixer *mixer = &layer->mixer;
  guint32 parts = MAX(1, layer->active_experts);
  double q_width = (double)(mixer->heads / tp) * mixer->head_dim;
  double kv_width = (double)MAX(1, mixer->kv_heads / tp) * mixer->head_dim;
  double ffn_width = (double)parts * layer->ffn / tp + (double)layer->shared_ffn / tp;
  double elements = 0;

  *kernels = 0;
  if (mixer->latent_dim > 0)
    kv_width = mixer->latent_dim + mixer->rope_dim;
  if (mixer->kind == MIXER_RECURRENT)
    elements += 4.0 * hidden + 2 * (double)mixer->window_elements / tp +
                4 * (double)(mixer->heads / tp) * mixer->value_dim;
  else if (mixer->kind != MIXER_NONE)
    elements += 4.0 * hidden + 2 * (q_width + kv_width) + 4 * kv_width;
  if (mixer->kind != MIXER_NONE)
    *kernels += 3;
  if (layer->ffn > 0 && !layer->parallel) {
    elements += 4.0 * hidden;
    *kernels += 1;
  }
  if (layer->ffn > 0 && !is_block) {
    elements += (layer->gated ? 3 : 2) * ffn_width;
    *kernels += 1;
  }
  if (mixer->normed) {
    elements += 2 * (q_width + kv_width);
    *kernels += 1;
  }
  if (layer->experts > 0 && !is_block) {
    elements += (1.0 + parts) * hidden;
    *kernels += ROUTING_KERNELS;
  }
  /* Streams are read and summed up before each of the two parts, and read and written behind it. */
  if (layer->streams > 0) {
    elements += 2 * 3.0 * layer->streams * hidden;
    *kernels += 2 * STREAM_KERNELS;
  }
  return elements;
}

/* The embedding and the last norm once, and what lies between the products of each layer. */
static void
set_elementwise(Roofline *self, const Model *model, guint32 tp, gboolean expert_blocks)
{
  const Device *device = &self->device;
  double elements = 0, kernels = 0, outside = 2.0 * model->hidden + 4.0 * model->hidden;
  double logit_bytes = (double)LOGIT_BYTES * model->vocab;

  for (guint i = 0; i < model->n_kinds; i++) {
    double layer_kernels;
    elements += model->kinds[i].count *
                small_elements(&model->kinds[i], model->hidden, tp, expert_blocks, &layer_kernels);
    kernels += model->kinds[i].count * layer_kernels;
  }
  self->elementwise_token = roofline_rate(
      roofline_memory_ps(device, &self->what_if, ACTIVATION_BYTES * (elements + outside),
                         device->elementwise_efficiency));
  self->elementwise_fixed_ps =
      roofline_round_ps((kernels + 2) * device->elementwise_fixed_ps * self->what_if.launch_time);
  self->sampling_ps =
      roofline_memory_ps(device, &self->what_if, logit_bytes, device->elementwise_efficiency);
  self->sampling_fixed_ps =
      SAMPLING_KERNELS * device->elementwise_fixed_ps * self->what_if.launch_time;
}

/* The bus bandwidth of a sum over so many devices: on PCIe a ring of four or eight crosses what two
 * do not. */
static double
allreduce_rate(const Device *device, guint32 ranks)
{
  return ranks >= 8   ? device->allreduce_8_bytes_per_s
         : ranks >= 4 ? device->allreduce_4_bytes_per_s
                      : device->allreduce_bytes_per_s;
}

double
roofline_two_shots_ps(const Device *device, guint32 ranks, double bytes)
{
  if (ranks < 8 || device->allreduce_two_shots_latency_ps == 0 || bytes < TWO_SHOTS_LEAST_BYTES ||
      bytes > TWO_SHOTS_MOST_BYTES)
    return 0;
  return device->allreduce_two_shots_latency_ps +
         2.0 * (ranks - 1) / ranks * bytes / allreduce_rate(device, ranks) * (double)PS_PER_S;
}

/* Two ways: each device reads all that the others have, at once (small messages, over peer memory);
 * or the sum goes round, 2 (g - 1) / g of it over each link. */
static void
set_comm(Roofline *self, const Model *model, guint32 tp, gboolean own_sums)
{
  const Device *device = &self->device;
  double reduces = model_all_reduces(model) * self->what_if.comm_time;
  double bytes = ACTIVATION_BYTES * (double)model->hidden * reduces;

  if (tp == 1)
    return;
  self->ranks = tp;
  self->token_bytes = ACTIVATION_BYTES * (double)model->hidden;
  self->two_shots_sums = own_sums ? reduces : 0;
  self->comm[0].token =
      roofline_rate(2.0 * (tp - 1) / tp * bytes / allreduce_rate(device, tp) * (double)PS_PER_S);
  self->comm[0].fixed_ps = roofline_round_ps(
      reduces * (device->allreduce_latency_ps + (tp - 1) * device->allreduce_step_ps));
  self->comm[1] = self->comm[0];
  if (device->allreduce_direct_bytes_per_s == 0)
    return;
  self->comm[1].token =
      roofline_rate((tp - 1) * bytes / device->allreduce_direct_bytes_per_s * (double)PS_PER_S);
  self->comm[1].fixed_ps = roofline_round_ps(reduces * device->allreduce_direct_latency_ps);
}

/* A stage sends a token's hidden state and residual to the next (vLLM's IntermediateTensors), at
 * the rate and latency of the link's all-reduces. */
static void
set_sends(Roofline *self, const Model *model, guint32 stages)
{
  const Device *device = &self->device;
  double sends = (stages - 1) * self->what_if.comm_time;

  if (stages == 1)
    return;
  self->exchange_token = roofline_rate(sends * 2 * ACTIVATION_BYTES * (double)model->hidden /
                                       device->allreduce_bytes_per_s * (double)PS_PER_S);
  self->exchange_fixed_ps = roofline_round_ps(sends * 2 * device->allreduce_latency_ps);
}

/* Engines that share experts send their tokens to all others before a layer's experts (all-gather),
 * and get the sums of their own back (reduce-scatter): each (g - 1) / g of all engines' activations
 * over the bus. That is vLLM's way if none is chosen (all2all_backend allgather_reducescatter). */
static void
set_exchange(Roofline *self, const Model *model, guint32 stages)
{
  const Device *device = &self->device;
  double collectives = 0, bytes = ACTIVATION_BYTES * (double)model->hidden;
  guint32 ranks = self->split.engines * self->split.tp;

  set_sends(self, model, stages);
  if (self->split.engines == 1)
    return;
  for (guint i = 0; i < model->n_kinds; i++)
    collectives += model->kinds[i].experts > 0 ? 2.0 * model->kinds[i].count : 0;
  collectives *= self->what_if.comm_time;
  self->exchange_token = roofline_rate(collectives * (self->split.engines - 1) * bytes /
                                       allreduce_rate(device, ranks) * (double)PS_PER_S);
  self->exchange_fixed_ps += roofline_round_ps(
      collectives * (device->allreduce_latency_ps + (ranks - 1) * device->allreduce_step_ps));
}

/* Norms over all heads together need a sum over the ranks of two numbers a token, a further
 * all-reduce a layer (forward_qk of vLLM's and SGLang's MiniMax). */
static void
add_norm_sums(Roofline *self, const Model *model, guint32 tp)
{
  const Device *device = &self->device;
  double around = device->allreduce_latency_ps + (tp - 1) * device->allreduce_step_ps;
  double each_ps =
      device->allreduce_direct_bytes_per_s > 0 ? device->allreduce_direct_latency_ps : around;
  guint32 layers = 0;

  for (guint i = 0; i < model->n_kinds; i++)
    layers += model->kinds[i].mixer.normed_wide ? model->kinds[i].count : 0;
  if (tp > 1)
    self->exchange_fixed_ps += roofline_round_ps(layers * each_ps * self->what_if.comm_time);
}

/* The layers whose mixer is launched by itself where graphs are captured in pieces. */
static double
mixing_layers(const Model *model)
{
  guint32 layers = 0;

  for (guint i = 0; i < model->n_kinds; i++)
    if (model->kinds[i].mixer.kind != MIXER_NONE)
      layers += model->kinds[i].count;
  return layers;
}

/* What launching the kernels of all layers one by one takes. */
static double
find_launches_ps(const HostCost *host, const Model *model)
{
  double latent = model_latent_layers(model);

  return host->launch_ps * (mixing_layers(model) - latent) + host->latent_launch_ps * latent;
}

static void
set_host(Roofline *self, const RooflineConfig *config)
{
  static const HostCost none = {0};
  const HostCost *host = config->host != NULL ? &config->host->costs[config->scheduler] : &none;
  double factor = self->what_if.host_time;
  gboolean in_turn = !config->asynchronous && host->work_ps > 0;

  self->host_step_ps = roofline_round_ps((in_turn ? host->work_ps : host->step_ps) * factor);
  self->host_sequence =
      roofline_rate((in_turn ? host->work_sequence_ps : host->sequence_ps) * factor);
  self->host_eager_ps = roofline_round_ps(host->eager_ps * factor);
  if (config->in_pieces)
    self->host_pieces_ps =
        roofline_round_ps(host->piece_ps * mixing_layers(config->model) * factor);
  self->launches_all = config->launched_steps;
  if (config->launched_steps)
    self->launches_ps = roofline_round_ps(find_launches_ps(host, config->model) * factor);
  else if (config->launched_prompts)
    self->launches_ps =
        roofline_round_ps(host->latent_launch_ps * model_latent_layers(config->model) * factor);
  self->work_ps = in_turn ? 0 : roofline_round_ps(host->work_ps * factor);
  self->work_sequence = roofline_rate(in_turn ? 0 : host->work_sequence_ps * factor);
}

static void
set_copies(Roofline *self, const RooflineConfig *config)
{
  const Device *device = &self->device;
  const WhatIf *what_if = &self->what_if;
  gboolean pinned = config->host_memory == HOST_MEMORY_PINNED;
  gboolean batched = config->copy_path == COPY_PATH_BATCHED;
  gboolean grouped = config->block_bytes > 0;
  double bytes = (double)(grouped ? config->block_bytes
                                  : pool_block_bytes(config->model, config->block_size,
                                                     config->tensor_parallel_size));
  guint32 tensors = grouped ? config->block_tensors : model_kv_tensors(config->model);
  double rates[2] = {
      [COPY_OUT] = pinned ? device->pinned_d2h_bytes_per_s : device->pageable_d2h_bytes_per_s,
      [COPY_IN] = pinned ? device->pinned_h2d_bytes_per_s : device->pageable_h2d_bytes_per_s,
  };
  double factors[2] = {[COPY_OUT] = what_if->d2h_time, [COPY_IN] = what_if->h2d_time};
  double pieces = config->copy_path == COPY_PATH_PER_BLOCK ? 1 : tensors;
  double piece_ps = batched ? device->batched_piece_ps : device->copy_launch_ps;
  double share = batched ? device->batched_share : 1;

  /* A direction at factor 0 is off: its launches too. */
  for (int d = 0; d < 2; d++) {
    double launch = factors[d] > 0 ? what_if->copy_launch_time : 0;
    double block_bytes_ps = bytes / (rates[d] * share) * (double)PS_PER_S * factors[d];
    self->copy_block[d] = roofline_rate(pieces * piece_ps * launch + block_bytes_ps);
    self->copy_contention[d] =
        factors[d] > 0 ? rates[d] * share / factors[d] / device->hbm_bytes_per_s * what_if->hbm_time
                       : 0;
    self->copy_fixed_ps[d] = batched ? roofline_round_ps(device->copy_launch_ps * launch) : 0;
  }
}

void
roofline_take(Roofline *self, const RooflineConfig *config)
{
  self->split = roofline_expert_split(config);
  set_products(self, config->model, config->tensor_parallel_size);
  roofline_take_attention(self, config->model, config->tensor_parallel_size);
  set_elementwise(self, config->model, config->tensor_parallel_size, config->expert_blocks);
  set_comm(self, config->model, config->tensor_parallel_size, config->own_sums);
  set_exchange(self, config->model, MAX(1, config->pipeline_parallel_size));
  add_norm_sums(self, config->model, config->tensor_parallel_size);
  self->communicates = self->comm[0].token.each_ps > 0 || self->comm[0].fixed_ps > 0 ||
                       self->exchange_token.each_ps > 0 || self->exchange_fixed_ps > 0;
  set_host(self, config);
  self->waits = config->copy_stages > 0 || self->launches_ps > 0 || self->work_ps > 0 ||
                self->work_sequence.each_ps > 0;
  self->captured = config->captured;
  self->captured_tokens =
      config->captured_tokens > 0 ? config->captured_tokens : ROOFLINE_CAPTURED_TOKENS;
  set_copies(self, config);
}
