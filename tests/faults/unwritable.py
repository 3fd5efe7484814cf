#!/usr/bin/env python3
"""Outputs that cannot be written: every verb's, on a disk that is full, in a folder that is read-only, on a device, a folder or a pipe.

What was computed is printed all the same, what was there before stays, and one message names the file.
"""
import os
import shutil
import signal
import stat
import subprocess

from common import CAPACITY, LIBRARY, POINTS, POLICIES, PROFILE, RUN, TINY, make_run, make_study, noted, preload, rows, runs_of
from spillway_test import (HARDWARE, SPILLWAY, Result, Skip, all_tests, check, check_equal, check_sound, execute, main, read,
                           succeed, write)

def make_inputs():
    make_run()
    make_study()
    write("c.ini", CAPACITY)
    write("hand.csv", PROFILE)
    succeed("profile", "import", "hand.csv", "-o", "p.db")
    write("points.csv", POINTS)
    write("t.csv", "arrival_s,prompt_tokens,output_tokens\n0,100,10\n1,200,20\n")


def databases():
    """Every verb that keeps results in a database, OUT."""
    yield [*RUN, "-o", "OUT"]
    yield ["compare", *RUN[1:], "--overflow", "recompute,swap", "-o", "OUT"]
    yield ["sweep", "study.ini", "--jobs", "2", "-o", "OUT"]
    yield ["capacity", "c.ini", "-o", "OUT"]
    yield ["merge", "r.db", "s.db", "-o", "OUT"]
    yield ["regret", *RUN[1:], "--budget", "30", "-o", "OUT"]
    yield ["study", "policies", "--engines", "vllm", "--models", "llama-3.1-8b", "--pressures", "2", "--prompts", "256", "--outputs",
           "64", "--links", "1", "--seeds", "1", "--requests", "30", "--trace", "none", "-o", "OUT"]
    yield ["live", *TINY, "-o", "OUT"]
    yield ["validate", *TINY, "-o", "OUT"]


def files():
    """Every verb that writes another file, OUT."""
    for option in ("--requests", "--decisions", "--perfetto"):
        yield [*RUN, option, "OUT"]
    yield ["trace", "gen", "--requests", "3", "--rate", "1", "--prompt", "fixed:9", "--output", "fixed:9", "-o", "OUT"]
    yield ["trace", "convert", "t.csv", "-o", "OUT"]
    yield ["live", *TINY, "--output-token-ids", "OUT"]
    yield ["validate", *TINY, "--requests", "OUT"]
    yield ["profile", "export", "p.db", "-o", "OUT"]
    if LIBRARY:
        yield ["report", "r.db", "-o", "OUT"]
        yield ["capacity", "c.ini", "--page", "OUT"]
        yield ["servers", "points.csv", "-o", "OUT"]
        yield [*POLICIES, "-o", "kept.db", "--page", "OUT"]


def put(words, name):
    return [word.replace("OUT", name) for word in words]


STATUS = {"trace": (1,), "profile": (1,), "report": (1, 2), "capacity": (1, 2), "sweep": (1, 2), "merge": (1, 2),
          "regret": (1, 2), "servers": (1, 2), "study": (1, 2), "live": (1, 2), "validate": (1, 2)}  # 2: seen before anything was done


def check_told(result, words, name):
    check(result.status in STATUS.get(words[0], (2,)), str(result))
    check_equal(len(set(result.messages)), 1, str(result))  # a run of compare each says it
    check(name in result.err, "%s is not named\n%s" % (name, result))
    if words[0] in ("run", "compare"):
        check(b"finished" in result.out, "what was computed is lost\n%s" % result)


def every_output():
    yield from databases()
    yield from files()
    yield ["profile", "import", "hand.csv", "-o", "OUT"]


def test_names():
    """A full device, a folder, a folder that is not there: told, what was computed is printed"""
    make_inputs()
    for words in every_output():
        os.mkdir("folder")
        for name in ("/dev/full", "folder", "gone/x"):
            check_told(execute(*put(words, name)), words, name)
        check_equal(os.listdir("folder"), [], words)
        os.rmdir("folder")
    check(stat.S_ISCHR(os.stat("/dev/full").st_mode))


NOBODY = 65534


def as_nobody(*words):
    """Without the right to write anywhere, which root has everywhere."""
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
    done = subprocess.run([SPILLWAY, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, **who,
                          env={**os.environ, "HOME": "/nowhere"})
    return Result([SPILLWAY, *words], done.returncode, done.stdout, done.stderr)


def test_folder_of_a_study():
    """A folder of a study that cannot be one is told before anything is measured; a full disk under it, after its summary"""
    write("file", "kept")
    for name in ("/dev/full", "file"):
        result = execute("study", "poster", "-o", name)
        check(result.status == 2 and len(result.messages) == 1 and name in result.err and not result.out, str(result))
    check_equal(read("file"), b"kept")
    os.mkdir("disk")
    result = fill(["study", "poster", "--burst", "32,750,256", "-o", "disk/out"], 3000)
    check(result.status == 2 and "disk/out" in result.err and "No space left" in result.err and result.out, str(result))


def test_read_only_folder():
    """A folder that is read-only, and a file that is: told, and the file stays as it was"""
    make_inputs()
    os.chmod(".", 0o777)
    try:
        if as_nobody("list", "models").status != 0:
            raise Skip("the program cannot be run as another user from where it was built")
    except PermissionError:
        raise Skip("the program cannot be run as another user from where it was built") from None
    os.mkdir("folder", 0o755)
    for words in every_output():
        write("folder/kept", "kept")
        os.chmod("folder/kept", 0o444)
        os.chmod("folder", 0o555)
        for name in ("folder/new", "folder/kept"):
            result = as_nobody(*put(words, name))
            check_told(result, words, name)
        check_equal((os.listdir("folder"), read("folder/kept")), (["kept"], b"kept"), words)
        os.chmod("folder", 0o755)
        os.unlink("folder/kept")


def fill(words, room, folder="disk"):
    done = preload("disk.so", words, {"DISK_FOLDER": folder, "DISK_LOG": "/dev/null", "DISK_ROOM": str(room)})
    result = Result(words, done.returncode, done.stdout, done.stderr)
    check_sound(result)
    return result


def sizes(words, before=lambda: None):
    """Amounts of room that are less than what its files grow by."""
    os.mkdir("disk")
    before()
    bytes_of = {entry.inode(): entry.stat().st_size for entry in os.scandir("disk")}
    grown = 0
    for what, file, offset, data in noted(words, "disk"):
        if what in ("C", "T"):
            bytes_of[file] = offset
        elif what == "W":
            grown += max(0, offset + len(data) - bytes_of[file])
            bytes_of[file] = max(offset + len(data), bytes_of[file])
    shutil.rmtree("disk")
    check(grown > 0, "nothing is written: %s" % words)
    return [grown * i // 8 for i in range(5)]


def test_full_disk_under_databases():
    """A disk that fills up under a database: told; what was there stays; with room again it goes on"""
    make_inputs()

    def begin():
        succeed(*RUN, "--overflow", "swap", "-o", "disk/x.db")
    for words in databases():
        words = put(words, "disk/x.db")
        rooms = sizes(words, begin)
        for room in rooms[:2] if words[0] in ("regret", "study") else rooms:  # how often these commit hangs on the time
            os.mkdir("disk")
            begin()
            before = runs_of("disk/x.db")
            check_told(fill(words, room), words, "disk/x.db")
            check_equal(rows("disk/x.db", "PRAGMA integrity_check"), [("ok",)], (words, room))
            check(all(run in runs_of("disk/x.db") for run in before), (words, room))
            succeed(*words)
            shutil.rmtree("disk")


def test_full_disk_under_files():
    """A disk that fills up under another file: told, and no part of a page or profile is left"""
    make_inputs()
    for words in every_output():
        if words[-2] == "-o" and words in list(databases()):
            continue  # databases have a test of their own
        words = put(words, "disk/x")
        for room in sizes(words):
            os.mkdir("disk")
            check_told(fill(words, room), words, "disk/x")
            if words[0] not in ("run", "live", "validate"):  # logs are kept as far as they go
                check_equal(os.listdir("disk"), [], (words, room))
            shutil.rmtree("disk")


def test_no_room_for_blocks():
    """Where there is no room for the blocks that live keeps on a disk, or no folder for them: told, and no file is left"""
    words = ["live", *TINY, "--num-cpu-blocks", "3", "--overlap-copies", "--num-disk-blocks", "2000"]
    check(succeed(*words, "--format", "json").json["disk_written_blocks"] > 3)
    result = execute(*words, file_blocks=8)
    check(result.status == 1 and len(result.messages) == 1 and "the disk's blocks in" in result.err and "2000" in result.err, str(result))
    done = preload("disk.so", words, {"TMPDIR": "/gone"})
    check(done.returncode == 2 and b"the disk's blocks" in done.stderr and b"/gone" in done.stderr, done.stderr)


def test_standard_output():
    """Standard output that is full or closed: status 1, or the end that a closed pipe gives every program"""
    make_inputs()
    for words in (RUN, ["compare", *RUN[1:]], ["sweep", "study.ini", "-o", "x.db"], ["capacity", "c.ini"],
                  ["regret", *RUN[1:], "--budget", "20"], ["explain", "r.db"], ["list", "models"], ["trace", "show", "demo"],
                  ["crossover", *HARDWARE], ["model", "show", "llama-2-7b"], ["profile", "show", "p.db"],
                  *([["plot", "r.db"]] if shutil.which("gnuplot") else [])):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([SPILLWAY, *words], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, timeout=60)
        check(done.returncode == 1 and b"No space left" in done.stderr, (words, done.returncode, done.stderr))
        nobody, pipe = os.pipe()
        os.close(nobody)
        done = subprocess.run([SPILLWAY, *words], stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.PIPE, timeout=60)
        os.close(pipe)
        messages = [line for line in done.stderr.splitlines() if b": note: " not in line]
        check_equal((messages, done.returncode), ([], -signal.SIGPIPE), words)


if __name__ == "__main__":
    main(all_tests(globals()))
