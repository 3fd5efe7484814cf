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
  WALK_INPUTS = 128,
  ROUTING_KERNELS = 5,  /* choice, two for the order of tokens by experts, its inverse, the sum */
  ACTIVATION_BYTES = 2, /* an element between kernels */
  LOGIT_BYTES = 4,
};

G_DEFINE_QUARK(spillway - roofline - error, roofline_error)

/* A product on one device of the group. */
typedef struct {
  guint64 n, k;
  guint32 copies, active; /* experts; 1 and 1 for a matrix that is there once */
  WeightFormat format;
} Product;

/* Layers of one kind. */
typedef struct {
  guint32 layers;
  guint n_products;
  Product products[LAYER_MATRICES];
} LayerProducts;

/* Attention of all layers that see the same of a context. */
typedef struct {
  Mixer mixer; /* its kind and window */
  ContextWindow window;
  gint64 decode_token_ps;
  double prefill_pair_ps, prefill_token_ps;
  double prefill_decompress_ps; /* latent: making K and V of a cached token again */
} AttentionClass;

/* One way to sum over the devices of a group, for all layers. */
typedef struct {
  gint64 token_ps, fixed_ps;
} CommWay;

enum { ATTENTION_CLASSES = CONTEXT_WINDOWS + 1 };

typedef struct {
  CostModel base;
  Device device; /* numbers only; its strings are not used */
  WhatIf what_if;
  guint n_kinds;
  LayerProducts *kinds;
  Product head;
  double sampling_ps; /* a sequence's */
  double sampling_fixed_ps;

  guint n_classes;
  AttentionClass classes[ATTENTION_CLASSES];
  gint64 recurrent_token_ps, recurrent_sequence_ps;
  gint64 decode_fixed_ps, prefill_fixed_ps;
  double prefill_ramp_tokens;
  gint64 elementwise_token_ps, elementwise_fixed_ps;
  CommWay comm[2];
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

/* What multiplies weights of a format: the rate it reaches, its time whatever the size, and that of
 * a block of threads for an input, which walks over all k of them. */
typedef struct {
  double flops, fixed_ps, walk_ps;
} Multiplier;

/* Weights of 8 bits are multiplied as such where the device can; those of 4 are widened on their
 * way (vLLM's Marlin kernels), so that they save bytes and no FLOPs. */
static Multiplier
multiplier_of(const Device *device, const WeightFormat *format)
{
  if (format->bits != 8 || device->fp8_flops == 0)
    return (Multiplier){device->fp16_flops * device->gemm_compute_efficiency, device->gemm_fixed_ps,
                        0};
  if (format->group_rows > 1)
    return (Multiplier){device->fp8_flops * device->gemm_fp8_block_compute_efficiency,
                        device->gemm_fp8_block_fixed_ps,
                        device->gemm_fp8_block_walk_ps / WALK_INPUTS};
  return (Multiplier){device->fp8_flops * device->gemm_fp8_compute_efficiency,
                      device->gemm_fp8_fixed_ps, 0};
}

static double
experts_share(const Device *device, const Product *product)
{
  if (product->copies == 1)
    return 1;
  return device->experts_compute_share *
         (product->format.bits < 8 ? device->experts_4bit_compute_share : 1);
}

/* By `m` rows; of experts, all rows of all of them, and `reads` of them are read. An expert has few
 * rows, so its product reaches less of the rate, and what one reads is only in part hidden by what
 * another computes. */
static double
gemm_ps(const Device *device, const WhatIf *what_if, double m, const Product *product, double reads)
{
  const WeightFormat *format = &product->format;
  const Multiplier multiplier = multiplier_of(device, format);
  double n = (double)product->n, k = (double)product->k;
  double rate = multiplier.flops * experts_share(device, product);
  double overlap = product->copies > 1 ? device->experts_overlap : 1;
  double compute_ps = 2 * m * n * k / rate * (double)PS_PER_S * what_if->flops_time;
  double scale_bytes = (double)weight_format_scale_bytes(format, product->n, product->k);
  double bytes =
      reads * n * k * format->bits / 8 + reads * scale_bytes + ACTIVATION_BYTES * m * (n + k);
  double read_ps = memory_ps(device, what_if, bytes, device->gemm_memory_efficiency);

  return MAX(MAX(compute_ps, read_ps), multiplier.walk_ps * k * what_if->flops_time) +
         (1 - overlap) * MIN(compute_ps, read_ps) + multiplier.fixed_ps * what_if->launch_time;
}

gint64
roofline_gemm_ps(const Device *device, const WhatIf *what_if, guint64 m, guint64 n, guint64 k,
                 const WeightFormat *format)
{
  const Product product = {n, k, 1, 1, *format};

  return round_ps(gemm_ps(device, what_if, (double)m, &product, 1));
}

/* Experts that a batch is expected to touch: E (1 - (1 - k / E)^tokens). */
static double
touched_experts(const Product *product, double tokens)
{
  double share = (double)product->active / product->copies;

  return product->copies * (1 - pow(1 - share, tokens));
}

static gint64
find_linear_ps(const Roofline *self, guint64 tokens)
{
  double total_ps = 0, m = (double)tokens;

  if (tokens == 0)
    return 0;
  for (guint i = 0; i < self->n_kinds; i++) {
    const LayerProducts *kind = &self->kinds[i];
    double layer_ps = 0;
    for (guint j = 0; j < kind->n_products; j++) {
      const Product *product = &kind->products[j];
      layer_ps += gemm_ps(&self->device, &self->what_if, m * product->active, product,
                          product->copies > 1 ? touched_experts(product, m) : 1);
    }
    total_ps += kind->layers * layer_ps;
  }
  return round_ps(total_ps);
}

static gint64
find_head_ps(const Roofline *self, guint32 sampled)
{
  if (sampled == 0)
    return 0;
  return round_ps(gemm_ps(&self->device, &self->what_if, sampled, &self->head, 1) +
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

/* Tokens whose KV n new tokens after c cached ones read at least once. */
static double
read_tokens(const Mixer *mixer, double n, double c)
{
  if (mixer->kind == MIXER_SLIDING || mixer->kind == MIXER_CHUNKED)
    return n + MIN(c, (double)mixer->window);
  return n + c;
}

/* Tokens that decodes read in such a layer, and decodes that read one more in the next step. */
static guint64
class_visible(const AttentionClass *class, const DecodeContexts *contexts, guint32 *growing)
{
  if (class->window.tokens > 0)
    return decode_contexts_visible(contexts, &class->window, growing);
  *growing = contexts->count;
  return contexts->sum;
}

static gint64
class_prefill_ps(const Roofline *self, const AttentionClass *class, CostChunk chunk)
{
  double n = chunk.tokens, c = chunk.cached_tokens, read = read_tokens(&class->mixer, n, c);
  double pairs = layer_attention_pairs(&class->mixer, n, c) + n * self->prefill_ramp_tokens / 2;

  return round_ps(MAX(pairs * class->prefill_pair_ps, read * class->prefill_token_ps) +
                  c * class->prefill_decompress_ps);
}

static gint64
prefill_ps(const Roofline *self, CostChunk chunk)
{
  gint64 total_ps =
      self->recurrent_sequence_ps + product_ps(self->recurrent_token_ps, chunk.tokens);

  for (guint i = 0; i < self->n_classes; i++)
    total_ps = MIN(total_ps + class_prefill_ps(self, &self->classes[i], chunk), COST_MAX_PS);
  return total_ps;
}

/* One kernel a layer serves prefills and decodes: the fixed time counts once. */
static gint64
attention_ps(const Roofline *self, const CostShape *shape)
{
  gint64 total_ps =
      product_ps(self->recurrent_sequence_ps + self->recurrent_token_ps, shape->contexts.count);
  guint32 growing;

  for (guint i = 0; i < self->n_classes; i++)
    total_ps =
        MIN(total_ps + product_ps(self->classes[i].decode_token_ps,
                                  class_visible(&self->classes[i], &shape->contexts, &growing)),
            COST_MAX_PS);
  for (guint32 i = 0; i < shape->n_prefills; i++)
    total_ps = MIN(total_ps + prefill_ps(self, shape->prefills[i]), COST_MAX_PS);
  if (shape->n_prefills > 0)
    return total_ps + self->prefill_fixed_ps;
  return shape->contexts.count > 0 ? total_ps + self->decode_fixed_ps : total_ps;
}

/* What each repeat takes longer than the one before: contexts grow by one token. */
static gint64
growth_ps(const Roofline *self, const DecodeContexts *contexts)
{
  gint64 total_ps = 0;

  for (guint i = 0; i < self->n_classes; i++) {
    guint32 growing;
    class_visible(&self->classes[i], contexts, &growing);
    total_ps = MIN(total_ps + product_ps(self->classes[i].decode_token_ps, growing), COST_MAX_PS);
  }
  return total_ps;
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

static gint64
comm_ps(const Roofline *self, guint64 tokens)
{
  gint64 round = product_ps(self->comm[0].token_ps, tokens) + self->comm[0].fixed_ps;
  gint64 direct = product_ps(self->comm[1].token_ps, tokens) + self->comm[1].fixed_ps;

  return MIN(round, direct);
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
  piece->growth_ps = growth_ps(self, &shape->contexts);
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
  piece->base_ps[COST_COMM] = comm_ps(self, tokens);
}

static void
roofline_step(CostModel *base, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  roofline_step_without(base, shape, repeat, 0, piece);
}

static void
roofline_free(CostModel *base)
{
  g_free(((Roofline *)base)->kinds);
  g_free(base);
}

static const CostModelClass roofline_class = {
    .name = "roofline",
    .step = roofline_step,
    .copy_ps = roofline_copy_ps,
    .free = roofline_free,
};

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
    for (guint j = 0; j < layer->n_matrices; j++) {
      const Matrix *matrix = &layer->matrices[j];
      kind->products[kind->n_products++] =
          (Product){matrix_rank_n(matrix, &layer->mixer, tp), matrix_rank_k(matrix, tp),
                    matrix->copies, matrix->active, matrix->format};
    }
  }
  self->head = (Product){(model->vocab + tp - 1) / tp, model->hidden, 1, 1, model->head_format};
}

/* The class of a mixer, a new one where there is none. */
static AttentionClass *
find_class(Roofline *self, const Mixer *mixer)
{
  ContextWindow window = mixer_window(mixer);
  AttentionClass *class;

  for (guint i = 0; i < self->n_classes; i++) {
    class = &self->classes[i];
    if (class->window.tokens == window.tokens && class->window.in_chunks == window.in_chunks)
      return class;
  }
  g_assert(self->n_classes < ATTENTION_CLASSES);
  class = &self->classes[self->n_classes++];
  class->mixer = *mixer;
  class->window = window;
  return class;
}

/* Work of one layer for a pair of a query and a key, and bytes that a decode reads a token. */
typedef struct {
  double prefill_flops, decode_flops, bytes, decompress_flops;
} AttentionWork;

/* What picks the tokens of sparse attention looks at all of them, on every rank: index_heads
 * products of index_dim over a key of FP8 with a scale of 32 bits for 128 elements (DeepSeek-V3.2).
 */
static AttentionWork
indexer_work_of(const Mixer *mixer)
{
  double flops = 2.0 * mixer->index_heads * mixer->index_dim;

  return (AttentionWork){.prefill_flops = flops,
                         .decode_flops = flops,
                         .bytes = mixer->index_dim + mixer->index_dim / 32};
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
  if (mixer->kind == MIXER_LATENT || mixer->kind == MIXER_SPARSE)
    work.decode_flops = 2 * heads * (2 * latent + mixer->rope_dim);
  if (mixer->kind == MIXER_LATENT)
    work.decompress_flops =
        2 * heads * latent * (mixer->head_dim - mixer->rope_dim + mixer->value_dim);
  if (mixer->kind == MIXER_SPARSE) {
    work.prefill_flops = work.decode_flops;
    work.bytes -= indexer_work_of(mixer).bytes;
  }
  if (mixer->borrows_kv) /* of the layer that it borrows from */
    work.bytes =
        (double)MAX(1, mixer->kv_heads / tp) * (mixer->head_dim + mixer->value_dim) * kv_bits / 8;
  return work;
}

/* A recurrent layer reads and writes its state once a step, and updates it for each token. */
static void
add_recurrent(Roofline *self, const Layer *layer, guint32 tp, double peak)
{
  double bytes = 2.0 * (double)layer_state_bytes(layer, tp);
  double flops = layer_attention_flops(layer, 1, 0) / tp;

  self->recurrent_sequence_ps +=
      round_ps(layer->count *
               memory_ps(&self->device, &self->what_if, bytes, self->device.decode_efficiency));
  self->recurrent_token_ps +=
      round_ps(layer->count * flops / peak * (double)PS_PER_S * self->what_if.flops_time);
}

static void
add_work(AttentionWork *sum, const AttentionWork *work, double layers)
{
  sum->prefill_flops += layers * work->prefill_flops;
  sum->decode_flops += layers * work->decode_flops;
  sum->bytes += layers * work->bytes;
  sum->decompress_flops += layers * work->decompress_flops;
}

/* The work of all layers, by class. */
static void
sum_attention(Roofline *self, const Model *model, guint32 tp, AttentionWork *sums)
{
  static const Mixer sees_all = {.kind = MIXER_FULL};

  for (guint i = 0; i < model->n_kinds; i++) {
    const Layer *layer = &model->kinds[i];
    AttentionWork work;
    if (layer->mixer.kind == MIXER_NONE || layer->mixer.kind == MIXER_RECURRENT)
      continue;
    work = work_of(layer, model->kv_bits, tp);
    add_work(&sums[find_class(self, &layer->mixer) - self->classes], &work, layer->count);
    if (layer->mixer.kind == MIXER_SPARSE) {
      work = indexer_work_of(&layer->mixer);
      add_work(&sums[find_class(self, &sees_all) - self->classes], &work, layer->count);
    }
  }
}

static void
set_class(const Roofline *self, const AttentionWork *work, double peak, AttentionClass *class)
{
  const WhatIf *what_if = &self->what_if;
  double decode_ps = work->decode_flops / peak * (double)PS_PER_S * what_if->flops_time;

  class->prefill_pair_ps = work->prefill_flops / peak * (double)PS_PER_S * what_if->flops_time;
  class->prefill_token_ps =
      memory_ps(&self->device, what_if, work->bytes, self->device.decode_efficiency);
  class->prefill_decompress_ps =
      work->decompress_flops / peak * (double)PS_PER_S * what_if->flops_time;
  class->decode_token_ps = round_ps(MAX(class->prefill_token_ps, decode_ps));
}

static void
set_attention(Roofline *self, const Model *model, guint32 tp)
{
  const Device *device = &self->device;
  double peak = device->fp16_flops * device->prefill_efficiency, launch = 0;
  AttentionWork sums[ATTENTION_CLASSES] = {{0}};

  for (guint i = 0; i < model->n_kinds; i++) {
    const Layer *layer = &model->kinds[i];
    if (layer->mixer.kind != MIXER_NONE)
      launch += layer->count * self->what_if.launch_time;
    if (layer->mixer.kind == MIXER_RECURRENT)
      add_recurrent(self, layer, tp, peak);
  }
  sum_attention(self, model, tp, sums);
  for (guint i = 0; i < self->n_classes; i++)
    set_class(self, &sums[i], peak, &self->classes[i]);
  self->prefill_ramp_tokens = device->prefill_ramp_tokens;
  self->prefill_fixed_ps = round_ps(device->prefill_fixed_ps * launch);
  self->decode_fixed_ps = round_ps(device->decode_fixed_ps * launch);
}

/* What lies between a layer's products, in elements a token, and its kernels: two norms with the
 * residual's addition, rotary embedding, the KV write, the activation; with experts their routing
 * and the weighted sum; a recurrent layer's convolution, gate and norm. */
static double
small_elements(const Layer *layer, guint32 hidden, guint32 tp, double *kernels)
{
  const Mixer *mixer = &layer->mixer;
  guint32 parts = MAX(1, layer->active_experts);
  double q_width = (double)(mixer->heads / tp) * mixer->head_dim;
  double kv_width = (double)MAX(1, mixer->kv_heads / tp) * mixer->head_dim;
  double ffn_width = (double)parts * layer->ffn / tp + (double)layer->shared_ffn / tp;
  double elements = 0;

  *kernels = 0;
  if (mixer->kind == MIXER_LATENT || mixer->kind == MIXER_SPARSE)
    kv_width = mixer->latent_dim + mixer->rope_dim;
  if (mixer->kind == MIXER_RECURRENT)
    elements += 4.0 * hidden + 2 * (double)mixer->window_elements / tp +
                4 * (double)(mixer->heads / tp) * mixer->value_dim;
  else if (mixer->kind != MIXER_NONE)
    elements += 4.0 * hidden + 2 * (q_width + kv_width) + 4 * kv_width;
  if (mixer->kind != MIXER_NONE)
    *kernels += 3;
  if (layer->ffn > 0) {
    elements += (layer->parallel ? 0 : 4.0 * hidden) + (layer->gated ? 3 : 2) * ffn_width;
    *kernels += layer->parallel ? 1 : 2;
  }
  if (mixer->normed) {
    elements += 2 * (q_width + kv_width);
    *kernels += 1;
  }
  if (layer->experts > 0) {
    elements += (1.0 + parts) * hidden;
    *kernels += ROUTING_KERNELS;
  }
  return elements;
}

/* The embedding and the last norm once, and what lies between the products of each layer. */
static void
set_elementwise(Roofline *self, const Model *model, guint32 tp)
{
  const Device *device = &self->device;
  double elements = 0, kernels = 0, outside = 2.0 * model->hidden + 4.0 * model->hidden;
  double logit_bytes = (double)LOGIT_BYTES * model->vocab;

  for (guint i = 0; i < model->n_kinds; i++) {
    double layer_kernels;
    elements +=
        model->kinds[i].count * small_elements(&model->kinds[i], model->hidden, tp, &layer_kernels);
    kernels += model->kinds[i].count * layer_kernels;
  }
  self->elementwise_token_ps =
      round_ps(memory_ps(device, &self->what_if, ACTIVATION_BYTES * (elements + outside),
                         device->elementwise_efficiency));
  self->elementwise_fixed_ps =
      round_ps((kernels + 2) * device->elementwise_fixed_ps * self->what_if.launch_time);
  self->sampling_ps =
      memory_ps(device, &self->what_if, logit_bytes, device->elementwise_efficiency);
  self->sampling_fixed_ps =
      SAMPLING_KERNELS * device->elementwise_fixed_ps * self->what_if.launch_time;
}

/* Two ways, of which engines take the faster: each device reads all that the others have, at once
 * (small messages, over peer memory), or the sum goes round, 2 (g - 1) / g of it over each link. */
static void
set_comm(Roofline *self, const Model *model, guint32 tp)
{
  const Device *device = &self->device;
  double reduces = model_all_reduces(model) * self->what_if.comm_time;
  double bytes = ACTIVATION_BYTES * (double)model->hidden * reduces;

  if (tp == 1)
    return;
  self->comm[0].token_ps =
      round_ps(2.0 * (tp - 1) / tp * bytes / device->allreduce_bytes_per_s * (double)PS_PER_S);
  self->comm[0].fixed_ps = round_ps(reduces * device->allreduce_latency_ps);
  self->comm[1] = self->comm[0];
  if (device->allreduce_direct_bytes_per_s == 0)
    return;
  self->comm[1].token_ps =
      round_ps((tp - 1) * bytes / device->allreduce_direct_bytes_per_s * (double)PS_PER_S);
  self->comm[1].fixed_ps = round_ps(reduces * device->allreduce_direct_latency_ps);
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
  double pieces = config->copy_path == COPY_PATH_PER_BLOCK ? 1 : model_kv_tensors(config->model);
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

/* What of a layer cannot be split into `tp` parts; NULL: it can. */
static const char *
find_unsplit(const Layer *layer, guint32 tp)
{
  guint32 heads = layer->mixer.heads, kv_heads = layer->mixer.kv_heads;

  if (heads % tp != 0)
    return "its attention heads do not divide by the tensor-parallel size";
  if (layer->ffn % tp != 0 || layer->shared_ffn % tp != 0)
    return "its feed-forward width does not divide by the tensor-parallel size";
  if (kv_heads > 0 && layer->mixer.latent_dim == 0 && MAX(tp, kv_heads) % MIN(tp, kv_heads) != 0)
    return "its KV heads and the tensor-parallel size do not divide";
  return NULL;
}

static gboolean
check_config(const RooflineConfig *config, GError **error)
{
  const Model *model = config->model;
  guint32 tp = config->tensor_parallel_size;
  const char *problem = NULL;
  ContextWindows windows;

  if (config->block_size == 0)
    problem = "a block of 0 tokens";
  else if (tp == 0)
    problem = "a tensor-parallel size of 0";
  for (guint i = 0; i < model->n_kinds && problem == NULL; i++)
    problem = find_unsplit(&model->kinds[i], tp);
  if (problem == NULL && !model_windows(model, &windows))
    problem = "its layers have more than two kinds of windows";
  if (problem == NULL && tp > 1 && config->device->allreduce_bytes_per_s == 0)
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
  set_products(self, config->model, config->tensor_parallel_size);
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
