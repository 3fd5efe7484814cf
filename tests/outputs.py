#!/usr/bin/env python3
"""What runs print: JSON, CSV and tables, held against each other."""
import contextlib
import csv
import fcntl
import gzip
import json
import os
import pty
import re
import struct
import subprocess
import termios

from spillway_test import (DEMO, HARDWARE, SPILLWAY, all_tests, check, check_close, check_equal, execute, flatten, main,
                           options_of_help, read, run_json, source, succeed, without, without_wall, write)

QUANTILES = ["mean", "p50", "p90", "p95", "p99", "max"]
COUNTS = ["requests", "finished", "ignored", "aborted", "preemptions", "recomputed_tokens",
          "swapped_out_blocks", "swapped_in_blocks", "num_gpu_blocks", "num_cpu_blocks",
          "peak_gpu_blocks", "steps"]
REALS = ["makespan_s", "requests_per_s", "output_tokens_per_s", "measured_share", "wall_s"]
OBJECTS = dict.fromkeys(["ttft_s", "tpot_s", "itl_s", "e2e_s", "queue_s"], QUANTILES)
OBJECTS["overhead_s"] = ["recompute", "swap_out", "swap_in"]

# Settings of what is computed, in an object of their own.
OF_LIVE = {"--load-format", "--token-ids", "--temperature", "--top-k", "--top-p", "--copy-method", "--copy-block-us"}

# Settings that decide a result; where output goes and how steps are taken do not.
NOT_CONFIG = {"--output-token-ids", "--record-steps", "--replay", "--help", "--output", "--decisions", "--requests", "--against", "--format",
              "--perfetto", "--perfetto-window", "--vllm-args", "--sglang-args", "--trtllm-args", "--dry-run"}


def check_types(summary):
    for key in COUNTS:
        check(type(summary[key]) is int, key)
    for key in REALS:
        check(type(summary[key]) is float, key)
    for key, members in OBJECTS.items():
        check_equal(sorted(summary[key]), sorted(members), key)
        for member in members:
            check(type(summary[key][member]) is float, key + "." + member)


def test_json_of_run():
    """run --format json: the keys that other programs rely on, of the right types."""
    summary = run_json(*DEMO)
    check_types(summary)
    check_equal(summary["requests"],
                summary["finished"] + summary["ignored"] + summary["aborted"])
    check(0 <= summary["measured_share"] <= 1)
    for key in ("ttft_s", "tpot_s", "itl_s", "e2e_s", "queue_s"):
        ordered = [summary[key][name] for name in QUANTILES[1:]]
        check_equal(ordered, sorted(ordered), key)


def test_config():
    """config holds every setting, the profile's identity and the program's version."""
    config = run_json(*DEMO, "--seed", 5)["config"]
    of_policies = set(re.findall(r"^    (--[a-z-]+) ", succeed("list").text, re.M))
    for option in options_of_help(succeed("run", "--help").text):
        if not option.startswith("--no-") and option not in NOT_CONFIG | OF_LIVE | of_policies:
            check(option[2:].replace("-", "_") in config, "config lacks " + option)
    check_equal(config["live"], None)
    live = succeed("live", "--executor", "cpu", "--model", source("tests", "models", "tiny-llama.json"), "--trace",
                   "demo", "--limit", "1", "--num-gpu-blocks", "9", "--format", "json").json["config"]["live"]
    check_equal(OF_LIVE | {"--copy-path", "--host-memory", "--overlap-copies", "--layerwise-copies"}, {"--" + key.replace("_", "-") for key in live})
    check_equal(config["seed"], 5)
    check_equal(config["program_version"], succeed("--version").text.split()[1])
    check_equal(sorted(config["profile"]), ["format", "host_time", "kind", "name", "sha256"])
    check_equal(config["profile"]["host_time"]["of"], "host unknown")
    check("RTX PRO 6000" in config["profile"]["host_time"]["source"], config["profile"]["host_time"])
    check_equal(config["profile"]["name"], "a100-40gb")


def test_max_concurrency():
    """At most N are under way, each that waited came when another left; a limit that binds nobody changes nothing."""
    words = ["run", *HARDWARE, "--trace", "demo", "--kv-memory", "12%", "--format", "json"]
    free = succeed(*words, "--requests", "free.csv").json
    loose = succeed(*words, "--max-concurrency", "400", "--requests", "loose.csv").json
    check_equal(without(loose, "config"), without(free, "config"))
    check_equal(read("loose.csv"), read("free.csv"))
    asked = [float(line.split(b",")[1]) for line in read("free.csv").splitlines()[1:]]
    for engine in ([], ["--scheduler", "vllm-0.6"], ["--async-scheduling"]):
        succeed(*words, *engine, "--max-concurrency", "5", "--requests", "five.csv")
        rows = [(float(row[1]), float(row[5])) for row in (line.decode().split(",") for line in read("five.csv").splitlines()[1:])]
        for i, (arrival, _) in enumerate(rows):
            check(sum(a <= arrival < end for a, end in rows[:i]) < 5, i)
            check(arrival == asked[i] or arrival > asked[i] and arrival in {end for _, end in rows}, i)
        check(any(arrival > then for (arrival, _), then in zip(rows, asked)))


def test_json_of_compare():
    """compare --format json: a run a policy, each what run says, and the best of each figure."""
    whole = succeed("compare", *DEMO, "--format", "json").json
    check_equal([run["policy"] for run in whole["runs"]], ["recompute", "swap"])
    for run in whole["runs"]:
        check_types(run)
        alone = run_json(*DEMO, "--overflow", run["policy"])
        check_equal(without(run, "policy"), without(alone), run["policy"])
    makespans = {run["makespan_s"]: run["policy"] for run in whole["runs"]}
    check_equal(whole["best"]["makespan_s"], makespans[min(makespans)])


def test_csv():
    """--format csv: the JSON's figures, a row a run."""
    expected = flatten(run_json(*DEMO))
    rows = list(csv.DictReader(succeed("run", *DEMO, "--format", "csv").text.splitlines()))
    check_equal(len(rows), 1)
    check_equal(sorted(rows[0]), sorted(expected))
    for key, value in expected.items():
        if isinstance(value, float) and key != "wall_s":
            check_close(float(rows[0][key]), value, key)
        elif isinstance(value, (int, str)) and not isinstance(value, (bool, float)):
            check_equal(rows[0][key], str(value), key)
    rows = list(csv.DictReader(succeed("compare", *DEMO, "--format", "csv").text.splitlines()))
    check_equal([row["policy"] for row in rows], ["recompute", "swap"])


def test_table():
    """The table: what ran, what came of it, and the best of each row marked."""
    text = succeed("run", *DEMO).text
    for words in ("llama-2-7b on a100-40gb", "400 requests", "preemptions", "first token",
                  "recompute", "modelled"):
        check(words in text, "no '%s' in\n%s" % (words, text))
    text = succeed("compare", *DEMO).text
    check("recompute" in text and "swap" in text and "*" in text, text)
    check(max(map(len, text.splitlines())) <= 120, text)


def test_wide_table():
    """compare --overflow all: in parts no wider than the terminal, or 120; every policy in one of them, with all rows."""
    words = ["compare", *DEMO, "--overflow", "all"]
    policies = succeed("list", "overflow", "--names").text.split()
    whole = succeed(*words).text
    for width in (None, 80, 132):
        text = whole if width is None else in_terminal(width, *words)
        lines = text[:text.index("* best of its row")].splitlines()
        heads = [i for i, line in enumerate(lines) if re.match(" {20}.* change$", line)]
        check_equal([word for i in heads for word in lines[i].replace(" (a bound)", "").split() if word != "change"], policies, str(width))
        parts = [[line[:22].strip() for line in lines[start + 1:end] if line]
                 for start, end in zip(heads, [*heads[1:], len(lines)])]
        check(len(parts) > 1 and all(part == parts[0] for part in parts) and len(parts[0]) > 20, parts)
        check(max(map(len, lines[heads[0]:])) <= (width or 120), text)


def in_terminal(width, *words):
    """What it prints on a terminal so wide."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    with subprocess.Popen([SPILLWAY, *map(str, words)], stdout=follower, stderr=subprocess.DEVNULL) as process:
        os.close(follower)
        text = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while part := os.read(leader, 65536):
                text += part
        check_equal(process.wait(), 0, text)
    os.close(leader)
    return text.decode().replace("\r", "")


def test_same_twice():
    """The same command gives the same bytes, wall_s aside."""
    for words in (["run", *DEMO, "--overflow", "swap"], ["compare", *DEMO]):
        first, second = (without_wall(succeed(*words, "--format", "json").text) for _ in "12")
        check_equal(second, first)
        if words[0] == "run":
            check_equal(succeed(*words).out, succeed(*words).out)


def test_packed_decisions():
    """A log of decisions that ends in .gz is the same, compressed; compare writes one a policy."""
    succeed("run", *DEMO, "--decisions", "a.jsonl")
    succeed("run", *DEMO, "--decisions", "a.jsonl.gz")
    check(gzip.decompress(read("a.jsonl.gz")) == read("a.jsonl"))
    succeed("compare", *DEMO, "--decisions", "c.jsonl", "--requests", "c.csv")
    check(read("c.recompute.jsonl") == read("a.jsonl"))
    check(read("c.swap.jsonl") != read("a.jsonl") and read("c.swap.csv") != read("c.recompute.csv"))


def test_defaults():
    """What was not typed is the version's and the card's, and says where it is from; what was typed says nothing"""
    def config(*words):
        return run_json("--model", "llama-3.1-8b", "--trace", "demo", "--limit", "2", *words)["config"]
    h100 = config("--device", "h100-sxm", "--scheduler", "vllm-v1")
    check_equal([h100[key] for key in ("max_num_seqs", "max_num_batched_tokens", "enable_prefix_caching",
                                       "async_scheduling", "gpu_memory_utilization")],
                [1024, 8192, True, False, 0.9])
    check_equal(h100["defaults"]["max_num_seqs"], "vllm-v1, cards of 70 GiB and more but the A100")
    a100 = config("--device", "a100-80gb", "--scheduler", "vllm-v1", "--offline", "--max-num-seqs", "7",
                  "--no-enable-prefix-caching")
    check_equal((a100["max_num_seqs"], a100["max_num_batched_tokens"], a100["offline"]), (7, 8192, True))
    check("max_num_seqs" not in a100["defaults"] and "enable_prefix_caching" not in a100["defaults"], a100["defaults"])
    check("offline" in a100["defaults"]["max_num_batched_tokens"], a100["defaults"])
    new = config("--device", "b200", "--scheduler", "vllm-0.33")
    check_equal([new[key] for key in ("max_num_seqs", "max_num_batched_tokens", "enable_prefix_caching",
                                      "async_scheduling", "gpu_memory_utilization")],
                [1024, 16384, True, True, 0.92])
    old = config("--device", "h100-sxm", "--scheduler", "vllm-0.6", "--max-model-len", "4000")
    check_equal((old["max_num_seqs"], old["max_num_batched_tokens"], old["enable_prefix_caching"]), (256, 4000, False))
    unit = run_json("--executor", "unit", "--scheduler", "vllm-v1", "--num-gpu-blocks", "400", "--trace", "demo", "--limit", "2")["config"]
    check_equal((unit["enable_prefix_caching"], unit["async_scheduling"]), (False, False))
    check_equal(unit["defaults"]["async_scheduling"], "vllm-v1")
    text = succeed("run", "--model", "llama-3.1-8b", "--device", "l4", "--trace", "demo", "--limit", "2",
                   "--kv-memory", "1GiB").text
    for line in ("max_num_seqs +256 +.*cards below 70 GiB", "enable_prefix_caching +true", "max_model_len +[0-9]+  "):
        check(re.search(line, text), "%s\n%s" % (line, text))
    check("gpu_memory_utilization" not in text, text)
    graph = config("--device", "h200", "--scheduler", "sglang")
    check_equal(graph["gpu_memory_utilization"], None)
    check(re.fullmatch(r"0\.[0-9]+ of 139\.[0-9]+ GiB, less weights 14\.99", graph["defaults"]["max_total_tokens"]),
          graph["defaults"])
    # (MiB - 512 - 1.5 a token of the chunk - 2 a captured decode - 1024/8 - 8 a captured prefill) / MiB, as 0.5.23 has it
    for device, mib, chunk, decodes, prefills in (("rtx-4090", 24080, 4096, 48, 50), ("a100-40gb", 40335, 4096, 32, 50),
                                                  ("h200", 143156, 8192, 256, 58), ("b200", 182649, 16384, 512, 74),
                                                  ("b300", 274311, 16384, 512, 74)):
        card = config("--device", device, "--scheduler", "sglang", "--max-model-len", "8192")
        check_equal((card["chunked_prefill_size"], card["page_size"]), (chunk, 64 if device in ("b200", "b300") else 1), device)
        left = (mib - 512 - 1.5 * chunk - 2 * decodes - 128 - 8 * prefills) / mib
        check(abs(card["mem_fraction_static"] - left) < 0.001, "%s: %s" % (device, card["mem_fraction_static"]))
    small = execute("run", "--model", "llama-3.1-8b", "--device", "rtx-4090", "--scheduler", "trtllm", "--trace", "demo")
    check(small.status != 0 and "does not fit" in small.err and "--gpu-memory-utilization" not in small.err, str(small))
    result = execute("run", *HARDWARE, "--trace", "demo", "--scheduler", "vllm-0.6", "--offline")
    check(result.status == 2 and "--offline: vllm-0.6" in result.err, str(result))


def test_blocks():
    """A block is what the engine's kernels want of the model on the card; what is typed is taken, or replaced as the version does, and told"""
    def run(scheduler, model, device, *words):
        return execute("run", "--model", model, "--device", device, "--tensor-parallel-size", "8", "--scheduler", scheduler,
                       "--trace", "demo", "--limit", "2", "--kv-memory", "4GiB", "--format", "json", *words)

    for scheduler, model, device, tokens in (("vllm-0.14", "deepseek-r1", "h200", 64), ("vllm-0.14", "deepseek-r1", "b200", 128),
                                             ("vllm", "deepseek-r1", "h200", 16), ("vllm", "deepseek-r1", "b200", 32),
                                             ("vllm", "deepseek-v3.2", "h200", 64), ("vllm-0.14", "qwen2.5-72b", "h200", 16),
                                             ("trtllm", "deepseek-r1", "h200", 64), ("sglang", "deepseek-r1", "h200", 1),
                                             ("sglang", "deepseek-r1", "b200", 64), ("sglang", "kimi-k2.5", "b200", 64),
                                             ("sglang", "deepseek-v3.2", "h200", 64), ("sglang", "qwen3.5-397b-a17b", "b200", 64)):
        found = json.loads(run(scheduler, model, device).out)["config"]
        check_equal(found["block_size"], tokens, (scheduler, model, device))
        key = "page_size" if scheduler == "sglang" else "block_size"
        check(key in found["defaults"], found["defaults"])
    kept = run("sglang", "qwen3.5-397b-a17b", "b200", "--disable-overlap-schedule")
    check_equal(json.loads(kept.out)["config"]["page_size"], 1)
    for scheduler, typed, tokens in (("vllm-0.14", 16, 64), ("vllm-0.14", 128, 128), ("vllm-0.11", 128, 64), ("trtllm", 32, 64),
                                     ("vllm-0.18", 128, 128)):
        done = run(scheduler, "deepseek-r1", "h200", "--block-size", str(typed))
        check_equal(json.loads(done.out)["config"]["block_size"], tokens, (scheduler, typed))
        told = "--block-size %d: %s replaces it by blocks of %d tokens on h200" % (typed, scheduler, tokens)
        check_equal(told in done.err, typed != tokens, done.err)
    words = ["--device", "h200", "--tensor-parallel-size", "8", "--scheduler", "vllm-0.11", "--block-size"]
    check("blocks of 64 tokens (it replaces the 128 that are typed)" in succeed("model", "show", "deepseek-r1", *words, "128").text)
    check("replaces" not in succeed("model", "show", "deepseek-r1", *words, "64").text)
    shown = json.loads(succeed("model", "show", "deepseek-r1", "--device", "b200", "--tensor-parallel-size", "8", "--format", "json").out)
    check_equal(shown["server"]["block_size"], 32)


def test_against():
    """--against an earlier run: nothing differs; against a faster one, by what is faster."""
    plain = run_json(*DEMO, "--requests", "plain.csv.gz")
    against = run_json(*DEMO, "--against", "plain.csv.gz")["against"]
    check_equal((against["file"], against["requests"], against["left_out"]), ("plain.csv.gz", 400, 0))
    for key in ("ttft_s", "tpot_s", "e2e_s"):
        check_equal(set(against[key]), {"mean", "p50", "p90", "p95", "p99"})
        check_equal(set(against["per_request"][key].values()), {0.0})
        for statistic, figure in against[key].items():
            check_close(figure["measured"], plain[key][statistic], key)
            check_equal((figure["error"], figure["simulated"]), (0.0, figure["measured"]), key)
    slower = run_json(*DEMO, "--what-if", "hbm=0.5x", "--against", "plain.csv.gz")
    error = slower["against"]["e2e_s"]["mean"]["error"]
    check(error > 0.1, error)
    check_close(error, slower["e2e_s"]["mean"] / plain["e2e_s"]["mean"] - 1, "error")
    text = succeed("compare", *DEMO, "--limit", "100", "--against", "plain.csv.gz")
    for policy in ("recompute", "swap"):
        check("\n%s against plain.csv.gz, 100 requests\n" % policy in text.text, text.text)
    check_equal(text.err.count("note: plain.csv.gz: 300 of its 400 requests"), 1)
    runs = succeed("compare", *DEMO, "--against", "plain.csv.gz", "--format", "csv").text.split("\n")
    check("against.per_request.tpot_s.p90_abs_error" in runs[0].split(","))


def test_cold_start():
    """--against a server whose first request waited for a cold start: that is said, with both times; else nothing is."""
    short = [*HARDWARE, "--trace", "demo", "--limit", "40"]
    plain = run_json(*short, "--requests", "warm.csv")
    check("cold start" not in succeed("run", *short, "--against", "warm.csv").text)
    head, *rows = read("warm.csv").decode().splitlines()
    rows = [dict(zip(head.split(","), row.split(","))) for row in rows]
    first = min(rows, key=lambda row: float(row["arrival_s"]))
    simulated_s = float(first["first_token_s"]) - float(first["arrival_s"])
    for key in ("first_token_s", "finish_s"):
        first[key] = "%.9f" % (float(first[key]) + 1)
    write("cold.csv", "\n".join([head, *(",".join(row.values()) for row in rows)]) + "\n")
    against = run_json(*short, "--against", "cold.csv")["against"]["first_request"]
    check_close(against["measured_ttft_s"], simulated_s + 1, relative=1e-6)
    check_close(against["simulated_ttft_s"], simulated_s, relative=1e-6)
    text = succeed("run", *short, "--against", "cold.csv").text
    check("The first request took %.2f s to its first token, %.2f s here: a cold start" % (simulated_s + 1, simulated_s) in text, text)
    check_equal(plain["requests"], 40)


# All arrive at once, so that durations decide nothing: what a scale does not reach stays as it is.
BURST = [*HARDWARE, "--trace", "study-burst", "--scheduler", "vllm-0.6", "--overflow", "swap",
         "--num-gpu-blocks", "1200", "--swap-space", "32"]
COMPUTE = {"linear", "attention", "elementwise", "head"}
SCALES = {"host=0": {"host"}, "host=2x": {"host"}, "h2d=2x": {"swap_in"}, "d2h=0.5x": {"swap_out"},
          "copy-launch=0": {"swap_in", "swap_out"}, "comm=0": set(), "hbm=2x": COMPUTE,
          "flops=2x": COMPUTE, "launch=0": COMPUTE, "h2d=0,d2h=0": {"swap_in", "swap_out"}}


def test_what_if():
    """--what-if changes what it names, and only that."""
    plain = run_json(*BURST)
    check(plain["time_s"]["swap_in"] > 0)
    for scale, reaches in SCALES.items():
        summary = run_json(*BURST, "--what-if", scale)
        changed = {part for part, time_s in summary["time_s"].items()
                   if time_s != plain["time_s"][part]}
        check(changed <= reaches and bool(changed) == bool(reaches), "%s: %s" % (scale, changed))
        check_equal(summary["steps"], plain["steps"], scale)
        check_equal(summary["config"]["what_if"], scale)
    check_equal(run_json(*BURST, "--what-if", "host=0")["time_s"]["host"], 0.0)
    def said(start, *words):  # of what is assumed
        return [one.partition(": ")[2] for one in run_json(*DEMO, "--limit", "2", *words)["config"].get("assumed", []) if one.startswith(start)]
    for start, words in (("host unknown", ["--scheduler", "vllm"]), ("no graph is captured", ["--scheduler", "vllm", "--enforce-eager"]),
                         ("graphs in pieces", ["--scheduler", "vllm-0.10"])):
        usual, double = said(start, *words), said(start, *words, "--what-if", "host=2x")
        check_equal((len(usual), said(start, *words, "--what-if", "host=0")), (1, []), start)
        check_equal(double[0].replace(", all 2 times by --what-if", ""), usual[0])
        check("all 2 times" in double[0], double)
    both = ["--tensor-parallel-size", "2"]
    check(run_json(*BURST, *both)["time_s"]["comm"] > 0)
    check_equal(run_json(*BURST, *both, "--what-if", "comm=0")["time_s"]["comm"], 0.0)


PROFILE = """# spillway-profile 1
# name: own
# device: h100-sxm
# origin 0 source: my table
operation,variant,dtype,shape,median_ns,origin
gemm,,float16,m=1;n=28672;k=4096,90000,0
gemm,,float16,m=64;n=28672;k=4096,95000,0
"""
HOST = "host,vllm-v1,,sequences=1;tokens=1,400000,0\n"
LAUNCH = "launch,,,kernels=10,17500,0\n"


def test_host_time():
    """Whose host time it is stands in each summary and in an import's note, with its share; own samples are the profile's; so is what graphs spare."""
    run = ["--model", "llama-3.1-8b", "--trace", "demo", "--limit", "20"]
    for name, text, of in (("lacks", PROFILE, "host unknown"), ("has", PROFILE + HOST, "the profile")):
        path = name + ".csv"
        write(path, text)
        summary = run_json(*run, "--device", path)
        check_equal(summary["host_time"]["of"], of)
        check_equal(summary["config"]["profile"]["host_time"]["of"], of)
        share = summary["time_s"]["host"] / summary["busy_s"]
        check(abs(summary["host_time"]["share"] - share) < 1e-9 and share > 0.01)
        for verb, more in (("run", []), ("compare", ["--overflow", "recompute,swap"])):
            said = succeed(verb, *run, "--device", path, *more).text
            check("host time: of %s, " % of in said, said)
            check("in float16, which stands in for bfloat16" in said, said)
    write("int4.csv", PROFILE.replace("float16", "int4_wo"))
    said = succeed("run", *run, "--quantization", "int4", "--device", "int4.csv").text
    check("Measured in int4_wo, as tables call int4: products." in said and "same rate" not in said, said)
    write("launch.csv", PROFILE + LAUNCH)
    bare, spared = (run_json(*run, "--device", path) for path in ("lacks.csv", "launch.csv"))
    check(spared["busy_s"] < bare["busy_s"])
    said = succeed("run", *run, "--device", "launch.csv").text
    check("Assumed of captured graphs: each kernel of a layer takes 1.75 us less than in the tables" in said, said)
    table = "gemm.csv"
    write(table, "framework,version,device,op_name,kernel_source,gemm_dtype,m,n,k,latency\n"
                 "VLLM,0.19.0,NVIDIA H100 80GB HBM3,gemm,a,fp8_block,1,4096,4096,0.01\n")
    note = succeed("profile", "import", table, "-o", "gemm.db").text
    check("host unknown" in note, note)
    said = succeed("run", *run, "--device", "rtx-pro-6000").text
    check("host time: of host unknown, " in said, said)
    said = succeed("run", *run, "--device", "rtx-pro-6000", "--host", "llmservingsim-rtx-pro-6000").text
    check("host time: of the machine of LLMServingSim" in said and "Assumed: host" not in said, said)


def host_file(name):
    """The figures that a shipped host has under today's vLLM, of a step, a sequence and a step beyond the graphs."""
    text = read(source("calib", "hosts", name + ".ini")).decode().split("[host.vllm-v1]")[1].split("\n[")[0]
    return {key: float(value) for key, value in re.findall(r"^((?:step|sequence|eager)\w*_us)=(.*)$", text, flags=re.M)}


def test_host_unknown():
    """The host unknown is the middle of the hosts that are known, and a run tells it and them as the files have them."""
    names = [name.removesuffix(".ini") for name in os.listdir(source("calib", "hosts")) if name.endswith(".ini")]
    known, unknown = [host_file(name) for name in names if name != "unknown"], host_file("unknown")
    check(len(known) >= 2, names)
    for part in ("step", "sequence", "eager"):
        least, most = (extreme(host[part + "_us"] for host in known) for extreme in (min, max))
        check_equal([unknown[part + end] for end in ("_least_us", "_most_us")], [least, most], part)
        check_close(unknown[part + "_us"], (least + most) / 2, part, relative=1e-9)
    said = succeed("run", *DEMO, "--limit", "5").text
    told = "host unknown: {step_us:.0f} us a step (known hosts: {step_least_us:.0f} to {step_most_us:.0f}), {eager_us:.0f} more"
    told += " beyond graphs ({eager_least_us:.0f} to {eager_most_us:.0f}); --host names it"
    check("Assumed: " + told.format(**unknown) + "." in said, said)
    page = read(source("README.md")).decode()
    check(told.format(**unknown) in page, "README.md tells another host")


main(all_tests(globals()))
