#!/usr/bin/env python3
"""What SGLang's release itself decided. sglang-0.5.23.jsonl holds schedules of the release's own scheduler, prefill adder, allocators and radix cache,
driven on a CPU without a model, where each step takes 1 s: in each the simulator once decided in another way. A line has

    what      what is at stake
    options   of the run; with --disable-hybrid-swa-memory there are no windows
    requests  [arrival_s, prompt, output, max_tokens, family, pages of the prompt that its family shares]
    steps     [mode, free, evictable, and of the windows' pool the same two, waiting, running, full, [[request, tokens], ...], retracted, ratio]
"""
import json

from spillway_test import all_tests, check, check_equal, execute, main, read_json_lines, source, succeed, write

OSS = source("tests", "models", "families", "gpt-oss-20b.json")
SGLANG = ["--executor", "unit", "--model", OSS, "--scheduler", "sglang", "--decisions", "log.jsonl"]


def write_trace(requests, page):
    lines = []
    for i, (arrival, prompt, output, most, family, shared) in enumerate(requests):
        hashes = [(family + 1) * 10**4 + page if page < shared else 10**6 + i * 10**4 + page for page in range(-(-prompt // page))]
        lines.append({"timestamp": arrival * 1000, "input_length": prompt, "output_length": output, "max_tokens": most,
                      "hash_ids": hashes, "hash_block_tokens": page})
    write("trace.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    return ["--trace", "trace.jsonl", "--trace-format", "mooncake"]


def decided(windows):
    keys = ["mode", "free", "evictable", *(["swa_free", "swa_evictable"] if windows else []), "waiting", "running", "full"]
    return [[step[key] for key in keys] + [sorted(entry[:2] for entry in step["scheduled"]), step.get("retracted", []), step["ratio"]]
            for step in read_json_lines("log.jsonl") if "mode" in step]


def test_schedules():
    """Each decision of the release, with what is free and what can be evicted in both pools, is the simulator's"""
    for case in read_json_lines(source("tests", "engines", "sglang-0.5.23.jsonl")):
        options = case["options"]
        page = int(options[options.index("--page-size") + 1])
        succeed("run", *SGLANG, *write_trace(case["requests"], page), *options)
        steps = decided("--disable-hybrid-swa-memory" not in options)
        for i, (found, expected) in enumerate(zip(steps, case["steps"])):
            expected[-3] = sorted(expected[-3])
            check_equal(found, expected, "%s: decision %d" % (case["what"], i))
        check_equal(len(steps), len(case["steps"]), case["what"])


def cut(*requests):
    """A pool of 261 tokens for windows, and chunks of more."""
    return execute("run", *SGLANG, *write_trace(requests, 1), "--page-size", 1, "--max-total-tokens", 900, "--swa-full-tokens-ratio", 0.29,
                   "--chunked-prefill-size", 512, "--max-running-requests", 4, "--format", "json")


def test_cut_prompts():
    """A window pool smaller than a chunk cuts a prompt and leaves room to cut another one: there the release goes wrong, and the run ends"""
    alone = cut([0, 300, 100, 100, 0, 0])
    check_equal(alone.status, 0, alone.err)
    check_equal(alone.json["finished"], 1)
    both = cut([0, 300, 100, 100, 0, 0], [0, 300, 5, 5, 1, 0])
    check_equal([both.status, both.json["end"]], [1, "abort"], both.err)
    check("SGLang 0.5.23 answers the first from the part that it read" in read_json_lines("log.jsonl")[-2]["abort"], both.err)


main(all_tests(globals()))
