#!/usr/bin/env python3
"""Step by step and many steps at once: the same bytes of every output, and outputs that add up."""
import csv
import itertools

from spillway_test import (ENGINES, HARDWARE, OVERFLOW, all_tests, check, check_close, check_equal, execute, main, read,
                           read_json_lines, succeed, without_wall, write)

TRACES = [["--trace", "study-burst", "--limit", "9", "--num-gpu-blocks", "600"],
          ["--trace", "demo", "--limit", "150", "--num-gpu-blocks", "500"],
          ["--trace", "chat-turns", "--limit", "150", "--time-scale", "0.1", "--num-gpu-blocks", "300"],
          ["--trace", "chat-hour", "--limit", "200", "--num-gpu-blocks", "700", "--block-size", "8"],
          ["--trace", "code-hour", "--limit", "80", "--num-gpu-blocks", "900", "--max-num-seqs", "20"]]


def run_with_files(name, words):
    result = execute("run", *words, "--format", "json", "--requests", name + ".csv",
                     "--decisions", name + ".jsonl")
    check(result.status in (0, 1) and len(result.messages) == result.status, str(result))
    return result


def check_stride(words):
    """Step by step, and many steps at once: the same output of every kind; and it adds up."""
    strides, steps = run_with_files("a", words), run_with_files("b", [*words, "--no-stride"])
    check_equal(without_wall(steps.text), without_wall(strides.text), words)
    check(steps.err == strides.err and steps.status == strides.status, words)
    for kind in (".csv", ".jsonl"):
        check(read("a" + kind) == read("b" + kind), "%s differs: %s" % (kind, words))
    summary = strides.json
    check_equal(summary["requests"],
                summary["finished"] + summary["ignored"] + summary["aborted"], words)
    check_requests("a.csv", summary, words)
    check_decisions("a.jsonl", summary, words)


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def check_requests(path, summary, words):
    """The file of requests against the summary."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    check_equal(list(rows[0]), "id,arrival_s,prompt_tokens,output_tokens,first_token_s,finish_s,"
                               "preemptions,status".split(","))
    finished = [row for row in rows if row["status"] == "finished"]
    check_equal(len(rows), summary["requests"], words)
    for status in ("finished", "ignored", "aborted"):
        check_equal(sum(row["status"] == status for row in rows), summary[status], words)
    check_equal(sum(int(row["preemptions"]) for row in rows), summary["preemptions"], words)
    check_equal(sum(int(row["output_tokens"]) for row in rows), summary["output_tokens"], words)
    check(all(float(row["arrival_s"]) <= float(row["first_token_s"]) <= float(row["finish_s"])
              for row in finished), words)
    if summary["end"] != "done" or not finished:
        return
    first = float(rows[0]["arrival_s"])
    check_close(max(float(row["finish_s"]) for row in finished) - first, summary["makespan_s"], words)
    check_close(mean(float(row["first_token_s"]) - float(row["arrival_s"])
                     for row in rows if row["first_token_s"]), summary["ttft_s"]["mean"], words)
    check_close(mean(float(row["finish_s"]) - float(row["arrival_s"]) for row in finished),
                summary["e2e_s"]["mean"], words)
    rest = [row for row in finished if int(row["output_tokens"]) > 1]
    check_close(mean((float(row["finish_s"]) - float(row["first_token_s"])) /
                     (int(row["output_tokens"]) - 1) for row in rest), summary["tpot_s"]["mean"], words)


def check_decisions(path, summary, words):
    """The log of decisions against the summary."""
    header, *steps, footer = read_json_lines(path)
    check(header["kind"] == "header" and header["format"] == 1, header)
    decided = {key: value for key, value in summary["config"].items() if key not in ("executor", "live", "defaults", "assumed")}
    check_equal({key: header[key] for key in decided}, decided, words)
    before = header.get("assumed", [])  # what a run finds out comes behind
    check_equal(summary["config"].get("assumed", [])[:len(before)], before, words)
    check(not {"executor", "live", "defaults"} & set(header), words)
    for key in ("finished", "ignored", "preemptions"):
        check_equal(footer[key], summary[key], "%s %s" % (words, key))
    check_equal((footer["end"], footer["unfinished"], footer["lines"]),
                (summary["end"], summary["aborted"], len(steps)), words)
    check_equal(sum(step.get("tokens", 0) for step in steps), summary["output_tokens"], words)
    check_equal(sum(len(step.get("preempted", [])) for step in steps), summary["preemptions"], words)
    times = [step["t"] for step in steps] + [footer["end_s"]]
    check(times == sorted(times), "times go backward: %s" % words)
    numbers = [step["step"] for step in steps]
    check(numbers == sorted(set(numbers)), "steps repeat: %s" % words)
    ended = [name for step in steps for name in step.get("finished", [])]
    check(len(set(ended)) == len(ended) == summary["finished"], words)
    check(all(0 <= step["gpu_free"] <= summary["num_gpu_blocks"] and
              0 <= step["cpu_free"] <= summary["num_cpu_blocks"]
              for step in steps if "abort" not in step), words)


def test_strides():
    """--no-stride changes nothing, and every output agrees with the others, for many engines."""
    traces = itertools.cycle(TRACES)
    for engine, overflow in itertools.product(ENGINES, OVERFLOW):
        for trace in itertools.islice(traces, 2):
            check_stride([*HARDWARE, *engine, *overflow, *trace])


def test_strides_to_the_end_of_the_clock():
    """Steps of minutes: where the clock ends, both forms end with the same step."""
    write("long.csv", "arrival_s,prompt_tokens,output_tokens\n0,1000000000,1000000000\n0,1,1000000000\n5,999999999,3\n")
    room = ["--num-gpu-blocks", 4294967295, "--block-size", 65536, "--max-model-len", 2147483647,
            "--max-num-batched-tokens", 4294967295]
    for more in ([], ["--async-scheduling"]):
        check_stride([*HARDWARE, "--trace", "long.csv", *room, *more])
        check_equal(read_json_lines("a.jsonl")[-1]["end"], "abort")


def test_strides_of_the_unit_executor():
    """The same with one second a step, where no model or device is needed."""
    traces = itertools.cycle(TRACES[:4])
    for engine, overflow in itertools.product(ENGINES, OVERFLOW):
        check_stride(["--executor", "unit", *engine, *overflow, *next(traces),
                      "--num-cpu-blocks", "200", "--max-model-len", "4096"])


def test_strides_until_a_hit_is_lost():
    """Who waits to come back with a gap needs fewer blocks once the prefix cache has lost some of it: a step goes on no longer"""
    succeed("trace", "gen", "--requests", 90, "--rate", 2.45, "--prompt", "lognormal:mean=211,median=129,max=1000",
            "--output", "lognormal:mean=500,median=350,max=2500", "-o", "long.csv")
    check_stride(["--model", "llama-2-7b", "--device", "a100-80gb", "--scheduler", "vllm-0.18", "--trace", "long.csv",
                  "--num-gpu-blocks", 236, "--max-model-len", 2000, "--max-num-batched-tokens", 1024, "--swap-space", 64,
                  "--overflow", "split", "--victim", "oldest"])


main(all_tests(globals()))
