#!/usr/bin/env python3
"""Traces in and out: shipped, generated, converted, from files and standard input."""
import gzip
import os
import re

from spillway_test import (HARDWARE, HEADER, all_tests, check, check_equal, execute, main, read, run_json,
                           source, succeed, without, write)

GEN = ["trace", "gen", "--requests", "60", "--rate", "2", "--arrivals", "gamma", "--cv", "2",
       "--prompt", "lognormal:mean=300,median=200", "--output", "uniform:1,90"]


def rows_of(path):
    return [line for line in read(path).splitlines() if not line.startswith(b"#")]


def test_shipped_traces():
    """Shipped traces are what the commands in their comments make, byte for byte."""
    folder = source("traces", "shipped")
    commands = {"chat-turns.jsonl": re.search(r"^    spillway (trace gen .*) -o chat-turns.jsonl$",
                                              read(os.path.join(folder, "README.md")).decode(),
                                              re.M).group(1) + " --to mooncake"}
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.endswith(".csv"):
            commands[name] = read(path).decode().splitlines()[1].removeprefix("# spillway ")
    check_equal(sorted(name.partition(".")[0] for name in commands),
                sorted(succeed("list", "traces", "--names").text.split()))
    for name, command in commands.items():
        check(succeed(*command.split()).out == read(os.path.join(folder, name)), name)


def test_gen():
    """trace gen: the seed decides, and nothing else does."""
    first = succeed(*GEN).out
    check_equal(succeed(*GEN).out, first)
    check_equal(succeed(*GEN, "--seed", 1).out, first)
    check(succeed(*GEN, "--seed", 2).out != first)
    succeed(*GEN, "-o", "t.csv")
    succeed(*GEN, "-o", "t.csv.gz")
    check_equal(read("t.csv"), first)
    check_equal(gzip.decompress(read("t.csv.gz")), first)


def test_convert():
    """convert: every form that is written is read again, with the same requests."""
    succeed(*GEN, "-o", "t.csv")
    write("whole.csv", HEADER + "0,5,6\n3,7,8\n10,9,1\n")
    for form in ("spillway", "azure", "vidur", "mooncake", "benchmark", "steps", "binary"):
        path = "whole.csv" if form == "steps" else "t.csv"
        succeed("trace", "convert", path, "-o", form, "--to", form)
        shown = [succeed("trace", "show", "--format", "json", path).json["traces"][0]
                 for path in (path, form)]
        check_equal(shown[1]["format"], form)
        for key in ("requests", "total_prompt_tokens", "total_output_tokens", "prompt_tokens",
                    "output_tokens"):
            check_equal(shown[1][key], shown[0][key], form + " " + key)
        rounding_s = 1e-3 if form == "mooncake" else 1e-6
        check(abs(shown[1]["duration_s"] - shown[0]["duration_s"]) <= rounding_s, form)
        succeed("trace", "convert", form, "-o", "back.csv")
        if rounding_s < 1e-3:
            check_equal(rows_of("back.csv"), rows_of(path), form)


def test_binary_traces():
    """A trace and its binary form give the same run, from a file, gzip or standard input."""
    turns = ["gen", "--requests", "40", "--rate", "1", "--turns", "3", "--shared-prefix", "90", "--prompt",
             "uniform:1,90", "--output", "uniform:1,90"]
    succeed(*GEN, "-o", "plain.csv")
    succeed("trace", *turns, "-o", "turns.jsonl")
    write("ids.csv", HEADER.replace("\n", ",id,priority\n") + "3,7,8,b,-2\n0,5,6,a,1\n3,7,8,\"a,c\",0\n")
    write("numbers.csv", HEADER.replace("\n", ",id\n") + "3,7,8,-9\n0,5,6,70\n3,7,8,-10\n")
    for source_name in ("plain.csv", "turns.jsonl", "ids.csv", "numbers.csv"):
        succeed("trace", "convert", source_name, "-o", "t.bin")
        succeed("trace", "convert", "t.bin", "-o", "t.bin.gz")
        check(gzip.decompress(read("t.bin.gz")) == read("t.bin"), source_name)
        words = [*HARDWARE, "--enable-prefix-caching", "--kv-memory", "4%", "--requests"]
        expected = run_json(*words, "text.csv", "--trace", source_name)
        for path, stdin in [("t.bin", b""), ("t.bin.gz", b""), ("-", read("t.bin"))]:
            found = run_json(*words, "binary.csv", "--trace", path, stdin=stdin)
            check_equal(found["config"].pop("trace"), path)
            check_equal(without(found, "config"), without(expected, "config"), source_name)
            check_equal({**found["config"], "trace": source_name}, expected["config"])
            check_equal(read("binary.csv"), read("text.csv"), source_name)
    succeed("trace", *turns, "-o", "made.bin")
    succeed("trace", "convert", "made.bin", "-o", "made.jsonl")
    check_equal(read("made.jsonl"), read("turns.jsonl"))
    err = succeed("trace", "convert", "made.bin", "-o", "less.csv").err
    check("does not hold the trace's prefix hashes" in err, err)


def test_trace_max_tokens():
    """max_tokens: made, shown, carried by the forms that hold it, refused where it is less than the output."""
    limits_of = lambda path: [int(row.rsplit(b",", 1)[1]) for row in rows_of(path)[1:]]
    succeed(*GEN, "-o", "plain.csv")
    succeed(*GEN, "--max-tokens", "2.5x", "-o", "limits.csv")
    check_equal(rows_of("limits.csv")[0], b"arrival_s,prompt_tokens,output_tokens,max_tokens")
    check_equal([row.rsplit(b",", 1)[0] for row in rows_of("limits.csv")], rows_of("plain.csv"))
    check_equal(limits_of("limits.csv"), [-(-5 * output // 2) for output in limits_of("plain.csv")])
    for form in ("mooncake", "benchmark", "binary"):
        succeed("trace", "convert", "limits.csv", "--to", form, "-o", form)
        succeed("trace", "convert", form, "--to", "spillway", "-o", "back.csv")
        check_equal(limits_of("back.csv"), limits_of("limits.csv"), form)
    lost = succeed("trace", "convert", "limits.csv", "--to", "vidur", "-o", "vidur")
    check("does not hold the trace's max_tokens" in lost.err, lost.err)
    succeed(*GEN, "--max-tokens", "empirical:limits.csv", "-o", "drawn.csv")
    shown = succeed("trace", "show", "--format", "json", "drawn.csv", "plain.csv").json["traces"]
    check("max_tokens" in shown[0] and "max_tokens" not in shown[1], str(shown))
    check("allowed" in succeed("trace", "show", "limits.csv").out.decode())
    check_equal(execute(*GEN, "--max-tokens", "0.5x").status, 2)


def test_trace_sources():
    """A trace from a file, gzip, standard input or generated in place gives the same run."""
    succeed(*GEN, "-o", "t.csv")
    write("t.gz", read("t.csv"), packed=True)
    expected = without(run_json(*HARDWARE, "--trace", "t.csv"), "config")
    for trace, stdin in [("t.gz", b""), ("-", read("t.csv")), ("-", read("t.gz")),
                         ("gen:" + " ".join(GEN[2:]), b"")]:
        found = without(run_json(*HARDWARE, "--trace", trace, stdin=stdin), "config")
        check_equal(found, expected, trace)


def test_seed():
    """--seed decides a generated trace, and is kept with the results."""
    trace = "gen:" + " ".join(GEN[2:])
    one, two = (run_json(*HARDWARE, "--trace", trace, "--seed", seed) for seed in (1, 2))
    check(one["prompt_tokens"] != two["prompt_tokens"])
    check_equal((one["config"]["seed"], two["config"]["seed"]), (1, 2))
    succeed(*GEN, "--seed", 2, "-o", "two.csv")
    check_equal(without(run_json(*HARDWARE, "--trace", "two.csv"), "config"), without(two, "config"))


def test_limit_and_time_scale():
    """--limit and --time-scale do what convert does."""
    for options in (["--limit", "7"], ["--time-scale", "0.25"], ["--limit", "9", "--time-scale", "3"]):
        succeed("trace", "convert", "demo", "-o", "cut.csv", *options)
        cut = run_json(*HARDWARE, "--trace", "cut.csv")
        check_equal(without(run_json(*HARDWARE, "--trace", "demo", *options), "config"),
                    without(cut, "config"), options)
        check_equal(cut["requests"], int(options[1]) if options[0] == "--limit" else 400)


def test_backward_times():
    """Arrivals that go backward are sorted, with a note, and the run goes on."""
    write("back.csv", HEADER + "5,10,10\n1,20,3\n")
    result = succeed("run", *HARDWARE, "--trace", "back.csv", "--requests", "r.csv")
    check(re.search(r"note: back.csv: .*line 3; sorted", result.err), result.err)
    check_equal([row.split(b",")[:4] for row in rows_of("r.csv")[1:]],
                [[b"1", b"1", b"20", b"3"], [b"0", b"5", b"10", b"10"]])


def test_busiest_minute():
    """Of a trace of less than a minute the busiest one says nothing: its rate would be that of the time after the trace, too"""
    for seconds, told in ((59, False), (60, True), (300, True)):
        write("short.csv", HEADER + "".join("%s,10,5\n" % (seconds * i / 40) for i in range(41)))
        check_equal("busiest     minute" in succeed("trace", "show", "short.csv").text, told, seconds)


main(all_tests(globals()))
