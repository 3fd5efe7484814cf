#!/usr/bin/env python3
"""Against a second simulator (plain_engine.py): over random scenarios every request's first token, end and preemptions are the same to the
picosecond: chunks, pools that overflow, recompute, swap, partial; links, hosts and disks that fill up beside the steps; several engines.

TEST_PLAIN: how many scenarios (60); TEST_SEED: the first seed (1).
"""
import csv
import os
import random
import re
from decimal import Decimal

from plain_engine import STEP_PS, Machine, Request, ceil, simulate
from random_words import seeded
from spillway_test import HEADER, all_tests, check, check_equal, main, read, source, succeed, write

SCENARIOS = int(os.environ.get("TEST_PLAIN", "60"))
SEED = int(os.environ.get("TEST_SEED", "1"))
USUAL = SEED == 1 and SCENARIOS >= 60  # what is rare is among them
LAYERS, HIDDEN, BYTES = 32, 4096, 2  # llama-2-7b
LINK, LAUNCH_PS = 25e9, 3_300_000  # a100-40gb: bytes a second
DISK_WRITE, DISK_READ = (15_000_000, 5.6e9), (80_000_000, 6.8e9)  # nvme-pcie4


def constant_host():
    """A host with which each step takes STEP_PS, whatever is in it."""
    with open(source("calib", "hosts", "unknown.ini")) as file:
        text = file.read()
    return re.sub(r"^(\w+_us)=.*$", lambda found: "%s=%d" % (found[1], STEP_PS // 10**6 if found[1] in ("step_us", "step_least_us", "step_most_us") else 0), text, flags=re.M)


def random_requests(chance):
    most_prompt, most_output, now_ps, requests = chance.choice([10, 60, 200]), chance.choice([5, 40, 100]), 0, []
    for _ in range(chance.randint(1, 25)):
        now_ps += chance.choice([0, 0, STEP_PS // 3, STEP_PS, 3 * STEP_PS, 20 * STEP_PS, chance.randint(0, 5 * STEP_PS)])
        requests.append((now_ps, chance.randint(1, most_prompt), chance.randint(1, most_output)))
    return requests


def random_rules(chance, requests):
    block_size = chance.choice([1, 2, 8, 16])
    longest = max(prompt + output for _, prompt, output in requests)
    need = ceil(longest, block_size) + 1
    rules = {"block_size": block_size, "blocks": need + chance.choice([1, 3, need // 2 + 1, 2 * need]), "seqs": chance.choice([1, 3, 8, 256]),
             "budget": chance.choice([16, 64, 256, 2048]), "threshold": chance.choice([0, 0, 7, 33]), "chunked": True,
             "overflow": chance.choice(["recompute", "swap", "swap", "partial"]), "ahead": chance.choice([0, 0, 2]), "overlap": False,
             "host": chance.choice([0, need // 2, 3 * need, 1000]), "disk": 0}
    if chance.random() < 0.2 and rules["budget"] >= longest:
        rules.update(chunked=False, threshold=0)
    if rules["overflow"] == "swap" and chance.random() < 0.7:
        rules["overlap"] = True
        if chance.random() < 0.7:
            rules.update(disk=chance.choice([3, need, 100 * need]), host=chance.choice([1, 2, need // 3 + 1, need]))
    return rules, longest


def words_of(rules, longest, depth, engines, router):
    words = ["run", "--model", "llama-2-7b", "--device", "a100-40gb", "--host", "host.ini", "--what-if", "flops=0,hbm=0,launch=0,comm=0,front-end=0",
             "--scheduler", "vllm-v1", "--no-enable-prefix-caching", "--copy-path", "per-block", "--trace", "t.csv", "--block-size", rules["block_size"],
             "--num-gpu-blocks", rules["blocks"], "--max-num-seqs", rules["seqs"], "--max-num-batched-tokens", rules["budget"],
             "--max-model-len", longest + 1, "--overflow", rules["overflow"]]
    words += ["--long-prefill-token-threshold", rules["threshold"]] if rules["threshold"] else []
    words += [] if rules["chunked"] else ["--no-enable-chunked-prefill"]
    words += ["--num-cpu-blocks", rules["host"]] if rules["overflow"] == "swap" else []
    words += ["--partial-ahead-blocks", rules["ahead"]] if rules["overflow"] == "partial" else []
    words += ["--overlap-copies"] if rules["overlap"] else []
    words += ["--num-disk-blocks", rules["disk"], "--disk-queue-depth", depth] if rules["disk"] else []
    # Without front ends servers are engines.
    return words + ([["--data-parallel-size", "--instances"][rules["seqs"] % 2], engines, "--router", router] if engines > 1 else [])


def machine_of(rules, depth):
    block_bytes = LAYERS * HIDDEN * 2 * BYTES * rules["block_size"]
    disk = [(latency, round(block_bytes / rate * 10**12)) for latency, rate in (DISK_WRITE, DISK_READ)]
    return Machine(round(block_bytes / LINK * 10**12) + LAUNCH_PS, disk, depth)


def exact_s(ps):
    return Decimal(ps) / 10**12


def compare(seed):
    """What happened in it: the overflow policy, and whether anybody was preempted."""
    chance = random.Random(seed)
    drawn = random_requests(chance)
    rules, longest = random_rules(chance, drawn)
    engines, router, depth = chance.choice([1, 1, 1, 2, 3]), chance.choice(["round-robin", "least-requests", "least-tokens", "least-kv", "session"]), chance.choice([1, 4, 32])
    requests = [Request(*one) for one in drawn]
    write("host.ini", constant_host())
    write("t.csv", HEADER + "".join("%s,%d,%d\n" % (exact_s(arrival), prompt, output) for arrival, prompt, output in drawn))
    simulate(rules, machine_of(rules, depth), requests, engines, router)
    succeed(*words_of(rules, longest, depth, engines, router), "--requests", "r.csv")
    found = {int(row["id"]): (Decimal(row["first_token_s"]), Decimal(row["finish_s"]), int(row["preemptions"]))
             for row in csv.DictReader(read("r.csv").decode().splitlines())}
    expected = {i: (exact_s(one.first_ps), exact_s(one.end_ps), one.preemptions) for i, one in enumerate(requests)}
    check_equal(found, expected, (rules, engines, router))
    kind = "disk" if rules["disk"] else "overlap" if rules["overlap"] else rules["overflow"]
    return kind, any(one.preemptions for one in requests)


def test_the_same():
    """All times are those of a second simulator, written from the rules"""
    kinds = set()
    for seed in range(SEED, SEED + SCENARIOS):
        with seeded(seed, "TEST_PLAIN=1"):
            kinds.add(compare(seed))
    overflowed = {kind for kind, preempted in kinds if preempted}
    check(overflowed == {"recompute", "swap", "partial", "overlap", "disk"} or not USUAL, overflowed)


main(all_tests(globals()))
