#!/usr/bin/env python3
"""spillway profile, as a user types it: import, export, show, check, plot, and what it refuses."""
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile

SPILLWAY = os.environ["SPILLWAY"]
HAND = """# spillway-profile 1
# name: by-hand
# device: h100-sxm
# note: Written by hand.
# origin 0 source: a stopwatch
# origin 0 engine: vLLM 0.19.0
operation,dtype,shape,median_ns,p10_ns,p90_ns
gemm,bfloat16,m=16;n=4096;k=4096,13345.6,,
gemm,bfloat16,m=1;n=4096;k=4096,12345.6,12000,13000.25
attention,bfloat16,prefills=1;new_tokens=128;cached_tokens=0;decodes=0;context=0;heads=32;kv_heads=8;head_dim=128,2e4,,
"""

number = 0


def check(name, passed, *found):
    """One TAP line; what was found is shown where it failed."""
    global number
    number += 1
    print(("ok" if passed else "not ok") + f" {number} - {name}")
    if not passed:
        for text in found:
            for line in str(text).splitlines():
                print("# " + line)


def profile(*arguments, **environment):
    return subprocess.run([SPILLWAY, "profile", *arguments], capture_output=True, text=True,
                          env={**os.environ, **environment}, check=False)


def refuses(name, status, expected, *arguments, **environment):
    """Nothing on standard output, one line that has `expected` on standard error."""
    done = profile(*arguments, **environment)
    passed = (done.returncode == status and expected in done.stderr and not done.stdout
              and done.stderr.count("\n") == 1)
    check(name, passed, done.returncode, done.stdout, done.stderr, "expected " + expected)


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def check_round_trip():
    done = profile("import", "hand.csv", "-o", "hand.db")
    check("import", done.returncode == 0, done.stderr)
    for text in ("3 samples of h100-sxm", "a stopwatch", "m 1–16", "Written by hand.",
                 "attention of decodes", "spillway calibrate"):
        check(f"import says '{text}'", text in done.stdout, done.stdout)
    check("import says nothing of what is there", "matrix products" not in done.stdout, done.stdout)
    done = profile("export", "hand.db", "-o", "a.csv")
    check("export", done.returncode == 0 and not done.stdout, done.stderr)
    profile("import", "a.csv", "-o", "b.db")
    profile("export", "b.db", "-o", "b.csv")
    check("import of an export gives the same bytes", read("a.csv") == read("b.csv"))
    done = profile("export", "b.db", "-o", "-")
    check("export to standard output", done.stdout.encode() == read("a.csv"), done.stderr)
    profile("export", "b.db", "-o", "c.csv.gz")
    done = profile("export", "c.csv.gz", "-o", "-")
    check("compressed", done.stdout.encode() == read("a.csv"), done.stderr)
    check("nothing temporary is left", all("csv." not in name.replace("csv.gz", "")
                                           for name in os.listdir()), os.listdir())


def check_show():
    done = profile("show", "hand.db")
    check("show", done.returncode == 0 and "by-hand" in done.stdout and
          "engine vLLM 0.19.0" in done.stdout, done.stdout, done.stderr)
    shown = [profile("show", path, "--format", "json").stdout for path in ("hand.db", "a.csv")]
    check("both forms show the same", shown[0] == shown[1], *shown)
    found = json.loads(shown[0])
    check("show --format json", found["samples"] == 3 and found["device"] == "h100-sxm" and
          found["operations"][0]["shape_max"] == {"m": 16, "n": 4096, "k": 4096} and
          any(need["what"] == "sampling" for need in found["missing"]), shown[0])
    check("the digest is of the values", len(found["digest"]) == 64)
    profile("import", "hand.csv", "-o", "named.db", "--name", "mine", "--device", "h200")
    found = json.loads(profile("show", "named.db", "--format", "json").stdout)
    check("--name and --device", (found["name"], found["device"]) == ("mine", "h200"), found)
    database = sqlite3.connect("hand.db")
    rows = database.execute("SELECT m, n, k, median_ns FROM gemm ORDER BY m").fetchall()
    database.close()
    check("a view an operation", rows[0] == (1, 4096, 4096, 12345.6), rows)


def check_shipped():
    os.makedirs("data/profiles")
    shutil.copytree(os.environ["SPILLWAY_SRCDIR"] + "/calib/devices", "data/devices")
    shutil.copy("c.csv.gz", "data/profiles/packed.csv.gz")
    shutil.copy("a.csv", "data/profiles/plain.csv")
    done = profile("list", SPILLWAY_DATADIR="data")
    check("list", all(text in done.stdout for text in ("packed", "plain", "Written by hand.",
                                                       "h100-sxm")), done.stdout, done.stderr)
    found = json.loads(profile("list", "--format", "json", SPILLWAY_DATADIR="data").stdout)
    check("list --format json", [entry["name"] for entry in found["profiles"]] ==
          ["packed", "plain"], found)
    for name in "packed", "plain":
        done = profile("show", name, SPILLWAY_DATADIR="data")
        check(f"{name} is found by name", "3 samples" in done.stdout, done.stderr)
    done = subprocess.run([SPILLWAY, "list", "profiles", "--names"], capture_output=True, text=True,
                          env={**os.environ, "SPILLWAY_DATADIR": "data"}, check=False)
    check("spillway list profiles", done.stdout == "packed\nplain\n", done.stdout, done.stderr)
    refuses("a name that is near", 2, "did you mean plain?", "show", "plane",
            SPILLWAY_DATADIR="data")


def check_refusals():
    refuses("no sub-verb", 2, "expected list, show, import", )
    refuses("a sub-verb that there is not", 2, "did you mean import?", "imprt")
    refuses("a device is no profile", 2, "'h100-sxm' is a device", "show", "h100-sxm")
    refuses("an unknown name", 2, "spillway list profiles", "show", "nothing-like-it")
    refuses("a file that is not there", 2, "nowhere.db", "show", "nowhere.db")
    refuses("a folder", 2, "folder", "show", ".")
    refuses("--format csv", 2, "expected table or json", "show", "hand.db", "--format", "csv")
    refuses("import without -o", 2, "-o FILE.db", "import", "hand.csv")
    refuses("import without a path", 2, "what to import", "import", "-o", "x.db")
    refuses("import into text", 2, "export", "import", "hand.csv", "-o", "x.csv")
    refuses("import in a form that there is not", 2, "did you mean csv?", "import", "hand.csv", "-o",
            "x.db", "--format", "cvs")
    refuses("import of a device that there is not", 2, "did you mean h100-sxm?", "import",
            "hand.csv", "-o", "x.db", "--device", "h100-smx")
    refuses("import of nothing that is there", 2, "nowhere", "import", "nowhere", "-o", "x.db")
    write("words.txt", "some words\n")
    refuses("import of words", 2, "words.txt", "import", "words.txt", "-o", "x.db")
    refuses("import over another file", 1, "left as it is", "import", "hand.csv", "-o", "words.txt")
    check("the other file is as it was", read("words.txt") == b"some words\n")
    refuses("export without -o", 2, "-o FILE.csv", "export", "hand.db")
    refuses("export to a database", 2, "FILE.csv", "export", "hand.db", "-o", "x.db")
    refuses("export to nowhere", 1, "/nowhere/x.csv", "export", "hand.db", "-o", "/nowhere/x.csv")
    refuses("export to a full device", 1, "/dev/full", "export",
            "hand.db", "-o", "/dev/full")
    write("typo.csv", HAND.replace("m=1;", "mm=1;"))
    refuses("a slip in a row", 2, "typo.csv:9:15: gemm has no shape field 'mm'", "import",
            "typo.csv", "-o", "x.db")
    write("head.csv", HAND.replace("# device: h100-sxm\n", ""))
    refuses("no device", 2, "--device", "import", "head.csv", "-o", "x.db")
    refuses("no device, shown", 2, "--device", "show", "head.csv")
    check("nothing was written", not os.path.exists("x.db"))
    with open("cut.db", "wb") as file:
        file.write(read("hand.db")[:9000])
    refuses("a database that was cut", 2, "damaged", "show", "cut.db")
    write("empty.db", "")
    refuses("an empty file", 2, "profile import", "show", "empty.db")
    database = sqlite3.connect("foreign.db")
    database.execute("CREATE TABLE t (x)")
    database.commit()
    database.close()
    refuses("a database of something else", 2, "not a profile", "show", "foreign.db")
    shutil.copy("hand.db", "newer.db")
    database = sqlite3.connect("newer.db")
    database.execute("UPDATE meta SET value = 9 WHERE key = 'format'")
    database.commit()
    database.close()
    refuses("a newer format", 2, "format 9", "show", "newer.db")
    refuses("--save into text", 2, "--save", "check", "a.csv", "--save")
    refuses("an operation that there is not", 2, "did you mean gemm?", "plot", "hand.db",
            "--operation", "gem")
    refuses("a plot of another kind", 2, ".svg", "plot", "hand.db", "-o", "x.gif")


def make_many():
    rows = [f"gemm,bfloat16,m={m};n={n};k=4096,{4000 + m * n / 1000}\n"
            for n in (1024, 4096, 8192) for m in range(1, 200)]
    write("many.csv", HAND.split("operation,")[0] + "operation,dtype,shape,median_ns\n" +
          "".join(rows))


def check_checks():
    make_many()
    profile("import", "many.csv", "-o", "many.db")
    done = profile("check", "many.db", "--format", "json")
    if done.returncode == 1 and "no fits" in done.stderr:
        check("check # SKIP this program has no fits", True)
        return
    result = json.loads(done.stdout)["operations"][0]
    check("check --format json", result["operation"] == "gemm" and result["n"] > 0 and
          0 <= result["median"] <= result["p95"] <= result["worst"], done.stdout, done.stderr)
    done = profile("check", "many.db", "--save")
    check("check", done.returncode == 0 and "held out" in done.stdout, done.stdout, done.stderr)
    database = sqlite3.connect("many.db")
    rows = database.execute("SELECT operation, n FROM fit").fetchall()
    database.close()
    check("check --save", rows == [("gemm", result["n"])], rows)
    check("a profile with saved checks is read", profile("show", "many.db").returncode == 0)
    refuses("plot without gnuplot", 1, "gnuplot", "plot", "many.db", PATH="/nowhere")
    if shutil.which("gnuplot") is None:
        check("plot # SKIP gnuplot was not found", True)
        return
    done = profile("plot", "many.db")
    check("plot in the terminal", done.returncode == 0 and "measured" in done.stdout, done.stdout,
          done.stderr)
    done = profile("plot", "many.db", "--operation", "gemm", "-o", "p.svg")
    check("plot to a file", done.returncode == 0 and b"<svg" in read("p.svg"), done.stderr)
    refuses("plot of an operation without samples", 1, "copy", "plot", "many.db", "--operation",
            "copy")


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    write("hand.csv", HAND)
    check_round_trip()
    check_show()
    check_shipped()
    check_refusals()
    check_checks()
    os.chdir("/")
print(f"1..{number}")
