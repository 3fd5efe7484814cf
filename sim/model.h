/* The shape of a decoder model and the arithmetic of its sizes: parameters, bytes, FLOPs.
 *
 * Read from a published config.json (models/), used by cost models, pool sizing and executors. A
 * model is its layers by kind (layer.h), the tables before and after them, and the weights of
 * vision and audio towers.
 *
 * Formulas: 2 FLOPs a multiply-add; linear work is 2 x active parameters a token, the output head
 * only for tokens that are sampled; attention of n new tokens after c cached ones is
 * 4 x heads x head_dim x (n c + n (n + 1) / 2) a layer, causal (n + 1 because a token sees itself).
 */
#pragma once

#include "contexts.h"
#include "layer.h"

typedef struct {
  char *name;
  char *family; /* model_type, as the file has it */
  guint n_kinds;
  Layer *kinds; /* [n_kinds] */

  guint32 layers;
  guint32 hidden;
  guint32 vocab;
  guint32 max_position; /* longest context that the model was made for, tokens */
  char *context_source; /* the keys that max_position comes from */
  /* The context that engines serve by default (models/context.h). */
  guint32 unstretched_position; /* vLLM from 0.11.1 on; 0: max_position */
  guint32 sglang_position;
  guint32 sglang_state_bits; /* of an element of a recurrent state under SGLang */
  guint32 learned_positions; /* rows of a learned position table (OPT), 0 with rotary embedding */
  guint32 rotary_dim;        /* elements of a head that are rotated; 0 without rotary embedding */
  gboolean tied_embeddings;  /* the output head is the embedding's table */
  guint64 outer_vectors;     /* norms and biases outside the layers */
  WeightFormat head_format;
  guint64 tower_parameters; /* of vision and audio towers, whose work is not modelled */
  guint64 tower_bytes;
  guint64 tower_split_bytes; /* of these: matrices that ranks share out, by heads */
  guint32 tower_heads;
  /* num_hidden_layers and hidden_size of the file's own vision_config, as SGLang takes them; 0:
   * there is none. */
  guint32 vision_layers, vision_hidden;
  /* Layers that foresee tokens (MTP), which a server loads only to decode speculatively, and the
   * tokens that it drafts with them; 0: none are known, or it does not. */
  Layer draft;
  guint32 draft_layers, draft_tokens;
  char *left_out; /* weights that are not counted, in words; NULL: all are */

  /* Of the most frequent kind of layer: what tables of one layer are looked up by. */
  guint32 heads;
  guint32 kv_heads;
  guint32 head_dim;
  guint32 ffn;            /* width of one (expert's) feed-forward part */
  guint32 experts;        /* 0 for a dense model */
  guint32 active_experts; /* experts that one token visits */
  gboolean gated_ffn;     /* three matrices (gate, up, down), else two */
  gboolean qkv_bias;
  gboolean all_bias;   /* biases on every linear layer and norm (OPT) */
  gboolean qk_norm;    /* a norm of head_dim on q and on k (Qwen3) */
  guint32 weight_bits; /* bits of most elements: 16 (fp16, bf16), 8 (fp8, int8), 4 */
  guint32 kv_bits;     /* bits a KV element */
  /* A block of attention's KV beside recurrent states is a multiple of so many tokens, by the
   * engine's kernels (state_kernels_find()); 0: of 16. */
  guint32 state_alignment;
  char *dtype; /* name of most weights' type: "float16", "bfloat16", "fp8" … */
} Model;

void model_free(Model *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Model, model_free)
Model *model_copy(const Model *model);
/* Adds one layer, to the kind that it equals or as a kind of its own. */
void model_add_layer(Model *model, const Layer *layer);

/* The windows that the layers see contexts through. FALSE if there are more than CONTEXT_WINDOWS.
 */
gboolean model_windows(const Model *model, ContextWindows *windows);

/* TRUE if some layers keep one entry for several tokens (DeepSeek-V4): its KV is counted by groups
 * or not at all. */
gboolean model_is_compressed(const Model *model);

/* TRUE if all layers are equal, with attention over the whole context: what profiles measure and
 * executors run. */
gboolean model_is_uniform(const Model *model);

/* Keeps KV elements as vLLM's --kv-cache-dtype says: auto (as the model does), float16, bfloat16,
 * fp8, fp8_e4m3 or fp8_e5m2. FALSE if the name is none of these. */
gboolean model_set_kv_cache_dtype(Model *model, const char *name);

guint64 model_parameters(const Model *model);        /* all of them, towers included */
guint64 model_active_parameters(const Model *model); /* that one token visits (MoE: its experts) */
guint64 model_weight_bytes(const Model *model); /* with scales; norms, embeddings … at 16 bits */
/* KV bytes that a token leaves behind in all layers together, whether or not a layer's window lets
 * go of them later. */
guint64 model_kv_bytes_per_token(const Model *model);
/* The same on one of `tp` ranks. */
guint64 model_rank_kv_bytes(const Model *model, guint32 tp);
/* Bytes of the recurrent layers' states, a sequence, on one of `tp` ranks; 0: it has none. */
guint64 model_rank_state_bytes(const Model *model, guint32 tp);
/* Rows of the embedding's table and of the output head on one of `tp` ranks: the vocabulary, padded
 * to a multiple of 64, is split evenly. Source: vocab_parallel_embedding.py of vLLM and of SGLang;
 * where `tp` does not divide it they do not start, and here it is rounded up. */
static inline guint64
model_rank_vocab(const Model *model, guint32 tp)
{
  return (((guint64)model->vocab + 63) / 64 * 64 + tp - 1) / tp;
}

/* Of these, the most that are tokens: the logits that a rank chooses from by itself. */
static inline guint64
model_rank_logits(const Model *model, guint32 tp)
{
  return MIN(model_rank_vocab(model, tp), model->vocab);
}

/* Bytes that one of `tp` ranks holds after loading: its parts of the matrices, its own copy of what
 * is not split (routers, norms, latent projections), the vocabulary's share, and the table of sines
 * and cosines for every position. PyTorch's caching allocator rounds an allocation of 10 MiB or
 * more up to segments of 2 MiB and gives a rest of more than 1 MiB to others. */
guint64 model_rank_bytes(const Model *model, guint32 tp);
/* The same where `ranks` ranks, tp or a multiple of it, share the experts in `groups` groups of
 * equally many ranks: a group has E / groups of the E experts, each of its ranks a part of each.
 * One group: every rank has a part of every expert; as many groups as ranks: each has whole
 * experts. */
guint64 model_rank_bytes_shared(const Model *model, guint32 tp, guint32 ranks, guint32 groups);
/* The same for one stage of a pipeline: of every kind of layer it has its share of all layers; the
 * first stage has the embedding, the last one the head. */
typedef struct {
  guint32 layers;
  gboolean is_first, is_last;
} ModelStage;
guint64 model_stage_bytes(const Model *model, guint32 tp, guint32 ranks, guint32 groups,
                          const ModelStage *stage);
/* Kernels for experts in 4-bit floats want sizes that are multiples of these, so servers pad the
 * matrices: of the hidden size, of an expert's width on a rank, and of the inputs for which values
 * are kept (scales are not padded so). 1: any size will do. */
typedef struct {
  guint32 hidden, width, value_inputs;
} ExpertPadding;
/* Bytes that padding adds to the MXFP4 experts of a stage, beyond model_stage_bytes(); 0 without
 * such experts. */
guint64 model_stage_padding_bytes(const Model *model, guint32 ranks, guint32 groups,
                                  const ModelStage *stage, const ExpertPadding *padding);
/* All-reduces of a tensor-parallel group in one step: one behind each mixer and each feed-forward
 * part, one for both where they are parallel. */
guint32 model_all_reduces(const Model *model);
/* Tensors that KV is kept in: K and V of each layer, one of a latent or compressed layer, and one
 * of an indexer beside the latter. */
guint32 model_kv_tensors(const Model *model);
/* Layers of latent attention. */
guint32 model_latent_layers(const Model *model);
/* How often what layers keep of a token repeats, from the first to the last: of as much KV each,
 * the layers that have any; of several sizes, the layers of the rarest. At least 1. */
guint32 model_kv_rounds(const Model *model);
/* Linear FLOPs of one token, output head excluded. */
double model_linear_flops_per_token(const Model *model);
/* FLOPs of the output head for one sampled token. */
double model_head_flops(const Model *model);
/* Attention FLOPs of n new tokens after c cached ones. */
double model_attention_flops(const Model *model, double new_tokens, double cached_tokens);
