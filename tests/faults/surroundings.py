#!/usr/bin/env python3
"""What is around the program: the locale, the environment, standard files that are closed, few descriptors, odd names, empty files."""
import os
import resource
import shutil
import subprocess

from common import CAPACITY, RUN, STUDY, make_run
from spillway_test import HARDWARE, SPILLWAY, Skip, all_tests, check, check_equal, main, messages_of, read, source, succeed, write

LOCALES = {"de_DE.UTF-8": "de_DE", "tr_TR.UTF-8": "tr_TR", "fa_IR.UTF-8": "fa_IR"}
ABORTS = ["run", *HARDWARE, "--scheduler", "vllm-0.6", "--overflow", "swap", "--num-cpu-blocks", "2", "--kv-memory", "1100MiB", "--trace",
          "gen:--requests 30 --rate 20 --prompt uniform:20,300 --output uniform:5,120"]
NAMES = ["a\nb", "q'uo\"te", "per%s%n%d", "sp ace", "ünïcode", os.fsdecode(b"bad\xff"), "back\\slash", "semi;colon|$(id)`id`", "com,ma",
         "co:lon", "a=b", "#hash", "[section]", "{j}", "*glob?", "x" * 240]


def spoken(words, **options):
    return subprocess.run([os.fsencode(word) for word in [SPILLWAY, *words]], stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                          **options)


def one_message(done):
    """Done and nothing said, or not and one message."""
    said = messages_of(done.stderr.decode("utf-8", "replace"))
    return done.returncode in (0, 1, 2) and len(said) == (done.returncode != 0)


def verbs():
    make_run()
    write("study.ini", STUDY)
    write("capacity.ini", CAPACITY)
    shutil.copy(source("calib", "devices", "h100-sxm.ini"), "own.ini")
    return [[*RUN, "--kv-memory", "12.5%", "--slo", "ttft:p99<1.5s", "--decisions", "d.jsonl", "--requests", "d.csv"], ["compare", *RUN[1:]],
            ["crossover", *HARDWARE], ["capacity", "capacity.ini"], ["explain", "r.db"], ["list", "figures"],
            ["sweep", "study.ini", "--jobs", "1", "-o", "s.db"], ["model", "show", "llama-3.1-8b", "--device", "h100-sxm"],
            ["trace", "show", "demo"], ["regret", *RUN[1:], "--budget", "20", "--jobs", "1"], ["merge", "r.db", "-o", "m.db"],
            [*RUN[:-1], "12,5%"], [*RUN, "--overflow", "SWAP"]]


def told(words, environment):
    for name in ("s.db", "m.db"):
        if os.path.exists(name):
            os.unlink(name)
    done = spoken(words, env=environment)
    return done.returncode, [line for line in done.stdout.splitlines() if b"wall" not in line], done.stderr


def test_locales():
    """Numbers and names are read and written the same in every locale"""
    if not shutil.which("localedef"):
        raise Skip("localedef is not there")
    there = [name for name, kind in LOCALES.items()
             if subprocess.run(["localedef", "-i", kind, "-f", "UTF-8", "./" + name], capture_output=True).returncode in (0, 1) and os.path.isdir(name)]
    if not there:
        raise Skip("no other locale can be made")
    for words in verbs():
        expected = told(words, {**os.environ, "LC_ALL": "C.UTF-8"})
        for name in there:
            check_equal(told(words, {**os.environ, "LOCPATH": os.getcwd(), "LC_ALL": name, "LANGUAGE": name[:2]}), expected, (name, words))


def test_ascii_locale():
    """Where the locale knows ASCII alone, as in a container, names and columns are UTF-8 all the same"""
    shutil.copy(source("calib", "devices", "h100-sxm.ini"), "ü.ini")
    write("own.csv", "Länge,aus,wann\n5,6,0\n7,8,1\n")
    for words in (["crossover", "--model", "llama-2-7b", "--device", "ü.ini"],
                  ["trace", "show", "own.csv", "--trace-format", "columns:arrival_s=wann,prompt_tokens=Länge,output_tokens=aus"]):
        done = spoken(words, env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
        check_equal((done.returncode, done.stderr), (0, b""), words)
    done = spoken(["trace", "show", "own.csv", "--trace-format", os.fsdecode(b"columns:\xff")])
    check(done.returncode == 2 and one_message(done) and b"not in UTF-8" in done.stderr, done.stderr)


def test_environment():
    """Without any environment, in an odd time zone, and with an empty PATH it does the same"""
    for words in verbs():
        expected = told(words, os.environ)
        for environment in ({}, {"PATH": ""}, {**os.environ, "TZ": "Asia/Nowhere:../x", "HOME": "/nonexistent"}):
            check_equal(told(words, environment), expected, (environment.get("TZ"), words))
    check_equal(told(["capacity", source("doc", "examples", "capacity.ini")], {})[0], 0)


def test_closed_standard_files():
    """Where standard files are closed, no message and no table goes into a file that is opened instead"""
    outputs = ["--requests", "q.csv", "--decisions", "q.jsonl", "--perfetto", "q.json"]
    status = spoken([*ABORTS, *outputs]).returncode
    expected = [read(name) for name in outputs[1::2]]
    for closed in ((0,), (1,), (2,), (1, 2), (0, 1, 2)):
        done = spoken([*ABORTS, *outputs], preexec_fn=lambda closed=closed: [os.close(number) for number in closed])
        check_equal((done.returncode, status), (1, 1), closed)
        check([read(name) for name in outputs[1::2]] == expected, closed)
    done = spoken(RUN, preexec_fn=lambda: os.close(1))
    check(done.returncode == 1 and one_message(done) and b"standard output cannot be written" in done.stderr, done.stderr)


def test_few_descriptors():
    """With few file descriptors it works, or says so once"""
    words = [verb for verb in verbs() if verb[0] != "run"]
    for n in (16, 6, 5, 4):
        for verb in words:
            done = spoken(verb, preexec_fn=lambda n=n: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)))
            check(one_message(done) and (n < 16 or done.returncode == 0), (n, verb, done.stderr))


def test_names():
    """Files may have any name, for reading and writing; one that begins with a dash is told as ./-NAME"""
    verbs()
    succeed("trace", "gen", "--requests", "3", "--rate", "1", "--prompt", "fixed:5", "--output", "fixed:5", "-o", "t.csv")
    small = ["run", *HARDWARE, "--trace", "t.csv"]
    reading = [("t.csv", ["run", *HARDWARE, "--trace"]), ("t.csv", ["trace", "show"]), ("own.ini", ["crossover", "--model", "llama-2-7b", "--device"]),
               ("own.ini", ["run", "--model", "llama-2-7b", "--trace", "t.csv", "--device"]), ("r.db", ["explain"]),
               ("study.ini", ["sweep", "--dry-run", "-o", "s.db"]), ("r.db", ["merge", "-o", "m.db"])]
    writing = [[*small, option] for option in ("-o", "--requests", "--decisions", "--perfetto")] + [
        ["trace", "convert", "t.csv", "--to", "mooncake", "-o"], ["merge", "r.db", "-o"]]
    for name in NAMES:
        for original, words in reading:
            shutil.copy(original, name + original[-4:])
            done = spoken([*words, name + original[-4:]])
            check(done.returncode == 0 and one_message(done), (words, name, done.stderr))
            os.unlink(name + original[-4:])
        for words in writing:
            before = set(os.listdir("."))
            done = spoken([*words, name])
            check(done.returncode == 0 and one_message(done), (words, name, done.stderr))
            check_equal(set(os.listdir(".")) - before, {name}, words)
            os.unlink(name)
        if os.path.exists("m.db"):
            os.unlink("m.db")
    shutil.copy("r.db", "-r.db")
    done = spoken(["explain", "-r.db"])
    check(done.returncode == 2 and b"the file of that name is ./-r.db" in done.stderr, done.stderr)


def test_empty_files():
    """A file of no bytes is refused by every reader, with one message that names it"""
    verbs()
    write("empty", "")
    for words in (["run", *HARDWARE, "--trace", "empty"], ["trace", "show", "empty"], ["run", "--model", "empty", "--device", "h100-sxm", "--trace", "demo"],
                  ["crossover", "--model", "llama-2-7b", "--device", "./empty"], ["explain", "empty"], ["report", "empty", "-o", "x.html"],
                  ["merge", "empty", "-o", "x.db"], ["sweep", "empty", "-o", "x.db"], ["servers", "empty"],
                  ["profile", "show", "empty"], ["profile", "import", "empty", "-o", "x.db"], [*RUN, "--host", "./empty"],
                  [*RUN, "--against", "empty"], ["model", "show", "llama-3.1-8b", "--device", "h100-sxm", "--log", "empty"],
                  [*RUN, "--executor", "replay", "--replay", "empty"]):
        done = spoken(words)
        check(done.returncode == 2 and one_message(done) and b"empty" in done.stderr, (words, done.returncode, done.stderr))


main(all_tests(globals()))
