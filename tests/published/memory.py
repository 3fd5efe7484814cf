#!/usr/bin/env python3
"""model show --device: the sum of a server's memory against what real ones logged, and their logs read back."""
import csv
import glob
import json
import os
import random

from spillway_test import (SHARED, Skip, all_tests, check, check_close, check_equal, execute, main, read, source,
                           succeed, write)

GIB = 2**30
FP8 = {"quant_method": "compressed-tensors", "format": "float-quantized", "ignore": ["lm_head"],
       "config_groups": {"group_0": {"targets": ["Linear"],
                                     "weights": {"num_bits": 8, "type": "float", "strategy": "channel",
                                                 "symmetric": True, "dynamic": False},
                                     "input_activations": {"num_bits": 8, "type": "float", "strategy": "token",
                                                           "dynamic": True}}}}

# Published models that are a shipped one but for a few keys.
LIKE = {"CodeLlama-7b-hf": ("llama-2-7b", {"vocab_size": 32016, "max_position_embeddings": 16384}),
        "Llama-3.1-8B-Instruct": ("llama-3.1-8b", {}),
        "Qwen2.5-7B-Instruct": ("qwen2.5-7b", {}),
        "Qwen3-30B-A3B": ("qwen3-30b-a3b", {}),
        "Kimi-Dev-72B": ("qwen2.5-72b", {"max_position_embeddings": 131072}),
        "Llama-3.3-70B-Instruct-fp8-dynamic": ("llama-3.1-70b", {"quantization_config": FP8})}

# Lines as servers of these versions write them; the numbers are of one start each.
LOGS = {
    "0.6.3": """INFO 10-01 12:00:00 llm_engine.py:237] Initializing an LLM engine (v0.6.3) with config: model='x'
INFO 10-01 12:00:09 worker.py:232] the current vLLM instance can use total_gpu_memory (23.64GiB) x gpu_memory_utilization (0.90) = 21.28GiB
model weights take 14.99GiB; non_torch_memory takes 0.09GiB; PyTorch activation peak memory takes 1.21GiB; the rest of the memory reserved for KV Cache is 4.99GiB.
""",
    "0.10.2": """INFO 09-23 18:12:20 [gpu_model_runner.py:2338] Model loading took 14.0800 GiB and 3.9 seconds
DEBUG 09-23 18:12:31 [gpu_worker.py:278] Memory profiling takes 7.26 seconds. Total non KV cache memory: 16.12GiB; torch peak memory increase: 1.97GiB; non-torch forward increase memory: 0.07GiB; weights memory: 14.08GiB.
INFO 09-23 18:12:31 [gpu_worker.py:298] Available KV cache memory: 55.15 GiB
INFO 09-23 18:12:34 [kv_cache_utils.py:864] GPU KV cache size: 451,744 tokens
INFO 09-23 18:12:39 [gpu_worker.py:391] Free memory on device (78.66/79.19 GiB) on startup. Desired GPU memory utilization is (0.9, 71.27 GiB). Actual usage is 14.08 GiB for weight, 1.97 GiB for peak activation, 0.07 GiB for non-torch memory, and 0.67 GiB for CUDAGraph memory. Replace gpu_memory_utilization config.
""",
    "0.19.0": """(EngineCore pid=129) INFO 04-19 11:06:00 [core.py:105] Initializing a V1 LLM engine (v0.19.0) with config: model='meta-llama/Llama-3.1-8B-Instruct'
(EngineCore pid=129) INFO 04-19 11:06:20 [gpu_model_runner.py:4843] Model loading took 14.99 GiB memory and 5.63 seconds
(EngineCore pid=129) INFO 04-19 11:07:18 [gpu_model_runner.py:5995] Estimated CUDA graph memory: 0.55 GiB total
(EngineCore pid=129) INFO 04-19 11:07:19 [gpu_worker.py:436] Available KV cache memory: 58.1 GiB
(EngineCore pid=129) INFO 04-19 11:07:19 [kv_cache_utils.py:1319] GPU KV cache size: 476,000 tokens
(EngineCore pid=129) INFO 04-19 11:07:29 [gpu_worker.py:596] Free memory on device (78.62/79.19 GiB) on startup. Desired GPU memory utilization is (0.95, 75.23 GiB). Actual usage is 14.99 GiB for weight, 1.89 GiB for peak activation, 0.25 GiB for non-torch memory, and 0.91 GiB for CUDAGraph memory.
""",
    "0.32.0": """(APIServer pid=1) INFO 10-06 16:59:40 [utils.py:325] vLLM API server version 0.32.0
(EngineCore pid=326) INFO 10-06 17:00:11 [model_runner.py:407] Model loading took 15.0 GiB memory and 5.420225 seconds
(EngineCore pid=326) INFO 10-06 17:00:33 [gpu_worker.py:692] Available KV cache memory: 56.21 GiB
(EngineCore pid=326) INFO 10-06 17:00:33 [kv_cache_utils.py:2464] GPU KV cache size: 460,496 tokens, Maximum concurrency for 131,072 tokens per request: 3.51x
(EngineCore pid=326) INFO 10-06 17:00:41 [gpu_worker.py:955] Free memory on device (78.84/79.25 GiB) on startup. Desired GPU memory utilization is (0.92, 72.91 GiB). Actual usage is 15.26 GiB for consumed memory (weights + non-torch), 1.44 GiB for peak activation, and 0.23 GiB for CUDAGraph memory.
"""}


def config(name):
    """The path of that model's config.json, or the shipped name."""
    base, changes = LIKE[name]
    if not changes:
        return base
    whole = json.loads(read(source("models", base + ".json")))
    write(name + ".json", json.dumps({**whole, **changes}))
    return name + ".json"


def server(model, device, *words):
    return succeed("model", "show", model, "--device", device, "--format", "json", *words).json["server"]


def test_logged_pools():
    """tokens of KV of vLLM 0.19 on H100 within 1 % of each logged start, its parts within a few hundredths of a GiB"""
    path = os.path.join(SHARED or "", "cases", "pool-vllm-0.19-h100.csv")
    if not os.path.exists(path):
        raise Skip("the logged pools do not ship, and are not at hand")
    with open(path) as lines:
        rows = list(csv.DictReader(lines))
    check(len(rows) >= 16, "%d rows" % len(rows))
    for row in rows:
        found = server(config(row["model"]), "h100-sxm", "--scheduler", "vllm-0.19", "--gpu-memory-utilization", "0.95",
                       "--tensor-parallel-size", row["tp"], "--kv-cache-dtype", row["kv"])
        check_close(found["kv_tokens"], int(row["real_tokens"]), str(row), relative=0.01)
        for part, key in (("weight", "real_weights_gib"), ("activation", "real_activation_gib"),
                          ("non_torch", "real_nontorch_gib")):
            off = abs(found[part + "_bytes"] / GIB - float(row[key]))
            check(off < 0.045, "%s of %s: off by %.3f GiB" % (part, row, off))


def random_server(chance):
    tensor, length = chance.choice([1, 2, 4, 8]), chance.choice([None, None, 2048, 32768])
    words = ["--scheduler", chance.choice(["vllm", "vllm-0.19", "vllm-0.8", "vllm-v1", "vllm-0.6"]), "--tensor-parallel-size", str(tensor)]
    words += ["--max-model-len", str(length)] if length else []
    words += ["--block-size", chance.choice(["1", "8", "64", "256"])] if chance.random() < 0.2 else []
    words += ["--max-num-seqs", chance.choice(["1", "8", "2048"])] if chance.random() < 0.2 else []
    return words + (["--max-num-batched-tokens", chance.choice(["2048", "65536"])] if chance.random() < 0.2 else [])


def test_as_run():
    """Families of models, cards and versions: the pool, its blocks and the limits are those of a run, and what cannot be split is refused by both"""
    chance, sized = random.Random(4), 0
    models = sorted(glob.glob(source("tests", "models", "families", "*.json")))
    devices = succeed("list", "devices", "--names").text.split()
    for _ in range(60):
        model, device, words = chance.choice(models), chance.choice(devices), random_server(chance)
        run = execute("run", "--model", model, "--device", device, *words, "--trace", "demo", "--limit", "1", "--format", "json")
        shown = execute("model", "show", model, "--device", device, *words, "--format", "json")
        if run.status == 2:
            check("does not fit" not in run.err or shown.json["server"]["num_gpu_blocks"] == 0, (model, device, words, run.err))
            check("divide" not in run.err or shown.status == 2, (model, device, words, run.err))
            continue
        sized += 1
        config, found = run.json["config"], shown.json["server"]
        for key in ("num_gpu_blocks", "max_num_seqs", "max_num_batched_tokens", "gpu_memory_utilization"):
            check_equal(config[key], found[key], (key, model, device, words))
    check(sized > 20, sized)


def test_windows_on_all_cards():
    """Without --device each card has the tokens that its own sum has: where layers see windows those are not blocks times their tokens"""
    for family in ("gemma-3-27b", "gpt-oss-20b", "nemotron-nano-9b-v2"):
        model = source("tests", "models", "families", family + ".json")
        listed = succeed("model", "show", model, "--format", "json").json["kv_tokens_by_device"]
        for device in ("h200", "b200", "l4"):
            check_equal(listed[device], server(model, device)["kv_tokens"], (family, device))


def test_sum():
    """the parts add up, the run takes the same pool, and what is not typed is the version's and the card's"""
    for model, device, words in (("llama-3.1-8b", "h100-sxm", ["--scheduler", "vllm-0.19"]),
                                 ("qwen3-30b-a3b", "h200", []), ("llama-2-7b", "a100-40gb", ["--scheduler", "vllm-0.6"]),
                                 ("qwen2.5-72b", "b200", ["--scheduler", "vllm-0.28", "--tensor-parallel-size", "2"])):
        found = server(model, device, *words)
        check_equal(found["usable_bytes"] - found["weight_bytes"] - found["activation_bytes"] - found["non_torch_bytes"]
                    - found["graph_bytes"], found["kv_bytes"], str(found))
        run = succeed("run", "--model", model, "--device", device, "--trace", "demo", "--limit", "1", "--format", "json",
                      *(words or ["--scheduler", "vllm"])).json
        check_equal(run["config"]["num_gpu_blocks"], found["num_gpu_blocks"], model)
        check_equal(run["config"]["gpu_memory_utilization"], found["gpu_memory_utilization"], model)
        check_equal(run["config"]["max_num_seqs"], found["max_num_seqs"], model)
    check_equal(server("llama-3.1-8b", "h100-sxm", "--offline")["max_num_batched_tokens"], 16384)
    check_equal(server("llama-3.1-70b", "l4")["num_gpu_blocks"], 0)
    text = succeed("model", "show", "llama-3.1-70b", "--device", "l4").text
    check("No KV block is left" in text, text)


def test_logs():
    """logs of four versions: the version and the share of memory are theirs, each part stands beside ours"""
    for version, log in LOGS.items():
        write("start.log", "Loading\n" + log)
        text = succeed("model", "show", "llama-3.1-8b", "--device", "h100-sxm", "--scheduler", "vllm-" + version[:4].rstrip("."),
                       "--log", "start.log").text
        for number in {"0.6.3": ("14.99", "1.21", "0.09", "4.99", "21.28"), "0.10.2": ("14.08", "1.97", "0.07", "55.15", "451,744"),
                       "0.19.0": ("14.99", "1.89", "0.25", "58.10", "476,000"),
                       "0.32.0": ("15.26", "1.44", "56.21", "460,496")}[version]:
            check(number in text, "%s: %s not in\n%s" % (version, number, text))
    write("start.log", LOGS["0.19.0"])
    found = server("llama-3.1-8b", "h100-sxm", "--log", "start.log")
    check_equal((found["scheduler"], found["gpu_memory_utilization"]), ("vllm-0.19", 0.95))
    check_equal(found["logged_kv_tokens"], 476000)
    check_close(found["kv_tokens"], 476000, relative=0.01)
    write("start.log", LOGS["0.32.0"])
    found = server("llama-3.1-8b", "h100-sxm", "--log", "start.log")
    check_equal(found["scheduler"], "vllm-0.32")
    check_close(found["kv_tokens"], found["logged_kv_tokens"], relative=0.01)


def test_damaged_logs():
    """a share above 1 or below 0, tokens below 0: what no server writes is not said"""
    for text, default in (("gpu_memory_utilization (-1)", 0.92), ("gpu_memory_utilization (1.95)", 0.92), ("gpu_memory_utilization (0.5)", 0.5)):
        write("start.log", "total_gpu_memory (79.19GiB) x %s = 71.27GiB\nGPU KV cache size: -1 tokens\n" % text)
        found = server("llama-3.1-8b", "h100-sxm", "--log", "start.log")
        check_equal((found["gpu_memory_utilization"], found["logged_kv_tokens"]), (default, None), text)


def test_logged_requests():
    """from 0.21 on tokens are counted in longest requests: the log's length and prefix cache; before, in blocks"""
    # noonghunna/club-3090 issue 612: 299 blocks, 63 of a request's tokens and two of each of three groups' states.
    write("start.log", """(APIServer pid=1) INFO 07-06 22:50:34 [api_utils.py:273] non-default args: {'max_model_len': 131072, 'kv_cache_dtype': 'fp8', 'enable_prefix_caching': True, 'max_num_batched_tokens': 8192, 'max_num_seqs': 1}
(EngineCore pid=107) INFO 07-06 22:50:46 [core.py:114] Initializing a V1 LLM engine (v0.24.0) with config: model='qwen3.6-35b-a3b-nvfp4'
(EngineCore pid=107) INFO 07-06 22:52:09 [gpu_worker.py:508] Available KV cache memory: 5.98 GiB
(EngineCore pid=107) INFO 07-06 22:52:09 [kv_cache_utils.py:2146] GPU KV cache size: 567,978 tokens
(EngineCore pid=107) INFO 07-06 22:52:09 [kv_cache_utils.py:2147] Maximum concurrency for 131,072 tokens per request: 4.33x
""")
    model = source("tests", "models", "families", "qwen3.5-35b-a3b.json")
    words = ["--kv-cache-dtype", "fp8"]
    page = 2096 * 1024 * 10
    found = server(model, "h200", "--log", "start.log", *words)
    check_equal((found["scheduler"], found["max_model_len"]), ("vllm-0.24", 131072))
    check_equal(found["kv_tokens"], found["kv_bytes"] // page * 131072 // (63 + 3 * 2))
    for version, extra, length, blocks in (("0.24", [], 262144, 126 + 3), ("0.26", [], 262144, 126 + 3 * 2),
                                           ("0.26", ["--max-model-len", "4096"], 4096, 2 + 3 * 2)):
        found = server(model, "h200", "--scheduler", "vllm-" + version, *extra, *words)
        check_equal(found["kv_tokens"], found["kv_bytes"] // page * length // blocks, version)
    found = server(model, "h200", "--scheduler", "vllm-0.20", *words)
    check_equal(found["kv_tokens"], found["kv_bytes"] // page // 4 * 2096)


def test_padded_experts():
    """what experts in MXFP4 take as kernels want them padded: four logged starts of gpt-oss, to 0.03 GiB, and what is left for KV"""
    small = source("tests", "models", "families", "gpt-oss-20b.json")
    for model, device, version, weights, words, kv in (
            # vLLM issues 23278 (Marlin), 27508 (a pool of 1.71 GiB) and 33155 (Triton); myoceane.fr, April 2026
            ("gpt-oss-120b", "h100-sxm", "0.10", 65.97, ["--gpu-memory-utilization", "0.9"], None),
            ("gpt-oss-120b", "h100-sxm", "0.11", 65.97, ["--gpu-memory-utilization", "0.95", "--max-num-batched-tokens", "1024"], 1.71),
            ("gpt-oss-120b", "h100-sxm", "0.14", 64.38, [], None),
            (small, "a100-80gb", "0.19", 13.72, ["--gpu-memory-utilization", "0.65"], 36.56)):
        found = server(model, device, "--scheduler", "vllm-" + version, *words)
        check(abs(found["weight_bytes"] / GIB - weights) < 0.03, "%s on %s: %.3f" % (model, device, found["weight_bytes"] / GIB))
        if kv is not None:
            check(abs(found["kv_bytes"] / GIB - kv) < 0.16, "%s on %s: %.3f" % (model, device, found["kv_bytes"] / GIB))
    # A width of 360 on each of eight ranks is kept as 384.
    whole, eighth = (server("gpt-oss-120b", "h100-sxm", "--scheduler", "vllm-0.19", "--tensor-parallel-size", tp)["weight_bytes"]
                     for tp in ("1", "8"))
    check(whole < 7.9 * eighth, "%d and %d" % (whole, eighth))


def test_sglang_pools():
    """max_total_num_tokens of four logged starts of SGLang: MLA, experts in FP8 on one and four cards, a dense model without links"""
    for model, device, logged, within, words in (
            # ai-dynamo/aisimulate pull request 263: "observed ~509k"
            ("deepseek-r1", "h200", 509000, 0.012, ["--tensor-parallel-size", "8", "--mem-fraction-static", "0.82"]),
            # vLLM issue 21348
            ("qwen3-235b-a22b", "h100-sxm", 367404, 0.01, ["--tensor-parallel-size", "4", "--mem-fraction-static", "0.93",
                                                           "--quantization", "fp8_block"]),
            # Qwen3-30B-A3B-FP8 by its defaults, August 2026
            ("qwen3-30b-a3b", "h100-sxm", 392920, 0.01, ["--quantization", "fp8_block"]),
            # QwQ-32B, 0.4.3: a pool of a sixth of the weights
            ("qwen2.5-32b", "l4", 46611, 0.04, ["--tensor-parallel-size", "4", "--mem-fraction-static", "0.85"])):
        run = succeed("run", "--model", model, "--device", device, "--scheduler", "sglang", "--trace", "demo", "--limit", "1",
                      "--format", "json", *words).json["config"]
        check_close(run["num_gpu_blocks"], logged, model, relative=within)


def test_sglang_sparse_kv():
    """KV of DeepSeek's sparse attention is FP8 from Blackwell on where nothing is typed, and 16 bits before (server_args.py); said with where it is from"""
    def run(device, *words, model="deepseek-v3.2"):
        return succeed("run", "--model", model, "--device", device, "--scheduler", "sglang", "--tensor-parallel-size", "8", "--trace", "demo", "--limit",
                       "1", "--format", "json", *words).json
    for device, chosen, other in (("b200", "fp8_e4m3", "bfloat16"), ("h200", "bfloat16", "fp8_e4m3")):
        default, same, apart = run(device), run(device, "--kv-cache-dtype", chosen), run(device, "--kv-cache-dtype", other)
        check_equal(default["num_gpu_blocks"], same["num_gpu_blocks"], device)
        check_equal(default["tpot_s"], same["tpot_s"], device)
        check(default["num_gpu_blocks"] != apart["num_gpu_blocks"], device)
        check_equal(default["config"]["kv_cache_dtype"], chosen if device == "b200" else "auto")
        check_equal("kv_cache_dtype" in default["config"]["defaults"], device == "b200")
    check_equal(run("b200", model="kimi-k2.5")["config"]["kv_cache_dtype"], "auto")


def test_sglang_states():
    """Recurrent states have nine for each ten bytes of KV, as logged of Qwen3.8-27B-FP8; and five of them a sequence, or one without radix cache"""
    model = source("tests", "models", "families", "qwen3.5-27b.json")
    words = ["run", "--model", model, "--quantization", "fp8_block", "--device", "h100-sxm", "--scheduler", "sglang",
             "--mem-fraction-static", "0.85", "--trace", "demo", "--limit", "1", "--format", "json"]
    for more, blocks, states, requests in (([], 330323, 124, 25), (["--disable-overlap-schedule"], 330323, 124, 42),
                                           (["--disable-radix-cache", "--max-running-requests", "32"], 552814, 32, 32)):
        run = succeed(*words, *more).json["config"]
        check_close(run["num_gpu_blocks"], blocks, more, relative=0.01)
        check_equal(run["max_running_requests"], requests)
        said = next(sentence for sentence in run["assumed"] if "recurrent states" in sentence)
        check_close(int(said.split()[0]), states, said, relative=0.02)
    # Groups of --enable-dp-attention share --max-running-requests out, and so the states (_handle_max_mamba_cache: // attn_dp_size).
    groups = ["run", "--model", source("tests", "models", "families", "qwen3-next-80b-a3b.json"), "--device", "h200", "--scheduler", "sglang",
              "--tensor-parallel-size", "4", "--data-parallel-size", "2", "--enable-dp-attention", "--disable-radix-cache", "--max-running-requests",
              "64", "--trace", "demo", "--limit", "1", "--format", "json"]
    said = next(sentence for sentence in succeed(*groups).json["config"]["assumed"] if "recurrent states" in sentence)
    check_equal(said.split()[0], "32", said)
    # mamba2_state_dtype: 32 bits unless mamba_ssm_dtype says otherwise.
    config = json.loads(read(source("tests", "models", "families", "qwen3-next-80b-a3b.json")))
    for dtype, bits in ((None, 32), ("bfloat16", 16)):
        write("states.json", json.dumps({**config, "mamba_ssm_dtype": dtype} if dtype else config))
        run = succeed("run", "--model", "states.json", "--device", "h200", "--scheduler", "sglang", "--tensor-parallel-size", "2", "--trace", "demo",
                      "--limit", "1", "--format", "json").json["config"]
        said = next(sentence for sentence in run["assumed"] if "recurrent states" in sentence)
        check("recurrent states of %.1f MiB" % size_of_states(bits) in said, said)
    run = succeed("run", "--model", "states.json", "--device", "h200", "--trace", "demo", "--limit", "1", "--sglang-args",
                  "--tp 2 --mamba-ssm-dtype float32", "--scheduler", "sglang", "--format", "json").json["config"]
    said = next(sentence for sentence in run["assumed"] if "recurrent states" in sentence)
    check("recurrent states of %.1f MiB" % size_of_states(32) in said, said)


def size_of_states(bits):
    """MiB on one of two cards: 36 layers of 32 states of 128 x 128, and 3 inputs of 8192 at 16 bits."""
    return 36 * (32 * 128 * 128 * bits / 8 + 3 * 8192 * 2) / 2 / 1024 ** 2


def test_dtype_of_states():
    """--mamba-ssm-cache-dtype: states of Mamba and the gated delta rule under vLLM, of KDA under SGLang, too; told where there are none"""
    def blocks(model, *words):
        return succeed("run", "--model", model, "--device", "h200", "--tensor-parallel-size", "8", "--trace", "demo", "--limit", "1",
                       "--format", "json", *words)
    for model in ("qwen3-next-80b-a3b", "nemotron-nano-9b-v2"):
        config = source("tests", "models", "families", model + ".json")
        narrow, wide = (blocks(config, "--mamba-ssm-cache-dtype", bits).json for bits in ("bfloat16", "float32"))
        check(1.5 * wide["num_gpu_blocks"] < narrow["num_gpu_blocks"], wide["num_gpu_blocks"])
        check_equal([narrow["config"]["mamba_ssm_cache_dtype"], wide["config"]["mamba_ssm_cache_dtype"]], ["bfloat16", "float32"])
    for config, words in ((source("tests", "models", "families", "kimi-linear-48b-a3b.json"), []), ("llama-2-7b", [])):
        said = blocks(config, "--mamba-ssm-cache-dtype", "bfloat16", *words)
        check("--mamba-ssm-cache-dtype changes nothing" in said.err, said.err)
    refused = execute("model", "show", "llama-2-7b", "--device", "h200", "--mamba-ssm-cache-dtype", "float32")
    check(refused.status == 2 and "has no states of Mamba" in refused.err, str(refused))


def test_sglang_windows():
    """Tokens of both pools of so much memory as four logged starts of SGLang name them: Gemma 4 (of layers that read another's KV, too) and MiMo"""
    gemma = json.loads(read(source("tests", "models", "families", "gemma-4-31b.json")))
    for name, layers, more in (("e4b", 42, {"hidden_size": 2560, "intermediate_size": 10240, "num_attention_heads": 8, "num_key_value_heads": 2,
                                            "num_global_key_value_heads": 2, "num_kv_shared_layers": 18, "sliding_window": 512,
                                            "hidden_size_per_layer_input": 256, "attention_k_eq_v": False}),
                               ("26b", 30, {"num_attention_heads": 16, "num_key_value_heads": 8, "num_global_key_value_heads": 2,
                                            "hidden_size": 2816, "intermediate_size": 2112})):
        text = {**gemma["text_config"], **more, "num_hidden_layers": layers, "layer_types": gemma["text_config"]["layer_types"][:layers]}
        write(name + ".json", json.dumps({**gemma, "text_config": text}))
    mimo = source("tests", "models", "families", "mimo-v2-flash.json")
    for model, memory, all_tokens, windows, words in (
            # two DGX Spark, BF16, September 2026; one with an RTX of 32 GB, FP8, October 2026; SGLang pull request 15464, the ratio 1
            ("e4b.json", "79.94GiB", 997846, 798276, []),
            ("26b.json", "36.69GiB", 213761, 171008, []),
            ("26b.json", "3.18GiB", 37081, 29664, ["--kv-cache-dtype", "fp8"]),
            (mimo, "77.63GiB", 1496958, 1496958, ["--tensor-parallel-size", "4", "--swa-full-tokens-ratio", "1"])):
        run = succeed("run", "--model", model, "--device", "h200", "--scheduler", "sglang", "--kv-memory", memory, "--trace", "demo",
                      "--limit", "1", "--format", "json", *words).json["config"]
        # The memory is told to 0.01 GiB.
        within = 0.006 / float(memory[:-3]) + 0.0001
        check_close(run["max_total_tokens"], all_tokens, model, relative=within)
        check_close(run["swa_max_total_num_tokens"], windows, model, relative=within)
        check_equal(run["swa_max_total_num_tokens"], int(run["max_total_tokens"] * run["swa_full_tokens_ratio"]))


def test_sglang_images():
    """A model that sees has less of the memory by default: 0.95, and a tenth less for each CLIP ViT-L/14 that its tower is larger; Gemma 3 is
    served without images, a typed share stays"""
    def fraction(name, *words):
        return succeed("run", "--model", name, "--device", "h200", "--scheduler", "sglang", "--trace", "demo", "--limit", "1", "--format", "json",
                       *words).json["config"]["mem_fraction_static"]

    families = source("tests", "models", "families")
    mib = server("llama-3.1-8b", "h200")["memory_bytes"] / 2**20
    # Constant, activations, graphs of 256 decodes, one card; without the graphs of prompts, which such models have not.
    share = round((mib - 512 - 1.5 * 8192 - 2 * 256 - 128) / mib, 3)
    for name, layers, hidden in (("gemma-4-31b", 27, 1152), ("qwen3-vl-8b", 24, 1152), ("mistral-small-3.1-24b", 24, 1024)):
        factor = 0.95 * (1 - 0.1 * (layers * hidden**2 / (24 * 1024**2) - 1))
        check_close(fraction(os.path.join(families, name + ".json")), share * factor, name, relative=1e-9)
    small = json.loads(read(os.path.join(families, "gemma-4-31b.json")))
    small["vision_config"].update({"num_hidden_layers": 2})
    write("small.json", json.dumps(small))
    check_close(fraction("small.json"), share * 0.95 * 1.05, relative=1e-9)
    check(fraction(os.path.join(families, "gemma-3-27b.json")) == fraction("llama-3.1-8b"))
    check_equal(fraction(os.path.join(families, "gemma-4-31b.json"), "--mem-fraction-static", "0.8"), 0.8)


def test_sglang_padding():
    """Experts in MXFP4 are padded under SGLang as its kernels on Hopper, on B200 and elsewhere want them; their own size is 60.82 GiB"""
    for device, weights in (("h200", 64.38), ("b200", 68.60), ("rtx-pro-6000", 62.10)):
        run = succeed("run", "--model", source("tests", "models", "families", "gpt-oss-120b.json"), "--device", device,
                      "--scheduler", "sglang", "--trace", "demo", "--limit", "1", "--format", "json").json["config"]
        check("less weights %.2f" % weights in run["defaults"]["max_total_tokens"], run["defaults"]["max_total_tokens"])


def test_bad_input():
    """a log of something else, none, options without a card: one message, status 2"""
    write("other.log", "nothing here\n")
    device = ["model", "show", "llama-3.1-8b", "--device", "h100-sxm"]
    for words, expected in ((device + ["--log", "other.log"], "other.log: found nothing of memory"),
                            (device + ["--log", "missing.log"], "missing.log: cannot be read"),
                            (device + ["--scheduler", "vllm-0.99"], "--scheduler"),
                            (device + ["--scheduler", "sglang"], "expected a version of vLLM"),
                            (device + ["--tensor-parallel-size", "0"], "--tensor-parallel-size"),
                            (device + ["--gpu-memory-utilization", "1.5"], "--gpu-memory-utilization"),
                            (["model", "show", "llama-3.1-8b", "--log", "other.log"], "--log needs --device"),
                            (["model", "show", "llama-3.1-8b", "--offline"], "--offline needs --device"),
                            (["model", "list", "--device", "h100-sxm"], "--device is of 'show MODEL'")):
        result = execute(*words)
        check(result.status == 2 and expected in result.err and len(result.messages) == 1, str(result))


main(all_tests(globals()))
