#!/usr/bin/env python3
"""Sessions: turns that arrive a while after the answer before them, as Dynamo's and LLMServingSim's traces have them."""
import itertools
import json
from decimal import Decimal

from spillway_test import all_tests, check, check_equal, execute, main, read, source, succeed, write

UNIT = ["run", "--scheduler", "vllm-v1", "--executor", "unit", "--num-gpu-blocks", "60"]
MODEL = ["--model", "llama-2-7b", "--device", "h100-sxm"]


def lines(*objects):
    return "".join(json.dumps(one) + "\n" for one in objects)


def turn(session, prompt, output, **times):
    return {"session_id": session, **times, "input_length": prompt, "output_length": output}


TALKS = lines(turn("a", 4, 3, timestamp=0), turn("a", 6, 2, delay=2000), turn("a", 6, 2),
              turn(7, 4, 20, timestamp=1000), turn(7, 30, 2, delay_ms=1000),
              {"timestamp": 9000, "input_length": 4, "output_length": 3})


def rows(*words):
    """id: arrival and finish of each request, in the order of the rows."""
    succeed(*words, "--requests", "r.csv")
    with open("r.csv") as file:
        found = [line.rstrip("\n").split(",") for line in file]
    arrival, finish = found[0].index("arrival_s"), found[0].index("finish_s")
    return {row[0]: (Decimal(row[arrival]), Decimal(row[finish])) for row in found[1:]}


def growing_talks(n_sessions, n_turns):
    """Sessions whose prompts carry what was said before, with the hashes of it."""
    talks = []
    for s in range(n_sessions):
        length = 100 + 10 * s
        for t in range(n_turns):
            times = {"timestamp": 150 * s} if t == 0 else {"delay": 40 * ((s + t) % 5)}
            talks.append({**turn(str(s), length, 120, **times), "hash_block_tokens": 16,
                          "hash_ids": [1000 * s + block for block in range(length // 16)]})
            length += 160
    return lines(*talks)


def test_by_hand():
    """A step is a second: a turn arrives when it should, and requests are told in the order of their arrivals."""
    write("t.jsonl", TALKS)
    expected = {"0": (0, 3), "3": (1, 21), "1": (5, 7), "2": (7, 9), "5": (9, 12), "4": (22, 24)}
    found = rows(*UNIT, "--trace", "t.jsonl")
    check_equal(found, expected)
    check_equal(list(found), list(expected))
    check("3 of the requests wait" in execute("trace", "show", "t.jsonl").err)


def test_limited():
    """With one request under way at most, a turn waits for its answer and for a slot."""
    write("t.jsonl", TALKS)
    check_equal(rows(*UNIT, "--trace", "t.jsonl", "--max-concurrency", "1"),
                {"0": (0, 3), "3": (3, 23), "1": (23, 25), "5": (25, 28), "4": (28, 30), "2": (30, 32)})


def test_follows_the_server():
    """Each turn comes its delay after the last token of the one before, to the picosecond, on any server, in single steps too."""
    write("t.jsonl", growing_talks(12, 4))
    for more in ([], ["--kv-memory", "6GiB", "--kv-memory", "1GiB"], ["--scheduler", "sglang", "--kv-memory", "2GiB"],
                 ["--scheduler", "vllm-0.6", "--overflow", "swap", "--kv-memory", "1GiB"], ["--data-parallel-size", "2"]):
        words = ["run", *MODEL, "--trace", "t.jsonl", *more]
        found = rows(*words)
        check_equal(found, rows(*words, "--no-stride"), more)
        check_equal(len(found), 48)
        for s in range(12):
            for t in range(1, 4):
                delay = Decimal(40 * ((s + t) % 5)) / 1000
                check_equal(found[str(4 * s + t)][0], found[str(4 * s + t - 1)][1] + delay, (more, s, t))


def test_an_engine_that_stands_idle():
    """On an engine that stands idle a turn begins at once, though it comes before the next request that was known"""
    talks = [turn("a", 100, 20, timestamp=0), turn("b", 100, 200, timestamp=0), turn("b", 100, 20, delay=10),
             turn("b", 100, 20, delay=3000), {"timestamp": 60000, "input_length": 100, "output_length": 20}]
    write("t.jsonl", lines(*talks))
    for engine, router, more in itertools.product(("vllm", "sglang", "vllm-0.6"), ("least-requests", "round-robin", "least-kv"), ([], ["--no-stride"])):
        words = ["run", *MODEL, "--trace", "t.jsonl", "--scheduler", engine, "--data-parallel-size", "2", "--router", router, *more]
        took = [finish - arrival for _, (arrival, finish) in sorted(rows(*words).items())]
        # Each is alone on its engine; only the second is longer.
        check(all(took[i] < Decimal("1.02") * took[0] for i in (2, 3, 4)), (engine, router, took))


def test_preempted():
    """Where memory is short the same holds, and all that looks at a run follows: log, database, comparison."""
    write("t.jsonl", growing_talks(12, 4))
    words = ["compare", *MODEL, "--trace", "t.jsonl", "--kv-memory", "1GiB", "--overflow", "recompute,swap", "--format", "json"]
    runs = succeed(*words, "-o", "r.db").json["runs"]
    check(all(run["preemptions"] > 0 and run["finished"] == 48 and run["prefix_hit_tokens"] > 0 for run in runs), runs)
    one = ["run", *MODEL, "--trace", "t.jsonl", "--kv-memory", "1GiB", "--decisions"]
    succeed(*one, "a.jsonl", "-o", "steps.db", "--record-steps")
    succeed(*one, "b.jsonl", "--no-stride")
    succeed(*one, "c.jsonl", "--executor", "replay", "--replay", "steps.db")
    check_equal(read("b.jsonl"), read("a.jsonl"))
    check_equal(*[read(name).split(b"\n", 1)[1] for name in ("c.jsonl", "a.jsonl")])


def test_written_again():
    """The form holds sessions; --limit and --time-scale keep them, and scale their delays, too."""
    write("t.jsonl", TALKS)
    succeed("trace", "convert", "t.jsonl", "-o", "again.jsonl")
    check_equal(rows(*UNIT, "--trace", "again.jsonl"), rows(*UNIT, "--trace", "t.jsonl"))
    check_equal(rows(*UNIT, "--trace", "t.jsonl", "--time-scale", "2", "--limit", "4"),
                {"0": (0, 3), "3": (2, 22), "1": (7, 9), "4": (24, 26)})
    result = execute("trace", "convert", "t.jsonl", "-o", "t.csv")
    check_equal(result.status, 2)
    check("mooncake" in result.err, result.err)


def test_llmservingsim():
    """A line is a session, a tool's time lies behind the answer that asks for it; plain requests may stand beside."""
    write("l.jsonl", lines({"session_id": "s", "arrival_time_ns": 1000000000, "sub_requests": [
        {"input_toks": 10, "output_toks": 2, "tool_duration_ns": 3000000000}, {"input_toks": 15, "output_toks": 2}]},
        {"input_toks": 10, "output_toks": 4, "arrival_time_ns": 2000000000}))
    check_equal(rows(*UNIT, "--trace", "l.jsonl"), {"0": (1, 3), "2": (2, 6), "1": (6, 8)})


def test_refused():
    """What cannot be is told once, with the place."""
    for text, part in ((turn("a", 5, 5, delay=5), "first turn"), (turn("b", 5, 5, delay=5), "'b'"),
                       (turn("a", 5, 5, timestamp=0, delay=-1), None), (turn("0", 5, 5, delay=-1), "delay"),
                       (turn("0", 5, 5, delay="x"), "delay"), (turn("0", 5, 5, delay=1e15), "delay"), (turn("0", 5, 5, delay=5e9), "a turn that cannot")):
        write("t.jsonl", lines(*([turn("0", 5, 5, timestamp=0)] if text["session_id"] != "a" else []), text))
        result = execute("trace", "show", "t.jsonl")
        check_equal(result.status, 2 if part else 0, text)
        check(part is None or part in result.err, result.err)
    write("l.jsonl", lines({"arrival_time_ns": 1, "sub_requests": [], "input_toks": 1, "output_toks": 1}))
    check("sub_requests" in execute("trace", "show", "l.jsonl").err)


def test_not_followed():
    """What needs requests in the trace's own order says so."""
    write("t.jsonl", TALKS)
    write("m.csv", "id,arrival_s,first_token_s,finish_s\n0,0,1,2\n")
    for words, part in (([*UNIT, "--request-rate", "3"], "--request-rate"), ([*UNIT, "--against", "m.csv"], "--against"),
                        (["run", "--executor", "cpu", "--model", source("tests", "models", "tiny-llama.json"), "--num-gpu-blocks", "9"], "model and unit"),
                        (["regret", *MODEL], "--trace")):
        result = execute(*words, "--trace", "t.jsonl")
        check_equal(result.status, 2, words)
        check("wait for an answer" in result.err and part in result.err, result.err)


main(all_tests(globals()))
