#!/usr/bin/env python3
"""Prints how fast spillway is, each figure with the command that it was taken with. Judges nothing.

BENCH_SIZE     requests of the largest trace (100000); the issue of record is 10000000
BENCH_REPEATS  runs of each command, at least (5)
BENCH_DEVICE   a device's name or a profile's path (a100-80gb)
BENCH_OUT      folder of what is written: the traces, bench.csv, figures.md (.)
"""
import csv
import datetime
import glob
import os
import platform
import sys

from measure import command, repeat, replay, run_once, times_of

SIZE = int(os.environ.get("BENCH_SIZE") or 100000)
REPEATS = int(os.environ.get("BENCH_REPEATS") or 5)
DEVICE = os.environ.get("BENCH_DEVICE") or "a100-80gb"
OUT = os.environ.get("BENCH_OUT") or "."

HARDWARE = ["--model", "llama-2-7b", "--device", DEVICE]
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
    row = {"figure": figure, "scenario": scenario, "size": size, "best": scale(times.best),
           "median": scale(times.median), "unit": unit, "spread": times.spread, "runs": times.count,
           "cpu_share": times.cpu_share, "command": before + command(words)}
    rows.append(row)
    print("%-18s %-23s best %s, median %s %s (±%.0f %%, %d runs, %.0f %% on a processor)\n    %s"
          % (figure, scenario, number(row["best"]), number(row["median"]), unit, 50 * times.spread, times.count,
             100 * times.cpu_share, row["command"]), flush=True)


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


def bench_growth():
    """Time a request against the number of requests."""
    for size in sizes_up_to(SIZE):
        words = ["run", *HARDWARE, "--trace", make_trace("chat", size, CHAT)]
        summary, times = bench_replay("replay", "chat of %d requests" % size, size, words)
        show("time a request", "chat of %d requests" % size, size, times, lambda s: 1e9 * s / size, "ns", words)
    show("steps", "chat of %d requests" % SIZE, SIZE, times, per_second(summary["steps"]), "steps/s", words)
    show("events", "chat of %d requests" % SIZE, SIZE, times, per_second(events_of(summary)), "events/s", words)


def bench_output_length():
    """Time a request against the output's length; the load in output tokens a second stays the same."""
    size = min(SIZE, 100000)
    for mean in OUTPUT_MEANS:
        options = ["--rate", "%g" % (1000 / mean), "--prompt", "uniform:50,450", "--output",
                   "uniform:%d,%d" % (mean // 2, mean * 3 // 2)]
        words = ["run", *HARDWARE, "--trace", make_trace("output%d" % mean, size, options)]
        summary, times = replay(words, REPEATS)
        show("output length", "mean %d tokens" % mean, mean, times, lambda s: 1e9 * s / size, "ns", words)


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


def bench_memory():
    """The slope of peak memory between two sizes: of a run, and of reading alone. The sizes are large, since a process that
    Python starts never shows less than Python's own.
    """
    for scenario, largest, more in (("replay and trace", 1000000, []), ("trace alone", 4000000, ["--limit", "1"])):
        sizes = [max(SIZE, largest) // 4, max(SIZE, largest)]
        peaks = []
        for size in sizes:
            words = ["run", *HARDWARE, "--trace", make_trace("chat", size, CHAT), *more]
            peaks.append(min(run_once(words).peak_rss_bytes for _ in range(3)))
        slope = times_of([(peaks[1] - peaks[0]) / (sizes[1] - sizes[0])])
        show("memory", scenario, sizes[1], slope, float, "bytes/request", words)


def bench_sweep():
    """The same study on one processor, on two and on all."""
    if "sweep" not in run_once(["list", "verbs", "--names"]).out.decode().split():
        print("sweep of 16 runs   not measured: this spillway has no verb sweep")
        return
    trace = make_trace("tight", min(SIZE, 100000), TIGHT)
    with open("study.ini", "w") as study:
        study.write("[study]\nname = bench\nseeds = 1,2\n[run]\nmodel = llama-2-7b\ndevice = %s\ntrace = %s\n[grid]\n"
                    "overflow = recompute,swap\nnum-gpu-blocks = 1000,1500,2000,3000\n" % (DEVICE, trace))
    words = ["sweep", "study.ini", "-o", "study.db"]
    allowed = sorted(os.sched_getaffinity(0))

    def elapsed_s(run):
        for name in glob.glob("study.db*"):
            os.unlink(name)
        return run.elapsed_s

    for count in sorted({1, min(2, len(allowed)), len(allowed)}):
        os.sched_setaffinity(0, allowed[:count])
        show("sweep of 16 runs", "%d processors" % count, count, repeat(words, REPEATS, elapsed_s), per_second(16),
             "runs/s", words, "taskset -c %s " % ",".join(map(str, allowed[:count])))
    os.sched_setaffinity(0, allowed)


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
        file.write(heading + "\n\n| figure | of | best | median | spread | on a processor | command |\n"
                   "| --- | --- | --- | --- | --- | --- | --- |\n")
        for row in rows:
            file.write("| %s | %s | %s | %s %s | ±%.0f %% of %d | %.0f %% | `%s` |\n"
                       % (row["figure"], row["scenario"], number(row["best"]), number(row["median"]), row["unit"],
                          50 * row["spread"], row["runs"], 100 * row["cpu_share"], row["command"]))


def main():
    os.makedirs(OUT, exist_ok=True)
    os.chdir(OUT)
    version = run_once(["--version"]).out.decode().split("\n")[0]
    heading = "%s, %s, %s; `make bench BENCH_SIZE=%d`" % (version, machine(), datetime.date.today(), SIZE)
    print(heading + "\n", flush=True)
    for part in (bench_startup, bench_parsing, bench_growth, bench_output_length, bench_strides, bench_overflow,
                 bench_memory, bench_sweep):
        part()
    write_csv("bench.csv")
    write_markdown("figures.md", heading)
    print("\nwritten: bench.csv, figures.md in %s" % os.getcwd())


if __name__ == "__main__":
    sys.exit(main())
