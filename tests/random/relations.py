#!/usr/bin/env python3
"""What two runs must have in common, over random scenarios: engines that share nothing and the halves of their load alone; requests that arrive
when others leave and the same arrivals as a trace; a trace and its beginning; policies where there is room for all; prompts without hashes and
with hashes that none shares; one machine and one that is four times as fast; a trace in any order of its lines; a trace and its two parts; a sweep, its two
shards and the two halves of its grid.

TEST_RELATIONS: how many scenarios of each (8); TEST_SEED: the first seed (1).
"""
import csv
import json
import os
import random
import re

from random_words import maybe, seeded
from spillway_test import HEADER, all_tests, check, check_equal, execute, main, read, read_json_lines, succeed, write

SCENARIOS = int(os.environ.get("TEST_RELATIONS", "8"))
SEED = int(os.environ.get("TEST_SEED", "1"))
ENGINES = [["vllm-0.5"], ["vllm-0.6"], ["vllm-0.6", "--enable-chunked-prefill"], ["vllm-0.8"], ["vllm-v1"], ["vllm-0.14"], ["vllm-0.18"],
           ["vllm-0.26"], ["vllm-0.33"], ["vllm-0.33", "--no-async-scheduling"], ["vllm-0.33", "--num-offload-blocks", "300"], ["sglang"],
           ["sglang", "--disable-overlap-schedule", "--page-size", "16"], ["sglang", "--enable-mixed-chunk", "--chunked-prefill-size", "128"],
           ["trtllm"], ["trtllm", "--capacity-policy", "max-utilization"], ["trtllm", "--enable-chunked-prefill"]]
ROUTERS = ["round-robin", "least-requests", "least-tokens", "least-kv", "two-choices"]
LATE_S = 1000


def random_engine(chance):
    words = ["--scheduler", *chance.choice(ENGINES)]
    if "--num-offload-blocks" in words:
        return words
    is_vllm = words[1].startswith("vllm")
    words += maybe(chance, 0.6, "--overflow", chance.choice(["swap", "auto", "split", *(["partial", "threshold"] if is_vllm else [])]),
                   *maybe(chance, 0.4, "--layerwise-copies"), *maybe(chance, 0.3, "--num-cpu-blocks", chance.choice([5, 40, 400])),
                   *(maybe(chance, 0.4, "--overlap-copies", *maybe(chance, 0.4, "--num-disk-blocks", 300)) if is_vllm else []))
    words += maybe(chance, 0.3 if is_vllm else 0, "--victim", chance.choice(["oldest", "longest", "cheapest", "least-left"]))
    return words + maybe(chance, 0.4 if words[1] > "vllm-0.7" else 0, "--no-enable-prefix-caching")


def random_requests(chance, count):
    gap, longest, outputs, at = chance.choice([0.01, 0.1, 0.4]), chance.choice([30, 300, 900]), chance.choice([10, 60, 200]), 0
    requests = []
    for _ in range(count):
        at = round(at + chance.choice([0, 0, gap, 2 * gap * chance.random()]), 6)
        requests.append((at, chance.randint(1, longest), chance.randint(1, outputs)))
    return requests


def write_trace(path, requests):
    write(path, HEADER + "".join("%s,%s,%s\n" % request for request in requests))


def machine(chance, longest):
    """A dense model on an engine whose pool is short, or not."""
    words = ["--model", chance.choice(["llama-2-7b", "llama-3.1-8b"]), "--device", chance.choice(["a100-40gb", "h100-sxm"]), *random_engine(chance)]
    blocks = int((longest / 16 + 2) * chance.choice([1.3, 2, 4])) + 4
    pool = ["--max-total-tokens", 16 * blocks] if "sglang" in words else ["--num-gpu-blocks", blocks, "--block-size", 16]
    return [*words, *pool, "--max-model-len", longest + 20]


def scenario(chance):
    requests = random_requests(chance, chance.randint(2, 40))
    return machine(chance, max(prompt + output for _, prompt, output in requests)), requests


def rows(*words):
    """By request what is told of it; None: the options do not go together, or the run did not end well."""
    result = execute("run", *words, "--requests", "rows.csv")
    if result.status != 0:
        return None
    return {row["id"]: row for row in csv.DictReader(read("rows.csv").decode().splitlines())}


def each(try_one):
    done = 0
    for seed in range(SEED, SEED + SCENARIOS):
        with seeded(seed, "TEST_RELATIONS=1"):
            done += bool(try_one(random.Random(seed)))
    check(done > SCENARIOS // 4 or SCENARIOS < 8, "%d of %d were run" % (done, SCENARIOS))


def test_halves():
    """Two engines that get requests in turn do what each alone does with its half"""
    def try_one(chance):
        words, requests = scenario(chance)
        write_trace("t.csv", requests)
        both = rows(*words, "--what-if", "front-end=0", "--trace", "t.csv", *chance.choice([["--data-parallel-size", 2, "--router", "round-robin"], ["--instances", 2]]))
        for half in (0, 1) if both is not None else ():
            write_trace("h.csv", requests[half::2])
            alone = rows(*words, "--what-if", "front-end=0", "--trace", "h.csv")
            expected = {name: {**both[str(2 * int(name) + half)], "id": name} for name in alone}
            check_equal(alone, expected, words)
        return both
    each(try_one)


def sessions(chance):
    lines = []
    for session in range(chance.randint(1, 6)):
        for turn in range(chance.randint(1, 6)):
            when = {"timestamp": chance.choice([0, 0, 1000, 5000])} if turn == 0 else {"delay": chance.choice([0, 0, 10, 500, 3000])}
            lines.append({"session_id": str(session), **when, "input_length": chance.randint(1, 300), "output_length": chance.randint(1, 100)})
    return "".join(json.dumps(line) + "\n" for line in lines)


def test_closed():
    """Requests that arrive when others have left, or are turns of sessions, do as a trace with those arrivals, whichever engine stands idle"""
    def try_one(chance):
        words, requests = scenario(chance) if chance.random() < 0.3 else (machine(chance, 402), None)
        words += ["--what-if", "front-end=0", *maybe(chance, 0.6, chance.choice(["--data-parallel-size", "--instances"]), chance.choice([2, 3]), "--router", chance.choice(ROUTERS))]
        if requests is not None:
            write_trace("t.csv", requests)
            found = rows(*words, "--trace", "t.csv", "--max-concurrency", chance.choice([1, 2, 5]))
        else:
            write("t.jsonl", sessions(chance))
            found = rows(*words, "--trace", "t.jsonl", *maybe(chance, 0.3, "--max-concurrency", chance.choice([1, 2, 5])))
        if found is None or any(row["status"] != "finished" for row in found.values()):
            return False
        write_trace("again.csv", [(row["arrival_s"], row["prompt_tokens"], row["output_tokens"]) for row in found.values()])
        again = rows(*words, "--trace", "again.csv")
        check_equal([{**row, "id": ""} for row in again.values()], [{**row, "id": ""} for row in found.values()], words)
        return True
    each(try_one)


def test_beginning():
    """What comes when all have left changes nothing before; --limit leaves a trace's beginning"""
    def try_one(chance):
        words, requests = scenario(chance)
        write_trace("t.csv", requests)
        found = rows(*words, "--trace", "t.csv")
        if found is None:
            return False
        write_trace("more.csv", requests + [(LATE_S, 10, 5), (2 * LATE_S, 9999, 10)])
        check_equal(rows(*words, "--trace", "more.csv", "--limit", len(requests)), found, words)
        more = rows(*words, "--trace", "more.csv", "--limit", len(requests) + 1)
        late = more.pop(str(len(requests)))
        check_equal(more, found, words)
        check(LATE_S < float(late["first_token_s"]) < LATE_S + 1, late)
        return True
    each(try_one)


def test_parts():
    """A run whose second part begins when the first has long ended is the two of them: --limit takes the one, a trace of the rest is the other"""
    def try_one(chance):
        words, requests = scenario(chance)
        first, second = requests, [(round(at + LATE_S, 6), prompt, output) for at, prompt, output in random_requests(chance, chance.randint(1, 20))]
        longest = max(prompt + output for _, prompt, output in requests)
        second = [(at, min(prompt, longest - 1), 1 if prompt >= longest else min(output, longest - prompt)) for at, prompt, output in second]
        write_trace("whole.csv", first + second)
        whole = rows(*words, "--trace", "whole.csv")
        if whole is None or max(float(row["finish_s"] or 0) for name, row in whole.items() if int(name) < len(first)) >= LATE_S:
            return False
        write_trace("rest.csv", second)
        parts = rows(*words, "--trace", "whole.csv", "--limit", len(first))
        rest = rows(*words, "--trace", "rest.csv")
        parts.update({str(int(name) + len(first)): {**row, "id": str(int(name) + len(first))} for name, row in rest.items()})
        check_equal(parts, whole, words)
        return True
    each(try_one)


def test_order():
    """The lines of a trace may come in any order, where no two requests arrive at once"""
    def try_one(chance):
        words, requests = scenario(chance)
        lines, last = [], -1
        for i, (at, prompt, output) in enumerate(requests):
            last = max(at, round(last + 1e-6, 6))
            lines.append("r%d,%.6f,%d,%d\n" % (i, last, prompt, output))
        for name in ("sorted", "mixed"):
            write(name + ".csv", "id," + HEADER + "".join(lines))
            found = rows(*words, "--trace", name + ".csv", "--decisions", name + ".jsonl")
            if found is None:
                return False
            chance.shuffle(lines)
        check_equal(read_json_lines("mixed.jsonl")[1:], read_json_lines("sorted.jsonl")[1:], words)
        return True
    each(try_one)


def swept(study, path, *more):
    """The cells as JSON, what was run now; None: the options do not go together."""
    result = execute("sweep", study, "-o", path, "--format", "json", "--jobs", "1", *more)
    return None if result.status == 2 else (re.sub(r"\"wall_s\": [^,\n]*", "", result.text), result.err)


def test_shards():
    """A sweep's two shards, and the two halves of its grid, merged in any order, have the cells of the whole"""
    def try_one(chance):
        words, requests = scenario(chance)
        write_trace("t.csv", requests)
        run, grid = ["trace = t.csv"], chance.sample([100, 200, 350, 500, 700, 900], 4)
        for i, word in enumerate(words):
            if str(word).startswith("--") and word not in ("--max-num-seqs",):
                is_switch = i + 1 == len(words) or str(words[i + 1]).startswith("--")
                run.append("%s = %s" % (word[2:], "true" if is_switch else words[i + 1]))
        for path in ("whole.db", "a.db", "b.db", "c.db", "d.db", "m.db", "n.db"):
            if os.path.exists(path):
                os.unlink(path)
        for name, values in (("whole", grid), ("first", grid[:2]), ("second", grid[2:])):
            write(name + ".ini", "\n".join(["[study]", "seeds = 1", "[run]", *run, "[grid]", "max-num-seqs = " + ",".join(map(str, values)), ""]))
        whole = swept("whole.ini", "whole.db")
        if whole is None:
            return False
        for path, study, more in (("a.db", "whole.ini", ["--shard", "1/2"]), ("b.db", "whole.ini", ["--shard", "2/2"]),
                                  ("c.db", "first.ini", []), ("d.db", "second.ini", [])):
            swept(study, path, *more)
        for target, parts in (("m.db", ["a.db", "b.db"]), ("n.db", ["c.db", "d.db"])):
            succeed("merge", *chance.sample(parts, 2), "-o", target)
            text, said = swept("whole.ini", target)
            check("0 cells run now" in said, said)
            check_equal(text, whole[0], words)
        return True
    each(try_one)


def test_room():
    """Where there is room for all every policy decides the same"""
    def try_one(chance):
        requests = random_requests(chance, chance.randint(2, 30))
        write_trace("t.csv", requests)
        words = ["--model", "llama-3.1-8b", "--device", "h100-sxm", "--scheduler", *chance.choice(ENGINES[:10]), "--max-model-len", 1200, "--trace", "t.csv",
                 "--num-gpu-blocks", 50 + sum(2 * (prompt + output) // 16 + 6 for _, prompt, output in requests)]
        found = rows(*words)
        for more in (["--overflow", "swap"], ["--overflow", "split", "--layerwise-copies"], ["--overflow", "auto", "--overlap-copies"],
                     ["--overflow", "swap", "--overlap-copies", "--layerwise-copies", "--num-disk-blocks", 99], ["--overflow", "partial"],
                     ["--victim", "cheapest"], ["--victim", "longest", "--overflow", "threshold"], ["--admission", "no-evict"],
                     ["--admission", "whole-prompt"]):
            other = rows(*words, *more)
            check(other is None or other == found, "%s %s" % (words, more))
        return found
    each(try_one)


def test_unshared():
    """Prompts with prefix hashes that no other has do as prompts without: what is cached has names, or is counted"""
    def try_one(chance):
        words, requests = scenario(chance)
        words = [word for word in words if word != "--no-enable-prefix-caching"]
        tokens, last, plain, hashed = chance.choice([16, 512]), 0, [], []
        for arrival, prompt, output in requests:
            plain.append({"timestamp": 1000 * arrival, "input_length": prompt, "output_length": output})
            blocks = -(-prompt // tokens)
            hashed.append({**plain[-1], "hash_ids": list(range(last, last + blocks)), **({"hash_block_tokens": 16} if tokens == 16 else {})})
            last += blocks
        for name, lines in (("a", plain), ("b", hashed)):
            write(name + ".in", "".join(json.dumps(line) + "\n" for line in lines))
            if rows(*words, "--trace", name + ".in", "--trace-format", "mooncake", "--decisions", name + ".jsonl") is None:
                return False
        check_equal(read_json_lines("b.jsonl")[1:], read_json_lines("a.jsonl")[1:], words)
        return True
    each(try_one)


FASTER = "h2d=4x,d2h=4x,hbm=4x,flops=4x,copy-launch=0.25x,launch=0.25x,comm=0.25x,host=0.25x,front-end=0.25x"


def test_faster():
    """On a machine all of which is four times as fast, requests that come four times as fast take the same decisions in a fourth of the time"""
    def try_one(chance):
        words, requests = scenario(chance)
        write_trace("t.csv", requests)
        if "--num-disk-blocks" in words or rows(*words, "--trace", "t.csv", "--decisions", "a.jsonl") is None:
            return False
        rows(*words, "--trace", "t.csv", "--decisions", "b.jsonl", "--time-scale", "0.25", "--what-if", FASTER)
        for slow, fast in zip(read_json_lines("a.jsonl")[1:-1], read_json_lines("b.jsonl")[1:-1]):
            times = slow.pop("t"), fast.pop("t")
            check(abs(times[0] / 4 - times[1]) <= 1e-3 * times[1], (words, slow, times))  # slopes are whole picoseconds
            for step in (slow, fast):
                step.pop("waited_for_copies_s", None)
            check_equal(fast, slow, words)
        return True
    each(try_one)


main(all_tests(globals()))
