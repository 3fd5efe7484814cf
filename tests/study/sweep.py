"""Sweeps as a user types them: a grid is run once, goes on after a kill, is shared out and joined."""
import os
import shutil
import signal
import sqlite3
import subprocess
import time

from spillway_test import *

STUDY = """[study]
name = small
seeds = 1,2
[run]
model = llama-2-7b
device = a100-40gb
trace = gen:--requests 60 --rate 3 --prompt fixed:800 --output uniform:64,512
swap-space = 16
[grid]
overflow = recompute,swap
num-gpu-blocks = 300,500,2000
"""
CELLS = 12
# What may differ between two runs of the same study: ids by the order of writing, and wall time.
FIGURES = ("SELECT s.cell, s.seed, s.finished, s.makespan_s, s.e2e_s_mean, s.preemptions, s.steps,"
           " s.slowdown, s.overflow, s.num_gpu_blocks FROM run_summary AS s ORDER BY s.cell, s.seed")


def write(text, name="small.ini"):
    with open(name, "w") as file:
        file.write(text)
    return name


def rows(path, query=FIGURES):
    with sqlite3.connect(path) as database:
        return database.execute(query).fetchall()


def test_runs_once():
    """A study is run, and what is there is not run again"""
    write(STUDY)
    listed = succeed("sweep", "small.ini", "--dry-run")
    check_equal(listed.text.count("to run  "), CELLS)
    check("%d cells: 0 done, %d to run" % (CELLS, CELLS) in listed.text + listed.err, str(listed))
    first = succeed("sweep", "small.ini", "-o", "a.db")
    check("%d cells run now, %d of %d done" % (CELLS, CELLS, CELLS) in first.err, first.err)
    check_equal(len(rows("a.db")), CELLS)
    second = succeed("sweep", "small.ini", "-o", "a.db")
    check("0 cells run now" in second.err, second.err)
    check_equal(first.text, second.text)
    check(any(row[5] > 0 for row in rows("a.db")), "a grid that overflows somewhere")
    grown = STUDY.replace("300,500,2000", "300,500,700,2000")
    third = succeed("sweep", write(grown), "-o", "a.db")
    check("4 cells run now, 16 of 16 done" in third.err, third.err)


def test_same_as_run():
    """A cell is the run that spillway run makes of its options"""
    write(STUDY)
    succeed("sweep", "small.ini", "-o", "a.db", "-j", "1")
    single = run_json(*HARDWARE, "--trace",
                      "gen:--requests 60 --rate 3 --prompt fixed:800 --output uniform:64,512",
                      "--swap-space", "16", "--overflow", "swap", "--num-gpu-blocks", "500",
                      "--seed", "2")
    found = rows("a.db", "SELECT makespan_s, e2e_s_mean, preemptions, steps FROM run_summary WHERE"
                 " overflow = 'swap' AND num_gpu_blocks = 500 AND seed = 2")
    check_equal(len(found), 1)
    check_close(found[0][0], single["makespan_s"], "makespan")
    check_close(found[0][1], single["e2e_s"]["mean"], "latency")
    check_equal(found[0][2:], (single["preemptions"], single["steps"]))


def test_intervals():
    """point_summary has the mean over the seeds and its confidence interval"""
    write(STUDY)
    succeed("sweep", "small.ini", "-o", "a.db")
    a, b = [row[0] for row in rows("a.db", "SELECT makespan_s FROM run_summary WHERE"
                                   " overflow = 'swap' AND num_gpu_blocks = 300")]
    mean, half = rows("a.db", "SELECT makespan_s, makespan_s_ci95 FROM point_summary WHERE"
                      " overflow = 'swap' AND num_gpu_blocks = 300")[0]
    check_close(mean, (a + b) / 2, "mean")
    check_close(half, 12.7062 * abs(a - b) / 2, "interval", 1e-5)  # t(0.975, 1) s / sqrt(2)


def test_nobody_served():
    """A pool that no request fits has no latencies, which are null and not 0, and is the best in no column"""
    write("[study]\nname = a\n[run]\nmodel = llama-2-7b\ndevice = a100-40gb\ntrace = study-burst\n[grid]\nnum-gpu-blocks = 10,700\n")
    words = ["sweep", "small.ini", "-o", "a.db"]
    lines = succeed(*words).text.splitlines()
    check_equal([line.count("*") > 0 for line in lines[1:3]], [False, False], lines)
    points = succeed(*words, "--format", "json").json["points"]
    for key in ("ttft_s", "tpot_s", "itl_s", "e2e_s", "queue_s"):
        check_equal(set(points[0]["mean"][key].values()), {None}, key)
        check(points[1]["mean"][key]["p99"] > 0, key)
    check_equal(rows("a.db", "SELECT ttft_s_p99, finished FROM run_summary WHERE num_gpu_blocks = 10"), [(None, 0)])


def test_lengths_of_a_file():
    """A generated trace's lengths are drawn from a file of the study's folder; its contents decide what is run again, its name does not"""
    study = "[study]\nname = a\n[run]\nmodel = llama-2-7b\ndevice = a100-40gb\ntrace = gen:--requests 5 --rate 2 --prompt %s --output fixed:8\n[grid]\nblock-size = 16,32\n"
    lengths = "arrival_s,prompt_tokens,output_tokens\n0,%d,5\n1,90,5\n"
    notes = []
    for folder, name, word, tokens in (("a b", "l.csv", "empirical:l.csv", 40), ("c", "an other.csv", "'empirical:an other.csv'", 40),
                                       ("c", "an other.csv", "'empirical:an other.csv'", 41)):
        os.makedirs(folder, exist_ok=True)
        write(study % word, os.path.join(folder, "s.ini"))
        write(lengths % tokens, os.path.join(folder, name))
        notes.append(succeed("sweep", os.path.join(folder, "s.ini"), "-o", "a.db").err)
    check_equal([re.search(r"(\d+) cells run now", note)[1] for note in notes], ["2", "0", "2"])


def test_killed():
    """Killed with kill -9 again and again, it ends with what an undisturbed sweep has"""
    write(STUDY.replace("seeds = 1,2", "seeds = 1,2,3,4,5,6").replace("--requests 60", "--requests 4000"))
    succeed("sweep", "small.ini", "-o", "whole.db")
    kills = 0
    for i in range(20):
        sweep = subprocess.Popen([SPILLWAY, "sweep", "small.ini", "-o", "killed.db"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.02 + 0.01 * i)
        kills += sweep.poll() is None
        sweep.send_signal(signal.SIGKILL)
        sweep.wait()
    check(kills > 3, "killed %d times" % kills)
    last = succeed("sweep", "small.ini", "-o", "killed.db")
    check_equal(rows("whole.db"), rows("killed.db"))
    check_equal(rows("killed.db", "SELECT count(*), count(DISTINCT run_id) FROM cell"),
                [(3 * CELLS, 3 * CELLS)])
    check_equal(rows("killed.db", "SELECT count(*) FROM run"), [(3 * CELLS,)])
    check_equal(rows("killed.db", "PRAGMA integrity_check"), [("ok",)])
    check_equal(last.text, succeed("sweep", "small.ini", "-o", "whole.db").text.replace("whole.db", "killed.db"))


def test_shards():
    """Shares of it, joined, are the whole"""
    write(STUDY)
    succeed("sweep", "small.ini", "-o", "whole.db")
    for i in (1, 2, 3):
        succeed("sweep", "small.ini", "-o", "part%d.db" % i, "--shard", "%d/3" % i)
    check_equal(sum(len(rows("part%d.db" % i)) for i in (1, 2, 3)), CELLS)
    before = read("part2.db")
    succeed("merge", "part1.db", "part2.db", "part3.db", "part1.db", "-o", "all.db")
    check(read("part2.db") == before, "a file that is merged into another stays as it is")
    check_equal(rows("all.db"), rows("whole.db"))
    check_equal(rows("all.db", "SELECT count(*) FROM run"), [(CELLS,)])
    check("0 cells run now" in succeed("sweep", "small.ini", "-o", "all.db").err)
    with sqlite3.connect("part3.db") as newer:
        newer.execute("UPDATE meta SET value = 9 WHERE key = 'study_format'")
    newer.close()
    refused = execute("merge", "part1.db", "part3.db", "-o", "none.db")
    check(refused.status == 2 and "part3.db has the study format 9" in refused.err, str(refused))


def test_merged_steps():
    """Recorded steps go along, and can be replayed from where they went"""
    scenario = [*HARDWARE, "--trace", "demo", "--limit", "20"]
    succeed("run", *scenario, "--record-steps", "-o", "a.db", "--decisions", "a.jsonl")
    succeed("run", *scenario, "--overflow", "swap", "-o", "b.db")
    succeed("merge", "b.db", "a.db", "-o", "all.db")
    check_equal(rows("all.db", "SELECT count(*) FROM step"), rows("a.db", "SELECT count(*) FROM step"))
    succeed("run", *scenario, "--executor", "replay", "--replay", "all.db", "--decisions", "b.jsonl")
    check_equal(read_json_lines("a.jsonl")[1:], read_json_lines("b.jsonl")[1:])


def test_temporary_folder():
    """Requests wait for their transaction in the folder that TMPDIR names, or it is said why not"""
    scenario = [*HARDWARE, "--trace", "demo", "--limit", "20"]
    before = os.environ.get("TMPDIR", "/tmp")
    os.environ["TMPDIR"] = "/nowhere"
    try:
        result = execute("run", *scenario, "-o", "a.db")
    finally:
        os.environ["TMPDIR"] = before
    check_equal(result.status, 2, str(result))
    check("temporary file" in result.err and "/nowhere" in result.err, result.err)
    check("All 20 requests finished" in result.text, result.text)
    check_equal(rows("a.db", "SELECT count(*) FROM run"), [(0,)])


def test_name_of_memory():
    """A file has the name that it was given, whatever SQLite takes it for"""
    succeed("run", *HARDWARE, "--trace", "demo", "--limit", "3", "-o", ":memory:")
    check_equal(rows("./:memory:", "SELECT count(*) FROM run"), [(1,)])


def test_failing_cell():
    """A cell that cannot be run, or ends badly, is recorded with its message, and the rest goes on"""
    write(STUDY.replace("model = llama-2-7b\n", "").replace(
        "overflow = recompute,swap", "model = llama-2-7b,qwen2.5-7b\ntensor-parallel-size = 1,8"))
    result = execute("sweep", "small.ini", "-o", "a.db")
    check_equal(result.status, 1, str(result))
    states = dict(rows("a.db", "SELECT state, count(*) FROM cell GROUP BY state"))
    check_equal(states, {"done": 18, "failed": 6})
    messages = rows("a.db", "SELECT DISTINCT message FROM cell WHERE state = 'failed'")
    check(all("heads" in message for message, in messages), messages)
    write(STUDY.replace("swap-space = 16", "swap-space = 0\nscheduler = vllm-0.6"))
    result = execute("sweep", "small.ini", "-o", "b.db")
    check_equal(result.status, 1, str(result))
    check("lack of CPU swap space" in result.err, result.err)
    check(("abort", "Aborted due to the lack of CPU swap space") in
          rows("b.db", "SELECT DISTINCT state, message FROM cell"))
    write(STUDY.replace("300,500,2000", "1,500"))
    check_equal(execute("sweep", "small.ini", "-o", "c.db").status, 2, "a value that never works")


BAD = (
    ("[study]\nname = x\n[run]\nmodle = llama-2-7b\n", ":4:", "model"),
    ("[study]\nseeds = 1,x\n[run]\nmodel = llama-2-7b\n", ":2:", "seed"),
    ("[study]\nname = x\n[rum]\nmodel = llama-2-7b\n", ":3:", "did you mean run"),
    ("[run]\nformat = json\n", ":2:", "format"),
    ("[run]\nmodel = a\nmodel = b\n", ":3:", "model"),
    ("[run]\nmodel llama\n", ":2:", "="),
    ("[run]\nmodel = llama-2-7b\n[grid]\nmodel = a,b\n", ":4:", "model"),
)


def test_bad_studies():
    """What is wrong in a study file is told with its line"""
    for text, place, word in BAD:
        result = execute("sweep", write(text), "-o", "a.db")
        check_equal(result.status, 2, "%s\n%s" % (text, result))
        check("small.ini" + place in result.err and word in result.err, "%s\n%s" % (text, result))
        check(not os.path.exists("a.db"), text)
    for words in (["--shard", "4/3"], ["--shard", "x"], ["-j", "0"], ["--detail", "much"]):
        check_equal(execute("sweep", write(STUDY), "-o", "a.db", *words).status, 2, words)
    for size, detail, instead in (("data", "all", "figures"), ("data", "series", "figures"), ("pipeline", "all", "series")):
        study = write(STUDY.replace("[grid]", "[grid]\n%s-parallel-size = 1,2" % size))
        result = execute("sweep", study, "-o", "a.db", "--detail", detail)
        check_equal(result.status, 2, result)
        check("%s-parallel-size = 2" % size in result.err and "--detail %s" % instead in result.err, result)
        check(not os.path.exists("a.db"), result)
        succeed("sweep", study, "-o", "b.db", "--detail", instead)
    check_equal(execute("sweep", write(STUDY)).status, 2, "no -o")
    check_equal(execute("merge", "small.ini", "-o", "all.db").status, 2)
    check(not os.path.exists("all.db"), "nothing was merged into it")


def test_escaped_comma():
    """A value of the grid may hold a comma"""
    write(STUDY.replace("num-gpu-blocks = 300,500,2000",
                        "num-gpu-blocks = 300\nwhat-if = h2d=2x\\,d2h=2x,h2d=1x"))
    succeed("sweep", "small.ini", "-o", "a.db")
    check_equal({row[0] for row in rows("a.db", "SELECT what_if FROM run_summary")},
                {"h2d=2x,d2h=2x", "h2d=1x"})


def test_lengths_of_a_file():
    """A file of lengths is found from the study's folder, whatever its name; a cell hangs on its content, not on its place"""
    study = STUDY.replace("--requests 60", "--requests 9").replace("uniform:64,512", "'empirical:a table.csv'").replace(
        "300,500,2000", "500")
    content = "arrival_s,prompt_tokens,output_tokens\n0,100,10\n1,200,20\n"
    for folder in ("here", "there"):
        os.mkdir(folder)
        write(study, folder + "/small.ini")
        write(content, folder + "/a table.csv")
    write(content.replace(",10", ",90"), "a")
    check("4 cells run now" in succeed("sweep", "here/small.ini", "-o", "a.db").err)
    check("0 cells run now" in succeed("sweep", "there/small.ini", "-o", "a.db").err)
    write(content.replace(",10", ",90"), "there/a table.csv")
    check("4 cells run now" in succeed("sweep", "there/small.ini", "-o", "a.db").err)
    write(study.replace("a table", "no table"), "here/small.ini")
    result = execute("sweep", "here/small.ini", "-o", "a.db")
    check(result.status == 2 and ": no table.csv: cannot be read" in result.err, str(result))


def test_example():
    """The example study of the documents runs"""
    study = os.path.join(SRCDIR, "doc", "examples", "memory.ini")
    succeed("sweep", study, "-o", "a.db")
    check_equal(len(rows("a.db")), 24)


def test_mpi():
    """mpirun: rank 0 writes what the others run"""
    with open(os.path.join(os.environ["SPILLWAY_BUILDDIR"], "config.status")) as file:
        built = re.search(r'HAVE_MPI_TRUE"\]=""', file.read())
    if not built:
        raise Skip("built without --with-mpi")
    if shutil.which("mpirun") is None:
        raise Skip("no mpirun")
    write(STUDY)
    succeed("sweep", "small.ini", "-o", "whole.db")
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    done = subprocess.run(["mpirun", "--oversubscribe", "-n", "4", SPILLWAY, "sweep", "small.ini",
                           "-o", "mpi.db"], capture_output=True, timeout=60, env=environment)
    check_equal(done.returncode, 0, done.stderr.decode())
    check_equal(rows("mpi.db"), rows("whole.db"))


main(all_tests(globals()))
