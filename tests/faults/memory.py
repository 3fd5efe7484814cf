#!/usr/bin/env python3
"""Memory that runs out, in whatever verb: one message and status 1, or 2 where it was asked for too much; what was stored stays."""
import os
import subprocess

from common import CAPACITY, RUN, STUDY, limited, make_run, rows, runs_of
from spillway_test import HARDWARE, SANITIZED, SPILLWAY, Skip, all_tests, check, check_equal, main, succeed, write

GEN = ["--rate", "10", "--prompt", "fixed:100", "--output", "fixed:10"]
NOT_STARTED = 127  # the loader's: its libraries found no room
REASON = "AddressSanitizer maps no shadow memory under ulimit -v, and ends the program itself without memory"


def test_asked_for_too_much():
    """More requests than there is memory for, or a thousand million of them, are refused before anything is made"""
    if SANITIZED:
        raise Skip(REASON)
    for amount, part in ((["--requests", "100000000"], "GB of memory"), (["--requests", "1000000000"], "'1000000000'"),
                         (["--duration", "4000000"], "GB of memory")):
        limited(200000, "trace", "gen", *amount, *GEN, "-o", "t.bin", expected=[part])
        limited(200000, "run", *HARDWARE, "--trace", "gen:" + " ".join([*amount, *GEN]), expected=[part])
    limited(200000, "run", *HARDWARE, "--num-prompts", "1000000000", expected=["'1000000000'"])
    limited(200000, "run", *HARDWARE, "--num-prompts", "100000000", status=1, expected=["memory"])
    check(not os.path.exists("t.bin"))


def test_input_without_end():
    """A trace from a pipe that never ends"""
    if SANITIZED:
        raise Skip(REASON)
    with subprocess.Popen(["yes", "1,2,3"], stdout=subprocess.PIPE) as endless:
        head = subprocess.Popen(["sh", "-c", "echo arrival_s,prompt_tokens,output_tokens; exec cat"], stdin=endless.stdout,
                                stdout=subprocess.PIPE)
        limited(400000, "trace", "show", "-", stdin=head.stdout, status=1, expected=["memory"])
        head.stdout.close()
        head.kill()
        head.wait()
        endless.kill()


def test_every_verb():
    """Every verb with ever more memory, from what it cannot start with to what it does its work with"""
    if SANITIZED:
        raise Skip(REASON)
    write("study.ini", STUDY.replace("--requests 30", "--requests 300"))
    write("c.ini", CAPACITY)
    make_run()
    succeed(*RUN, "--overflow", "swap", "-o", "kept.db")
    kept = runs_of("kept.db")
    statuses = set()
    for words in (["run", *HARDWARE, "--trace", "chat-hour", "-o", "kept.db"], ["sweep", "study.ini", "-j", "2", "-o", "kept.db"],
                  ["capacity", "c.ini", "-j", "2", "-o", "kept.db"], ["merge", "r.db", "-o", "kept.db"], ["explain", "r.db"],
                  ["report", "r.db", "-o", "page.html"], ["regret", *RUN[1:], "--budget", "20", "--jobs", "1"],
                  ["trace", "gen", "--requests", "100000", *GEN]):
        for kilobytes in range(9000, 30001, 3000):
            done = subprocess.run(["sh", "-c", 'ulimit -v "$0"; exec "$@"', str(kilobytes), SPILLWAY, *words],
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
            statuses.add(done.returncode)
            what = "%s with %d KB: %d\n%s" % (words, kilobytes, done.returncode, done.stderr.decode())
            check(done.returncode in (0, 1, 2, NOT_STARTED), what)
            check(done.returncode in (0, NOT_STARTED) or b"memory" in done.stderr, what)
    check(statuses >= {0, 1}, statuses)
    check(all(run in runs_of("kept.db") for run in kept))
    check_equal(rows("kept.db", "PRAGMA integrity_check"), [("ok",)])


if __name__ == "__main__":
    main(all_tests(globals()))
