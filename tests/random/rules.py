#!/usr/bin/env python3
"""Against three more simulators (vllm_engine.py, sglang_engine.py, trtllm_engine.py): over random scenarios every line of the log of decisions is
the same. The recordings of the real engines switch on one thing at a time; here all go together, and prefixes are shared.

TEST_RULES: how many scenarios of each engine (60); TEST_SEED: the first seed (1).
"""
import json
import os
import random

import sglang_engine
import trtllm_engine
import vllm_engine
from plain_engine import ceil
from random_words import seeded
from spillway_test import HEADER, all_tests, check, check_equal, main, read, succeed, write

SCENARIOS = int(os.environ.get("TEST_RULES", "60"))
SEED = int(os.environ.get("TEST_SEED", "1"))
USUAL = SEED == 1 and SCENARIOS >= 60  # what is rare is among them
HASH_TOKENS = 16


def random_lengths(chance):
    """[(arrival, prompt, output)]"""
    most_prompt, most_output, now, drawn = chance.choice([20, 80, 200]), chance.choice([5, 30, 80]), 0, []
    for _ in range(chance.randint(1, 14)):
        now += chance.choice([0, 0, 0, 0.25, 0.75, 1, 3, 20])
        drawn.append((now, chance.randint(1, most_prompt), chance.randint(1, most_output)))
    return drawn


def random_hashes(chance, drawn):
    """Of each prompt; most begin as one before does. What is not whole is shared by nobody."""
    known, named, found = [], 0, []
    for _, prompt, _ in drawn:
        whole = prompt // HASH_TOKENS
        like = chance.choice(known) if known and chance.random() < 0.6 else []
        hashes = like[:chance.randint(0, min(len(like), whole))]
        own = ceil(prompt, HASH_TOKENS) - len(hashes)
        hashes += range(named, named + own)
        named += own
        known.append(hashes[:whole])
        found.append(hashes)
    return found


def log_of(words, trace, asynchronous):
    write(trace[1], trace[0])
    succeed("run", "--executor", "unit", *words, "--trace", trace[1], "--trace-format", trace[2], "--decisions", "d.jsonl")
    lines = [line for line in map(json.loads, read("d.jsonl").decode().splitlines()) if "kind" not in line]
    for line in lines:
        if asynchronous:
            line["step"] = round(float(line["t"]))
    return lines


def check_lines(found, expected, other, rules):
    """`other`: keys that only the program tells."""
    for one, wanted in zip(found, expected):
        check_equal({key: value for key, value in one.items() if key not in other}, wanted, rules)
    check_equal(len(found), len(expected), rules)


# vLLM ---------------------------------------------------------------------------------------


def random_vllm(chance, drawn):
    version = chance.choice([33, 33, 33, 31, 24, 22, 19, 14, 10, 8])
    longest = max(prompt + output for _, prompt, output in drawn)
    length = chance.choice([longest + 1, longest + 5, max(max(prompt for _, prompt, _ in drawn) + 1, longest - 10)])
    block_size, seqs = chance.choice([1, 2, 4, 8, 16, 32, 256]), chance.choice([1, 2, 4, 64])
    need = ceil(length, block_size)
    rules = {"version": version, "block_size": block_size, "blocks": need + 1 + chance.choice([0, 1, 3, need // 2, 2 * need]), "seqs": seqs,
             "active": min(seqs, chance.choice([1, 2, 64, 64, 64])) if version >= 31 else seqs, "budget": chance.choice([1, 8, 16, 64, 512]),
             "longest": length, "threshold": chance.choice([0, 0, 5, 20]), "chunked": True, "caching": chance.random() < 0.7,
             "asynchronous": version >= 10 and chance.random() < 0.5, "gate": version >= 19 and chance.random() < 0.6, "watermark": 0,
             "interval": chance.choice([1, 1, 2, 4]) if version >= 33 else 1}
    if chance.random() < 0.15:
        rules.update(chunked=False, budget=max(length, 64), threshold=0)
    share = chance.choice([0, 0, 0.01, 0.05, 0.2, 0.5]) if version >= 24 else 0
    rules["watermark"] = int(share * rules["blocks"])
    return rules, share


def vllm_words(rules, share):
    words = ["--scheduler", "vllm-0.%d" % rules["version"], "--block-size", rules["block_size"], "--num-gpu-blocks", rules["blocks"],
             "--max-num-seqs", rules["seqs"], "--max-num-batched-tokens", rules["budget"], "--max-model-len", rules["longest"],
             "--enable-chunked-prefill" if rules["chunked"] else "--no-enable-chunked-prefill",
             "--enable-prefix-caching" if rules["caching"] else "--no-enable-prefix-caching"]
    words += ["--async-scheduling" if rules["asynchronous"] else "--no-async-scheduling"] if rules["version"] >= 10 else []
    words += ["--long-prefill-token-threshold", rules["threshold"]] if rules["threshold"] else []
    words += ["--no-scheduler-reserve-full-isl"] if rules["version"] >= 19 and not rules["gate"] else []
    words += ["--watermark", share] if share else []
    words += ["--prefill-schedule-interval", rules["interval"]] if rules["interval"] > 1 else []
    return words + (["--max-num-active-seqs", rules["active"]] if rules["active"] < rules["seqs"] else [])


def compare_vllm(seed):
    """What happened in it."""
    chance = random.Random(seed)
    drawn = random_lengths(chance)
    rules, share = random_vllm(chance, drawn)
    hashes = random_hashes(chance, drawn) if chance.random() < 0.6 else [None] * len(drawn)
    requests = [vllm_engine.Request(i, *one, shared, HASH_TOKENS) for i, (one, shared) in enumerate(zip(drawn, hashes))]
    trace = HEADER + "".join("%s,%d,%d\n" % one for one in drawn), "t.csv", "spillway"
    if hashes[0] is not None:
        keys = [{"chat_id": i, "parent_chat_id": -1, "timestamp": float(one[0]), "input_length": one[1], "output_length": one[2], "type": "text",
                 "turn": 1, "hash_ids": shared} for i, (one, shared) in enumerate(zip(drawn, hashes))]
        trace = "".join(json.dumps(one) + "\n" for one in keys), "t.jsonl", "bailian"
    expected = vllm_engine.simulate(rules, requests)
    check_lines(log_of(vllm_words(rules, share), trace, rules["asynchronous"]), expected, {"t", "cpu_free", "swapped"}, rules)
    return {what for what in ("preempted", "cached") if any(what in line for line in expected)}


# SGLang -------------------------------------------------------------------------------------


def random_sglang(chance, drawn):
    """And what each request announces as its longest output."""
    ends_early = chance.random() < 0.4
    announced = [output * (chance.choice([1, 2, 4]) if ends_early else 1) for _, _, output in drawn]
    page, length = chance.choice([1, 1, 2, 16, 64]), max(one[1] + most for one, most in zip(drawn, announced))
    need = ceil(length + 1, page) + 3
    rules = {"page": page, "pool": page * (need + chance.choice([0, 1, need // 2, 2 * need])), "running": chance.choice([1, 2, 4, 64]),
             "chunk": chance.choice([0, page * chance.choice([1, 2, 8]), page * ceil(64, page), 8192]), "input": chance.choice([16384, 50, 200]),
             "overlap": chance.random() < 0.5, "mixed": chance.random() < 0.4, "ignore_eos": not ends_early and chance.random() < 0.3,
             "conservativeness": chance.choice([1, 1, 0.3, 0.1, 2]), "longest": length + 60}
    if rules["chunk"] == 0:
        rules["mixed"] = False
    return rules, announced


def sglang_words(rules):
    words = ["--scheduler", "sglang", "--disable-radix-cache", "--page-size", rules["page"], "--max-total-tokens", rules["pool"],
             "--max-running-requests", rules["running"], "--chunked-prefill-size", rules["chunk"] or -1, "--max-prefill-tokens", rules["input"],
             "--schedule-conservativeness", rules["conservativeness"], "--max-model-len", rules["longest"] + 1]
    words += [] if rules["overlap"] else ["--disable-overlap-schedule"]
    words += ["--enable-mixed-chunk"] if rules["mixed"] else []
    return words + (["--ignore-eos"] if rules["ignore_eos"] else [])


def compare_sglang(seed):
    chance = random.Random(seed)
    drawn = random_lengths(chance)
    rules, announced = random_sglang(chance, drawn)
    rows = "".join("%s,%d,%d,%d\n" % (*one, most) for one, most in zip(drawn, announced))
    trace = HEADER.replace("\n", ",max_tokens\n") + rows, "t.csv", "spillway"
    expected = sglang_engine.simulate(rules, [sglang_engine.Request(i, *one, most) for i, (one, most) in enumerate(zip(drawn, announced))])
    found = log_of(sglang_words(rules), trace, rules["overlap"])
    for one, wanted in zip(found, expected):
        check(abs(one["ratio"] - wanted.pop("ratio")) < 2e-9, (one, rules))
    check_lines(found, expected, {"t", "evictable", "ratio"}, rules)
    return {what for what in ("retracted", "mixed") if any(what in line or line["mode"] == what for line in expected)}


# TensorRT-LLM -------------------------------------------------------------------------------


def compare_trtllm(seed):
    chance = random.Random(seed)
    drawn = random_lengths(chance)
    announced = [output * chance.choice([1, 1, 2]) for _, _, output in drawn]
    length, block_size = max(one[1] + most for one, most in zip(drawn, announced)), chance.choice([1, 8, 16, 32])
    need = ceil(length, block_size)
    rules = {"policy": chance.choice(["guaranteed-no-evict", "max-utilization", "static-batch"]), "block_size": block_size,
             "blocks": need + chance.choice([0, 1, 3, need]), "seqs": chance.choice([1, 2, 4, 64]),
             "budget": max(length, chance.choice([64, 256, 2048]))}
    rows = "".join("%s,%d,%d,%d\n" % (*one, most) for one, most in zip(drawn, announced))
    words = ["--scheduler", "trtllm", "--no-enable-prefix-caching", "--block-size", block_size, "--num-gpu-blocks", rules["blocks"], "--max-num-seqs",
             rules["seqs"], "--max-num-batched-tokens", rules["budget"], "--max-model-len", length + 1, "--capacity-policy", rules["policy"]]
    expected = trtllm_engine.simulate(rules, [trtllm_engine.Request(i, *one, most) for i, (one, most) in enumerate(zip(drawn, announced))])
    lines = log_of(words, (HEADER.replace("\n", ",max_tokens\n") + rows, "t.csv", "spillway"), False)
    found = [(line["step"], [one[:2] for one in line["scheduled"]], [one[0] for one in line.get("preempted", [])], line["gpu_free"]) for line in lines]
    check_equal(found, expected, rules)
    return {rules["policy"]} | ({"paused"} if any(line[2] for line in expected) else set())


def compare_all(compare, expected):
    happened = set()
    for seed in range(SEED, SEED + SCENARIOS):
        with seeded(seed, "TEST_RULES=1"):
            happened |= compare(seed)
    check(happened == expected or not USUAL, happened)


def test_vllm():
    """vLLM 0.8 to 0.33: every decision is that of a second simulator, written from the rules"""
    compare_all(compare_vllm, {"preempted", "cached"})


def test_sglang():
    """SGLang without a radix cache: so it is"""
    compare_all(compare_sglang, {"retracted", "mixed"})


def test_trtllm():
    """TensorRT-LLM without block reuse, under each capacity policy: so it is"""
    compare_all(compare_trtllm, {"guaranteed-no-evict", "max-utilization", "static-batch", "paused"})


main(all_tests(globals()))
