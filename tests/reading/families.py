#!/usr/bin/env python3
"""Models: an example of each family, its sizes against what is published. --table prints doc/models.md's table:
PYTHONPATH=tests SPILLWAY=build/spillway SPILLWAY_SRCDIR=. tests/reading/families.py --table"""
import csv
import json
import os
import re
import sys

from spillway_test import (SHARED, Skip, all_tests, check, check_close, check_equal, check_refused, main, read, run_json, source,
                           succeed, write)

FIGURES = ("parameters", "weight_bytes", "kv_bytes_per_token")
GIB = 1 << 30


def rows():
    """families.csv: what is right of each example."""
    with open(source("tests", "models", "families.csv"), newline="") as file:
        return list(csv.DictReader(file))


def example(name):
    return source("tests", "models", "families", name + ".json")


def show(path):
    return succeed("model", "show", path, "--format", "json").json


def table():
    """The table of doc/models.md, from what the program says of each example."""
    lines = ["| family | example | parameters | weights GiB | KV bytes a token | context | parameters checked against |",
             "| --- | --- | ---: | ---: | ---: | ---: | --- |"]
    for row in rows():
        found = show(example(row["example"]))
        lines.append("| %s | %s | %s | %.2f | %s | %s | %s |" % (
            found["family"], row["example"], format(found["parameters"], ","), found["weight_bytes"] / GIB,
            format(found["kv_bytes_per_token"], ","), format(found["max_position"], ","), row["source"]))
    return "\n".join(lines) + "\n"


def test_examples():
    """Every example has the sizes that are right of it, to the last one."""
    for row in rows():
        found = show(example(row["example"]))
        check_equal((row["example"], found["family"], found["max_position"], *(found[f] for f in FIGURES)),
                    (row["example"], row["family"], int(row["context"]), *(int(row[f]) for f in FIGURES)))


def test_document():
    """doc/models.md has the table that this program prints."""
    check(table() in read(source("doc", "models.md")).decode(), "doc/models.md: run tests/reading/families.py --table")


def test_unseen_experts():
    """Experts that tokens of images alone pass take memory and no time: ERNIE 4.5 VL 28B is as fast as 21B, which has its other layers"""
    words = ["--device", "h200", "--num-prompts", "20", "--num-gpu-blocks", "4000"]
    for more in ([], ["--tensor-parallel-size", "4"], ["--tensor-parallel-size", "4", "--enable-expert-parallel"]):
        plain, seeing = (run_json("--model", example(name), *words, *more) for name in ("ernie-4.5-21b-a3b", "ernie-4.5-vl-28b-a3b"))
        for key in ("ttft_s", "tpot_s", "time_s", "makespan_s"):
            check_equal(plain[key], seeing[key], more)
    plain, seeing = (show(example(name)) for name in ("ernie-4.5-21b-a3b", "ernie-4.5-vl-28b-a3b"))
    tower = 774658560
    check_equal(seeing["parameters"] - plain["parameters"], tower + 27 * (64 * 3 * 2560 * 512 + 64 * 2560 + 64))
    # The same as transformers 5 writes it, and with what its class fills in.
    file = json.loads(read(example("ernie-4.5-vl-28b-a3b")))
    text = {key: file.pop(key) for key in list(file) if key not in ("architectures", "vision_config", "model_type", "tie_word_embeddings")}
    for key in ("moe_layer_start_index", "moe_layer_end_index", "moe_num_experts", "moe_intermediate_size", "moe_num_shared_experts"):
        del text[key]
    write("new.json", json.dumps({**file, "model_type": "ernie4_5_vl_moe", "text_config": {
        **text, "model_type": "ernie4_5_vl_moe_text", "mlp_layer_types": ["dense"] + 27 * ["sparse"]}}))
    check_equal([show("new.json")[key] for key in FIGURES], [seeing[key] for key in FIGURES])
    for key, value in (("moe_num_experts", []), ("moe_intermediate_size", [1536, "x"]), ("moe_k", [65, 6])):
        write("bad.json", json.dumps({**json.loads(read(example("ernie-4.5-vl-28b-a3b"))), key: value}))
        check_refused(["model", "show", "bad.json"], [key, "one for texts and one for images"])
    whole = json.loads(read(example("ernie-4.5-vl-28b-a3b")))
    write("bad.json", json.dumps({**whole, "moe_num_experts": [64, 32]}))
    check_refused(["model", "show", "bad.json"], ["moe_num_experts", "as many for images as for texts"])
    # Layers behind the last with experts are dense, as the file of the model for texts has it, too.
    plain = json.loads(read(example("ernie-4.5-21b-a3b")))
    for last in (([10, 10], 10), ([-1, -1], -1)):
        write("seeing.json", json.dumps({**whole, "moe_layer_end_index": last[0]}))
        write("plain.json", json.dumps({**plain, "moe_layer_end_index": last[1]}))
        check_equal(show("seeing.json")["parameters"] - show("plain.json")["parameters"] - tower,
                    (10 if last[1] == 10 else 27) * (64 * 3 * 2560 * 512 + 64 * 2560 + 64))


def test_strides():
    """Layers of every kind cost the same step by step and many steps at once."""
    for name in ("gpt-oss-20b", "gemma-3-4b", "llama-4-scout", "deepseek-v2-lite", "deepseek-v3.2",
                 "qwen3-next-80b-a3b", "nemotron-nano-9b-v2", "jamba-v0.1", "kimi-linear-48b-a3b",
                 "deepseek-v4-flash"):
        words = ["--model", example(name), "--device", "b200", "--trace", "demo",
                 "--limit", "60", "--num-gpu-blocks", "4000" if name == "deepseek-v4-flash" else "2000"]
        many, single = run_json(*words), run_json(*words, "--no-stride")
        for summary in (many, single):
            summary.pop("wall_s")
            summary["config"].pop("no_stride", None)
        check_equal(many, single)


def test_kimi_delta():
    """KDA: a state of 32 bits and the convolution's inputs, of 20 layers; what K3 adds is read of its keys; other forms are refused."""
    found = show(example("kimi-linear-48b-a3b"))
    check_equal(found["state_bytes_per_sequence"], 20 * (32 * 128 * 128 * 4 + 3 * 32 * 128 * 3 * 2))
    config = json.loads(read(example("kimi-linear-48b-a3b")))
    hidden, width, layers = 2304, 32 * 128, 27
    for change, more in (
            ({"attn_res_block_size": 12}, layers * 4 * hidden + 2 * hidden),
            ({"mla_use_output_gate": True}, 7 * hidden * width),
            ({"routed_expert_hidden_size": 1152}, 26 * (2 * hidden * 1152 - 256 * 3 * 1024 * 1152)),
            ({"routed_expert_hidden_size": 1152, "latent_moe_use_norm": True},
             26 * (2 * hidden * 1152 - 256 * 3 * 1024 * 1152 + 1152)),
            ({"linear_attn_config": dict(config["linear_attn_config"], use_full_rank_gate=True)},
             20 * (hidden * width - 128 * (hidden + width)))):
        write("changed.json", json.dumps(dict(config, **change)))
        check_equal((change, show("changed.json")["parameters"] - found["parameters"]), (change, more))
    for change, expected in (({"mla_use_nope": False}, "mla_use_nope"), ({"linear_attn_config": None}, "linear_attn_config"),
                             ({"linear_attn_config": {"num_heads": 32, "head_dim": 128, "short_conv_kernel_size": 4}}, "kda_layers"),
                             ({"num_experts_per_token": 300}, "num_experts_per_token")):
        write("changed.json", json.dumps(dict(config, **change)))
        check_refused(["model", "show", "changed.json"], [expected])


def test_block_indexer():
    """MiniMax-M3: a key of 16 bits a token beside the KV of a sparse layer; what a query sees is bounded, what its indexer scores is not."""
    config = json.loads(read(example("minimax-m3")))
    check_equal(show(example("minimax-m3"))["kv_bytes_per_token"], 60 * 2 * 4 * 128 * 2 + 57 * 128 * 2)
    write("long.csv", "arrival_s,prompt_tokens,output_tokens\n0,60000,400\n")
    words = ["--device", "b200", "--tensor-parallel-size", "8", "--trace", "long.csv", "--what-if", "front-end=0"]
    times = []
    for picked in (2, 16, 400):
        sparse = dict(config["sparse_attention_config"], sparse_topk_blocks=picked)
        write("picked.json", json.dumps(dict(config, sparse_attention_config=sparse)))
        times.append(run_json("--model", "picked.json", *words)["time_s"]["attention"])
    write("all.json", json.dumps(dict(config, sparse_attention_config=dict(config["sparse_attention_config"],
                                                                           sparse_attention_freq=[0] * 60))))
    seen = run_json("--model", "all.json", *words)["time_s"]["attention"]
    check(times[0] < times[1] < times[2], times)
    check(times[1] < 0.7 * seen, (times, seen))
    for key, value, expected in (("sparse_num_index_heads", 2, "KV heads"), ("sparse_disable_index_value", [0] * 60, "values"),
                                 ("sparse_attention_freq", 1, "a list"), ("sparse_block_size", 0, "sparse_block_size")):
        write("odd.json", json.dumps(dict(config, sparse_attention_config=dict(config["sparse_attention_config"], **{key: value}))))
        check_refused(["model", "show", "odd.json"], [expected])
    write("odd.json", json.dumps(dict(config, sparse_attention_config=None)))
    check_refused(["model", "show", "odd.json"], ["sparse_attention_config"])


def test_nvfp4_is_told():
    """That 4-bit products have the rate of 16 bits is said, where a model has some and the card cannot multiply them; B200 can."""
    words = ["--model", "llama-3.1-8b", "--num-prompts", "2", "--random-input-len", "4000", "--random-output-len", "8", "--device"]
    nvfp4 = ["--quantization", "nvfp4"]
    found = [any("NVFP4" in sentence for sentence in run_json(*words, *more)["config"]["assumed"])
             for more in (["h100-sxm"], ["h100-sxm", *nvfp4], ["b200", *nvfp4])]
    check_equal(found, [False, True, False])
    narrow, eight, wide = (run_json(*words, "b200", *more)["ttft_s"]["mean"] for more in (nvfp4, ["--quantization", "fp8"], []))
    check(narrow < eight < wide, (narrow, eight, wide))


def test_int4_saves_bytes():
    """--quantization int4: weights of 4 bits and a scale for 128 of them, which are read so and multiplied at 16; a file that says how its
    weights are quantized is not quantized anew."""
    words = ["--model", "llama-3.1-8b", "--num-prompts", "1", "--random-input-len", "4000", "--random-output-len", "8", "--device", "h100-sxm"]
    narrow, wide = (run_json(*words, *more) for more in (["--quantization", "int4"], []))
    check(narrow["tpot_s"]["mean"] < 0.5 * wide["tpot_s"]["mean"], (narrow["tpot_s"], wide["tpot_s"]))
    check_close(narrow["time_s"]["linear"] / wide["time_s"]["linear"], 1, "linear", 0.35)
    more = narrow["config"]["num_gpu_blocks"] - wide["config"]["num_gpu_blocks"]
    products = 6979321856  # of the layers
    check_close(more * 16 * 131072, products * (2 - (4 + 16 / 128) / 8), "the memory that becomes blocks", 0.02 * products)
    check_refused(["run", "--model", "deepseek-r1", "--device", "h200", "--quantization", "int4"], ["--quantization: found 'int4'", "fp8"])


def test_compressed():
    """DeepSeek-V4: what a token leaves of its entries, prices of far contexts, experts in either format; other forms are refused."""
    config = json.loads(read(example("deepseek-v4-flash")))
    found = show(example("deepseek-v4-flash"))
    # 21 layers of an entry and an index key for 4 tokens, 20 of an entry for 128, each rounded up.
    check_equal(found["kv_bytes_per_token"], 21 * -(-(584 + 132) // 4) + 20 * -(-584 // 128))
    write("fp8.json", json.dumps(dict(config, expert_dtype="fp8")))
    experts = 43 * 256 * 3 * 4096 * 2048
    scales = (experts // 128 // 128 * 4, experts // 32)  # a scale of 32 bits a block of 128 x 128, of 8 bits for 32 elements
    check_equal(show("fp8.json")["weight_bytes"] - found["weight_bytes"], experts // 2 + scales[0] - scales[1])
    write("near.csv", "arrival_s,prompt_tokens,output_tokens\n0,1000,100\n")
    write("far.csv", "arrival_s,prompt_tokens,output_tokens\n0,256000,100\n")
    for name, least, most in (("deepseek-v4-flash", 1.003, 1.5), ("deepseek-v3", 1.1, 4)):
        words = ["--model", example(name), "--device", "b200", "--tensor-parallel-size", "8"]
        words += ["--num-gpu-blocks", "200000", "--max-model-len", "262144"] if name != "deepseek-v3" else [
            "--num-gpu-blocks", "20000", "--kv-cache-dtype", "fp8", "--max-model-len", "262144"]
        near, far = (run_json(*words, "--trace", trace)["tpot_s"]["mean"] for trace in ("near.csv", "far.csv"))
        check(least < far / near < most, (name, near, far))
    for key, value, expected in (("compress_ratios", [4] * 42, "compress_ratios"), ("compress_ratios", [8] * 43, "0, 4 or 128"),
                                 ("num_key_value_heads", 8, "one vector"), ("head_dim", 256, "512"),
                                 ("index_head_dim", 64, "128"), ("o_groups", 24, "o_groups"), ("expert_dtype", "int4", "expert_dtype"),
                                 ("hc_mult", 0, "hc_mult"), ("sliding_window", None, "sliding_window")):
        write("odd.json", json.dumps(dict(config, **{key: value})))
        check_refused(["model", "show", "odd.json"], [expected])
    words = ["run", "--model", example("deepseek-v4-flash"), "--device", "b200", "--trace", "near.csv", "--tensor-parallel-size"]
    check_refused([*words, "16"], ["o_groups"])
    for engine in ("sglang", "trtllm", "vllm-0.6"):
        check_refused([*words, "4", "--scheduler", engine], ["one entry for several tokens", "groups are not known"])
    check_refused([*words, "4", "--overflow", "offload"], ["one entry for several tokens", "offload"])
    check(any("compressors" in sentence for sentence in run_json(*words[1:], "4")["config"]["assumed"]))


def test_unknown_layers():
    """A family that is refused says which of its layers, and what of them is not known."""
    step = json.loads(read(example("step-3.5-flash")))
    del step["num_attention_groups"]
    write("step.json", json.dumps(dict(step, model_type="step3p7")))
    check_refused(["model", "show", "step.json"], ["layers with a window"])


def test_window_bounds_attention():
    """Decodes behind a window cost less than where all is seen, and the more the longer they are."""
    write("long.csv", "arrival_s,prompt_tokens,output_tokens\n0,20000,2000\n")
    config = json.loads(read(example("gpt-oss-20b")))
    words = ["--device", "h100-sxm", "--trace", "long.csv"]
    times = []
    for window in (128, 8192, 131072):
        write("window.json", json.dumps(dict(config, sliding_window=window)))
        times.append(run_json("--model", "window.json", *words)["makespan_s"])
    check(times[0] < times[1] < times[2], times)


def lone_peak(name, prompt, output, *words):
    write("lone.csv", "arrival_s,prompt_tokens,output_tokens\n0,%d,%d\n" % (prompt, output))
    return run_json("--model", example(name), "--device", "b200", "--trace", "lone.csv", "--max-num-batched-tokens", "2048",
                    *words)["peak_gpu_blocks"]


def held(kinds, computed, tokens):
    """Blocks of a step from `computed` to `tokens`: kinds are (groups, block tokens, window, chunks?)."""
    blocks = 0
    for groups, block, window, chunks in kinds:
        gone = 0
        if window and chunks:
            gone = computed // window * window // block
        elif window:
            gone = max(0, computed - window + 1) // block
        blocks += groups * (1 if block == 0 else -(-tokens // block) - gone)
    return blocks


KINDS = {"gpt-oss-20b": [(1, 16, 0, False), (1, 16, 128, False)],
         "gemma-3-27b": [(1, 16, 0, False), (6, 16, 1024, False)],
         "qwen3-next-80b-a3b": [(1, 544, 0, False), (3, 0, 0, False)],
         "deepseek-v4-flash": [(1, 256, 0, False), (2, 64, 128, False), (1, 4, 8, False), (1, 8, 128, False)]}


def test_groups():
    """One sequence holds in each group what vLLM's manager gives it, at the widest step."""
    # Where a step is decided while another runs, what that one reads is not given back since 0.26.
    for name, kinds in KINDS.items():
        for prompt, output in ((100, 10), (4000, 1000), (9000, 3000)):
            steps = [(c, min(c + 2048, prompt)) for c in range(0, prompt, 2048)]
            steps += [(c, c + 1) for c in range(prompt, prompt + output - 1)]
            before = [0] + [c for c, _ in steps[:-1]]
            at_once = max(held(kinds, *s) for s in steps)
            for words, peak in ((["--no-async-scheduling"], at_once), (["--scheduler", "vllm-0.25"], at_once),
                                ([], max(held(kinds, c, s[1]) for c, s in zip(before, steps)))):
                check_equal((name, prompt, lone_peak(name, prompt, output, "--no-enable-prefix-caching", *words)),
                            (name, prompt, peak))


def test_group_hits():
    """Prompts that repeat one, or share its beginning: what all groups still have of it."""
    def hits(name, ids, *words):
        write("again.jsonl", "".join('{"timestamp": %d, "input_length": %d, "output_length": 1, "hash_ids": %s}\n' % (
            9000 * i, 512 * len(each), each) for i, each in enumerate(ids)))
        return run_json("--model", example(name), "--device", "b200", "--trace", "again.jsonl", "--num-gpu-blocks", "9000",
                        "--enable-prefix-caching", "--max-num-batched-tokens", "8192", *words)["prefix_hit_tokens"]
    same, shares = [[1, 2, 3, 4]] * 2, [[1, 2, 3, 4], [1, 2, 9, 8], [1, 2, 7, 6]]
    # A repetition: all but the last block of 16. A window's blocks before the end are kept up to 0.28 only, so that then
    # 1024 of the shared tokens are found; later the first that meets them pins them for the next.
    for version, wanted in (("vllm-0.18", 2 * 1024), ("vllm-0.28", 2 * 1024), ("vllm", 1024)):
        check_equal((version, hits("gpt-oss-20b", same, "--scheduler", version)), (version, 2032))
        check_equal((version, hits("gpt-oss-20b", shares, "--scheduler", version)), (version, wanted))
    # All but the last block of 256; windows and compressors' tokens before its end are still there.
    for version, wanted in (("vllm-0.23", 2 * 1024), ("vllm", 1024)):
        words = ["--num-gpu-blocks", "60000", "--scheduler", version]
        check_equal((version, hits("deepseek-v4-flash", same, *words)), (version, 1792))
        check_equal((version, hits("deepseek-v4-flash", shares, *words)), (version, wanted))
    words = ["run", "--model", example("qwen3-next-80b-a3b"), "--device", "b200", "--num-gpu-blocks", "2000", "--trace", "demo"]
    check_refused([*words, "--scheduler", "vllm-0.28", "--max-num-batched-tokens", "512", "--max-num-seqs", "64"],
                  ["512 tokens a step", "block of 544"])
    check_refused([*words, "--no-enable-chunked-prefill"], ["--no-enable-prefix-caching"])
    # States lie 544 tokens apart, 576 for FlashInfer's kernels: three of them before the last token; of the 1024 shared ones
    # one is found at the first, where the second prompt stops for it since 0.26.
    check_equal(hits("qwen3-next-80b-a3b", same), 3 * 576)
    for version, wanted in (("vllm-0.18", 0), ("vllm-0.32", 544), ("vllm", 576)):
        check_equal((version, hits("qwen3-next-80b-a3b", shares, "--scheduler", version)), (version, wanted))


def test_groups_make_room():
    """In the same memory more gpt-oss fits where windows give back; recomputed and swapped victims come back."""
    write("crowd.csv", "arrival_s,prompt_tokens,output_tokens\n" + "0,2000,6000\n" * 12)
    words = ["--model", example("gpt-oss-20b"), "--device", "b200", "--trace", "crowd.csv", "--swap-space", "32GiB"]
    kept = run_json(*words, "--kv-memory", "4GiB", "--scheduler", "vllm-0.9")
    given = run_json(*words, "--kv-memory", "4GiB", "--scheduler", "vllm-0.10")
    check_equal(given["config"]["num_gpu_blocks"], 2 * kept["config"]["num_gpu_blocks"])
    check(kept["preemptions"] > 0 and given["preemptions"] == 0, (kept["preemptions"], given["preemptions"]))
    for policy, recomputes in (("recompute", True), ("partial", True), ("swap", False)):
        run = run_json(*words, "--kv-memory", "2GiB", "--overflow", policy)
        check(run["preemptions"] > 0 and run["finished"] == 12, (policy, run["preemptions"]))
        check_equal((policy, run["recomputed_tokens"] > 0), (policy, recomputes))


def test_assumed():
    """What is taken to be so of layers that give KV back, of states and of towers is said."""
    write("shared.jsonl", '{"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [1, 2]}\n' * 5)
    words = ["--device", "b200", "--num-gpu-blocks", "9000"]
    demo, shared = ["--trace", "demo", "--limit", "5"], ["--trace", "shared.jsonl"]
    for name, pattern, more in (("gpt-oss-20b", "2 groups of layers share the pool", demo),
                                ("gpt-oss-20b", "in the prefix cache is lost to it", demo),
                                ("gpt-oss-20b", "2 groups of layers share the pool", shared),
                                ("gpt-oss-20b", "2 groups of layers share the pool",
                                 [*demo, "--admission", "no-evict"]),
                                ("gpt-oss-20b", "12 of 24 layers see a window",
                                 [*shared, "--kv-offloading-size", "4"]),
                                ("gpt-oss-20b", "engine's groups are not known", [*demo, "--scheduler", "vllm-0.9"]),
                                ("qwen3-next-80b-a3b", "4 groups of layers share", shared),
                                ("qwen3-next-80b-a3b", "a recurrent state every 576 tokens", shared),
                                ("qwen3-next-80b-a3b", "takes no blocks", [*demo, "--scheduler", "vllm-0.9"]),
                                ("llama-4-scout", "share the pool", shared)):
        text = succeed("run", "--model", example(name), *words, *more).text
        check("Assumed: " in text and pattern in text, text)
    check(not re.search("groups of layers|see a window|recurrent", succeed("run", "--model", "llama-3.1-8b", *words, *demo).text))
    check("the tower's work" in succeed("run", "--model", example("qwen3-vl-8b"), *words, *demo).text)
    tower = json.loads(read(example("qwen3-vl-8b")))
    tower.update(model_type="llava", vision_config={"hidden_size": 9})
    tower["text_config"]["model_type"] = "qwen3"
    write("tower.json", json.dumps(tower))
    text = succeed("model", "show", "tower.json").text
    check("not counted" in text and "its vision tower" in text, text)


def test_refused():
    """What is refused names the family and what is not known of it."""
    base = json.loads(read(example("nemotron-nano-9b-v2")))
    lacking = {key: value for key, value in base.items() if key != "hybrid_override_pattern"}
    for config, words in (
            (lacking, ["hybrid_override_pattern: found nothing, expected the kind of each layer", "nemotron_h"]),
            (dict(base, hybrid_override_pattern="M" * 55 + "?"), ["a letter a layer"]),
            (dict(base, model_type="mamba9"), ["\"mamba9\", whose layers are not known; known are llama"]),
            (dict(base, num_hidden_layers=9), ["as many letters as num_hidden_layers"])):
        write("bad.json", json.dumps(config))
        check_refused(["model", "show", "bad.json"], words)
    base = json.loads(read(example("gemma-3n-e2b")))
    kinds = ["sliding_attention"] * 29 + ["full_attention"]
    for changed, expected in (
            (dict(num_kv_shared_layers=67), "num_kv_shared_layers: found 67, expected so few that a layer of each kind keeps"),
            (dict(num_kv_shared_layers=10, layer_types=kinds), "num_kv_shared_layers: found 10"),
            (dict(layer_types=kinds[1:]), "layer_types: found"), (dict(layer_types=kinds[:29] + [3]), "a word for each of num_hidden_layers")):
        write("bad.json", json.dumps(dict(base, **changed)))
        check_refused(["model", "show", "bad.json"], [expected])


def test_layers_by_their_kinds():
    """Nemotron 3 Ultra gives a word a layer, and no count of them."""
    base = json.loads(read(example("nemotron-nano-9b-v2")))
    kinds = [{"M": "mamba", "*": "attention", "-": "mlp"}[letter] for letter in base["hybrid_override_pattern"]]
    wanted = show(example("nemotron-nano-9b-v2"))
    for key in ("hybrid_override_pattern", "num_hidden_layers"):
        del base[key]
    write("kinds.json", json.dumps(dict(base, layers_block_type=kinds)))
    found = show("kinds.json")
    for key in ("layers", "parameters", "kv_bytes_per_token", "state_bytes_per_sequence"):
        check_equal((key, found[key]), (key, wanted[key]))


def test_infinity():
    """Infinity and NaN, which Python writes, are read; within a text they stay."""
    base = json.loads(read(example("nemotron-nano-9b-v2")))
    text = json.dumps(dict(base, time_step_limit=[0.0, float("inf")], other=[float("-inf"), float("nan")],
                           note="an Infinity of \"NaN\""))
    check("Infinity]" in text)
    write("infinity.json", text)
    check_equal(show("infinity.json")["parameters"], 8888227328)


MODELOPT = {"quant_algo": "NVFP4", "kv_cache_quant_algo": None, "group_size": 16}
INT4 = {"quant_method": "compressed-tensors", "format": "pack-quantized",
        "ignore": ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*", "re:.*mlp\\.(gate|up|gate_up|down)_proj.*"],
        "config_groups": {"group_0": {"targets": ["Linear"], "input_activations": None, "weights": {
            "num_bits": 4, "type": "int", "strategy": "group", "group_size": 32, "symmetric": True, "actorder": None}}}}


def test_quantized():
    """Quantizations that name modules by patterns, beside the file or within its decoder, weigh what they do by hand."""
    # DeepSeek-V3-0324 as NVIDIA has it: attention, routers and tables stay; four bits and a byte for 16 of them.
    names = ["lm_head", "model.embed_tokens", "model.layers.61*", "model.norm"]
    for i in range(61):
        names += ["model.layers.%d.self_attn*" % i, "model.layers.%d.mlp.gate" % i, "model.layers.%d.input_layernorm" % i]
    os.mkdir("nvfp4")
    write("nvfp4/config.json", read(example("deepseek-v3")).decode().replace('"quantization_config"', '"_"'))
    write("nvfp4/hf_quant_config.json", json.dumps({"quantization": dict(MODELOPT, exclude_modules=names)}))
    quantized = 58 * 257 * 3 * 7168 * 2048 + 3 * 3 * 7168 * 18432
    found = show("nvfp4/config.json")
    check_equal((found["parameters"], found["kv_bytes_per_token"]), (671026419200, 70272))
    close = 2 * (671026419200 - quantized) + quantized * 9 // 16
    check(abs(found["weight_bytes"] / close - 1) < 1e-5, "%d, not %d" % (found["weight_bytes"], close))

    # Kimi-K2.5: the decoder within a file of another type; routed experts only, and vLLM keeps two orders of their columns.
    base = json.loads(read(example("kimi-k2-thinking")))
    base.pop("quantization_config", None)
    write("kimi.json", json.dumps({"model_type": "kimi_k25", "vision_config": {"vt_hidden_size": 1152},
                                   "text_config": dict(base, max_position_embeddings=262144, quantization_config=INT4)}))
    quantized = 60 * 384 * 3 * 7168 * 2048
    found = show("kimi.json")
    check_equal((found["parameters"], found["family"]), (1026408232448, "kimi_k2"))
    close = 2 * (1026408232448 - quantized) + quantized * 9 // 16 + 60 * 384 * 2 * 4 * (7168 + 2048)
    check(abs(found["weight_bytes"] / close - 1) < 1e-5, "%d, not %d" % (found["weight_bytes"], close))


def test_hunyuan():
    """Lists with a number a layer are read where all are alike, and refused where not."""
    base = json.loads(read(example("hunyuan-a13b")))
    write("plain.json", json.dumps(dict(base, moe_topk=8, moe_intermediate_size=3072, num_shared_expert=1)))
    check_equal(show("plain.json")["weight_bytes"], show(example("hunyuan-a13b"))["weight_bytes"])
    for change, words in ((dict(moe_topk=[8] * 31 + [4]), ["moe_topk", "the same number"]),
                          (dict(moe_intermediate_size=[3072] * 9), ["moe_intermediate_size", "for each layer"]),
                          (dict(moe_topk=65), ["moe_topk", "than there are experts"]), (dict(num_experts=0), ["num_experts"]),
                          (dict(use_cla=True), ["use_cla", "false"])):
        write("bad.json", json.dumps(dict(base, **change)))
        check_refused(["model", "show", "bad.json"], words)


HANDED = {"nvidia-fp8": (163840, 131072, None), "qwen3-8b-yarn-ropeparameters.json": (147456, 131072, 8190735360),
          "deepseek-coder-6.7b.json": (524288, 65536, 6740512768), "phi3-mini-4k.json": (393216, 4096, 3821079552),
          "mistral-7b-v0.1.json": (131072, 32768, 7241732096), "zephyr-7b-awq.json": (131072, 32768, 7241732096),
          "qwen3-30b-a3b-w4a16.json": (98304, 40960, 30532122624), "deepseek-v3.json": (70272, 163840, 671026419200),
          "gpt-oss-120b.json": (73728, 131072, 116829156672), "llama-4-scout.json": (196608, 10485760, None),
          "qwen3-vl-8b.json": (147456, 262144, 8190735360), "qwen2-llama-attnbias.json": (32768, 131072, None),
          "llama31-405b-fbgemm.json": (516096, 131072, 405853388800)}


def test_handed():
    """The files that were handed in, with what is right of them."""
    folder = os.path.join(SHARED or "", "cases", "configs")
    if not os.path.isdir(folder):
        raise Skip("these files do not ship, and are not at hand")
    for name, (kv_bytes, context, parameters) in HANDED.items():
        found = show(os.path.join(folder, name))
        check_equal((name, found["kv_bytes_per_token"], found["max_position"]), (name, kv_bytes, context))
        check_equal(parameters or found["parameters"], found["parameters"])
    check_refused(["model", "show", os.path.join(folder, "nemotron-h-infinity.json")], ["hybrid_override_pattern"])


def test_no_faster_than_memory():
    """One sequence decodes no faster than the card's memory gives the weights that a token passes, of which all but the embedding are read: experts
    that all tokens pass take their part of it beside the routed ones, too"""
    write("one.csv", "arrival_s,prompt_tokens,output_tokens\n0,1,40\n")
    memory_only = ["--what-if", "launch=0,host=0,front-end=0,comm=0,flops=0", "--no-async-scheduling", "--num-gpu-blocks", "400"]
    for name in ("qwen2-57b-a14b", "qwen1.5-moe-a2.7b", "llama-4-scout", "grok-2", "deepseek-v2", "dots.llm1", "ling-lite", "glm-4.7-flash", "mixtral-8x22b",
                 "qwen-7b"):
        found = show(example(name))
        run = run_json("--model", example(name), "--device", "h100-sxm", "--trace", "one.csv", *memory_only)
        active_bytes = found["weight_bytes"] * found["active_parameters"] / found["parameters"] - 2 * found["vocab"] * found["hidden"]
        check((run["time_s"]["linear"] + run["time_s"]["head"]) / run["steps"] > active_bytes / 3.35e12, (name, active_bytes))


if __name__ == "__main__":
    if sys.argv[1:] == ["--table"]:
        sys.stdout.write(table())
    else:
        main(all_tests(globals()))
