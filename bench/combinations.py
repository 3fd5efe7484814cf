#!/usr/bin/env python3
"""What a request costs under every combination of engine, copies, overflow, victim and admission policy, worst first.

usage: SPILLWAY=build/spillway BENCH_OUT=FOLDER bench/combinations.py [--screen] [--worst N] [--only WORD]...

A combination is a run on a trace that overflows all the time. All overflow policies meet all victims; admission policies meet
some of both. --screen stops behind the processor's time of each; else the N worst by it (default 40) are run again
under callgrind: instructions a request, of --limit 3000 less --limit 1000, the run without limits among them. --only: those
that have all of these words in their first five columns. BENCH_OUT keeps the times that were taken.
"""
import json
import os
import re
import resource
import subprocess
import sys

from parts import OUT, SPILLWAY, path, table

LIMITS = (1000, 3000)
# Long answers in few blocks: about every second request is preempted, some of them often.
TIGHT = ["--rate", "2.45", "--prompt", "lognormal:mean=211,median=129,max=1000", "--output",
         "lognormal:mean=500,median=350,max=2500"]
SHARED = [*TIGHT, "--shared-prefix", "64", "--prefix-groups", "4"]
LLAMA = ["--model", "llama-2-7b", "--device", "a100-80gb", "--num-gpu-blocks", "1000"]
SGLANG = ["--model", "llama-2-7b", "--device", "a100-80gb", "--scheduler", "sglang", "--max-total-tokens", "16000"]
GROUPS = ["--model", "gpt-oss-120b", "--device", "a100-80gb", "--num-gpu-blocks", "3000"]
HOST = ["--swap-space", "64"]
OVERLAP = [*HOST, "--overlap-copies"]
COPIES = {"in the steps": HOST, "overlap": OVERLAP, "ahead": [*OVERLAP, "--swap-ahead", "50"],
          "disk": ["--overlap-copies", "--swap-space", "0.1", "--kv-offloading-disk", "64"]}
OFFLOAD = {"offload": ["--kv-offloading-size", "64"], "offload, arc": ["--kv-offloading-size", "64", "--eviction-policy", "arc"]}
# Name, the trace, what it is run with, the ways of its copies.
ENGINES = [
    ("vllm", "tight", LLAMA, {**COPIES, **OFFLOAD}),
    ("vllm, uncached", "tight", [*LLAMA, "--no-enable-prefix-caching"], COPIES),
    ("vllm, shared prefixes", "shared", LLAMA, {**COPIES, **OFFLOAD}),
    ("vllm, groups", "tight", GROUPS, {"in the steps": HOST}),
    ("vllm, groups, uncached", "tight", [*GROUPS, "--no-enable-prefix-caching"], COPIES),
    ("vllm, groups, shared prefixes", "shared", GROUPS, {"in the steps": HOST}),
    ("vllm-v1", "tight", [*LLAMA, "--scheduler", "vllm-v1"], COPIES),
    ("vllm-0.19", "tight", [*LLAMA, "--scheduler", "vllm-0.19"], {"in the steps": HOST}),
    ("vllm-0.6", "tight", [*LLAMA, "--scheduler", "vllm-0.6"], COPIES),
    ("vllm-0.6, chunked", "tight", [*LLAMA, "--scheduler", "vllm-0.6", "--enable-chunked-prefill"], COPIES),
    ("vllm-0.5", "tight", [*LLAMA, "--scheduler", "vllm-0.5"], COPIES),
    ("sglang", "tight", SGLANG, {"in the steps": HOST}),
    ("trtllm", "tight", [*LLAMA, "--scheduler", "trtllm", "--capacity-policy", "max-utilization"], {"in the steps": HOST}),
]
ADMITTED = [("recompute", "newest"), ("swap", "newest"), ("auto", "cheapest"), ("split", "shortest")]


def names(kind):
    text = subprocess.run([SPILLWAY, "list", kind], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^  ([a-z-]+) ", text, re.M)


def run(words, before=()):
    """The error output of a run; None where it is refused."""
    done = subprocess.run([*before, SPILLWAY, "run", *words, "--format", "json"], capture_output=True, text=True, check=False)
    return done.stderr if done.returncode == 0 else None


def combinations(only):
    """What each is called, and its words."""
    choices = [(o, v, "engine") for o in names("overflow") for v in names("victims")]
    choices += [(o, v, a) for o, v in ADMITTED for a in names("admission") if a != "engine"]
    for engine, trace, words, copies in ENGINES:
        for way, more in copies.items():
            for overflow, victim, admission in choices:
                if way.startswith("offload") != (overflow == "offload"):
                    continue
                name = (engine, way, overflow, victim, admission)
                if all(word in " ".join(name).split() or word in name for word in only):
                    yield name, [*words, *more, "--trace", path(trace + "-combinations.bin"), "--overflow", overflow, "--victim", victim,
                                 "--admission", admission]


def seconds(words):
    """Of the processor, a request; the least of three runs. None: refused."""
    least = None
    for _ in range(3):
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        if run([*words, "--limit", str(LIMITS[1])]) is None:
            return None
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = (end.ru_utime - start.ru_utime + end.ru_stime - start.ru_stime) / LIMITS[1]
        least = spent if least is None else min(least, spent)
    return least


def instructions(words):
    """A request."""
    counts = []
    for limit in LIMITS:
        errors = run([*words, "--limit", str(limit)], ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"])
        counts.append(int(re.search(r"Collected : (\d+)", errors).group(1)))
    return (counts[1] - counts[0]) // (LIMITS[1] - LIMITS[0])


def screened(only):
    """All that run, by the processor's time, worst first. Kept as they are made."""
    kept, name = {}, path("combinations.jsonl")
    if os.path.exists(name):
        with open(name, encoding="utf-8") as file:
            kept = {tuple(key): spent for key, spent in map(json.loads, file)}
    found = []
    with open(name, "a", encoding="utf-8") as file:
        for key, words in combinations(only):
            if key not in kept:
                kept[key] = seconds(words)
                file.write(json.dumps([key, kept[key]]) + "\n")
                file.flush()
            if kept[key] is not None:
                found.append((kept[key], key, words))
    return sorted(found, reverse=True)


def make_traces():
    os.makedirs(OUT, exist_ok=True)
    for name, words in (("tight", TIGHT), ("shared", SHARED)):
        if not os.path.exists(path(name + "-combinations.bin")):
            subprocess.run([SPILLWAY, "trace", "gen", "--requests", "10000", *words, "-o", path(name + "-combinations.bin")], check=True)


def main(words):
    screen, worst, only = False, 40, []
    while words:
        word = words.pop(0)
        if word == "--screen":
            screen = True
        elif word == "--worst" and words and words[0].isdigit():
            worst = int(words.pop(0))
        elif word == "--only" and words:
            only.append(words.pop(0))
        else:
            raise SystemExit(__doc__)
    make_traces()
    found = screened(only)
    rows = [[*key, "%.1f" % (1e6 * spent)] for spent, key, _ in found]
    head = ["engine", "copies", "overflow", "victim", "admission", "µs a request"]
    if not screen:
        rows = [[*row, "{:,}".format(instructions(run_words))] for row, (_, _, run_words) in zip(rows[:worst], found)]
        rows.sort(key=lambda row: -int(row[-1].replace(",", "")))
        head.append("instructions a request")
    print("%d combinations run.\n\n%s" % (len(found), table(head, rows)), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
