/* One kind of layer: how it mixes tokens, the matrices that a token passes, its small vectors.
 *
 * A mixer reads what earlier tokens left behind:
 *   full      attention over the whole context
 *   sliding   attention over the last `window` tokens
 *   chunked   attention over the context since the last multiple of `window` tokens (Llama 4)
 *   latent    attention over one latent vector a token, shared by all heads (DeepSeek's MLA)
 *   sparse    latent, or with KV heads, over the `window` tokens that an indexer picks (DeepSeek
 *             3.2, MiniMax-M3)
 *   compressed one vector that is key and value of all heads: those of the last `window`
 *             tokens, and beside them one made of each `ratio` tokens, all or those that an
 *             indexer picks (DeepSeek-V4)
 *   recurrent a state of fixed size a sequence (Mamba, gated delta, linear attention)
 *   none      no mixer: a layer of nothing but a feed-forward part
 * Layers that are alike in all of this are one entry with a count; their order is not kept.
 */
#pragma once

#include "contexts.h"
#include "weight_format.h"

typedef enum {
  MIXER_NONE,
  MIXER_FULL,
  MIXER_SLIDING,
  MIXER_CHUNKED,
  MIXER_LATENT,
  MIXER_SPARSE,
  MIXER_COMPRESSED,
  MIXER_RECURRENT
} MixerKind;

/* Compressed entries of so many tokens are made of twice as many. */
enum { MIXER_OVERLAPPED_RATIO = 4 };

/* Kinds of recurrent layers: a selective scan, one with a scalar decay a head, a gated delta rule,
 * one with a decay an element of the key (Kimi's KDA), a fixed decay a head (lightning attention),
 * the last inputs of a short convolution and nothing else (LFM2).
 */
typedef enum {
  RECURRENT_MAMBA,
  RECURRENT_MAMBA2,
  RECURRENT_DELTA,
  RECURRENT_KDA,
  RECURRENT_LIGHTNING,
  RECURRENT_CONV
} RecurrentKind;

typedef struct {
  MixerKind kind;
  guint32 heads, kv_heads;
  guint32 head_dim;     /* of a query and a key */
  guint32 value_dim;    /* of a value */
  guint32 window;       /* sliding, chunked, sparse, compressed: tokens */
  gboolean borrows_kv;  /* reads the KV of an earlier layer, has none of its own */
  gboolean normed;      /* norms over q and k */
  gboolean normed_wide; /* over all heads together, not each by itself */
  /* latent, sparse */
  guint32 latent_dim; /* of the vector that K and V are made of */
  guint32 rope_dim;   /* of the rotated key beside it */
  guint32 index_heads, index_dim;
  /* compressed: tokens that an entry is made of, 0 where there is but the window; entries that the
   * indexer picks, 0 where all are read. The output's heads are in `groups`. */
  guint32 ratio, picked;
  /* recurrent: `heads` states of head_dim x value_dim, and the inputs that the convolution keeps;
   * `groups` of heads share their inputs, of which it sees conv_width tokens */
  RecurrentKind recurrent;
  guint32 groups, conv_width;
  guint64 state_elements, window_elements;
  guint32 state_bits, window_bits;
} Mixer;

/* How tensor parallelism splits a matrix: by outputs, by inputs, not at all. */
typedef enum { SPLIT_OUTPUTS, SPLIT_INPUTS, SPLIT_NONE } MatrixSplit;

typedef struct {
  guint64 n, k;    /* outputs, inputs */
  guint64 kv_n;    /* of n, the outputs of K and V: a rank has at least one KV head's */
  guint32 copies;  /* experts; 1 where there is one matrix */
  guint32 active;  /* copies that one token passes; 0: those that tokens of images alone pass */
  guint32 pieces;  /* matrices that are fused into this one, each with scales of its own */
  gboolean shared; /* it belongs to the experts that every token passes */
  MatrixSplit split;
  WeightFormat format;
} Matrix;

enum { LAYER_MATRICES = 20 };

typedef struct {
  guint32 count; /* layers of this kind */
  Mixer mixer;
  guint n_matrices;
  guint n_mixer_matrices;          /* the first so many are the mixer's */
  Matrix matrices[LAYER_MATRICES]; /* in the order of use */
  guint64 vectors;                 /* elements of norms, biases, convolutions: kept at 16 bits */
  guint32 ffn;                     /* width of the feed-forward part, of one expert; 0: none */
  guint32 experts, active_experts; /* 0 where the feed-forward part is dense */
  guint32 shared_ffn;              /* width of the experts that every token passes, together */
  gboolean gated;                  /* three matrices (gate, up, down), else two */
  gboolean parallel;               /* mixer and feed-forward part read the same input */
  guint32 streams;                 /* residual streams that are mixed before and after each of the
                                      two (DeepSeek-V4's mHC); 0: one residual, added */
} Layer;

gboolean mixer_equal(const Mixer *a, const Mixer *b);
/* TRUE if they differ in nothing but their counts of layers. */
gboolean layer_equal(const Layer *a, const Layer *b);

/* Outputs and inputs that one of `tp` ranks has of a matrix. */
guint64 matrix_rank_n(const Matrix *matrix, const Mixer *mixer, guint32 tp);
guint64 matrix_rank_k(const Matrix *matrix, guint32 tp);
/* Bytes of all copies: of the elements, and of the scales and the rest beside them. */
guint64 matrix_element_bytes(const Matrix *matrix);
guint64 matrix_scale_bytes(const Matrix *matrix);

/* Sparse, compressed: bytes of the indexer's key of a token, or of an entry. FP8 with a scale of 32
 * bits for 128 elements (DeepSeek), of KV heads 16 bits (MiniMax-M3, vLLM's indexer_kv_dtype). */
static inline guint64
mixer_index_bytes(const Mixer *mixer)
{
  return mixer->latent_dim > 0 || mixer->kind == MIXER_COMPRESSED
             ? mixer->index_dim + mixer->index_dim / 32
             : 2 * (guint64)mixer->index_dim;
}

/* Tensors that one layer's KV is kept in: K and V, or one vector; beside compressed ones that of
 * the indexer. */
static inline guint32
mixer_kv_tensors(const Mixer *mixer)
{
  if (mixer->kind == MIXER_COMPRESSED)
    return mixer->picked > 0 ? 2 : 1;
  return mixer->latent_dim > 0 ? 1 : 2;
}

/* Compressed: bytes of a vector. An FP8 cache keeps the rotated part at 16 bits and a scale of 8
 * for 64 elements (vLLM's fp8_ds_mla of DeepSeek-V4: 584 bytes of 512 elements). */
static inline guint64
mixer_entry_bytes(const Mixer *mixer, guint32 kv_bits)
{
  return kv_bits == 8 ? mixer->head_dim + mixer->rope_dim + mixer->head_dim / 64
                      : (guint64)mixer->head_dim * kv_bits / 8;
}

/* KV bytes that a token leaves in one such layer, on one of `tp` ranks: KV heads are split, and
 * repeated where there are fewer of them than ranks; a latent vector is on every rank. Of a
 * compressed layer its share of an entry, rounded up, without the window, which does not grow. 0
 * for a recurrent layer. */
guint64 layer_kv_bytes(const Layer *layer, guint32 kv_bits, guint32 tp);
/* Bytes of a recurrent layer's state, a sequence, on one of `tp` ranks. */
guint64 layer_state_bytes(const Layer *layer, guint32 tp);
/* The part of a context that a mixer sees; 0 tokens: all of it, or none. */
ContextWindow mixer_window(const Mixer *mixer);
/* What a compressed mixer sees of its entries, in tokens: those of the picked ones, where some are.
 * 0 tokens: of all of them, or it has none. */
ContextWindow mixer_entry_window(const Mixer *mixer);
/* Pairs of a query and a key of n new tokens after c cached ones, through the mixer's window; 0
 * where it has none. */
double mixer_window_pairs(const Mixer *mixer, double new_tokens, double cached_tokens);
/* The same for any mixer: n c + n (n + 1) / 2 where a token sees all before it. In line, since that
 * is all that steps of most models ask for. */
static inline double
mixer_pairs(const Mixer *mixer, double new_tokens, double cached_tokens)
{
  if (mixer->kind == MIXER_FULL || mixer->kind == MIXER_LATENT)
    return new_tokens * cached_tokens + new_tokens * (new_tokens + 1) / 2;
  return mixer_window_pairs(mixer, new_tokens, cached_tokens);
}
/* Causal attention FLOPs of n new tokens after c cached ones, in one layer. */
double layer_attention_flops(const Layer *layer, double new_tokens, double cached_tokens);
