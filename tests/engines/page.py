#!/usr/bin/env python3
"""doc/engines.md is what the program does."""
import json
import re

from spillway_test import all_tests, check, check_equal, main, read, run_json, source, write


def test_engines_page():
    """doc/engines.md: its runs come out as it says, and its lines are in their logs."""
    page = read(source("doc", "engines.md")).decode()
    write("four.csv", re.search(r"printf '(.*)' > four.csv", page)[1].replace("\\n", "\n"))
    logged = []
    rows = re.findall(r"^\| `(--scheduler [^`]*)`[^|]* \| (\d+) \| (\d+) s \|$", page, re.M)
    check(len(rows) > 11, str(rows))
    for words, preempted, seconds in rows:
        run = run_json("--executor", "unit", "--trace", "four.csv", *words.split(), "--decisions", "log.jsonl")
        check_equal([run["preemptions"], run["makespan_s"]], [int(preempted), int(seconds)], words)
        logged += [json.loads(line) for line in read("log.jsonl").splitlines()]
    write("same.jsonl", "\n".join(re.findall(r"'(\{[^']*\})'", re.search(r"printf '%s.*> same.jsonl", page)[0])) + "\n")
    shared = re.search(r"spillway run (--executor unit --trace same.jsonl .*)", page)[1]
    run_json(*shared.split(), "--decisions", "log.jsonl")
    logged += [json.loads(line) for line in read("log.jsonl").splitlines()]
    costed = re.findall(r"^\| `((?:vllm|sglang|trtllm)[^`]*)`[^|]* \| (\d+) \| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", page, re.M)
    check(len(costed) > 8, str(costed))
    for words, preempted, again, *seconds in costed:
        run = run_json("--trace", "demo", "--model", "llama-2-7b", "--device", "a100-40gb", "--kv-memory", "3GiB", "--scheduler",
                       *words.split())
        check_equal([str(run["preemptions"]), "{:,}".format(run["recomputed_tokens"])], [preempted, again], words)
        check_equal(["%.1f" % s for s in (run["makespan_s"], run["ttft_s"]["p50"], run["e2e_s"]["mean"])], seconds, words)
    lines = [json.loads(line) for line in re.findall(r"^    (\{.*\})$", page, re.M)]
    check(len(lines) > 5, str(lines))
    for line in lines:
        check(any(all(entry.get(key) == line[key] for key in line) for entry in logged), str(line))


main(all_tests(globals()))
