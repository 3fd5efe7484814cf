#!/usr/bin/env python3
"""What must not go the wrong way, over random scenarios: a faster part of a machine makes no step longer; a pool that has room for
all evicts nobody; of two pools the larger one is the first to start a request, to spare an eviction or to find a prefix, whatever follows from it.

TEST_MONOTONIC: how many scenarios of each (25); TEST_SEED: the first seed (1).
"""
import os
import random

from random_words import DEVICES, FAMILIES, maybe, seeded
from spillway_test import HARDWARE, all_tests, check, check_equal, execute, main, read_json_lines, succeed

SCENARIOS = int(os.environ.get("TEST_MONOTONIC", "25"))
SEED = int(os.environ.get("TEST_SEED", "1"))
USUAL = SEED == 1 and SCENARIOS >= 25  # what is rare is among them
ENGINES = [["vllm-0.5"], ["vllm-0.6"], ["vllm-0.6", "--enable-chunked-prefill"], ["vllm-0.8"], ["vllm-v1"], ["vllm-0.14"],
           ["vllm-0.33"], ["vllm-0.33", "--no-async-scheduling", "--no-enable-prefix-caching"], ["sglang"],
           ["sglang", "--disable-overlap-schedule", "--page-size", "16"], ["trtllm"],
           ["trtllm", "--capacity-policy", "max-utilization"]]
FASTER = ["comm=0", "comm=0.5x", "launch=0", "copy-launch=0,h2d=1.5x", "h2d=2x,d2h=2x", "h2d=30x", "d2h=1.1x", "hbm=2x", "flops=3x", "hbm=1.01x,flops=1.01x", "host=0", "copy-launch=0", "h2d=0"]
SLACK_S = 2e-11  # costs are whole picoseconds, each rounded


def scenario(chance):
    """All arrive at once, so that no decision hangs on how long a step takes."""
    engine = chance.choice(ENGINES)
    own = engine[0] in ("sglang", "trtllm")
    return ["--scheduler", *engine, "--num-prompts", chance.randint(2, 40), "--random-input-len", chance.choice([20, 200, 700]),
            "--random-output-len", chance.choice([20, 150]), "--random-range-ratio", chance.choice(["0", "0.7"]),
            "--max-model-len", 2048, "--seed", chance.randint(0, 99),
            *([] if own else maybe(chance, 0.6, "--overflow", chance.choice(["swap", "recompute", "partial"]),
                                   *maybe(chance, 0.5, "--victim", chance.choice(["oldest", "longest", "shortest"]))))]


def machine(chance):
    return ["--model", chance.choice(FAMILIES), "--device", chance.choice(DEVICES), *maybe(chance, 0.3, "--tensor-parallel-size", chance.choice([2, 4])),
            *maybe(chance, 0.2, "--kv-cache-dtype", chance.choice(["fp8", "bfloat16"])), *maybe(chance, 0.1, "--quantization", "fp8"),
            *maybe(chance, 0.2, "--host-memory", "pageable"), *maybe(chance, 0.2, "--copy-path", chance.choice(["per-layer", "per-block", "batched"]))]


def steps_of(words):
    """Of a run that ended well: what was decided in each step, and how long it took. None where it did not."""
    result = execute("run", *words, "--decisions", "log.jsonl", "--format", "json")
    if result.status != 0:
        return None
    lines = read_json_lines("log.jsonl")[1:]
    times = [line.pop("t") for line in lines[:-1]] + [lines[-1]["end_s"]]
    return result.json, lines[:-1], [end - start for start, end in zip(times, times[1:])]


def each(try_one):
    done = 0
    for seed in range(SEED, SEED + SCENARIOS):
        with seeded(seed, "TEST_MONOTONIC=1"):
            done += bool(try_one(random.Random(seed)))
    check(done > SCENARIOS // 3 or SCENARIOS < 5, "%d of %d were run" % (done, SCENARIOS))


def test_faster_parts():
    """A faster link, memory, chip or host makes no step longer"""
    def try_one(chance):
        words = [*machine(chance), *scenario(chance), "--kv-memory", chance.choice(["400MiB", "1GiB", "3GiB"])]
        before = steps_of([*words, "--what-if", "front-end=0"])
        if before is None:
            return False
        faster = chance.choice(FASTER)
        after = steps_of([*words, "--what-if", "front-end=0," + faster])
        check_equal(after[1], before[1], "other decisions with %s: %s" % (faster, words))
        for step, (old_s, new_s) in enumerate(zip(before[2], after[2])):
            check(new_s <= old_s + SLACK_S, "%s: step %d takes %r, not %r: %s" % (faster, step, new_s, old_s, words))
        return True
    each(try_one)


def swapping(chance):
    """A scenario of vLLM that swaps, with room on the host for all."""
    words = scenario(chance)
    while "--overflow" not in words:
        words = scenario(chance)
    at = words.index("--overflow")
    return [*words[:at + 1], "swap", *words[at + 2:], "--swap-space", 400, "--no-enable-prefix-caching"] if "vllm-0.33" in words or \
        "vllm-0.14" in words or "vllm-0.8" in words else [*words[:at + 1], "swap", *words[at + 2:], "--swap-space", 400]


def test_copies_cost():
    """Swapping for nothing decides the same as swapping, and no step of it is longer"""
    def try_one(chance):
        words = [*machine(chance), *swapping(chance), "--kv-memory", chance.choice(["400MiB", "1GiB", "3GiB"]), "--what-if", "front-end=0"]
        before = steps_of(words)
        if before is None:
            return False
        at = words.index("--overflow")
        after = steps_of([*words[:at], "--overflow", "swap-free", *words[at + 2:]])
        if after is None:
            return False
        for step in (*before[1], *after[1]):
            step.pop("cpu_free")
            step["preempted"] = [name for name, _ in step.get("preempted", [])]
        check_equal(after[1], before[1], "other decisions: %s" % words)
        for step, (old_s, new_s) in enumerate(zip(before[2], after[2])):
            check(new_s <= old_s + SLACK_S, "step %d takes %r, not %r: %s" % (step, new_s, old_s, words))
        return True
    each(try_one)


def test_links_beside_the_steps():
    """Beside the steps, over links and disks that take no time, nobody waits and nobody starves; who waits for a link does so in its busy time"""
    waited = 0

    def try_one(chance):
        nonlocal waited
        words = [*machine(chance), *swapping(chance), "--overlap-copies", "--kv-memory", chance.choice(["400MiB", "1GiB"]), "--format", "json",
                 *maybe(chance, 0.3, "--swap-ahead", chance.choice([2, 40]))]
        slow = execute("run", *words, "--what-if", "front-end=0")
        fast = execute("run", *words, "--what-if", "front-end=0,h2d=0,d2h=0,copy-launch=0")
        if slow.status != 0 or fast.status != 0:
            return False
        waited += slow.json["copy_wait_s"] > 0
        check_equal((fast.json["copy_wait_s"], fast.json["time_s"]["swap_out"], fast.json["time_s"]["swap_in"]), (0, 0, 0), words)
        for found in (slow.json, fast.json):
            check(0 <= found["copy_wait_s"] <= found["makespan_s"] and found["starved_s"] >= 0, words)
            check_equal(found["output_tokens"], slow.json["output_tokens"], words)
        return True
    each(try_one)
    check(waited > 0 or not USUAL, "nobody waited for a copy")


def test_more_engines():
    """The same requests of a dense model on two engines in place of one, each with the same memory, by any router: done no later, and all of them"""
    def try_one(chance):
        words = ["--model", chance.choice(["llama-2-7b", "llama-3.1-8b", "qwen2.5-0.5b"]), *machine(chance)[2:], *scenario(chance), "--kv-memory", chance.choice(["400MiB", "1GiB", "3GiB"]), "--what-if", "front-end=0",
                 "--format", "json"]
        routers = ["engine", "round-robin", "random", "least-requests", "least-tokens", "least-kv", "two-choices", "prefix", "session"]
        many = ["--data-parallel-size", 2, "--router", chance.choice(routers)] if chance.random() < 0.6 else \
            ["--instances", 2, *maybe(chance, 0.8, "--router", chance.choice(routers[1:]))]
        found = [execute("run", *words, *more) for more in ([], many)]
        if any(result.status != 0 for result in found):
            return False
        one, two = (result.json for result in found)
        check_equal((two["finished"], two["output_tokens"]), (one["finished"], one["output_tokens"]), words)
        check(two["makespan_s"] <= one["makespan_s"] + SLACK_S, "%r on two, %r on one: %s" % (two["makespan_s"], one["makespan_s"], words))
        return True
    each(try_one)


def blocks_for_all(words):
    """Of 16 tokens, for all requests at their full length at once, with what engines keep free."""
    count, inputs, outputs = (int(words[words.index(option) + 1]) for option in
                              ("--num-prompts", "--random-input-len", "--random-output-len"))
    return int(count * (2 * (inputs + outputs) / 16 + 3) * 1.1) + 20


def pool(words, blocks):
    if "sglang" in words:
        return ["--max-total-tokens", blocks * 16]
    return ["--num-gpu-blocks", blocks, "--block-size", 16]


def test_room_for_all():
    """A pool with room for all evicts nobody, and a larger one changes nothing"""
    def try_one(chance):
        words = [*HARDWARE, *scenario(chance)]
        enough = blocks_for_all(words)
        found = [steps_of([*words, *pool(words, blocks)]) for blocks in (enough, enough * 3, enough * 20)]
        for summary, _, durations in found:
            check_equal((summary["preemptions"], durations), (0, found[0][2]), words)
        return True
    each(try_one)


def started(step):
    return {str(entry[0]) for entry in step.get("scheduled", [])}


def gone(step):
    return {str(entry[0] if isinstance(entry, list) else entry) for entry in step.get("preempted", []) + step.get("retracted", [])}


def cached(step):
    """Tokens that a prefix cache still had."""
    return sum(entry[1] for entry in step.get("cached", []))


def comparable(step):
    """What is decided; not how much is free."""
    return {key: step.get(key) for key in ("scheduled", "preempted", "retracted", "finished", "mode")}


def test_larger_pools():
    """More memory may mean more evictions, but only since more were started: the first step that differs starts more, evicts less or finds more"""
    more_evictions = 0

    def try_one(chance):
        nonlocal more_evictions
        words = [*HARDWARE, "--what-if", "front-end=0", *scenario(chance)]
        small = int(blocks_for_all(words) * chance.uniform(0.1, 0.6))
        runs = [steps_of([*words, *pool(words, blocks)]) for blocks in (small, int(small * chance.uniform(1.02, 2)) + 1)]
        if None in runs:
            return False
        (a, small_steps, _), (b, large_steps, _) = runs
        if a["output_tokens"] != b["output_tokens"]:
            return False  # the smaller pool does not hold the longest: max_model_len is lowered to what it holds, and said so
        more_evictions += b["preemptions"] > a["preemptions"]
        for i, (less, more) in enumerate(zip(small_steps, large_steps)):
            if comparable(less) != comparable(more):
                check(started(less) < started(more) or gone(more) < gone(less) or cached(less) < cached(more) or
                      sum(entry[1] for entry in less["scheduled"]) < sum(entry[1] for entry in more["scheduled"]),
                      "%s\nstep %d\n%s\n%s" % (words, i, less, more))
                break
        return True
    each(try_one)
    check(more_evictions > 0 or not USUAL, "no scenario had more evictions with more memory")


def test_the_anomaly():
    """More memory, more evictions: a pool for one request at a time evicts nobody, one for two does, one for all does not"""
    words = [*HARDWARE, "--scheduler", "vllm-0.6", "--num-prompts", "6", "--random-input-len", "160", "--random-output-len", "32",
             "--max-model-len", "400"]
    counts = {blocks: steps_of([*words, *pool(words, blocks)])[0]["preemptions"] for blocks in (18, 22, 200)}
    check(counts[18] == 0 and counts[22] > 0 and counts[200] == 0, counts)


def test_the_anomaly_of_routers():
    """A router that looks may do worse than one that does not: it sees how many requests an engine has, not how long they last"""
    with open("t.csv", "w") as file:
        file.write(HEADER + "0,64,100\n0.4,64,500\n0.8,64,100\n1.2,64,500\n1.6,64,500\n")
    words = ["--model", "llama-3.1-8b", "--device", "h100-sxm", "--trace", "t.csv", "--data-parallel-size", 2, "--max-num-seqs", 1, "--format", "json"]
    turn, least = (succeed("run", *words, "--router", router).json for router in ("round-robin", "least-requests"))
    # The fourth finds the first engine idle; the fifth finds one request on each, and waits behind the longer one.
    check(least["makespan_s"] > turn["makespan_s"] + 0.5 and least["e2e_s"]["mean"] > turn["e2e_s"]["mean"], (least, turn))


HEADER = "arrival_s,prompt_tokens,output_tokens\n"


def test_later_is_the_same():
    """When the first request arrives makes no difference: all figures are the same a month later"""
    def try_one(chance):
        gaps = [chance.choice([0, 0.125, 0.5, 3]) for _ in range(chance.randint(2, 30))]
        lengths = [(chance.randint(1, 500), chance.randint(1, 100)) for _ in gaps]
        words = [*HARDWARE, "--scheduler", *chance.choice(ENGINES), "--kv-memory", "1GiB", "--max-model-len", 2048]
        found = []
        for start in (0, 2600000):
            with open("t.csv", "w") as file:
                file.write(HEADER)
                at = start
                for gap, (prompt, output) in zip(gaps, lengths):
                    at += gap
                    file.write("%r,%d,%d\n" % (at, prompt, output))
            summary = succeed("run", *words, "--trace", "t.csv", "--format", "json").json
            found.append({key: summary[key] for key in ("makespan_s", "ttft_s", "tpot_s", "e2e_s", "queue_s", "preemptions", "steps")})
        check_equal(found[1], found[0], words)
        return True
    each(try_one)


def test_beyond_the_clock():
    """Times beyond 53 days are refused; a run that comes there ends, and says so"""
    for words in (["--trace", "t.csv"], ["--trace", "u.csv", "--time-scale", "10"],
                  ["--trace", "gen:--requests 10 --rate 0.000001 --prompt fixed:10 --output fixed:10"],
                  ["--num-prompts", "10", "--request-rate", "0.000001"]):
        with open("t.csv", "w") as file:
            file.write(HEADER + "0,10,10\n4611686.5,10,10\n")
        with open("u.csv", "w") as file:
            file.write(HEADER + "0,10,10\n600000,10,10\n")
        result = execute("run", *HARDWARE, *words)
        check(result.status == 2 and len(result.messages) == 1, str(result))
        check("53.4" in result.err or "4611686" in result.err or "4.61e+06" in result.err, str(result))
    with open("t.csv", "w") as file:
        file.write(HEADER + "0,10,10\n4611686,10,4000\n")
    result = execute("run", *HARDWARE, "--trace", "t.csv", "--format", "json", "--decisions", "log.jsonl")
    check(result.status == 1 and "53 days" in result.err and result.json["finished"] == 1, str(result))
    check(read_json_lines("log.jsonl")[-1]["end"] == "abort")


if __name__ == "__main__":
    main(all_tests(globals()))
