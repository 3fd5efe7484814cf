#!/usr/bin/env python3
"""A program that is killed, or told to end, at any moment: the same command goes on, and ends with what an undisturbed one has.

TEST_KILLS: how often each command is killed (4); TEST_SEED: the first seed (1).
"""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time

from common import CAPACITY, LIBRARY, LONG, POINTS, POLICIES, PROFILE, RUN, STUDY, TINY, make_run, rows, runs_of
from spillway_test import HARDWARE, SPILLWAY, all_tests, check, check_equal, main, read, succeed, write

KILLS = int(os.environ.get("TEST_KILLS", "4"))
SEED = int(os.environ.get("TEST_SEED", "1"))
EVERY_SCHEDULE = ["regret", *HARDWARE, "--num-gpu-blocks", "22", "--max-model-len", "300", "--seed", "2", "--scheduler", "vllm-0.6",
                  "--trace", "gen:--requests 5 --rate 30 --prompt uniform:60,160 --output uniform:20,90", "--exhaustive", "--format", "json"]
PROFILE_HEAD = PROFILE[:PROFILE.index("gemm")]
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
    check(killed > 0 or KILLS < 4, "it was never killed: %s" % words)


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


def replacing():
    """What takes the place of the file `new`, of the same kind as `old`, at once."""
    write("hand.csv", PROFILE)
    succeed("profile", "import", "hand.csv", "-o", "old")
    write("points.csv", POINTS)
    write("big.csv", PROFILE_HEAD + "".join("gemm,bfloat16,m=%d;n=4096;k=4096,%d\n" % (m, 9000 + m) for m in range(1, 3000)))
    succeed("trace", "gen", "--requests", "30000", "--rate", "1", "--prompt", "fixed:9", "--output", "fixed:9", "-o", "t.csv")
    yield ["trace", "gen", "--requests", "300000", "--rate", "1", "--prompt", "uniform:1,900", "--output", "fixed:9", "-o", "new"]
    yield ["trace", "convert", "t.csv", "--to", "binary", "-o", "new"]
    yield ["profile", "import", "big.csv", "-o", "new"]
    if LIBRARY:
        make_run()
        yield ["report", "r.db", "-o", "new"]
        yield ["servers", "points.csv", "-o", "new"]


def content(path, words):
    """A profile has the time of its making in it; its digest is of all else."""
    return read(path) if words[0] != "profile" else rows(path, "SELECT value FROM meta WHERE key = 'digest'")


def test_replaced():
    """A page, trace or profile whose making is killed is the old one or the new one"""
    for words in replacing():
        lasts_s, _ = duration(words)
        new = content("new", words)
        for _ in kill(words, lasts_s, lambda: write("new", read("old"))):
            check(read("new") == read("old") or content("new", words) == new, ("a part of a file", words))
        os.unlink("new")


def test_computed():
    """What is computed and killed leaves the runs before it"""
    for verb in ("live", "validate"):
        words = [verb, *TINY, "-o", verb + ".db"]
        lasts_s, _ = duration(words)
        before = runs_of(words[-1])
        for _ in kill(words, lasts_s):
            found = runs_of(words[-1])
            check(before[0] in found and all(run[0] == run[1] == run[6] for run in found), found)
            check_equal(rows(words[-1], "PRAGMA integrity_check"), [("ok",)])
        succeed(*words)


def test_study_of_policies():
    """A map of policies that is killed goes on where it was, to the same bytes"""
    words = [*POLICIES[:-3], "600", *POLICIES[-2:], "--jobs", "2", "--format", "json", "-o"]
    lasts_s, whole = duration([*words, "whole.db"])
    for _ in kill([*words, "x.db"], lasts_s):
        pass
    check_equal(succeed(*words, "x.db").out, whole.out)


def test_poster():
    """A study whose making is killed makes the same folder when it is started again"""
    words = ["study", "poster", "--burst", "32,750,256", "-o"]
    if not shutil.which("gnuplot"):
        return
    lasts_s, _ = duration([*words, "whole"])
    for _ in kill([*words, "x"], lasts_s):
        pass
    succeed(*words, "x")
    check(set(os.listdir("x")) >= set(os.listdir("whole")))
    for name in set(os.listdir("x")) - set(os.listdir("whole")):  # what a kill left beside the file that it was to be
        check(name[:-7] in os.listdir("whole") and name[-7] == ".", name)
    for name in os.listdir("whole"):
        check(name.endswith(".png") or read("x/" + name) == read("whole/" + name), name)


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


def told_to_end(words, number, says=""):
    """As soon as it listens, and says that: before it ends as any program does, or has not begun what is told."""
    for wait_s in (0.1, 0.2, 0.5, 1, 2, 4, 8, 16):
        found = tell(words, number, wait_s)
        if found[0] != -number and re.search(says, found[2]):
            break
    return found


def check_servers_told_to_end(number):
    """What was run is told in each form, and no page is made of a part."""
    for form in ("table", "json", "csv"):
        status, out, err = told_to_end(["servers", "points.csv", "--jobs", "1", "--format", form, "-o", "part.html"], number,
                                       says=r"stopped: [1-9]")
        stopped = re.search(r"stopped: ([0-9]+) of ([0-9]+) points were run; part.html is not written", err)
        check(status == 1 and stopped and not os.path.exists("part.html"), (status, err))
        done, points = map(int, stopped.groups())
        check(0 < done < points == 600, err)
        told = {"table": lambda text: points - int(re.search("([0-9]+) of 600 points are not predicted", text).group(1)),
                "json": lambda text: sum(p["predicted_ttft_ms"] is not None for p in json.loads(text)["points"]),
                "csv": lambda text: points - text.count("the command was stopped before")}[form](out.decode())
        check_equal(told, done, form)


def test_told_to_end():
    """Ctrl-C and SIGTERM: a sweep, a search for loads, a map of policies and one for schedules keep what was done, and say so, servers tells it; the rest is as after a kill"""
    write("study.ini", LONGER.replace("--requests 1500", "--requests 60000"))
    write("c.ini", CAPACITY.replace("seeds = 1,2", "seeds = " + ",".join(map(str, range(1, 101))))
          .replace("num-prompts = 150", "num-prompts = 3000"))
    head, first, _ = POINTS.splitlines(keepends=True)
    write("points.csv", head + first.replace(",256,32,,4,", ",256,2000,,64,") * 600)
    policies = [*POLICIES[:-3], "3000", *POLICIES[-2:], "--jobs", "1"]
    make_run()
    for number in (signal.SIGINT, signal.SIGTERM):
        for words, part in ((["sweep", "study.ini", "--jobs", "1", "-o", number.name + "s.db"], "are kept; start it again"),
                            (["capacity", "c.ini", "--jobs", "1", "-o", number.name + "c.db"], "are kept; start it again"),
                            ([*policies, "-o", number.name + "p.db"], "are kept; start it again")):
            status, _, err = told_to_end(words, number)
            check(status == 1 and part in err, (words, status, err))
            check_equal(rows(words[-1], "PRAGMA integrity_check"), [("ok",)])
        status, out, err = told_to_end(["regret", *HARDWARE, "--trace", "demo", "--kv-memory", "12%", "--budget", "1000000",
                                        "--format", "json"], number)
        check(status == 1 and "interrupted" in err and json.loads(out)["best_found"]["runs"] > 0, (status, err))
        status, _, err = told_to_end(["compare", *HARDWARE, "--trace", LONG.replace("20000", "1000000"), "--no-stride"], number)
        check(status == 1 and "interrupted" in err, (status, err))
        computed = ["validate", *TINY[:-1], "gen:--requests=9000 --rate=3000 --prompt=uniform:3,40 --output=fixed:100"]
        status, _, err = told_to_end(computed, number, "is nothing to compare with")
        check(status == 1 and err.count("is nothing to compare with") == 1, (status, err))
        check_servers_told_to_end(number)


def test_no_half_files():
    """Who ends a program while it writes a page, trace or profile finds the old one or the new one, and no third file"""
    os.mkdir("folder")
    chance = random.Random(SEED)
    for words in list(replacing()):
        words[-1] = "folder/new"
        lasts_s, _ = duration(words)
        new = content("folder/new", words)
        for number in (signal.SIGINT, signal.SIGTERM) * KILLS:
            write("folder/new", read("old"))
            tell(words, number, chance.uniform(0.2, 1) * lasts_s)
            check_equal(os.listdir("folder"), ["new"], words)
            check(read("folder/new") == read("old") or content("folder/new", words) == new, words)
        os.unlink("folder/new")


if __name__ == "__main__":
    main(all_tests(globals()))
