#!/usr/bin/env python3
"""Scenarios of every engine and policy: the figures are those of the files that the run wrote, counted anew
(recount.py); and random ones, over all options: sound statuses, JSON and counts, the same bytes without strides.

TEST_SCENARIOS: how many random scenarios (12, with sanitizers 4); TEST_SEED: the first seed (1). A failure names the seed
of its scenario, which TEST_SEED with TEST_SCENARIOS=1 tries again.
"""
import itertools
import os
import random

from random_words import all_choices, names, parse, random_words, seeded
from recount import check_recount
from recount_memory import check_memory, check_slowdown
from spillway_test import SANITIZED, Failure, all_tests, check, check_equal, execute, main, options_of_help, read, source, succeed

SCENARIOS = int(os.environ.get("TEST_SCENARIOS", "4" if SANITIZED else "12"))
SEED = int(os.environ.get("TEST_SEED", "1"))
# Counting takes longer than the runs, and counts what each build writes alike: with sanitizers it is done to one in so many.
COUNTED = itertools.cycle([True, False, False] if SANITIZED and "TEST_SCENARIOS" not in os.environ else [True])

ENGINES = [["vllm-v1"], ["vllm-v1", "--enable-prefix-caching"], ["vllm-0.6"], ["vllm-0.6", "--enable-chunked-prefill"],
           ["vllm-0.5", "--block-manager", "2"], ["vllm-0.10", "--async-scheduling"], ["vllm-0.14"], ["vllm-0.33"],
           ["vllm-0.33", "--num-offload-blocks", "400"], ["sglang"], ["sglang", "--disable-overlap-schedule"],
           ["sglang", "--page-size", "16", "--enable-mixed-chunk", "--chunked-prefill-size", "128"],
           ["trtllm"], ["trtllm", "--capacity-policy", "max-utilization"],
           ["trtllm", "--capacity-policy", "static-batch"], ["trtllm", "--no-enable-prefix-caching"],
           ["trtllm", "--enable-chunked-prefill", "--context-chunking-policy", "equal-progress"],
           ["trtllm", "--capacity-policy", "max-utilization", "--enable-chunked-prefill", "--max-num-batched-tokens", "256"]]
OWN_RULES = {"sglang": ["--victim", "--admission"], "trtllm": ["--victim", "--admission"]}  # they take no other
TRACE = "gen:--requests 30 --rate 20 --prompt uniform:20,300 --output uniform:5,120"


def lines_without_wall(text):
    return [line for line in text.splitlines() if '"wall_s"' not in line]


def is_one_engine(words):
    """Steps of several engines, or of several at a time, are not stored."""
    return all(word == "1" for option, word in zip(words, words[1:]) if option in ("--data-parallel-size", "--pipeline-parallel-size"))


def run_twice(words):
    """With strides and without: the same status, messages, summary and files. None where it was refused."""
    stored = ["-o", "a.db", "--record-steps"] if is_one_engine(words) else []
    if os.path.exists("a.db"):
        os.unlink("a.db")
    results = [execute("run", *words, *more, "--format", "json", "--requests", name + ".csv", "--decisions",
                       name + ".jsonl") for name, more in (("a", stored), ("b", ["--no-stride"]))]
    first, second = results
    check(first.status == second.status and first.err == second.err, "%s\n%s" % (first, second))
    check(len(first.messages) == (first.status != 0), str(first))
    if first.status == 2:
        check(first.out == b"", str(first))
        return None
    check_equal(lines_without_wall(second.text), lines_without_wall(first.text), words)
    for kind in (".csv", ".jsonl"):
        check(read("a" + kind) == read("b" + kind), "%s differs: %s" % (kind, words))
    return parse(first.text)


def check_scenario(words, rooms=None):
    """rooms: what check_slowdown() has run, where that is asked for."""
    summary = run_twice(words)
    if summary is None:
        return None
    check_equal(summary["requests"], summary["finished"] + summary["ignored"] + summary["aborted"], words)
    if not next(COUNTED):
        return summary
    count = check_recount(summary, "a.csv", "a.jsonl", words)
    check_memory(summary, count, words, "a.db" if is_one_engine(words) else None)
    if rooms is not None:
        check_slowdown(summary, count, words, rooms)
    return summary


def test_every_engine_and_policy():
    """Every engine under every overflow policy, victim and admission: the figures are those of its files"""
    axes = [("--overflow", names("overflow")), ("--victim", names("victims")), ("--admission", names("admission"))]
    check(all(len(values) > 6 for _, values in axes), axes)
    preempted, rooms = set(), {}
    for engine, (option, values) in itertools.product(ENGINES, axes):
        done = 0
        for value in values:
            summary = check_scenario(["--model", "llama-2-7b", "--device", "a100-40gb", "--scheduler", *engine, "--trace",
                                      TRACE, "--kv-memory", "1600MiB", option, value], rooms)
            done += summary is not None
            if summary is not None and summary["preemptions"] > 0:
                preempted.add((" ".join(engine), option))
        check(done > 0 or option in OWN_RULES.get(engine[0], []), (engine, option))
    check(len(preempted) > len(ENGINES), preempted)


def test_window_pool():
    """SGLang's pool of layers with a window, small and large, under every policy: the same without strides, the figures those of its files"""
    model = ["--model", source("tests", "models", "families", "gpt-oss-20b.json"), "--device", "h100-sxm", "--scheduler", "sglang",
             "--trace", "gen:--requests 40 --rate 200 --prompt uniform:20,700 --output uniform:5,400", "--schedule-conservativeness", "0.1"]
    engines = [["--max-total-tokens", "9000", "--swa-full-tokens-ratio", "0.3"],
               ["--max-total-tokens", "9000", "--swa-full-tokens-ratio", "0.3", "--disable-radix-cache", "--page-size", "16"],
               ["--max-total-tokens", "5000", "--disable-overlap-schedule", "--page-size", "64", "--chunked-prefill-size", "256"],
               ["--max-total-tokens", "7000", "--swa-full-tokens-ratio", "0.2", "--enable-mixed-chunk", "--chunked-prefill-size", "128",
                "--disable-radix-cache"],
               ["--max-total-tokens", "7000", "--disable-radix-cache", "--max-running-requests", "12", "--chunked-prefill-size", "256"]]
    axes = [("--overflow", names("overflow")), ("--victim", names("victims")), ("--admission", names("admission"))]
    preempted = 0
    for engine, (option, values) in itertools.product(engines, axes):
        for value in values:
            summary = check_scenario([*model, *engine, option, value, *(["--num-cpu-blocks", "9000"] if option == "--overflow" else [])])
            check(summary is not None or value in ("offload", "newest", "oldest"), (engine, option, value))
            preempted += summary is not None and summary["preemptions"] > 0
    check(preempted > 20, preempted)


def test_prompts_that_repeat():
    """Under each engine that keeps prefixes what is found in the cache is told, and the figures are those of the files"""
    for engine in (["vllm"], ["sglang"], ["trtllm"], ["trtllm", "--capacity-policy", "max-utilization"]):
        summary = check_scenario(["--model", "llama-2-7b", "--device", "a100-40gb", "--scheduler", *engine, "--trace", "chat-turns",
                                  "--limit", "40", "--kv-memory", "4GiB"])
        check(summary["prefix_hit_tokens"] > 0, engine)


def changed(summary):
    """The summary with one figure a little off: each that the files tell."""
    for key in ("finished", "output_tokens", "prompt_tokens", "preemptions", "preempted_requests", "recomputed_tokens",
                "prefix_hit_tokens", "steps", "peak_gpu_blocks"):
        yield key, {**summary, key: summary[key] + 1}
    for key in ("makespan_s", "requests_per_s", "output_tokens_per_s", "mean_batch"):
        yield key, {**summary, key: summary[key] * 1.000001}
    for key in ("ttft_s", "tpot_s", "e2e_s", "queue_s", "itl_s"):
        for name in summary[key] if key != "itl_s" else ["mean"]:
            yield key + "." + name, {**summary, key: {**summary[key], name: summary[key][name] * 1.000001}}


def changed_further(summary):
    """And those that are told where steps are decided one after the other."""
    for name in ("p50", "p90", "p95", "p99"):
        yield "itl_s." + name, {**summary, "itl_s": {**summary["itl_s"], name: summary["itl_s"][name] * 1.002}}
    yield "itl_s.max", {**summary, "itl_s": {**summary["itl_s"], "max": summary["itl_s"]["max"] * 1.000001}}
    for key in ("busy_s", "good_share", "goodput_per_s", "swapped_in_bytes"):
        yield key, {**summary, key: summary[key] * 1.000001}
    for key in ("swapped_out_blocks", "swapped_in_blocks", "copy_wait_s"):
        yield key, {**summary, key: summary[key] + 1}
    for part, value in summary["time_s"].items():
        yield "time_s." + part, {**summary, "time_s": {**summary["time_s"], part: value * 1.000001 + 1e-6}}


def test_the_recount_notices():
    """A figure that is a little off is noticed by the recount"""
    words = ["--model", "llama-2-7b", "--device", "a100-40gb", "--trace", TRACE, "--kv-memory", "1600MiB"]
    summary = check_scenario(words)
    check(summary["recomputed_tokens"] > 0, summary["recomputed_tokens"])
    check_noticed(summary, changed(summary), words)
    words += ["--scheduler", "vllm-0.6", "--overflow", "swap", "--slo", "ttft:p99<1s,tpot:p99<60ms"]
    summary = check_scenario(words)
    check(summary["swapped_in_blocks"] > 0 and 0 < summary["good_share"] < 1, summary["good_share"])
    check_noticed(summary, changed_further(summary), words)


def changed_of_memory(summary):
    """And those of what too little memory cost."""
    for key, factor in (("starved_s", 1.000001), ("disk_wait_s", 100), ("disk_wait_s", 0.01), ("slowdown", 1.000001), ("latency_slowdown", 1.000001)):
        yield key, {**summary, key: summary[key] * factor}
    yield "swap_fallbacks", {**summary, "swap_fallbacks": summary["swap_fallbacks"] + 1}
    for way, value in summary["overhead_s"].items():
        yield "overhead_s." + way, {**summary, "overhead_s": {**summary["overhead_s"], way: value + 1e-9}}


def test_the_recount_of_memory_notices():
    """So is a figure of what too little memory cost"""
    words = ["--model", "llama-2-7b", "--device", "a100-40gb", "--trace", TRACE, "--kv-memory", "900MiB", "--scheduler", "vllm-v1",
             "--overflow", "swap", "--overlap-copies", "--num-cpu-blocks", "8", "--num-disk-blocks", "6"]
    rooms = {}
    summary = check_scenario(words, rooms)
    for key in ("swap_fallbacks", "starved_s", "disk_wait_s", "slowdown"):
        check(summary[key] > 0, key)
    check(summary["overhead_s"]["recompute"] > 0)
    check_noticed(summary, changed_of_memory(summary), words, rooms)


def check_noticed(summary, others, words, rooms=None):
    for name, other in others:
        try:
            count = check_recount(other, "a.csv", "a.jsonl", words)
            check_memory(other, count, words, "a.db")
            if rooms is not None:
                check_slowdown(other, count, words, rooms)
        except Failure:
            continue
        raise Failure("%s is off and nothing was noticed" % name)


def check_compare(words):
    """compare takes what run takes, and its runs are as sound."""
    without_overflow = list(words)
    if "--overflow" in words:
        at = words.index("--overflow")
        del without_overflow[at:at + 2]
    result = execute("compare", *without_overflow, "--overflow", "recompute,swap,partial", "--format", "json")
    check(len(result.messages) == (result.status == 2) or result.status == 1, str(result))
    if result.status == 2:
        return
    for run in parse(result.text)["runs"]:
        check_equal(run["requests"], run["finished"] + run["ignored"] + run["aborted"], words)


COMPUTED = ["--copy-block-us", "--copy-method", "--load-format", "--output-token-ids", "--temperature", "--token-ids",
            "--top-k", "--top-p"]  # of executors that compute
BESIDE = ["--against", "--decisions", "--dry-run", "--format", "--help", "--no-stride", "--output", "--perfetto",
          "--perfetto-window", "--record-steps", "--replay", "--requests", "--trace-format"]  # what is read and written


def test_every_option_is_drawn():
    """Random scenarios have every option that run has, but for those of executors that compute and those that only read or write"""
    choices = all_choices()
    drawn = {word for seed in range(2000) for word in random_words(random.Random(seed), choices) if word.startswith("--") and " " not in word}
    options = set(options_of_help(succeed("run", "--help").text))
    check(len(options) > 60, options)
    check_equal(sorted(options - drawn - set(COMPUTED) - set(BESIDE)), [])
    check_equal(sorted(drawn - options), [])


def test_every_scheduler():
    """Every scheduler that is listed, in a pool that overflows: the figures are those of its files"""
    for scheduler in names("schedulers"):
        summary = check_scenario(["--model", "llama-2-7b", "--device", "a100-40gb", "--scheduler", scheduler, "--trace", TRACE,
                                  "--kv-memory", "1600MiB"])
        check(summary is not None and summary["finished"] == 30, scheduler)


def test_random():
    """Random scenarios over all options are sound, and their figures those of their files"""
    choices = all_choices()
    done = 0
    for seed in range(SEED, SEED + SCENARIOS):
        chance = random.Random(seed)
        words = random_words(chance, choices)
        with seeded(seed, "TEST_SCENARIOS=1"):
            done += check_scenario(words) is not None
            if chance.random() < 0.2:
                check_compare(words)
    check(done > SCENARIOS // 8 or SCENARIOS < 12, "%d of %d were run" % (done, SCENARIOS))


main(all_tests(globals()))
