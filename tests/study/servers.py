#!/usr/bin/env python3
"""spillway servers: points of a table and of benchmarks' own results, each predicted by the run that its command line is."""
import json
import os
import shlex
import statistics

import browser
from spillway_test import (SHARED, Skip, all_tests, check, check_close, check_equal, check_refused, execute, main, read, succeed,
                           write)

HEADER = ("id,model_path,system,backend,backend_version,precision,mode,isl,osl,gemm_quant_mode,batch_size,tp_size,pp_size,"
          "attention_dp_size,silicon_ttft_ms,silicon_tpot_ms\n")
ROWS = """a,Qwen/Qwen3-32B,h100_sxm,vllm,0.12.0,,agg,1024,128,,8,2,1,,200,15
2026_04_06_b,meta-llama/Llama-3.1-70B,h200_sxm,vllm,,fp8,agg,1024,1024,fp8,4,4,1,1,80,9
c,Qwen/Qwen3-32B,h100_sxm,sglang,0.5.1.post1,,agg,512,128,,4,8,1,,100,8
d,Qwen/Qwen3-32B-FP8,h100_sxm,trtllm,1.0.0rc3,fp8,agg,512,128,fp8_block,4,4,1,,100,8
no-model,nobody/Nothing-7B,h100_sxm,vllm,,,agg,512,128,,4,1,1,,100,8
no-card,Qwen/Qwen3-32B,abacus,vllm,,,agg,512,128,,4,1,1,,100,8
dp,Qwen/Qwen3-32B,h100_sxm,vllm,,,agg,512,128,,4,8,1,128,100,8
pp,Qwen/Qwen3-32B,h100_sxm,vllm,,,agg,512,128,,4,8,2,1,100,8
disagg,Qwen/Qwen3-32B,h100_sxm,vllm,,,disagg,512,128,,4,8,1,1,100,8
big,meta-llama/Llama-3.1-70B,h100_sxm,vllm,,,agg,512,128,,4,1,1,1,100,8
engine,Qwen/Qwen3-32B,h100_sxm,tgi,,,agg,512,128,,4,8,1,1,100,8
"""
REFUSED = {"no-model": "there is no model nobody/Nothing-7B", "no-card": "there is no card abacus", "dp": "data-parallel-size",
           "pp": "links between nodes", "disagg": "disagg", "big": "memory", "engine": "tgi"}


def points(*words):
    """By id, and the groups."""
    whole = succeed("servers", *words, "--format", "json").json
    check_equal(sorted(whole), ["groups", "points"])
    return {point["id"]: point for point in whole["points"]}, whole["groups"]


def test_multiplied_ranks():
    """Rows of a dump whose id says tp8_ep8 have 8 devices, where the table multiplies those that share attention and experts; other rows
    are what they say."""
    header = HEADER.replace("attention_dp_size,", "attention_dp_size,moe_tp_size,moe_ep_size,")
    row = "{},deepseek-ai/DeepSeek-R1,h200_sxm,{},1.0,fp8,agg,1024,1024,fp8,{},{},1,{},{},{},500,9\n"
    write("m.csv", header + "".join(row.format(*cells) for cells in [
        ("2026_04_06_r1_tp8_ep8_1", "trtllm", 4, 64, 1, 8, 8), ("2026_04_06_r1_tp8_0_ep8_0_2", "trtllm", 4, 8, 1, 1, 8),
        ("2026_04_06_r1_tp8_ep8_3", "trtllm", 4, 1, 64, 8, 8), ("2026_04_06_r1_tp8_ep2_4", "sglang", 4, 8, 1, 4, 2),
        ("2026_04_06_r1_tp8_ep8_5", "sglang", 4, 1, 8, 1, 8), ("r1_tp8_ep1", "vllm", 4, 8, 1, 4, 2)]))
    commands = [line.split(" --max-model-len")[0].split(" --trace")[0]
                for line in succeed("servers", "m.csv", "--commands").text.splitlines()[:5]]
    start = "spillway run --model deepseek-r1 --device h200 "
    check_equal(commands[0], commands[1])
    check_equal(commands, [start + rest for rest in (
        "--tensor-parallel-size 8 --expert-parallel-size 8 --scheduler trtllm --kv-cache-dtype fp8 --max-concurrency 4",) * 2 + (
        "--tensor-parallel-size 1 --data-parallel-size 8 --expert-parallel-size 8 --scheduler trtllm --kv-cache-dtype fp8 --max-concurrency 256",
        "--tensor-parallel-size 8 --expert-parallel-size 2 --scheduler sglang --max-concurrency 4",
        "--tensor-parallel-size 8 --data-parallel-size 8 --enable-dp-attention --expert-parallel-size 8 --scheduler sglang --max-concurrency 32")])
    check("split and share" in points("m.csv")[0]["r1_tp8_ep1"]["refused"])


def test_each_is_its_command():
    """A point's prediction is what `run` says under the command line that --commands prints; others say why there is none."""
    write("p.csv", HEADER + ROWS)
    found, groups = points("p.csv")
    commands = succeed("servers", "p.csv", "--commands").text.splitlines()
    check_equal(list(found), [row.split(",")[0] for row in ROWS.splitlines()])
    for point, command in zip(found.values(), commands):
        check_equal(list(point), ["id", "published_ttft_ms", "published_tpot_ms", "predicted_ttft_ms", "predicted_tpot_ms",
                                  "refused", "doubt"])
        if point["id"] in REFUSED:
            check(REFUSED[point["id"]] in point["refused"], point)
            check_equal((point["predicted_ttft_ms"], point["predicted_tpot_ms"]), (None, None))
            continue
        check_equal(point["refused"], None)
        run = succeed(*shlex.split(command)[1:], "--format", "json").json
        check_close(point["predicted_ttft_ms"], 1000 * run["ttft_s"]["mean"])
        check_close(point["predicted_tpot_ms"], 1000 * run["tpot_s"]["mean"])
    check_equal([(g["n"], g["refused"]) for g in groups][0], (4, 7))
    given = ["p.csv", "--device", "h200", "--max-num-seqs", "3", "--what-if", "host=0,hbm=2x", "--vllm-args", "--block-size 32", "--seed", "4"]
    line = succeed("servers", *given, "--commands").text.splitlines()[0]
    check_close(points(*given)[0]["a"]["predicted_ttft_ms"], 1000 * succeed(*shlex.split(line)[1:], "--format", "json").json["ttft_s"]["mean"])
    check("--scheduler vllm-0.12.0 --max-concurrency 8 --max-num-batched-tokens 2532 --max-num-seqs 8 --max-model-len 2652 "
          "--num-prompts 80" in commands[0], commands[0])
    check("--quantization fp8 --device h200" in commands[1] and "--kv-cache-dtype fp8" in commands[1]
          and "uniform:819,1024" in commands[1], commands[1])
    check("--quantization fp8_block" in commands[3], commands[3])


def test_dump_settings():
    """A dump's servers run as its scripts start them: DeepSeek under SGLang by card, precision, devices and lengths; what is not
    DeepSeek's without a prefix cache alone; a model without a script as SGLang does by itself."""
    row = "2026_04_06_%d,%s,%s,sglang,0.5.9,%s,agg,%d,%d,,64,%d,1,,300,30\n"
    cases = (("deepseek-ai/DeepSeek-R1", "h200_sxm", "fp8", 1024, 1024, 8, "32768", "512", "0.82"),
             ("deepseek-ai/DeepSeek-R1", "h200_sxm", "fp8", 8192, 1024, 8, "32768", "256", "0.82"),
             ("deepseek-ai/DeepSeek-R1", "b200_sxm", "fp8", 1024, 1024, 8, "32768", "128", "0.82"),
             ("deepseek-ai/DeepSeek-R1", "b200_sxm", "fp8", 8192, 1024, 4, "8192", "32", "0.95"),
             ("deepseek-ai/DeepSeek-R1", "b300_sxm", "fp8", 1024, 1024, 8, "32768", "128", "0.82"),
             ("nvidia/DeepSeek-R1-0528-FP4-V2", "b300_sxm", "fp4", 1024, 1024, 8, "16384", "256", "0.85"),
             ("deepseek-ai/DeepSeek-R1", "mi300x", "fp8", 1024, 1024, 8, "196608", None, "0.8"),
             ("Qwen/Qwen3.5-397B-A17B-FP8", "b200_sxm", "fp8", 1024, 1024, 8, "32768", "128", "0.82"),
             ("deepseek-ai/DeepSeek-R1", "h100_sxm", "fp8", 1024, 1024, 8, None, None, None),
             ("Qwen/Qwen3-32B", "h200_sxm", "", 1024, 1024, 8, None, None, None))
    write("p.csv", HEADER + "".join(row % (i, *case[:6]) for i, case in enumerate(cases)))
    for command, case in zip(succeed("servers", "p.csv", "--commands").text.splitlines(), cases):
        check("--disable-radix-cache" in command, command)
        given = dict(zip(shlex.split(command), shlex.split(command)[1:]))
        check_equal([given.get("--" + name) for name in ("chunked-prefill-size", "max-prefill-tokens", "max-running-requests",
                                                         "mem-fraction-static")], [case[6], case[6], case[7], case[8]])


def test_dump_kv():
    """KV of a dump is in fp8 where its script says so, unless the table says otherwise; another point's Llama in fp8 by its loads,
    and what NVIDIA published by its file."""
    header, row = HEADER.replace("gemm_quant_mode", "kvcache_quant_mode"), "%s,%s,%s,%s,,%s,agg,1024,1024,%s,4,4,1,,300,30\n"
    llama, oss, r1, dump = "meta-llama/Llama-3.1-70B", "openai/gpt-oss-120b", "deepseek-ai/DeepSeek-R1", "2026_04_06_x"
    cases = ((dump, llama, "b200_sxm", "vllm", "fp4", "", True), (dump, llama, "h100_sxm", "vllm", "fp8", "", False),
             (dump, llama, "mi300x", "vllm", "fp8", "", True), (dump, llama, "b200_sxm", "trtllm", "fp4", "", True),
             (dump, oss, "b200_sxm", "vllm", "fp4", "", True), (dump, oss, "h200_sxm", "vllm", "fp4", "", False),
             (dump, oss, "h200_sxm", "trtllm", "fp4", "", False), (dump, oss, "gb200", "trtllm", "fp4", "", True),
             (dump, r1, "b300_sxm", "sglang", "fp8", "", True), (dump, r1, "h200_sxm", "sglang", "fp8", "", False),
             (dump, r1, "b300_sxm", "sglang", "fp8", "bfloat16", False), (dump, r1, "h200_sxm", "sglang", "fp8", "fp8", True),
             ("x", llama, "h200_sxm", "vllm", "fp8", "", True), ("x", llama, "b200_sxm", "vllm", "fp4", "", False),
             ("x", oss, "b200_sxm", "vllm", "fp4", "", False), ("x", "nvidia/Llama-3.1-70B-Instruct-FP8", "h100_sxm", "trtllm", "fp8", "", True),
             ("x", "nvidia/Llama-3.1-70B-Instruct-FP8", "h100_sxm", "trtllm", "fp8", "bfloat16", False),
             ("x", "nvidia/Llama-3.1-70B-Instruct-FP8", "h100_sxm", "vllm", "fp8", "", False),
             ("x", "nvidia/DeepSeek-R1-FP4", "b200_sxm", "trtllm", "fp4", "", False))
    write("p.csv", header + "".join(row % case[:6] for case in cases))
    for command, case in zip(succeed("servers", "p.csv", "--commands").text.splitlines(), cases):
        check_equal("--kv-cache-dtype fp8" in command, case[6], command)


def test_dump_vllm():
    """A dump's servers of AMD's scripts have other steps and shares of memory than most; Llama without a version ran vLLM 0.10 on H100."""
    row = "2026_04_06_%d,%s,%s,vllm,%s,%s,agg,1024,1024,,4,8,1,,300,30\n"
    llama, oss = "meta-llama/Llama-3.1-70B", "openai/gpt-oss-120b"
    cases = ((llama, "mi300x", "", "fp8", "131072", "0.94", "vllm"), (oss, "mi300x", "", "fp4", "8192", "0.95", "vllm"),
             (oss, "h200_sxm", "", "fp4", "8192", "0.9", "vllm"), (oss, "h100_sxm", "0.18.0", "fp4", "8192", "0.9", "vllm-0.18.0"),
             (llama, "h100_sxm", "", "fp8", "8192", "0.9", "vllm-0.10"), (llama, "h200_sxm", "", "fp8", "8192", "0.9", "vllm-0.10"),
             (llama, "h100_sxm", "0.12.0", "fp8", "8192", "0.9", "vllm-0.12.0"), (llama, "b200_sxm", "", "fp8", "8192", "0.9", "vllm"))
    write("p.csv", HEADER + "".join(row % (i, *case[:4]) for i, case in enumerate(cases)))
    for command, case in zip(succeed("servers", "p.csv", "--commands").text.splitlines(), cases):
        given = dict(zip(shlex.split(command), shlex.split(command)[1:]))
        check_equal([given.get("--" + name) for name in ("max-num-batched-tokens", "gpu-memory-utilization", "scheduler")], list(case[4:]), command)


def test_dump_launches():
    """SGLang before 0.5.10 launches DeepSeek's prompts kernel by kernel; of other models what that takes is not known."""
    row = "2026_04_06_%d,%s,h200_sxm,sglang,%s,fp8,agg,1024,1024,,64,8,1,,300,30\n"
    cases = (("deepseek-ai/DeepSeek-R1", "0.5.9", True), ("deepseek-ai/DeepSeek-R1", "v0.4.1", True),
             ("deepseek-ai/DeepSeek-R1", "0.5.10", False), ("deepseek-ai/DeepSeek-R1", "", False), ("Qwen/Qwen3-32B", "0.5.9", False))
    write("p.csv", HEADER + "".join(row % (i, *case[:2]) for i, case in enumerate(cases)))
    for command, case in zip(succeed("servers", "p.csv", "--commands").text.splitlines(), cases):
        check_equal("--disable-piecewise-cuda-graph" in command, case[2], command)


def test_dump_trtllm():
    """DeepSeek under TensorRT-LLM: its scripts' KV, share, steps and experts; what ran with MTP alone is refused."""
    row = "2026_04_06_%d,%s,%s,trtllm,%s,fp8,agg,8192,1024,,%d,8,1,,300,30\n"
    r1, image = "deepseek-ai/DeepSeek-R1", "1.1.0rc2.post2"
    write("p.csv", HEADER + "".join(row % (i, *case) for i, case in enumerate((
        (r1, "h200_sxm", "", 16), ("Qwen/Qwen3-32B", "h200_sxm", "", 16), (r1, "h200_sxm", image, 128), (r1, "h200_sxm", image, 64),
        (r1, "b200_sxm", "", 16), (r1, "b200_sxm", "1.3.0rc14", 16), ("openai/gpt-oss-120b", "b200_sxm", "", 16),
        ("meta-llama/Llama-3.1-70B", "h200_sxm", "", 16), ("meta-llama/Llama-3.1-70B", "b200_sxm", "", 16)))))
    deepseek, other, refused, twice, blackwell, later, oss, llama, large = succeed("servers", "p.csv", "--commands").text.splitlines()
    for words in ("--kv-cache-dtype fp8", "--free-gpu-memory-fraction 0.75", "--no-enable-prefix-caching",
                  "--max-num-batched-tokens 8320"):
        check(words in deepseek and words not in other, "%s\n%s\n%s" % (words, deepseek, other))
    check("--expert-parallel-size 8" in deepseek and "--expert-parallel-size" not in other + blackwell, deepseek + blackwell)
    for command, share, tokens in ((blackwell, "0.8", 8320), (later, "0.8", 8320), (oss, "0.85", 20000), (llama, None, 9416), (large, None, 16384)):
        check("--max-num-batched-tokens %d " % tokens in command + " " and "--no-enable-prefix-caching" in command, command)
        check_equal("--free-gpu-memory-fraction %s" % share in command, share is not None, command)
    write("p.csv", HEADER + (row % (0, r1, "b200_sxm", "1.3.0rc14", 16)).replace("8192,1024", "1024,1024"))
    check("--max-num-batched-tokens 8192" in succeed("servers", "p.csv", "--commands").text, "later scripts have no fewer")
    check("speculative decoding (MTP)" in refused and "--max-concurrency 64" in twice, refused + twice)


def test_dump_graphs():
    """A dump's Llama without a version ran before vLLM 0.11, with graphs in pieces, gpt-oss before 0.11.1, and MiniMax always; on
    B200, with a later version, and other models not."""
    row = "2026_04_06_%d,%s,%s,vllm,%s,fp8,agg,1024,1024,,4,4,1,,300,30\n"
    cases = (("meta-llama/Llama-3.1-70B", "h100_sxm", "", True), ("meta-llama/Llama-3.1-70B", "h200_sxm", "", True),
             ("meta-llama/Llama-3.1-70B", "b200_sxm", "", False), ("meta-llama/Llama-3.1-70B", "h100_sxm", "0.12.0", False),
             ("openai/gpt-oss-120b", "h100_sxm", "", True), ("openai/gpt-oss-120b", "h200_sxm", "0.11.0", True),
             ("openai/gpt-oss-120b", "h100_sxm", "0.11.2", False), ("openai/gpt-oss-120b", "b200_sxm", "", False),
             ("MiniMaxAI/MiniMax-M2.5", "h200_sxm", "0.16.0", True), ("MiniMaxAI/MiniMax-M2.5", "b200_sxm", "0.16.0", False),
             ("Qwen/Qwen3-32B", "h100_sxm", "", False))
    write("p.csv", HEADER + "".join(row % (i, *case[:3]) for i, case in enumerate(cases)))
    for command, case in zip(succeed("servers", "p.csv", "--commands").text.splitlines(), cases):
        check_equal("--cudagraph-mode piecewise" in command, case[3], command)


def test_groups():
    """The groups' statistics, computed again from the points."""
    write("p.csv", HEADER + ROWS)
    found, groups = points("p.csv")
    fields = {row.split(",")[0]: dict(zip(HEADER.strip().split(","), row.split(","))) for row in ROWS.splitlines()}
    for group in groups:
        names = [name for name, f in fields.items() if group["engine"] in (None, f["backend"])
                 and group["model"] in (None, f["model_path"]) and group["tp"] in (None, int(f["tp_size"]))
                 and (group["card"] is None or group["card"] == {"h100_sxm": "h100-sxm", "h200_sxm": "h200"}.get(f["system"], f["system"]))
                 and group["precision"] in (None, f["precision"] or "bf16")]
        ran = [found[name] for name in names if found[name]["refused"] is None]
        check_equal(group["n"], len(ran), group)
        for kind in ("ttft", "tpot"):
            errors = [p["predicted_%s_ms" % kind] / p["published_%s_ms" % kind] - 1 for p in ran]
            expected = [statistics.median(errors), statistics.median(map(abs, errors)),
                        statistics.mean(map(abs, errors))] if errors else [None] * 3
            for key, value in zip(("median_error", "median_absolute_error", "mean_absolute_error"), expected):
                if value is None:
                    check_equal(group[kind][key], None)
                else:
                    check_close(group[kind][key], value, key, 1e-6)


def test_same_bytes():
    """Whatever the number of processes: the same order, the same bytes, in every format."""
    write("p.csv", HEADER + ROWS)
    for form in ("json", "csv", "table"):
        one, two = (succeed("servers", "p.csv", "--format", form, "--jobs", n).out for n in ("1", "3"))
        check_equal(one, two)
    check("4 of 11" not in one.decode() and "7 of 11 points are not predicted" in one.decode(), one)


def test_options_go_first():
    """What the user gives goes before what a point says."""
    write("p.csv", HEADER + ROWS.splitlines()[0] + "\n")
    plain, _ = points("p.csv")
    faster, _ = points("p.csv", "--device", "b200")
    check(faster["a"]["predicted_tpot_ms"] < plain["a"]["predicted_tpot_ms"])
    doubled, _ = points("p.csv", "--what-if", "hbm=2x")
    check(doubled["a"]["predicted_tpot_ms"] < plain["a"]["predicted_tpot_ms"])


def simulated_result(name, **more):
    """A result file of vllm bench serve, of a run that this program did."""
    run = succeed("run", "--model", "llama-3.1-8b", "--device", "l40s", "--num-prompts", "40", "--max-concurrency", "4",
                  "--random-input-len", "300", "--random-output-len", "50", "--format", "json").json
    result = {"backend": "vllm", "model_id": "meta-llama/Llama-3.1-8B-Instruct", "completed": 40, "duration": 9.0,
              "total_input_tokens": 12000, "total_output_tokens": 2000, "request_rate": "inf", "max_concurrency": 4,
              "mean_ttft_ms": 1000 * run["ttft_s"]["mean"], "mean_tpot_ms": 1000 * run["tpot_s"]["mean"], **more}
    write(name, json.dumps(result))
    return result


def test_own_results():
    """Results of benchmarks as they are: a simulated server's are predicted without error."""
    card = ["--device", "l40s"]
    result = simulated_result("vllm.json")
    sglang = {**result, "backend": "sglang", "random_input_len": 300, "random_output_len": 50, "random_range_ratio": 0.5}
    write("sglang.jsonl", json.dumps(sglang) + "\n" + json.dumps(sglang) + "\n")
    write("detailed.json", json.dumps({**result, "input_lens": [300] * 40, "output_lens": [50] * 40,
                                       "ttfts": [0.1] * 40, "itls": [[0.01] * 49] * 40}))
    write("aiperf.json", json.dumps({
        "request_count": {"unit": "requests", "avg": 40}, "time_to_first_token": {"unit": "ms", "avg": result["mean_ttft_ms"]},
        "inter_token_latency": {"unit": "ms", "avg": result["mean_tpot_ms"]},
        "input_sequence_length": {"unit": "tokens", "avg": 300}, "output_sequence_length": {"unit": "tokens", "avg": 50},
        "input_config": {"endpoint": {"model_names": ["meta-llama/Llama-3.1-8B"]}, "loadgen": {"concurrency": 4}}}))

    with open("aiperf.json") as file:
        aiperf = json.load(file)
    aiperf["input_config"] = {"models": {"items": [{"name": "meta-llama/Llama-3.1-8B"}]}, "phases": [
        {"name": "warmup", "concurrency": 1}, {"name": "profiling", "type": "concurrency", "concurrency": 4, "requests": 40}]}
    write("phases.json", json.dumps(aiperf))
    write("unsaid.json", json.dumps({**aiperf, "input_config": {"models": {"items": [{"name": "meta-llama/Llama-3.1-8B"}]}}}))

    def mean(value):
        return {"successful": {"mean": value}}
    write("guidellm.json", json.dumps({"args": {"model": "meta-llama/Llama-3.1-8B"}, "benchmarks": [{
        "config": {"strategy": strategy}, "metrics": {
            "request_totals": {"successful": 40}, "time_to_first_token_ms": mean(result["mean_ttft_ms"]),
            "inter_token_latency_ms": mean(result["mean_tpot_ms"]), "prompt_token_count": mean(300),
            "output_token_count": mean(50)}} for strategy in ({"type_": "concurrent", "streams": 4}, {"type_": "odd"})]}))
    with open("guidellm.json") as file:
        guidellm = json.load(file)
    requests = [{"request_start_time": 1e9 + i, "prompt_tokens": 300, "output_tokens": 50, "time_to_first_token_ms": 40,
                 "inter_token_latency_ms": 5} for i in range(40)]
    write("requests.json", json.dumps({**guidellm, "benchmarks": [{**guidellm["benchmarks"][0], "requests": {"successful": requests}}]}))
    found, groups = points("vllm.json", "detailed.json", "aiperf.json", "guidellm.json", "phases.json", "requests.json", "unsaid.json", *card)
    check_equal(list(found), ["vllm.json", "detailed.json", "aiperf.json", "guidellm.json:1", "guidellm.json:2", "phases.json",
                              "requests.json:1", "unsaid.json"])
    check("does not say how its requests were sent" in found["unsaid.json"]["refused"])
    for name in ("vllm.json", "detailed.json", "aiperf.json", "guidellm.json:1", "phases.json", "requests.json:1"):
        check_equal(found[name]["refused"], None, name)
        check_close(found[name]["predicted_ttft_ms"], result["mean_ttft_ms"], name, 1e-6)
        check_close(found[name]["predicted_tpot_ms"], result["mean_tpot_ms"], name, 1e-6)
    check("strategy odd" in found["guidellm.json:2"]["refused"])
    check_equal(groups[0]["model"], None)
    both, _ = points("sglang.jsonl", *card)
    check_equal(list(both), ["sglang.jsonl:1", "sglang.jsonl:2"])
    check("uniform:150,300" in succeed("servers", "sglang.jsonl", *card, "--commands").text)
    write("uncounted.json", json.dumps({key: value for key, value in sglang.items() if key != "completed"}))
    check("does not say how many requests" in points("uncounted.json", *card)[0]["uncounted.json"]["refused"])


def test_doubts():
    """Results that contradict themselves are told, and run; the card and the model that a file does not say are those that were given."""
    card = ["--device", "l40s"]
    result = simulated_result("right.json")
    run_s = 40 / 4 * (result["mean_ttft_ms"] + 49 * result["mean_tpot_ms"]) / 1000
    for name, more in (("right", {}), ("seconds", {"mean_ttft_ms": result["mean_ttft_ms"] / 1000, "mean_tpot_ms": result["mean_tpot_ms"] / 1000}),
                       ("minutes", {"duration": run_s * 60}), ("ms", {"duration": run_s / 1000}), ("failed", {"num_prompts": 50}),
                       ("rate", {"request_rate": 1.0, "duration": 400})):
        write(name + ".json", json.dumps({**result, "duration": run_s, "num_prompts": 40, **more}))
    names = ["right.json", "seconds.json", "minutes.json", "ms.json", "failed.json", "rate.json"]
    found, groups = points(*names, *card)
    check_equal([name for name in names if found[name]["doubt"]], ["seconds.json", "minutes.json", "ms.json", "failed.json"])
    check("0.004 under way, of 4" in found["seconds.json"]["doubt"], found["seconds.json"])
    check("10 of 50 requests failed" in found["failed.json"]["doubt"], found["failed.json"])
    check_equal({point["refused"] for point in found.values()}, {None})
    check_equal({group["card"] for group in groups}, {None, "l40s"})
    check("Doubtful:\n  seconds.json: " in succeed("servers", *names, *card).text)
    write("unnamed.json", json.dumps({key: value for key, value in result.items() if key != "model_id"}))
    _, groups = points("unnamed.json", "--model", "llama-3.1-8b", *card)
    check("llama-3.1-8b" in {group["model"] for group in groups}, groups)


def test_records():
    """AIPerf's records: the means are theirs, and requests are sent as they were."""
    rows = [{"metadata": {"x_request_id": "r%d" % i, "request_start_ns": 10 ** 18 + i * 10 ** 9, "benchmark_phase": "profiling"},
             "metrics": {"time_to_first_token": {"value": 40 + i, "unit": "ms"}, "request_latency": {"value": 540 + i, "unit": "ms"},
                         "output_sequence_length": {"value": 51, "unit": "tokens"},
                         "input_sequence_length": {"value": 300, "unit": "tokens"}}, "error": None} for i in range(3)]
    write("records.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    found, _ = points("records.jsonl", "--model", "llama-3.1-8b", "--device", "l40s")
    check_close(found["records.jsonl"]["published_ttft_ms"], 41, "", 1e-6)
    check_close(found["records.jsonl"]["published_tpot_ms"], 10, "", 1e-6)
    check(found["records.jsonl"]["predicted_tpot_ms"] > 0)
    check("--device is missing" in points("records.jsonl", "--model", "llama-3.1-8b")[0]["records.jsonl"]["refused"])


def command(name, *words, **result):
    """The command line that a benchmark's result gives, or why it gives none."""
    write(name, json.dumps({"backend": "vllm", "model_id": "meta-llama/Llama-3.1-8B", "completed": 10, "duration": 9.0,
                            "total_input_tokens": 3000, "total_output_tokens": 500, "request_rate": "inf", "max_concurrency": 4,
                            "mean_ttft_ms": 50, "mean_tpot_ms": 10, **result}))
    return succeed("servers", name, "--device", "h100-sxm", "--commands", *words).text


def test_counts_of_results():
    """A count that is none is told, not rounded, wrapped around or taken for no limit; nor is a time that nobody can have measured."""
    for found in ("8", 2.5, 0.4, -1, 1e10, True, [8]):
        check("max_concurrency: found " + json.dumps(found)[:3] in command("x.json", max_concurrency=found), found)
    for none in (None, 0):
        check("--max-concurrency" not in command("x.json", max_concurrency=none), none)
    check("found 2.5 requests" in command("x.json", completed=2.5))
    for more, name in (({"mean_ttft_ms": -5}, "time to first token is -5 ms"), ({"mean_ttft_ms": 0}, "time to first token is 0 ms"),
                       ({"mean_tpot_ms": -1}, "time per output token is -1 ms")):
        check(name in command("x.json", **more), name)
    for concurrency in (1e10, 2.5):
        write("aiperf.json", json.dumps({
            "request_count": {"avg": 40}, "input_sequence_length": {"avg": 300}, "output_sequence_length": {"avg": 50},
            "time_to_first_token": {"avg": 9}, "input_config": {"loadgen": {"concurrency": concurrency}}}))
        check("found a concurrency of %g" % concurrency in succeed("servers", "aiperf.json", "--commands").text, concurrency)


def test_names_that_say_how_weights_are_kept():
    """A result names its model, not its weights: what the end of the name says is taken, not 16 bits."""
    for model, words in (("RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic", " --quantization fp8 "), ("Qwen/Qwen3-32B-FP8", " --quantization fp8 "),
                         ("nvidia/Llama-3.1-8B-Instruct-NVFP4", " --quantization nvfp4 "),
                         ("x/Llama-3.1-8B-Instruct-FP8-KV", " --quantization fp8 --kv-cache-dtype fp8 ")):
        check(words in command("x.json", model_id=model), model)
    check("--quantization" not in command("x.json") + command("x.json", model_id="deepseek-ai/DeepSeek-R1-0528"))
    for model in ("Qwen/Qwen3-32B-AWQ", "x/Llama-3.1-8B-bnb-4bit", "x/Llama-3.1-8B-quantized.w8a8"):
        check("there is no model " + model in command("x.json", model_id=model), model)
    with open("x.csv", "w") as file:
        file.write(HEADER + "x,meta-llama/Llama-3.1-8B-FP8,h100_sxm,vllm,,fp8,agg,512,128,,4,1,1,,100,8\n")
    check(succeed("servers", "x.csv", "--commands").text.count("--quantization fp8") == 1)


def test_other_spellings():
    """A table's cards, models, versions and precisions under other names; NVFP4 of a model that is published in FP8 is a checkpoint
    of its own, and one that does not ship is refused."""
    row = "{},{},{},{},{},{},agg,512,128,,4,8,1,1,100,8\n"
    cases = (
        ("RedHatAI/Qwen3-32B", "rtx_pro_6000_server", "vllm", "v0.12.0", "bfloat16", ("--model qwen3-32b ", "--device rtx-pro-6000 ", "--scheduler vllm-0.12.0 ")),
        ("Qwen/Qwen3-32B", "rtxpro6000_blackwell_server", "sglang", "v0.5.9", "fp8_block", ("--device rtx-pro-6000 ", "--quantization fp8_block ")),
        ("Qwen/Qwen3-235B-A22B-Instruct-2507", "gb200", "trtllm", "1.3.0rc14", "nvfp4", ("--model qwen3-235b-a22b ", "--device gb200 ", "--quantization nvfp4 ")),
        ("Qwen/Qwen3-32B", "b300_sxm", "vllm", "", "int4_wo", ("--device b300 ", "--quantization int4 ")),
        ("Qwen/Qwen3-32B", "gb300", "vllm", "", "w4a16", ("--device gb300 ", "--quantization int4 ")),
        ("nvidia/DeepSeek-R1-0528-FP4-V2", "b200_sxm", "sglang", "0.5.12", "fp4", ("--model deepseek-r1-nvfp4 ",)),
        ("deepseek-ai/DeepSeek-V3.1-Terminus", "b200_sxm", "sglang", "0.5.12", "nvfp4", ("--model deepseek-r1-nvfp4 ",)),
        ("deepseek-ai/DeepSeek-V3.1-Terminus", "b200_sxm", "sglang", "0.5.12", "fp8", ("--model deepseek-r1 ",)),
        ("moonshotai/Kimi-K2-Thinking", "h200_sxm", "vllm", "0.16.0", "int4", ("--model kimi-k2.5 ",)),
        ("moonshotai/Kimi-K2.6", "b200_sxm", "vllm", "0.16.0", "fp4", ("--model kimi-k2.5-nvfp4 ",)),
        ("moonshotai/Kimi-K2-Instruct-0905", "h200_sxm", "vllm", "0.16.0", "fp8", ("--model kimi-k2 ",)),
        ("MiniMaxAI/MiniMax-M2.5", "h200_sxm", "vllm", "0.16.0", "fp8", ("--model minimax-m2 ",)),
        ("zai-org/GLM-4.7-FP8", "h200_sxm", "vllm", "0.16.0", "fp8", ("--model glm-4.6 ", "--quantization fp8 ")),
        ("openai/gpt-oss-20b", "b200_sxm", "vllm", "0.16.0", "w4a8_mxfp4_mxfp8", ("--model gpt-oss-20b ",)))
    write("p.csv", HEADER + "".join(row.format(i, *case[:5]) for i, case in enumerate(cases)))
    for command, case in zip(succeed("servers", "p.csv", "--commands").text.splitlines(), cases):
        for words in case[5]:
            check(words in command + " ", "%s: %s" % (case, command))
        check(case[0].startswith(("Qwen", "zai")) or "--quantization" not in command, command)
    write("p.csv", HEADER + row.format("x", "MiniMaxAI/MiniMax-M2.5", "b200_sxm", "vllm", "", "nvfp4"))
    check("the weights of minimax-m2 are fp8_block, and the point's nvfp4" in points("p.csv")[0]["x"]["refused"])


def test_how_it_was_sent():
    """Lengths are drawn only where the data set was drawn; a rate that the file does not tell, or an engine that is not
    simulated, is refused."""
    drawn = dict(backend="sglang", random_input_len=1024, random_output_len=1024, random_range_ratio=0.0, total_input_tokens=3000)
    check("uniform:1,1024" in command("x.json", dataset_name="random", **drawn))
    check("--random-input-len 300 --random-output-len 50" in command("x.json", dataset_name="sharegpt", **drawn))
    for more, said in ((dict(request_rate="trace"), "request_rate \"trace\""), (dict(ramp_up_strategy="linear"), "ramp_up_strategy \"linear\""),
                       (dict(backend="tgi"), "the engine tgi is not simulated"), (dict(backend="lmdeploy"), "engine lmdeploy")):
        check(said in command("x.json", **more), (more, command("x.json", **more)))
    check("--scheduler vllm " in command("x.json", backend="openai-chat"))


def test_units_of_aiperf():
    """A metric is in the unit that it says."""
    for unit, scale in (("ms", 1), ("s", 1e-3), ("us", 1e3), ("ns", 1e6)):
        write("x.json", json.dumps({"request_count": {"avg": 4}, "time_to_first_token": {"unit": unit, "avg": 50 * scale},
                                    "inter_token_latency": {"unit": unit, "avg": 8 * scale}, "input_sequence_length": {"avg": 300},
                                    "output_sequence_length": {"avg": 50}, "input_config": {"loadgen": {"concurrency": 2}}}))
        found = points("x.json", "--model", "llama-3.1-8b", "--device", "l40s")[0]["x.json"]
        check_close(found["published_ttft_ms"], 50, unit, 1e-9)
        check_close(found["published_tpot_ms"], 8, unit, 1e-9)


def test_model_dir():
    """Models that do not ship are looked for in --model-dir, by their published names."""
    write("p.csv", HEADER + "x,nobody/Nothing-7B,h100_sxm,vllm,,,agg,512,128,,4,1,1,,100,8\n")
    os.makedirs("models/nobody/Nothing-7B", exist_ok=True)
    source = succeed("model", "show", "llama-2-7b", "--help")  # the verb is there
    check(source.status == 0)
    write("models/nobody/Nothing-7B/config.json", json.dumps({
        "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
        "intermediate_size": 11008, "vocab_size": 32000, "max_position_embeddings": 4096, "torch_dtype": "float16"}))
    found, _ = points("p.csv", "--model-dir", "models")
    check_equal(found["x"]["refused"], None)


def test_bad_input():
    """Files that hold no points, and options that are wrong: one message with the place."""
    write("p.csv", HEADER + ROWS)
    write("hole.csv", HEADER + ROWS.splitlines()[0].replace(",1024,128,", ",0,128,") + "\n")
    write("huge.csv", HEADER + ROWS.splitlines()[0].replace(",1024,128,", ",4294968320,128,") + "\n")
    write("short.csv", "id,model_path\na,b\n")
    write("no.json", '{"a": 1}')
    write("broken.jsonl", '{"mean_ttft_ms": 3, "mean_tpot_ms": 2}\n{"mean\n')
    for words, message in (([], "a file is missing"), (["nothing.csv"], "nothing.csv"), (["hole.csv"], "hole.csv:2"), (["huge.csv"], "huge.csv:2:44: isl is \"4294968320\""),
                           (["short.csv"], "system"), (["no.json"], "no.json: found no points"),
                           (["broken.jsonl"], "broken.jsonl:2"), (["p.csv", "--format", "xml"], "--format: found 'xml'"),
                           (["p.csv", "--jobs", "0"], "--jobs: found '0'"), (["p.csv", "--profile", "none"], "--profile"),
                           (["p.csv", "-o", "p.csv"], "p.csv"), (["p.csv", "--max-num-seqs", "x"], "--max-num-seqs")):
        check_refused(["servers", *words], message)


def test_page():
    """The page: no complaint of the browser, a chart each, every point in the table."""
    write("p.csv", HEADER + ROWS)
    result = execute("servers", "p.csv", "-o", "page.html")
    if result.status == 1 and "Chart.js" in result.err:
        raise Skip("Chart.js was not found")
    check_equal(result.status, 0)
    check_equal(read("page.html"), (succeed("servers", "p.csv", "-o", "again.html"), read("again.html"))[1])
    if browser.find() is None:
        raise Skip("chromium was not found")
    for dark in (False, True):
        with browser.Page(dark=dark) as page:
            page.open("page.html")
            check_equal(page.complaints, [])
            check_equal(page.evaluate("document.querySelectorAll('canvas').length"), 4)
            for name in ("scatter-ttft", "scatter-tpot"):
                labels = page.evaluate("Chart.getChart('%s').scales.x.ticks.map(tick => tick.label).filter(Boolean)" % name)
                check(len(labels) >= 3, name + ": too few labels: %s" % labels)
            check_equal(page.evaluate("Chart.getChart('scatter-tpot').data.datasets.filter(s => s.data.some(p => p.point)).map(s => s.data.length)"),
                        [1, 1, 1, 1])
            check_equal(page.evaluate("document.querySelectorAll('details tbody tr').length"), len(ROWS.splitlines()))


def test_shared_points():
    """All handed points: each is predicted or says why, and the roofline's TPOT is in the known range."""
    path = os.path.join(SHARED or "", "servers", "points.csv")
    if SHARED is None or not os.path.exists(path):
        raise Skip("the published points do not ship, and are not at hand")
    found, groups = points(path)
    check_equal(len(found), 363)
    check(sum(point["refused"] is None for point in found.values()) > 340)
    llama = [g for g in groups if g["tp"] == 4 and g["model"] == "meta-llama/Llama-3.1-70B"]
    check_equal(len(llama), 1)
    check(abs(llama[0]["tpot"]["median_error"]) < 0.35, llama)


if __name__ == "__main__":
    main(all_tests(globals()))
