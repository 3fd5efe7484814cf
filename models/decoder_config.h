/* What computing a decoder takes beyond its sizes: position encoding, norm, activation.
 *
 * Read from the same config.json as the sizes (model_config.h), with the defaults that
 * transformers has for absent keys. Known are decoders as Llama's: RMSNorm, rotary embedding of
 * whole heads, grouped heads, a gated SiLU, biases on q, k, v (Qwen2.5) and norms on q, k (Qwen3).
 * Others (mixtures of experts, OPT, Gemma, fused checkpoints, quantized weights) are refused:
 * model_config.h knows their sizes, nothing here knows their arithmetic.
 */
#pragma once

#include "model_config.h"

typedef enum { ROPE_PLAIN, ROPE_LINEAR, ROPE_LLAMA3, ROPE_YARN } RopeKind;

typedef struct {
  RopeKind kind;
  double theta;
  double factor;                            /* all but plain */
  double low_freq_factor, high_freq_factor; /* llama3 */
  double beta_fast, beta_slow;              /* yarn */
  double attention_factor;                  /* yarn: cosines and sines are multiplied by it */
  guint32 original_position;                /* llama3, yarn: the length before it was stretched */
} RopeConfig;

typedef struct {
  Model *model;
  double rms_epsilon;
  RopeConfig rope;
  char *path; /* of the config.json: weights are looked for beside it */
} DecoderConfig;

/* MODEL_CONFIG_ERROR as model_config_read(). The caller frees the configuration. */
DecoderConfig *decoder_config_read(const char *path, const char *name, GError **error);
void decoder_config_free(DecoderConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DecoderConfig, decoder_config_free)
