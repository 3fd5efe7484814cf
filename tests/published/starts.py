#!/usr/bin/env python3
"""Tokens of KV of vLLM servers whose start-up logs are public, each by what its log says of the start and nothing fitted to it."""
import json
import os

from spillway_test import all_tests, check, check_close, check_equal, check_refused, main, read, source, succeed, write

GIB = 2**30
BLOCKS = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True, "version": "gemm"}
TOWER = {"depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "out_hidden_size": 4096, "patch_size": 16,
         "spatial_merge_size": 2, "temporal_patch_size": 2, "num_position_embeddings": 2304, "deepstack_visual_indexes": []}
QWEN35_9B = {"num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 16, "num_key_value_heads": 4,
             "intermediate_size": 12288, "linear_num_value_heads": 32, "linear_num_key_heads": 16,
             "layer_types": (["linear_attention"] * 3 + ["full_attention"]) * 8, "tie_word_embeddings": False}

# Models as they are published: a shipped one or an example, and the keys in which they differ.
MODELS = {
    "Qwen2.5-1.5B": ("qwen2.5-7b", {"hidden_size": 1536, "intermediate_size": 8960, "num_attention_heads": 12, "num_key_value_heads": 2,
                                    "num_hidden_layers": 28, "vocab_size": 151936, "tie_word_embeddings": True}),
    "Qwen3-0.6B": ("qwen3-8b", {"hidden_size": 1024, "intermediate_size": 3072, "num_attention_heads": 16, "num_key_value_heads": 8,
                                "head_dim": 128, "num_hidden_layers": 28, "tie_word_embeddings": True}),
    "Qwen3-8B": ("qwen3-8b", {}),
    "Qwen3-8B-FP8": ("qwen3-8b", {"quantization_config": BLOCKS}),
    "Qwen3-30B-A3B-2507-FP8": ("qwen3-30b-a3b", {"quantization_config": BLOCKS, "max_position_embeddings": 262144}),
    "Qwen3-235B-A22B-2507-FP8": ("qwen3-235b-a22b", {"quantization_config": BLOCKS, "max_position_embeddings": 262144}),
    "Llama-3-70B-AWQ": ("llama-3-70b", {"quantization_config": AWQ, "torch_dtype": "float16"}),
    "EXAONE-4.0-32B-FP8": ("families/exaone-4.0-32b", {"quantization_config": BLOCKS}),
    "Qwen3-Next-80B-A3B": ("families/qwen3-next-80b-a3b", {}),
    "Qwen3-VL-30B-A3B": ("families/qwen3-vl-30b-a3b", {}),
    "Qwen3.5-9B": ("families/qwen3.5-27b", {"model_type": "qwen3_5", "vision_config": TOWER, "text_config": QWEN35_9B}),
    "Qwen3.5-35B-A3B": ("families/qwen3.5-35b-a3b", {}),
    "Qwen3.8-27B": ("families/qwen3.5-27b", {}),
    "Qwen3.8-27B, states of 16 bits": ("families/qwen3.5-27b", {"text_config": {"mamba_ssm_dtype": "bfloat16"}}),
    "Kimi-K2-Thinking": ("families/kimi-k2-thinking", {}),
    "GLM-5.1-FP8": ("families/glm-5", {"quantization_config": BLOCKS}),
    "Gemma-3-27B": ("families/gemma-3-27b", {}),
    "Gemma-4-31B": ("families/gemma-4-31b", {}),
}

# Model, card, vLLM, what was typed, the log's weights a card (None: not said), its tokens, the bound.
STARTS = [
    ("Qwen3-8B", "a100-40gb", "0.9", [], 15.27, 136080, 0.01),
    ("Qwen3-8B-FP8", "rtx-4090", "0.10", ["--gpu-memory-utilization", "0.8"], 8.80, 62608, 0.02),
    ("Qwen3-235B-A22B-2507-FP8", "l40s", "0.10", ["--tensor-parallel-size", "8"], 27.72, 238208, 0.01),
    ("Qwen3-30B-A3B-2507-FP8", "l40s", "0.10", ["--tensor-parallel-size", "2", "--gpu-memory-utilization", "0.95"], None, 566016, 0.01),
    ("Qwen3-Next-80B-A3B", "h200", "0.10", ["--tensor-parallel-size", "2"], 74.28, 973760, 0.02),
    ("EXAONE-4.0-32B-FP8", "l40s", "0.11", ["--gpu-memory-utilization", "0.95", "--enforce-eager"], 30.99, 42224, 0.02),
    ("Kimi-K2-Thinking", "h200", "0.11", ["--tensor-parallel-size", "8"], None, 715072, 0.01),
    ("Qwen3-0.6B", "l40s", "0.12", [], None, 350304, 0.01),
    ("Qwen3-8B", "rtx-a6000", "0.13", [], 15.27, 188864, 0.01),
    # An image's encoder and what it leaves in its cache are not in the sum.
    ("Qwen3-VL-30B-A3B", "h100-nvl", "0.13", [], 57.94, 211936, 0.04),
    ("Llama-3-70B-AWQ", "l40s", "0.16", ["--tensor-parallel-size", "2"], 18.55, 132128, 0.01),
    ("Qwen3-8B", "h100-sxm", "0.19", [], None, 389888, 0.01),
    ("Qwen2.5-1.5B", "h200", "0.19", ["--gpu-memory-utilization", "0.9"], None, 4513888, 0.01),
    ("Qwen3.5-9B", "l40s", "0.19", ["--offline"], 17.56, 165792, 0.01),
    ("GLM-5.1-FP8", "h200", "0.19", ["--tensor-parallel-size", "8", "--enforce-eager"], 89.01, 343744, 0.02),
    # Its profile run took 0.4 GiB where ours takes 1.3: experts' workspaces of these kernels are not known.
    ("Qwen3-235B-A22B-2507-FP8", "rtx-pro-6000", "0.27", ["--tensor-parallel-size", "4", "--max-num-seqs", "32",
                                                         "--gpu-memory-utilization", "0.9"], 55.19, 621392, 0.04),
]

# Of logs that say the memory of KV alone, the tokens that it came to: model, vLLM, GiB, KV cache, tokens.
POOLS = [("Gemma-3-27B", "0.11", 109.86, "auto", 205696), ("Qwen3.5-35B-A3B", "0.18", 55.72, "auto", 729696),
         ("Gemma-4-31B", "0.18", 57.09, "fp8", 124704)]

# The same of models with states, whose tokens are those of whole blocks, divided by what the longest sequence needs: the log's
# enable_prefix_caching, GiB a card, cards, longest sequence, tokens, and bytes of a block in all layers of a group, by hand.
STATE_POOLS = [("Qwen3.8-27B", "0.27", True, 4.99, 2, 131072, 302921, 16 * 1568 * 2 * 2 * 256),
               ("Qwen3.8-27B, states of 16 bits", "0.27", True, 6, 1, 112000, 187945, 16 * 800 * 2 * 4 * 256),
               ("Qwen3.8-27B, states of 16 bits", "0.27", True, 3.22, 1, 98000, 99519, 16 * 800 * 2 * 4 * 256)]

# Servers of Qwen3.6-27B (Qwen3.5's sizes) on two RTX 3090s that draft three tokens by MTP, KV in FP8, 262,144 tokens a request: a draft layer
# beside 16 of attention, states with three inputs more and three of them more a request (club-3090 pull request 594, issues 642, 294, 295).
# The log's GiB a card (None: not in it) and whole blocks, of 17 layers with 1,600 tokens; its tokens.
DRAFT_POOLS = [("0.24", 5.33, 205, 300220), ("0.24", 11.05, 426, 623873), ("0.22", None, 425, 622408), ("0.22", None, 424, 620944)]
DRAFT_BLOCK = 17 * 1600 * 2 * 2 * 256
MTP = '{"method":"mtp","num_speculative_tokens":3}'

def config(name):
    """The path of that model's config.json."""
    base, changes = MODELS[name]
    folder = source("tests", "models", "families") if base.startswith("families/") else source("models")
    whole = json.loads(read(os.path.join(folder, os.path.basename(base) + ".json")))
    inner = changes.get("text_config")
    write(name + ".json", json.dumps({**whole, **changes, **({"text_config": {**whole["text_config"], **inner}} if inner else {})}))
    return name + ".json"


def server(name, card, version, words):
    return succeed("model", "show", config(name), "--device", card, "--scheduler", "vllm-" + version, "--format", "json",
                   *words).json["server"]


def test_starts():
    """the tokens of each start within its bound, 14 of 16 within 2 %, and its weights within 0.05 GiB"""
    near = 0
    for name, card, version, words, weights, tokens, within in STARTS:
        found = server(name, card, version, words)
        check_close(found["kv_tokens"], tokens, "%s on %s" % (name, card), relative=within)
        if weights is not None:
            check(abs(found["weight_bytes"] / GIB - weights) < 0.05, "%s: %.3f GiB" % (name, found["weight_bytes"] / GIB))
        near += abs(found["kv_tokens"] / tokens - 1) < 0.02
    check_equal((near, len(STARTS)), (14, 16))


def test_pools():
    """windows in groups with padding layers, states and wide heads: the tokens of so much memory, to its last digit"""
    for name, version, gib, cache, tokens in POOLS:
        found = server(name, "h200", version, ["--kv-cache-dtype", cache])
        # What is said is a share of whole blocks; the log's memory has four or five digits.
        check_close(found["kv_tokens"] / found["kv_bytes"] * gib * GIB, tokens, name, relative=0.0005)


def test_state_pools():
    """FP8 KV and states in the same pages, cached at whole blocks: the tokens of so many blocks, to the last digit"""
    for name, version, caches, gib, cards, longest, tokens, block in STATE_POOLS:
        write("start.log", "(EngineCore pid=1) INFO 07-06 22:50:46 [core.py:114] Initializing a V1 LLM engine (v%s.0) with config: "
              "model='x', enable_prefix_caching=%s\n(EngineCore pid=1) INFO 07-06 22:52:09 [gpu_worker.py:508] Available KV cache "
              "memory: %.2f GiB\n" % (version, caches, gib))
        found = server(name, "h200", version, ["--kv-cache-dtype", "fp8", "--max-model-len", str(longest), "--log", "start.log",
                                               "--tensor-parallel-size", str(cards)])
        whole = int(gib * GIB / block) * block
        check_close(found["kv_tokens"] / found["kv_bytes"] * whole, tokens, name, relative=0.0005)


def test_draft_pools():
    """With draft layers (MTP): the tokens of so many blocks, to the last digit, by the option and by the log"""
    for version, gib, blocks, tokens in DRAFT_POOLS:
        if gib is not None:
            # 11.05 GiB are 425.98 blocks: the log's digits.
            check_equal(int((gib + 0.001) * GIB / DRAFT_BLOCK), blocks)
        write("start.log", "(EngineCore pid=1) INFO 07-06 22:50:46 [core.py:114] Initializing a V1 LLM engine (v%s.0) with config: "
              "model='x', speculative_config=SpeculativeConfig(method='mtp', model='x', num_spec_tokens=3), enable_prefix_caching=True\n"
              "(EngineCore pid=1) INFO 07-06 22:52:09 [gpu_worker.py:508] Available KV cache memory: 5 GiB\n" % version)
        words = ["--kv-cache-dtype", "fp8", "--tensor-parallel-size", "2", "--max-model-len", "262144"]
        logged = server("Qwen3.8-27B", "h200", version, [*words, "--log", "start.log"])
        without = server("Qwen3.8-27B", "h200", version, words)
        check_equal((logged["num_speculative_tokens"], without["num_speculative_tokens"]), (3, 0))
        check_equal(logged["kv_bytes"] // DRAFT_BLOCK, logged["num_gpu_blocks"])
        check_equal(logged["kv_tokens"], logged["num_gpu_blocks"] * 262144 // (164 + 3 * 5))
        check_equal(blocks * 262144 // (164 + 3 * 5), tokens)
        write("plain.log", "(EngineCore pid=1) INFO 07-06 22:50:46 [core.py:114] Initializing a V1 LLM engine (v%s.0) with config: model='x', "
              "enable_prefix_caching=True\n(EngineCore pid=1) INFO [gpu_worker.py:508] Available KV cache memory: 5 GiB\n" % version)
        typed = server("Qwen3.8-27B", "h200", version, [*words, "--log", "plain.log", "--speculative-config", MTP])
        check_equal(typed, logged)


def test_drafts():
    """The draft layer by hand: Qwen3.8-27B-FP8's files have 30,866,866,928 bytes with it; experts, another cache, and NVFP4's product at 16 bits"""
    fp8 = json.loads(read(config("Qwen3.8-27B")))
    write("fp8.json", json.dumps({**fp8, "quantization_config": BLOCKS}))
    words = ["model", "show", "fp8.json", "--device", "h200", "--format", "json"]
    plain, drafts = (succeed(*words, *more).json["server"]["weight_bytes"] for more in ([], ["--speculative-config", MTP]))
    # Attention with a gate, a dense part, the product before them, five norms and two of heads; scales of 128 by 128.
    products = 5120 * (2 * 6144 + 2 * 1024) + 6144 * 5120 + 3 * 5120 * 17408 + 5120 * 10240
    check_close(drafts - plain, products * (1 + 4 / 128**2) + 2 * (5 * 5120 + 2 * 256), relative=0.01)
    # Beside the files there is the table of positions.
    check_close(drafts - 262144 * 64 * 2, 30866866928, relative=0.001)
    moe = ["model", "show", source("tests", "models", "families", "qwen3.5-35b-a3b.json"), "--device", "h200", "--format", "json"]
    plain, drafts = (succeed(*moe, *more).json["server"] for more in ([], ["--speculative-config", MTP]))
    experts = 256 * 3 * 2048 * 512 + 3 * 2048 * 512 + 256 * 2048 + 2048
    check_close(drafts["weight_bytes"] - plain["weight_bytes"],
                2 * (experts + 2048 * (2 * 4096 + 2 * 512) + 4096 * 2048 + 2 * 2048**2 + 5 * 2048 + 512), relative=0.01)
    text = succeed("model", "show", "fp8.json", "--device", "h200", "--speculative-config", MTP).text
    check("num_speculative_tokens 3" in text and "Of it 1 draft layer takes" in text and "2048 bytes of KV a token" not in text, text)
    write("eagle.log", "non-default args: {'speculative_config': {'model': 'y', 'method': 'eagle3', 'num_speculative_tokens': 3}}\n"
          "Available KV cache memory: 5 GiB\n")
    text = succeed("model", "show", "fp8.json", "--device", "h200", "--log", "eagle.log").text
    check("drafts by eagle3, whose memory is not in the sum" in text, text)
    write("mtp.log", "non-default args: {'speculative_config': {'method': 'mtp', 'num_speculative_tokens': 3}}\nAvailable KV cache memory: 5 GiB\n")
    text = succeed("model", "show", "deepseek-r1", "--device", "h200", "--tensor-parallel-size", "8", "--log", "mtp.log").text
    check("drafts by mtp, whose memory is not in the sum" in text, text)


def test_drafts_refused():
    """Other methods, other families, what is no such text, and without a card"""
    for model, text, told in (("fp8.json", '{"method":"eagle","num_speculative_tokens":3}', "expected"), ("fp8.json", "3", "expected"),
                              ("fp8.json", '{"method":"mtp"}', "expected"), ("fp8.json", "{", "expected"),
                              ("fp8.json", '{"method":"mtp","num_speculative_tokens":65}', "1 to 64"),
                              ("llama-3.1-8b", MTP, "no draft layers are known")):
        write("fp8.json", read(config("Qwen3.8-27B")))
        check_refused(["model", "show", model, "--device", "h200", "--speculative-config", text], ["--speculative-config", told])
    check_refused(["model", "show", "llama-3.1-8b", "--speculative-config", MTP], ["--speculative-config needs --device"])


def test_towers():
    """Of Qwen's towers cards share the matrices out; the patches' product, the positions and the norms each has whole, or all where heads do not divide"""
    name = source("tests", "models", "families", "qwen3-vl-8b.json")
    whole, half, third = (json.loads(read(name))["vision_config"] and
                          succeed("model", "show", name, "--device", "h200", "--tensor-parallel-size", tp, "--format", "json").json["server"]["weight_bytes"]
                          for tp in ("1", "2", "8"))
    bare = json.loads(read(name))
    bare["vision_config"] = {}
    write("bare.json", json.dumps(bare))
    texts = [succeed("model", "show", "bare.json", "--device", "h200", "--tensor-parallel-size", tp, "--format", "json").json["server"]["weight_bytes"]
             for tp in ("1", "2", "8")]
    tower, merged = whole - texts[0], 1152 * 4
    split = 2 * (27 * (4 * 1152**2 + 2 * 1152 * 4304) + 4 * merged * (merged + 4096))
    check_equal(half - texts[1], tower - split + split // 2)
    check_equal(third - texts[2], tower - split + split // 8)
    bare = json.loads(read(name))
    bare["vision_config"]["num_heads"] = 9
    write("nine.json", json.dumps(bare))
    check_equal(succeed("model", "show", "nine.json", "--device", "h200", "--tensor-parallel-size", "2", "--format", "json").json["server"]["weight_bytes"] - texts[1],
                tower)


def test_eager():
    """--enforce-eager: no table is copied for trials of kernels, no graph is captured or counted; from 0.18 on none was profiled"""
    for version, words in (("0.12", []), ("0.19", ["--tensor-parallel-size", "2"]), ("0.28", [])):
        usual = server("Qwen3-8B", "l40s", version, ["--max-num-seqs", "16", *words])
        eager = server("Qwen3-8B", "l40s", version, ["--max-num-seqs", "16", "--enforce-eager", *words])
        check_equal((usual["enforce_eager"], eager["enforce_eager"], eager["graph_bytes"]), (False, True, 0))
        check_equal((usual["activation_peak"], eager["activation_peak"] == "compilation"), ("compilation", False))
        check_equal(usual["graph_bytes"] > 0, version == "0.28")
        check_equal(eager["non_torch_bytes"] < usual["non_torch_bytes"], version != "0.12")
        check(eager["kv_tokens"] > usual["kv_tokens"], (usual, eager))


def test_two_unlinked():
    """Qwen3.8-27B-FP8 on two RTX 5090s as vLLM's recipes have it (pull request 810), which no figure was read off but its weights: 14.28 GiB, 377,456 tokens"""
    write("fp8.json", json.dumps({**json.loads(read(config("Qwen3.8-27B"))), "quantization_config": BLOCKS}))
    found = succeed("model", "show", "fp8.json", "--device", "rtx-5090", "--tensor-parallel-size", "2", "--scheduler", "vllm-0.26",
                    "--max-model-len", "262144", "--format", "json").json["server"]
    check_close(found["kv_tokens"], 377456, relative=0.04)
    check_close(found["weight_bytes"] / GIB, 14.28, relative=0.015)


def test_runner_of_states():
    """Before 0.30 models with recurrent states are not served by model runner V2, whose profile run samples from 16-bit logits alone"""
    for name, version, bytes_a_logit in (("Qwen3.8-27B", "0.28", 14), ("Qwen3-8B", "0.28", 2), ("Qwen3.8-27B", "0.32", 2)):
        few, many = (server(name, "h200", version, ["--max-num-seqs", n, "--max-num-batched-tokens", "512", "--enforce-eager"])
                     for n in ("8000", "9000"))
        vocab, hidden = (248320, 5120) if name == "Qwen3.8-27B" else (151936, 4096)
        check_equal(many["activation_bytes"] - few["activation_bytes"], 1000 * (bytes_a_logit * vocab + 2 * 2 * hidden), name)


def test_graphs():
    """graphs are counted in proportion to their number: 7 for 4 sequences, 86 for 256 and more ("PIECEWISE=51, FULL=35")"""
    sizes = [server("Qwen3-8B", "l40s", "0.28", ["--max-num-seqs", n])["graph_bytes"] for n in ("4", "256", "1024")]
    check(sizes[1] == sizes[2] and abs(sizes[0] * 86 / 7 / sizes[1] - 1) < 1e-6, sizes)


def test_log():
    """what a log says of batch sizes, ranks and eager mode is taken, and typed words go before it"""
    write("start.log", """(APIServer pid=1) INFO 10-23 15:10:10 [utils.py:328] non-default args: {'model': 'x', 'tensor_parallel_size': 2, 'max_num_seqs': 64}
(APIServer pid=1) INFO 10-23 15:10:20 [scheduler.py:222] Chunked prefill is enabled with max_num_batched_tokens=4096.
(EngineCore_DP0 pid=2) INFO 10-23 15:10:29 [core.py:76] Initializing a V1 LLM engine (v0.10.2) with config: model='x', tensor_parallel_size=2, enforce_eager=True, enable_prefix_caching=False
(Worker_TP1 pid=3) INFO 10-23 15:14:18 [gpu_model_runner.py:2392] Model loading took 74.2812 GiB and 215.969277 seconds
(Worker_TP1 pid=3) INFO 10-23 15:14:30 [gpu_worker.py:298] Available KV cache memory: 44.59 GiB
""")
    words = ["model", "show", config("Qwen3-Next-80B-A3B"), "--device", "h200", "--log", "start.log"]
    found = succeed(*words, "--format", "json").json["server"]
    check_equal([found[k] for k in ("scheduler", "tensor_parallel_size", "max_num_batched_tokens", "max_num_seqs", "enforce_eager")],
                ["vllm-0.10", 2, 4096, 64, True])
    check("enforce_eager; each card" in succeed(*words).text)
    typed = succeed(*words, "--max-num-seqs", "8", "--tensor-parallel-size", "4", "--format", "json").json["server"]
    check_equal((typed["max_num_seqs"], typed["tensor_parallel_size"]), (8, 4))
    result = succeed("model", "show", "llama-3.1-8b", "--device", "h100-sxm", "--enforce-eager").text
    check("enforce_eager" in result, result)


main(all_tests(globals()))
