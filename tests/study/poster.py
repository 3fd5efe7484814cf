#!/usr/bin/env python3
"""study poster: its numbers agree with each other, with run, and with doc/poster.md.

With SPILLWAY_UPDATE=1 the findings in doc/poster.md and its figures are written anew instead.
"""
import csv
import functools
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile

from spillway_test import (SHARED, SPILLWAY, Skip, all_tests, check, check_close, check_equal, execute,
                           main, read, run_json, source, succeed, write)

MODEL = "yarn-llama-2-7b-64k"
PATIENCE_S = 120  # it takes a few seconds; a machine may have other work
FIGURES = ["figure%d" % number for number in (2, 3, 4, 5)]
DATA = [*(name + ".csv" for name in FIGURES), "block-sizes.csv", "engines.csv", "changes.csv", "errors.csv",
        "findings.md", "findings.json"]
LIVE = ["--live", "--executor", "cpu", "--burst", "16,40,24"]
BEGIN, END = "SPILLWAY_UPDATE=1 tests/study/poster.py writes it anew -->\n", "<!-- to here -->"


def need_gnuplot():
    if shutil.which("gnuplot") is None:
        raise Skip("no gnuplot")


def rows(path):
    with open(path) as file:
        return list(csv.DictReader(file))


def study(folder, *words):
    """Runs it; without gnuplot, all but the figures is there."""
    result = execute("study", "poster", "-o", folder, *words, patience_s=PATIENCE_S)
    check(result.status == (0 if shutil.which("gnuplot") else 1), str(result))
    return {finding["id"]: finding for finding in json.loads(read(folder + "/findings.json"))["findings"]}


@functools.cache
def files_of_the_study():
    """Each file's bytes by its name, and the findings, of one run for all tests that look at it."""
    with tempfile.TemporaryDirectory() as folder:
        findings = study(folder)
        return {name: read(os.path.join(folder, name)) for name in os.listdir(folder)}, findings


def studied(folder):
    """As study(folder), without another run."""
    files, findings = files_of_the_study()
    os.mkdir(folder)
    for name, content in files.items():
        write(os.path.join(folder, name), content)
    return findings


def test_files():
    """Every file is there, and a second run writes the same bytes."""
    need_gnuplot()
    studied("a")
    study("b")
    expected = DATA + [name + suffix for name in FIGURES for suffix in (".gp", ".svg", ".png")]
    check_equal(sorted(os.listdir("a")), sorted(expected))
    for name in expected:
        check(read("a/" + name) == read("b/" + name) != b"", name)
    for name in FIGURES:
        check(read("a/%s.png" % name).startswith(b"\x89PNG"), name)
        check(read("a/%s.svg" % name).count(b"<path") > 10, name)


def test_page():
    """doc/poster.md holds findings.md word for word."""
    studied("out")
    findings = read("out/findings.md").decode().replace("(figure", "(poster/figure")
    page = read(source("doc", "poster.md")).decode()
    head, found = page.split(BEGIN)
    found, tail = found.split(END)
    if os.environ.get("SPILLWAY_UPDATE"):
        with open(source("doc", "poster.md"), "w") as file:
            file.write(head + BEGIN + findings + END + tail)
        for name in FIGURES:
            shutil.copy("out/%s.svg" % name, source("doc", "poster"))
    else:
        check_equal(found, findings, "doc/poster.md is of other costs or schedules")
    for name in FIGURES:
        check(os.path.exists(source("doc", "poster", name + ".svg")), name)


def test_verdicts():
    """Findings follow from the data: each is judged once more, from the CSV alone."""
    findings = studied("out")
    check_equal(list(findings), ["F%d" % number for number in range(1, 10)])
    verdict = {name: finding["verdict"] for name, finding in findings.items()}
    costs = {(int(row["tokens"]), int(row["block_size"])): row for row in rows("out/figure2.csv")}
    pinned = [float(costs[2048, size]["swap_pinned_s"]) for size in (1, 16, 256)]
    pageable = [float(costs[2048, size]["swap_pageable_s"]) for size in (16, 256)]
    check_equal(verdict["F1"], "cannot be told")
    check_equal(len({row["recompute_s"] for key, row in costs.items() if key[0] == 2048}), 1)
    check_equal(verdict["F2"] == "holds", pinned[0] > pinned[1] > 1.1 * pinned[2])
    check_equal(verdict["F3"] == "holds", pinned[1] / pinned[2] > pageable[0] / pageable[1])
    for column in ("recompute_s", "swap_pinned_s"):
        line = [float(costs[256 << n, 16][column]) for n in range(8)]
        check_equal(line, sorted(line), column)
    check_equal(verdict["F4"], "holds")
    ratio = [float(costs[n, 16]["recompute_s"]) / float(costs[n, 16]["swap_pinned_s"])
             for n in (1024, 32768)]
    check(ratio[1] > 1.1 and ratio[1] > ratio[0] and verdict["F5"] == "holds", ratio)
    for policy in ("recompute", "swap"):
        lost = [float(row["lost_s"]) for row in rows("out/figure4.csv")
                if row["policy"] == policy and row["host_memory"] == "ample"
                and int(row["kv_percent"]) % 10 == 0]
        check_equal(lost[:4], sorted(lost[:4], reverse=True), policy)
        check_equal(lost.index(min(lost)), 4, policy)
    check_equal((verdict["F6"], verdict["F7"]), ("holds", "holds"))
    for name, finding in findings.items():
        check(finding["numbers"] and finding["depends_on"] and "nan" not in finding["numbers"], name)


def test_timeline():
    """Figure 5 accounts for every token and eviction of the runs at 12 %."""
    studied("out")
    for policy in ("recompute", "swap"):
        windows = [row for row in rows("out/figure5.csv") if row["policy"] == policy]
        run = next(row for row in rows("out/figure4.csv") if row["policy"] == policy
                   and row["kv_percent"] == "12" and row["host_memory"] == "ample")
        tokens = sum(float(row["output_tokens_per_s"]) * float(row["length_s"]) for row in windows)
        check_close(tokens, 32 * 1024, policy, relative=1e-6)
        check_equal(sum(int(row["evicted"]) for row in windows), int(run["preemptions"]), policy)
        check_equal(sum(int(row["new_tokens"]) for row in windows) >= 32 * 1500, True, policy)
        check(all(0 <= float(row["kv_use"]) <= 1 for row in windows), policy)
        check((sum(int(row["recomputed_tokens"]) for row in windows) > 0) == (policy == "recompute"))


def test_against_run():
    """A run of the study is what `run` makes of the same options."""
    studied("out")
    words = ["--model", MODEL, "--device", "a100-40gb", "--trace", "study-burst", "--kv-memory", "20%",
             "--swap-space", "64"]
    for row in rows("out/engines.csv"):
        if row["kv_percent"] != "20":
            continue
        chunked = ["--enable-chunked-prefill"] if row["chunked_prefill"] == "yes" else []
        summary = run_json(*words, "--scheduler", row["scheduler"], "--overflow", row["policy"], *chunked)
        check_close(float(row["makespan_s"]), summary["makespan_s"], row["setting"])
        check_equal(int(row["preemptions"]), summary["preemptions"], row["setting"])
        overhead = summary["overhead_s"]
        check_close(float(row["recompute_s"]), overhead["recompute"], row["setting"])
        check_close(float(row["copy_s"]), overhead["swap_out"] + overhead["swap_in"], row["setting"])


def test_changes():
    """Copy paths, links and GQA change what they should, and nothing else."""
    studied("out")
    changes = json.loads(read("out/findings.json"))["changes"]
    verdicts = {change["setting"]["title"].split(",")[0].split(" (")[0]: change["verdicts"]
                for change in changes}
    for title, finding, expected in [
            ("as in the study", "F2", "holds"), ("copies submitted as one", "F2", "does not hold"),
            ("a block's layers lie together", "F2", "does not hold"),
            ("copies hidden behind compute", "F4", "does not hold"),
            ("GQA: llama-3.1-8b", "F5", "holds")]:
        check_equal(verdicts[title][finding]["verdict"], expected, title)


def test_errors():
    """Costs that are off by more than published tables show leave every verdict as it is, as doc/poster.md says."""
    findings = studied("out")
    errors = json.loads(read("out/findings.json"))["errors"]
    check(len(errors) > 5, errors)
    for error in errors:
        check_equal({name: verdict["verdict"] for name, verdict in error["verdicts"].items()},
                    {name: finding["verdict"] for name, finding in findings.items()}, error["setting"]["title"])


def test_other_devices():
    """Any device is judged; what it cannot hold is said."""
    findings = study("h100", "--device", "h100-sxm")
    check_equal(findings["F5"]["verdict"], "does not hold")
    check("a server would not start" not in read("h100/findings.md").decode())
    study("l4", "--device", "l4")
    check("a server would not start" in read("l4/findings.md").decode())


def test_profile():
    """With measured A100 tables: costs are of the profile, and what doc/poster.md says of it."""
    tables = os.path.join(SHARED or "", "data", "profiles", "aiconfigurator")
    if SHARED is None or not os.path.exists(tables):
        raise Skip("the measured tables do not ship, and are not at hand")
    names = [os.path.join(tables, name) for name in os.listdir(tables)
             if re.match("a100_sxm_(gemm|attention).*csv", name)]
    succeed("profile", "import", *names, "-o", "a100.db")
    findings = study("out", "--device", "a100.db")
    for name in ("F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9"):
        check_equal(findings[name]["verdict"], "holds", name)
    check("Costs are of the profile" in read("out/findings.md").decode())
    costs = {(int(row["tokens"]), int(row["block_size"])): row for row in rows("out/figure2.csv")}
    for tokens, told in ((8192, "1.01"), (16384, "1.18"), (32768, "1.52")):
        row = costs[tokens, 16]
        check_equal("%.2f" % (float(row["recompute_s"]) / float(row["swap_pinned_s"])), told, tokens)
        check(told in read(source("doc", "poster.md")).decode(), told)


def live(folder, *words, model=None):
    """Runs the study on the CPU, on a tiny model; its findings.json, the result, and how many files were kept."""
    result = execute("study", "poster", *LIVE, "--model", model or source("tests", "models", "tiny-llama.json"),
                     "-o", folder, *words, patience_s=PATIENCE_S)
    root = json.loads(read(folder + "/findings.json")) if result.status < 2 else None
    return root, result, len(os.listdir(folder + "/live"))


def test_live():
    """Live: every setting is computed, in the same record as the simulation, and judged beside it."""
    need_gnuplot()
    root, result, kept = live("out")
    check_equal(result.status, 0, str(result))
    computed = root["live"]
    check_equal((computed["missing"], computed["setting"]["executor"]), ([], "cpu"))
    check_equal([finding["id"] for finding in computed["findings"]], ["F%d" % n for n in range(1, 10)])
    check_equal(computed["setting"]["burst"], [16, 40, 24])
    check_equal(root["setting"]["measured_share"], 0)
    check_equal(computed["setting"]["measured_share"], 1)
    for name in ("figure2", "figure3", "figure4", "figure5", "block-sizes"):
        for prefix in ("", "live-"):
            check(len(rows("out/%s%s.csv" % (prefix, name))) > 1, prefix + name)
    # Decisions follow from the lengths alone here: all requests come at once.
    for one, other in zip(root["runs"], computed["runs"]):
        for key in ("kv_percent", "overflow", "num_gpu_blocks", "preemptions", "end"):
            check_equal(other[key], one[key], str(one))
        check(other["makespan_s"] > 0 and other["lost_s"] is not None, str(other))
    page = read("out/findings.md").decode()
    check("| simulated | live |" in page and page.count("live-figure") == 4, page[:2000])
    check_equal(result.text.count("\n  F"), 9, result.text)
    runs = sqlite3.connect("out/live.db").execute("SELECT count(*), min(end) FROM run").fetchone()
    check_equal(runs[1], "done")
    check_equal(kept, runs[0] + 9, "a file a run and a block size")


def test_live_goes_on():
    """Live: what was measured is kept, whatever ends the program, and the same command goes on."""
    root, result, kept = live("out", "--minutes", "0.0001")
    check(result.status == 1 and "the time was over" in result.err, str(result))
    check(0 < kept < 40 and len(root["live"]["missing"]) > 0, kept)
    check_equal({f["verdict"] for f in root["live"]["findings"] if "Not measured" in f["numbers"]}, {"cannot be told"})
    first = read("out/live/cost-1.json")
    command = [SPILLWAY, "study", "poster", *LIVE, "--model", source("tests", "models", "tiny-llama.json"), "-o", "out"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if "of" in line and "note" in line:
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
        check(process.returncode in (0, 1), process.returncode)  # 0: it was done before the signal came
    root, result, kept = live("out")
    check_equal((result.status, root["live"]["missing"]), (0 if shutil.which("gnuplot") else 1, []), str(result))
    check_equal(read("out/live/cost-1.json"), first, "it was measured again")
    write("out/live/cost-16.json", first[:100])
    live("out", "--burst", "16,44,24", "--minutes", "0.0001")
    check(read("out/live/cost-1.json") != first, "another study's figures were taken")


def test_live_failure():
    """Live: a setting that fails is named, and leaves the others alone."""
    config = json.loads(read(source("tests", "models", "tiny-llama.json")))
    config.update(hidden_size=8, num_attention_heads=4, num_key_value_heads=1)  # a block of 1 is 8 bytes: too few
    write("odd.json", json.dumps(config))
    root, result, _ = live("out", model="odd.json")
    check_equal(result.status, 1, str(result))
    check_equal(len(root["live"]["missing"]), 1, root["live"]["missing"])
    check("cost-1" in root["live"]["missing"][0] and "larger block size" in root["live"]["missing"][0])
    verdicts = {finding["id"]: finding["numbers"] for finding in root["live"]["findings"]}
    check("Not measured: blocks of 1." in verdicts["F2"] and "Not measured" not in verdicts["F4"], verdicts)
    check("1 settings are missing" not in result.err, result.err)


def test_refused():
    """What is wrong is told in one message, with the status it deserves."""
    with open("file", "w") as file:
        file.write("x")
    for words, status, expected in [
            (["poster"], 2, "-o"), (["poster", "-o", "file/x"], 2, "file/x"),
            (["poster", "-o", "x", "--device", "nope"], 2, "nope"), (["poster", "-o", "x", "y"], 2, "'y'"),
            (["poster", "-o", "x", "--live"], 1, "spillway-gpu"),
            (["poster", "-o", "x", "--live", "--executor", "unit"], 2, "expected gpu or cpu"),
            (["poster", "-o", "x", "--executor", "cpu"], 2, "--live"),
            (["poster", "-o", "x", "--minutes", "3"], 2, "--live"),
            (["poster", "-o", "x", "--burst", "32,1500"], 2, "32,1500,1024"),
            (["poster", "-o", "x", "--burst", "32,x,9"], 2, "'x'"),
            (["poster", "-o", "x", "--model", "llama-9"], 2, "llama-9"), (["postr"], 2, "did you mean poster?"),
            ([], 2, "poster")]:
        result = execute("study", *words)
        check(result.status == status and expected in result.err and len(result.messages) == 1, str(result))
        check(result.out == b"", str(result))


def test_without_gnuplot():
    """Without gnuplot all but the figures is written, and the message says what to install."""
    path, os.environ["PATH"] = os.environ["PATH"], "/nowhere"
    try:
        result = execute("study", "poster", "-o", "out")
    finally:
        os.environ["PATH"] = path
    check(result.status == 1 and "gnuplot-nox" in result.err, str(result))
    check(set(DATA) <= set(os.listdir("out")), os.listdir("out"))
    check(b"F9" in result.out)


if __name__ == "__main__":
    main(all_tests(globals()))
