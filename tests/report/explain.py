#!/usr/bin/env python3
"""explain: what it says is what the database holds."""
import contextlib
import re
import sqlite3

from spillway_test import HARDWARE, all_tests, check, check_close, check_equal, execute, main, succeed

BURST = [*HARDWARE, "--trace", "study-burst", "--scheduler", "vllm-0.6", "--kv-memory", "20%",
         "--swap-space", "64"]


def make():
    succeed("compare", *BURST, "-o", "r.db")
    return sqlite3.connect("r.db")


def one(database, query):
    return database.execute(query).fetchone()


def test_overview():
    """The overview: the run, its pool, its evictions and the other action's price, the worst requests."""
    database = make()
    for run, name, other in ((1, "recompute", "swapping"), (2, "swap", "recomputing")):
        text = succeed("explain", "r.db", "--run", run).text
        preemptions, victims, makespan = one(
            database, "SELECT preemptions, preempted_requests, makespan_s FROM run WHERE id = %d" % run)
        check(text.startswith("Run %d, %s: llama-2-7b on a100-40gb" % (run, name)), text)
        check("%d evictions of %d requests" % (preemptions, victims) in text, text)
        check("32 of 32 requests finished, in %.1f s" % makespan in text, text)
        check("; %s would have taken" % other in text and "The pool of 953 blocks was full" in text, text)
        worst = [row[0] for row in database.execute(
            "SELECT id FROM request WHERE run_id = %d ORDER BY first_scheduled_s - arrival_s + preempted_s"
            " DESC, finish_s - arrival_s DESC, request LIMIT 10" % run)]
        check_equal([line.split()[0] for line in text.splitlines()[-10:]], worst)
    check_equal(succeed("explain", "r.db").text, text, "the last run is the default")
    check_equal(len(succeed("explain", "r.db", "--top", 3).text.splitlines()),
                len(text.splitlines()) - 7)


def test_requests():
    """A request: its time in parts, whom it left for, and what the other action would have cost."""
    database = make()
    for run in (1, 2):
        for request, e2e, away, preemptions in database.execute(
                "SELECT id, finish_s - arrival_s, preempted_s, preemptions FROM request"
                " WHERE run_id = %d" % run).fetchall():
            text = succeed("explain", "r.db", "--run", run, "--request", request).text
            took = "%.1f s" % e2e if e2e >= 100 else "%.2f s" % e2e
            check("Request %s, 1,500 tokens in and 1,024 out, took %s" % (request, took) in text, text)
            check_equal(text.count(", request %s was evicted for " % request), preemptions, text)
            check_equal(text.count(" It came back "), preemptions, text)
            check((away > 0) == (preemptions > 0), text)


def compared(cost, other):
    """How the text holds what the other action would have cost against what this one did."""
    def number(value):
        return "%.*f" % (3 if value < 10 else 2 if value < 100 else 1, value)
    if other >= 2 * cost:
        return ", %s times as much." % number(other / cost)
    return ", %.1f %% %s." % (abs(other / cost - 1) * 100, "less" if other < cost else "more")


def test_preemptions():
    """An eviction by its number: victim, beneficiary, blocks, way back, both prices."""
    database = make()
    for run, verb in ((1, "Computing its tokens again took"), (2, "Copying its blocks out and in took")):
        for sequence, victim, beneficiary, blocks, lost, cost, other in database.execute(
                "SELECT sequence, v.id, b.id, blocks, tokens_lost, cost_s, other_cost_s FROM preemption AS p"
                " JOIN request AS v ON v.run_id = p.run_id AND v.request = victim"
                " JOIN request AS b ON b.run_id = p.run_id AND b.request = beneficiary"
                " WHERE p.run_id = %d" % run).fetchall():
            text = succeed("explain", "r.db", "--run", run, "--preemption", sequence).text
            check("request %s was evicted for " % victim in text, text)
            check(victim == beneficiary or "for request %s, which" % beneficiary in text, text)
            check("%d blocks" % blocks in text and verb in text, text)
            check(run == 2 or "{:,} tokens".format(lost) in text, text)
            check(compared(cost, other) in text, text)


def price_columns(database):
    """Policy → its column of preemption."""
    columns = [row[1] for row in database.execute("PRAGMA table_info(preemption)")]
    return {column.removeprefix("price_s_").replace("_", "-"): column for column in columns if column.startswith("price_s_")}


def seconds(text):
    """Of "12.3 ms"."""
    number, unit = text.split()
    return float(number) * {"s": 1, "ms": 1e-3, "µs": 1e-6}[unit]


def test_every_policy():
    """An eviction: what each policy would have cost; its own is what it cost, auto's and split's no more than what they choose from."""
    words = [*HARDWARE, "--trace", "demo", "--kv-memory", "12%", "--no-enable-prefix-caching"]
    for own in ("recompute", "swap", "split", "swap-free"):
        succeed("run", *words, "--overflow", own, "-o", own + ".db")
        with contextlib.closing(sqlite3.connect(own + ".db")) as database:
            columns = price_columns(database)
            check_equal(list(columns), succeed("list", "overflow", "--names").text.split())
            rows = database.execute("SELECT sequence, cost_s, %s FROM preemption" % ", ".join(columns.values())).fetchall()
        check(len(rows) > 10, own)
        sums = dict.fromkeys(columns, 0)
        for sequence, cost, *prices in rows:
            price = dict(zip(columns, prices))
            check_close(price[own], cost, "%s %d" % (own, sequence))
            check_equal((price["offload"], price["swap-free"]), (None, 0))
            check(price["auto"] in (price["recompute"], price["swap"]), price)
            check(0 < price["split"] <= 1.5 * min(price["recompute"], price["swap"]), price)
            check(0 <= price["partial"] <= price["recompute"], price)
            for policy in columns:
                sums[policy] += price[policy] or 0
        check(sums["auto"] <= min(sums["recompute"], sums["swap"]), sums)
        for text, expected in ((succeed("explain", own + ".db").text, sums),
                               (succeed("explain", own + ".db", "--preemption", sequence).text, price)):
            told = dict(re.findall(r"^  (%s) +([\d.,]+ (?:s|ms|µs))" % "|".join(columns), text, re.M))
            check_equal(set(told), set(columns) - {"offload"}, text)
            for policy, cost in told.items():
                check_close(seconds(cost), expected[policy], policy, relative=1e-3)
            best = min((p for p in told if p != "swap-free"), key=lambda p: expected[p])
            check(re.search(r"^  %s .*least$" % best, text, re.M), text)


def test_prefix_hits():
    """What a prefix cache still has of a victim is neither computed again nor copied in: prices near what the steps took."""
    for own, spent in (("recompute", "overhead_s_recompute"), ("swap", "overhead_s_swap_out + overhead_s_swap_in")):
        for caching in ("--enable-prefix-caching", "--no-enable-prefix-caching"):
            path = own + caching + ".db"
            succeed("run", *HARDWARE, "--trace", "demo", "--kv-memory", "12%", caching, "--overflow", own, "-o", path)
            with contextlib.closing(sqlite3.connect(path)) as database:
                overhead, cost, found, lost = one(
                    database, "SELECT (SELECT %s FROM run), sum(cost_s), sum(found_tokens), sum(tokens_lost)"
                              " FROM preemption WHERE resumed_s IS NOT NULL" % spent)
                recomputed = one(database, "SELECT sum(recomputed_tokens) FROM request")[0]
            check((found > 0) == (caching[:5] != "--no-"), (path, found))
            check_close(cost, overhead, path, relative=0.25)
            if own == "recompute":
                check_close(lost - found, recomputed, path, relative=0.02)
            text = succeed("explain", path).text
            check(("A prefix cache still had {:,} of their tokens".format(found) in text) == (found > 0), text)


def test_parts():
    """Where a victim's KV went in parts, the text says what of it was kept, dropped and copied."""
    for policy, said in (("split", "tokens were dropped, the others went to the host"),
                         ("partial", "of its blocks, the last ones, and lost the KV of")):
        succeed("run", *HARDWARE, "--trace", "demo", "--kv-memory", "12%", "--no-enable-prefix-caching", "--overflow", policy,
                "-o", policy + ".db")
        with contextlib.closing(sqlite3.connect(policy + ".db")) as database:
            rows = database.execute("SELECT sequence, cost_s FROM preemption WHERE action = ?", (policy,)).fetchall()
        check(rows, policy)
        for sequence, cost in rows[:5]:
            text = succeed("explain", policy + ".db", "--preemption", sequence).text
            check(said in text and cost > 0, text)


def test_without_costs():
    """Where no cost is known, that is said; a run that ended badly, and one without evictions, too."""
    execute("run", "--num-gpu-blocks", 100, "--trace", "demo", "--executor", "unit", "-o", "u.db")
    check("It ended early (stuck)" in succeed("explain", "u.db").text)
    check("the run had no cost model" in succeed("explain", "u.db", "--preemption", 0).text)
    check("did not finish" in succeed("explain", "u.db", "--request", 399).text)
    succeed("run", *HARDWARE, "--trace", "demo", "--limit", 3, "--what-if", "front-end=0", "-o", "calm.db")
    text = succeed("explain", "calm.db").text
    check("Nobody was evicted." in text and "Nobody waited." in text and "never full" in text, text)


def test_swept():
    """Of a sweep's run without details, what is not known is said to be unknown."""
    with open("s.ini", "w") as file:
        file.write("[run]\nmodel = llama-2-7b\ndevice = a100-40gb\ntrace = demo\nkv-memory = 12%\n"
                   "[grid]\noverflow = recompute\n")
    succeed("sweep", "s.ini", "-o", "s.db")
    text = succeed("explain", "s.db").text
    check("were not kept" in text and "Nobody waited" not in text and "never full" not in text, text)
    for words in (["--request", 1], ["--preemption", 1]):
        result = execute("explain", "s.db", *words)
        check(result.status == 2 and "were not kept" in result.err, str(result))


def test_refused():
    """What is wrong is told in one message, status 2."""
    make().close()
    with open("text", "w") as file:
        file.write("not a database " * 100)
    sqlite3.connect("foreign.db").execute("CREATE TABLE t (x)").connection.close()
    old = make()
    (known,) = old.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
    old.execute("UPDATE meta SET value = 1 WHERE key = 'format'")
    old.commit()
    old.backup(sqlite3.connect("old.db"))
    old.execute("UPDATE meta SET value = ? WHERE key = 'format'", (known,))
    old.commit()
    for words, expected in [
            ([], "is missing"), (["a.db", "b.db"], "expected one"), (["none.db"], "no such file"), (["."], "folder"),
            (["text"], "not a results database"), (["foreign.db"], "another program"),
            (["old.db"], "format 1"), (["r.db", "--run", 99], "at most"), (["r.db", "--run", "x"], "'x'"),
            (["r.db", "--request", "nobody"], "'nobody'"), (["r.db", "--preemption", 999], "0 to "),
            (["r.db", "--preemption", -1], "-1"), (["r.db", "--top", 0], "--top"),
            (["r.db", "--top", 3, "--request", 1], "expected one")]:
        result = execute("explain", *words)
        check(result.status == 2 and expected in result.err and len(result.messages) == 1, str(result))
        check(result.out == b"", str(result))


def test_copies_ahead():
    """What native offload copies ahead of evictions is told by itself: no eviction's cost has it, and it is told where nobody is evicted, too."""
    words = ["run", *HARDWARE, "--trace", "demo", "--limit", "120", "--kv-offloading-size", "8", "-o"]
    for name, memory, evicted in (("small.db", ["--kv-memory", "12%"], True), ("large.db", [], False)):
        summary = succeed(*words, name, *memory).text
        check(re.search(r"^  stored +native offload +[\d.]+ ms", summary, re.M) and "swapped" not in summary, summary)
        database, text = sqlite3.connect(name), succeed("explain", name).text
        preemptions, again, out, back = one(database, "SELECT preemptions, overhead_s_recompute, overhead_s_swap_out, overhead_s_swap_in FROM run")
        check(out > 0 and (preemptions > 0) == evicted, "%r" % preemptions)
        said = re.search(r"Copies of native offload lengthened its steps by ([\d.]+) ms", text)
        check_close(float(said[1]) / 1000, out + back, text, relative=1e-2)
        check_equal("Nobody was evicted." in text, not evicted)
        if evicted:
            said = re.search(r"evictions? of \d+ requests? lengthened its steps by ([\d.]+) (m|µ)s", text)
            check_close(float(said[1]) * {"m": 1e-3, "µ": 1e-6}[said[2]], again, text, relative=1e-2)


if __name__ == "__main__":
    main(all_tests(globals()))
