/* The table of a run's options, and their values.
 *
 * A new option needs one line of the table here; scenario.c gives it its meaning. Options of a
 * single policy are in that policy's entry.
 */
#include "settings_option.h"

#include "traces/bench.h"

#include <stddef.h>
#include <string.h>

#define AT(field) offsetof(Settings, field)
#define COUNT_MAX 4294967295.0 /* the simulator counts in 32 bits */
#define TINY 1e-9

const SettingsOption settings_options[] = {
    {"model", GROUP_WHAT, KIND_FILE, AT(model), 0, 0, "NAME|FILE",
     "a built-in model, or a published config.json", 0},
    {"device", GROUP_WHAT, KIND_FILE, AT(device), 0, 0, "NAME|FILE",
     "a shipped device or profile, or the file of one", 0},
    {"host", GROUP_WHAT, KIND_FILE, AT(host), 0, 0, "NAME|FILE",
     "the machine around the cards: a shipped host, or the file of one (default: unknown)", 0},
    {"trace", GROUP_WHAT, KIND_FILE, AT(trace), 0, 0, "FILE",
     "the requests: a file, - for standard input, a shipped trace's name, or 'gen:OPTIONS' of "
     "trace gen",
     0},
    {"trace-format", GROUP_WHAT, KIND_TEXT, AT(trace_format), 0, 0, "FORMAT",
     "auto (by content), a name from 'spillway list trace-formats', or 'columns:…' for any CSV", 0},
    {"limit", GROUP_WHAT, KIND_COUNT, AT(limit), 1, COUNT_MAX, "N", "only the first N requests", 0},
    {"time-scale", GROUP_WHAT, KIND_REAL, AT(time_scale), TINY, 1e9, "X",
     "multiply all arrival times (0.5 doubles the load; default 1)", 0},
    {"seed", GROUP_WHAT, KIND_COUNT, AT(seed), 0, 9e15, "N",
     "seed of a generated trace, and of what the client draws (default 1)", 0},

    {"max-concurrency", GROUP_CLIENT, KIND_COUNT, AT(max_concurrency), 1, COUNT_MAX, "N",
     "at most N requests are under way: others arrive when one has left (default: no limit)", 0},
    {"num-prompts", GROUP_CLIENT, KIND_COUNT, AT(num_prompts), 1, 100000000, "N",
     "send N requests: drawn ones without --trace (default 1000), the trace's first N with it", 0},
    {"request-rate", GROUP_CLIENT, KIND_RATE, AT(request_rate), TINY, 1e9, "R|inf",
     "send R requests a second, or all at once (default inf, or as the trace says)", 0},
    {"burstiness", GROUP_CLIENT, KIND_REAL, AT(burstiness), 1e-4, 1e6, "B",
     "shape of the gaps at that rate: 1 (default) is Poisson, less is burstier", 0},
    {"random-input-len", GROUP_CLIENT, KIND_COUNT, AT(random_input_len), 1, 100000000, "TOKENS",
     "without --trace: mean length of prompts (default 1024)", 0},
    {"random-output-len", GROUP_CLIENT, KIND_COUNT, AT(random_output_len), 1, 100000000, "TOKENS",
     "without --trace: mean length of outputs (default 128)", 0},
    {"random-range-ratio", GROUP_CLIENT, KIND_REAL, AT(random_range_ratio), 0, 0.999999, "X",
     "lengths are uniform from (1 - X) to (1 + X) times the mean (default 0)", 0},
    {"slo", GROUP_CLIENT, KIND_TEXT, AT(slo), 0, 0, "LIMITS",
     "limits that goodput counts by, such as 'ttft:p99<2s,tpot:p99<50ms'", 0},

    {"scheduler", GROUP_ENGINE, KIND_TEXT, AT(scheduler), 0, 0, "NAME",
     "vllm (default: the newest), vllm-0.8 to vllm-0.33, vllm-v1, vllm-0.6, vllm-0.5, sglang, "
     "trtllm",
     0},
    {"overflow", GROUP_ENGINE, KIND_TEXT, AT(overflow), 0, 0, "NAME",
     "what happens to a victim's KV", 0, .policies = &policy_kinds[POLICY_OVERFLOW]},
    {"victim", GROUP_ENGINE, KIND_TEXT, AT(victim), 0, 0, "NAME", "who is preempted", 0,
     .policies = &policy_kinds[POLICY_VICTIM]},
    {"admission", GROUP_ENGINE, KIND_TEXT, AT(admission), 0, 0, "NAME",
     "whether a waiting request may join what runs", 0,
     .policies = &policy_kinds[POLICY_ADMISSION]},
    {"router", GROUP_ENGINE, KIND_TEXT, AT(router), 0, 0, "NAME",
     "which of the servers of --instances gets a request, or of the engines of "
     "--data-parallel-size",
     0, .policies = &policy_kinds[POLICY_ROUTER]},
    {"vllm-args", GROUP_ENGINE, KIND_TEXT, AT(vllm_args), 0, 0, "'FLAGS'",
     "a vLLM server's command line: flags that matter are applied, a note names the others", 0},
    {"sglang-args", GROUP_ENGINE, KIND_TEXT, AT(sglang_args), 0, 0, "'FLAGS'",
     "the same for an SGLang server, with --scheduler sglang", 0},
    {"trtllm-args", GROUP_ENGINE, KIND_TEXT, AT(trtllm_args), 0, 0, "'FLAGS'",
     "the same for trtllm-serve, with --scheduler trtllm", 0},
    {"block-size", GROUP_ENGINE, KIND_COUNT, AT(block_size), 1, 65536, "TOKENS",
     "tokens a KV block (default 16, trtllm 32; with latent attention by the card)", 0},
    {"num-gpu-blocks", GROUP_ENGINE, KIND_COUNT, AT(num_gpu_blocks), 1, COUNT_MAX, "N",
     "size of the KV pool, in blocks", 0},
    {"kv-memory", GROUP_ENGINE, KIND_TEXT, AT(kv_memory), 0, 0, "12%|4GiB",
     "size of the KV pool, as a share of the device's memory or in bytes", 0},
    {"quantization", GROUP_ENGINE, KIND_TEXT, AT(quantization), 0, 0, "METHOD",
     "quantize weights that are published at 16 bits: fp8 (as vLLM does), fp8_block, nvfp4, int4",
     0},
    {"kv-cache-dtype", GROUP_ENGINE, KIND_TEXT, AT(kv_cache_dtype), 0, 0, "TYPE",
     "how KV is kept: auto (default: as the model says, 16 bits or fp8), fp8, bfloat16, float16",
     0},
    {"mamba-ssm-cache-dtype", GROUP_ENGINE, KIND_TEXT, AT(mamba_ssm_cache_dtype), 0, 0, "TYPE",
     "how recurrent states are kept: auto (default: as the engine and the model say), float32, "
     "float16, bfloat16 (SGLang's --mamba-ssm-dtype)",
     0},
    {"gpu-memory-utilization", GROUP_ENGINE, KIND_REAL, AT(gpu_memory_utilization), TINY, 1, "X",
     "size the pool by what a server leaves of this share of the memory (default: the engine's, "
     "0.9 or 0.92; not trtllm)",
     0},
    {"swap-space", GROUP_ENGINE, KIND_TEXT, AT(swap_space), 0, 0, "GiB",
     "host memory for swapped blocks, for each card (default 4)", 0},
    {"num-cpu-blocks", GROUP_ENGINE, KIND_COUNT, AT(num_cpu_blocks), 0, COUNT_MAX, "N",
     "the same, in blocks", 0},
    {"kv-offloading-disk", GROUP_ENGINE, KIND_TEXT, AT(kv_offloading_disk), 0, 0, "GiB",
     "with --overlap-copies: a disk that swapped blocks go on to when the host is full (default "
     "none)",
     0},
    {"num-disk-blocks", GROUP_ENGINE, KIND_COUNT, AT(num_disk_blocks), 1, COUNT_MAX, "N",
     "the same, in blocks", 0},
    {"kv-offloading-size", GROUP_ENGINE, KIND_TEXT, AT(kv_offloading_size), 0, 0, "GiB",
     "vllm-0.33: a prefix cache in host memory, of that size for all cards of an engine (native "
     "offload; default none)",
     0},
    {"num-offload-blocks", GROUP_ENGINE, KIND_COUNT, AT(num_offload_blocks), 1, COUNT_MAX, "N",
     "the same, in blocks", 0},
    {"offload-prompt-only", GROUP_ENGINE, KIND_SWITCH, AT(offload_prompt_only), 0, 0, NULL,
     "native offload: store blocks of prompts only (default)", 0},
    {"no-offload-prompt-only", GROUP_ENGINE, KIND_SWITCH_OFF, AT(offload_prompt_only), 0, 0, NULL,
     "native offload: store blocks of generated tokens, too", 0},
    {"eviction-policy", GROUP_ENGINE, KIND_TEXT, AT(eviction_policy), 0, 0, "NAME",
     "native offload: which blocks leave the host first: lru (default), arc", 0},
    {"store-threshold", GROUP_ENGINE, KIND_COUNT, AT(store_threshold), 0, 64000, "N",
     "native offload: store a block when it is offered for the Nth time (default 0: at once)", 0},
    {"max-num-seqs", GROUP_ENGINE, KIND_COUNT, AT(max_num_seqs), 1, COUNT_MAX, "N",
     "most sequences that run at once (default: the engine's on that card, 256 or 1024)", 0},
    {"max-num-batched-tokens", GROUP_ENGINE, KIND_COUNT, AT(max_num_batched_tokens), 1, COUNT_MAX,
     "N",
     "token budget of a step (default: the engine's on that card, 2048 to 16384; vllm-0.5 and 0.6 "
     "max(max_model_len, 2048), chunked 512)",
     0},
    {"offline", GROUP_ENGINE, KIND_SWITCH, AT(offline), 0, 0, NULL,
     "the default batch sizes of vLLM's LLM(), not of its server", 0},
    {"max-model-len", GROUP_ENGINE, KIND_COUNT, AT(max_model_len), 2, 2147483647.0, "N",
     "longest sequence, prompt and output (default: the model's, or what the pool holds)", 0},
    {"enable-chunked-prefill", GROUP_ENGINE, KIND_SWITCH, AT(chunked_prefill), 0, 0, NULL,
     "split prompts over steps (default from vllm-0.8)", 0},
    {"no-enable-chunked-prefill", GROUP_ENGINE, KIND_SWITCH_OFF, AT(chunked_prefill), 0, 0, NULL,
     "prefill whole prompts (default under vllm-0.x)", 0},
    {"block-manager", GROUP_ENGINE, KIND_COUNT, AT(block_manager), 1, 2, "1|2",
     "vllm-0.x: its block manager (default 1)", 0},
    {"watermark", GROUP_ENGINE, KIND_REAL, AT(watermark), 0, 1, "X",
     "share of the pool kept free on admission (default 0, vllm-0.5 and vllm-0.6 0.01; not in 0.8 "
     "to 0.23)",
     0},
    {"enable-prefix-caching", GROUP_ENGINE, KIND_SWITCH, AT(prefix_caching), 0, 0, NULL,
     "from vllm-0.8, trtllm: keep freed blocks and reuse equal prefixes (default; not of vllm-v1 "
     "where no server is simulated)",
     0},
    {"no-enable-prefix-caching", GROUP_ENGINE, KIND_SWITCH_OFF, AT(prefix_caching), 0, 0, NULL,
     "keep no prefixes", 0},
    {"long-prefill-token-threshold", GROUP_ENGINE, KIND_COUNT, AT(long_prefill_token_threshold), 0,
     COUNT_MAX, "N", "from vllm-0.8: most tokens of one prompt in a step (default 0: no limit)", 0},
    {"async-scheduling", GROUP_ENGINE, KIND_SWITCH, AT(async_scheduling), 0, 0, NULL,
     "from vllm-0.10: decide a step while the one before it runs (default from vllm-0.14)", 0},
    {"no-async-scheduling", GROUP_ENGINE, KIND_SWITCH_OFF, AT(async_scheduling), 0, 0, NULL,
     "decide a step when the one before it is done", 0},
    {"scheduler-reserve-full-isl", GROUP_ENGINE, KIND_SWITCH, AT(reserve_full_isl), 0, 0, NULL,
     "from vllm-0.19: admit a request only if blocks are free for all of its length (default)", 0},
    {"no-scheduler-reserve-full-isl", GROUP_ENGINE, KIND_SWITCH_OFF, AT(reserve_full_isl), 0, 0,
     NULL, "admit it if there are blocks for its first chunk", 0},
    {"max-num-active-seqs", GROUP_ENGINE, KIND_COUNT, AT(max_num_active_seqs), 1, COUNT_MAX, "N",
     "from vllm-0.31: how many sequences end admission (default: max_num_seqs)", 0},
    {"prefill-schedule-interval", GROUP_ENGINE, KIND_COUNT, AT(prefill_schedule_interval), 1, 65536,
     "N", "from vllm-0.33: while sequences decode, one step of N may have prefills (default 1)", 0},
    {"cudagraph-mode", GROUP_ENGINE, KIND_TEXT, AT(cudagraph_mode), 0, 0, "MODE",
     "from vllm-0.8: full-and-piecewise (default from vllm-0.11), piecewise: attention is launched "
     "between graphs",
     0},
    {"enforce-eager", GROUP_ENGINE, KIND_SWITCH, AT(enforce_eager), 0, 0, NULL,
     "vllm, trtllm: capture no CUDA graphs; a step takes the time in which its kernels are "
     "launched "
     "at least",
     0},
    {"router-interval", GROUP_ENGINE, KIND_REAL, AT(router_interval), 0, 3600, "S",
     "the router sees loads as published every S seconds (default 0: as they are)", 0},
    {"tensor-parallel-size", GROUP_ENGINE, KIND_COUNT, AT(tensor_parallel_size), 1, 64, "N",
     "devices that share each layer (default 1)", 0},
    {"pipeline-parallel-size", GROUP_ENGINE, KIND_COUNT, AT(pipeline_parallel_size), 1, 64, "N",
     "stages that the layers are split over, with as many steps in flight (default 1)", 0},
    {"instances", GROUP_ENGINE, KIND_COUNT, AT(instances), 1, 64, "N",
     "servers behind one router, each with all devices that the other options ask for (default 1)",
     0},
    {"data-parallel-size", GROUP_ENGINE, KIND_COUNT, AT(data_parallel_size), 1, 64, "N",
     "engines behind one front end, each on its own devices; they share a model's experts "
     "(default 1)",
     0},
    {"enable-expert-parallel", GROUP_ENGINE, KIND_SWITCH, AT(enable_expert_parallel), 0, 0, NULL,
     "vllm: a device has whole experts, not a part of each", 0},
    {"expert-parallel-size", GROUP_ENGINE, KIND_COUNT, AT(expert_parallel_size), 1, 64, "N",
     "sglang, trtllm: groups of devices that experts are divided among; a group's devices share "
     "each of its experts (default 1)",
     0},
    {"capacity-policy", GROUP_ENGINE, KIND_TEXT, AT(capacity_policy), 0, 0, "NAME",
     "trtllm (by its published rules): guaranteed-no-evict (default), max-utilization, "
     "static-batch",
     0},
    {"context-chunking-policy", GROUP_ENGINE, KIND_TEXT, AT(context_chunking_policy), 0, 0, "NAME",
     "trtllm with --enable-chunked-prefill: first-come-first-served (default), equal-progress", 0},
    {"free-gpu-memory-fraction", GROUP_ENGINE, KIND_REAL, AT(free_gpu_memory_fraction), TINY, 1,
     "X",
     "trtllm: share of the memory left by weights and activations that is the pool (default "
     "0.9)",
     0},

    {"page-size", GROUP_SGLANG, KIND_COUNT, AT(page_size), 1, 65536, "TOKENS",
     "tokens a page of KV (default 1; 64 on B200, B300, GB200 and GB300, and of DeepSeek-V3.2 and "
     "its kin)",
     0},
    {"max-total-tokens", GROUP_SGLANG, KIND_COUNT, AT(max_total_tokens), 1, COUNT_MAX, "N",
     "size of the KV pool, in tokens", 0},
    {"mem-fraction-static", GROUP_SGLANG, KIND_REAL, AT(mem_fraction_static), TINY, 1, "X",
     "size the pool by what weights leave of this share of the memory (default: by the card)", 0},
    {"max-running-requests", GROUP_SGLANG, KIND_COUNT, AT(max_running_requests), 1, COUNT_MAX, "N",
     "most requests that run at once (default: by the pool, 2048 to 4096)", 0},
    {"chunked-prefill-size", GROUP_SGLANG, KIND_TEXT, AT(chunked_prefill_size), 0, 0, "N",
     "tokens of prompts in a step (default: by the card, 2048 to 16384); -1: prompts are not cut",
     0},
    {"max-prefill-tokens", GROUP_SGLANG, KIND_COUNT, AT(max_prefill_tokens), 1, COUNT_MAX, "N",
     "tokens after which a step takes no further prompt (default 16384)", 0},
    {"schedule-conservativeness", GROUP_SGLANG, KIND_REAL, AT(schedule_conservativeness), 0, 1e6,
     "X", "scales the room that is kept free for future outputs (default 1)", 0},
    {"swa-full-tokens-ratio", GROUP_SGLANG, KIND_REAL, AT(swa_full_tokens_ratio), TINY, 1, "X",
     "tokens of the layers that see a window, for each of the others (default 0.8)", 0},
    {"disable-hybrid-swa-memory", GROUP_SGLANG, KIND_SWITCH, AT(disable_hybrid_swa_memory), 0, 0,
     NULL, "layers that see a window keep all of their KV, in the pool of the others", 0},
    {"disable-radix-cache", GROUP_SGLANG, KIND_SWITCH, AT(disable_radix_cache), 0, 0, NULL,
     "keep no prefixes", 0},
    {"disable-overlap-schedule", GROUP_SGLANG, KIND_SWITCH, AT(disable_overlap_schedule), 0, 0,
     NULL, "decide a step when the one before it is done, not while it runs", 0},
    {"enable-mixed-chunk", GROUP_SGLANG, KIND_SWITCH, AT(enable_mixed_chunk), 0, 0, NULL,
     "decode in the steps that compute prompts", 0},
    {"disable-cuda-graph", GROUP_SGLANG, KIND_SWITCH, AT(disable_cuda_graph), 0, 0, NULL,
     "capture no CUDA graphs; a step takes the time in which its kernels are launched at least", 0},
    {"disable-piecewise-cuda-graph", GROUP_SGLANG, KIND_SWITCH, AT(disable_piecewise_cuda_graph), 0,
     0, NULL,
     "launch prompts' kernels one by one, as SGLang before 0.5.10 does (latent attention only)", 0},
    {"enable-dp-attention", GROUP_SGLANG, KIND_SWITCH, AT(enable_dp_attention), 0, 0, NULL,
     "the devices of --tensor-parallel-size make --data-parallel-size groups, each with KV and "
     "queues of its own; all share the experts",
     0},
    {"ignore-eos", GROUP_SGLANG, KIND_SWITCH, AT(ignore_eos), 0, 0, NULL,
     "requests announce that they generate all of their max_tokens, as those of benchmarks do", 0},

    {"executor", GROUP_COST, KIND_TEXT, AT(executor), 0, 0, "NAME",
     "model (default: costs are modelled), unit (each step takes one second), replay (recorded "
     "times), cpu, gpu (steps are computed)",
     0},
    {"copy-path", GROUP_COST, KIND_TEXT, AT(copy_path), 0, 0, "PATH",
     "how blocks are swapped: per-layer (default under vllm-0.x), per-block, batched (vllm-v1)", 0},
    {"host-memory", GROUP_COST, KIND_TEXT, AT(host_memory), 0, 0, "KIND",
     "memory of the host's blocks: pinned (default), pageable", 0},
    {"overlap-copies", GROUP_COST, KIND_SWITCH, AT(overlap_copies), 0, 0, NULL,
     "vLLM's schedulers: copy swapped blocks beside the steps, on a link with a queue for each "
     "direction, not as part of them; others with gpu: beside the layers of their step, not before "
     "it",
     0},
    {"layerwise-copies", GROUP_COST, KIND_SWITCH, AT(layerwise_copies), 0, 0, NULL,
     "a step's layers wait for their own part of its copies, as with LMCache's use_layerwise and "
     "SGLang's HiCache, not for all of them",
     0},
    {"swap-ahead", GROUP_COST, KIND_COUNT, AT(swap_ahead), 0, COUNT_MAX, "N",
     "with --overlap-copies: copy blocks of the next victims ahead of need, so that N are free, or "
     "are free as soon as they are evicted (default 0)",
     0},
    {"disk", GROUP_COST, KIND_FILE, AT(disk), 0, 0, "NAME|FILE",
     "the disk of --kv-offloading-disk: a shipped one, or the file of one (default nvme-pcie4)", 0},
    {"disk-read-bandwidth", GROUP_COST, KIND_REAL, AT(disk_read_bandwidth), 1e-3, 1e6, "GB/s",
     "bandwidth of its reads (default: the disk's)", 0},
    {"disk-write-bandwidth", GROUP_COST, KIND_REAL, AT(disk_write_bandwidth), 1e-3, 1e6, "GB/s",
     "bandwidth of its writes (default: the disk's)", 0},
    {"disk-latency", GROUP_COST, KIND_REAL, AT(disk_latency), 0, 1e6, "US",
     "microseconds before a block's first byte (default: the disk's)", 0},
    {"disk-queue-depth", GROUP_COST, KIND_COUNT, AT(disk_queue_depth), 1, 65536, "N",
     "blocks that are read or written at the same time; 1 seldom reaches the bandwidth (default: "
     "the disk's)",
     0},
    {"what-if", GROUP_COST, KIND_TEXT, AT(what_if), 0, 0, "LIST",
     "scale or switch off costs, e.g. h2d=2x,copy-launch=0,hbm=1.4x,flops=1.5x,host=0", 0},
    {"unit-copy-steps", GROUP_COST, KIND_COUNT, AT(unit_copy_steps), 0, 1000000, "N",
     "with --executor unit: seconds that a copy beside the steps takes (default 2)", 0},
    {"no-stride", GROUP_COST, KIND_SWITCH, AT(no_stride), 0, 0, NULL,
     "decide every step by itself; slower, the same results", 0},

    {"replay", GROUP_COST, KIND_FILE, AT(replay), 0, 0, "FILE.db[:RUN]",
     "the run whose recorded durations --executor replay takes (default: the last)", 0},

    {"load-format", GROUP_LIVE, KIND_TEXT, AT(load_format), 0, 0, "FORMAT",
     "weights: auto (default: safetensors beside the config.json, or else dummy), dummy (from the "
     "seed), safetensors",
     0},
    {"token-ids", GROUP_LIVE, KIND_FILE, AT(token_ids), 0, 0, "FILE.jsonl",
     "the prompts' token ids, a line for each request (default: random, from the seed)", 0},
    {"temperature", GROUP_LIVE, KIND_REAL, AT(temperature), 0, 1000, "X",
     "temperature of sampling (default 0: the likeliest token)", 0},
    {"top-k", GROUP_LIVE, KIND_COUNT, AT(top_k), 0, COUNT_MAX, "N",
     "sample among the N likeliest (default 0: all)", 0},
    {"top-p", GROUP_LIVE, KIND_REAL, AT(top_p), TINY, 1, "X",
     "and among the likeliest whose probabilities add up to X (default 1)", 0},
    {"copy-method", GROUP_LIVE, KIND_TEXT, AT(copy_method), 0, 0, "METHOD",
     "gpu: pieces (a copy each; default except with --copy-path batched), batch, kernel", 0},
    {"copy-block-us", GROUP_LIVE, KIND_REAL, AT(copy_block_us), 1e-3, 1e9, "X",
     "cpu, with --overlap-copies: a block is copied in X microseconds (default: what it takes)", 0},

    {"dry-run", GROUP_OUTPUT, KIND_SWITCH, AT(dry_run), 0, 0, NULL,
     "print every setting and its origin; run and write nothing", 0},
    {"format", GROUP_OUTPUT, KIND_TEXT, AT(format), 0, 0, "FORMAT",
     "on standard output: table (default), json, csv", 0},
    {"output", GROUP_OUTPUT, KIND_FILE, AT(output), 0, 0, "FILE.db",
     "add the run to a results database", 'o'},
    {"decisions", GROUP_OUTPUT, KIND_FILE, AT(decisions), 0, 0, "FILE.jsonl",
     "log every step's decision (.gz: compressed)", 0},
    {"requests", GROUP_OUTPUT, KIND_FILE, AT(requests), 0, 0, "FILE.csv",
     "write a row for each request", 0},
    {"perfetto", GROUP_OUTPUT, KIND_FILE, AT(perfetto), 0, 0, "FILE.json",
     "write the run as a trace that ui.perfetto.dev opens (.gz: compressed)", 0,
     .except = "validate"},
    {"perfetto-window", GROUP_OUTPUT, KIND_TEXT, AT(perfetto_window), 0, 0, "A:B",
     "only from A to B, in seconds of the trace; either may be left out", 0, .except = "validate"},
    {"against", GROUP_OUTPUT, KIND_FILE, AT(against), 0, 0, "FILE",
     "compare TTFT, TPOT and latency with a measured run: a benchmark's JSON lines, or a CSV of "
     "--requests",
     0, .except = "validate"},
    {"output-token-ids", GROUP_OUTPUT, KIND_FILE, AT(output_token_ids), 0, 0, "FILE.jsonl",
     "with cpu, gpu: write the tokens of each request", 0},
    {"record-steps", GROUP_OUTPUT, KIND_SWITCH, AT(record_steps), 0, 0, NULL,
     "keep every step in -o, for --replay (default with cpu, gpu)", 0},
    {"plot", GROUP_OUTPUT, KIND_FILE, AT(plot), 0, 0, "FILE",
     "draw the time of each step, computed and predicted: .svg, .png or .pdf", 0, "validate"},
};

const guint settings_n_options = G_N_ELEMENTS(settings_options);

Settings *
settings_new(void)
{
  Settings *settings = g_new0(Settings, 1);

  settings->time_scale = 1;
  settings->seed = 1;
  settings->burstiness = 1;
  settings->random_input_len = BENCH_INPUT_LEN;
  settings->random_output_len = BENCH_OUTPUT_LEN;
  settings->block_size = 16;
  settings->free_gpu_memory_fraction = 0.9;
  settings->block_manager = 1;
  settings->prefill_schedule_interval = 1;
  settings->offload_prompt_only = TRUE;
  settings->unit_copy_steps = 2;
  settings->tensor_parallel_size = 1;
  settings->data_parallel_size = 1;
  settings->instances = 1;
  settings->pipeline_parallel_size = 1;
  settings->expert_parallel_size = 1;
  settings->page_size = 1;
  settings->max_running_requests = 2048;
  settings->max_prefill_tokens = 16384;
  settings->schedule_conservativeness = 1;
  settings->swa_full_tokens_ratio = 0.8;
  settings->top_p = 1;
  settings->policy_values = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
  settings->given = g_hash_table_new(g_str_hash, g_str_equal);
  settings->notes = g_ptr_array_new_with_free_func(g_free);
  return settings;
}

void
settings_free(Settings *settings)
{
  if (settings == NULL)
    return;
  for (guint i = 0; i < settings_n_options; i++)
    if (settings_option_is_text(&settings_options[i]))
      g_free(*(char **)settings_option_field(settings, &settings_options[i]));
  g_hash_table_unref(settings->policy_values);
  g_hash_table_unref(settings->given);
  g_ptr_array_unref(settings->notes);
  g_free(settings);
}

Settings *
settings_copy(const Settings *settings)
{
  Settings *copy = g_memdup2(settings, sizeof *settings);
  GHashTableIter iter;
  gpointer name, value;

  for (guint i = 0; i < settings_n_options; i++)
    if (settings_option_is_text(&settings_options[i])) {
      char **text = settings_option_field(copy, &settings_options[i]);
      *text = g_strdup(*text);
    }
  copy->policy_values = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
  g_hash_table_iter_init(&iter, settings->policy_values);
  while (g_hash_table_iter_next(&iter, &name, &value))
    g_hash_table_insert(copy->policy_values, name, g_memdup2(value, sizeof(double)));
  copy->given = g_hash_table_new(g_str_hash, g_str_equal);
  g_hash_table_iter_init(&iter, settings->given);
  while (g_hash_table_iter_next(&iter, &name, &value))
    g_hash_table_insert(copy->given, name, value);
  g_ptr_array_ref(copy->notes);
  return copy;
}

gboolean
settings_given(const Settings *settings, const char *name)
{
  return g_hash_table_contains(settings->given, name);
}

const char *
settings_origin(const Settings *settings, const char *name)
{
  return g_hash_table_lookup(settings->given, name);
}

void
settings_set_origin(Settings *settings, const char *name, const char *origin)
{
  if (settings_given(settings, name))
    g_hash_table_insert(settings->given, (gpointer)g_intern_string(name), (gpointer)origin);
}

PolicyValues
settings_policy_values(const Settings *settings, const Policy *policy)
{
  PolicyValues values = policy_fallbacks(policy);

  for (guint i = 0; policy->options[i].name != NULL; i++) {
    const double *value = g_hash_table_lookup(settings->policy_values, policy->options[i].name);
    if (value != NULL)
      values.of[i] = *value;
  }
  return values;
}

void
settings_forget(Settings *settings, const char *name)
{
  g_hash_table_remove(settings->policy_values, name);
  g_hash_table_remove(settings->given, name);
}

const char **
settings_names(void)
{
  GPtrArray *names = g_ptr_array_new();
  PolicyOptionPlace place;

  for (guint i = 0; i < settings_n_options; i++)
    g_ptr_array_add(names, (gpointer)settings_options[i].name);
  for (guint n = 0; policy_option_at(n, &place); n++)
    g_ptr_array_add(names, (gpointer)place.option->name);
  g_ptr_array_add(names, NULL);
  return (const char **)g_ptr_array_free(names, FALSE);
}
