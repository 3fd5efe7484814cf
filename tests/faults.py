#!/usr/bin/env python3
"""Faults that a hostile test found, each as the kind that it is of: doc/reliability.md has the table."""
import csv
import gzip
import io
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import threading
import time
import zlib

from spillway_test import (HARDWARE, SANITIZED, SPILLWAY, Skip, all_tests, check, check_equal, execute, main, read, source,
                           succeed, write)

RUN = ["run", *HARDWARE, "--trace", "demo", "--limit", "60", "--kv-memory", "12%"]
STUDY = """[study]
name = memory
seeds = 1,2
[run]
model = llama-2-7b
device = a100-40gb
trace = gen:--requests 30 --rate 1.5 --prompt fixed:1000 --output uniform:64,512
[grid]
overflow = recompute,swap
"""
PROFILE = """# spillway-profile 1
# name: by-hand
# device: h100-sxm
# origin 0 source: a stopwatch
operation,dtype,shape,median_ns
gemm,bfloat16,m=16;n=4096;k=4096,13345.6
gemm,bfloat16,m=1;n=4096;k=4096,12345.6
"""
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"


def refused(*words, expected=(), status=2, **options):
    """One message, that status, in good time."""
    result = execute(*words, **options)
    check_equal(result.status, status, str(result))
    check_equal(len(result.messages), 1, str(result))
    for part in expected:
        check(part in result.messages[0], "expected %r\n%s" % (part, result))
    return result


def sql(path, script):
    with sqlite3.connect(path) as database:
        database.executescript(script)
    database.close()


def rows(path, query):
    with sqlite3.connect(path) as database:
        found = database.execute(query).fetchall()
    database.close()
    return found


def readers(path):
    """Every way in for a results database."""
    return [["report", path, "-o", "page.html"], ["report", path, "--format", "svg", "-o", "figures"],
            ["plot", path], ["explain", path], ["explain", path, "--top", "3"], ["merge", path, "-o", "merged.db"],
            [*RUN, "--executor", "replay", "--replay", path]]


def make_run(path="r.db"):
    succeed(*RUN, "--record-steps", "-o", path)
    return path


def make_study(path="s.db", *words):
    write("study.ini", STUDY)
    succeed("sweep", "study.ini", "-o", path, *words)
    return path


def damaged(script, path="bad.db", original="r.db"):
    shutil.copy(original, path)
    sql(path, script)
    return path


def test_names_in_a_file():
    """no text of a database becomes SQL: a study's options"""
    make_run("v.db")
    make_study()
    whole = rows("v.db", "SELECT count(*) FROM request")
    injection = "a''), NULL) AS q FROM run; DELETE FROM main.request; ATTACH ''stolen.db'' AS x; --"
    for name in (injection, "a\" FROM run; --", "", "a b", "x" * 200):
        damaged("UPDATE cell_setting SET option = '%s' WHERE option = 'overflow'" % name, original="s.db")
        refused("merge", "bad.db", "-o", "v.db", expected=["bad.db", "no option's name"])
        refused("report", "bad.db", "-o", "page.html", expected=["bad.db", "no option's name"])
        refused("sweep", "study.ini", "-o", "bad.db", "--jobs", "1", expected=["no option's name"])
    check_equal(rows("v.db", "SELECT count(*) FROM request"), whole, "the output's own rows")
    check(not os.path.exists("stolen.db"))


def test_columns_of_a_file():
    """no text of a database becomes SQL: columns and tables that were renamed"""
    make_run()
    make_run("v.db")
    for change in ("ALTER TABLE config RENAME COLUMN value TO \"v\"\", 1) --\"",
                   "ALTER TABLE run RENAME COLUMN num_gpu_blocks TO zz",
                   "ALTER TABLE request ADD COLUMN more", "ALTER TABLE series RENAME TO other",
                   "DROP INDEX preemption_of_victim"):
        damaged(change)
        for words in readers("bad.db"):
            refused(*words, expected=["bad.db", "not as this program makes it" if "RENAME C" in change else ""])
        result = execute(*RUN, "-o", "bad.db")
        check(result.status == 2 and "bad.db" in result.err and result.out, str(result))


def test_names_are_names():
    """a file's name is never a URI, and never memory"""
    for name in ("file:x.db?mode=memory", "file:y.db", ":memory:", "file::memory:?cache=shared"):
        succeed(*RUN, "-o", name)
        check(os.path.exists(name), name)
        succeed("explain", name)
        succeed("report", name, "-o", "page.html")
        succeed("merge", name, "-o", "file:m%d.db?mode=memory" % len(name))
        check(os.path.exists("file:m%d.db?mode=memory" % len(name)))
    write("hand.csv", PROFILE)
    for name in ("file:p.db?mode=memory", "file:q.db"):
        succeed("profile", "import", "hand.csv", "-o", name)
        check(os.path.exists(name), name)
        succeed("profile", "show", name)


VALUES = [("run", "makespan_s = 'swap'"), ("run", "makespan_s = NULL"), ("run", "requests = -5"),
          ("run", "scaled_share = -9.3e18"), ("run", "measured_share = 2"), ("run", "slowdown = 9e999"),
          ("run", "finished = 1e12"), ("run", "finished = requests + 1"), ("run", "\"end\" = 'well'"),
          ("run", "ttft_s_p99 = 0"), ("run", "e2e_s_mean = e2e_s_max * 2"), ("run", "peak_gpu_blocks = 4e9"),
          ("run", "peak_gpu_blocks = num_gpu_blocks + 1"), ("run", "name = x'00'"), ("run", "busy_s = 1e300"),
          ("run", "requests = requests + 1"), ("request", "status = 'lost'"), ("request", "arrival_s = 'now'"),
          ("request", "finish_s = 0 WHERE request = 50"), ("request", "preemptions = -1"),
          ("request", "prompt_tokens = 9.5"), ("series", "gpu_blocks = 'all'"),
          ("series", "length_s = -1"), ("preemption", "cost_s = 'much'"), ("preemption", "step = -1"),
          ("config", "value = x'ff' WHERE key = 'model'"), ("config", "value = -9e999 WHERE key = 'block_size'")]
STEPS = ["linear_ps = 9223372036854775807", "first_ps = -1", "growth_ps = 4611686018427387903", "repeats = 0",
         "repeats = 4294967296", "first_ps = 4611686018427387903", "tokens = 'few'", "decodes = NULL"]


def test_values_are_checked():
    """values of a file are checked when they are read: types, ranges, sums"""
    make_run()
    check(rows("r.db", "SELECT count(*) FROM preemption")[0][0] > 0)
    for table, change in VALUES:
        damaged("UPDATE %s SET %s" % (table, change))
        for words in readers("bad.db"):
            refused(*words, expected=["bad.db", "expected"])
        check(not os.path.exists("merged.db"))


def test_steps_are_checked():
    """recorded steps are checked before they are replayed"""
    make_run()
    for change in STEPS:
        try:
            damaged("UPDATE step SET %s WHERE sequence = 3" % change)
        except sqlite3.IntegrityError:
            continue
        refused(*RUN, "--executor", "replay", "--replay", "bad.db", expected=["bad.db"])


def test_views_and_triggers():
    """a table is a table: views that never end and triggers are refused by every reader"""
    make_run()
    make_study()
    for table in ("run", "config", "request", "preemption", "series", "step"):
        damaged("ALTER TABLE %s RENAME TO kept; CREATE VIEW %s AS %s" % (table, table, ENDLESS))
        for words in readers("bad.db"):
            refused(*words, expected=["bad.db", "as this program"])
        refused("merge", "r.db", "-o", "bad.db", expected=["bad.db", "as this program"])
    for table in ("cell", "cell_setting", "study", "run_identity"):
        damaged("ALTER TABLE %s RENAME TO kept; CREATE VIEW %s AS %s" % (table, table, ENDLESS), original="s.db")
        refused("merge", "bad.db", "-o", "merged.db", expected=["bad.db", "as this program"])
        refused("report", "bad.db", "-o", "page.html", expected=["bad.db", "as this program"])
        refused("sweep", "study.ini", "-o", "bad.db", expected=["bad.db", "as this program"])
    for view in ("run_summary", "full_pool", "preemption_choice"):
        damaged("DROP VIEW %s; CREATE VIEW %s AS %s" % (view, view, ENDLESS))
        for words in readers("bad.db"):
            execute(*words)  # none of them asks a view of the file
        damaged("DROP VIEW %s; CREATE TABLE %s (x)" % (view, view))
        succeed("explain", "bad.db")


def test_triggers_do_not_fire():
    """a trigger on the output is refused, and takes no row away"""
    make_run()
    damaged("CREATE TRIGGER t AFTER INSERT ON request BEGIN DELETE FROM request; END")
    before = rows("bad.db", "SELECT count(*) FROM request")
    refused("merge", "r.db", "-o", "bad.db", expected=["bad.db", "trigger"])
    result = execute(*RUN, "-o", "bad.db")
    check(result.status == 2 and "trigger" in result.err, str(result))
    check_equal(rows("bad.db", "SELECT count(*) FROM request"), before)


def test_profiles():
    """a profile's database is held to the same: tables, triggers, values, names"""
    write("hand.csv", PROFILE)
    succeed("profile", "import", "hand.csv", "-o", "p.db")
    for change in ("ALTER TABLE sample RENAME TO kept; CREATE VIEW sample AS " + ENDLESS,
                   "ALTER TABLE meta RENAME TO kept; CREATE VIEW meta AS %s" % ENDLESS.replace("SELECT x F", "SELECT 'format' AS key, 1 AS value F"),
                   "ALTER TABLE origin RENAME TO kept; CREATE VIEW origin AS " + ENDLESS,
                   "CREATE TRIGGER t AFTER INSERT ON fit BEGIN DELETE FROM sample; END",
                   "UPDATE origin SET source = zeroblob(400000000)", "UPDATE sample SET median_ns = 'long'",
                   "UPDATE sample SET s0 = 9e18", "UPDATE sample SET s0 = 9000000000000000000",
                   "UPDATE sample SET median_ns = 1e308", "ALTER TABLE sample RENAME COLUMN kernel TO zz"):
        damaged(change, original="p.db")
        for words in (["profile", "show", "bad.db"], ["profile", "check", "bad.db"],
                      ["profile", "export", "bad.db", "-o", "out.csv"],
                      ["run", "--model", "llama-2-7b", "--device", "bad.db", "--trace", "demo"]):
            refused(*words, expected=["bad.db", "damaged"])
    os.unlink("bad.db")


def test_huge_values():
    """a value of 400 MB is refused, not read"""
    make_run()
    damaged("UPDATE config SET value = zeroblob(400000000) WHERE key = 'model'")
    for words in readers("bad.db"):
        refused(*words, expected=["bad.db", "too big"])
    os.unlink("bad.db")


def test_damage_inside():
    """a database that is damaged inside is bad input to every reader"""
    make_run()
    whole = read("r.db")
    page = int.from_bytes(whole[16:18], "big")
    for at in range(2 * page, len(whole), page):
        write("bad.db", whole[:at] + b"\xa5" * page + whole[at + page:])
        for words in readers("bad.db"):
            result = execute(*words)
            check(result.status in (0, 2), str(result))
    write("bad.db", whole[:len(whole) // 2])
    for words in readers("bad.db"):
        refused(*words, expected=["bad.db"])


def test_pages_in_a_circle():
    """a tree of pages that never ends does not keep a reader for ever"""
    make_run()
    whole = bytearray(read("r.db"))
    page = int.from_bytes(whole[16:18], "big")
    root = rows("r.db", "SELECT rootpage FROM sqlite_master WHERE name = 'request'")[0][0]
    start = (root - 1) * page
    check(whole[start] in (2, 5), "the table has one page")  # an interior page
    cells = int.from_bytes(whole[start + 3:start + 5], "big")
    for i in range(cells):
        at = start + int.from_bytes(whole[start + 12 + 2 * i:start + 14 + 2 * i], "big")
        whole[at:at + 4] = root.to_bytes(4, "big")
    whole[start + 8:start + 12] = root.to_bytes(4, "big")
    write("bad.db", bytes(whole))
    for words in readers("bad.db"):
        refused(*words, expected=["bad.db"])


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


LIBRARY = any(map(os.path.exists, ("/usr/share/javascript/chart.js/chart.min.js",
                                   "/usr/share/javascript/chart.js/Chart.min.js",
                                   "/usr/share/javascript/chart.js/chart.umd.js",
                                   "/usr/share/nodejs/chart.js/dist/chart.min.js")))
PICTURES = [["plot", "r.db", "--chart", "kv", "-o", "OUT.svg"]]


def put(words, name):
    return [name if word == "OUT" else word.replace("OUT", name) for word in words]


def drain(path):
    """Reads a pipe to its end beside what follows; join() gives the bytes."""
    found = []
    thread = threading.Thread(target=lambda: found.append(read(path)), daemon=True)
    thread.start()

    def join():
        thread.join(20)
        return found[0] if found else None
    return join


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
                   "-o", "t.csv"]):
        result = refused(*words, expected=["name another file"])
        check(not result.out, str(result))
        check_equal((read("t.csv").decode(), read("same")), (content, b"kept"), words)
        check(not os.path.exists("absent") and not os.path.exists("x.db"), words)
    write("t.swap.csv", content)
    refused("compare", *HARDWARE, "--trace", "t.swap.csv", "--requests", "t.csv", expected=["name another file"])
    make_run()
    for words in (["report", "r.db", "-o", "r.db"], ["merge", "r.db", "-o", "r.db"]):
        refused(*words)
    succeed(*RUN, "--requests", "/dev/null", "--decisions", "/dev/null")
    succeed(*RUN, "--executor", "replay", "--replay", "r.db", "-o", "r.db")


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


def limited(kilobytes, *words, **options):
    """The program with so much address space; AddressSanitizer reserves terabytes of it, and ends a program by its memory."""
    if SANITIZED:
        return refused_by(["env", "ASAN_OPTIONS=%s:hard_rss_limit_mb=%d" % (os.environ.get("ASAN_OPTIONS", ""), kilobytes // 1024),
                           SPILLWAY, *words], **options)
    return refused_by(["sh", "-c", 'ulimit -v "$0"; exec "$@"', str(kilobytes), SPILLWAY, *words], **options)


def refused_by(command, status=2, expected=(), stdin=None):
    done = subprocess.run(command, stdin=stdin or subprocess.DEVNULL, capture_output=True, timeout=120)
    lines = [line for line in done.stderr.decode().splitlines() if ": note: " not in line]
    check(done.returncode == status and len(lines) == 1, "%s\nstatus %d\n%s" % (command, done.returncode, done.stderr))
    for part in expected:
        check(part in lines[0], "expected %r in %s" % (part, lines[0]))


def readers_of_files(name):
    """Every way in for a file that is read."""
    yield ["profile", "show", name]
    yield ["profile", "import", name, "-o", "new.db"]
    yield ["run", "--model", name, "--device", "a100-40gb", "--trace", "demo"]
    yield ["run", "--model", "llama-2-7b", "--device", name, "--trace", "demo"]
    yield ["run", *HARDWARE, "--trace", name]
    yield [*RUN, "--against", name]
    yield [*RUN, "--executor", "replay", "--replay", name]
    yield ["trace", "show", name]
    yield ["sweep", name, "-o", "new.db"]
    yield ["report", name, "-o", "page.html"]
    yield ["explain", name]
    yield ["merge", name, "-o", "new.db"]
    yield ["run", "--executor", "cpu", "--model", source("tests", "models", "tiny-llama.json"), "--num-gpu-blocks", "50",
           "--trace", "gen:--requests 2 --rate 1 --prompt fixed:4 --output fixed:2", "--token-ids", name]


def test_files_that_never_end():
    """a device that never ends is refused by every reader, in bounded memory"""
    for words in readers_of_files("/dev/zero"):
        limited(4000000, *words)
    make_run()
    if LIBRARY:
        limited(4000000, "report", "r.db", "-o", "page.html", "--chart-js", "/dev/zero", status=1)


def test_small_files_that_unpack():
    """a small file makes no large allocation: gzip of zeros, a file of holes"""
    with open("bomb.gz", "wb") as file:  # 4 GiB in some 4 MB, which is 1 KB's share many times over
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        for _ in range(4096):
            file.write(packer.compress(bytes(1 << 20)))
        file.write(packer.flush())
    with open("holes", "wb") as file:
        file.truncate(1 << 36)
    for name in ("bomb.gz", "holes"):
        for words in readers_of_files(name):
            limited(4000000, *words)
    for name in ("bomb.gz", "holes"):
        os.unlink(name)


def test_memory_that_runs_out():
    """what needs more memory than there is ends with one message"""
    if SANITIZED:
        raise Skip("AddressSanitizer maps no shadow memory under ulimit -v, and ends the program itself without memory")
    gen = ["--rate", "10", "--prompt", "fixed:100", "--output", "fixed:10"]
    limited(200000, "trace", "gen", "--requests", "100000000", *gen, "-o", "t.bin", expected=["GB of memory"])
    limited(200000, "trace", "gen", "--duration", "4000000", *gen, "-o", "t.bin", expected=["GB of memory"])
    limited(200000, "run", *HARDWARE, "--trace", "gen:--requests 100000000 " + " ".join(gen), expected=["GB of memory"])
    check(not os.path.exists("t.bin"))
    with subprocess.Popen(["yes", "1,2,3"], stdout=subprocess.PIPE) as endless:
        head = subprocess.Popen(["sh", "-c", "echo arrival_s,prompt_tokens,output_tokens; exec cat"], stdin=endless.stdout,
                                stdout=subprocess.PIPE)
        limited(400000, "trace", "show", "-", stdin=head.stdout, status=1, expected=["memory"])
        head.stdout.close()
        head.kill()
        head.wait()
        endless.kill()


def test_behind_the_end_of_gzip():
    """bytes behind the end of a gzip file are told, and padding is not"""
    write("hand.csv", PROFILE)
    trace = "arrival_s,prompt_tokens,output_tokens\n0,100,10\n1,200,20\n"
    succeed("run", *HARDWARE, "--trace", write("t.csv", trace), "--requests", "measured.csv")
    succeed("trace", "convert", "t.csv", "-o", "t.bin")
    files = {"t.csv.gz": (trace.encode(), ["trace", "show"]), "t.bin.gz": (read("t.bin"), ["trace", "show"]),
             "p.csv.gz": (PROFILE.encode(), ["profile", "show"]),
             "m.csv.gz": (read("measured.csv"), ["run", *HARDWARE, "--trace", "t.csv", "--against"])}
    for name, (content, words) in files.items():
        packed = gzip.compress(content)
        for behind in (b"", bytes(512), gzip.compress(b"")):
            write(name, packed + behind)
            succeed(*words, name)
        for behind in (b"garbage", bytes(512) + b"x", b"\x1f\x8bxxxxxxxxxxxx", b"\n"):
            write(name, packed + behind)
            refused(*words, name, expected=[name, "gzip data"])
        write(name, packed[:-5])
        refused(*words, name, expected=[name, "gzip data"])


ESCAPE = "\x1b[31mred\x07\x9b"


def test_control_bytes():
    """names with control bytes are shown, not obeyed: on every text for people, and quoted in CSV"""
    write("t.jsonl", "".join('{"timestamp": %d, "input_length": 100, "output_length": 900}\n' % i for i in range(9)))
    write("names.csv", "id,arrival_s,prompt_tokens,output_tokens\n" +
          "".join('"%s%d",%d,100,900\n' % (ESCAPE, i, i) for i in range(9)))
    os.rename("names.csv", "names" + ESCAPE + ".csv")
    words = [*HARDWARE, "--trace", "names" + ESCAPE + ".csv", "--num-gpu-blocks", "120", "-o", "r.db"]
    outs = [succeed("run", *words, "--requests", "requests.csv"), succeed("compare", *words), succeed("explain", "r.db"),
            succeed("explain", "r.db", "--request", ESCAPE + "3"), succeed("explain", "r.db", "--preemption", "0"),
            succeed("trace", "show", "names" + ESCAPE + ".csv")]
    for out in outs:
        check(not any(ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 for c in out.text), str(out) + out.text)
    check("\\x1b[31mred" in outs[2].text, outs[2].text)
    with open("requests.csv", newline="") as file:
        text = file.read()
    check(text.count('"%s' % ESCAPE) == 9, text)
    check_equal([row["id"] for row in csv.DictReader(io.StringIO(text))][:2], [ESCAPE + "0", ESCAPE + "1"])


def test_inputs_that_lack_tables():
    """merge names the input that lacks a table or is locked, and waits for a lock"""
    make_run()
    make_study()
    for table in ("cell", "study", "config", "cell_setting", "run_identity", "request", "meta"):
        damaged("PRAGMA foreign_keys = OFF; DROP VIEW IF EXISTS run_summary; DROP VIEW IF EXISTS point_summary;"
                "DROP TABLE %s" % table, original="s.db")
        refused("merge", "bad.db", "-o", "m.db", expected=["bad.db"])
        check(not os.path.exists("m.db"), table)
    for words in (["merge", "r.db", "-o", "m.db"], [*RUN, "--executor", "replay", "--replay", "r.db"], ["explain", "r.db"],
                  ["report", "r.db", "-o", "page.html"]):
        holder = sqlite3.connect("r.db", isolation_level=None, check_same_thread=False)
        holder.execute("BEGIN EXCLUSIVE")
        timer = threading.Timer(1, lambda: holder.execute("ROLLBACK"))
        timer.start()
        succeed(*words)
        timer.join()
        holder.close()


def test_locked_inputs():
    """an input that stays locked is named after ten seconds"""
    make_run()
    holder = sqlite3.connect("r.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    started = [subprocess.Popen([SPILLWAY, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
               for words in (["merge", "r.db", "-o", "m.db"], [*RUN, "--executor", "replay", "--replay", "r.db"])]
    for process in started:
        err = process.communicate(timeout=40)[1].decode()
        check(process.returncode == 2 and "r.db is locked" in err and "m.db" not in err, err)
    holder.close()


def test_safetensors_places():
    """weights that overlap, leave a gap, or end before the file does are refused"""
    os.mkdir("m")
    shutil.copy(source("tests", "models", "tiny-llama.json"), "m/config.json")
    words = ["run", "--executor", "cpu", "--model", "m", "--num-gpu-blocks", "50", "--load-format", "safetensors", "--trace",
             "gen:--requests 1 --rate 1 --prompt fixed:4 --output fixed:2"]
    good = {"a": [0, 8], "b": [8, 16]}
    for offsets, length, part in ((dict(good, b=[4, 12]), 16, "overlap"), (dict(good, b=[0, 8]), 16, "overlap"),
                                  (dict(good, b=[10, 18]), 18, "gap"), (dict(a=[1, 9], b=[9, 17]), 17, "gap"),
                                  (good, 20, "follow its last tensor")):
        header = json.dumps({name: {"dtype": "F32", "shape": [2], "data_offsets": place}
                             for name, place in offsets.items()}).encode()
        write("m/model.safetensors", len(header).to_bytes(8, "little") + header + bytes(length))
        refused(*words, expected=["model.safetensors", part])


def test_true_causes():
    """messages name the true cause"""
    refused("run", "--model", "llama-3.1-8b", "--device", "l4", "--num-gpu-blocks", "100", "--trace", "demo", "--scheduler",
            "vllm-0.5", "--max-num-batched-tokens", "1", expected=["--max-num-batched-tokens: found 1"])
    refused("sweep", "x.ini", "-o", "x.db", "-j1", expected=["found -j1", "-j 1"])
    for word in ("--help", "-h"):
        refused("run", *HARDWARE, "--trace", "gen:" + word, expected=["found " + word, "trace gen --help"])
    write("hand.csv", PROFILE.replace("13345.6", "1e308"))
    refused("profile", "import", "hand.csv", "-o", "p.db", expected=["hand.csv:6", "not a time"])
    write("t.csv", "arrival_s,prompt_tokens,output_tokens\n0,100,10\n1,200,20\n2,100,10\n")
    measured = "id,arrival_s,prompt_tokens,output_tokens,first_token_s,finish_s,preemptions,status\n0,0,100,10,.1,.2,0,finished\n1,1,200,20,1.1,%s,0,%s\n2,2,100,10,2.1,2.4,0,finished\n"
    results = []
    for finish, status in (("1.4", "aborted"), ("", "aborted"), ("1.4", "finished")):
        write("m.csv", measured % (finish, status))
        results.append(succeed("run", *HARDWARE, "--trace", "t.csv", "--against", "m.csv", "--format", "json").json["against"])
    check_equal(results[0], results[1], "an unfinished request has no latency")
    check(results[0] != results[2])


def test_queued_until_the_first_step():
    """queue_s ends where the decision log's first step of the request starts, also with --async-scheduling"""
    for words in ([], ["--async-scheduling"], ["--async-scheduling", "--enable-prefix-caching", "--no-stride"]):
        succeed(*RUN, *words, "--decisions", "log.jsonl", "-o", "q.db")
        first = {}
        with open("log.jsonl") as file:
            for line in map(json.loads, file):
                for entry in line.get("scheduled", ()):
                    first.setdefault(str(entry[0]), line["t"])
        starts = dict(rows("q.db", "SELECT CAST(request AS TEXT), first_scheduled_s FROM request"
                                   " WHERE run_id = (SELECT max(id) FROM run)"))
        check(len(starts) == 60 and starts.keys() == first.keys(), len(starts))
        for request, start_s in starts.items():
            check(abs(first[request] - start_s) < 1e-9, (words, request, first[request], start_s))


def test_livelock_is_told_in_time():
    """a livelock ends the run in time, whether or not a request is still to arrive"""
    for later in ("", "900000,10,10\n"):
        write("t.csv", "arrival_s,prompt_tokens,output_tokens\n0,133,71\n0,294,51\n" + later)
        started = time.monotonic()
        result = execute("run", "--model", "llama-2-7b", "--executor", "unit", "--trace", "t.csv", "--num-gpu-blocks", "12",
                         "--max-num-batched-tokens", "32", "--scheduler", "vllm-v1", "--decisions", "log.jsonl")
        check(result.status == 1 and "livelock" in result.err, str(result))
        check(os.path.getsize("log.jsonl") < 50e6 and time.monotonic() - started < 10, os.path.getsize("log.jsonl"))


LONG = "gen:--requests 20000 --rate 2 --prompt uniform:64,512 --output uniform:200,600"


if __name__ == "__main__":
    main(all_tests(globals()))
