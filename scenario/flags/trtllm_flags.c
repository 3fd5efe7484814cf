/* Flags of trtllm-serve. Source: the page of the command. */
#include "flag_table.h"

#define OF_WHAT_IS_FREE                                                                            \
  "it is of the memory that is free once the engine is loaded; --kv-memory gives the pool's size"
#define ITS_FILE "its file is not read: give what it has as options"

const ServerFlag trtllm_flags[] = {
    SAME("model"),
    CALLED("max-batch-size", "max-num-seqs"),
    CALLED("max-num-tokens", "max-num-batched-tokens"),
    CALLED("max-seq-len", "max-model-len"),
    CALLED("tp-size", "tensor-parallel-size"),
    SAME("tensor-parallel-size"),
    CALLED("pp-size", "pipeline-parallel-size"),
    SAME("pipeline-parallel-size"),
    CALLED("ep-size", "expert-parallel-size"),
    CALLED("moe-expert-parallel-size", "expert-parallel-size"),
    SAME("kv-cache-dtype"),
    SWITCH("enable-chunked-prefill"),

    LEFT_OUT("kv-cache-free-gpu-memory-fraction", OF_WHAT_IS_FREE, NULL),
    LEFT_OUT("free-gpu-memory-fraction", OF_WHAT_IS_FREE, NULL),
    LEFT_OUT("extra-llm-api-options", ITS_FILE, NULL),
    LEFT_OUT("extra-engine-args", ITS_FILE, NULL),
    LEFT_OUT("config", ITS_FILE, NULL),
    LEFT_OUT("backend", "the schedule is by TensorRT-LLM's published rules, whichever backend",
             "pytorch"),
    LEFT_OUT("max-beam-width", "beams are not simulated", "1"),
    LEFT_OUT("cluster-size", "how experts share a cluster is not known", "1"),

    NO_EFFECT("tokenizer"),
    NO_EFFECT("custom-tokenizer"),
    NO_EFFECT("host"), /* an address; the machine is ours to name */
    NO_EFFECT("port"),
    NO_EFFECT_SWITCH("grpc"),
    NO_EFFECT("served-model-name"),
    NO_EFFECT_SWITCH("trust-remote-code"),
    NO_EFFECT("revision"),
    NO_EFFECT("log-level"),
    NO_EFFECT("gpus-per-node"),
    NO_EFFECT("num-postprocess-workers"),
    NO_EFFECT("reasoning-parser"),
    NO_EFFECT("tool-parser"),
    NO_EFFECT("chat-template"),
    NO_EFFECT("metadata-server-config-file"),
    NO_EFFECT("server-role"),
    NO_EFFECT_SWITCH("fail-fast-on-attention-window-too-large"),
    LAST_FLAG,
};
