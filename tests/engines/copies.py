#!/usr/bin/env python3
"""Copies of swapped blocks beside the steps (--overlap-copies): what the log of decisions tells of them."""
import sqlite3

from spillway_test import (HARDWARE, all_tests, check, check_close, check_equal, check_refused, execute, main, read, read_json_lines,
                           run_json, succeed, without, write)

DEMO = [*HARDWARE, "--trace", "demo", "--kv-memory", "12%"]
SWAP = [*DEMO, "--overflow", "swap"]
# Settings in which many wait for copies: a slow link, and short of blocks.
TIGHT = [*HARDWARE, "--trace", "chat-turns", "--limit", "200", "--time-scale", "0.1", "--num-gpu-blocks", "300",
         "--what-if", "h2d=0.1x,d2h=0.1x"]


def copies_of(step, key):
    return [tuple(copy) for copy in step.get(key, [])]


def check_order(path):
    """Each copy ends once, each way in order; nobody runs, or is copied again, before his copies have ended, but to compute the gap
    before what is copied in."""
    under_way = {"out": [], "in": []}
    away, arrived, ended = {}, set(), set()
    counts = {"out": 0, "in": 0, "waits": 0, "fronts": 0}
    for step in read_json_lines(path):
        if "step" not in step:
            continue
        for way in ("out", "in"):
            for copy in copies_of(step, "copied_" + way):
                check_equal(under_way[way].pop(0), copy, "step %d" % step["step"])
                if way == "in":
                    arrived.add(copy[0])
        for request, blocks in copies_of(step, "copies_out"):
            if request in ended:
                continue  # its last token was on its way when it was evicted, and there is nothing to copy
            check(request in [victim for victim, _ in step["preempted"]], "%d is no victim" % request)
            check(request not in away, "%d is copied out twice" % request)
            away[request] = blocks
            under_way["out"].append((request, blocks))
            counts["out"] += 1
        for request, blocks in copies_of(step, "copies_in"):
            check(request not in [r for r, _ in under_way["out"]], "%d comes back before it has gone" % request)
            check(blocks <= away[request], "%d blocks of %d" % (blocks, request))
            under_way["in"].append((request, blocks))
            counts["in"] += 1
        for request in step.get("swapped_in", []):
            check(request in arrived or request in away, "%d runs before its KV is there" % request)
            check(request not in [r for r, _ in under_way["in"]], "%d runs while it is copied" % request)
            arrived.discard(request)
            away.pop(request)
        for request, _, kind in step["scheduled"]:
            if request in away:
                check(kind == "c" and request in arrived | {r for r, _ in under_way["in"]}, "%d runs while it is away" % request)
                counts["fronts"] += 1
        for request in step.get("wait_for_copies", []):
            check(under_way["out"] or step.get("preempted"), "nothing is being copied out")
            check(request not in [r for r, _, _ in step["scheduled"]], "%d runs and waits" % request)
            counts["waits"] += 1
        for request in step.get("finished", []):
            ended.add(request)
    return counts


def test_order():
    """Copies end in order; blocks come back after they went, and nobody runs before its own have come; only `split` computes what lies before them"""
    fronts = 0
    for scheduling in ("--async-scheduling", "--no-async-scheduling"):
        for caching in ("--enable-prefix-caching", "--no-enable-prefix-caching"):
            for scenario in (SWAP, [*TIGHT, "--overflow", "swap"], [*TIGHT, "--overflow", "split"], [*TIGHT, "--overflow", "auto"]):
                run = run_json(*scenario, scheduling, caching, "--overlap-copies", "--decisions", "log.jsonl")
                counts = check_order("log.jsonl")
                check_equal(run["finished"], run["requests"])
                check("split" in scenario or counts["fronts"] == 0, counts)
                fronts += counts["fronts"]
                if "swap" in scenario:
                    check(counts["out"] > 10 and counts["waits"] > 10, counts)
                    check(run["swapped_out_blocks"] > 0 and run["starved_s"] > 0, run["starved_s"])
    check(fronts > 0, fronts)


def test_order_of_early_engines():
    """Under vLLM 0.5 and 0.6, too, chunked or not: in order, and in single steps the same bytes"""
    for engine in ("vllm-0.5", "vllm-0.6"):
        for more in ([], ["--enable-chunked-prefill", "--max-num-batched-tokens", "512"], ["--victim", "longest"], ["--block-manager", "2"]):
            for overflow in ("swap", "split", "auto"):
                words = [*TIGHT, "--scheduler", engine, *more, "--overflow", overflow, "--num-cpu-blocks", "4000", "--overlap-copies"]
                runs = [run_json(*words, "--decisions", log, *stride) for log, stride in (("a.jsonl", []), ("b.jsonl", ["--no-stride"]))]
                check_equal(read("a.jsonl"), read("b.jsonl"))
                check_equal(without(runs[0], "wall_s"), without(runs[1], "wall_s"))
                counts = check_order("a.jsonl")
                check_equal(runs[0]["finished"], runs[0]["requests"])
                if overflow == "swap":
                    check(counts["out"] > 10 and counts["in"] > 10 and counts["waits"] > 0, counts)


def test_early_engine_by_hand():
    """vLLM 0.6, found by hand: a running sequence demands a free block, and waits while one is being copied out"""
    # Two prompts of three tokens in four blocks of two. At 1 s none is free: the first finds none, the second goes, for two seconds.
    # At 3 s its two blocks are free; the first takes one of them at 4 s and demands, without need, the other at 5 s. At 6 s it has
    # ended, the second begins to come back, and runs at 8 s.
    write("two.csv", "arrival_s,prompt_tokens,output_tokens\n0,3,4\n0,3,4\n")
    succeed("run", "--executor", "unit", "--scheduler", "vllm-0.6", "--trace", "two.csv", "--block-size", "2", "--num-gpu-blocks", "4",
            "--num-cpu-blocks", "10", "--overflow", "swap", "--overlap-copies", "--unit-copy-steps", "2", "--watermark", "0",
            "--decisions", "two.jsonl")
    steps = [without(step, "step", "waiting", "running", "swapped", "gpu_free_end", "tokens")
             for step in read_json_lines("two.jsonl") if "step" in step]
    check_equal(steps, [
        {"t": 0, "scheduled": [[0, 3, "n"], [1, 3, "n"]], "gpu_free": 0, "cpu_free": 10},
        {"t": 1, "scheduled": [], "preempted": [[1, "swap"]], "copies_out": [[1, 2]], "wait_for_copies": [0], "gpu_free": 0, "cpu_free": 8},
        {"t": 3, "scheduled": [[0, 1, "d"]], "copied_out": [[1, 2]], "waited_for_copies_s": 1, "gpu_free": 2, "cpu_free": 8},
        {"t": 4, "scheduled": [[0, 1, "d"]], "gpu_free": 1, "cpu_free": 8},
        {"t": 5, "scheduled": [[0, 1, "d"]], "gpu_free": 1, "cpu_free": 8, "finished": [0]},
        {"t": 6, "scheduled": [], "copies_in": [[1, 2]], "gpu_free": 2, "cpu_free": 8},
        {"t": 8, "scheduled": [[1, 1, "s"]], "swapped_in": [1], "copied_in": [[1, 2]], "waited_for_copies_s": 2, "gpu_free": 2, "cpu_free": 10},
        {"t": 9, "scheduled": [[1, 1, "d"]], "gpu_free": 1, "cpu_free": 10},
        {"t": 10, "scheduled": [[1, 1, "d"]], "gpu_free": 1, "cpu_free": 10, "finished": [1]},
    ])


def test_single_steps():
    """In single steps the same bytes"""
    for scenario in (SWAP, [*TIGHT, "--overflow", "split"]):
        runs = [run_json(*scenario, "--overlap-copies", "--decisions", log, *stride)
                for log, stride in (("a.jsonl", []), ("b.jsonl", ["--no-stride"]))]
        check_equal(without(runs[0], "wall_s"), without(runs[1], "wall_s"))
        check_equal(read("a.jsonl"), read("b.jsonl"))


def test_by_hand():
    """A schedule that was found by hand: who waits for whom, and when each copy ends"""
    # Two prompts of three tokens in blocks of two, five of them beside the engine's own. At 2 s both ask for a third block, and
    # the first has it; the second goes, for three seconds. At 4 s the first needs a fourth block, which is free at 5 s. At 7 s it
    # has ended, the second begins to come back, and runs at 10 s.
    write("two.csv", "arrival_s,prompt_tokens,output_tokens\n0,3,6\n0,3,6\n")
    succeed("run", "--executor", "unit", "--scheduler", "vllm-0.33", "--trace", "two.csv", "--block-size", "2", "--num-gpu-blocks", "6",
            "--num-cpu-blocks", "10", "--overflow", "swap", "--overlap-copies", "--unit-copy-steps", "3", "--no-async-scheduling",
            "--no-enable-prefix-caching", "--decisions", "two.jsonl")
    steps = [without(step, "step", "waiting", "running", "swapped", "gpu_free_end", "tokens")
             for step in read_json_lines("two.jsonl") if "step" in step]
    check_equal(steps, [
        {"t": 0, "scheduled": [[0, 3, "n"], [1, 3, "n"]], "gpu_free": 1, "cpu_free": 10},
        {"t": 1, "scheduled": [[0, 1, "d"], [1, 1, "d"]], "gpu_free": 1, "cpu_free": 10},
        {"t": 2, "scheduled": [[0, 1, "d"]], "preempted": [[1, "swap"]], "copies_out": [[1, 2]], "gpu_free": 0, "cpu_free": 8},
        {"t": 3, "scheduled": [[0, 1, "d"]], "gpu_free": 0, "cpu_free": 8},
        {"t": 5, "scheduled": [[0, 1, "d"]], "copied_out": [[1, 2]], "waited_for_copies_s": 1, "gpu_free": 1, "cpu_free": 8},
        {"t": 6, "scheduled": [[0, 1, "d"]], "gpu_free": 1, "cpu_free": 8, "finished": [0]},
        {"t": 7, "scheduled": [], "copies_in": [[1, 2]], "gpu_free": 2, "cpu_free": 8},
        {"t": 10, "scheduled": [[1, 1, "s"]], "swapped_in": [1], "copied_in": [[1, 2]], "waited_for_copies_s": 3, "gpu_free": 2,
         "cpu_free": 10},
        {"t": 11, "scheduled": [[1, 1, "d"]], "gpu_free": 2, "cpu_free": 10},
        {"t": 12, "scheduled": [[1, 1, "d"]], "gpu_free": 1, "cpu_free": 10},
        {"t": 13, "scheduled": [[1, 1, "d"]], "gpu_free": 1, "cpu_free": 10, "finished": [1]},
    ])


def test_ahead_by_hand():
    """Copies ahead of need, found by hand: what the host has is free at once, and the rest is computed again"""
    # As above, with copies of a second, and two blocks kept free. At 1 s each has one full block, and one is free: the second,
    # which would go first, is copied. At 2 s it goes: its block on the host and the one behind it are free at once. When it is
    # back, the two tokens of that one are computed again with the next.
    write("two.csv", "arrival_s,prompt_tokens,output_tokens\n0,3,6\n0,3,6\n")
    succeed("run", "--executor", "unit", "--scheduler", "vllm-0.33", "--trace", "two.csv", "--block-size", "2", "--num-gpu-blocks", "6",
            "--num-cpu-blocks", "10", "--overflow", "swap", "--overlap-copies", "--swap-ahead", "2", "--unit-copy-steps", "1",
            "--no-async-scheduling", "--no-enable-prefix-caching", "--decisions", "two.jsonl")
    steps = [without(step, "step", "waiting", "running", "swapped", "gpu_free_end", "tokens")
             for step in read_json_lines("two.jsonl") if "step" in step]
    check_equal(steps, [
        {"t": 0, "scheduled": [[0, 3, "n"], [1, 3, "n"]], "gpu_free": 1, "cpu_free": 10},
        {"t": 1, "scheduled": [[0, 1, "d"], [1, 1, "d"]], "copies_ahead": [[1, 1]], "gpu_free": 1, "cpu_free": 9},
        {"t": 2, "scheduled": [[0, 1, "d"]], "preempted": [[1, "swap"]], "copied_ahead": [[1, 1]], "gpu_free": 2, "cpu_free": 9},
        {"t": 3, "scheduled": [[0, 1, "d"]], "gpu_free": 2, "cpu_free": 9},
        {"t": 4, "scheduled": [[0, 1, "d"]], "copies_ahead": [[0, 1]], "gpu_free": 1, "cpu_free": 8},
        {"t": 5, "scheduled": [[0, 1, "d"]], "copied_ahead": [[0, 1]], "gpu_free": 1, "cpu_free": 8, "finished": [0]},
        {"t": 6, "scheduled": [], "copies_in": [[1, 1]], "gpu_free": 2, "cpu_free": 9},
        {"t": 7, "scheduled": [[1, 3, "S"]], "swapped_in": [1], "copied_in": [[1, 1]], "waited_for_copies_s": 1, "gpu_free": 2,
         "cpu_free": 10},
        {"t": 8, "scheduled": [[1, 1, "d"]], "gpu_free": 2, "cpu_free": 10},
        {"t": 9, "scheduled": [[1, 1, "d"]], "copies_ahead": [[1, 1]], "gpu_free": 1, "cpu_free": 9},
        {"t": 10, "scheduled": [[1, 1, "d"]], "copied_ahead": [[1, 1]], "gpu_free": 1, "cpu_free": 9, "finished": [1]},
    ])


def test_ahead():
    """With copies ahead less is waited for, in sum over loads (other victims may follow); in single steps the same bytes"""
    waits = [sum(run_json(*TIGHT, "--time-scale", scale, "--overflow", "swap", "--overlap-copies", "--swap-ahead", n)["starved_s"]
                 for scale in (0.05, 0.08, 0.1, 0.12, 0.15)) for n in (0, 20, 100)]
    check(waits[0] > max(waits[1:]), waits)
    for scheduling in ("--async-scheduling", "--no-async-scheduling"):
        for n in (10, 250):
            runs = [run_json(*TIGHT, scheduling, "--overflow", "auto", "--overlap-copies", "--swap-ahead", n, "--decisions", log, *stride)
                    for log, stride in (("a.jsonl", []), ("b.jsonl", ["--no-stride"]))]
            check_equal(without(runs[0], "wall_s"), without(runs[1], "wall_s"))
            check_equal(read("a.jsonl"), read("b.jsonl"))
            check_equal(runs[0]["finished"], runs[0]["requests"])


def test_figures():
    """Bytes each way, and what waits for copies: in JSON, and in words"""
    slow = [*TIGHT, "--overflow", "swap", "--what-if", "h2d=0.02x,d2h=0.02x"]
    run = run_json(*slow, "--overlap-copies")
    block = 2 * 32 * 4096 * 16 * 2
    check_equal(run["swapped_out_bytes"], run["swapped_out_blocks"] * block)
    check_equal(run["swapped_in_bytes"], run["swapped_in_blocks"] * block)
    check(run["copy_wait_s"] > 0 and run["starved_s"] > 0, run)
    text = succeed("run", *slow, "--overlap-copies").text
    check("device waits" in text and "sequences wait" in text, text)
    alone = run_json(*TIGHT, "--overflow", "swap")
    check_equal((alone["copy_wait_s"], alone["starved_s"], alone["config"]["overlap_copies"]), (0, 0, False))
    check_close(alone["swapped_out_bytes"], alone["swapped_out_blocks"] * block)


def test_faster_memory():
    """Copies beside the steps take less of a memory that is faster, and nothing of one that costs nothing"""
    sums = []
    for memory in ("", ",hbm=4x", ",hbm=0"):
        run = run_json(*TIGHT[:-1], TIGHT[-1] + memory, "--overflow", "swap", "--overlap-copies")
        sums.append((run["time_s"]["swap_out"] + run["time_s"]["swap_in"]) / (run["swapped_out_blocks"] + run["swapped_in_blocks"]))
    check(0.1 < sums[1] / sums[0] < 0.4 and sums[2] == 0, sums)


def test_prices():
    """A copy that waits behind others is dear: what an eviction costs grows with the link's queue, and so `auto` copies less"""
    # Small victims, of which many go at once.
    write("small.csv", "arrival_s,prompt_tokens,output_tokens\n" + "".join("0,%d,120\n" % (15 + i % 7) for i in range(60)))
    succeed("run", *HARDWARE, "--trace", "small.csv", "--num-gpu-blocks", "60", "--what-if", "d2h=0.1x,h2d=0.1x", "--overflow", "swap",
            "--overlap-copies", "-o", "prices.db", "--decisions", "log.jsonl")
    rows = sqlite3.connect("prices.db").execute(
        "SELECT victim, time_s, blocks, free_s, price_s_swap, price_s_recompute FROM preemption ORDER BY sequence").fetchall()
    steps = [step for step in read_json_lines("log.jsonl") if "step" in step]
    # By the log: when the link has made what was decided before.
    gone = {}
    for step in steps:
        for request, _ in copies_of(step, "copied_out"):
            gone.setdefault(request, []).append(step["t"])
    checked = 0
    for victim, time_s, _, free_s, _, _ in rows:
        if gone.get(victim):
            # It is told with the step after its end; the copies' own slowdown, and the step in flight, come on top.
            check(time_s + free_s <= gone[victim].pop(0) + 1e-9, "%d is gone before its time" % victim)
            checked += 1
    check(checked > 10, checked)
    rates = [free_s / blocks for _, _, blocks, free_s, _, _ in rows]
    check(max(rates) > 1.2 * min(rates), "nobody waited for the link")
    text = succeed("explain", "prices.db", "--preemption", "0").text
    check("They were free" in text and "beside the steps" in text, text)
    copied = [run_json(*TIGHT[:-1], "h2d=%s,d2h=%s" % (speed, speed), "--overflow", "auto", "--overlap-copies")["swapped_out_blocks"]
              for speed in ("10x", "0.1x", "0.001x")]
    check(copied[0] > copied[1] >= copied[2], copied)


def test_assumed():
    """What is modelled of copies beside steps is said"""
    run = run_json(*SWAP, "--overlap-copies")
    check(any("beside a step" in sentence for sentence in run["config"]["assumed"]), run["config"]["assumed"])


def test_refused():
    """Where it cannot be done it is refused, and said where it changes nothing"""
    for engine in ("sglang", "trtllm"):
        check_refused(["run", *SWAP, "--scheduler", engine, "--overlap-copies"], ["--overlap-copies", engine, "one batch"])
    check_refused(["run", *SWAP, "--scheduler", "vllm-0.6", "--overlap-copies", "--swap-ahead", "9"], ["--swap-ahead", "vllm-0.6"])
    check_refused(["run", *SWAP, "--swap-ahead", "9"], ["--swap-ahead", "--overlap-copies"])
    check_refused(["run", *SWAP, "--overlap-copies", "--swap-ahead", "9", "--victim", "oldest"], ["--swap-ahead", "oldest"])
    for policy in ("recompute", "partial", "swap-free"):
        said = execute("run", *DEMO, "--overflow", policy, "--overlap-copies")
        check("--overlap-copies changes nothing" in said.err, said.err)


main(all_tests(globals()))
