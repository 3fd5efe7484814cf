#!/usr/bin/env python3
"""Pages of little: a run in which nothing finished, one of a single request, a sweep of a cell, searches that no load meets and that every load does.
They say so, and have no empty charts."""
import browser
from spillway_test import Skip, all_tests, check, check_equal, execute, main, succeed, write

CARD = ["--model", "llama-2-7b", "--device", "a100-40gb"]
STUDY = ("[run]\nmodel = llama-2-7b\ndevice = a100-40gb\nnum-gpu-blocks = 200\n"
         "trace = gen:--requests 40 --rate 20 --prompt fixed:300 --output fixed:60\n[grid]\noverflow = swap\n")
TEXT = "document.body.innerText"
SEEN = "[...document.querySelectorAll('canvas')].filter(canvas => canvas.offsetParent !== null).map(canvas => canvas.id)"


def opened(path, ask):
    """What the page says to that."""
    if browser.find() is None:
        raise Skip("chromium was not found")
    with browser.Page() as page:
        page.open(path)
        check_equal(page.complaints, [])
        return [page.evaluate(part) for part in ask]


def page_of(*words):
    result = execute(*words)
    if result.status == 1 and "Chart.js" in result.err:
        raise Skip("Chart.js was not found")
    check_equal(result.status, 0, result.err)


def test_nothing_finished():
    """Why nothing did, and that it is none of all; no costs, no charts"""
    succeed("run", *CARD, "--num-gpu-blocks", "60", "--trace", "gen:--requests 20 --rate 5 --prompt fixed:3000 --output fixed:50", "-o", "none.db")
    page_of("report", "none.db", "-o", "none.html")
    text, seen = opened("none.html", [TEXT, SEEN])
    check("20 requests (100 % of all) were ignored" in text and "requests finished" in text, text)
    check("What too little memory cost" not in text and "Comparison" not in text and "Figures" in text, text)
    check_equal(seen, [])


def test_one_request():
    """Its throughput is a level, not a row of teeth: no point of it is shorter than a few steps"""
    succeed("run", *CARD, "--num-gpu-blocks", "60", "--trace", "gen:--requests 1 --rate 5 --prompt fixed:300 --output fixed:100", "-o", "one.db")
    page_of("report", "one.db", "-o", "one.html")
    rates, = opened("one.html", ["report.runs[0].course.throughput.map(point => point[1])"])
    middle = rates[2:-1]
    check(len(middle) > 10 and min(middle) > 0.5 * max(middle), rates)


def test_one_cell():
    """A sweep of one cell is a page of one run"""
    write("s.ini", STUDY)
    check("1 cell run now" in succeed("sweep", "s.ini", "-o", "s.db").err)
    page_of("report", "s.db", "-o", "cell.html")
    text, seen = opened("cell.html", [TEXT, SEEN])
    check("Figures" in text and "Comparison" not in text and "The study" not in text, text)
    check_equal(seen, ["chart-overhead", "chart-components"])


def test_searches():
    """Limits that no load meets, and limits that every load does: told in words; what was tried with all requests at once has no curve"""
    write("s.ini", STUDY)
    for limit, words in (("1ms", ["No setting holds that", "Without a load that is held"]), ("1000s", ["any load; no limit was met"])):
        page_of("capacity", "s.ini", "--slo", "ttft:p99<" + limit, "--page", "c.html")
        text, seen, empty = opened("c.html", [TEXT, SEEN, "typeof Chart === 'undefined' ? [] : Object.values(Chart.instances).filter("
                                              "chart => chart.data.datasets.every(set => set.label === 'limit' || !set.data.length)).map(chart => chart.canvas.id)"])
        check(all(word in text for word in words), text)
        check("★" not in text, text)
        check_equal(empty, [], seen)
    text = succeed("capacity", "s.ini", "--slo", "ttft:p99<1000s").text
    check("any to any" not in text, text)


main(all_tests(globals()))
