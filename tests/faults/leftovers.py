#!/usr/bin/env python3
"""Nothing is left in the folder for temporary files: by the program however it ends, and by the tests."""
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time

import browser
from common import RUN, TINY
from spillway_test import SPILLWAY, Skip, all_tests, check, check_equal, main, read, source, write

IN_CREATE, IN_MOVED_TO = 0x100, 0x80
WRAPPER = source("tests", "package", "own-tmpdir")
# A test that makes a file in both of its folders, says so, and then does as it is told.
SCRIPT = """
import os, sys, tempfile, time
from spillway_test import all_tests, main
def test_one():
    '''One'''
    for folder in (".", tempfile.gettempdir()):
        with open(os.path.join(folder, "made"), "w") as file:
            file.write("x")
    os.mkdir("locked", 0o500)
    with open(%r, "w") as file:
        file.write(os.getcwd())
    %s
main(all_tests(globals()))
"""


def made_in(folder, words):
    """Names that came to be in the folder while the program ran."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    check(watch >= 0 and libc.inotify_add_watch(watch, folder.encode(), IN_CREATE | IN_MOVED_TO) >= 0, "no inotify")
    done = subprocess.run([SPILLWAY, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                          env={**os.environ, "TMPDIR": folder})
    check_equal(done.returncode, 0, done.stderr)
    try:
        return os.read(watch, 65536)
    except BlockingIOError:
        return b""
    finally:
        os.close(watch)


def test_temporary_files():
    """The program's temporary files never have a name: kill -9 at any moment leaves none"""
    os.mkdir("tmp")
    try:
        os.close(os.open("tmp", os.O_TMPFILE | os.O_RDWR, 0o600))
    except OSError:
        raise Skip("this file system has no files without names") from None
    check(made_in("tmp", ["trace", "gen", "--requests", "3", "--rate", "1", "--prompt", "fixed:5", "--output", "fixed:5", "-o", "tmp/t.csv"]),
          "the watch sees nothing")
    for words in ([*RUN, "-o", "r.db"], ["live", *TINY, "--overlap-copies", "--num-cpu-blocks", "3", "--num-disk-blocks", "2000"]):
        check_equal(made_in("tmp", words), b"", words)


def run_wrapped(action, number=None):
    """The status of a test that is run as `make check` does, and told to end by that signal; its TMPDIR must be empty then."""
    os.mkdir("tmp")
    write("one.py", SCRIPT % (os.path.abspath("begun"), action))
    process = subprocess.Popen(["sh", WRAPPER, sys.executable, "-B", "one.py"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True,
                               env={**os.environ, "TMPDIR": os.path.abspath("tmp"), "PYTHONPATH": source("tests")})
    if number:
        while not os.path.exists("begun") or not read("begun"):
            time.sleep(0.01)
        os.killpg(process.pid, number)
    process.wait(60)
    check_equal(os.listdir("tmp"), [], action)
    os.rmdir("tmp")
    check(read("begun"), action)
    os.unlink("begun")
    return process.returncode


def test_tests():
    """A test that passes, fails, ends itself at once or is told to end leaves nothing"""
    check_equal(run_wrapped("pass"), 0)
    check_equal(run_wrapped("assert False"), 1)
    check_equal(run_wrapped("os.kill(os.getpid(), 9)"), 128 + signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGHUP):
        check_equal(run_wrapped("time.sleep(60)", number), 128 + number)


def test_browser():
    """A browser leaves nothing, neither in its folder nor in that for temporary files"""
    if not browser.find():
        raise Skip("no Chromium was found")
    write("page.html", "<p>x")
    with tempfile.TemporaryDirectory() as folder:
        before, tempfile.tempdir = tempfile.tempdir, folder
        try:
            with browser.Page() as page:
                page.open("page.html")
                check_equal(os.listdir(folder), [os.path.basename(page.folder)])
            # Its network's process may write one file more while it is killed; the test's own folder goes with it.
            left = [name for _, _, names in os.walk(folder) for name in names if "Network Persistent State" not in name]
            check_equal(left, [])
        finally:
            tempfile.tempdir = before


main(all_tests(globals()))
