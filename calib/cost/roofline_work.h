/* What a model makes a device do, reduced to coefficients: roofline_take() finds them, the
 * roofline's steps are made of them. Internal to roofline.c, roofline_work.c and
 * roofline_attention.c.
 */
#pragma once

#include "roofline.h"
#include "rounding.h"
#include "sim/units.h"

enum {
  MEMO_TOKENS = 16384,
  MEMO_SAMPLED = 4096,
  SAMPLING_KERNELS = 10,
  ROUTING_KERNELS = 5,  /* choice, two for the order of tokens by experts, its inverse, the sum */
  STREAM_KERNELS = 2,   /* before a layer's mixer or feed-forward part, and behind it */
  WALK_INPUTS = 128,    /* that a block of threads takes at a time */
  ACTIVATION_BYTES = 2, /* an element between kernels */
  LOGIT_BYTES = 4,
};

/* A product on one device of the group. */
typedef struct {
  guint64 n, k;
  guint32 experts, active; /* of all ranks, and those that a token passes; 1 and 1 without */
  guint32 copies;          /* of the experts, those on this rank */
  gboolean shared;         /* of those that every token passes */
  WeightFormat format;
} Product;

/* Layers of one kind. */
typedef struct {
  guint32 layers;
  Layer layer;
  guint n_products;
  Product products[LAYER_MATRICES];
} LayerProducts;

/* The longest that one cost may be; steps add up a dozen of them. */
#define COST_MAX_PS (TIME_MAX_PS / 16)

/* What each of a number of tokens, sequences or blocks takes; no more than `most` of them count, so
 * that a product with their number is within COST_MAX_PS, however many they are. */
typedef struct {
  gint64 each_ps;
  guint64 most;
} Rate;

static inline Rate
rate_of(gint64 each_ps)
{
  gint64 ps = MIN(each_ps, COST_MAX_PS);

  return (Rate){.each_ps = ps, .most = (guint64)(COST_MAX_PS / MAX(1, ps))};
}

static inline gint64
rate_ps(const Rate *rate, guint64 n)
{
  return rate->each_ps * (gint64)MIN(n, rate->most);
}

/* Attention of all layers that see the same of a context. */
typedef struct {
  Mixer mixer; /* its kind and window */
  ContextWindow window;
  double most_cached_tokens; /* that a prefill reads of those before it; INFINITY: all */
  Rate decode_token;
  double prefill_pair_ps, prefill_token_ps;
  double prefill_decompress_ps; /* latent: making K and V of a cached token again */
} AttentionClass;

/* One way to sum over the devices of a group, for all layers. */
typedef struct {
  Rate token;
  gint64 fixed_ps;
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
  gboolean has_recurrent;
  gint64 recurrent_sequence_ps;
  Rate recurrent_token, recurrent_decode; /* a decode: a sequence and its token */
  gint64 decode_fixed_ps, prefill_fixed_ps;
  double prefill_ramp_tokens;
  Rate elementwise_token;
  gint64 elementwise_fixed_ps;
  ExpertSplit split;
  Rate exchange_token;      /* of tokens between engines and stages, for all layers */
  gint64 exchange_fixed_ps; /* of these, and of sums behind norms over all heads */
  CommWay comm[2];       /* of which engines take the faster; the same twice where there is one */
  double two_shots_sums; /* all-reduces that may be by two shots, with what_if's factor; 0: none */
  double token_bytes;    /* of one all-reduce */
  guint32 ranks;         /* that it is over */
  gboolean communicates; /* there is more than one device */
  gint64 host_step_ps, host_eager_ps, host_pieces_ps;
  Rate host_sequence;
  gint64 launches_ps;    /* of a step with a prompt; 0: it is captured, or not known */
  gboolean launches_all; /* and of any other step */
  gint64 work_ps;        /* of the host, beside the device; 0, and of a sequence: nothing is */
  Rate work_sequence;
  gboolean waits; /* a step may wait for copies beside its layers, for launches or for the host */
  CapturedKind captured;
  guint64 captured_tokens;
  gint64 copy_fixed_ps[2]; /* by CopyDirection, as the next two */
  Rate copy_block[2];
  double copy_contention[2]; /* the share of the memory's bandwidth that a copy takes */

  gint64 linear_ps[MEMO_TOKENS + 1]; /* -1: not asked yet */
  gint64 head_ps[MEMO_SAMPLED + 1];
} Roofline;

static inline gint64
roofline_round_ps(double ps)
{
  return round_within(ps, COST_MAX_PS);
}

static inline Rate
roofline_rate(double each_ps)
{
  return rate_of(roofline_round_ps(each_ps));
}

/* Bytes through the memory, at a share of its bandwidth. */
static inline double
roofline_memory_ps(const Device *device, const WhatIf *what_if, double bytes, double efficiency)
{
  return bytes / (device->hbm_bytes_per_s * efficiency) * (double)PS_PER_S * what_if->hbm_time;
}

/* roofline_own_sum_ps() of a device. */
double roofline_two_shots_ps(const Device *device, guint32 ranks, double bytes);

/* What one of `tp` ranks has of a matrix of which there is one. */
Product roofline_dense_product(const Matrix *matrix, const Mixer *mixer, guint32 tp);
/* What one rank has of a layer's experts. */
Product roofline_expert_product(const Matrix *matrix, const Mixer *mixer, const ExpertSplit *split);

/* A product by `m` rows; of experts by all rows of all of them, of which `reads` are read. */
double roofline_product_ps(const Device *device, const WhatIf *what_if, double m,
                           const Product *product, double reads);
/* All products of a step of so many tokens but the head's. */
gint64 roofline_find_linear_ps(const Roofline *self, guint64 tokens);

/* All but the class, the device and the what-if scales, which are set. */
void roofline_take(Roofline *self, const RooflineConfig *config);
/* Of these what the attention of all layers is made of. */
void roofline_take_attention(Roofline *self, const Model *model, guint32 tp);
