/* What products take: dense ones, and those of experts, routed and shared. */
#include "experts.h"
#include "roofline_work.h"

/* How weights of a format are multiplied and read: the rate that is reached, the fixed time, the
 * time of a thread block for each step along k, and the share of the memory's bandwidth. */
typedef struct {
  double flops, fixed_ps, walk_ps, memory;
} Multiplier;

/* NVFP4 by NVFP4, whose activations are quantized before each product. */
static gboolean
multiplies_4bit(const Device *device, const WeightFormat *format)
{
  return format->bits == 4 && device->fp4_flops > 0 && g_str_equal(format->name, "nvfp4");
}

/* Weights of 8 bits, and NVFP4, are multiplied as such where the device can; others of 4 are
 * widened on their way (vLLM's Marlin kernels), so that they save bytes and no FLOPs. */
static Multiplier
multiplier_of(const Device *device, const WeightFormat *format)
{
  if (multiplies_4bit(device, format))
    return (Multiplier){device->fp4_flops * device->gemm_fp4_compute_efficiency,
                        device->gemm_fp4_fixed_ps, 0, device->gemm_fp4_memory_efficiency};
  if (format->bits != 8 || device->fp8_flops == 0)
    return (Multiplier){device->fp16_flops * device->gemm_compute_efficiency, device->gemm_fixed_ps,
                        0, device->gemm_memory_efficiency};
  if (format->group_rows > 1)
    return (Multiplier){device->fp8_flops * device->gemm_fp8_block_compute_efficiency,
                        device->gemm_fp8_block_fixed_ps,
                        device->gemm_fp8_block_walk_ps / WALK_INPUTS,
                        device->gemm_memory_efficiency};
  return (Multiplier){device->fp8_flops * device->gemm_fp8_compute_efficiency,
                      device->gemm_fp8_fixed_ps, 0, device->gemm_fp8_memory_efficiency};
}

/* The same of experts. MXFP4 is multiplied by activations of 8 bits where the device's file has
 * what that reaches (MXFP8, Blackwell's kernels of FlashInfer and TensorRT-LLM). */
static Multiplier
experts_multiplier_of(const Device *device, const WeightFormat *format)
{
  Multiplier multiplier = multiplier_of(device, format);

  if (multiplies_4bit(device, format)) {
    multiplier.flops *= device->experts_fp4_compute_share;
    multiplier.memory = device->experts_fp4_memory_efficiency;
    return multiplier;
  }
  if (device->experts_mxfp4_compute_share > 0 && g_str_equal(format->name, "mxfp4"))
    return (Multiplier){device->fp8_flops * device->gemm_fp8_compute_efficiency *
                            device->experts_mxfp4_compute_share,
                        device->gemm_fp8_fixed_ps, 0, device->experts_4bit_memory_efficiency};
  multiplier.memory =
      format->bits < 8 ? device->experts_4bit_memory_efficiency : device->experts_memory_efficiency;
  multiplier.flops *= format->bits == 8 && format->group_rows > 1 && device->fp8_flops > 0
                          ? device->experts_fp8_block_compute_share
                          : device->experts_compute_share;
  if (format->bits < 8)
    multiplier.flops *= device->experts_4bit_compute_share;
  return multiplier;
}

/* That are read and written, for m rows and so many reads of the weights. */
static double
product_bytes(double m, const Product *product, double reads)
{
  const WeightFormat *format = &product->format;
  double n = (double)product->n, k = (double)product->k;
  double scale_bytes = (double)weight_format_scale_bytes(format, product->n, product->k);

  return reads * n * k * format->bits / 8 + reads * scale_bytes + ACTIVATION_BYTES * m * (n + k);
}

/* The time for m rows. Of experts m counts the rows of all, and `reads` of them are read: an expert
 * has few rows, so its product reaches less of the rate, and reading one is only partly hidden by
 * computing another. */
double
roofline_product_ps(const Device *device, const WhatIf *what_if, double m, const Product *product,
                    double reads)
{
  const WeightFormat *format = &product->format;
  gboolean has_experts = product->experts > 1;
  const Multiplier multiplier =
      has_experts ? experts_multiplier_of(device, format) : multiplier_of(device, format);
  double n = (double)product->n, k = (double)product->k;
  double overlap = has_experts ? device->experts_overlap : 1;
  double compute_ps = 2 * m * n * k / multiplier.flops * (double)PS_PER_S * what_if->flops_time;
  double bytes = product_bytes(m, product, reads);
  double read_ps = roofline_memory_ps(device, what_if, bytes, multiplier.memory);

  return MAX(MAX(compute_ps, read_ps), multiplier.walk_ps * k * what_if->flops_time) +
         (1 - overlap) * MIN(compute_ps, read_ps) + multiplier.fixed_ps * what_if->launch_time;
}

gint64
roofline_gemm_ps(const Device *device, const WhatIf *what_if, guint64 m, guint64 n, guint64 k,
                 const WeightFormat *format)
{
  const Product product = {n, k, 1, 1, 1, FALSE, *format};

  return roofline_round_ps(roofline_product_ps(device, what_if, (double)m, &product, 1));
}

/* An expert layer's product in a step of that many tokens in each engine; with `shared` more
 * experts that all tokens pass: its rows, and how many experts are read. */
static double
expert_rows(const Product *product, const ExpertSplit *split, double tokens, guint shared,
            double *reads)
{
  double all = tokens * split->engines;

  *reads = experts_touched(product->experts, product->active, product->copies, all) + shared;
  return experts_busiest_rows(product->experts, product->active, expert_split_groups(split), all) +
         shared * all;
}

static double
expert_ps(const Device *device, const WhatIf *what_if, const Product *product,
          const ExpertSplit *split, double tokens, guint shared)
{
  double reads, rows = expert_rows(product, split, tokens, shared, &reads);

  return roofline_product_ps(device, what_if, rows, product, reads);
}

static double
routed_ps(const Device *device, const WhatIf *what_if, guint64 tokens, const Layer *layer,
          const ExpertSplit *split, guint shared)
{
  double total_ps = 0;

  for (guint i = 0; i < layer->n_matrices; i++) {
    const Matrix *matrix = &layer->matrices[i];
    if (matrix->copies > 1 && matrix->active > 0) {
      const Product product = roofline_expert_product(matrix, &layer->mixer, split);
      total_ps += expert_ps(device, what_if, &product, split, (double)tokens, shared);
    }
  }
  return total_ps;
}

gint64
roofline_experts_ps(const Device *device, const WhatIf *what_if, guint64 tokens, const Layer *layer,
                    const ExpertSplit *split)
{
  return roofline_round_ps(routed_ps(device, what_if, tokens, layer, split, 0));
}

/* Whether the routed experts' kernel can have the layer's shared one as one more: SGLang 0.5 does
 * so for layers as DeepSeek-V3's and Kimi K2's, with latent attention, of 256 or 384 experts and a
 * shared one as wide, where experts are not dealt out. */
static gboolean
fuses_shared(const Layer *layer, const ExpertSplit *split)
{
  gboolean is_latent = layer->mixer.latent_dim > 0;

  return is_latent && (layer->experts == 256 || layer->experts == 384) &&
         layer->shared_ffn == layer->ffn && expert_split_groups(split) == 1;
}

/* Routed and shared experts, however they run beside each other, share one memory and one set of
 * arithmetic units: they take what all their bytes and all their FLOPs take at the best rate that
 * either kind of product reaches, at least. */
static double
least_together_ps(const Device *device, const WhatIf *what_if, double tokens, const Layer *layer,
                  const ExpertSplit *split)
{
  double compute_ps = 0, read_ps = 0;

  for (guint i = 0; i < layer->n_matrices; i++) {
    const Matrix *matrix = &layer->matrices[i];
    const Product product = matrix->copies > 1
                                ? roofline_expert_product(matrix, &layer->mixer, split)
                                : roofline_dense_product(matrix, &layer->mixer, split->tp);
    const Multiplier dense = multiplier_of(device, &product.format);
    const Multiplier experts = experts_multiplier_of(device, &product.format);
    double reads = 1, rows = tokens;
    if (matrix->copies == 1 && !matrix->shared)
      continue;
    if (matrix->copies > 1)
      rows = expert_rows(&product, split, tokens, 0, &reads);
    compute_ps += 2 * rows * (double)product.n * (double)product.k /
                  MAX(dense.flops, experts.flops) * (double)PS_PER_S * what_if->flops_time;
    read_ps += roofline_memory_ps(device, what_if, product_bytes(rows, &product, reads),
                                  MAX(dense.memory, experts.memory));
  }
  return MAX(compute_ps, read_ps);
}

double
roofline_experts_together_ps(const Device *device, const WhatIf *what_if, guint64 tokens,
                             const Layer *layer, const ExpertSplit *split, double routed,
                             double shared)
{
  SharedWay way = tokens <= split->shared.tokens ? split->shared.way : SHARED_AFTER;

  if (way == SHARED_BESIDE && shared > 0) {
    double least = least_together_ps(device, what_if, (double)tokens, layer, split);
    return CLAMP(least, MAX(routed, shared), routed + shared);
  }
  if (way == SHARED_AFTER || shared == 0 || !fuses_shared(layer, split))
    return routed + shared;
  return routed * routed_ps(device, what_if, tokens, layer, split, 1) /
         routed_ps(device, what_if, tokens, layer, split, 0);
}

gint64
roofline_find_linear_ps(const Roofline *self, guint64 tokens)
{
  double total_ps = 0, m = (double)tokens;

  if (tokens == 0)
    return 0;
  for (guint i = 0; i < self->n_kinds; i++) {
    const LayerProducts *kind = &self->kinds[i];
    double layer_ps = 0, routed = 0, shared = 0;
    for (guint j = 0; j < kind->n_products; j++) {
      const Product *product = &kind->products[j];
      double ps = product->experts > 1
                      ? expert_ps(&self->device, &self->what_if, product, &self->split, m, 0)
                      : roofline_product_ps(&self->device, &self->what_if, m, product, 1);
      *(product->experts > 1 ? &routed : product->shared ? &shared : &layer_ps) += ps;
    }
    if (routed > 0)
      layer_ps += roofline_experts_together_ps(&self->device, &self->what_if, tokens, &kind->layer,
                                               &self->split, routed, shared);
    total_ps += kind->layers * layer_ps;
  }
  return roofline_round_ps(total_ps);
}
