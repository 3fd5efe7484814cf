#!/usr/bin/env python3
"""What cannot be written: told in one message, status 2; of a run the summary is printed all the same."""
import os
import sqlite3
import subprocess

from spillway_test import (HARDWARE, HEADER, SPILLWAY, TIMEOUT_S, all_tests, check, check_equal,
                           check_refused, execute, main, read, succeed, write)

RUN = ["run", *HARDWARE, "--trace", "demo"]


def check_summary_in_spite(words, *expected, **options):
    """Files that cannot be written: told, status 2, and the summary is printed all the same."""
    result = execute(*words, **options)
    check(result.status == 2 and len(result.messages) == 1, str(result))
    check_equal(result.out, succeed(*RUN).out, words)
    for text in expected:
        check(text in result.err, "no '%s'\n%s" % (text, result))


def test_results_files():
    """A results file that is foreign, newer, a folder or full: the summary all the same, status 2."""
    succeed(*RUN, "-o", "newer.db")
    for path, statement in (("newer.db", "UPDATE meta SET value = 99 WHERE key = 'format'"),
                            ("foreign.db", "CREATE TABLE theirs (x)")):
        with sqlite3.connect(path) as database:
            database.execute(statement)
        database.close()
    write("text.db", "these are no results\n" * 100)
    os.mkdir("folder")
    before = {path: read(path) for path in ("newer.db", "foreign.db", "text.db")}
    for path, *expected in [("text.db", "not a results database"), ("foreign.db", "another program"),
                            ("newer.db", "format 99", "newer program"), ("folder", "folder", "name a file"),
                            ("gone/r.db", "gone/r.db", "folder"), ("/dev/full", "/dev/full", "full")]:
        check_summary_in_spite(RUN + ["-o", path], *expected)
    check_equal({path: read(path) for path in before}, before)
    succeed(*RUN, "-o", "kept.db")
    size = os.path.getsize("kept.db")
    check_summary_in_spite(RUN + ["-o", "kept.db"], "kept.db", file_blocks=size // 512 + 8)
    check_equal(sqlite3.connect("kept.db").execute("SELECT count(*) FROM run").fetchone()[0], 1)


def test_logs():
    """--decisions and --requests that cannot be written: the summary all the same, status 2."""
    os.mkdir("folder")
    for option in ("--decisions", "--requests"):
        check_summary_in_spite(RUN + [option, "/dev/full"], "/dev/full", "No space left")
        check_summary_in_spite(RUN + [option, "gone/x"], "gone/x", "No such file")
        check_summary_in_spite(RUN + [option, "folder"], "folder", "directory")
        check_summary_in_spite(RUN + [option, "cut"], "cut", "File too large", file_blocks=8)
    check_summary_in_spite(RUN + ["--decisions", "cut.gz"], "cut.gz", "File too large", file_blocks=8)


def test_outputs_over_inputs():
    """A log or a table of requests does not replace the trace that it is of."""
    content = HEADER + "0,10,10\n"
    write("t.csv", content)
    for option in ("--requests", "--decisions"):
        check_refused(["run", *HARDWARE, "--trace", "t.csv", option, "./t.csv"], "./t.csv is what is read, too")
        check_equal(read("t.csv").decode(), content)


def test_names_of_other_kinds():
    """A database or a page under a name that says it is something else: refused, and not made"""
    write("study.ini", "[study]\nname = x\n[run]\nmodel = llama-2-7b\ndevice = l4\nnum-gpu-blocks = 300\ntrace = demo\nlimit = 3\n")
    succeed(*RUN, "-o", "r.db")
    for words, name in ((["sweep", "study.ini", "-o"], "r.csv"), (["merge", "r.db", "-o"], "r.json"),
                        (["capacity", "study.ini", "--slo", "ttft:p99<2s", "-o"], "r.html"),
                        (["capacity", "study.ini", "--slo", "ttft:p99<2s", "--page"], "page.pdf"),
                        (["report", "r.db", "-o"], "page.csv")):
        check_refused([*words, name], ["'%s'" % name, name[name.index("."):]])
        check(not os.path.exists(name), name)
    check_summary_in_spite(RUN + ["-o", "r.csv"], "'r.csv'", "FILE.db")
    os.rename("r.db", "r.txt")
    succeed("merge", "r.txt", "-o", "b.db")
    succeed(*RUN, "-o", "r.txt")  # it is there, and is one


def test_locked_results():
    """A results file that another program writes to: waited for. After 10 s (TEST_SLOW=1) given up."""
    paths = ("soon.db", "never.db")
    locks = []
    for path in paths:
        succeed(*RUN, "-o", path)
        locks.append(sqlite3.connect(path, isolation_level=None))
        locks[-1].execute("BEGIN EXCLUSIVE")
    soon, never = (subprocess.Popen([SPILLWAY, *RUN, "-o", path], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE) for path in paths)
    locks[0].execute("COMMIT")
    check_equal((soon.communicate(timeout=TIMEOUT_S)[1], soon.returncode), (b"", 0))
    if "TEST_SLOW" not in os.environ:
        never.kill()
        never.communicate()
        return
    out, err = never.communicate(timeout=TIMEOUT_S)
    check_equal(never.returncode, 2)
    check(b"never.db is locked" in err and err.count(b"\n") == 1, err)
    check_equal(out, succeed(*RUN).out)


main(all_tests(globals()))
