#!/usr/bin/env python3
"""Clocks that jump: with a time of day that goes years back and forth (clocks.so) each verb writes what it writes without, in as good time."""
import os
import re

from common import CAPACITY, LIBRARY, RUN, STUDY, make_run, preload, runs_of
from spillway_test import all_tests, check, check_equal, main, read, succeed, write


def jumping(*words):
    done = preload("clocks.so", [str(word) for word in words])
    check_equal(done.returncode, 0, (words, done.stderr.decode()))
    for complaint in ("nan", "inf ", "-0.", "Sanitizer"):
        check(complaint not in done.stderr.decode(), done.stderr.decode())
    return done.stdout


def without_wall(text):
    """Less the line that says how long the simulation itself took."""
    return re.sub(rb'"wall_s": [^,\n]*', b"", text)


def test_figures():
    """What is printed is the same"""
    make_run()
    write("c.ini", CAPACITY)
    for words in ([*RUN, "--format", "json"], ["compare", *RUN[1:], "--format", "json"], ["capacity", "c.ini", "--format", "json"],
                  ["regret", *RUN[1:], "--budget", "50", "--format", "json"], ["explain", "r.db"], ["trace", "show", "demo"],
                  ["trace", "gen", "--requests", "9", "--rate", "1", "--prompt", "uniform:1,9", "--output", "uniform:1,9"]):
        check_equal(without_wall(jumping(*words)), without_wall(succeed(*words).out), words)


def test_files():
    """What is written is the same"""
    make_run()
    write("study.ini", STUDY)
    succeed("sweep", "study.ini", "-o", "a.db")
    jumping("sweep", "study.ini", "-o", "b.db")
    check_equal(runs_of("b.db"), runs_of("a.db"))
    for option, name in (("--requests", "csv"), ("--decisions", "jsonl"), ("--perfetto", "json")):
        succeed(*RUN, option, "a." + name)
        jumping(*RUN, option, "b." + name)
        check_equal(read("b." + name), read("a." + name), option)
    if LIBRARY:
        jumping("report", "b.db", "-o", "page.html")
        check(b"<html" in read("page.html"))


def test_wall_time():
    """How long it took is neither negative nor years"""
    found = float(re.search(rb'"wall_s": ([^,\n]*)', jumping(*RUN, "--format", "json")).group(1))
    check(0 <= found < 60, found)


def test_budget():
    """A search that may take a second takes about one"""
    before = os.times().elapsed
    jumping("regret", *RUN[1:], "--budget", "1s")
    check(os.times().elapsed - before < 30)


if __name__ == "__main__":
    main(all_tests(globals()))
