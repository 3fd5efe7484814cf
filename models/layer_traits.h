/* The traits of a layer's parts, and the matrices that follow from them.
 *
 * A family's function fills in the traits, from keys and from what its architecture fixes, and adds
 * the layers one by one: layer_begin(), the parts, layer_end(). Matrices are fused as engines fuse
 * them (q, k and v; gate and up); of vectors only the elements are counted. Modules have the names
 * that quantizations use.
 */
#pragma once

#include "quantization.h"
#include "sim/model.h"

typedef enum {
  QK_NORM_NONE,
  QK_NORM_HEAD,  /* head_dim weights each for q and k, shared by the heads */
  QK_NORM_HEADS, /* a weight for each element of q and k, each head by itself */
  QK_NORM_WIDTH, /* the same, over all heads together */
} QkNorm;

typedef struct {
  const char *module, *query, *output; /* "self_attn", "q_proj", "o_proj" */
  MixerKind kind;                      /* full, sliding, chunked */
  guint32 window;
  guint32 heads, kv_heads, head_dim, value_dim;
  gboolean borrows_kv;   /* no k and v of its own */
  gboolean keeps_kv;     /* it borrows, and has the matrices of k and v all the same (Gemma 3n) */
  gboolean value_is_key; /* one product makes both */
  gboolean gates;        /* q comes with a gate of its width */
  guint32 head_gates;    /* outputs of a product that gates whole heads; 0: none */
  guint32 query_rank;    /* outputs of which, with a norm, "wq" makes q; 0: q is made at once */
  gboolean qkv_bias, output_bias;
  QkNorm qk_norm;
  guint32 extra_vectors; /* sinks and the like */
  guint32 index_tokens;  /* that an indexer picks for each query to see; 0: it has none */
  guint32 index_heads, index_dim;
} AttentionTraits;

typedef struct {
  const char *module;
  guint32 heads;
  guint32 query_rank; /* 0: q is made of the input at once */
  guint32 kv_rank;
  guint32 nope_dim, rope_dim, value_dim;
  gboolean bias;                  /* on the products down to the ranks, and on o */
  gboolean gates;                 /* a product of the values' width before o */
  gboolean head_gates;            /* one with an output for each head */
  const char *output;             /* NULL: "o_proj" */
  guint32 index_tokens;           /* that attention sees; 0: all */
  guint32 index_heads, index_dim; /* of its own indexer; 0: it has none */
} LatentTraits;

typedef struct {
  const char *module;
  guint32 heads, head_dim, rope_dim;
  guint32 query_rank;
  guint32 output_rank, output_groups;     /* groups of heads, each with a product down of its own */
  guint32 window, ratio;                  /* tokens; tokens an entry, 0: only the window */
  guint32 index_heads, index_dim, picked; /* of layers whose indexer picks entries */
} CompressedTraits;

typedef struct {
  const char *module;
  RecurrentKind kind;
  guint32 heads;     /* of values; mamba: its inner width */
  guint32 head_dim;  /* of a value; mamba: 1 */
  guint32 groups;    /* mamba2: that share B and C; delta: key heads */
  guint32 state;     /* mamba: size of the state; delta: width of a key */
  guint32 kernel;    /* tokens that the convolution sees */
  guint32 step_rank; /* mamba */
  gboolean bias, conv_bias;
  gboolean inner_norms; /* mamba: on the step, B and C (Jamba) */
  gboolean unnormed;    /* mamba2: no norm behind it (Falcon-H1) */
  guint32 state_bits;
  gboolean split_products; /* delta: a product for each of qkv, z, b, a */
  gboolean full_gate;      /* kda: the gate is one product, not two of the rank head_dim */
  gboolean full_decay;     /* kda: so is the decay */
  gboolean qk_norm;        /* lightning */
  const char *query, *gate, *output; /* lightning: its products */
} RecurrentTraits;

typedef struct {
  const char *module;    /* "mlp" */
  const char *up, *down; /* "gate_proj", "down_proj" */
  guint32 width;
  gboolean gated, bias;
  gboolean parallel; /* reads what the mixer reads */
} DenseTraits;

typedef struct {
  const char *module;           /* "mlp" */
  const char *experts, *shared; /* "experts.0.gate_proj", "shared_experts.gate_proj" */
  guint32 experts_count, active, width;
  guint32 shared_width; /* of the shared experts together; 0: none */
  gboolean shared_gate; /* one product that weighs the shared expert */
  guint32 idle;         /* experts beside these that the router may choose and that do nothing */
  gboolean gated, router_bias, bias;
  guint32 latent;        /* width that routed experts work at; 0: the hidden one */
  gboolean plain_latent; /* its products are not quantized */
  gboolean latent_norm;  /* a norm behind the experts */
} ExpertTraits;

typedef struct {
  Model *model;
  const Quantization *quantization;
  guint32 index; /* of the layer that is being made */
  gboolean is_draft;
  Layer layer;
} LayerMaker;

/* Begins layer `index`, whose norms have so many elements. */
void layer_begin(LayerMaker *maker, guint32 index, guint64 norm_elements);
/* Begins the first draft layer (MTP): a product of the last hidden state and the next token's
 * embedding, each with a norm, goes before a decoder's layer, and a norm behind it.
 * layer_end_draft() makes `count` of them the model's. */
void layer_begin_draft(LayerMaker *maker, guint64 norm_elements);
void layer_end_draft(LayerMaker *maker, guint32 count);
void layer_attention(LayerMaker *maker, const AttentionTraits *traits);
void layer_latent(LayerMaker *maker, const LatentTraits *traits);
void layer_compressed(LayerMaker *maker, const CompressedTraits *traits);
void layer_recurrent(LayerMaker *maker, const RecurrentTraits *traits);
void layer_dense(LayerMaker *maker, const DenseTraits *traits);
void layer_experts(LayerMaker *maker, const ExpertTraits *traits);
/* Adds what a layer does with a vector of `width` that a token has for it: a gate, a product, a
 * norm (Gemma 4). */
void layer_side_input(LayerMaker *maker, guint32 width);
/* Adds residual streams (mHC): all of them make the weights, at 32 bits, that mix them before and
 * after the mixer and the feed-forward part. */
void layer_streams(LayerMaker *maker, guint32 streams);
/* Adds the layer to the model. */
void layer_end(LayerMaker *maker);
