#!/usr/bin/env python3
"""spillway capacity: the load that it names holds its limits, the one that it names as failing does not, whatever way it is run."""
import csv
import json
import math
import os
import signal
import sqlite3
import statistics
import subprocess

import browser
from spillway_test import (SANITIZED, SANITIZED_SLOWNESS, SPILLWAY, Skip, all_tests, check, check_close, check_equal,
                           check_refused, execute, main, run_json, succeed, write)

CARD = ["--model", "llama-3.1-8b", "--device", "l40s"]
LOAD = ["--num-prompts", "150", "--random-input-len", "600", "--random-output-len", "80", "--random-range-ratio", "0.5"]
SLO = ["--slo", "ttft:p99<800ms,tpot:p99<40ms"]
STUDY = """[study]
name = c
seeds = 1,2
[run]
model = llama-3.1-8b
num-prompts = 600
random-input-len = 600
random-output-len = 80
slo = ttft:p99<800ms,tpot:p99<40ms
[grid]
device = l40s,h100-sxm
tensor-parallel-size = 1,2
"""


def capacity(*words):
    return succeed("capacity", *words, "--format", "json").json


def holds(run):
    return run["finished"] == run["requests"] and run["ttft_s"]["p99"] < 0.8 and run["tpot_s"]["p99"] < 0.04


def test_brackets():
    """With one seed: the load that holds and the one that fails, at most 1 % or one request apart, each as `run` says."""
    for kind, option in (("rate", "--request-rate"), ("concurrency", "--max-concurrency")):
        found = capacity(*CARD, *LOAD, *SLO, "--search", kind, "--seeds", "1")
        check_equal(sorted(found), ["best", "rows"])
        check_equal(list(found["best"]), ["load", "unit", "interval", "settings", "figures"])
        low, high = found["best"]["interval"]
        check_equal(found["best"]["load"], low)
        check_equal(found["best"]["unit"], {"rate": "requests / s", "concurrency": "requests"}[kind])
        check(high - low == 1 if kind == "concurrency" else 1 < high / low <= 1.011, (low, high))
        runs = [run_json(*CARD, *LOAD, *SLO, option, "%g" % load) for load in (low, high)]
        check_equal([holds(run) for run in runs], [True, False], kind)
        for key in ("ttft_s", "tpot_s"):
            check_close(found["best"]["figures"][key]["p99"], runs[0][key]["p99"], key)
        check_close(found["best"]["figures"]["goodput_per_s"], runs[0]["goodput_per_s"])
        check(found["rows"][0]["limited_by"] in ("ttft_s.p99", "tpot_s.p99"))


def test_limits():
    """A tighter limit holds less; one that nothing meets holds nothing; one that all meet is said to be none."""
    loads = [capacity(*CARD, *LOAD, "--slo", "tpot:p99<%dms" % ms, "--seeds", "1")["best"]["load"] for ms in (30, 40, 60)]
    check(loads[0] < loads[1] < loads[2], loads)
    none = capacity(*CARD, *LOAD, "--slo", "tpot:p50<1us", "--seeds", "1", "--search", "concurrency")
    check_equal((none["best"], none["rows"][0]["load"]), (None, None))
    check("No setting holds" in succeed("capacity", *CARD, *LOAD, "--slo", "tpot:p50<1us", "--seeds", "1").text)
    every = capacity(*CARD, *LOAD, "--slo", "e2e:max<9999s", "--seeds", "1")
    check_equal((every["rows"][0]["unlimited"], every["best"]["load"]), (True, None))
    every = capacity(*CARD, *LOAD, "--slo", "e2e:max<9999s", "--seeds", "1", "--search", "concurrency")
    check_equal((every["best"]["load"], every["best"]["interval"]), (150, [150, None]))


def test_requests_that_never_fit():
    """A request that cannot be served fails every load, whatever the limits."""
    found = capacity(*CARD, *LOAD, "--max-model-len", "500", "--slo", "ttft:p50<100s", "--seeds", "1")
    check_equal(found["best"], None)


def test_interval():
    """Several seeds: the mean of what each holds, with Student's interval."""
    each = [capacity(*CARD, *LOAD, *SLO, "--seed", str(seed), "--seeds", "1")["best"]["load"] for seed in (1, 2, 3)]
    whole = capacity(*CARD, *LOAD, *SLO, "--seeds", "3")["best"]
    check_close(whole["load"], statistics.mean(each))
    half = 4.302653 * statistics.stdev(each) / math.sqrt(3)
    for end, expected in zip(whole["interval"], (whole["load"] - half, whole["load"] + half)):
        check_close(end, expected, "interval", 1e-5)


def test_stopping_early_changes_nothing():
    """Trials that were stopped are loads at which a whole run does not hold."""
    succeed("capacity", *CARD, *LOAD, *SLO, "--seeds", "1", "-o", "t.db")
    trials = json.loads(sqlite3.connect("t.db").execute("SELECT search FROM capacity").fetchone()[0])["trials"]
    stopped = [trial for trial in trials if trial["stopped"]]
    check(stopped, "no run was stopped")
    for trial in trials:
        load = trial["load"] if trial["load"] == "inf" else "%g" % trial["load"]
        check_equal(holds(run_json(*CARD, *LOAD, "--request-rate", load)), trial["holds"], trial)


def test_study():
    """A grid: a row a setting, the most load first; the front is what nothing beats; options go before [run]."""
    write("c.ini", STUDY)
    found = capacity("c.ini")
    rows = found["rows"]
    check_equal(len(rows), 4)
    check_equal([row["load"] for row in rows], sorted((row["load"] for row in rows), reverse=True))
    check_equal(found["best"], {key: rows[0][key] for key in found["best"]})
    check_equal(rows[0]["settings"], {"device": "h100-sxm", "tensor-parallel-size": "2"})
    check_equal([row["cards"] for row in rows], [int(row["settings"]["tensor-parallel-size"]) for row in rows])

    def beats(b, a):
        pairs = [(b["figures"][k]["p99"], a["figures"][k]["p99"], 0.01 * limit) for k, limit in (("ttft_s", 0.8), ("tpot_s", 0.04))]
        no_worse = b["load"] >= a["load"] and b["cards"] <= a["cards"] and all(x <= y + e for x, y, e in pairs)
        return no_worse and (b["load"] > a["load"] or b["cards"] < a["cards"] or any(x < y - e for x, y, e in pairs))
    for row in rows:
        check_equal(row["on_front"], not any(beats(other, row) for other in rows if other is not row), row["settings"])
    tight = capacity("c.ini", "--slo", "ttft:p99<800ms,tpot:p99<20ms")
    check(tight["best"]["load"] < found["best"]["load"])
    table = list(csv.DictReader(succeed("capacity", "c.ini", "--format", "csv").text.splitlines()))
    check_equal([float(line["load"]) for line in table], [row["load"] for row in rows])


def test_same_bytes_and_resumed():
    """Whatever the number of processes the same bytes; what the database holds is not searched again."""
    write("c.ini", STUDY)
    one = succeed("capacity", "c.ini", "--jobs", "1", "--format", "json").out
    first = succeed("capacity", "c.ini", "--jobs", "3", "--format", "json", "-o", "c.db")
    check_equal(first.out, one)
    check("8 searches made now, 8 in all" in first.err, first.err)
    again = succeed("capacity", "c.ini", "--format", "json", "-o", "c.db")
    check_equal(again.out, one)
    check("0 searches made now" in again.err, again.err)
    write("c.ini", STUDY.replace("l40s,h100-sxm", "l40s,h100-sxm,a100-80gb"))
    check("4 searches made now, 12 in all" in succeed("capacity", "c.ini", "-o", "c.db").err)
    check("12 searches made now" in succeed("capacity", "c.ini", "-o", "c.db", "--search", "concurrency").err)


def test_killed():
    """Killed at any moment, it goes on where it was."""
    requests = 2000 // (SANITIZED_SLOWNESS if SANITIZED else 1)  # so many that it is not done before it is killed
    write("k.ini", STUDY.replace("seeds = 1,2", "seeds = 1,2,3,4,5,6,7,8").replace("num-prompts = 600", "num-prompts = %d" % requests))
    process = subprocess.Popen([SPILLWAY, "capacity", "k.ini", "-o", "k.db"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(0.6)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = 0
    if os.path.exists("k.db"):
        try:
            kept = sqlite3.connect("k.db").execute("SELECT count(*) FROM capacity").fetchone()[0]
        except sqlite3.OperationalError:
            pass
    rest = succeed("capacity", "k.ini", "-o", "k.db", "--format", "json")
    check("%d searches made now, 32 in all" % (32 - kept) in rest.err, (kept, rest.err))
    check_equal(rest.out, succeed("capacity", "k.ini", "--format", "json").out)


def test_too_short():
    """Where far fewer were served than the load: it is said."""
    words = ["--model", "llama-3.1-8b", "--device", "h100-sxm", *LOAD[2:], *SLO, "--seeds", "1", "--num-prompts"]
    for n, steady in (("100", False), ("3000", True)):
        row = capacity(*words, n)["rows"][0]
        check_equal(row["steady"], steady, row)
        check_equal(row["figures"]["requests_per_s"] < 0.8 * row["load"], not steady)
        check_equal("Not steady" in succeed("capacity", *words, n).text, not steady)


def test_not_served():
    """Requests that can never fit are what limits, not nothing."""
    words = ["capacity", *CARD, *LOAD, "--slo", "ttft:p99<2s", "--seeds", "1"]
    for more, told in ((["--num-gpu-blocks", "3"], "requests that are not served"), ([], "ttft_s.p99"), (["--slo", "ttft:p99<9000s"], "nothing")):
        text = succeed(*words, *more).text
        row = next(line for line in text.splitlines() if line.startswith("as given"))
        check(row.endswith("  " + told), text)


def test_trace():
    """A trace's requests are sent at the load."""
    low, high = capacity(*CARD, "--trace", "demo", "--slo", "e2e:p90<20s", "--seeds", "1")["best"]["interval"]
    for load, expected in ((low, True), (high, False)):
        run = run_json(*CARD, "--trace", "demo", "--request-rate", "%g" % load)
        check_equal(run["e2e_s"]["p90"] < 20, expected)


def test_bad_input():
    """What is searched for cannot be given; limits are needed; files are checked before anything runs."""
    write("c.ini", STUDY)
    base = [*CARD, *LOAD, *SLO]
    for words, message in (([*CARD, *LOAD], "--slo is missing"), (base + ["--request-rate", "4"], "--request-rate: is what is searched"),
                           (base + ["--search", "concurrency", "--max-concurrency", "4"], "--max-concurrency: is what is searched"),
                           (base + ["--search", "load"], "--search: found 'load', expected rate or concurrency"),
                           (base + ["--seeds", "0"], "--seeds: found '0'"), (["c.ini", "--seeds", "3"], "--seeds: a study file"),
                           (["c.ini", "--seed", "3"], "--seed: a study file"), (["none.ini"], "none.ini"),
                           (base + ["--time-scale", "2"], "--time-scale"), (["c.ini", "d.ini"], "unexpected argument"),
                           (base + ["--slo", "ttft:p99<2"], "--slo: found"), (base + ["--model", "nothing"], "--model"),
                           (base + ["-o", "x.db", "--page", "x.db"], "x.db"), (base + ["--jobs", "x"], "--jobs")):
        check_refused(["capacity", *words], message)


def test_page():
    """The page: a chart a limit, a line a setting, no complaint of the browser."""
    write("c.ini", STUDY)
    result = execute("capacity", "c.ini", "--page", "page.html")
    if result.status == 1 and "Chart.js" in result.err:
        raise Skip("Chart.js was not found")
    check_equal(result.status, 0)
    if browser.find() is None:
        raise Skip("chromium was not found")
    for dark in (False, True):
        with browser.Page(dark=dark) as page:
            page.open("page.html")
            check_equal(page.complaints, [])
            check_equal(page.evaluate("document.querySelectorAll('canvas').length"), 2)
            check_equal(page.evaluate("Chart.getChart('limit-1').data.datasets.filter(s => s.data.some(p => p.trial)).length"), 4)
            check_equal(page.evaluate("Chart.getChart('limit-1').data.datasets.find(s => s.label === 'limit').data[0].y"), 0.04)
            check_equal(page.evaluate("document.querySelectorAll('tbody tr').length"), 4)


if __name__ == "__main__":
    main(all_tests(globals()))
