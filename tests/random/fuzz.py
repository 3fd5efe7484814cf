#!/usr/bin/env python3
"""Mutated traces, models and devices, and option values at their limits: whatever comes, the program ends by
itself with a status that it knows and a message where it is not 0. Worth most in a build --enable-sanitizers.

TEST_FUZZ_S: how long, in seconds (8); TEST_FUZZ_SEED: the first seed (1). A failure names the seed of its case,
which TEST_FUZZ_SEED with TEST_FUZZ_S=0 tries again; TEST_FUZZ_KEEP=FOLDER: the case's files are then left there.
"""
import gzip
import itertools
import os
import random
import shutil
import struct
import time

from spillway_test import (HARDWARE, Failure, all_tests, check, execute, main, read, source, succeed,
                           write)

SECONDS = float(os.environ.get("TEST_FUZZ_S", "8"))
SEED = int(os.environ.get("TEST_FUZZ_SEED", "1"))
KEEP = os.environ.get("TEST_FUZZ_KEEP") and os.path.abspath(os.environ["TEST_FUZZ_KEEP"])
LIMITS = ["--limit", "40"]
NASTY = [b"-1", b"0", b"4294967296", b"99999999999999999999", b"nan", b"inf", b"1e308", b"1e-320", b"0x7f", b"",
         b",", b'"', b"\n", b"\0", b"\xff\xfe", b"{", b"}", b"[[[[", b"null", b"=", b"#", b"9223372036854775807"]
NUMBERS = ["0", "1", "2", "3", "16", "65536", "2147483647", "4294967295", "4294967296", "-1", "1e9", "0.5", "100%",
           "0.0001%", "1", "1B", "39GiB", "1TiB"]
COUNTS = ["--limit", "--block-size", "--num-gpu-blocks", "--max-num-seqs", "--max-num-batched-tokens",
          "--max-model-len", "--num-cpu-blocks", "--long-prefill-token-threshold", "--tensor-parallel-size",
          "--kv-memory", "--swap-space", "--gpu-memory-utilization", "--watermark", "--time-scale", "--seed",
          "--num-offload-blocks", "--kv-offloading-size", "--max-concurrency", "--num-prompts", "--request-rate",
          "--burstiness", "--random-input-len", "--random-output-len", "--random-range-ratio", "--max-num-active-seqs",
          "--prefill-schedule-interval", "--page-size", "--max-total-tokens", "--mem-fraction-static", "--swa-full-tokens-ratio",
          "--max-running-requests", "--chunked-prefill-size", "--max-prefill-tokens", "--schedule-conservativeness",
          "--swap-from-blocks", "--split-cuts", "--partial-ahead-blocks", "--admission-watermark", "--reserve-share",
          "--reserve-learning", "--past-future-quantile", "--unit-copy-steps"]
CHOICES = [["--scheduler", "vllm-v1"], ["--scheduler", "vllm-0.6"], ["--scheduler", "vllm-0.5"],
           ["--overflow", "swap"], ["--block-manager", "2"], ["--enable-chunked-prefill"],
           ["--no-enable-chunked-prefill"], ["--enable-prefix-caching"], ["--executor", "unit"],
           ["--scheduler", "vllm-0.33"], ["--scheduler", "sglang"], ["--scheduler", "sglang", "--enable-mixed-chunk"],
           ["--scheduler", "trtllm"], ["--scheduler", "trtllm", "--capacity-policy", "static-batch"],
           ["--async-scheduling"], ["--overflow", "split"], ["--overflow", "partial"], ["--overflow", "threshold"],
           ["--overflow", "auto"], ["--victim", "cheapest"], ["--admission", "reserve"], ["--admission", "past-future"],
           ["--admission", "watermark"]]


def mutate(data, chance):
    """One to four changes: a byte flipped, a part dropped, doubled or replaced, an end cut off."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice([0, 1, 1, 2, 4, 16, 100]))
        kind = chance.randrange(5)
        if kind == 0 and start < len(data):
            data = data[:start] + bytes([data[start] ^ 1 << chance.randrange(8)]) + data[start + 1:]
        elif kind == 1:
            data = data[:start] + data[end:]
        elif kind == 2:
            data = data[:end] + data[start:]
        elif kind == 3:
            data = data[:start] + chance.choice(NASTY) + data[end:]
        elif chance.random() < 0.3:
            data = data[:start]
    return data


def trace_seeds():
    """A small trace of every form, and one packed."""
    succeed("trace", "convert", "chat-turns", "-o", "turns", "--to", "mooncake", "--limit", "12")
    seeds = [read("turns")]
    succeed("trace", "gen", "--requests", "20", "--rate", "5", "--prompt", "uniform:1,900", "--output",
            "uniform:1,200", "-o", "plain.csv")
    write("whole.csv", "arrival_s,prompt_tokens,output_tokens,id,priority\n0,5,6,a,1\n3,7,8,\"b\",-2\n")
    for form in ("spillway", "azure", "vidur", "benchmark", "binary"):
        succeed("trace", "convert", "plain.csv", "-o", form, "--to", form)
        seeds.append(read(form))
    succeed("trace", "convert", "whole.csv", "-o", "steps", "--to", "steps")
    return seeds + [read("steps"), read("whole.csv"), gzip.compress(seeds[1]), *binary_seeds()]


def binary_seeds():
    """Binary traces with every part that they can have, one of them packed."""
    succeed("trace", "convert", "whole.csv", "-o", "names.bin")
    succeed("trace", "convert", "turns", "--trace-format", "mooncake", "-o", "hashes.bin")
    return [read("names.bin"), read("hashes.bin"), gzip.compress(read("hashes.bin"))]


def sum_up(data):
    """A binary trace whose length and checksum are right, so that more than these is tried."""
    words = list(struct.unpack("<%dQ" % (len(data) // 8), data[:len(data) // 8 * 8]))[:-2]
    if len(words) > 6:
        words[6] = 8 * len(words) + 16
    total = rising = 0
    for word in words:
        total = (total + word) % 2**64
        rising = (rising + total) % 2**64
    return struct.pack("<%dQ" % (len(words) + 2), *words, total, rising)


def mutated_binary(chance, traces):
    data = bytearray(chance.choice(traces))
    for _ in range(chance.randint(1, 3)):
        at = 8 + chance.randrange(len(data) - 8)
        data[at] = chance.choice([0, 1, 2, 16, 127, 128, 255, chance.randrange(256)])
    write("t", gzip.compress(sum_up(bytes(data))) if chance.random() < 0.2 else sum_up(bytes(data)))
    if chance.random() < 0.5:
        return ["trace", "convert", "t", "-o", "again", "--to", chance.choice(["binary", "mooncake"])]
    return ["run", *HARDWARE, "--trace", "t", *LIMITS, "--kv-memory", "5%", "--enable-prefix-caching"]


def mutated_trace(chance, traces):
    write("t", mutate(chance.choice(traces), chance))
    if chance.random() < 0.3:
        return ["trace", "show", "t"]
    return ["run", *HARDWARE, "--trace", "t", *LIMITS, "--kv-memory", "5%", *chance.choice(CHOICES[:4])]


def mutated_model(chance, models):
    write("m.json", mutate(chance.choice(models), chance))
    if chance.random() < 0.5:
        return ["model", "show", "m.json"]
    return ["run", "--model", "m.json", "--device", "h200", "--trace", "demo", *LIMITS]


def mutated_device(chance, devices):
    write("d.ini", mutate(chance.choice(devices), chance))
    if chance.random() < 0.5:
        return ["crossover", "--model", "llama-2-7b", "--device", "d.ini"]
    return ["run", "--model", "llama-2-7b", "--device", "d.ini", "--trace", "demo", *LIMITS]


def odd_options(chance, _):
    words = ["run", *HARDWARE, "--trace", "demo", *LIMITS]
    for choice in chance.sample(CHOICES, chance.randint(0, 3)):
        words += choice
    for option in chance.sample(COUNTS, chance.randint(1, 4)):
        words += ["%s=%s" % (option, chance.choice(NUMBERS))]
    return words


def all_of(*folder):
    return [read(source(*folder, name)) for name in sorted(os.listdir(source(*folder)))
            if name.endswith((".json", ".ini"))]


def fuzz(case, material, seconds):
    """Cases with seeds from SEED on, for so long."""
    end = time.monotonic() + seconds
    for seed in itertools.count(SEED):
        words = case(random.Random(seed), material)
        try:
            result = execute(*words)
            check(result.status == 0 or result.messages, "no message\n%s" % result)
            check(len(result.messages) <= 1, "more than one message\n%s" % result)
        except Failure as failure:
            if KEEP:
                shutil.copytree(".", KEEP, dirs_exist_ok=True)
            raise Failure("TEST_FUZZ_SEED=%d TEST_FUZZ_S=0\n%s" % (seed, failure)) from None
        if time.monotonic() >= end:
            return


def test_traces():
    """Mutated traces."""
    fuzz(mutated_trace, trace_seeds(), SECONDS * 0.3)


def test_binary_traces():
    """Mutated binary traces, summed up well."""
    trace_seeds()
    fuzz(mutated_binary, binary_seeds()[:2], SECONDS * 0.1)


def test_models():
    """Mutated models."""
    fuzz(mutated_model, all_of("models"), SECONDS * 0.2)


def test_devices():
    """Mutated devices."""
    fuzz(mutated_device, all_of("calib", "devices"), SECONDS * 0.2)


def test_options():
    """Numbers at their limits and combinations of options."""
    fuzz(odd_options, None, SECONDS * 0.2)


main(all_tests(globals()))
