#!/usr/bin/env python3
"""Copies beside the layers of their step (--layerwise-copies): what they cost, who has them and who is refused."""
import itertools
import json
import sqlite3

from spillway_test import DEMO, all_tests, check, check_equal, check_refused, execute, main, read, run_json, source, succeed, write

UNCACHED = [*DEMO, "--no-enable-prefix-caching"]
SWAP = [*UNCACHED, "--overflow", "swap"]
LAYERS = "--layerwise-copies"


def overhead(run):
    return run["overhead_s"]["swap_out"] + run["overhead_s"]["swap_in"]


def copied(run):
    return run["swapped_out_blocks"] + run["swapped_in_blocks"]


def test_engines():
    """Under every engine a copied block costs less layer by layer, and no step less than what it copies lasts beyond its layers"""
    for engine, path in itertools.product(("vllm", "vllm-0.18", "vllm-0.6", "vllm-0.5", "sglang", "trtllm"), ("per-layer", "batched")):
        words = [*SWAP, "--scheduler", engine, "--copy-path", path]
        words += ["--capacity-policy", "max-utilization"] if engine == "trtllm" else []
        words = [word for word in words if engine != "sglang" or word != "--no-enable-prefix-caching"]
        words += ["--disable-radix-cache"] if engine == "sglang" else []
        whole, layers = run_json(*words), run_json(*words, LAYERS)
        check_equal((whole["config"]["layerwise_copies"], layers["config"]["layerwise_copies"]), (False, True))
        check(copied(whole) > 0 and copied(layers) > 0, engine)
        check(overhead(layers) / copied(layers) < overhead(whole) / copied(whole), (engine, path))
        check(any("beside the layers" in text and "32 equal groups" in text for text in layers["config"]["assumed"]), layers["config"]["assumed"])
        check(not any("layers of their step" in text for text in whole["config"].get("assumed", [])), whole["config"])


def test_unlike_layers():
    """Layers that keep unlike KV wait in as many groups as the rarest occurs; recurrent ones have none of their own"""
    for name, groups in (("gpt-oss-20b", 12), ("gemma-3-27b", 10), ("llama-4-scout", 12), ("jamba-v0.1", 4), ("deepseek-v3.2", 61)):
        words = ["--model", source("tests", "models", "families", name + ".json"), "--device", "h200", "--tensor-parallel-size", "8", "--trace",
                 "demo", "--limit", "100", "--num-gpu-blocks", "400", "--overflow", "swap"]
        whole, layers = run_json(*words), run_json(*words, LAYERS)
        check(any("%d equal groups" % groups in text for text in layers["config"]["assumed"]), layers["config"]["assumed"])
        check(layers["overhead_s"]["swap_in"] <= whole["overhead_s"]["swap_in"], name)


def test_nothing_without_copies():
    """Where nothing is copied nothing changes; where all of the time is copies nothing is hidden"""
    for policy in ("recompute", "partial", "swap-free"):
        said = execute("run", *UNCACHED, "--overflow", policy, LAYERS, "--format", "json")
        check_equal(said.status, 0, said.err)
        check("%s changes nothing" % LAYERS in said.err, said.err)
        check_equal(json.loads(said.out)["makespan_s"], run_json(*UNCACHED, "--overflow", policy)["makespan_s"])
    slow = ["--what-if", "h2d=0.001x,d2h=0.001x"]
    whole, layers = run_json(*SWAP, *slow), run_json(*SWAP, *slow, LAYERS)
    check(0.99 < (overhead(layers) / copied(layers)) / (overhead(whole) / copied(whole)) <= 1, (overhead(layers), overhead(whole)))


def test_strides():
    """--no-stride makes the same bytes"""
    for policy, engine in itertools.product(("swap", "auto", "split", "threshold"), ("vllm", "vllm-0.6", "sglang")):
        words = [*DEMO, "--overflow", policy, "--scheduler", engine, LAYERS]
        runs = [run_json(*words, "--decisions", name, *stride) for name, stride in (("a.jsonl", []), ("b.jsonl", ["--no-stride"]))]
        check_equal(read("a.jsonl"), read("b.jsonl"), (policy, engine))
        for run in runs:
            run.pop("wall_s")
            run["config"].pop("no_stride", None)
        check_equal(runs[0], runs[1])


def test_policies_price_it():
    """auto and split see it: they copy what is computed again where its return waits for all of it; every verb has the option"""
    link = ["--what-if", "h2d=0.7x,d2h=0.7x"]
    whole, layers = (run_json(*UNCACHED, "--overflow", "auto", *link, *more) for more in ([], [LAYERS]))
    check(layers["swapped_out_blocks"] > whole["swapped_out_blocks"], (layers["swapped_out_blocks"], whole["swapped_out_blocks"]))
    succeed("run", *UNCACHED, "--overflow", "split", *link, LAYERS, "-o", "split.db", "--decisions", "split.jsonl")
    actions = [v for line in read("split.jsonl").decode().splitlines()[1:] for v in json.loads(line).get("preempted", [])]
    check(any("split" in str(action) for action in actions), actions[:5])
    text = succeed("explain", "split.db", "--preemption", "0").text
    check("split" in text, text)
    table = succeed("compare", *UNCACHED, "--overflow", "recompute,swap,split", LAYERS, "--format", "json").json
    check_equal([run["config"]["layerwise_copies"] for run in table["runs"]], [False, True, True])
    write("study.ini", "[study]\nname = layers\n[run]\nmodel = llama-2-7b\ndevice = a100-40gb\ntrace = demo\nkv-memory = 12%\n"
          "enable-prefix-caching = false\noverflow = swap\n[grid]\nlayerwise-copies = false,true\n")
    succeed("sweep", "study.ini", "-o", "study.db")
    rows = succeed("sweep", "study.ini", "-o", "study.db", "--format", "json")
    check_equal(rows.status, 0, rows.err)
    with sqlite3.connect("study.db") as base:
        spans = base.execute("SELECT makespan_s FROM run_summary ORDER BY layerwise_copies").fetchall()
    check(spans[0] > spans[1], spans)
    found = succeed("regret", *UNCACHED, "--limit", "60", "--overflow", "swap,split", LAYERS, "--format", "json").json
    check_equal({row["overflow"] for row in found["policies"]}, {"swap", "split"})


def test_beside():
    """Beside the steps who comes back runs earlier in the mean over links (other victims may follow); --no-stride makes the same bytes"""
    latencies = {(): 0, (LAYERS,): 0}
    for engine, (layers, link) in itertools.product(("vllm", "vllm-0.18", "vllm-0.6"), itertools.product(latencies, (0.4, 0.5, 0.6, 0.7))):
        words = [*UNCACHED, "--scheduler", engine, "--overlap-copies", "--what-if", "h2d=%gx,d2h=%gx" % (link, link), *layers, "--overflow"]
        latencies[layers] += run_json(*words, "swap")["e2e_s"]["mean"]
        for policy in ("swap", "split") if link == 0.5 else ():
            runs = [run_json(*words, policy, "--decisions", name, *stride) for name, stride in (("a.jsonl", []), ("b.jsonl", ["--no-stride"]))]
            check_equal(read("a.jsonl"), read("b.jsonl"), (engine, policy, layers))
            check_equal(runs[0]["makespan_s"], runs[1]["makespan_s"])
            check(not layers or any("who comes back joins a step" in text for text in runs[0]["config"]["assumed"]), runs[0]["config"]["assumed"])
    check(latencies[(LAYERS,)] < latencies[()], latencies)


def test_refused():
    """Where layers cannot wait for their own copies it is refused, with the reason"""
    check_refused(["run", *SWAP, LAYERS, "--copy-path", "per-block"], [LAYERS, "per-block", "one piece"])
    check_refused(["run", *DEMO, "--overflow", "offload", "--kv-offloading-size", "4", LAYERS], [LAYERS, "native offload", "whole jobs"])
    check_refused(["live", "--executor", "cpu", "--model", source("tests", "models", "tiny-llama.json"), "--trace", "gen:--requests=3",
                   "--num-gpu-blocks", "30", "--num-cpu-blocks", "9", "--overflow", "swap", "--overlap-copies", LAYERS], [LAYERS, "as a whole"])
    check_refused(["run", *SWAP, LAYERS, "--pipeline-parallel-size", "2"], [LAYERS, "--pipeline-parallel-size"])
    check_refused(["run", "--executor", "unit", "--trace", "demo", "--num-gpu-blocks", "2000", "--num-cpu-blocks", "99", "--overflow", "swap",
                   LAYERS], [LAYERS, "unit"])


main(all_tests(globals()))
