#!/usr/bin/env python3
"""Several programs at one database: those that write, and one that holds the lock for longer than anybody waits.

clocks.so lets who sleeps wake at once: the ten seconds that a lock is waited for, or minutes of it, are over soon.
"""
import os
import sqlite3
import subprocess

from common import CAPACITY, RUN, STUDY, make_run, preload, rows, runs_of
from spillway_test import SPILLWAY, Result, all_tests, check, check_equal, check_sound, main, succeed, write


def together(*commands):
    """Started at once; each has to succeed."""
    started = [subprocess.Popen([SPILLWAY, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
               for words in commands]
    for process, words in zip(started, commands):
        out, err = process.communicate(timeout=120)
        result = Result([SPILLWAY, *words], process.returncode, out, err)
        check(result.status == 0, str(result))


def test_runs():
    """Runs that are added at once are all there, and whole"""
    together(*[[*RUN, "--seed", str(seed), "-o", "x.db"] for seed in range(8)])
    check_equal(rows("x.db", "SELECT count(*) FROM run"), [(8,)])
    check_equal(rows("x.db", "SELECT count(*) FROM request"), [(8 * 60,)])
    check_equal(rows("x.db", "PRAGMA integrity_check"), [("ok",)])


def test_everybody():
    """A sweep, a search for loads, a merge, runs and readers at once: each has what it has alone"""
    write("study.ini", STUDY.replace("--requests 30", "--requests 300"))
    write("c.ini", CAPACITY)
    make_run()
    succeed("sweep", "study.ini", "-o", "alone.db")
    succeed(*RUN, "--overflow", "swap", "-o", "alone.db")
    succeed("merge", "r.db", "-o", "alone.db")
    succeed(*RUN, "-o", "x.db")
    sweep = ["sweep", "study.ini", "--jobs", "2", "-o", "x.db"]
    together(sweep, ["capacity", "c.ini", "-o", "x.db"], ["merge", "r.db", "-o", "x.db"], ["explain", "x.db"],
             [*RUN, "--overflow", "swap", "-o", "x.db"], ["explain", "x.db"])
    found = runs_of("x.db")
    check(all(run in found for run in runs_of("alone.db")), "runs are missing")
    check_equal(rows("x.db", "PRAGMA integrity_check"), [("ok",)])
    check("0 cells run now" in succeed(*sweep).err)


def test_two_sweeps():
    """Two sweeps of one study at once: each cell is there once, with the figures that it has alone"""
    write("study.ini", STUDY.replace("--requests 30", "--requests 300"))
    succeed("sweep", "study.ini", "-o", "alone.db")
    words = ["sweep", "study.ini", "--jobs", "2", "-o", "x.db"]
    together(words, words)
    cells = "SELECT s.cell, s.seed, s.makespan_s, s.e2e_s_mean, s.preemptions FROM run_summary AS s ORDER BY s.cell, s.seed"
    check_equal(sorted(set(rows("x.db", cells))), rows("alone.db", cells))
    check_equal(rows("x.db", "SELECT count(DISTINCT run_id) FROM cell"), rows("alone.db", "SELECT count(*) FROM cell"))


def test_lock_for_minutes():
    """A lock that is never given back: the file is named, what was computed is printed, what was there stays"""
    write("study.ini", STUDY)
    write("c.ini", CAPACITY)
    make_run()
    succeed(*RUN, "--overflow", "swap", "-o", "x.db")
    before = runs_of("x.db")
    holder = sqlite3.connect("x.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    for words in ([*RUN, "-o", "x.db"], ["sweep", "study.ini", "-o", "x.db"], ["capacity", "c.ini", "-o", "x.db"],
                  ["merge", "r.db", "-o", "x.db"], ["merge", "x.db", "-o", "y.db"], ["explain", "x.db"], ["plot", "x.db"],
                  ["report", "x.db", "-o", "page.html"]):
        done = preload("clocks.so", words)
        result = Result(words, done.returncode, done.stdout, done.stderr)
        check_sound(result)
        check(result.status in (1, 2) and len(result.messages) == 1 and "x.db" in result.err and "lock" in result.err, str(result))
        check(words[0] != "run" or b"finished" in result.out, str(result))
        check(not os.path.exists("y.db"))
    holder.execute("ROLLBACK")
    holder.close()
    check_equal(runs_of("x.db"), before)


def test_lock_under_a_sweep():
    """A lock that is taken while a sweep runs and never given back: it says so, what was stored stays, and it goes on later"""
    write("study.ini", STUDY.replace("--requests 30", "--requests 3000"))
    succeed("sweep", "study.ini", "-o", "alone.db")
    path = os.path.join(os.environ["SPILLWAY_BUILDDIR"], "tests", "faults", "clocks.so")
    process = subprocess.Popen([SPILLWAY, "sweep", "study.ini", "--jobs", "1", "-o", "x.db"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                               env={**os.environ, "LD_PRELOAD": path, "ASAN_OPTIONS": "verify_asan_link_order=0"})
    holder = sqlite3.connect("x.db", isolation_level=None, timeout=20)
    while process.poll() is None:
        try:
            if holder.execute("SELECT count(*) FROM run").fetchone()[0] > 0:
                holder.execute("BEGIN IMMEDIATE")
                break
        except sqlite3.OperationalError:
            continue
    out, err = process.communicate(timeout=60)
    if holder.in_transaction:
        holder.execute("ROLLBACK")
    holder.close()
    check(process.returncode in (0, 1, 2) and (process.returncode == 0 or b"x.db is locked" in err), (process.returncode, err))
    succeed("sweep", "study.ini", "-o", "x.db")
    check_equal(runs_of("x.db"), runs_of("alone.db"))


if __name__ == "__main__":
    main(all_tests(globals()))
