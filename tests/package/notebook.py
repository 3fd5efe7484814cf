"""doc/examples/notebook.py: Python with its standard library alone, from a folder of its own, to a table, a database and pictures."""
import os
import sqlite3
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

from spillway_test import HARDWARE, all_tests, check, check_equal, main, read, run_json, source

OUTPUTS = ["over-time.svg", "results.db", "ttft.svg"]
SVG = "{http://www.w3.org/2000/svg}"


def notebook():
    """What it prints, by lines of cells."""
    done = subprocess.run([sys.executable, "-I", source("doc", "examples", "notebook.py"), "out"], capture_output=True, text=True)
    check_equal(done.returncode, 0, done.stderr)
    return [line.split() for line in done.stdout.splitlines()]


def lines_of(path):
    """Each line of a chart: its points on the picture."""
    picture = ElementTree.parse(path).getroot()
    check_equal(picture.tag, SVG + "svg")
    return [[tuple(map(float, point.split(","))) for point in line.get("points").split()] for line in picture.iter(SVG + "polyline")]


def test_notebook():
    """Its figures are those of the runs, its pictures have a point each, and once more it makes the same"""
    os.mkdir("out")
    rows = notebook()
    check_equal(sorted(os.listdir("out")), OUTPUTS)
    run = run_json(*HARDWARE, "--trace", "demo", "--kv-memory", "12%", "--overflow", "swap")
    check(["swap", "12%", str(run["num_gpu_blocks"]), str(run["preemptions"]), "%.2f" % run["ttft_s"]["p99"],
           "%.1f" % run["output_tokens_per_s"]] in rows, rows)
    database = sqlite3.connect("out/results.db")
    check_equal(database.execute("SELECT overflow, count(*) FROM run_summary GROUP BY overflow ORDER BY overflow").fetchall(),
                [("recompute", 6), ("swap", 6)])
    most = database.execute("SELECT max(preempted_s) FROM request").fetchone()[0]
    after = rows[rows.index(["run", "policy", "request", "evictions", "away", "s"]) + 1:]
    check_equal(float(after[0][4]), round(most, 3))

    recompute, swap = lines_of("out/ttft.svg")
    check_equal((len(recompute), len(swap)), (6, 6))
    check([x for x, _ in recompute] == sorted(x for x, _ in recompute), recompute)
    check([y for _, y in recompute] == sorted(y for _, y in recompute), "more memory, less waiting: %s" % recompute)
    least, greatest = lines_of("out/over-time.svg")
    check(min(y for _, y in least) > min(y for _, y in greatest), "the larger pool holds more")
    for name in ("ttft.svg", "over-time.svg"):
        for line in lines_of(os.path.join("out", name)):
            check(all(0 <= x <= 640 and 0 <= y <= 360 for x, y in line), name)

    before = read("out/ttft.svg")
    check_equal(notebook(), rows)
    check_equal(read("out/ttft.svg"), before)


main(all_tests(globals()))
