/* The shape of a decoder model and the arithmetic of its sizes: parameters, bytes, FLOPs.
 *
 * Read from a published config.json (models/), used by cost models, pool sizing and executors.
 * Formulas: 2 FLOPs a multiply-add; linear work is 2 x active parameters a token, the output head
 * only for tokens that are sampled; attention of n new tokens after c cached ones is
 * 4 x layers x heads x head_dim x (n c + n (n + 1) / 2), causal (n + 1 because a token sees
 * itself).
 */
#pragma once

#include <glib.h>

typedef struct {
  char *name;
  guint32 layers;
  guint32 hidden;
  guint32 heads;
  guint32 kv_heads;
  guint32 head_dim;
  guint32 ffn; /* width of one (expert's) feed-forward part */
  guint32 vocab;
  guint32 max_position;      /* longest context that it was made for, tokens */
  guint32 learned_positions; /* rows of a learned position table (OPT), 0 with rotary embedding */
  guint32 experts;           /* 0 for a dense model */
  guint32 active_experts;    /* experts that one token visits */
  gboolean gated_ffn;        /* three matrices (gate, up, down), else two */
  gboolean tied_embeddings;  /* the output head is the embedding's table */
  gboolean qkv_bias;
  gboolean all_bias;   /* biases on every linear layer and norm (OPT) */
  gboolean qk_norm;    /* a norm of head_dim on q and on k (Qwen3) */
  guint32 weight_bits; /* bits a parameter: 16 (fp16, bf16), 8 (fp8, int8), 4 */
  guint32 kv_bits;     /* bits a KV element */
  char *dtype;         /* name of the weights' type: "float16", "bfloat16", "fp8" … */
} Model;

void model_free(Model *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Model, model_free)
Model *model_copy(const Model *model);

/* Keeps KV elements as vLLM's --kv-cache-dtype says: auto (as the model does), float16, bfloat16,
 * fp8, fp8_e4m3 or fp8_e5m2. FALSE if the name is none of these. */
gboolean model_set_kv_cache_dtype(Model *model, const char *name);

guint64 model_parameters(const Model *model);        /* all of them */
guint64 model_active_parameters(const Model *model); /* that one token visits (MoE: its experts) */
guint64 model_weight_bytes(const Model *model);      /* norms, biases, embeddings kept at 16 bits */
guint64 model_kv_bytes_per_token(const Model *model);
/* Linear FLOPs of one token, output head excluded. */
double model_linear_flops_per_token(const Model *model);
/* FLOPs of the output head for one sampled token. */
double model_head_flops(const Model *model);
/* Attention FLOPs of n new tokens after c cached ones. */
double model_attention_flops(const Model *model, double new_tokens, double cached_tokens);
