#!/usr/bin/env python3
"""Prints how fast spillway is, each figure with the command that it was taken with. Judges nothing.

BENCH_SIZE     requests of the largest trace (100000); the issue of record is 10000000
BENCH_REPEATS  runs of each command, at least (5)
BENCH_DEVICE   a device's name or a profile's path (a100-80gb)
BENCH_PROFILE  a profile's path: replays and a start with its costs too
BENCH_PARTS    what to measure, such as growth,memory (all)
BENCH_OUT      folder of what is written: the traces, bench.csv, figures.md (.)
"""
import csv
import datetime
import glob
import os
import platform
import shutil
import subprocess
import sys

from measure import command, repeat, replay, run_once, times_of

SIZE = int(os.environ.get("BENCH_SIZE") or 100000)
REPEATS = int(os.environ.get("BENCH_REPEATS") or 5)
DEVICE = os.environ.get("BENCH_DEVICE") or "a100-80gb"
PROFILE = os.environ.get("BENCH_PROFILE")
PARTS = os.environ.get("BENCH_PARTS")
OUT = os.environ.get("BENCH_OUT") or "."

MODEL = ["--model", "llama-2-7b"]
HARDWARE = [*MODEL, "--device", DEVICE]
# Lengths of the Azure conversation trace of 2023, cut so that every request fits Llama-2's 4096 tokens. Four a second keep
# the server at work all the time, without overflow.
CHAT = ["--rate", "4", "--prompt", "lognormal:mean=1155,median=1020,max=3000", "--output",
        "lognormal:mean=211,median=129,max=1000"]
# Long answers in 1000 blocks: about every second request is preempted, some of them often.
TIGHT = ["--rate", "2.45", "--prompt", "lognormal:mean=211,median=129,max=1000", "--output",
         "lognormal:mean=500,median=350,max=2500"]
TIGHT_BLOCKS = 1000
OUTPUT_MEANS = [50, 100, 200, 500, 1000, 2000]

rows = []


def show(figure, scenario, size, times, scale, unit, words, before=""):
    """A figure of `times` turned into scale(seconds): best, median, spread. before: what its command begins with."""
    typed = before + command(words) if words else "bench/copy.py %d %d" % (size, times.count)
    row = {"figure": figure, "scenario": scenario, "size": size, "best": scale(times.best),
           "median": scale(times.median), "busy": scale(times.busy), "unit": unit, "spread": times.spread, "runs": times.count,
           "cpu_share": times.cpu_share, "command": typed}
    rows.append(row)
    print("%-18s %-23s best %s, median %s, by processor's time %s %s (±%.0f %%, %d runs, %.0f %% on a processor)\n    %s"
          % (figure, scenario, number(row["best"]), number(row["median"]), number(row["busy"]), unit, 50 * times.spread,
             times.count, 100 * times.cpu_share, row["command"]), flush=True)


def number(value):
    if value >= 1000:
        return "{:,.0f}".format(value)
    return "%.3g" % value


def per_second(count):
    return lambda seconds: count / seconds if seconds > 0 else 0.0


def make_trace(name, requests, options, form="bin"):
    """The trace as a file of BENCH_OUT; made once a size."""
    path = "%s-%d.%s" % (name, requests, form)
    if not os.path.exists(path):
        run_once(["trace", "gen", "--requests", str(requests), *options, "-o", path])
    return path


def sizes_up_to(largest):
    """10 thousand, and about three times more each, up to the largest."""
    sizes = [size for exponent in range(4, 9) for size in (10 ** exponent, 3 * 10 ** exponent) if size < largest]
    return sizes + [largest]


def repeats_for(size):
    return REPEATS if size <= 1000000 else min(REPEATS, 3)


def events_of(summary):
    """Arrivals, admissions, completions; evictions and returns."""
    return summary["requests"] + 2 * summary["finished"] + 2 * summary["preemptions"]


def bench_replay(figure, scenario, size, words):
    """Replays, and shows requests, steps and events a second."""
    summary, times = replay(words, repeats_for(size))
    show(figure, scenario, size, times, per_second(summary["requests"]), "requests/s", words)
    return summary, times


def bench_startup():
    tiny = ["run", *HARDWARE, "--trace", "study-burst", "--format", "json"]
    for words in (["--version"], ["list", "schedulers"], tiny):
        times = repeat(words, 4 * REPEATS, lambda run: run.elapsed_s)
        show("start-up", " ".join(words[:2]) if words is not tiny else "run study-burst", 32, times,
             lambda seconds: 1e3 * seconds, "ms", words)
    if PROFILE:
        words = ["run", *MODEL, "--device", PROFILE, "--trace", "study-burst", "--format", "json"]
        show("start-up", "run with a profile", 32, repeat(words, 4 * REPEATS, lambda run: run.elapsed_s),
             lambda seconds: 1e3 * seconds, "ms", words)


def bench_parsing():
    """A run of one request reads the whole trace: its time less that of a run on one small."""
    size = max(SIZE, 300000)
    small = ["run", *HARDWARE, "--trace", "study-burst", "--limit", "1"]
    base = repeat(small, 4 * REPEATS, lambda run: run.elapsed_s).median
    binary = make_trace("chat", size, CHAT)
    for scenario, path in (("CSV", "chat-%d.csv" % size), ("CSV by gzip", "chat-%d.csv.gz" % size),
                           ("CSV of Azure's columns", "chat-%d.azure" % size), ("binary", binary)):
        if not os.path.exists(path):
            form = ["--to", "azure"] if path.endswith("azure") else []
            run_once(["trace", "convert", binary, "-o", path, *form])
        words = ["run", *HARDWARE, "--trace", path, "--limit", "1"]
        times = repeat(words, REPEATS, lambda run: max(run.elapsed_s - base, 1e-6))
        show("parsing", scenario, size, times, per_second(os.path.getsize(path) / 1e6), "MB/s", words)
        show("parsing requests", scenario, size, times, per_second(size), "requests/s", words)
    bench_copy("what binary reads", os.path.getsize(binary))
    bench_copy("what binary writes", 32 * size)


def bench_copy(scenario, n_bytes):
    """Plain copies of as many bytes into fresh memory: what the binary form is held against."""
    words = [sys.executable, "-B", os.path.join(os.path.dirname(os.path.abspath(__file__)), "copy.py"), str(n_bytes),
             str(REPEATS)]
    lines = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split("\n")
    runs = [[float(word) for word in line.split()] for line in lines if line]
    times = times_of([wall_s for wall_s, _ in runs], [cpu_s / wall_s for wall_s, cpu_s in runs])
    show("memory copy", scenario, n_bytes, times, per_second(n_bytes / 1e6), "MB/s", None)


def bench_growth():
    """Time a request against the number of requests."""
    for size in sizes_up_to(SIZE):
        words = ["run", *HARDWARE, "--trace", make_trace("chat", size, CHAT)]
        summary, times = bench_replay("replay", "chat of %d requests" % size, size, words)
        show("time a request", "chat of %d requests" % size, size, times, lambda s: 1e9 * s / size, "ns", words)
    show("steps", "chat of %d requests" % SIZE, SIZE, times, per_second(summary["steps"]), "steps/s", words)
    show("events", "chat of %d requests" % SIZE, SIZE, times, per_second(events_of(summary)), "events/s", words)


    if PROFILE:
        words = ["run", *MODEL, "--device", PROFILE, "--trace", "chat-%d.bin" % SIZE]
        bench_replay("replay with a profile", "chat of %d requests" % SIZE, SIZE, words)


def bench_output_length():
    """Time a request against the output's length; the load in output tokens a second stays the same."""
    size = min(SIZE, 100000)
    for mean in OUTPUT_MEANS:
        options = ["--rate", "%g" % (1000 / mean), "--prompt", "uniform:50,450", "--output",
                   "uniform:%d,%d" % (mean // 2, mean * 3 // 2)]
        words = ["run", *HARDWARE, "--trace", make_trace("output%d" % mean, size, options)]
        summary, times = replay(words, REPEATS)
        show("output length", "mean %d tokens" % mean, mean, times, lambda s: 1e9 * s / size, "ns", words)
        print("    %.1f steps a request, a batch of %.0f" % (summary["steps"] / size, summary["mean_batch"]))


def bench_strides():
    size = min(SIZE, 20000)
    trace = make_trace("chat", size, CHAT)
    for scenario, option in (("strided", []), ("step by step", ["--no-stride"])):
        words = ["run", *HARDWARE, "--trace", trace, *option]
        bench_replay("strides", "chat " + scenario, size, words)


def bench_overflow():
    size = min(SIZE, 1000000)
    trace = make_trace("tight", size, TIGHT)
    for overflow in ("recompute", "swap"):
        words = ["run", *HARDWARE, "--trace", trace, "--num-gpu-blocks", str(TIGHT_BLOCKS), "--overflow", overflow]
        summary, times = bench_replay("overflow", "tight " + overflow, size, words)
        print("    %.0f %% of the requests preempted, %.2f times each"
              % (100 * summary["preempted_requests"] / size,
                 summary["preemptions"] / max(summary["preempted_requests"], 1)))
        show("overflow events", "tight " + overflow, size, times, per_second(events_of(summary)), "events/s", words)
    if PROFILE:
        words = ["run", *MODEL, "--device", PROFILE, "--trace", trace, "--num-gpu-blocks", str(TIGHT_BLOCKS)]
        bench_replay("overflow with a profile", "tight recompute", size, words)


# What is decided otherwise than by default, and costs more than that: what a change may slow most.
COMBINATIONS = [["--overflow", "split"], ["--overflow", "auto", "--victim", "cheapest"], ["--overflow", "split", "--victim", "cheapest"],
                ["--overflow", "threshold", "--victim", "cheapest"], ["--scheduler", "vllm-v1", "--overflow", "split", "--victim", "cheapest"],
                ["--scheduler", "vllm-0.6"], ["--scheduler", "vllm-0.6", "--overflow", "partial", "--victim", "cheapest"],
                ["--scheduler", "vllm-0.5", "--overflow", "partial"], ["--overflow", "swap", "--overlap-copies"],
                ["--kv-offloading-size", "64"], ["--admission", "known-lengths"], ["--admission", "past-future"]]


def bench_combinations():
    size = min(SIZE, 20000)
    trace = make_trace("tight", size, TIGHT)
    for options in COMBINATIONS:
        words = ["run", *HARDWARE, "--trace", trace, "--num-gpu-blocks", str(TIGHT_BLOCKS), *options]
        bench_replay("combinations", "tight " + " ".join(word.lstrip("-") for word in options), size, words)


def bench_blocks():
    """Prefix caching names blocks, so that its time goes by blocks and not by requests."""
    size = min(SIZE, 20000)
    for block_size in (16, 1):
        words = ["run", *HARDWARE, "--trace", make_trace("chat", size, CHAT), "--enable-prefix-caching", "--block-size",
                 str(block_size)]
        bench_replay("prefix caching", "blocks of %d" % block_size, size, words)


def bench_rows():
    """What a request's row costs, written as the run goes."""
    size = min(SIZE, 1000000)
    words = ["run", *HARDWARE, "--trace", make_trace("chat", size, CHAT)]
    for scenario, more in (("none", []), ("--requests", ["--requests", "rows.csv"]), ("-o", ["-o", "rows.db"])):
        def elapsed_s(run):
            for name in glob.glob("rows.*"):
                os.unlink(name)
            return run.elapsed_s
        show("whole run, rows", scenario, size, repeat([*words, *more], REPEATS, elapsed_s), per_second(size),
             "requests/s", [*words, *more])


def bench_memory():
    """The slope of peak memory between two sizes: of a run, and of reading alone. The sizes are large, since a process that
    Python starts never shows less than Python's own.
    """
    for scenario, largest, more in (("replay and trace", 1000000, []), ("trace alone", 4000000, ["--limit", "1"]),
                                    ("with --requests", 1000000, ["--requests", "rows.csv"])):
        sizes = [max(SIZE, largest) // 4, max(SIZE, largest)]
        peaks = []
        for size in sizes:
            words = ["run", *HARDWARE, "--trace", make_trace("chat", size, CHAT), *more]
            tries = 3 if size <= 1000000 else 1
            peaks.append(min(run_once(words).peak_rss_bytes for _ in range(tries)))
        for name in glob.glob("rows.*"):
            os.unlink(name)
        slope = times_of([(peaks[1] - peaks[0]) / (sizes[1] - sizes[0])])
        show("memory", scenario, sizes[1], slope, float, "bytes/request", words)


def bench_sweep():
    """The same study with one worker, with two, and with one a processor, in turn. The first is the measure of the
    others: how many times as fast, and how much more work it took (1: what there is to do, shared out).
    """
    trace = make_trace("tight", min(SIZE, 100000), TIGHT)
    with open("study.ini", "w") as study:
        study.write("[study]\nname = bench\n[run]\nmodel = llama-2-7b\ndevice = %s\ntrace = %s\n[grid]\n"
                    "overflow = recompute,swap\nnum-gpu-blocks = 1000,2000\ntime-scale = 0.9,1,1.1,1.2\n" % (DEVICE, trace))
    jobs = sorted({1, 2, os.cpu_count() or 1})
    runs = {count: [] for count in jobs}
    for count in jobs * REPEATS:
        runs[count].append(run_once(["sweep", "study.ini", "-o", "study.db", "--jobs", str(count)]))
        for name in glob.glob("study.db*"):
            os.unlink(name)
    for count in jobs:
        words = ["sweep", "study.ini", "-o", "study.db", "--jobs", str(count)]
        times = times_of([run.elapsed_s for run in runs[count]], [run.cpu_share / count for run in runs[count]])
        show("sweep of 16 runs", "%d workers" % count, count, times, per_second(16), "runs/s", words)
        if count > 1:
            pairs = list(zip(runs[1], runs[count]))
            faster = times_of([run.elapsed_s / one.elapsed_s for one, run in pairs])
            show("sweep speed-up", "%d workers over 1" % count, count, faster, lambda ratio: 1 / ratio, "times", words)
            more = times_of([run.elapsed_s * run.cpu_share / (one.elapsed_s * one.cpu_share) for one, run in pairs])
            show("sweep work", "%d workers over 1" % count, count, more, float, "times", words)


def machine():
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as cpuinfo:
            model = next((line.split(":")[1].strip() for line in cpuinfo if line.startswith("model name")), model)
    except OSError:
        pass
    return "%s, %d cores, load %.1f" % (model, os.cpu_count() or 1, os.getloadavg()[0])


def write_csv(path):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_markdown(path, heading):
    """The table of doc/performance.md."""
    with open(path, "w") as file:
        file.write(heading + "\n\n| figure | of | best | median | by processor's time | spread | on a processor | command |\n"
                   "| --- | --- | --- | --- | --- | --- | --- | --- |\n")
        for row in rows:
            file.write("| %s | %s | %s | %s | %s %s | ±%.0f %% of %d | %.0f %% | `%s` |\n"
                       % (row["figure"], row["scenario"], number(row["best"]), number(row["median"]), number(row["busy"]), row["unit"],
                          50 * row["spread"], row["runs"], 100 * row["cpu_share"], row["command"]))


def main():
    global PROFILE
    os.makedirs(OUT, exist_ok=True)
    if PROFILE: # under its name alone, as the commands say it
        shutil.copyfile(PROFILE, os.path.join(OUT, os.path.basename(PROFILE)))
    os.chdir(OUT)
    PROFILE = PROFILE and os.path.basename(PROFILE)
    version = run_once(["--version"]).out.decode().split("\n")[0]
    heading = "%s, %s, %s; `make bench BENCH_SIZE=%d%s`" % (version, machine(), datetime.date.today(), SIZE,
                                                           " BENCH_PROFILE=%s" % os.path.basename(PROFILE) if PROFILE else "")
    print(heading + "\n", flush=True)
    parts = [bench_startup, bench_parsing, bench_growth, bench_output_length, bench_strides, bench_overflow,
                 bench_combinations, bench_blocks, bench_rows,
                 bench_memory, bench_sweep]
    for part in parts:
        if not PARTS or part.__name__.replace("bench_", "") in PARTS.split(","):
            part()
    write_csv("bench.csv")
    write_markdown("figures.md", heading)
    print("\nwritten: bench.csv, figures.md in %s" % os.getcwd())


if __name__ == "__main__":
    sys.exit(main())
