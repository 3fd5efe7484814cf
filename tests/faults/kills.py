#!/usr/bin/env python3
"""A program that is killed, or told to end, at any moment: the same command goes on, and ends with what an undisturbed one has.

TEST_KILLS: how often each command is killed (4); TEST_SEED: the first seed (1).
"""
import json
import os
import random
import shutil
import signal
import subprocess
import time

from common import CAPACITY, LIBRARY, LONG, RUN, STUDY, make_run, rows, runs_of
from spillway_test import HARDWARE, SPILLWAY, all_tests, check, check_equal, execute, main, read, succeed, write

KILLS = int(os.environ.get("TEST_KILLS", "4"))
SEED = int(os.environ.get("TEST_SEED", "1"))
EVERY_SCHEDULE = ["regret", *HARDWARE, "--num-gpu-blocks", "22", "--max-model-len", "300", "--seed", "2", "--scheduler", "vllm-0.6",
                  "--trace", "gen:--requests 5 --rate 30 --prompt uniform:60,160 --output uniform:20,90", "--exhaustive", "--format", "json"]
LONGER = STUDY.replace("--requests 30", "--requests 1500").replace("seeds = 1,2", "seeds = 1,2,3")


def heed_signals():
    """What a shell starts in the background ignores Ctrl-C; these must not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(words):
    return subprocess.Popen([SPILLWAY, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            preexec_fn=heed_signals)


def duration(words):
    began = time.monotonic()
    whole = succeed(*words)
    return time.monotonic() - began, whole


def kill(words, lasts_s, again=lambda: None):
    """Kills it at random moments of its life, at least once before its end."""
    chance = random.Random(SEED)
    killed = 0
    for _ in range(KILLS):
        again()
        process = start(words)
        time.sleep(chance.uniform(0.05, 0.9) * lasts_s)
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        yield
        lasts_s *= 0.5 if process.returncode == 0 else 1  # what goes on has less to do each time
    check(killed > 0, "it was never killed: %s" % words)


def test_sweep():
    """A sweep that is killed goes on where it was"""
    write("study.ini", LONGER)
    lasts_s, _ = duration(["sweep", "study.ini", "-o", "whole.db", "--jobs", "2"])
    for _ in kill(["sweep", "study.ini", "-o", "x.db", "--jobs", "2"], lasts_s):
        pass
    succeed("sweep", "study.ini", "-o", "x.db")
    check_equal(runs_of("x.db"), runs_of("whole.db"))
    check_equal((rows("x.db", "PRAGMA integrity_check"), os.path.exists("x.db-wal")), ([("ok",)], False))


def test_capacity():
    """A search for loads that is killed goes on where it was"""
    write("c.ini", CAPACITY.replace("seeds = 1,2", "seeds = 1,2,3,4"))
    words = ["capacity", "c.ini", "--jobs", "2", "--format", "json"]
    lasts_s, whole = duration(words)
    for _ in kill([*words, "-o", "x.db"], lasts_s):
        pass
    check_equal(succeed(*words, "-o", "x.db").out, whole.out)


def test_merge():
    """Databases whose joining is killed are as they were; joined again, the same"""
    write("study.ini", LONGER)
    for i in (1, 2):
        succeed("sweep", "study.ini", "-o", "part%d.db" % i, "--shard", "%d/2" % i, "--detail", "all")
    words = ["merge", "part1.db", "part2.db", "-o"]
    lasts_s, _ = duration([*words, "whole.db"])
    parts = read("part1.db"), read("part2.db")
    for _ in kill([*words, "x.db"], lasts_s, lambda: succeed(*RUN, "-o", "x.db")):
        check_equal((read("part1.db"), read("part2.db")), parts)
    succeed(*words, "x.db")
    check(all(run in runs_of("x.db") for run in runs_of("whole.db")))
    check_equal(rows("x.db", "PRAGMA integrity_check"), [("ok",)])


def test_run():
    """A run that is killed leaves the runs before it"""
    words = ["run", *HARDWARE, "--trace", "chat-hour", "--limit", "3000", "-o", "x.db", "--decisions", "x.jsonl.gz"]
    lasts_s, _ = duration(words)
    before = runs_of("x.db")
    for _ in kill(words, lasts_s):
        found = runs_of("x.db")
        check(before[0] in found and found == found[:1] * len(found), found)
    succeed(*words)


def test_page():
    """A page whose making is killed is the old one or the new one"""
    if not LIBRARY:
        return
    make_run()
    lasts_s, _ = duration(["report", "r.db", "-o", "page.html"])
    new = read("page.html")
    for _ in kill(["report", "r.db", "-o", "page.html"], lasts_s, lambda: write("page.html", "old")):
        check(read("page.html") in (b"old", new), "a part of a page")


def test_regret():
    """A search for schedules that is killed leaves nothing, and is the same again; with -o it goes on"""
    for words in (["regret", *RUN[1:], "--budget", "600", "--format", "json"], EVERY_SCHEDULE):
        lasts_s, whole = duration(words)
        for _ in kill(words, lasts_s):
            check_equal(os.listdir("."), [])
        check_equal(succeed(*words).out, whole.out)
        for _ in kill([*words, "-o", "x.db"], lasts_s):
            pass
        check_equal(succeed(*words, "-o", "x.db").out, whole.out)
        check_equal(rows("x.db", "PRAGMA integrity_check"), [("ok",)])
        os.unlink("x.db")


def tell(words, number, wait_s):
    process = start(words)
    time.sleep(wait_s)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err.decode()


def told_to_end(words, number):
    """As soon as it listens: before that it ends as any program does."""
    for wait_s in (0.1, 0.2, 0.5, 1, 2, 4, 8, 16):
        found = tell(words, number, wait_s)
        if found[0] != -number:
            break
    return found


def test_told_to_end():
    """Ctrl-C and SIGTERM: a sweep, a search for loads and one for schedules keep what was done, and say so; the rest is as after a kill"""
    write("study.ini", LONGER.replace("--requests 1500", "--requests 60000"))
    write("c.ini", CAPACITY.replace("seeds = 1,2", "seeds = " + ",".join(map(str, range(1, 101))))
          .replace("num-prompts = 150", "num-prompts = 3000"))
    make_run()
    for number in (signal.SIGINT, signal.SIGTERM):
        for words, part in ((["sweep", "study.ini", "--jobs", "1", "-o", number.name + "s.db"], "are kept; start it again"),
                            (["capacity", "c.ini", "--jobs", "1", "-o", number.name + "c.db"], "are kept; start it again")):
            status, _, err = told_to_end(words, number)
            check(status == 1 and part in err, (words, status, err))
            check_equal(rows(words[-1], "PRAGMA integrity_check"), [("ok",)])
        status, out, err = told_to_end(["regret", *HARDWARE, "--trace", "demo", "--kv-memory", "12%", "--budget", "1000000",
                                        "--format", "json"], number)
        check(status == 1 and "interrupted" in err and json.loads(out)["best_found"]["runs"] > 0, (status, err))
        status, _, err = told_to_end(["compare", *HARDWARE, "--trace", LONG, "--no-stride"], number)
        check(status == 1 and "interrupted" in err, (status, err))


def test_no_half_files():
    """Who ends a program while it writes a page finds the old one or the new one, and no third file"""
    if not LIBRARY:
        return
    make_run()
    os.mkdir("folder")
    words = ["report", "r.db", "-o", "folder/page.html"]
    lasts_s, _ = duration(words)
    chance = random.Random(SEED)
    for number in (signal.SIGINT, signal.SIGTERM) * 4 * KILLS:
        tell(words, number, chance.uniform(0.2, 1) * lasts_s)
        check_equal(os.listdir("folder"), ["page.html"])


if __name__ == "__main__":
    main(all_tests(globals()))
