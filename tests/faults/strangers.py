#!/usr/bin/env python3
"""Names of strangers, in traces, models, devices, files and databases: never markup or script in a page, a command of a shell or of
gnuplot, a path, or a formula in a spreadsheet. Pages are opened in a real browser; what they contain may run, and nothing else."""
import csv
import os
import re
import shlex
import shutil
import sqlite3
import subprocess

import browser
from common import CAPACITY, LIBRARY, RUN, STUDY, rows, sql
from spillway_test import HARDWARE, Skip, all_tests, check, check_equal, execute, main, read, source, succeed, write

MARKUP = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\"><b>&'"
AS_FILE = MARKUP.replace("/", "|")  # a file's name has no slash
SHELL = "$(touch taken)`touch taken`';touch taken;'\"; system \"touch taken\"; \"\n|touch taken"
POINTS = ("id,model_path,system,backend,backend_version,precision,mode,isl,osl,gemm_quant_mode,batch_size,tp_size,pp_size,"
          "attention_dp_size,silicon_ttft_ms,silicon_tpot_ms\n")


def need_pages():
    if not LIBRARY:
        raise Skip("Chart.js was not found")


def need_browser():
    need_pages()
    if browser.find() is None:
        raise Skip("chromium was not found")


def texts_of(path):
    """Every column of text that a database of ours has."""
    for (table,) in rows(path, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"):
        for _, column, kind, *_ in rows(path, "PRAGMA table_info(\"%s\")" % table):
            if kind in ("TEXT", ""):
                yield table, column


def hostile(original, text, path="bad.db"):
    """A copy whose texts are that one, as far as readers take it."""
    shutil.copy(original, path)
    changed = 0
    for table, column in texts_of(original):
        before = read(path)
        try:
            with sqlite3.connect(path) as database:
                database.execute("UPDATE \"%s\" SET \"%s\" = ? || rowid WHERE \"%s\" IS NOT NULL AND typeof(\"%s\") = 'text'"
                                 % (table, column, column, column) if table != "request" else
                                 "UPDATE request SET \"%s\" = ? || request" % column, (text,))
            database.close()
        except sqlite3.Error:
            database.close()
            write(path, before)
            continue
        result = execute("report", path, "-o", "page.html")
        check(result.status in (0, 2), str(result))
        if result.status == 2:
            write(path, before)
        else:
            changed += 1
    check(changed > 2, "readers take hardly any of the texts")
    return path


def pages():
    """A page of each kind, with hostile names in all that it is of."""
    folder = MARKUP.rpartition("/")[0]
    os.makedirs(folder)
    write(MARKUP, "id,arrival_s,prompt_tokens,output_tokens\n" + "".join(
        '"%s%d",%d,600,200\n' % (MARKUP.replace('"', '""'), i, i // 20) for i in range(60)))
    shutil.copy(source("models", "llama-2-7b.json"), AS_FILE + ".json")
    device = read(source("calib", "devices", "a100-40gb.ini")).decode()
    write(AS_FILE + ".ini", re.sub(r"(?m)^name=.*$", "name=" + MARKUP.replace("\\", "\\\\"), device))
    machine = ["--model", "./" + AS_FILE + ".json", "--device", "./" + AS_FILE + ".ini"]
    succeed("compare", *machine, "--trace", "./" + MARKUP, "--num-gpu-blocks", "300", "-o", "names.db")
    succeed("report", "names.db", "-o", "names.html")
    write("study.ini", STUDY.replace("name = memory", "name = " + MARKUP).replace("model = llama-2-7b", "model = ./%s.json" % AS_FILE)
          .replace("overflow = recompute,swap", "device = a100-40gb,./%s.ini" % AS_FILE).replace("device = a100-40gb\n", "", 1))
    succeed("sweep", "study.ini", "-o", "study.db")
    succeed("report", "study.db", "-o", "study.html")
    write("c.ini", CAPACITY.replace("l40s,h100-sxm", "l40s,./%s.ini" % AS_FILE))
    succeed("capacity", "c.ini", "--page", "capacity.html")
    write("points.csv", POINTS + '"%s",Qwen/Qwen3-32B,h100_sxm,vllm,0.12.0,,agg,1024,128,,8,2,1,,200,15\n' % MARKUP.replace('"', '""') +
          '"%s",Qwen/Qwen3-32B,"%s",vllm,0.12.0,,agg,1024,128,,8,2,1,,200,15\n' % (("x" + MARKUP.replace('"', '""')), MARKUP.replace('"', '""')))
    succeed("servers", "points.csv", "-o", "servers.html")
    succeed("report", hostile("names.db", MARKUP), "-o", "values.html")
    yield from ("names.html", "study.html", "capacity.html", "servers.html", "values.html")


def check_untaken(page, name):
    check(page.evaluate("document.title") != "taken", "%s: the title was taken" % name)
    check_equal(page.evaluate("document.querySelectorAll('img, b, main script').length"), 0, name)


def test_markup():
    """Names that are markup stay text on every page, and no browser complains"""
    need_browser()
    with browser.Page() as page:
        for name in pages():
            page.open(name)
            check_untaken(page, name)
            check("onerror" in page.evaluate("document.body.innerText + document.title + document.getElementById('data').textContent"),
                  "%s does not have the name at all" % name)
            check_equal(page.complaints, [], name)


def test_policy_of_pages():
    """A page runs what it was made with and nothing else: script that somebody puts into it does nothing"""
    need_browser()
    write("c.ini", CAPACITY)
    succeed(*RUN, "-o", "r.db")
    succeed("report", "r.db", "-o", "report.html")
    succeed("capacity", "c.ini", "--page", "plain.html")
    with browser.Page() as page:
        for name in ("report.html", "plain.html"):
            text = read(name).decode()
            policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1)
            check("unsafe" not in policy and "default-src 'none'" in policy and policy.count("'sha256-") == 3, policy)
            more = text.replace("<main", "<script>document.title = 'taken'</script><img src='x' onerror=\"document.title = 'taken'\">"
                                "<script src='https://example.org/x.js'></script><main", 1)
            check(more != text)
            write("more.html", more)
            page.complaints.clear()
            page.open("more.html")
            check(page.evaluate("document.title") != "taken", name)
            check(sum("Content Security Policy" in text for text in page.complaints) >= 3, page.complaints)


def test_shell():
    """Names that are commands, of a shell or of gnuplot, are drawn and not done"""
    succeed("compare", *RUN[1:], "--overflow", "recompute,swap", "-o", "r.db")
    path = hostile("r.db", SHELL) if LIBRARY else "r.db"
    for words in (["plot", path], ["plot", path, "--chart", "kv", "-o", "kv.svg"], ["report", path, "--format", "svg", "-o", "figures"],
                  ["explain", path], ["merge", path, "-o", "merged.db"]):
        result = execute(*words)
        check(result.status in (0, 1, 2), str(result))  # 1: there is no gnuplot
        check(not os.path.exists("taken") and not os.path.exists("figures/taken"), words)


def test_next_commands():
    """What sweep says to type next is text to a shell, whatever the study and its database are called"""
    write("study.ini", STUDY.replace("name = memory", "name = it's $(touch taken) `touch taken` \\\\"))
    for name in ("plain.db", "a b;touch taken.db", "$(touch taken).db"):
        said = succeed("sweep", "study.ini", "-o", name).text
        for line in said[said.index("Next: ") + len("Next: "):].splitlines():
            words = shlex.split(line)
            check(name in words, words)
            done = subprocess.run(["sh", "-c", "printf '%s\\0' " + line.strip()], capture_output=True, timeout=20)
            check_equal(done.stdout.decode().split("\0")[:-1], words, line)
        check("study = 'it''s $(touch taken) `touch taken` \\'" in words[-1], words)
    check(not os.path.exists("taken"))


def test_paths():
    """Names that are paths lead nowhere: every file is written where it was asked for"""
    os.mkdir("inside")
    os.chdir("inside")
    succeed("compare", *RUN[1:], "--overflow", "recompute,swap", "-o", "r.db")
    path = hostile("r.db", "../../outside") if LIBRARY else "r.db"
    for words in (["report", path, "--format", "svg", "-o", "figures"], ["plot", path, "-o", "kv.svg"], ["explain", path],
                  ["merge", path, "-o", "merged.db"]):
        execute(*words)
    os.chdir("..")
    check_equal(os.listdir("."), ["inside"])


def test_formulas():
    """Names that are formulas are text in every CSV, and are read back as they were"""
    names = ["=1+1", "@SUM(A1)", "+cmd|'/C calc'!A0", "-2+3", "'=1", "-5", "+7.5", "plain", "'plain", "-"]
    with open("t.csv", "w", newline="") as file:
        csv.writer(file).writerows([["id", "arrival_s", "prompt_tokens", "output_tokens"], *([name, i, 100, 10]
                                                                                             for i, name in enumerate(names))])
    succeed("run", *HARDWARE, "--trace", "t.csv", "--requests", "requests.csv")
    with open("requests.csv", newline="") as file:
        found = [row["id"] for row in csv.DictReader(file)]
    check_equal(found, ["'" + name if name.lstrip("'")[0] in "=+-@" and name not in ("-5", "+7.5") else name for name in names])
    against = succeed("run", *HARDWARE, "--trace", "t.csv", "--against", "requests.csv", "--format", "json").json["against"]
    check_equal((against["requests"], against["left_out"]), (len(names), 0))
    shutil.copy("t.csv", "=1+1.csv")
    table = succeed("run", *HARDWARE, "--trace", "=1+1.csv", "--format", "csv").text
    check("'=1+1.csv" in table and ",=1" not in table, table)


def test_a_database_is_asked_only():
    """A reader changes no byte of a database, whatever it holds, and makes no file beside it"""
    succeed(*RUN, "--record-steps", "-o", "r.db")
    sql("r.db", "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (zeroblob(1000000));"
        "CREATE VIEW theirs_view AS SELECT load_extension('x'), writefile('taken', 'x') FROM theirs;"
        "CREATE INDEX theirs_index ON theirs (x)")
    before = read("r.db")
    os.chmod("r.db", 0o444)
    for words in (["explain", "r.db"], ["plot", "r.db"], ["report", "r.db", "-o", "page.html"],
                  [*RUN, "--executor", "replay", "--replay", "r.db"], ["merge", "r.db", "-o", "merged.db"]):
        result = execute(*words)
        check(result.status in (0, 1), str(result))
        check_equal((read("r.db"), [name for name in os.listdir(".") if name.startswith("r.db-") or name == "taken"]), (before, []))


if __name__ == "__main__":
    main(all_tests(globals()))
