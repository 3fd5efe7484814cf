#include "refused.h"

#include <string.h>

static const struct {
  const char *kind; /* what they are, and why that cannot be simulated */
  const char *types[24];
} kinds[] = {
    {"an encoder: it generates nothing and keeps no KV cache",
     {"bert",       "roberta", "xlm-roberta", "distilbert", "albert",     "electra", "deberta",
      "deberta-v2", "mpnet",   "camembert",   "modernbert", "nomic_bert", "new",     "eurobert",
      "clip",       "siglip",  "siglip2",     "vit",        "wav2vec2",   "hubert",  NULL}},
    {"an encoder and a decoder: the KV of its cross-attention is not modelled",
     {"t5",
      "mt5",
      "umt5",
      "byt5",
      "switch_transformers",
      "t5gemma",
      "bart",
      "mbart",
      "pegasus",
      "marian",
      "m2m_100",
      "nllb-moe",
      "whisper",
      "blenderbot",
      "led",
      "prophetnet",
      "florence2",
      "encoder-decoder",
      "vision-encoder-decoder",
      "moonshine",
      "mllama",
      NULL}},
    {"a model without attention: it keeps states and no KV cache",
     {"mamba", "mamba2", "falcon_mamba", "rwkv", "rwkv5", "rwkv6", "rwkv7", "xlstm", NULL}},
};

/* How the names of architectures end that give a vector, a class or a score. */
static const char *const pooled[] = {"ForSequenceClassification",
                                     "ForTokenClassification",
                                     "ForRewardModel",
                                     "ForProcessRewardModel",
                                     "ForMaskedLM",
                                     "BidirectionalModel"};
/* Bare decoders, without an output head. */
static const char *const headless[] = {"LlamaModel",
                                       "MistralModel",
                                       "Qwen2Model",
                                       "Qwen3Model",
                                       "Gemma2Model",
                                       "Gemma3Model",
                                       "Gemma3TextModel",
                                       "Phi3Model",
                                       "LlamaBidirectionalModel",
                                       NULL};

static gboolean
generates_nothing(const char *architecture)
{
  for (guint i = 0; i < G_N_ELEMENTS(pooled); i++)
    if (g_str_has_suffix(architecture, pooled[i]))
      return TRUE;
  return g_strv_contains(headless, architecture);
}

gboolean
refused_by_kind(const ConfigReader *file)
{
  const char *type = config_text(file, "model_type");
  const char *architecture =
      json_string_value(json_array_get(config_get(file, "architectures"), 0));

  for (guint i = 0; type != NULL && i < G_N_ELEMENTS(kinds); i++) {
    if (!g_strv_contains(kinds[i].types, type))
      continue;
    g_set_error(file->error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_UNKNOWN,
                "%s: model_type: found \"%.60s\", %s; expected a decoder", file->path, type,
                kinds[i].kind);
    return TRUE;
  }
  if (architecture == NULL || !generates_nothing(architecture))
    return FALSE;
  g_set_error(file->error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_UNKNOWN,
              "%s: architectures: found \"%.60s\", which gives vectors or scores and generates "
              "nothing; expected a decoder with an output head",
              file->path, architecture);
  return TRUE;
}
