#!/usr/bin/env python3
"""spillway profile, as a user types it: import, export, show, check, plot, and what it refuses."""
import json
import os
import shutil
import sqlite3
from contextlib import contextmanager

from spillway_test import Skip, all_tests, check, check_equal, execute, main, read, source, succeed, write

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


def profile(*words):
    return succeed("profile", *words)


def show(name):
    return profile("show", name, "--format", "json").json


def refuse(status, expected, *words):
    """Nothing on standard output, one line that has `expected` on standard error."""
    result = execute("profile", *words)
    check(result.status == status and expected in result.err and not result.out
          and result.err.count("\n") == 1, "expected %s\n%s" % (expected, result))


def make(text=HAND):
    write("hand.csv", text)
    return profile("import", "hand.csv", "-o", "hand.db")


def run_sql(path, sql):
    database = sqlite3.connect(path)
    rows = database.execute(sql).fetchall()
    database.commit()
    database.close()
    return rows


@contextmanager
def environment(**variables):
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_import():
    """import says what was read and what is missing"""
    text = make().text
    for expected in ("3 samples of h100-sxm", "a stopwatch", "m 1–16", "Written by hand.",
                     "attention of decodes", "spillway calibrate"):
        check(expected in text, "expected %s in\n%s" % (expected, text))
    check("matrix products" not in text, text)
    check_equal(sorted(os.listdir()), ["hand.csv", "hand.db"], "files left behind")


def test_crossover():
    """crossover takes its costs from a profile"""
    make()
    words = ["crossover", "--model", "llama-3.1-8b", "--tokens", "128", "--block-size", "16", "--format", "json"]
    plain = succeed(*words, "--device", "h100-sxm").json
    measured = succeed(*words, "--device", "hand.db").json
    check_equal((plain["costs"], plain["profile"]), ("modelled", None))
    check_equal((measured["costs"], measured["profile"], measured["device"]), ("profile", "by-hand", "h100-sxm"))
    cost = [run["block_sizes"][0]["points"][0]["recompute_s"] for run in (plain, measured)]
    check(cost[0] != cost[1], cost)
    check("the profile by-hand" in succeed(*words[:-2], "--device", "hand.db").text)


def test_round_trip():
    """import of an export gives the same bytes"""
    make()
    profile("export", "hand.db", "-o", "a.csv")
    profile("import", "a.csv", "-o", "b.db")
    profile("export", "b.db", "-o", "b.csv.gz")
    for path in ("b.db", "b.csv.gz", "a.csv"):
        check_equal(profile("export", path, "-o", "-").out, read("a.csv"), path)
    check_equal(show("b.db"), show("a.csv"), "both forms")
    check_equal(show("b.db")["digest"], show("hand.csv")["digest"], "the digest is of the values")


def test_show():
    """show says what a profile holds"""
    make()
    text = profile("show", "hand.db").text
    check("by-hand" in text and "engine vLLM 0.19.0" in text, text)
    found = show("hand.db")
    check_equal((found["samples"], found["device"]), (3, "h100-sxm"))
    check_equal(found["operations"][0]["shape_max"], {"m": 16, "n": 4096, "k": 4096})
    check("sampling" in [need["what"] for need in found["missing"]], found)
    check_equal(run_sql("hand.db", "SELECT m, n, k, median_ns FROM gemm ORDER BY m")[0],
                (1, 4096, 4096, 12345.6), "a view an operation")


def test_older():
    """a database from before an operation came is read; what an old import of LLMServingSim's lacks is said"""
    make(HAND.replace("a stopwatch", "llmservingsim dense.csv"))
    run_sql("hand.db", "DROP VIEW launch")
    run = ["run", "--model", "llama-3.1-8b", "--trace", "demo", "--limit", "5", "--device", "./hand.db"]
    said = succeed(*run).text
    check("Imported by an older program: each kernel of these tables was launched by itself" in said, said)
    make(HAND.replace("a stopwatch", "llmservingsim dense.csv") + "launch,,kernels=1,1750,,\n")
    said = succeed(*run).text
    check("Imported by an older program" not in said and "each kernel of a layer takes 1.75 us less" in said, said)
    run_sql("hand.db", "DROP VIEW gemm")
    refuse(2, "it has no view gemm", "show", "./hand.db")


def test_names():
    """import --name and --device"""
    make()
    profile("import", "hand.csv", "-o", "named.db", "--name", "mine", "--device", "h200")
    found = show("named.db")
    check_equal((found["name"], found["device"]), ("mine", "h200"))


def test_shipped():
    """shipped profiles are found by name"""
    make()
    os.makedirs("data/profiles")
    shutil.copytree(source("calib", "devices"), "data/devices")
    profile("export", "hand.db", "-o", "data/profiles/packed.csv.gz")
    profile("export", "hand.db", "-o", "data/profiles/plain.csv")
    with environment(SPILLWAY_DATADIR="data"):
        text = profile("list").text
        for expected in ("packed", "plain", "Written by hand.", "h100-sxm"):
            check(expected in text, text)
        found = profile("list", "--format", "json").json
        check_equal([entry["name"] for entry in found["profiles"]], ["packed", "plain"])
        for name in "packed", "plain":
            check_equal(show(name)["samples"], 3, name)
        check_equal(succeed("list", "profiles", "--names").text, "packed\nplain\n")
        refuse(2, "did you mean plain?", "show", "plane")


KINDS = """# spillway-profile 1
# name: both
# device: h100-sxm
# note: Measured twice.
# origin 0 source: calibrate
# origin 0 measured_device: NVIDIA H100 80GB HBM3
operation,dtype,shape,median_ns,p10_ns,p90_ns,kernel
gemm,bfloat16,m=16;n=4096;k=4096,13345.6,,,cublas
"""
KIND = "attention,bfloat16,prefills=1;new_tokens=%d;cached_tokens=0;decodes=0;context=0;heads=32;kv_heads=8;head_dim=128,%d,,,%s\n"


def kinds(times):
    return KINDS + "".join(KIND % (tokens, 1000 * tokens * scale, kernels)
                           for tokens in (128, 4096) for kernels, scale in times)


def attention_of(device):
    run = succeed("run", "--model", "llama-3.1-8b", "--device", device, "--trace", "gen:--requests=1 --rate=1 --prompt=fixed:2000 --output=fixed:8",
                  "--num-gpu-blocks", "400", "--format", "json").json
    return run["time_s"]["attention"], run["config"]["profile"]


def test_kernels():
    """a profile of several kinds of kernels: one is used throughout, the newest and most complete by itself"""
    write("both.csv", kinds([("sm_80", 3), ("sm_90a without decode-lists", 2), ("sm_90a", 1)]))
    profile("import", "both.csv", "-o", "both.db")
    profile("export", "both.db", "-o", "again.csv")
    for name in ("both.csv", "both.db", "again.csv"):
        found = show(name)
        check_equal(found["kernels"], ["sm_90a", "sm_90a without decode-lists", "sm_80"], name)
        check_equal(found["samples"], 7)
    check("\nKernels: sm_90a, sm_90a without decode-lists, sm_80\n" in profile("show", "both.db").text)
    times, digests = [], set()
    for kernels in ("sm_90a", "sm_90a without decode-lists", "sm_80"):
        profile("export", "both.db", "--kernels", kernels, "-o", "one.csv")
        check_equal(show("one.csv")["kernels"], [kernels])
        check_equal(show("one.csv")["samples"], 3)
        time, config = attention_of("one.csv")
        check(not any("kernels" in remark for remark in config["remarks"]), str(config))
        times.append(time)
    check(times[0] < times[1] < times[2], str(times))
    for name in ("both.csv", "both.db"):
        time, config = attention_of(name)
        check_equal(time, times[0], name)
        digests.add(config["sha256"])
        check("Of the kernels sm_90a; the profile has measurements of sm_90a without decode-lists, sm_80, too "
              "('spillway profile export --kernels')." in config["remarks"], str(config["remarks"]))
    check_equal(digests, {show("both.db")["digest"]})
    refuse(1, "too few samples to hold any out", "check", "both.db", "--kernels", "sm_80")
    refuse(2, "both was measured with the kernels 'sm_90a, sm_90a without decode-lists, sm_80', and not with 'sm_100'",
           "export", "both.db", "--kernels", "sm_100", "-o", "none.csv")
    make()
    refuse(2, "--kernels: found 'sm_90a', and the measurements of by-hand are of no kernels of this program",
           "check", "hand.csv", "--kernels", "sm_90a")


def test_shipped_over_device():
    """a shipped profile called as a device takes its place, and the device is there by its file"""
    make()
    shutil.copytree(source("calib", "devices"), "data/devices")
    shutil.copytree(source("models"), "data/models")
    os.makedirs("data/profiles")
    words = ["crossover", "--model", "llama-3.1-8b", "--tokens", "128", "--block-size", "16", "--format", "json"]
    with environment(SPILLWAY_DATADIR="data"):
        check_equal(succeed(*words, "--device", "h100-sxm").json["costs"], "modelled")
        profile("export", "hand.db", "-o", "data/profiles/h100-sxm.csv.gz")
        measured = succeed(*words, "--device", "h100-sxm").json
        check_equal((measured["costs"], measured["profile"], measured["device"]), ("profile", "by-hand", "h100-sxm"))
        modelled = succeed(*words, "--device", "data/devices/h100-sxm.ini").json
        check_equal((modelled["costs"], modelled["profile"]), ("modelled", None))
        check_equal(show("h100-sxm")["samples"], 3)
        check_equal(succeed("list", "profiles", "--names").text, "h100-sxm\n")
        check("h100-sxm" in succeed("list", "devices", "--names").text.split())


def test_usage():
    """a wrong command line says what is expected"""
    make()
    refuse(2, "expected list, show, import")
    refuse(2, "did you mean import?", "imprt")
    refuse(2, "'h100-sxm' is a device", "check", "h100-sxm")
    text = profile("show", "h100-sxm").text
    for expected in ("hbm_bytes_per_s", "NVIDIA data sheet", "without measurements"):
        check(expected in text, text)
    check(profile("show", "h100-sxm", "--format", "json").json["figures"][0]["key"] == "nominal_memory_bytes")
    refuse(2, "spillway list profiles", "show", "nothing-like-it")
    refuse(2, "expected table or json", "show", "hand.db", "--format", "csv")
    refuse(2, "-o FILE.db", "import", "hand.csv")
    refuse(2, "a table is missing", "import", "-o", "x.db")
    refuse(2, "export", "import", "hand.csv", "-o", "x.csv")
    refuse(2, "did you mean csv?", "import", "hand.csv", "-o", "x.db", "--format", "cvs")
    refuse(2, "did you mean h100-sxm?", "import", "hand.csv", "-o", "x.db", "--device", "h100-smx")
    refuse(2, "-o FILE.csv", "export", "hand.db")
    refuse(2, "FILE.csv", "export", "hand.db", "-o", "x.db")
    refuse(2, "--save", "check", "hand.csv", "--save")
    refuse(2, "did you mean gemm?", "plot", "hand.db", "--operation", "gem")
    refuse(2, ".svg", "plot", "hand.db", "-o", "x.gif")
    check(not os.path.exists("x.db"), "a database was written")


def test_inputs():
    """tables and texts that are wrong are named by file, line and column"""
    refuse(2, "nowhere", "import", "nowhere", "-o", "x.db")
    write("words.txt", "some words\n")
    refuse(2, "words.txt", "import", "words.txt", "-o", "x.db")
    write("typo.csv", HAND.replace("m=1;", "mm=1;"))
    refuse(2, "typo.csv:9:15: gemm has no shape field 'mm'", "import", "typo.csv", "-o", "x.db")
    write("head.csv", HAND.replace("# device: h100-sxm\n", ""))
    refuse(2, "--device", "import", "head.csv", "-o", "x.db")
    refuse(2, "--device", "show", "head.csv")
    check(not os.path.exists("x.db"), "a database was written")


def test_outputs():
    """what cannot be written is said, other files are left alone"""
    make()
    write("words.txt", "some words\n")
    refuse(1, "left as it is", "import", "hand.csv", "-o", "words.txt")
    refuse(1, "left as it is", "export", "hand.db", "-o", "words.txt")
    check_equal(read("words.txt"), b"some words\n")
    refuse(1, "/nowhere/x.csv", "export", "hand.db", "-o", "/nowhere/x.csv")
    refuse(1, "/dev/full", "export", "hand.db", "-o", "/dev/full")


def test_databases():
    """a database that is damaged, foreign, newer or empty is refused"""
    make()
    refuse(2, "nowhere.db", "show", "nowhere.db")
    refuse(2, "folder", "show", ".")
    write("cut.db", read("hand.db")[:9000])
    refuse(2, "damaged", "show", "cut.db")
    write("empty.db", "")
    refuse(2, "profile import", "show", "empty.db")
    run_sql("foreign.db", "CREATE TABLE t (x)")
    refuse(2, "not a profile", "show", "foreign.db")
    run_sql("hand.db", "UPDATE meta SET value = 9 WHERE key = 'format'")
    refuse(2, "format 9", "show", "hand.db")


def make_many():
    rows = ["gemm,bfloat16,m=%d;n=%d;k=4096,%r\n" % (m, n, 4000 + m * n / 1000)
            for n in (1024, 4096, 8192) for m in range(1, 200)]
    make(HAND.split("operation,")[0] + "operation,dtype,shape,median_ns\n" + "".join(rows))


def test_check():
    """check prints the error on samples held out, and keeps it"""
    make_many()
    result = profile("check", "hand.db", "--format", "json").json["operations"][0]
    check(result["operation"] == "gemm" and result["n"] > 0 and
          0 <= result["median"] <= result["p95"] <= result["worst"], json.dumps(result))
    check("held out" in profile("check", "hand.db", "--save").text)
    check_equal(run_sql("hand.db", "SELECT operation, n FROM fit"), [("gemm", result["n"])])
    profile("show", "hand.db")


def test_without_gnuplot():
    """plot without gnuplot says so"""
    make_many()
    with environment(PATH="/nowhere"):
        refuse(1, "gnuplot", "plot", "hand.db")


def test_plot():
    """plot draws in the terminal and to a file"""
    if shutil.which("gnuplot") is None:
        raise Skip("gnuplot was not found")
    make_many()
    check("measured" in profile("plot", "hand.db").text)
    profile("plot", "hand.db", "--operation", "gemm", "-o", "p.svg")
    check(b"<svg" in read("p.svg"))
    refuse(1, "copy", "plot", "hand.db", "--operation", "copy")


if __name__ == "__main__":
    main(all_tests(globals()))
