noinst_LIBRARIES += libspillway-models.a
libspillway_models_a_SOURCES = \
  %D%/class_defaults.c %D%/class_defaults.h \
  %D%/config_reader.c %D%/config_reader.h \
  %D%/context.c %D%/context.h \
  %D%/decoder_config.c %D%/decoder_config.h \
  %D%/family.c %D%/family.h \
  %D%/family_classic.c \
  %D%/family_compressed.c \
  %D%/family_dense.c \
  %D%/family_gemma.c \
  %D%/family_hunyuan.c \
  %D%/family_hybrid.c \
  %D%/family_kimi.c \
  %D%/family_latent.c \
  %D%/family_linear.c \
  %D%/family_llama.c \
  %D%/family_mamba.c \
  %D%/family_minimax.c \
  %D%/family_moe.c \
  %D%/family_puzzle.c \
  %D%/family_shared.c \
  %D%/layer_traits.c %D%/layer_traits.h \
  %D%/model_config.c %D%/model_config.h \
  %D%/module_pattern.c %D%/module_pattern.h \
  %D%/quantization.c %D%/quantization.h \
  %D%/quantization_groups.c %D%/quantization_producers.c \
  %D%/quantization_rules.c %D%/quantization_rules.h \
  %D%/quantization_source.c %D%/quantization_source.h \
  %D%/refused.c %D%/refused.h \
  %D%/tower.c %D%/tower.h

modelsdir = $(pkgdatadir)/models
dist_models_DATA = \
  %D%/deepseek-r1.json \
  %D%/deepseek-r1-nvfp4.json \
  %D%/deepseek-v3.2.json \
  %D%/glm-4.6.json \
  %D%/glm-5.json \
  %D%/gpt-oss-120b.json \
  %D%/gpt-oss-20b.json \
  %D%/kimi-k2.5-nvfp4.json \
  %D%/kimi-k2.5.json \
  %D%/kimi-k2.json \
  %D%/llama-2-13b.json \
  %D%/llama-2-70b.json \
  %D%/llama-2-7b.json \
  %D%/llama-3-70b.json \
  %D%/llama-3-8b.json \
  %D%/llama-3.1-405b.json \
  %D%/llama-3.1-70b.json \
  %D%/llama-3.1-8b.json \
  %D%/llama-3.2-1b.json \
  %D%/llama-3.2-3b.json \
  %D%/minimax-m2.json \
  %D%/mistral-7b.json \
  %D%/mixtral-8x7b.json \
  %D%/opt-13b.json \
  %D%/qwen2.5-0.5b.json \
  %D%/qwen2.5-14b.json \
  %D%/qwen2.5-32b.json \
  %D%/qwen2.5-72b.json \
  %D%/qwen2.5-7b.json \
  %D%/qwen3-0.6b.json \
  %D%/qwen3-1.7b.json \
  %D%/qwen3-14b.json \
  %D%/qwen3-235b-a22b.json \
  %D%/qwen3-30b-a3b.json \
  %D%/qwen3-32b.json \
  %D%/qwen3-4b.json \
  %D%/qwen3-8b.json \
  %D%/qwen3-coder-480b-a35b.json \
  %D%/qwen3.5-397b-a17b.json \
  %D%/yarn-llama-2-7b-64k.json
