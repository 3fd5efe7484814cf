#!/usr/bin/env python3
"""Outputs under names that lead elsewhere, pipes that close, runs that are ended: doc/reliability.md has the table."""
import os
import shutil
import signal
import stat
import subprocess
import time

from common import (LIBRARY, LONG, PROFILE, RUN, STUDY, drain, make_run, refused, rows)
from spillway_test import (HARDWARE, SPILLWAY, all_tests, check, check_equal, execute, main, read, source, succeed, write)


def outputs():
    """Every way to write under a name that the user gave, but for databases."""
    write("t.csv", "arrival_s,prompt_tokens,output_tokens\n0,100,10\n1,200,20\n")
    write("hand.csv", PROFILE)
    succeed("profile", "import", "hand.csv", "-o", "p.db")
    yield [*RUN, "--decisions", "OUT"], b"header"
    yield [*RUN, "--requests", "OUT"], b"arrival_s"
    yield [*RUN, "--perfetto", "OUT"], b"["
    yield ["trace", "convert", "t.csv", "-o", "OUT"], b"arrival_s"
    yield ["trace", "gen", "--requests", "3", "--rate", "1", "--prompt", "fixed:9", "--output", "fixed:9", "-o",
           "OUT"], b"arrival_s"
    yield ["profile", "export", "p.db", "-o", "OUT"], b"spillway-profile"
    if LIBRARY:
        yield ["report", "r.db", "-o", "OUT"], b"<html"


PICTURES = [["plot", "r.db", "--chart", "kv", "-o", "OUT.svg"]]


def put(words, name):
    return [name if word == "OUT" else word.replace("OUT", name) for word in words]


def test_special_files():
    """a pipe, a device or a link is written through by every output, and stays"""
    make_run()
    pictures = [(words, b"<svg") for words in PICTURES] if shutil.which("gnuplot") else []
    for words, part in [*outputs(), *pictures]:
        for name in ("p", "p.svg"):
            if os.path.lexists(name):
                os.unlink(name)
        pipe = "p.svg" if "OUT.svg" in words else "p"
        os.mkfifo(pipe)
        found = drain(pipe)
        succeed(*put(words, "p"))
        check(stat.S_ISFIFO(os.stat(pipe).st_mode), "the pipe was replaced: %s" % words)
        check(part in (found() or b""), "nothing came through the pipe: %s" % words)
        if pipe == "p":
            succeed(*put(words, "/dev/null"))
            check(stat.S_ISCHR(os.stat("/dev/null").st_mode))
        os.unlink(pipe)
        os.makedirs("folder", exist_ok=True)
        target = "folder/target"
        for there in (True, False):
            if os.path.exists(target):
                os.unlink(target)
            if there:
                write(target, b"")
                os.chmod(target, 0o640)
            os.symlink(target, pipe)
            succeed(*put(words, "p"))
            check(os.path.islink(pipe), "the link was replaced: %s" % words)
            check(part in read(target), words)
            check(not there or os.stat(target).st_mode & 0o777 == 0o640, "permissions: %s" % words)
            os.unlink(pipe)


def test_databases_are_regular_files():
    """a database is no pipe and no device; behind a link it is the link's"""
    make_run()
    os.mkfifo("p")
    for name in ("p", "/dev/null", "."):
        for words in (["report", name, "-o", "page.html"], ["explain", name], ["plot", name],
                      [*RUN, "--executor", "replay", "--replay", name], ["merge", "r.db", "-o", name],
                      ["merge", name, "-o", "m.db"], ["profile", "show", "p.db"]):
            refused(*words)
        result = execute(*RUN, "-o", name)
        check(result.status == 2 and result.out, str(result))
    os.symlink("real.db", "link.db")
    succeed(*RUN, "-o", "link.db")
    check(os.path.islink("link.db") and os.path.isfile("real.db"))
    succeed("explain", "link.db")
    write("hand.csv", PROFILE)
    os.symlink("real-p.db", "link-p.db")
    for _ in range(2):
        succeed("profile", "import", "hand.csv", "-o", "link-p.db")
        check(os.path.islink("link-p.db") and os.path.isfile("real-p.db"))


def test_one_name_twice():
    """two outputs of one name, or an output that is an input, are refused before anything is opened"""
    content = "arrival_s,prompt_tokens,output_tokens\n0,100,10\n1,200,20\n"
    write("t.csv", content)
    write("same", "kept")
    os.symlink("absent", "to-absent")
    os.link("t.csv", "hard")
    os.symlink("t.csv", "a t.csv")
    os.mkdir("folder")
    run = ["run", *HARDWARE, "--trace", "t.csv"]
    for words in ([*run, "--requests", "same", "--decisions", "same"], [*run, "--requests", "same", "-o", "./same"],
                  [*run, "--requests", "absent", "--decisions", "to-absent"],
                  [*run, "--requests", "absent", "--perfetto", "folder/../absent"],
                  [*run, "-o", "x.db", "--requests", "x.db-journal"], [*run, "--decisions", "hard"],
                  [*run, "--perfetto", "t.csv"], [*run, "--requests", os.path.abspath("t.csv")],
                  ["compare", *run[1:], "--requests", "same", "--decisions", "same"],
                  ["run", *HARDWARE, "--trace", "gen:--requests 2 --rate 1 --prompt empirical:t.csv --output fixed:2",
                   "--requests", "t.csv"],
                  ["trace", "convert", "t.csv", "-o", "t.csv", "--limit", "1"], ["trace", "convert", "t.csv", "-o", "hard"],
                  ["trace", "gen", "--requests", "2", "--rate", "1", "--prompt", "empirical:t.csv", "--output", "fixed:2",
                   "-o", "t.csv"],
                  ["trace", "gen", "--requests", "2", "--rate", "1", "--prompt", "fixed:9", "--output", "fixed:2",
                   "--max-tokens", "empirical:t.csv", "-o", "t.csv"],
                  ["run", *HARDWARE, "--trace", "gen:--requests 2 --rate 1 --prompt='empirical:a t.csv' --output fixed:2",
                   "--requests", "a t.csv"],
                  ["run", *HARDWARE, "--trace", "gen:--requests 2 --rate 1 --prompt empirical:a\\ t.csv --output fixed:2",
                   "--decisions", "./a t.csv"]):
        result = refused(*words, expected=["name another file"])
        check(not result.out, str(result))
        check_equal((read("t.csv").decode(), read("same")), (content, b"kept"), words)
        check(not os.path.exists("absent") and not os.path.exists("x.db"), words)
    write("t.swap.csv", content)
    refused("compare", *HARDWARE, "--trace", "t.swap.csv", "--requests", "t.csv", expected=["name another file"])
    study = STUDY.replace("gen:--requests 30 --rate 1.5 --prompt fixed:1000 --output uniform:64,512", "t.csv")
    write("study.ini", study)
    for name in ("study.ini", "t.csv"):
        refused("capacity", "study.ini", "--slo", "e2e:p99<9s", "--page", name, expected=["name another file"])
        check_equal((read("t.csv").decode(), read("study.ini").decode()), (content, study), name)
    make_run()
    for words in (["report", "r.db", "-o", "r.db"], ["merge", "r.db", "-o", "r.db"]):
        refused(*words)
    other_inputs()
    succeed(*RUN, "--requests", "/dev/null", "--decisions", "/dev/null")
    succeed(*RUN, "--executor", "replay", "--replay", "r.db", "-o", "r.db")


def other_inputs():
    """Outputs of the verbs whose inputs are not only a trace: devices, hosts, profiles, models, libraries, points, tables."""
    shutil.copy(source("calib", "devices", "a100-40gb.ini"), "d.ini")
    shutil.copy(source("calib", "hosts", "unknown.ini"), "h.ini")
    shutil.copy(source("models", "llama-2-7b.json"), "m.json")
    write("chart.js", b"/* Chart.js v4.4.0 */")
    write("hand", PROFILE)
    succeed("profile", "import", "hand", "-o", "p.db")
    os.mkdir("models")
    shutil.copy("m.json", "models/x.json")
    write("points.csv", "id,model_path,system,backend,backend_version,precision,isl,osl,batch_size,tp_size,silicon_ttft_ms,silicon_tpot_ms\n"
                        "x,nobody/x,h100_sxm,vllm,,,64,16,2,1,100,8\n")
    for name in ("d.ini", "h.ini", "m.json", "p.db", "chart.js", "hand", "t.csv", "points.csv", "models/x.json"):
        os.link(name, "hard-" + os.path.basename(name))
        os.symlink(name, "soft-" + os.path.basename(name))
    search = ["--model", "m.json", "--host", "h.ini", "--trace", "t.csv"]
    for words, inputs in ((["capacity", *search, "--device", "d.ini", "--slo", "ttft:p99<2s", "--chart-js", "chart.js", "--page"],
                           ("d.ini", "h.ini", "m.json", "t.csv", "chart.js")),
                          (["capacity", *search, "--device", "p.db", "--slo", "ttft:p99<2s", "--page"], ("p.db",)),
                          (["capacity", *search, "--device", "d.ini", "--slo", "ttft:p99<2s", "-o"], ("d.ini", "h.ini")),
                          (["regret", *search, "--device", "p.db", "--num-gpu-blocks", "60", "-o"], ("p.db", "h.ini", "m.json", "t.csv")),
                          (["servers", "points.csv", "--profile", "p.db", "--model-dir", "models", "--chart-js", "chart.js", "-o"],
                           ("points.csv", "p.db", "models/x.json", "chart.js")),
                          (["report", "r.db", "--chart-js", "chart.js", "-o"], ("chart.js",)),
                          (["study", "policies", "--device", "d.ini", "--models", "m.json", "--chart-js", "chart.js", "-o", "x.db", "--page"],
                           ("d.ini", "m.json", "chart.js")),
                          (["profile", "import", "hand", "-o"], ("hand",))):
        for name in inputs:
            before = read(name)
            for other in (name, "hard-" + os.path.basename(name), "soft-" + os.path.basename(name)):
                refused(*words, other, expected=["name another file"])
                check_equal(read(name), before, (words, other))


def test_pipe_that_closes():
    """a pipe that closes is a write error like any other: the summary and the database are there"""
    for option in ("--decisions", "--requests", "--perfetto"):
        os.mkfifo("p")
        reader = subprocess.Popen(["sh", "-c", "exec <p"])
        result = execute("run", *HARDWARE, "--no-stride", "--trace", LONG, "--limit", "2000", option, "p", "-o",
                         "d%s.db" % option)
        reader.wait(20)
        check(result.status == 2 and "p: Broken pipe" in result.err and "finished" in result.text, str(result))
        check_equal(rows("d%s.db" % option, "SELECT count(*) FROM run"), [(1,)])
        os.unlink("p")
    for words in (["trace", "gen", "--requests", "200000", "--rate", "1", "--prompt", "fixed:9", "--output", "fixed:9"],
                  ["trace", "convert", "chat-hour", "-o", "-"], ["list", "models"]):
        with subprocess.Popen([SPILLWAY, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdout.read(1)
            process.stdout.close()
            check_equal((process.stderr.read(), process.wait(20) in (0, -signal.SIGPIPE)), (b"", True), words)


def test_terminated():
    """SIGTERM ends a run as Ctrl-C does: the log is whole, what was done is stored"""
    for number in (signal.SIGTERM, signal.SIGINT):
        name = number.name
        process = subprocess.Popen([SPILLWAY, "run", *HARDWARE, "--no-stride", "--trace", LONG, "--decisions", name + ".jsonl",
                                    "-o", name + ".db"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(200):
            time.sleep(0.05)
            if os.path.exists(name + ".jsonl") and os.path.getsize(name + ".jsonl") > 100000:
                break
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        check(process.returncode == 1 and b"interrupted" in err and out, (name, process.returncode, err))
        check(b'"footer"' in read(name + ".jsonl").splitlines()[-1], name)
        check_equal(rows(name + ".db", "SELECT \"end\" FROM run"), [("abort",)])


if __name__ == "__main__":
    main(all_tests(globals()))
