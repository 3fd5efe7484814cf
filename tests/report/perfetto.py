#!/usr/bin/env python3
"""--perfetto: the trace of a run is well formed, complete, within its window, and tells what the other files tell."""
import collections
import csv
import gzip
import json
import os
import signal
import subprocess
import time
from decimal import Decimal

from spillway_test import (HARDWARE, SPILLWAY, all_tests, check, check_equal, execute, main, read, read_json_lines,
                           run_json, succeed, write)

DEMO = [*HARDWARE, "--trace", "demo", "--limit", "150", "--kv-memory", "12%"]
SCENARIOS = [[*DEMO, "--overflow", "recompute"],
             [*DEMO, "--overflow", "swap"],
             [*DEMO, "--overflow", "recompute", "--async-scheduling"],
             [*DEMO, "--scheduler", "vllm-0.6", "--overflow", "swap", "--swap-space", "8"],
             [*DEMO, "--scheduler", "vllm-0.5", "--enable-chunked-prefill", "--block-manager", "2"],
             ["--executor", "unit", "--trace", "demo", "--limit", "60", "--num-gpu-blocks", "400",
              "--overflow", "swap", "--num-cpu-blocks", "300"]]
ENGINE, REQUESTS = 1, 2
DEVICE, COPY_OUT, COPY_IN = 11, 12, 13
STATES = {"waiting", "prefill", "decode", "preempted", "swapped", "recompute"}


FIELDS = {"M": {"ph", "name", "pid", "tid", "args"}, "X": {"ph", "name", "pid", "tid", "ts", "dur", "args"},
          "i": {"ph", "name", "pid", "tid", "ts", "s", "args"}, "C": {"ph", "name", "pid", "ts", "args"}}
COUNTERS = {"KV blocks": {"gpu", "host"}, "batch": {"decode", "prefill"}, "queue": {"waiting", "swapped"}}


def unique(pairs):
    """An object of JSON, which has each of its keys once."""
    check_equal(len(dict(pairs)), len(pairs), pairs)
    return dict(pairs)


def refuse(text):
    raise ValueError("%s is not JSON" % text)  # NaN and infinities, which Python takes


def load(path):
    data = gzip.decompress(read(path)) if path.endswith(".gz") else read(path)
    trace = json.loads(data, parse_float=Decimal, parse_constant=refuse, object_pairs_hook=unique)
    check(isinstance(trace, list), type(trace))  # the form that viewers read although its end is missing
    return trace


def run(words, name="run"):
    summary = run_json(*words, "--perfetto", name + ".json", "--requests", name + ".csv",
                       "--decisions", name + ".jsonl")
    return summary, load(name + ".json")


def tracks(events):
    """Slices of each (process, thread), by their beginnings."""
    found = collections.defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            found[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"], event))
    return {key: sorted(slices, key=lambda s: s[0]) for key, slices in found.items()}


def names(events):
    return {event["tid"]: event["args"]["name"] for event in events
            if event["ph"] == "M" and event["name"] == "thread_name" and event["pid"] == REQUESTS}


def counters(events, name):
    return [(event["ts"], event["args"]) for event in events if event["ph"] == "C" and event["name"] == name]


def is_number(value):
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def check_event(event):
    """The fields that the trace event format asks of each phase, and no others."""
    phase = event["ph"]
    check(phase in FIELDS and set(event) | {"args", "tid"} == FIELDS[phase] | {"args", "tid"}, event)
    check(isinstance(event["name"], str) and event["pid"] in (ENGINE, REQUESTS), event)
    check(isinstance(event.get("tid", 0), int) and isinstance(event.get("args", {}), dict), event)
    if phase != "M":
        check(is_number(event["ts"]) and event["ts"] >= 0, event)
    if phase == "X":
        check(is_number(event["dur"]) and event["dur"] > 0, event)
        check(event["pid"] == ENGINE or event["name"] in STATES, event)
    if phase == "i":
        check(event["s"] == "t", event)
    if phase == "C":
        check_equal(set(event["args"]), COUNTERS[event["name"]], event)
        check(all(isinstance(value, int) and value >= 0 for value in event["args"].values()), event)
    if phase == "M":
        key = {"process_name": "name", "thread_name": "name", "thread_sort_index": "sort_index"}[event["name"]]
        check_equal([type(event["args"][key])], [str if key == "name" else int], event)
        check_equal(len(event["args"]), 1, event)


def check_names(events):
    """Each process and each thread has one name, and one place, before or after what happens on it."""
    named = collections.Counter((event["name"], event["pid"], event["tid"] if event["name"] != "process_name" else 0)
                                for event in events if event["ph"] == "M")
    check(set(named.values()) == {1}, named)
    used = {(event["pid"], event["tid"]) for event in events if event["ph"] in "Xi"}
    for pid, tid in used:
        for what in ("thread_name", "thread_sort_index"):
            check((what, pid, tid) in named, "%s of %d.%d" % (what, pid, tid))
        check(("process_name", pid, 0) in named, pid)
    lanes = {event["tid"]: event["args"]["name"] for event in events
             if event["ph"] == "M" and event["name"] == "thread_name" and event["pid"] == ENGINE}
    check_equal(lanes, {DEVICE: "device", COPY_OUT: "copy out", COPY_IN: "copy in"})


def check_form(events, words):
    """Well formed; on a track slices follow each other, in the file as in time, and so do a counter's values."""
    last, ended = {}, {}
    for event in events:
        check_event(event)
        track = (event["ph"], event["pid"], event.get("tid"), event["name"] if event["ph"] == "C" else None)
        if event["ph"] in "XiC":
            check(event["ts"] >= last.get(track, 0), "%s: not in order: %s" % (words, event))
            last[track] = event["ts"]
        if event["ph"] == "X":
            check(event["ts"] >= ended.get(track, 0), "%s: slices overlap: %s" % (words, event))
            ended[track] = event["ts"] + event["dur"]
    check_names(events)
    found = tracks(events)
    for lane in (COPY_OUT, COPY_IN):
        inside = [slice for slice in found.get((ENGINE, lane), []) for step in found[ENGINE, DEVICE]
                  if step[0] <= slice[0] and slice[1] <= step[1]]
        check_equal(len(inside), len(found.get((ENGINE, lane), [])), "%s: copies within steps" % words)
    for name in COUNTERS:
        check(counters(events, name), "%s: counter %s" % (words, name))


def check_requests(events, name, words):
    """Each finished request's track: no gap from its arrival to its end, and as many preemptions as it had."""
    found, by_name = tracks(events), {text: tid for tid, text in names(events).items()}
    preempted = collections.Counter(event["tid"] for event in events if event["ph"] == "i")
    with open(name + ".csv", newline="") as file:
        rows = list(csv.DictReader(file))
    check_equal(len(by_name), len(rows), words)
    for row in rows:
        tid = by_name["request " + row["id"]]
        slices = found[REQUESTS, tid]
        for before, after in zip(slices, slices[1:]):
            check_equal(after[0], before[1], "%s: a gap in %s" % (words, row))
        nanosecond = Decimal("0.001")
        check(abs(slices[0][0] - Decimal(row["arrival_s"]) * 1000000) <= nanosecond, row)
        check(abs(slices[-1][1] - Decimal(row["finish_s"]) * 1000000) <= nanosecond, row)
        check_equal(preempted[tid], int(row["preemptions"]), words)
        out = sum(slice[2]["name"] in ("preempted", "swapped") for slice in slices)
        # Asynchronous: the last token may be in flight when a request is preempted, and it does not stay out.
        at_end = [event for event in events if event["ph"] == "i" and event["tid"] == tid
                  and Decimal(str(event["ts"])) == slices[-1][1]]
        check_equal(out + len(at_end), int(row["preemptions"]), words)
        first = [slice[1] for slice in slices if slice[2]["name"] in ("prefill", "recompute")]
        check(any(abs(end - Decimal(row["first_token_s"]) * 1000000) <= nanosecond for end in first), row)


def check_steps(events, name, words):
    """A slice a step, and counters that say what the log of decisions says."""
    steps = [line for line in read_json_lines(name + ".jsonl") if "scheduled" in line]
    slices = tracks(events)[ENGINE, DEVICE]
    check_equal([slice[2]["args"]["step"] for slice in slices], [step["step"] for step in steps], words)
    changes = dict((ts, args["waiting"]) for ts, args in counters(events, "queue"))
    waiting = None
    for step, (ts, _, event) in zip(steps, slices):
        waiting = changes.get(ts, waiting)
        check_equal(waiting, step["waiting"], words)
        check_equal(event["args"]["decodes"] + event["args"]["prefills"], len(step["scheduled"]), words)


def test_structure():
    """every request, step and copy is there, slices neither overlap nor leave gaps"""
    for words in SCENARIOS:
        summary, events = run(words)
        check(summary["preemptions"] > 0, words)
        check_form(events, words)
        check_requests(events, "run", words)
        check_steps(events, "run", words)
        copies = {COPY_OUT: 0, COPY_IN: 0}
        for event in events:
            if event["ph"] == "X" and event["pid"] == ENGINE and event["tid"] in copies:
                copies[event["tid"]] += event["args"]["blocks"]
        check_equal(copies, {COPY_OUT: summary["swapped_out_blocks"], COPY_IN: summary["swapped_in_blocks"]}, words)
        peak = max(args["gpu"] for _, args in counters(events, "KV blocks"))
        check(peak <= summary["peak_gpu_blocks"], words)


def test_stride():
    """the same bytes step by step and many steps at once"""
    for words in SCENARIOS:
        for window in ([], ["--perfetto-window", "20:60"]):
            for name, more in (("a.json", []), ("b.json", ["--no-stride"])):
                succeed("run", *words, *window, *more, "--perfetto", name)
            check(read("a.json") == read("b.json"), words + window)


def clipped(slices, low, high):
    return [(max(start, low), min(end, high), event["name"]) for start, end, event in slices
            if start < high and end > low]


def test_window():
    """a window holds what the whole trace holds there, cut to it"""
    words = SCENARIOS[1]
    _, whole = run(words)
    for text, low, high in (("20:40", 20, 40), (":15", 0, 15), ("60:", 60, 10 ** 6), ("50.5:50.75", 50.5, 50.75)):
        low, high = Decimal(str(low)) * 1000000, Decimal(str(high)) * 1000000
        succeed("run", *words, "--perfetto", "w.json", "--perfetto-window", text)
        events = load("w.json")
        check_form(events, text)
        expected = {key: clipped(slices, low, high) for key, slices in tracks(whole).items()}
        found = {key: clipped(slices, low, high) for key, slices in tracks(events).items()}
        check_equal(found, {key: slices for key, slices in expected.items() if slices}, text)
        check(len(read("w.json")) < len(read("run.json")), text)
        for name in ("KV blocks", "batch", "queue"):
            before = [args for ts, args in counters(whole, name) if ts <= low]
            check_equal(counters(events, name)[0][1],
                        before[-1] if before else counters(whole, name)[0][1], "%s %s" % (name, text))


def test_compare():
    """compare writes a trace a policy, .gz is compressed"""
    succeed("compare", *DEMO, "--perfetto", "t.json.gz")
    for policy in ("recompute", "swap"):
        check_form(load("t.%s.json.gz" % policy), policy)


def test_unfinished():
    """a run that ends badly: what was left ends with it; a name of any kind"""
    write("t.csv", 'id,arrival_s,prompt_tokens,output_tokens\n"a ""b"" <i>\\",0,100,5\nhuge,1,9000,5\n')
    done = execute("run", "--executor", "unit", "--trace", "t.csv", "--num-gpu-blocks", "20", "--perfetto", "t.json")
    check(done.status in (0, 1), done)
    events = load("t.json")
    check_form(events, "t.csv")
    check_equal(sorted(names(events).values()), ['request a "b" <i>\\', "request huge"])


def interrupt(number):
    """Runs until some of the trace is written, and sends the signal; the exit status."""
    trace = "gen:--requests=30000 --rate=3 --prompt=fixed:1000 --output=uniform:64,512"
    command = [SPILLWAY, "run", *HARDWARE, "--trace", trace, "--kv-memory", "12%", "--perfetto", "t.json"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        until = time.monotonic() + 20
        while time.monotonic() < until and (not os.path.exists("t.json") or os.path.getsize("t.json") < 200000):
            time.sleep(0.005)
        process.send_signal(number)
        process.communicate(timeout=20)
    return process.returncode


def test_interrupted():
    """Ctrl-C: the file is whole, and ends where the run did; killed: only the end of the list is missing"""
    check_equal(interrupt(signal.SIGINT), 1)
    events = load("t.json")
    check_form(events, "interrupted")
    device = tracks(events)[ENGINE, DEVICE]
    check(len(device) > 100 and max(end for slices in tracks(events).values() for _, end, _ in slices) == device[-1][1],
          device[-1])
    os.remove("t.json")
    check_equal(interrupt(signal.SIGKILL), -signal.SIGKILL)
    write("t.json", read("t.json").rpartition(b",\n")[0] + b"]")
    check(len(load("t.json")) > 100, "cut")


def test_bad():
    """bad windows and files are refused"""
    for words, part in ((["--perfetto-window", "1:2"], "--perfetto"),
                        (["--perfetto", "t.json", "--perfetto-window", "5"], "A:B"),
                        (["--perfetto", "t.json", "--perfetto-window", "5:2"], "later"),
                        (["--perfetto", "t.json", "--perfetto-window", "x:2"], "found 'x'"),
                        (["--perfetto", "no/such/t.json"], "no/such/t")):
        for verb in ("run", "compare"):
            result = execute(verb, *DEMO, *words)
            check(result.status == 2 and part in result.err, str(result))


main(all_tests(globals()))
