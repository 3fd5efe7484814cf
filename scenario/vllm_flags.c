/* Nothing that was asked for is dropped in silence: a flag that is no option is refused with what
 * to do instead, and of a pasted command line (vllm_args.c) what is left out is said. */
#include "vllm_flags.h"

#include <string.h>

#define FROM_CONFIG "the model's config.json says it: give that as --model"
#define NO_SPECULATION "speculative decoding is not simulated"
#define NO_ADAPTERS "adapters are not simulated"
#define NO_GRAPH_CHOICE                                                                            \
  "CUDA graphs are taken to be captured as by default; --cudagraph-mode says whether in pieces"

#define SAME(flag)                                                                                 \
  {                                                                                                \
    flag, VLLM_TAKEN, NULL, NULL, NULL, FALSE                                                      \
  }
#define SWITCH(flag)                                                                               \
  {                                                                                                \
    flag, VLLM_TAKEN, NULL, NULL, NULL, TRUE                                                       \
  }
#define CALLED(flag, option)                                                                       \
  {                                                                                                \
    flag, VLLM_TAKEN, option, NULL, NULL, FALSE                                                    \
  }
#define NO_EFFECT(flag)                                                                            \
  {                                                                                                \
    flag, VLLM_NO_EFFECT, NULL, NULL, NULL, FALSE                                                  \
  }
#define NO_EFFECT_SWITCH(flag)                                                                     \
  {                                                                                                \
    flag, VLLM_NO_EFFECT, NULL, NULL, NULL, TRUE                                                   \
  }
#define LEFT_OUT(flag, why, harmless)                                                              \
  {                                                                                                \
    flag, VLLM_LEFT_OUT, NULL, why, harmless, FALSE                                                \
  }
#define LEFT_OUT_SWITCH(flag, why)                                                                 \
  {                                                                                                \
    flag, VLLM_LEFT_OUT, NULL, why, NULL, TRUE                                                     \
  }

static const VllmFlag flags[] = {
    SAME("model"),
    SAME("block-size"),
    SAME("kv-cache-dtype"),
    SAME("quantization"),
    CALLED("q", "quantization"),
    SAME("gpu-memory-utilization"),
    SAME("swap-space"),
    SAME("kv-offloading-size"),
    SAME("max-num-seqs"),
    SAME("max-num-batched-tokens"),
    SAME("max-model-len"),
    SAME("long-prefill-token-threshold"),
    SAME("max-num-active-seqs"),
    SAME("prefill-schedule-interval"),
    SAME("watermark"),
    SAME("tensor-parallel-size"),
    SWITCH("enable-chunked-prefill"),
    SWITCH("no-enable-chunked-prefill"),
    SWITCH("enable-prefix-caching"),
    SWITCH("no-enable-prefix-caching"),
    SWITCH("async-scheduling"),
    SWITCH("no-async-scheduling"),
    SWITCH("scheduler-reserve-full-isl"),
    SWITCH("no-scheduler-reserve-full-isl"),
    CALLED("tp", "tensor-parallel-size"),
    CALLED("preemption-mode", "overflow"),
    CALLED("num-gpu-blocks-override", "num-gpu-blocks"),
    CALLED("kv-cache-memory-bytes", "kv-memory"),
    {"use-v2-block-manager", VLLM_TAKEN, "block-manager", NULL, NULL, TRUE},

    LEFT_OUT("dtype", FROM_CONFIG, "auto"),
    LEFT_OUT("rope-scaling", FROM_CONFIG, NULL),
    LEFT_OUT("rope-theta", FROM_CONFIG, NULL),
    LEFT_OUT("hf-overrides", FROM_CONFIG, NULL),
    LEFT_OUT_SWITCH("enforce-eager",
                    "captured graphs are assumed; --what-if host=2x makes host time dearer"),
    LEFT_OUT("compilation-config", NO_GRAPH_CHOICE, NULL),
    LEFT_OUT("O", NO_GRAPH_CHOICE, NULL),
    LEFT_OUT("cuda-graph-sizes", NO_GRAPH_CHOICE, NULL),
    LEFT_OUT("max-seq-len-to-capture", NO_GRAPH_CHOICE, NULL),
    LEFT_OUT("attention-backend", "attention costs what the device's profile says", NULL),
    SAME("pipeline-parallel-size"),
    CALLED("pp", "pipeline-parallel-size"),
    SAME("data-parallel-size"),
    CALLED("dp", "data-parallel-size"),
    LEFT_OUT("decode-context-parallel-size", "context parallelism is not simulated", "1"),
    LEFT_OUT("dcp", "context parallelism is not simulated", "1"),
    SWITCH("enable-expert-parallel"),
    LEFT_OUT("cpu-offload-gb", "weights are taken to lie on the device", "0"),
    LEFT_OUT("scheduling-policy", "requests are served in order of arrival", "fcfs"),
    LEFT_OUT("max-num-partial-prefills", "prompts are computed in order of arrival", "1"),
    LEFT_OUT("max-long-partial-prefills", "prompts are computed in order of arrival", "1"),
    LEFT_OUT("num-scheduler-steps", "multi-step scheduling is not simulated", "1"),
    LEFT_OUT_SWITCH("disable-sliding-window", "windows are as the model's config.json has them"),
    LEFT_OUT_SWITCH("disable-hybrid-kv-cache-manager",
                    "KV of layers with a window is held until its sequence ends in any case"),
    LEFT_OUT("speculative-config", NO_SPECULATION, NULL),
    LEFT_OUT("speculative-model", NO_SPECULATION, NULL),
    LEFT_OUT("num-speculative-tokens", NO_SPECULATION, "0"),
    LEFT_OUT("kv-transfer-config",
             "of the connectors native offload is simulated: --kv-offloading-size, and of its "
             "extra_config --[no-]offload-prompt-only, --eviction-policy, --store-threshold; its "
             "chunks are blocks, and its loads do not hold up a step",
             NULL),
    LEFT_OUT("kv-offloading-backend",
             "of the connectors native offload is simulated: --kv-offloading-size", "native"),
    LEFT_OUT("limit-mm-per-prompt", "images, sound and their encoders are not simulated", NULL),
    LEFT_OUT("mm-processor-kwargs", "images, sound and their encoders are not simulated", NULL),
    LEFT_OUT_SWITCH("enable-lora", NO_ADAPTERS),
    LEFT_OUT("lora-modules", NO_ADAPTERS, NULL),
    LEFT_OUT("max-loras", NO_ADAPTERS, NULL),
    LEFT_OUT("max-lora-rank", NO_ADAPTERS, NULL),
    LEFT_OUT("dataset-name", "without --trace lengths are random; --trace gives others", NULL),
    LEFT_OUT("random-prefix-len", "--trace 'gen:… --shared-prefix N' begins prompts alike", "0"),
    LEFT_OUT("num-warmups", "a simulated server is warm", "0"),

    NO_EFFECT("tokenizer"),
    NO_EFFECT("tokenizer-mode"),
    NO_EFFECT("revision"),
    NO_EFFECT("code-revision"),
    NO_EFFECT("config-format"),
    NO_EFFECT("generation-config"),
    NO_EFFECT("override-generation-config"),
    NO_EFFECT_SWITCH("trust-remote-code"),
    NO_EFFECT("download-dir"),
    NO_EFFECT("load-format"),
    NO_EFFECT("model-loader-extra-config"),
    NO_EFFECT("device"), /* cuda; a card is ours to name */
    NO_EFFECT("seed"),   /* of sampling, not of a trace */
    NO_EFFECT("distributed-executor-backend"),
    NO_EFFECT("max-parallel-loading-workers"),
    NO_EFFECT_SWITCH("disable-custom-all-reduce"),
    NO_EFFECT("host"), /* an address; the machine is ours to name */
    NO_EFFECT("port"),
    NO_EFFECT("uds"),
    NO_EFFECT("root-path"),
    NO_EFFECT("api-key"),
    NO_EFFECT("api-server-count"),
    NO_EFFECT("ssl-keyfile"),
    NO_EFFECT("ssl-certfile"),
    NO_EFFECT("allowed-origins"),
    NO_EFFECT("middleware"),
    NO_EFFECT("served-model-name"),
    NO_EFFECT("chat-template"),
    NO_EFFECT("chat-template-content-format"),
    NO_EFFECT("response-role"),
    NO_EFFECT_SWITCH("enable-auto-tool-choice"),
    NO_EFFECT("tool-call-parser"),
    NO_EFFECT("tool-parser-plugin"),
    NO_EFFECT("reasoning-parser"),
    NO_EFFECT_SWITCH("enable-reasoning"),
    NO_EFFECT("structured-outputs-config"),
    NO_EFFECT("guided-decoding-backend"),
    NO_EFFECT_SWITCH("return-tokens-as-token-ids"),
    NO_EFFECT_SWITCH("enable-prompt-tokens-details"),
    NO_EFFECT_SWITCH("enable-server-load-tracking"),
    NO_EFFECT("max-logprobs"),
    NO_EFFECT("prefix-caching-hash-algo"),
    NO_EFFECT("max-log-len"),
    NO_EFFECT_SWITCH("disable-log-requests"),
    NO_EFFECT_SWITCH("enable-log-requests"),
    NO_EFFECT_SWITCH("no-enable-log-requests"),
    NO_EFFECT_SWITCH("disable-log-stats"),
    NO_EFFECT_SWITCH("disable-uvicorn-access-log"),
    NO_EFFECT_SWITCH("disable-frontend-multiprocessing"),
    NO_EFFECT("uvicorn-log-level"),
    NO_EFFECT("otlp-traces-endpoint"),
    NO_EFFECT("collect-detailed-traces"),
    NO_EFFECT("ray-workers-use-nsight"),
    NO_EFFECT("engine-use-ray"),
    NO_EFFECT("worker-use-ray"),
};

const VllmFlag *
vllm_flag_find(const char *name)
{
  gsize length = strcspn(name, ".");

  for (guint i = 0; i < G_N_ELEMENTS(flags); i++)
    if (strlen(flags[i].name) == length && memcmp(flags[i].name, name, length) == 0)
      return &flags[i];
  return NULL;
}

char *
vllm_flag_advice(const char *name)
{
  const VllmFlag *flag = vllm_flag_find(name);

  if (flag == NULL || (flag->use == VLLM_TAKEN && flag->option == NULL))
    return NULL;
  if (flag->use == VLLM_NO_EFFECT)
    return g_strdup("it changes nothing that is simulated: leave it out");
  if (flag->use == VLLM_LEFT_OUT)
    return g_strdup(flag->advice);
  return g_strdup_printf("it is called --%s%s here", flag->option, flag->is_switch ? " 2" : "");
}
