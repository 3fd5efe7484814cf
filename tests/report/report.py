#!/usr/bin/env python3
"""spillway report and plot: the page in a real browser, its data against the database, pictures, bad input."""
import json
import math
import os
import re
import shutil
import sqlite3
import statistics

import browser
from spillway_test import (HARDWARE, Skip, all_tests, check, check_close, check_equal, execute, main, read, succeed,
                           write)

DEMO = [*HARDWARE, "--trace", "demo", "--limit", "150", "--kv-memory", "12%"]
HOSTILE = '</script><script>document.title="taken"</script><img src=x onerror=alert(1)>&"\'`.csv'
CHARTS = ["throughput", "kv", "queue", "ttft", "tpot", "e2e", "overhead", "components", "victims"]
LIBRARIES = ["/usr/share/javascript/chart.js/chart.min.js", "/usr/share/javascript/chart.js/Chart.min.js",
             "/usr/share/javascript/chart.js/chart.umd.js", "/usr/share/nodejs/chart.js/dist/chart.min.js"]
STUDENT_T = 4.3027  # 97.5 %, two degrees of freedom


def make_page(*words):
    """Writes page.html; the test is skipped where there is no chart library."""
    if not any(map(os.path.exists, LIBRARIES)):
        raise Skip("Chart.js was not found")
    succeed("report", *words, "-o", "page.html")
    return read("page.html").decode()


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1))


def make_study(path="study.db"):
    for memory in ("12%", "20%", "40%"):
        for overflow in ("recompute", "swap"):
            for seed in (1, 2, 3):
                succeed("run", *HARDWARE, "--trace", "gen:--requests 60 --rate 2 --prompt uniform:200,1800 --output uniform:50,400", "--kv-memory", memory,
                        "--overflow", overflow, "--seed", seed, "-o", path)


def open_page(width=1200, **options):
    if browser.find() is None:
        raise Skip("chromium was not found")
    page = browser.Page(width, **options)
    page.open("page.html")
    return page


def chart(name, expression):
    """A JavaScript expression about the chart c."""
    return "(c => %s)(Chart.getChart('chart-%s'))" % (expression, name)


def place(page, name, x=0.5, y=0.5):
    """Scrolls there; a point of the chart's area, in the window's coordinates."""
    return page.evaluate(
        "(c => { c.canvas.scrollIntoView({block: 'center'}); const box = c.canvas.getBoundingClientRect(),"
        " area = c.chartArea; return [box.left + area.left + %g * area.width, box.top + area.top + %g * area.height];"
        " })(Chart.getChart('chart-%s'))" % (x, y, name))


def tooltip(page, name):
    return page.evaluate(chart(name, "[c.tooltip.opacity, ...c.tooltip.title, ...c.tooltip.body.flatMap(b => b.lines)]"))


def check_sound(page):
    check_equal(page.complaints, [], "the browser's console")


def has_ink(page, name):
    """TRUE where the chart's pixels are not all alike."""
    return page.evaluate(chart(name, "new Set(new Uint32Array(c.canvas.getContext('2d').getImageData("
                                     "0, 0, c.canvas.width, c.canvas.height).data.buffer)).size > 3"))


def test_loads():
    """the page opens without a complaint, every chart is drawn, nothing is fetched"""
    succeed("compare", *DEMO, "-o", "r.db")
    text = make_page("r.db")
    check(not re.search(r'<(script|link|img)[^>]*\b(src|href)=', text), "something is fetched")
    for width, dark in ((1200, False), (1200, True), (390, False)):
        with open_page(width, dark=dark) as page:
            for name in CHARTS:
                check(has_ink(page, name), "%s is empty at %d" % (name, width))
                check(page.evaluate(chart(name, "c.canvas.getAttribute('aria-label')")), name)
            check(page.evaluate("document.documentElement.scrollWidth") <= width, "wider than %d" % width)
            check_equal(page.evaluate("getComputedStyle(document.body).backgroundColor"),
                        "rgb(20, 24, 28)" if dark else "rgb(255, 255, 255)")
            check_sound(page)


def test_colours_of_parts():
    """what the device's time goes to has colours of the theme, no two alike"""
    succeed("compare", *DEMO, "--overflow", "recompute,swap", "--tensor-parallel-size", "2", "-o", "r.db")
    make_page("r.db")
    for dark in (False, True):
        with open_page(dark=dark) as page:
            for name, parts in (("components", 8), ("overhead", 3)):
                found = page.evaluate(chart(name, "c.data.datasets.map(set => [set.label, set.backgroundColor])"))
                check(all(re.fullmatch("#[0-9a-f]{6}", colour or "") for _, colour in found), found)
                check(len({colour for _, colour in found}) == len(found) >= parts, found)
            check_sound(page)


def test_one_request():
    """one request: each of its latencies is a line at its time; costs that there are not have no chart"""
    succeed("run", *HARDWARE, "--trace", "demo", "--limit", "1", "-o", "r.db")
    took = sqlite3.connect("r.db").execute("SELECT first_token_s - arrival_s FROM request").fetchone()[0]
    make_page("r.db")
    with open_page() as page:
        for name in ("ttft", "tpot", "e2e"):
            check(page.evaluate(chart(name, "c.scales.x.min")) == 0, name)
            check_equal(page.evaluate(chart(name, "c.data.datasets[0].data.map(point => point.y)")), [0, 1])
        check_close(page.evaluate(chart("ttft", "c.data.datasets[0].data[0].x")), took, "ttft", 1e-9)
        check_equal(page.evaluate("Chart.getChart('chart-overhead') === undefined"), True)
        check("None." in page.evaluate("document.getElementById('costs').textContent"))
        check_sound(page)
    if shutil.which("gnuplot"):
        succeed("report", "r.db", "--format", "svg", "-o", "figures")
        check("<path" in read("figures/ttft.svg").decode())


def test_order_of_study():
    """a study's runs are in the order of its grid, whichever was done first"""
    text = "[study]\nname = s\nseeds = 2,1\n[run]\nmodel = llama-2-7b\ndevice = a100-40gb\ntrace = demo\nlimit = 20\n[grid]\nkv-memory = "
    for values in ("20%", "12%,20%,16%"):
        write("s.ini", text + values + "\n")
        succeed("sweep", "s.ini", "-o", "s.db", "--detail", "all")
    runs = data_of(make_page("s.db"))["runs"]
    check_equal([run["label"] for run in runs],
                ["kv-memory %s, seed %d" % (memory, seed) for memory in ("12%", "20%", "16%") for seed in (1, 2)])


def test_replicas():
    """replicas are told by their seed, whatever each has said of the outputs that a limit cut"""
    write("s.ini", "[study]\nname = s\nseeds = 1,2\n[run]\nmodel = llama-2-7b\ndevice = a100-40gb\nmax-model-len = 400\n"
                   "trace = gen:--requests 30 --arrivals poisson --rate 5 --prompt uniform:100,300 --output uniform:50,400\n"
                   "[grid]\nkv-memory = 12%,20%\n")
    for cells in (4, 0):
        check("%d cells run now" % cells in succeed("sweep", "s.ini", "-o", "s.db").err, cells)
    page = data_of(make_page("s.db"))
    check_equal([run["label"] for run in page["runs"]], ["kv-memory %s, seed %d" % (memory, seed) for memory in ("12%", "20%") for seed in (1, 2)])
    said = sqlite3.connect("s.db").execute("SELECT DISTINCT value FROM config WHERE key = 'assumed'").fetchall()
    check(len(said) > 1 and "at a limit" in said[0][0], said)


def test_hover():
    """hovering shows the values of every run there"""
    succeed("compare", *DEMO, "-o", "r.db")
    data = data_of(make_page("r.db"))
    with open_page() as page:
        for name in ("throughput", "kv", "queue", "ttft", "e2e"):
            page.hover(*place(page, name, 0.6))
            shown = tooltip(page, name)
            check(shown[0] == 1, "%s shows nothing" % name)
            for run in ("recompute", "swap"):
                check(any(line.startswith(run) and re.search(r"\d", line) for line in shown[1:]), shown)
        page.hover(*place(page, "overhead", 0.02, 0.25))
        shown = tooltip(page, "overhead")
        check(shown[0] == 1 and shown[1] == "recompute" and shown[2].startswith("recompute: "), shown)
        value = data["runs"][0]["overhead"][0]
        number, unit = shown[2].split()[1:]
        check_close(float(number) * {"s": 1, "ms": 1e-3}[unit], value, str(shown), relative=1e-3)
        page.mouse("mouseMoved", 1, 1)
        page.settle()
        check_equal(tooltip(page, "overhead")[0], 0)
        check_sound(page)


def test_zoom():
    """dragging zooms every chart over time, double-clicking shows the whole run again"""
    succeed("compare", *DEMO, "-o", "r.db")
    make_page("r.db")
    with open_page() as page:
        bounds = [page.evaluate(chart(name, "[c.scales.x.min, c.scales.x.max]")) for name in CHARTS[:3]]
        check_equal(bounds[1:], bounds[:1] * 2)
        x, y = place(page, "throughput", 0.25)
        page.drag(x, place(page, "throughput", 0.5)[0], y)
        low, high = bounds[0]
        for name in CHARTS[:3]:
            now = page.evaluate(chart(name, "[c.scales.x.min, c.scales.x.max]"))
            check_close(now[0], low + 0.25 * (high - low), name, 0.02)
            check_close(now[1], low + 0.5 * (high - low), name, 0.02)
        page.evaluate("document.getElementById('zoom-reset').click()")
        check_equal(page.evaluate(chart("kv", "[c.scales.x.min, c.scales.x.max]")), bounds[0])
        page.evaluate("document.getElementById('zoom-from').value = 10; document.getElementById('zoom-to').value = 20;"
                      " document.getElementById('zoom').requestSubmit()")
        check_equal(page.evaluate(chart("queue", "[c.scales.x.min, c.scales.x.max]")), [10, 20])
        check_sound(page)


def test_toggles():
    """a run's box takes it out of every chart; the button changes the theme"""
    succeed("compare", *DEMO, "-o", "r.db")
    make_page("r.db")
    with open_page() as page:
        visible = "c.data.datasets.filter((d, i) => c.isDatasetVisible(i)).map(d => d.label)"
        check(any(label.startswith("swap") for label in page.evaluate(chart("kv", visible))))
        x, y = page.evaluate("(box => [box.left + 5, box.top + 5])(document.querySelectorAll("
                             "'#toggles input')[1].getBoundingClientRect())")
        page.click(x, y)
        for name in ("throughput", "kv", "queue", "ttft", "tpot", "e2e"):
            labels = page.evaluate(chart(name, visible))
            check(labels and all(label.startswith("recompute") for label in labels), labels)
        check_equal(page.evaluate(chart("overhead", "c.data.labels")), ["recompute"])
        check_equal(page.evaluate("[...document.querySelectorAll('#toggles .off')].map(l => l.textContent)"), ["swap"])
        ground = "getComputedStyle(document.body).backgroundColor"
        seen = []
        for _ in range(3):
            page.evaluate("document.getElementById('theme').click()")
            seen.append(page.evaluate(ground))
        check_equal(seen, ["rgb(255, 255, 255)", "rgb(20, 24, 28)", "rgb(255, 255, 255)"])
        page.print("page.pdf")
        check(read("page.pdf").startswith(b"%PDF"), "no PDF")
        check_sound(page)


def test_study():
    """a study's grid: means and confidence intervals of the runs, lines with bands, a heat map"""
    make_study()
    grid = data_of(make_page("study.db"))["grid"]
    check_equal([(axis["title"], axis["values"]) for axis in grid["axes"]],
                [("overflow", ["recompute", "swap"]), ("kv-memory", ["12%", "20%", "40%"])])
    database = sqlite3.connect("study.db")
    for m, metric in enumerate(grid["metrics"]):
        column = metric["key"].replace(".", "_")
        for cell in grid["cells"]:
            values = [row[0] for row in database.execute(
                'SELECT "%s" FROM run JOIN config AS o ON o.run_id = id AND o.key = \'overflow\' AND o.value = ?'
                " JOIN config AS k ON k.run_id = id AND k.key = 'kv_memory' AND k.value = ?" % column,
                [grid["axes"][axis]["values"][at] for axis, at in enumerate(cell["at"])])]
            check_equal(len(values), 3)
            check_close(cell["mean"][m], statistics.fmean(values), column, 1e-6)
            check_close(cell["half"][m], STUDENT_T * statistics.stdev(values) / math.sqrt(3), column, 1e-4)
    with open_page() as page:
        check(has_ink(page, "lines"), "no lines")
        page.hover(*place(page, "lines", 0.05))
        shown = tooltip(page, "lines")
        check(shown[0] == 1 and shown[1] == "kv-memory 12%" and "±" in shown[2], shown)
        check_equal(page.evaluate("document.querySelectorAll('.heat td').length"), 6)
        check_equal(page.evaluate(chart("lines", "c.scales.x.ticks.map(t => t.label)")), ["12%", "20%", "40%"])
        words = page.evaluate("[...document.querySelectorAll('#study-words p')].map(p => p.textContent)")
        check_equal(len(words), 2)
        check("lowest" in words[0] and "under" in words[0] and words[1].startswith("swap is "), words)
        check("seed 1 to 3" in page.evaluate("document.getElementById('asked').textContent"))
        check_equal(page.evaluate(chart("overhead", "c.data.labels.slice(0, 2)")),
                    [["recompute, kv-memory 12%", "seed %d" % seed] for seed in (1, 2)])
        page.evaluate("(s => { s.value = 2; s.dispatchEvent(new Event('change')); })("
                      "document.querySelector('#study-controls select'))")
        check(page.evaluate("document.getElementById('lines-caption').textContent").startswith(
            grid["metrics"][2]["label"]))
        check_sound(page)


def test_amounts_of_memory():
    """values of a grid lie where their amounts are, whatever their units; those of several kinds in the order of the grid"""
    for values, numbers in (("4GiB,800MiB,1.5GiB", [800 * 2 ** 20, 1.5 * 2 ** 30, 4 * 2 ** 30]), ("12%,2GiB,20%", None)):
        write("m.ini", "[study]\nname = m\nseeds = 1,2\n[run]\nmodel = llama-2-7b\ndevice = a100-40gb\ntrace = demo\nlimit = 5\n[grid]\n"
              "kv-memory = %s\n" % values)
        database = "m%d.db" % len(values)
        succeed("sweep", "m.ini", "-o", database)
        axis = data_of(make_page(database))["grid"]["axes"][0]
        check_equal((axis["numeric"], axis["values"]), (numbers is not None, values.split(",") if numbers is None
                                                        else ["800MiB", "1.5GiB", "4GiB"]))
        check_equal(len(axis["numbers"]), len(numbers or []))
        for found, expected in zip(axis["numbers"], numbers or []):
            check_close(found, expected, values, 1e-6)


def test_left_out():
    """a setting that leaves requests out is not the best, in the table, in JSON, on the page and of runs side by side; it is said"""
    write("few.ini", "[study]\nname = few\n[run]\nmodel = llama-2-7b\ndevice = a100-40gb\ntrace = demo\nlimit = 60\nmax-num-seqs = 8\n"
          "[grid]\nkv-memory = 800MiB,2GiB,4GiB\n")
    lines = succeed("sweep", "few.ini", "-o", "few.db").out.decode().splitlines()
    rows = {line.split()[0]: line for line in lines if line.startswith(("800MiB", "2GiB", "4GiB"))}
    check("47 " in rows["800MiB"] and "*" not in rows["800MiB"] and "*" in rows["4GiB"], lines)
    check("* best of its column, of those that finish as many requests as any." in lines, lines)
    runs = sqlite3.connect("few.db").execute("SELECT finished, tpot_s_mean FROM run_summary ORDER BY finished, kv_memory").fetchall()
    check_equal([finished for finished, _ in runs], [47, 60, 60])
    check(runs[0][1] < min(runs[1][1], runs[2][1]), runs)
    data = data_of(make_page("few.db"))
    tpot = next(row for row in data["figures"] if row["key"] == "tpot_s.mean")
    check_equal([cell["best"] for cell in tpot["cells"]].count(True), 1)
    check(not tpot["cells"][0]["best"], tpot)
    check_equal({round(cell["served"] * 60) for cell in data["grid"]["cells"] if cell["at"] == [0]}, {47})
    succeed("plot", "few.db", "--chart", "study", "-o", "few.svg")
    check(b"fewer requests finish at 800MiB" in read("few.svg"))
    with open_page() as page:
        words = page.evaluate("[...document.querySelectorAll('#study-words p')].map(p => p.textContent)")
        check(words[0].startswith("Fewer requests finished than elsewhere") and "kv-memory 800MiB (78." in words[0] and
              words[1].startswith("Of the others, "), words)


def test_nothing_finished():
    """a run that finished nothing is best in nothing, and counts in no mean"""
    write("t.csv", "arrival_s,prompt_tokens,output_tokens\n" + "0,100,40\n" * 8)
    for blocks in ("5", "40", "60"):
        succeed("run", *HARDWARE, "--trace", "t.csv", "--num-gpu-blocks", blocks, "-o", "r.db")
    rows = sqlite3.connect("r.db").execute("SELECT finished FROM run ORDER BY id").fetchall()
    data = data_of(make_page("r.db"))
    check_equal(rows, [(0,), (8,), (8,)])
    check_equal([cell["failed"] for cell in data["grid"]["cells"]], [1, 0, 0])
    for row in data["figures"]:
        for (finished,), cell in zip(rows, row["cells"]):
            check(finished > 0 or not cell["best"], row)


def test_hostile():
    """names of traces and requests are text, whatever they hold"""
    folder = HOSTILE.rpartition("/")[0]
    os.makedirs(folder)
    rows = "".join('"</script><b>%d",%d,600,200\n' % (i, i // 20) for i in range(60))
    write(HOSTILE, "id,arrival_s,prompt_tokens,output_tokens\n" + rows)
    succeed("compare", *HARDWARE, "--trace", "./" + HOSTILE, "--num-gpu-blocks", "300", "-o", "r.db")
    text = make_page("r.db")
    check("<b>" not in text and "onerror=alert" in text and "<img src=x" not in text, "names are not escaped")
    data = data_of(text)
    check_equal({row["key"]: row["values"][0] for row in data["settings"]}["trace"], "./" + HOSTILE)
    check(data["runs"][0]["victims"] and all(victim["id"].startswith("</script><b>")
                                             for victim in data["runs"][0]["victims"]))
    with open_page() as page:
        check(page.evaluate("document.title").startswith("Spillway: "), "the title was taken")
        check_equal(page.evaluate("document.querySelectorAll('img, b').length"), 0)
        check(page.evaluate("document.getElementById('asked').textContent").find(HOSTILE) >= 0)
        check_sound(page)


def test_data():
    """what the page holds is what the database holds"""
    succeed("compare", *HARDWARE, "--trace", "demo", "--kv-memory", "12%", "-o", "r.db")
    text = make_page("r.db")
    data = data_of(text)
    check(text == make_page("r.db"), "not the same bytes twice")
    database = sqlite3.connect("r.db")
    for number, run in enumerate(data["runs"], 1):
        one = lambda sql: database.execute(sql, (number,)).fetchone()
        check_equal(run["label"], one("SELECT name FROM run WHERE id = ?")[0])
        blocks, slowdown, makespan, recompute, out, into = one(
            "SELECT num_gpu_blocks, slowdown, makespan_s, overhead_s_recompute, overhead_s_swap_out,"
            " overhead_s_swap_in FROM run WHERE id = ?")
        stall = max(0, makespan * (1 - 1 / slowdown) - recompute - out - into)
        for found, expected in zip(run["overhead"], (recompute, out, into, stall)):
            check_close(found, expected, "overhead", 1e-6)
        peak = one("SELECT max(gpu_blocks_peak) FROM series WHERE run_id = ?")[0]
        check_close(max(y for _, y in run["course"]["kv"]), 100 * peak / blocks, "peak", 1e-6)
        for key, table in (("preempted", "preemptions"), ("resumed", "resumes")):
            check_equal(sum(n for _, n in run[key]), one("SELECT sum(%s) FROM series WHERE run_id = ?" % table)[0])
        tokens = sum(y * run["averaged_s"] for _, y in run["course"]["throughput"])
        check_close(tokens, one("SELECT output_tokens FROM run WHERE id = ?")[0], "tokens", 0.03)
        ends = one("SELECT min(finish_s - arrival_s), max(finish_s - arrival_s) FROM request WHERE run_id = ?")
        check_close(run["latency"]["e2e"][0][0], ends[0], "e2e", 1e-6)
        check_close(run["latency"]["e2e"][-1][0], ends[1], "e2e", 1e-6)
        worst = one("SELECT id FROM request WHERE run_id = ? AND preemptions > 0 ORDER BY preempted_s DESC")
        check_equal(run["victims"][0]["id"], worst[0])
    best = {row["key"]: [cell["best"] for cell in row["cells"]] for row in data["figures"]}
    makespans = [row[0] for row in database.execute("SELECT makespan_s FROM run ORDER BY id")]
    check_equal(best["makespan_s"], [value == min(makespans) < max(makespans) for value in makespans])
    check(any("sooner than" in line or "within 0.1 %" in line for line in data["words"]), data["words"])


def test_several_files():
    """runs of several files, and only some of them"""
    for device in ("a100-40gb", "h100-sxm"):
        succeed("compare", "--model", "llama-2-7b", "--device", device, "--trace", "demo", "--limit", "80",
                "--num-gpu-blocks", "500", "-o", device + ".db")
    both = [run["label"] for run in data_of(make_page("a100-40gb.db", "h100-sxm.db"))["runs"]]
    check_equal(both, ["recompute, a100-40gb", "swap, a100-40gb", "recompute, h100-sxm", "swap, h100-sxm"])
    one = data_of(make_page("a100-40gb.db", "h100-sxm.db", "--runs", "swap"))["runs"]
    check_equal([run["label"] for run in one], ["a100-40gb", "h100-sxm"])
    for engine in ("vllm", "sglang"):
        succeed("run", *HARDWARE, "--trace", "demo", "--limit", "20", "--scheduler", engine, "-o", "engines.db")
    check_equal([run["label"] for run in data_of(make_page("engines.db"))["runs"]], ["vllm-0.33", "sglang"])
    shutil.copy("a100-40gb.db", "copy.db")
    check_equal(len(set(run["label"] for run in data_of(make_page("a100-40gb.db", "copy.db"))["runs"])), 4)


def test_pictures():
    """pictures: a file a chart, of the kind that was asked for; one by plot; characters in the terminal"""
    if shutil.which("gnuplot") is None:
        raise Skip("gnuplot was not found")
    make_study()
    charts = ["throughput", "kv", "queue", "ttft", "tpot", "e2e", "overhead", "study", "heat", "victims"]
    for kind, magic in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        succeed("report", "study.db", "--format", kind, "--figure", "ttft_s.p99", "-o", "out/" + kind)
        found = os.listdir("out/" + kind)
        check_equal(sorted(found), sorted("%s.%s" % (chart_name, kind) for chart_name in charts))
        for name in found:
            check(read("out/%s/%s" % (kind, name)).startswith(magic), name)
        succeed("plot", "study.db", "--chart", "study", "-o", "one." + kind)
        check(read("one." + kind).startswith(magic), kind)
    check(b"first token, p99" in read("out/svg/study.svg"), "the figure that was asked for")
    text = succeed("plot", "study.db", "--chart", "study,overhead,ttft").text
    for words in ("end to end, mean (s)", "40%", "recompute", "swap", "stall", "kv-memory"):
        check(words in text, "no %s in\n%s" % (words, text))
    check(max(map(len, text.splitlines())) <= 100, text)
    succeed("compare", *DEMO, "-o", "r.db")
    check_equal(execute("plot", "r.db", "--chart", "heat").status, 1)
    bars = succeed("plot", "r.db", "--chart", "overhead").text
    for name, part in (("recompute", "*%"), ("swap", "#$%")):
        check(re.search(r"^ *%s \S*\|%s" % (name, "+".join(map(re.escape, part))), bars, re.M), bars)


def test_bad():
    """bad input is told, with exit 2; what is missing, with exit 1"""
    succeed("compare", *DEMO, "--limit", "20", "-o", "r.db")
    write("text.db", "not a database\n")
    write("old.js", "/*! Chart.js v2.9.4 */\n")
    write("other.js", "let x = 1;\n")
    sqlite3.connect("foreign.db").execute("CREATE TABLE t (x)").connection.close()
    sqlite3.connect("empty.db").close()
    shutil.copy("r.db", "newer.db")
    newer = sqlite3.connect("newer.db")
    newer.execute("UPDATE meta SET value = 99 WHERE key = 'format'")
    newer.commit()
    newer.close()
    for verb in ("report", "plot"):
        for words, part in (([], "expected a results database"), (["none.db"], "no such file"), (["."], "folder"),
                            (["text.db"], "not a results database"), (["foreign.db"], "another program"),
                            (["empty.db"], "another program"), (["newer.db"], "format 99"),
                            (["r.db", "r.db"], "twice"), (["r.db", "--runs", "swap,none"], "found 'none'"),
                            (["r.db", "--runs", ""], "--runs")):
            result = execute(verb, *words)
            check(result.status == 2 and part in result.err, "%s\nexpected %s" % (result, part))
    for words, status, part in ((["r.db", "--format", "gif"], 2, "html, png, svg or pdf"),
                                (["r.db", "-o", "r.db"], 2, "was not replaced"),
                                (["r.db", "-o", "r.png"], 2, "plot --chart"),
                                (["r.db", "--figure", "e2e_s.mean"], 2, "--figure"),
                                (["r.db", "--format", "png", "--figure", "ttft_s.p98"], 2, "did you mean ttft_s.p9"),
                                (["r.db", "--format", "png", "--chart-js", "x.js"], 2, "--chart-js"),
                                (["r.db", "--chart-js", "none.js"], 1, "none.js"),
                                (["r.db", "--chart-js", "old.js"], 1, "version 3 or 4"),
                                (["r.db", "--chart-js", "other.js"], 1, "expected Chart.js")):
        result = execute("report", *words)
        check(result.status == status and part in result.err, "%s\nexpected %s" % (result, part))
    for words, part in ((["r.db", "--chart", "kw"], "did you mean kv"), (["r.db", "--chart", ""], "--chart"),
                        (["r.db", "--chart", "kv,ttft", "-o", "x.svg"], "expected one"),
                        (["r.db", "-o", "x.gif"], ".svg, .png or .pdf")):
        result = execute("plot", *words)
        check(result.status == 2 and part in result.err, "%s\nexpected %s" % (result, part))
    check(read("r.db").startswith(b"SQLite format 3"), "the database is as it was")


def test_every_policy():
    """ten runs: a column each, no two lines alike, curves as high as ever, on screens wide and narrow and on paper"""
    succeed("compare", *DEMO, "--overflow", "all", "-o", "r.db")
    for blocks in (600, 700, 800, 900)[:10 - len(succeed("list", "overflow", "--names").text.split())]:
        succeed("run", *HARDWARE, "--trace", "demo", "--limit", "150", "--num-gpu-blocks", blocks, "-o", "r.db")
    labels = [run["label"] for run in data_of(make_page("r.db"))["runs"]]
    check(len(labels) >= 10, labels)
    for width, dark in ((1200, False), (800, True), (390, False)):
        with open_page(width, dark=dark) as page:
            head = page.evaluate("[...document.querySelectorAll('#figures thead th')].map(cell => cell.textContent)")
            check_equal(head, ["", *labels])
            swatches = page.evaluate("[...document.querySelectorAll('.swatch')].map(s => s.style.background)")
            check_equal(len(set(swatches)), len(labels), str(swatches))
            curves = page.evaluate(chart("throughput", "c.data.datasets.map(d => d.borderColor + d.borderDash)"))
            check_equal(len(set(curves)), len(labels), str(curves))
            high = page.evaluate(chart("kv", "c.scales.y.getPixelForValue(0) - c.scales.y.getPixelForValue(100)"))
            check(high > 100, "%d pixels at %d" % (high, width))
            check(page.evaluate("document.documentElement.scrollWidth") <= width, "wider than %d" % width)
            check(page.evaluate("[...document.querySelectorAll('#figures td')].some(c => c.title.includes('%% from %s'))" % labels[0]),
                  "no change is told")
            check_sound(page)


def test_many_runs():
    """of many runs the first are told one by one, of all the figures"""
    for blocks in range(300, 300 + 14 * 20, 20):
        succeed("run", *HARDWARE, "--trace", "demo", "--limit", "20", "--num-gpu-blocks", blocks, "-o", "r.db")
    data = data_of(make_page("r.db"))
    check_equal(len(data["runs"]), 14)
    check_equal(sum("course" in run for run in data["runs"]), 12)
    check_equal([axis["title"] for axis in data["grid"]["axes"]], ["num-gpu-blocks"])
    with open_page() as page:
        check(page.evaluate("document.body.textContent.includes('the first 12 are shown')"), "no note")
        check_sound(page)


main(all_tests(globals()))
