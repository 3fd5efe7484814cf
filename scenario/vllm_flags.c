/* Each is refused with what to do instead: nothing that was asked for is dropped in silence. */
#include "vllm_flags.h"

#include <glib.h>

#define NO_EFFECT "it changes nothing that is simulated: leave it out"
#define FROM_CONFIG "the model's config.json says it: give that as --model"

static const struct {
  const char *name, *advice;
} flags[] = {
    {"preemption-mode", "it is called --overflow here (recompute, swap)"},
    {"num-gpu-blocks-override", "it is called --num-gpu-blocks here"},
    {"kv-cache-memory-bytes", "it is called --kv-memory here"},
    {"use-v2-block-manager", "it is called --block-manager 2 here"},
    {"tp", "it is called --tensor-parallel-size here"},
    {"dtype", FROM_CONFIG},
    {"quantization", FROM_CONFIG},
    {"rope-scaling", FROM_CONFIG},
    {"hf-overrides", FROM_CONFIG},
    {"tokenizer", NO_EFFECT},
    {"trust-remote-code", NO_EFFECT},
    {"download-dir", NO_EFFECT},
    {"load-format", NO_EFFECT},
    {"host", NO_EFFECT},
    {"port", NO_EFFECT},
    {"api-key", NO_EFFECT},
    {"served-model-name", NO_EFFECT},
    {"chat-template", NO_EFFECT},
    {"disable-log-requests", NO_EFFECT},
    {"disable-log-stats", NO_EFFECT},
    {"uvicorn-log-level", NO_EFFECT},
    {"enforce-eager", "captured graphs are assumed; --what-if host=2x makes host time dearer"},
    {"pipeline-parallel-size", "pipelines are not simulated; --tensor-parallel-size is"},
    {"data-parallel-size", "one instance is simulated; --time-scale thins the load to its share"},
    {"scheduling-policy", "requests are served in order of arrival"},
    {"num-scheduler-steps", "multi-step scheduling is not simulated"},
    {"speculative-config", "speculative decoding is not simulated"},
    {"speculative-model", "speculative decoding is not simulated"},
    {"kv-transfer-config", "of the connectors native offload is simulated: --kv-offloading-size"},
    {"dataset-name", "without --trace lengths are random; --trace gives others"},
    {"random-prefix-len", "--trace 'gen:… --shared-prefix N' begins prompts alike"},
    {"num-warmups", "a simulated server is warm"},
    {"enable-lora", "adapters are not simulated"},
};

const char *
vllm_flag_advice(const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS(flags); i++)
    if (g_str_equal(flags[i].name, name))
      return flags[i].advice;
  return NULL;
}
