#!/usr/bin/env python3
"""Scenarios of every engine and policy: the figures are those of the files that the run wrote, counted anew
(recount.py); and random ones, over all options: sound statuses, JSON and counts, the same bytes without strides.

TEST_SCENARIOS: how many random scenarios (12); TEST_SEED: the first seed (1). A failure names the seed of its scenario,
which TEST_SEED with TEST_SCENARIOS=1 tries again.
"""
import itertools
import json
import os
import random
import re

from recount import check_recount
from spillway_test import Failure, all_tests, check, check_equal, execute, main, read, source, succeed

SCENARIOS = int(os.environ.get("TEST_SCENARIOS", "12"))
SEED = int(os.environ.get("TEST_SEED", "1"))

FAMILIES = ["llama-2-7b", "llama-3.1-8b", "mixtral-8x7b", "qwen2.5-0.5b", "mistral-7b",
            *(source("tests", "models", "families", name + ".json")
              for name in ("gemma-3-4b", "deepseek-v2-lite", "jamba-v0.1", "qwen3-next-80b-a3b", "gpt-oss-20b",
                           "nemotron-nano-9b-v2", "falcon-7b", "llama-4-scout"))]
DEVICES = ["a100-40gb", "h100-sxm", "b200", "l4", "mi300x", "rtx-4090"]
ENGINES = [["vllm-v1"], ["vllm-v1", "--enable-prefix-caching"], ["vllm-0.6"], ["vllm-0.6", "--enable-chunked-prefill"],
           ["vllm-0.5", "--block-manager", "2"], ["vllm-0.10", "--async-scheduling"], ["vllm-0.14"], ["vllm-0.33"],
           ["vllm-0.33", "--num-offload-blocks", "400"], ["sglang"], ["sglang", "--disable-overlap-schedule"],
           ["sglang", "--page-size", "16", "--enable-mixed-chunk", "--chunked-prefill-size", "128"],
           ["trtllm"], ["trtllm", "--capacity-policy", "max-utilization"],
           ["trtllm", "--capacity-policy", "static-batch"]]
OWN_RULES = {"sglang": ["--victim", "--admission"], "trtllm": ["--victim", "--admission"]}  # they take no other
TRACE = "gen:--requests 30 --rate 20 --prompt uniform:20,300 --output uniform:5,120"


def names(kind):
    return re.findall(r"^  ([a-z][a-z0-9.-]*) ", succeed("list", kind).text, re.M)


def refuse_constant(word):
    raise Failure("%s in JSON" % word)


def parse(text):
    return json.loads(text, parse_constant=refuse_constant)


def lines_without_wall(text):
    return [line for line in text.splitlines() if '"wall_s"' not in line]


def run_twice(words):
    """With strides and without: the same status, messages, summary and files. None where it was refused."""
    results = [execute("run", *words, *more, "--format", "json", "--requests", name + ".csv", "--decisions",
                       name + ".jsonl") for name, more in (("a", []), ("b", ["--no-stride"]))]
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


def check_scenario(words):
    summary = run_twice(words)
    if summary is None:
        return None
    check_equal(summary["requests"], summary["finished"] + summary["ignored"] + summary["aborted"], words)
    check_recount(summary, "a.csv", "a.jsonl", words)
    return summary


def test_every_engine_and_policy():
    """Every engine under every overflow policy, victim and admission: the figures are those of its files"""
    axes = [("--overflow", names("overflow")), ("--victim", names("victims")), ("--admission", names("admission"))]
    check(all(len(values) > 6 for _, values in axes), axes)
    preempted = set()
    for engine, (option, values) in itertools.product(ENGINES, axes):
        done = 0
        for value in values:
            summary = check_scenario(["--model", "llama-2-7b", "--device", "a100-40gb", "--scheduler", *engine, "--trace",
                                      TRACE, "--kv-memory", "1600MiB", option, value])
            done += summary is not None
            if summary is not None and summary["preemptions"] > 0:
                preempted.add((" ".join(engine), option))
        check(done > 0 or option in OWN_RULES.get(engine[0], []), (engine, option))
    check(len(preempted) > len(ENGINES), preempted)


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


def test_the_recount_notices():
    """A figure that is a little off is noticed by the recount"""
    words = ["--model", "llama-2-7b", "--device", "a100-40gb", "--trace", TRACE, "--kv-memory", "1600MiB"]
    summary = check_scenario(words)
    check(summary["recomputed_tokens"] > 0, summary["recomputed_tokens"])
    for name, other in changed(summary):
        try:
            check_recount(other, "a.csv", "a.jsonl", words)
        except Failure:
            continue
        raise Failure("%s is off and nothing was noticed" % name)


def maybe(chance, share, *words):
    return list(words) if chance.random() < share else []


def random_trace(chance):
    """Generated, drawn as a benchmark's, shipped, or with prompts that repeat."""
    kind = chance.randrange(4)
    if kind == 0:
        prompt, output = chance.choice([1, 16, 100, 700]), chance.choice([1, 2, 30, 200])
        text = "gen:--requests %d --rate %s --prompt uniform:1,%d --output uniform:1,%d" % (
            chance.randint(1, 60), chance.choice(["0.5", "8", "200"]), prompt, output)
        return ["--trace", text]
    if kind == 1:
        return ["--num-prompts", chance.randint(1, 50), "--random-input-len", chance.choice([1, 64, 512]),
                "--random-output-len", chance.choice([1, 16, 100]), *maybe(chance, 0.5, "--random-range-ratio", "0.4"),
                *maybe(chance, 0.5, "--request-rate", chance.choice(["1", "30", "inf"])),
                *maybe(chance, 0.2, "--burstiness", "0.3")]
    shipped = chance.choice(["demo", "study-burst", "chat-hour", "code-hour"]) if kind == 2 else "chat-turns"
    return ["--trace", shipped, "--limit", chance.randint(1, 60), *maybe(chance, 0.5, "--time-scale", "0.05")]


def random_pool(chance):
    blocks = ["--num-gpu-blocks", chance.choice([1, 7, 40, 150, 600, 4000])]
    memory = ["--kv-memory", chance.choice(["1%", "6%", "600MiB", "3GiB", "20GiB"])]
    return chance.choice([blocks, memory, ["--gpu-memory-utilization", chance.choice(["0.5", "0.85", "0.95"])]])


def random_sglang(chance):
    return [*maybe(chance, 0.4, "--page-size", chance.choice([1, 4, 16, 64])), *maybe(chance, 0.2, "--disable-radix-cache"),
            *maybe(chance, 0.4, "--disable-overlap-schedule"), *maybe(chance, 0.3, "--enable-mixed-chunk"),
            *maybe(chance, 0.3, "--ignore-eos"), *maybe(chance, 0.3, "--max-running-requests", chance.choice([1, 5, 300])),
            *maybe(chance, 0.4, "--chunked-prefill-size", chance.choice([-1, 16, 64, 512])),
            *maybe(chance, 0.3, "--max-prefill-tokens", chance.choice([64, 4096])),
            *maybe(chance, 0.3, "--schedule-conservativeness", chance.choice(["0.1", "1", "3"])),
            *maybe(chance, 0.3, "--max-total-tokens", chance.choice([64, 600, 5000]))]


def random_vllm(chance, scheduler):
    words = [*maybe(chance, 0.3, "--block-size", chance.choice([1, 8, 16, 32, 128])),
             *maybe(chance, 0.3, "--max-num-batched-tokens", chance.choice([64, 512, 5000])),
             *maybe(chance, 0.3, chance.choice(["--enable-chunked-prefill", "--no-enable-chunked-prefill"])),
             *maybe(chance, 0.2, "--watermark", chance.choice(["0", "0.01", "0.3"]))]
    if scheduler in ("vllm-0.5", "vllm-0.6"):
        return words + maybe(chance, 0.5, "--block-manager", chance.choice([1, 2]))
    words += [*maybe(chance, 0.4, chance.choice(["--enable-prefix-caching", "--no-enable-prefix-caching"])),
              *maybe(chance, 0.2, "--long-prefill-token-threshold", chance.choice([16, 200])),
              *maybe(chance, 0.3, chance.choice(["--async-scheduling", "--no-async-scheduling"])),
              *maybe(chance, 0.2, chance.choice(["--scheduler-reserve-full-isl", "--no-scheduler-reserve-full-isl"])),
              *maybe(chance, 0.1, "--max-num-active-seqs", chance.choice([1, 20])),
              *maybe(chance, 0.1, "--prefill-schedule-interval", chance.choice([1, 3]))]
    return words + maybe(chance, 0.3, *chance.choice([["--num-offload-blocks", chance.choice([5, 200, 5000])],
                                                      ["--kv-offloading-size", "2"]]),
                         *maybe(chance, 0.5, "--no-offload-prompt-only"))


def random_policies(chance, choices):
    own = {"threshold": ["--swap-from-blocks", chance.choice([1, 20])], "split": ["--split-cuts", chance.choice([1, 30])],
           "partial": ["--partial-ahead-blocks", chance.choice([0, 9])],
           "watermark": ["--admission-watermark", chance.choice(["0", "0.4"])],
           "reserve": ["--reserve-share", "0.3", "--reserve-learning", "0.2"],
           "past-future": ["--past-future-quantile", "0.5"]}
    words = []
    for option, values in choices.items():
        if chance.random() < 0.4:
            value = chance.choice(values)
            words += [option, value, *maybe(chance, 0.5, *own.get(value, []))]
    return words


def random_machine(chance):
    if chance.random() < 0.25:
        return ["--executor", "unit", "--max-model-len", chance.choice([64, 2048]), *maybe(chance, 0.3, "--unit-copy-steps", "3"),
                "--num-gpu-blocks", chance.choice([9, 90, 900]), *maybe(chance, 0.5, "--num-cpu-blocks", chance.choice([0, 80]))]
    return ["--model", chance.choice(FAMILIES), "--device", chance.choice(DEVICES),
            *random_pool(chance), *maybe(chance, 0.2, "--tensor-parallel-size", chance.choice([2, 4])),
            *maybe(chance, 0.2, "--kv-cache-dtype", chance.choice(["fp8", "bfloat16"])),
            *maybe(chance, 0.3, "--swap-space", chance.choice([0, 1, 40])),
            *maybe(chance, 0.2, "--copy-path", chance.choice(["per-layer", "per-block", "batched"])),
            *maybe(chance, 0.2, "--host-memory", "pageable"),
            *maybe(chance, 0.2, "--what-if", chance.choice(["h2d=2x,copy-launch=0", "hbm=1.4x,flops=1.5x", "host=0"])),
            *maybe(chance, 0.2, "--max-model-len", chance.choice([200, 2000, 30000]))]


def random_words(chance, choices):
    scheduler = chance.choice(choices["--scheduler"])
    engine = {"sglang": random_sglang(chance),
              "trtllm": maybe(chance, 0.7, "--capacity-policy",
                              chance.choice(["guaranteed-no-evict", "max-utilization", "static-batch"]))}
    of_engine = engine[scheduler] if scheduler in engine else random_vllm(chance, scheduler)
    return [str(word) for word in [
        "--scheduler", scheduler, *of_engine, *random_machine(chance), *random_trace(chance),
        *random_policies(chance, {key: values for key, values in choices.items() if key != "--scheduler"}),
        *maybe(chance, 0.3, "--max-concurrency", chance.choice([1, 3, 30])),
        *maybe(chance, 0.2, "--max-num-seqs", chance.choice([1, 4, 60])),
        *maybe(chance, 0.1, "--vllm-args", chance.choice(["--max-num-seqs 40 --swap-space 2 --disable-log-requests",
                                                          "vllm serve x --block-size 32 --no-enable-prefix-caching"])),
        "--seed", chance.randint(0, 9)]]


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


def test_random():
    """Random scenarios over all options are sound, and their figures those of their files"""
    choices = {"--scheduler": names("schedulers"), "--overflow": names("overflow"), "--victim": names("victims"),
               "--admission": names("admission")}
    done = 0
    for seed in range(SEED, SEED + SCENARIOS):
        chance = random.Random(seed)
        words = random_words(chance, choices)
        try:
            done += check_scenario(words) is not None
            if chance.random() < 0.2:
                check_compare(words)
        except Failure as failure:
            raise Failure("TEST_SEED=%d TEST_SCENARIOS=1\n%s" % (seed, failure)) from None
    check(done > SCENARIOS // 4, "%d of %d were run" % (done, SCENARIOS))


main(all_tests(globals()))
