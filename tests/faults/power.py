#!/usr/bin/env python3
"""Power that is lost: what was not synced may be there, or not, or in part.

disk.so notes all that a program does to a folder's files. For some moment of it a disk is made up that lost power then:
synced bytes are there, of the others any sectors; of what was done to names since their folder was synced the first few,
since file systems keep the order of these. On each such disk the same command goes on, and ends with what an undisturbed one has.

TEST_POWER: how many disks a command (8); TEST_SEED: the first seed (1).
"""
import os
import random
import shutil

from common import CAPACITY, LIBRARY, POINTS, POLICIES, PROFILE, RUN, STUDY, TINY, make_run, noted, rows, runs_of
from spillway_test import all_tests, check, check_equal, main, read, succeed, write

DISKS = int(os.environ.get("TEST_POWER", "8"))
SEED = int(os.environ.get("TEST_SEED", "1"))
SECTOR = 512


class File:
    def __init__(self, content=b""):
        self.kept, self.since = bytearray(content), []

    def sync(self):
        self.kept, self.since = self.after(self.since), []

    def after(self, changes):
        content = bytearray(self.kept)
        for offset, data in changes:
            if data is None:  # cut, or lengthened
                content = content[:offset] + bytes(max(0, offset - len(content)))
            else:
                content += bytes(max(0, offset + len(data) - len(content)))
                content[offset:offset + len(data)] = data
        return content

    def lose(self, chance):
        """What is there: of what was not synced each sector or not; all of it, or nothing, now and then."""
        share = chance.choice([0, 0, 0.5, 0.9, 1])
        kept = []
        for offset, data in self.since:
            pieces = [(offset, None)] if data is None else [
                (at, data[at - offset:at - offset + SECTOR]) for at in range(offset, offset + len(data), SECTOR)]
            kept += [piece for piece in pieces if chance.random() < share]
        return bytes(self.after(kept))


class Disk:
    """A folder as a program changes it. There are files by number, and names that lead to them."""

    def __init__(self, folder):
        self.files, self.names, self.since = {}, {}, []
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            self.names[name] = self.files[os.stat(path).st_ino] = File(read(path))

    def do(self, what, file, offset, data):
        if what == "C":  # the number may have been that of one that was removed
            self.files[file] = File()
            self.since.append((data.decode(), self.files[file]))
        elif what == "W":
            self.files[file].since.append((offset, data))
        elif what == "T":
            self.files[file].since.append((offset, None))
        elif what == "S":
            self.files[file].sync()
        elif what == "D":
            self.names, self.since = self.renamed(self.since), []
        elif what == "R":
            self.since.append(data.decode().split("\0"))
        elif what == "U":
            self.since.append((data.decode(), None))

    def renamed(self, changes):
        names = dict(self.names)
        for name, to in changes:
            if isinstance(to, str):
                names[to] = names.pop(name)
            elif to is None:
                names.pop(name, None)
            else:
                names[name] = to
        return names

    def lose(self, folder, chance):
        """The folder after its disk lost power now."""
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        names = self.renamed(self.since[:chance.choice([0, len(self.since), chance.randint(0, len(self.since))])])
        for name, file in names.items():
            write(os.path.join(folder, name), file.lose(chance))


def disks(words, before=lambda: None):
    """The folder disk/ after power was lost, each with a text that says when; the last of them, at the end. whole/: without."""
    shutil.rmtree("disk", ignore_errors=True)
    shutil.rmtree("whole", ignore_errors=True)
    os.mkdir("disk")
    before()
    disk = Disk("disk")
    log = noted(words, "disk")
    check(any(what == "S" for what, *_ in log), "nothing is synced: %s" % words)
    os.rename("disk", "whole")  # a journal has its own path in it
    chance = random.Random(SEED)
    moments = sorted(chance.sample(range(len(log)), min(DISKS - 1, len(log)))) + [len(log)]
    done = 0
    for moment in moments:
        for record in log[done:moment]:
            disk.do(*record)
        done = moment
        disk.lose("disk", chance)
        yield "TEST_SEED=%d, after %d of %d of %s" % (SEED, moment, len(log), words), moment == len(log)


def check_whole(path, when):
    """A database, or none, or one that was being made."""
    if os.path.exists(path):
        check_equal(rows(path, "PRAGMA integrity_check"), [("ok",)], when)
        if rows(path, "SELECT count(*) FROM sqlite_master WHERE name = 'request'") == [(1,)]:
            check_equal(rows(path, "SELECT id FROM run AS r WHERE (SELECT count(*) FROM request WHERE run_id = r.id) NOT IN"
                             " (0, requests)"), [], when)


def test_run():
    """A run that is added to a database: the runs before it are there, and it, once it was said to be"""
    def before():
        succeed(*RUN, "-o", "disk/r.db")
    for when, is_end in disks([*RUN, "--overflow", "swap", "-o", "disk/r.db"], before):
        check_whole("disk/r.db", when)
        found = runs_of("disk/r.db")
        check_equal(found[:1], runs_of("whole/r.db")[:1], when)
        check(len(found) == 2 or not is_end, when)
        succeed(*RUN, "-o", "disk/r.db")
        check_equal(len(runs_of("disk/r.db")), len(found) + 1, when)


def test_new_database():
    """A run that makes its database: whole, empty, or none; there once it was said to be"""
    for when, is_end in disks([*RUN, "-o", "disk/r.db"]):
        check_whole("disk/r.db", when)
        succeed(*RUN, "-o", "disk/r.db")
        check(not is_end or len(runs_of("disk/r.db")) == 2, when)


def test_sweep():
    """A sweep goes on from whatever is left, and ends with what an undisturbed one has"""
    write("study.ini", STUDY)
    words = ["sweep", "study.ini", "--jobs", "2", "-o", "disk/s.db"]
    for when, is_end in disks(words):
        check_whole("disk/s.db", when)
        rest = succeed("sweep", "study.ini", "-o", "disk/s.db")
        check_equal(runs_of("disk/s.db"), runs_of("whole/s.db"), when)
        check("0 cells run now" in rest.err or not is_end, when)


def test_capacity():
    """A search for loads goes on from whatever is left, and ends with the same bytes"""
    write("c.ini", CAPACITY)
    whole = succeed("capacity", "c.ini", "--format", "json").out
    for when, is_end in disks(["capacity", "c.ini", "-o", "disk/c.db"]):
        rest = succeed("capacity", "c.ini", "-o", "disk/c.db", "--format", "json")
        check_equal(rest.out, whole, when)
        check("0 searches made now" in rest.err or not is_end, when + rest.err)


def test_regret():
    """A search for schedules goes on from whatever is left, and ends with the same bytes"""
    words = ["regret", *RUN[1:], "--budget", "60", "--format", "json"]
    whole = succeed(*words).out
    for when, _ in disks([*words, "-o", "disk/g.db"]):
        check_equal(succeed(*words, "-o", "disk/g.db").out, whole, when)


def test_study_of_policies():
    """A map of policies goes on from whatever is left, and ends with the same bytes"""
    words = [*POLICIES, "--jobs", "2", "--format", "json"]
    whole = succeed(*words, "-o", "w.db").out
    for when, is_end in disks([*words, "-o", "disk/p.db"]):
        rest = succeed(*words, "-o", "disk/p.db")
        check_equal(rest.out, whole, when)
        check(" 0 jobs run now" in rest.err or not is_end, when + rest.err)


def test_what_is_computed():
    """Live and validate: the runs before are there, and this one, once it was said to be"""
    def before():
        succeed("live", *TINY, "-o", "disk/l.db")
    for verb in ("live", "validate"):
        for when, is_end in disks([verb, *TINY, "-o", "disk/l.db"], before):
            check_whole("disk/l.db", when)
            found, whole = runs_of("disk/l.db"), runs_of("whole/l.db")
            check(len(found) >= 1 and all(run in whole for run in found), when)
            check(len(found) == len(whole) or not is_end, when)
            succeed("live", *TINY, "-o", "disk/l.db")


def test_merge():
    """Databases that are joined: joined again, they are the same"""
    write("study.ini", STUDY)
    for i in (1, 2):
        succeed("sweep", "study.ini", "-o", "part%d.db" % i, "--shard", "%d/2" % i)
    for when, is_end in disks(["merge", "part1.db", "part2.db", "-o", "disk/m.db"]):
        check_whole("disk/m.db", when)
        check(not is_end or runs_of("disk/m.db") == runs_of("whole/m.db"), when)
        succeed("merge", "part1.db", "part2.db", "-o", "disk/m.db")
        check_equal(runs_of("disk/m.db"), runs_of("whole/m.db"), when)


def test_files():
    """A text, page or profile that replaces another is that one or this one; this one, once it was said to be"""
    write("hand.csv", PROFILE)
    succeed("profile", "import", "hand.csv", "-o", "p.db")
    make_run()
    old = ["profile", "import", "hand.csv", "--name", "old", "-o", "disk/f"]
    new = [["profile", "import", "hand.csv", "-o", "disk/f"], ["profile", "export", "p.db", "-o", "disk/f"]]
    new.append(["trace", "gen", "--requests", "3000", "--rate", "1", "--prompt", "fixed:9", "--output", "fixed:9", "-o", "disk/f"])
    new.append(["trace", "convert", "demo", "-o", "disk/f"])
    if LIBRARY:
        new.append(["report", "r.db", "-o", "disk/f"])
        write("points.csv", POINTS)
        new.append(["servers", "points.csv", "-o", "disk/f"])
    for words in new:
        for when, is_end in disks(words, lambda: succeed(*old)):
            check(read("disk/f") == read("whole/f") or not is_end and b"old" in read("disk/f"), when)


if __name__ == "__main__":
    main(all_tests(globals()))
