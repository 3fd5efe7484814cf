#!/usr/bin/env python3
"""Databases of strangers, and those that others hold: doc/reliability.md has the table."""
import os
import sqlite3
import subprocess
import threading

from common import (PROFILE, RUN, damaged, make_run, make_study, readers, refused, rows)
from spillway_test import (SPILLWAY, all_tests, check, check_equal, execute, main, read, succeed, write)

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"


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
          ("run", "peak_gpu_blocks = num_gpu_blocks + 1"), ("run", "num_disk_blocks = 4294967303"), ("run", "name = x'00'"), ("run", "busy_s = 1e300"),
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


# Of what studies and searches keep beside runs: the table, a change, the verbs that would go on from it.
STUDY_VALUES = [("study", "points = -5"), ("study", "seeds = 'many'"), ("cell", "state = 'well'"), ("cell", "point = -1"),
                ("cell", "run_id = -5"), ("cell", "seed = 'one' WHERE id = 1"), ("cell", "state = 'failed' WHERE id = 1"),
                ("cell", "message = x'ff00'"), ("cell_setting", "value = 9e999"), ("cell_setting", "position = -1"),
                ("run_identity", "identity = x'00' WHERE run_id = 1"), ("student_t", "t95 = 'wide'"), ("student_t", "t95 = 1 WHERE df = 2"),
                ("student_t", "df = 0 WHERE df = 9")]
SEARCH = ["--model", "llama-2-7b", "--device", "a100-40gb", "--trace", "t.csv"]
KEPT_VALUES = {
    "capacity": (["capacity", *SEARCH, "--slo", "ttft:p99<2s", "--seeds", "2"],
                 [("capacity", "search = '%s'" % text) for text in (
                     "swap", "{}", "[]", '{"low": -5}', '{"low": 1, "high": null, "unlimited": false, "limited_by": 3, "figures": {}, "trials": []}',
                     '{"low": 9, "high": 1, "unlimited": false, "limited_by": null, "figures": {}, "trials": []}',
                     '{"low": 1, "high": 9, "unlimited": false, "limited_by": null, "figures": {"ttft_s.mean": "soon"}, "trials": []}')]),
    "regret": (["regret", *SEARCH, "--num-gpu-blocks", "60", "--budget", "40"],
               [("regret_play", change) for change in ("mean_latency_s = -5", "mean_latency_s = 'swap'", "finished = -1", "\"end\" = 'well'",
                                                       "preemptions = 1.5", "ttft_p99_s = 9e999", "key = x'00'")]),
    "study policies": (["study", "policies", "--requests", "8", "--seeds", "1", "--models", "llama-2-7b", "--pressures", "1.5",
                        "--prompts", "256", "--outputs", "64", "--links", "1"],
                       [("policy_run", change) for change in ("e2e_s_mean = 9e999", "e2e_s_mean = 'swap'", "ttft_s_p99 = -1", "state = 'well'",
                                                              "num_gpu_blocks = -1", "preemptions = x'00'", "link = 'fast'")]),
}


def test_kept_values_are_checked():
    """what studies and searches keep is checked before anybody goes on from it: sweeps, loads, plays, maps"""
    make_study()
    for table, change in STUDY_VALUES:
        damaged("PRAGMA foreign_keys = OFF; UPDATE %s SET %s" % (table, change), original="s.db")
        for words in (["merge", "bad.db", "-o", "merged.db"], ["report", "bad.db", "-o", "page.html"], ["sweep", "study.ini", "-o", "bad.db"]):
            refused(*words, expected=["bad.db", "in its table " + table, "expected that"])
    damaged("DELETE FROM run WHERE id = 1", original="s.db")  # by hand, without SQLite's cascade: it is run again
    succeed("sweep", "study.ini", "-o", "bad.db")
    write("t.csv", "arrival_s,prompt_tokens,output_tokens\n" + "".join("%d,300,60\n" % (i // 4) for i in range(20)))
    for verb, (words, changes) in KEPT_VALUES.items():
        name = verb.split()[-1] + ".db"
        succeed(*words, "-o", name)
        again = succeed(*words, "-o", name)
        check_equal(again.text, succeed(*words, "-o", name).text)
        for table, change in changes:
            damaged("UPDATE OR IGNORE %s SET %s" % (table, change), original=name)
            refused(*words, "-o", "bad.db", expected=["bad.db", "in its table " + table, "expected"])


def test_numbers_of_runs():
    """runs are numbered from 1, and what is kept of a run that is not there is nobody's"""
    make_run()
    for number in ("0", "-3"):
        damaged("UPDATE run SET id = %s" % number)
        for words in readers("bad.db"):
            refused(*words, expected=["bad.db"])


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


if __name__ == "__main__":
    main(all_tests(globals()))
