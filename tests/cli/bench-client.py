#!/usr/bin/env python3
"""What a serving benchmark's client sends: the options of `vllm bench serve`, held against its definitions."""
import csv
import math
import statistics

from spillway_test import (HARDWARE, all_tests, check, check_close, check_equal, check_refused, main, read, run_json, succeed,
                           without, write)

N = 4000


def rows_of(*words):
    """The requests of a run: arrival, prompt and output tokens."""
    succeed("run", *HARDWARE, *words, "--requests", "rows.csv")
    return [(float(row["arrival_s"]), int(row["prompt_tokens"]), int(row["output_tokens"]))
            for row in csv.DictReader(read("rows.csv").decode().splitlines())]


def test_lengths():
    """Uniform among the whole numbers from floor(len (1 - ratio)) to ceil(len (1 + ratio)), ends included."""
    rows = rows_of("--num-prompts", str(N), "--random-input-len", "101", "--random-output-len", "7",
                   "--random-range-ratio", "0.25")
    for lengths, low, high in (([r[1] for r in rows], 75, 127), ([r[2] for r in rows], 5, 9)):
        check_equal((min(lengths), max(lengths)), (low, high))
        spread = math.sqrt(((high - low + 1) ** 2 - 1) / 12)
        check(abs(statistics.mean(lengths) - (low + high) / 2) < 5 * spread / math.sqrt(N), statistics.mean(lengths))
        check_close(statistics.pstdev(lengths), spread, "spread", 0.05)


def test_defaults():
    """1000 prompts of 1024 and 128 tokens, all at once; config says so."""
    rows = rows_of("--random-range-ratio", "0")
    check_equal(set(rows), {(0.0, 1024, 128)})
    check_equal(len(rows), 1000)
    config = run_json(*HARDWARE, "--random-range-ratio", "0")["config"]
    check_equal([config[key] for key in ("num_prompts", "request_rate", "burstiness", "random_input_len", "random_output_len",
                                         "random_range_ratio", "trace")], [1000, "inf", None, 1024, 128, 0, None])


def test_rate():
    """The last of n arrives at n / rate; the gaps are gamma with the burstiness as their shape."""
    for burstiness in (0.25, 1, 4):
        words = ["--num-prompts", str(N), "--random-input-len", "8", "--random-output-len", "1", "--request-rate", "50",
                 "--burstiness", str(burstiness)]
        arrivals = [row[0] for row in rows_of(*words)]
        check_close(arrivals[-1], N / 50, "last", 1e-6)
        gaps = [b - a for a, b in zip([0] + arrivals, arrivals)]
        check(min(gaps) >= 0)
        cv = statistics.pstdev(gaps) / statistics.mean(gaps)
        check_close(cv, 1 / math.sqrt(burstiness), "cv", 0.12)


def test_another_rate_stretches():
    """The same draws at every rate: arrivals scale, lengths stay; another seed draws others."""
    words = ["--num-prompts", "50", "--random-range-ratio", "0.5", "--random-input-len", "64", "--request-rate"]
    slow, fast = rows_of(*words, "2"), rows_of(*words, "8")
    check_equal([row[1:] for row in slow], [row[1:] for row in fast])
    for a, b in zip(slow, fast):
        check(abs(a[0] - 4 * b[0]) < 4e-6, (a, b))
    check(rows_of(*words, "2", "--seed", "2") != slow)


def test_rate_of_a_trace():
    """With a trace: its first requests and their lengths, at that rate; inf is all at once."""
    own = rows_of("--trace", "demo")
    rows = rows_of("--trace", "demo", "--num-prompts", "100", "--request-rate", "10")
    check_equal([row[1:] for row in rows], [row[1:] for row in own[:100]])
    check_close(rows[-1][0], 10, "last", 1e-6)
    check_equal({row[0] for row in rows_of("--trace", "demo", "--request-rate", "inf")}, {0.0})


def test_closed_loop():
    """--max-concurrency with requests all at once: so many arrive at 0, each other one as one leaves."""
    succeed("run", *HARDWARE, "--num-prompts", "40", "--max-concurrency", "4", "--random-range-ratio", "0.5",
            "--requests", "rows.csv")
    rows = list(csv.DictReader(read("rows.csv").decode().splitlines()))
    ends = {row["finish_s"] for row in rows}
    check_equal([row["arrival_s"] in ends for row in rows], [False] * 4 + [True] * 36)


def test_closed_loop_of_engines():
    """With several engines, too, each other one arrives as one leaves, in the order of their ends, whichever engine tells of its own first"""
    for scheduler, engines in (("vllm", "2"), ("vllm", "4"), ("vllm-0.6", "4"), ("sglang", "2"), ("trtllm", "4")):
        succeed("run", "--model", "llama-2-7b", "--device", "h100-sxm", "--num-prompts", "200", "--random-input-len", "300", "--random-output-len", "60",
                "--random-range-ratio", "0.8", "--max-concurrency", "32", "--scheduler", scheduler, "--data-parallel-size", engines,
                "--what-if", "front-end=0", "--requests", "rows.csv")
        rows = list(csv.DictReader(read("rows.csv").decode().splitlines()))
        arrivals, ends = (sorted(float(row[key]) for row in rows) for key in ("arrival_s", "finish_s"))
        check_equal(arrivals, [0.0] * 32 + ends[:-32], (scheduler, engines))


def test_of_a_study():
    """The options in a study file: seeds are replicas, and cells are known again."""
    write("s.ini", b"[study]\nname = s\nseeds = 1,2\n[run]\nmodel = llama-2-7b\ndevice = a100-40gb\nnum-prompts = 20\n"
                   b"[grid]\nrequest-rate = 2,inf\n")
    check("4 cells run now" in succeed("sweep", "s.ini", "-o", "s.db").err)
    check("0 cells run now" in succeed("sweep", "s.ini", "-o", "s.db").err)
    one = run_json(*HARDWARE, "--num-prompts", "20", "--request-rate", "2", "--seed", "2")
    again = run_json(*HARDWARE, "--num-prompts", "20", "--request-rate", "2", "--seed", "2", "--no-stride")
    check_equal(without(one, "config"), without(again, "config"))


def test_goodput():
    """Requests that finished within every limit, counted again from the rows; nothing without --slo."""
    words = [*HARDWARE, "--trace", "demo", "--kv-memory", "12%"]
    none = run_json(*words)
    check_equal((none["goodput_per_s"], none["good_share"], none["config"]["slo"]), (None, None, None))
    for text, ttft, tpot, e2e in (("ttft:p99<2s,tpot:p99<60ms", 2, 0.06, 1e9), ("e2e:mean<8s,ttft:p50<900ms", 0.9, 1e9, 8),
                                  ("tpot:max<1us", 1e9, 1e-6, 1e9)):
        run = succeed("run", *words, "--slo", text, "--requests", "rows.csv", "--format", "json").json
        rows = [{key: float(row[key]) for key in ("arrival_s", "first_token_s", "finish_s", "output_tokens")}
                for row in csv.DictReader(read("rows.csv").decode().splitlines())]
        good = sum(r["first_token_s"] - r["arrival_s"] < ttft and r["finish_s"] - r["arrival_s"] < e2e
                   and (r["finish_s"] - r["first_token_s"]) / max(r["output_tokens"] - 1, 1) < tpot for r in rows)
        check_close(run["good_share"], good / len(rows), text)
        check_close(run["goodput_per_s"], good / run["makespan_s"], text)
        check_equal(without(run, "goodput_per_s", "good_share", "config"), without(none, "goodput_per_s", "good_share", "config"))
        check_equal(run["config"]["slo"], text)
    check("Goodput" in succeed("run", *words, "--slo", "ttft:p99<2s").text)
    check("within the limits" in succeed("compare", *words, "--slo", "tpot:max<1us").text)
    check("oodput" not in succeed("run", *words).text + succeed("compare", *words).text)


def test_bad_input():
    """What contradicts, and what has no sense alone."""
    run = ["run", *HARDWARE]
    for words, message in ((["--request-rate", "fast"], "--request-rate: found 'fast', expected inf, or a number"),
                           (["--request-rate", "0"], "--request-rate: found '0'"),
                           (["--burstiness", "2"], "--burstiness: is of the gaps at a --request-rate, which is not given"),
                           (["--request-rate", "inf", "--burstiness", "2"], "--burstiness: is of the gaps"),
                           (["--random-range-ratio", "1"], "--random-range-ratio: found '1'"),
                           (["--trace", "demo", "--random-input-len", "5"], "--random-input-len: lengths are drawn where"),
                           (["--trace", "demo", "--num-prompts", "401"], "found 401, expected at most 400"),
                           (["--trace", "demo", "--num-prompts", "4", "--limit", "5"], "--num-prompts and --limit contradict"),
                           (["--trace", "demo", "--request-rate", "4", "--time-scale", "2"], "--request-rate and --time-scale"),
                           (["--trace", "demo", "--slo", "ttft"], "--slo: found 'ttft', expected METRIC:STAT<TIME"),
                           (["--trace", "demo", "--slo", "itl:p99<1s"], "--slo: found 'itl', expected ttft, tpot, e2e or queue"),
                           (["--trace", "demo", "--slo", "ttft:p98<1s"], "--slo: found 'p98'"),
                           (["--trace", "demo", "--slo", "ttft:p99<1"], "--slo: found 'ttft:p99<1', expected a time"),
                           (["--trace", "demo", "--slo", "ttft:p99<0s"], "--slo: found 'ttft:p99<0s', expected a time"),
                           (["--dataset-name", "random"], "without --trace lengths are random")):
        check_refused(run + words, message)


if __name__ == "__main__":
    main(all_tests(globals()))
