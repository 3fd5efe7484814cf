/* The roofline cost model. All that depends on the model and the device alone is reduced to a few
 * coefficients when it is made, so that a step costs a handful of integer operations.
 *
 *   linear_ps[tokens], head_ps[sampled]   remembered, as a batch's size comes again and again
 *   decode_token_ps                       integer: n decode steps at once or one by one agree
 *   prefill_pair_ps, prefill_token_ps     per pair of tokens (compute), per KV token read (memory)
 *
 * A decode step's attention is decode_token_ps x context + decode_fixed_ps, and its growth is
 * decodes x decode_token_ps: the law of sim/cost.h holds without rounding.
 */
#include "roofline.h"

#include "pool_size.h"
#include "rounding.h"
#include "sim/units.h"

#include <math.h>
#include <string.h>

enum {
  MEMO_TOKENS = 16384,
  MEMO_SAMPLED = 4096,
  SAMPLING_KERNELS = 10,
  ACTIVATION_BYTES = 2, /* an element between kernels */
  LOGIT_BYTES = 4,
};

G_DEFINE_QUARK(spillway - roofline - error, roofline_error)

/* What linear work is made of, for one device of the group. */
typedef struct {
  guint64 n, k;
} Matrix;

typedef struct {
  CostModel base;
  Device device; /* numbers only; its strings are not used */
  WhatIf what_if;
  guint32 layers, weight_bits, experts, active_experts;
  guint n_matrices;
  Matrix matrices[4]; /* of a layer, that every token passes */
  guint n_expert_matrices;
  Matrix expert_matrices[2];
  Matrix head;
  double sampling_ps; /* a sequence's */
  double sampling_fixed_ps;

  gint64 decode_token_ps, decode_fixed_ps, prefill_fixed_ps;
  double prefill_pair_ps, prefill_token_ps, prefill_ramp_tokens;
  gint64 elementwise_token_ps, elementwise_fixed_ps;
  gint64 comm_token_ps, comm_fixed_ps;
  gint64 host_step_ps, host_sequence_ps, host_eager_ps;
  CapturedKind captured;
  guint64 captured_tokens;
  gint64 copy_fixed_ps[2], copy_block_ps[2]; /* by CopyDirection */

  gint64 linear_ps[MEMO_TOKENS + 1]; /* -1: not asked yet */
  gint64 head_ps[MEMO_SAMPLED + 1];
} Roofline;

/* The longest that one cost may be; steps add up a dozen of them. */
#define COST_MAX_PS (TIME_MAX_PS / 16)

static gint64
round_ps(double ps)
{
  return round_within(ps, COST_MAX_PS);
}

static gint64
product_ps(gint64 ps, guint64 n)
{
  guint64 product;

  if (!g_uint64_checked_mul(&product, (guint64)ps, n) || product > (guint64)COST_MAX_PS)
    return COST_MAX_PS;
  return (gint64)product;
}

static double
memory_ps(const Device *device, const WhatIf *what_if, double bytes, double efficiency)
{
  return bytes / (device->hbm_bytes_per_s * efficiency) * (double)PS_PER_S * what_if->hbm_time;
}

/* A product whose weights may be read several times over (`reads`: experts touched), by `m` rows.
 */
static double
gemm_ps(const Device *device, const WhatIf *what_if, double m, Matrix matrix, guint32 weight_bits,
        double reads)
{
  gboolean fp8 = weight_bits == 8 && device->fp8_flops > 0;
  double peak = fp8 ? device->fp8_flops * device->gemm_fp8_compute_efficiency
                    : device->fp16_flops * device->gemm_compute_efficiency;
  double n = (double)matrix.n, k = (double)matrix.k;
  double compute_ps = 2 * m * n * k / peak * (double)PS_PER_S * what_if->flops_time;
  double bytes = reads * n * k * weight_bits / 8 + ACTIVATION_BYTES * m * (n + k);

  return MAX(compute_ps, memory_ps(device, what_if, bytes, device->gemm_memory_efficiency)) +
         (fp8 ? device->gemm_fp8_fixed_ps : device->gemm_fixed_ps) * what_if->launch_time;
}

gint64
roofline_gemm_ps(const Device *device, const WhatIf *what_if, guint64 m, guint64 n, guint64 k,
                 guint32 weight_bits)
{
  return round_ps(gemm_ps(device, what_if, (double)m, (Matrix){n, k}, weight_bits, 1));
}

static double
touched_experts(const Roofline *self, double tokens)
{
  double share = (double)self->active_experts / self->experts;

  return self->experts * (1 - pow(1 - share, tokens));
}

static gint64
find_linear_ps(const Roofline *self, guint64 tokens)
{
  double layer_ps = 0, m = (double)tokens;

  if (tokens == 0)
    return 0;
  for (guint i = 0; i < self->n_matrices; i++)
    layer_ps += gemm_ps(&self->device, &self->what_if, m, self->matrices[i], self->weight_bits, 1);
  for (guint i = 0; i < self->n_expert_matrices; i++)
    layer_ps += gemm_ps(&self->device, &self->what_if, m * self->active_experts,
                        self->expert_matrices[i], self->weight_bits, touched_experts(self, m));
  return round_ps(self->layers * layer_ps);
}

static gint64
find_head_ps(const Roofline *self, guint32 sampled)
{
  if (sampled == 0)
    return 0;
  return round_ps(gemm_ps(&self->device, &self->what_if, sampled, self->head, 16, 1) +
                  sampled * self->sampling_ps + self->sampling_fixed_ps);
}

static gint64
linear_ps(Roofline *self, guint64 tokens)
{
  if (tokens > MEMO_TOKENS)
    return find_linear_ps(self, tokens);
  if (self->linear_ps[tokens] < 0)
    self->linear_ps[tokens] = find_linear_ps(self, tokens);
  return self->linear_ps[tokens];
}

static gint64
head_ps(Roofline *self, guint32 sampled)
{
  if (sampled > MEMO_SAMPLED)
    return find_head_ps(self, sampled);
  if (self->head_ps[sampled] < 0)
    self->head_ps[sampled] = find_head_ps(self, sampled);
  return self->head_ps[sampled];
}

static gint64
prefill_ps(const Roofline *self, CostChunk chunk)
{
  double n = chunk.tokens, c = chunk.cached_tokens;
  double pairs = n * c + n * (n + 1) / 2 + n * self->prefill_ramp_tokens / 2;

  return round_ps(MAX(pairs * self->prefill_pair_ps, (n + c) * self->prefill_token_ps));
}

/* One kernel a layer serves prefills and decodes: the fixed time counts once. */
static gint64
attention_ps(const Roofline *self, const CostShape *shape)
{
  gint64 total_ps = product_ps(self->decode_token_ps, shape->contexts.sum);

  for (guint32 i = 0; i < shape->n_prefills; i++)
    total_ps = MIN(total_ps + prefill_ps(self, shape->prefills[i]), COST_MAX_PS);
  if (shape->n_prefills > 0)
    return total_ps + self->prefill_fixed_ps;
  return shape->contexts.count > 0 ? total_ps + self->decode_fixed_ps : total_ps;
}

static gint64
roofline_copy_ps(CostModel *base, CopyDirection direction, guint32 blocks)
{
  const Roofline *self = (const Roofline *)base;

  return blocks == 0
             ? 0
             : product_ps(self->copy_block_ps[direction], blocks) + self->copy_fixed_ps[direction];
}

gboolean
roofline_is_captured(CapturedKind captured, guint64 captured_tokens, const CostShape *shape,
                     guint64 tokens)
{
  return tokens <= captured_tokens && (captured == CAPTURED_STEPS || shape->n_prefills == 0);
}

void
roofline_step_without(CostModel *base, const CostShape *shape, guint32 repeat, guint covered,
                      CostPiece *piece)
{
  Roofline *self = (Roofline *)base;
  guint64 tokens = shape->contexts.count;

  for (guint32 i = 0; i < shape->n_prefills; i++)
    tokens += shape->prefills[i].tokens;
  piece->steps = repeat;
  piece->growth_ps = product_ps(self->decode_token_ps, shape->contexts.count);
  if (!(covered & 1 << COST_HEAD))
    piece->base_ps[COST_HEAD] = head_ps(self, shape->sampled);
  if (!(covered & 1 << COST_HOST))
    piece->base_ps[COST_HOST] =
        self->host_step_ps + product_ps(self->host_sequence_ps, shape->sequences) +
        (roofline_is_captured(self->captured, self->captured_tokens, shape, tokens)
             ? 0
             : self->host_eager_ps);
  piece->base_ps[COST_SWAP_OUT] = roofline_copy_ps(base, COPY_OUT, shape->copy_out_blocks);
  piece->base_ps[COST_SWAP_IN] = roofline_copy_ps(base, COPY_IN, shape->copy_in_blocks);
  if (tokens == 0)
    return;
  if (!(covered & 1 << COST_LINEAR))
    piece->base_ps[COST_LINEAR] = linear_ps(self, tokens);
  if (!(covered & 1 << COST_ATTENTION))
    piece->base_ps[COST_ATTENTION] = attention_ps(self, shape);
  piece->base_ps[COST_ELEMENTWISE] =
      product_ps(self->elementwise_token_ps, tokens) + self->elementwise_fixed_ps;
  piece->base_ps[COST_COMM] = product_ps(self->comm_token_ps, tokens) + self->comm_fixed_ps;
}

static void
roofline_step(CostModel *base, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  roofline_step_without(base, shape, repeat, 0, piece);
}

static void
roofline_free(CostModel *base)
{
  g_free(base);
}

static const CostModelClass roofline_class = {
    .name = "roofline",
    .step = roofline_step,
    .copy_ps = roofline_copy_ps,
    .free = roofline_free,
};

/* Column-parallel, then row-parallel: each device has 1/tp of the inner width. */
static void
set_matrices(Roofline *self, const Model *model, guint32 tp)
{
  guint64 hidden = model->hidden;
  guint64 q_width = (guint64)model->heads / tp * model->head_dim;
  guint64 kv_width = (guint64)MAX(1, model->kv_heads / tp) * model->head_dim;
  Matrix up = {(model->gated_ffn ? 2 : 1) * (guint64)model->ffn / tp, hidden};
  Matrix down = {hidden, model->ffn / tp};

  self->layers = model->layers;
  self->weight_bits = model->weight_bits;
  self->experts = model->experts;
  self->active_experts = model->active_experts;
  self->matrices[self->n_matrices++] = (Matrix){q_width + 2 * kv_width, hidden};
  self->matrices[self->n_matrices++] = (Matrix){hidden, q_width};
  if (model->experts > 0) {
    self->matrices[self->n_matrices++] = (Matrix){model->experts, hidden};
    self->expert_matrices[self->n_expert_matrices++] = up;
    self->expert_matrices[self->n_expert_matrices++] = down;
  } else {
    self->matrices[self->n_matrices++] = up;
    self->matrices[self->n_matrices++] = down;
  }
  self->head = (Matrix){(model->vocab + tp - 1) / tp, hidden};
}

static void
set_attention(Roofline *self, const Model *model, guint32 tp)
{
  const Device *device = &self->device;
  const WhatIf *what_if = &self->what_if;
  double peak = device->fp16_flops * device->prefill_efficiency;
  double pair_flops = 4.0 * model->layers * (model->heads / tp) * model->head_dim;
  double kv_bytes = (double)pool_block_bytes(model, 1, tp);
  double launch = model->layers * what_if->launch_time;

  self->prefill_pair_ps = pair_flops / peak * (double)PS_PER_S * what_if->flops_time;
  self->prefill_token_ps = memory_ps(device, what_if, kv_bytes, device->decode_efficiency);
  self->prefill_ramp_tokens = device->prefill_ramp_tokens;
  self->prefill_fixed_ps = round_ps(device->prefill_fixed_ps * launch);
  self->decode_token_ps = round_ps(MAX(self->prefill_token_ps, self->prefill_pair_ps));
  self->decode_fixed_ps = round_ps(device->decode_fixed_ps * launch);
}

/* What lies between the products: two norms with the residual's addition, rotary embedding, the KV
 * write, the activation; with experts their routing and the weighted sum; the embedding and the
 * last norm once. */
static void
set_elementwise(Roofline *self, const Model *model, guint32 tp)
{
  const Device *device = &self->device;
  guint32 parts = MAX(1, model->active_experts);
  double q_width = (double)(model->heads / tp) * model->head_dim;
  double kv_width = (double)MAX(1, model->kv_heads / tp) * model->head_dim;
  double ffn_width = (double)parts * model->ffn / tp;
  double layer = 2 * 4.0 * model->hidden + 2 * (q_width + kv_width) + 4 * kv_width +
                 (model->gated_ffn ? 3 : 2) * ffn_width;
  double layer_kernels = 5, outside = 2.0 * model->hidden + 4.0 * model->hidden;
  double logit_bytes = (double)LOGIT_BYTES * model->vocab;

  if (model->qk_norm) {
    layer += 2 * (q_width + kv_width);
    layer_kernels += 1;
  }
  if (model->experts > 0) {
    layer += (1.0 + parts) * model->hidden;
    layer_kernels += 2;
  }
  self->elementwise_token_ps = round_ps(
      memory_ps(device, &self->what_if, ACTIVATION_BYTES * (model->layers * layer + outside),
                device->elementwise_efficiency));
  self->elementwise_fixed_ps = round_ps((model->layers * layer_kernels + 2) *
                                        device->elementwise_fixed_ps * self->what_if.launch_time);
  self->sampling_ps =
      memory_ps(device, &self->what_if, logit_bytes, device->elementwise_efficiency);
  self->sampling_fixed_ps =
      SAMPLING_KERNELS * device->elementwise_fixed_ps * self->what_if.launch_time;
}

static void
set_comm(Roofline *self, const Model *model, guint32 tp)
{
  double reduces = 2.0 * model->layers, factor = self->what_if.comm_time;
  double bytes = 2.0 * (tp - 1) / tp * ACTIVATION_BYTES * model->hidden;

  if (tp == 1)
    return;
  self->comm_token_ps =
      round_ps(reduces * bytes / self->device.allreduce_bytes_per_s * (double)PS_PER_S * factor);
  self->comm_fixed_ps = round_ps(reduces * self->device.allreduce_latency_ps * factor);
}

static void
set_host(Roofline *self, HostScheduler scheduler)
{
  const HostCost *host = &self->device.host[scheduler];

  self->host_step_ps = round_ps(host->step_ps * self->what_if.host_time);
  self->host_sequence_ps = round_ps(host->sequence_ps * self->what_if.host_time);
  self->host_eager_ps = round_ps(host->eager_ps * self->what_if.host_time);
}

static void
set_copies(Roofline *self, const RooflineConfig *config)
{
  const Device *device = &self->device;
  const WhatIf *what_if = &self->what_if;
  gboolean pinned = config->host_memory == HOST_MEMORY_PINNED;
  gboolean batched = config->copy_path == COPY_PATH_BATCHED;
  double bytes =
      (double)pool_block_bytes(config->model, config->block_size, config->tensor_parallel_size);
  double rates[2] = {
      [COPY_OUT] = pinned ? device->pinned_d2h_bytes_per_s : device->pageable_d2h_bytes_per_s,
      [COPY_IN] = pinned ? device->pinned_h2d_bytes_per_s : device->pageable_h2d_bytes_per_s,
  };
  double factors[2] = {[COPY_OUT] = what_if->d2h_time, [COPY_IN] = what_if->h2d_time};
  double pieces = config->copy_path == COPY_PATH_PER_BLOCK ? 1 : 2.0 * config->model->layers;
  double piece_ps = batched ? device->batched_piece_ps : device->copy_launch_ps;
  double share = batched ? device->batched_share : 1;

  /* A direction at factor 0 is off: its launches too. */
  for (int d = 0; d < 2; d++) {
    double launch = factors[d] > 0 ? what_if->copy_launch_time : 0;
    double block_bytes_ps = bytes / (rates[d] * share) * (double)PS_PER_S * factors[d];
    self->copy_block_ps[d] = round_ps(pieces * piece_ps * launch + block_bytes_ps);
    self->copy_fixed_ps[d] = batched ? round_ps(device->copy_launch_ps * launch) : 0;
  }
}

static gboolean
check_config(const RooflineConfig *config, GError **error)
{
  const Model *model = config->model;
  guint32 tp = config->tensor_parallel_size;
  const char *problem = NULL;

  if (config->block_size == 0)
    problem = "a block of 0 tokens";
  else if (tp == 0)
    problem = "a tensor-parallel size of 0";
  else if (model->heads % tp != 0)
    problem = "its attention heads do not divide by the tensor-parallel size";
  else if (model->ffn % tp != 0)
    problem = "its feed-forward width does not divide by the tensor-parallel size";
  else if (MAX(tp, model->kv_heads) % MIN(tp, model->kv_heads) != 0)
    problem = "its KV heads and the tensor-parallel size do not divide";
  else if (tp > 1 && config->device->allreduce_bytes_per_s == 0)
    problem = "the device has no [interconnect] figures, needed for tensor parallelism";
  if (problem != NULL)
    g_set_error(error, ROOFLINE_ERROR, ROOFLINE_ERROR_CONFIG, "%s on %u x %s: %s", model->name, tp,
                config->device->name, problem);
  return problem == NULL;
}

CostModel *
roofline_new(const RooflineConfig *config, GError **error)
{
  Roofline *self;

  if (!check_config(config, error))
    return NULL;
  self = g_new0(Roofline, 1);
  self->base.class = &roofline_class;
  self->device = *config->device;
  self->device.name = self->device.title = NULL;
  self->device.file = NULL;
  self->what_if = config->what_if;
  memset(self->linear_ps, 0xff, sizeof self->linear_ps);
  memset(self->head_ps, 0xff, sizeof self->head_ps);
  set_matrices(self, config->model, config->tensor_parallel_size);
  set_attention(self, config->model, config->tensor_parallel_size);
  set_elementwise(self, config->model, config->tensor_parallel_size);
  set_comm(self, config->model, config->tensor_parallel_size);
  set_host(self, config->scheduler);
  self->captured = config->captured;
  self->captured_tokens =
      config->captured_tokens > 0 ? config->captured_tokens : ROOFLINE_CAPTURED_TOKENS;
  set_copies(self, config);
  return &self->base;
}
