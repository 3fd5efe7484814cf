#!/usr/bin/env python3
"""spillway study policies: its gains are those of runs, its best is the best, and it is the same however it is run."""
import os
import shlex
import signal
import sqlite3
import subprocess

import browser
from spillway_test import SPILLWAY, Skip, all_tests, check, check_close, check_equal, check_refused, execute, main, run_json, succeed

SMALL = ["study", "policies", "--models", "llama-3.1-8b", "--engines", "vllm,vllm-0.6,sglang", "--pressures", "2", "--prompts", "200",
         "--outputs", "400", "--links", "1", "--requests", "80"]
ALONE = [*SMALL, "--trace", "none", "--seeds", "2"]
PATIENCE_S = 300  # 3,500 runs, on a machine that does other things, too
WIDE = ["study", "policies", "--trace", "none", "--models", "llama-3.1-8b", "--engines", "vllm,vllm-0.6", "--seeds", "1", "--requests", "60"]
T95 = {1: 12.7062, 2: 4.30265}


def rows_of(path, query):
    """What a query of a database gives."""
    table = sqlite3.connect(path)
    try:
        return table.execute(query).fetchall()
    finally:
        table.close()


def study(*words):
    return succeed(*words, "--format", "json").json


def choice_of(whole, kind, policy):
    return whole["choices"].index(next(c for c in whole["choices"] if (c["kind"], c["policy"]) == (kind, policy)))


def test_gains_are_those_of_runs():
    """With two seeds: each gain, its interval, and the best are found again from `run` with the commands that are told."""
    whole = study(*ALONE, "-o", "a.db")
    check_equal(len(whole["points"]), 3)
    for point in whole["points"]:
        words = shlex.split(point["command"])
        check_equal(words[0], "run")
        for kind, policy in (("overflow", "swap"), ("victim", "longest"), ("admission", "watermark"), ("overflow", "swap-free")):
            gains = []
            for seed in ("1", "2"):
                words[words.index("--seed") + 1] = seed
                own, other = run_json(*words[1:]), run_json(*words[1:], "--" + kind, policy)
                gains.append(1 - other["e2e_s"]["mean"] / own["e2e_s"]["mean"])
            gain, half = point["gains"][choice_of(whole, kind, policy)]
            check_close(gain, sum(gains) / 2)
            check(abs(half - T95[1] * abs(gains[0] - gains[1]) / 2) < 1e-6, (half, gains))
        check(point["own"]["preemptions"] > 5 or point["engine"] == "sglang", point["own"])


def test_best():
    """The best has the most gain of all that is no bound; one counts if its interval says so."""
    for point in study(*ALONE, "-o", "b.db", "--figure", "output_tokens_per_s")["points"]:
        whole = study(*ALONE, "-o", "b.db", "--figure", "output_tokens_per_s")
        held = {i: gain for i, gain in enumerate(point["gains"]) if gain and not whole["choices"][i]["bound"]}
        best = max(held, key=lambda i: held[i][0])
        check_equal(point["best"]["gain"], held[best][0])
        check_equal(point["best"]["counts"], held[best][0] >= whole["least_gain"] and held[best][0] > held[best][1])


def test_pressure():
    """The pool is the peak with memory for all by the pressure; under more of it more are evicted."""
    whole = study(*[w if w != "2" else "1.25,2,4" for w in SMALL], "--trace", "none", "--seeds", "1", "-o", "p.db", "--engines", "vllm")
    blocks = [point["num_gpu_blocks"] for point in whole["points"]]
    check(all(abs(a * p - blocks[0] * 1.25) <= 5 for a, p in zip(blocks, (1.25, 2, 4))), blocks)
    words = shlex.split(whole["points"][0]["command"])
    words[words.index("--num-gpu-blocks") + 1] = "100000"
    peak = run_json(*words[1:])["peak_gpu_blocks"]
    check(abs(peak - blocks[0] * 1.25) <= 2, (peak, blocks))
    latency = [point["own"]["e2e_s.mean"] for point in whole["points"]]
    check(latency == sorted(latency) and latency[0] < latency[2], latency)


def test_same_however_it_is_run():
    """One worker, two and five: the same bytes; the same again from the database, where nothing is run."""
    results = {jobs: succeed(*ALONE, "-o", "j%s.db" % jobs, "--jobs", jobs, "--format", "json").out for jobs in ("1", "2", "5")}
    check_equal(len(set(results.values())), 1)
    rows = [sorted(rows_of("j%s.db" % jobs, "SELECT * FROM policy_run"), key=str) for jobs in results]
    check(rows[0] == rows[1] == rows[2])
    again = succeed(*ALONE, "-o", "j1.db", "--format", "json")
    check_equal(again.out, results["1"])
    check("0 jobs run now, 6 of 6 done" in again.err, again.err)
    check("2 jobs run now" in succeed(*ALONE[:-1], "3", "-o", "j1.db", "--engines", "vllm,vllm-0.6").err)


def kept(path):
    try:
        return rows_of(path, "SELECT count(DISTINCT identity) FROM policy_run")[0][0]
    except sqlite3.OperationalError:
        return 0


def test_killed():
    """Killed at any moment, with workers and all, it goes on where it was, to the same bytes."""
    process = subprocess.Popen([SPILLWAY, *WIDE, "-o", "k.db"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(300):
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            if kept("k.db") >= 10:
                break
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = kept("k.db")
    check(before >= 10, before)
    rest = succeed(*WIDE, "-o", "k.db", "--format", "json", "--page", os.devnull, patience_s=PATIENCE_S)
    check("%d jobs run now" % (162 - before) in rest.err, (before, rest.err))
    check_equal(rest.out, succeed(*WIDE, "-o", "w.db", "--format", "json", patience_s=PATIENCE_S).out)


def test_budget():
    """A budget ends it with what there is, first seeds first; the same command goes on."""
    short = succeed(*WIDE[:-1], "400", "-o", "t.db", "--budget", "1s", "--jobs", "1")
    check("Not whole" in short.text and "the budget is spent" in short.err, short.err)
    seeds = dict(rows_of("t.db", "SELECT seed, count(*) FROM policy_run GROUP BY seed"))
    check(seeds.get(2, 0) == 0 or seeds[1] >= seeds[2], seeds)


def test_holes():
    """Lengths for which a model has no context are holes that are told; a map of nothing else is refused."""
    words = [*ALONE, "-o", "h.db", "--engines", "vllm", "--models"]
    result = succeed(*words, "llama-2-7b", "--prompts", "100,5000")
    check("Points that cannot be run" in result.text, result.text)
    check_equal(len([p for p in study(*words, "llama-2-7b", "--prompts", "100,5000")["points"] if p["refused"]]), 1)
    check_refused([*words, "llama-2-7b", "--prompts", "50000"], "too long")


def test_traces():
    """A trace is a row, in one run, whatever the engine."""
    whole = study(*SMALL, "--seeds", "3", "--trace", "demo", "-o", "d.db")
    rows = [point for point in whole["points"] if point["trace"]]
    check_equal([row["engine"] for row in rows], ["vllm", "vllm-0.6", "sglang"])
    for row in rows:
        check_equal((row["best"]["seeds"], row["best"]["half"], row["prompt_tokens"]), (1, None, None))
    own = run_json(*shlex.split(rows[0]["command"])[1:])
    check_close(rows[0]["own"]["e2e_s.mean"], own["e2e_s"]["mean"])
    text = succeed(*SMALL, "--seeds", "3", "--trace", "demo", "-o", "d.db").text
    check("Traces, as they are" in text, text)
    lines = succeed(*SMALL, "--seeds", "3", "--trace", "demo", "-o", "d.db", "--format", "csv").text.splitlines()
    check(len(lines) > 40 and len(set(line.count(",") for line in lines)) == 1, lines[:3])


def test_only_traces():
    """Without generated traffic there are only a trace's rows, the same as beside it."""
    words = ["study", "policies", "--models", "llama-3.1-8b", "--engines", "vllm-0.6", "--pressures", "2", "--trace", "demo"]
    rows = study(*words, "--prompts", "none", "-o", "o.db")["points"]
    check_equal([row["trace"] for row in rows], ["demo"])
    check("Traces, as they are" in succeed(*words, "--prompts", "none", "-o", "o.db").text)
    beside = study(*words, "--prompts", "200", "--outputs", "100", "--links", "1", "--seeds", "1", "--requests", "20", "-o", "o.db")
    check_equal([point for point in beside["points"] if point["trace"]], rows)


def test_bad_input():
    """What is wrong is refused with status 2, before anything runs."""
    for more, words in (([], "-o is missing"), (["-o", "x.db", "--engines", "vllm,vllm"], "vllm twice"), (["-o", "x.db", "--engines", "vllm:slow"], "uncached"),
                        (["-o", "x.db", "--engines", "vlm"], "vllm"), (["-o", "x.db", "--models", "nothing"], "nothing"),
                        (["-o", "x.db", "--pressures", "0.5"], "--pressures"), (["-o", "x.db", "--links", "fast"], "--links"),
                        (["-o", "x.db", "--figure", "steps"], "--figure"), (["-o", "x.db", "--budget", "0s"], "--budget"),
                        (["-o", "x.db", "--trace", "none.csv"], "none.csv"), (["-o", "x.db", "--page", "x.db"], "x.db"),
                        (["-o", "x.db", "--seeds", "0"], "--seeds"), (["-o", "x.db", "--format", "xml"], "xml"), (["-o", "x.db", "--device", "card"], "card"),
                        (["-o", "x.db", "y"], "'y'"), (["-o", "x.db", "--prompts", "none", "--trace", "none"], "nothing to run"), (["-o", "x.db", "--prompts", "4,4"], "4 twice")):
        check_refused(["study", "policies", *more], words)
    for option in ("--models", "--engines", "--pressures", "--prompts", "--outputs", "--links", "--figure"):
        check_refused(["study", "policies", "-o", "a.db", option + "="], option)
    check(not os.path.exists("x.db"))
    with open("other.db", "w", encoding="ascii") as file:
        file.write("no database at all, but long enough to look into")
    check_refused([*ALONE, "-o", "other.db"], "other.db")


def test_page():
    """The page: a map an engine and model, what may be chosen changes it, no complaint of the browser."""
    words = [*SMALL, "--seeds", "2", "--trace", "demo", "-o", "g.db", "--page", "g.html"]
    result = execute(*words)
    if result.status == 1 and "Chart.js" in result.err:
        raise Skip("Chart.js was not found")
    check_equal(result.status, 0, result.err)
    check("<b>" not in open("g.html", encoding="utf-8").read().split('id="data">')[1].split("</script>")[0])
    if browser.find() is None:
        raise Skip("chromium was not found")
    for dark in (False, True):
        with browser.Page(dark=dark) as page:
            page.open("g.html")
            check_equal(page.complaints, [])
            check_equal(page.evaluate("document.querySelectorAll('#maps .map').length"), 3)
            check_equal(page.evaluate("document.querySelectorAll('#traces td').length"), 3)
            cells = "[...document.querySelectorAll('#maps td')].map(cell => cell.title.split('best: ')[1].split(' ')[0])"
            kinds = page.evaluate(cells)
            check_equal(len(kinds), 3)
            page.evaluate("(() => { byId('kind').value = 'victim'; byId('kind').dispatchEvent(new Event('change')); })()")
            check(set(page.evaluate(cells)) <= {"victim", "the"}, page.evaluate(cells))
            check_equal(page.complaints, [])
    succeed(*words, "--prompts", "none")
    with browser.Page() as page:
        page.open("g.html")
        check_equal((page.complaints, page.evaluate("document.querySelectorAll('.map').length")), ([], 1))


if __name__ == "__main__":
    main(all_tests(globals()))
