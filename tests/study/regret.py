#!/usr/bin/env python3
"""spillway regret: the search against all schedules there are, what it says of policies, and that it goes on where it was."""
import signal
import sqlite3
import subprocess

from spillway_test import HARDWARE, SPILLWAY, all_tests, check, check_equal, check_refused, execute, main, succeed, write

# The search's best may be so much above the best of all schedules.
STATED_GAP = 0.01


def small(seed, *more, requests=4, pool=("--num-gpu-blocks", "22")):
    """A case of few evictions."""
    return ["regret", *HARDWARE, *pool, "--max-model-len", "300", "--seed", str(seed), "--trace",
            "gen:--requests %d --rate 30 --prompt uniform:60,160 --output uniform:20,90" % requests, *more]


def test_search_against_all_schedules():
    """No schedule of all is worse than what the search finds, and that is within the gap of the best."""
    evicting = 0
    for engine, seeds in (("vllm-v1", (1, 2, 3, 4, 5)), ("vllm-0.33", (1, 2, 3, 4, 5)), ("vllm-0.6", (2,))):
        for seed in seeds:
            whole = succeed(*small(seed, "--scheduler", engine, "--exhaustive", "--format", "json")).json
            every = whole["exhaustive"]
            check(every["all"], whole)
            check(-1e-9 <= every["gap"] <= STATED_GAP, (engine, seed, every))
            check(whole["best_found"]["mean_latency_s"] <= every["mean_latency_s"] * (1 + 1e-9), whole["best_found"])
            evicting += every["schedules"] > 3
            check_policies(whole)
    check(evicting >= 5, evicting)


def check_policies(whole):
    """No regret is less than none; each search begins from its policy's own run; gains add up."""
    best = whole["best_found"]["mean_latency_s"]
    for policy in whole["policies"]:
        check(policy["regret"] >= 0, policy)
        check(abs(policy["mean_latency_s"] / best - 1 - policy["regret"]) < 1e-9, policy)
        if "same_as" in policy or policy["overflow"] == "offload":
            check("lost" not in policy, policy)
            continue
        gained = sum(step["gain_s"] for step in policy["lost"])
        check(all(step["gain_s"] > 0 for step in policy["lost"]), policy)
        check(abs(policy["mean_latency_s"] - gained - policy["searched_to_s"]) < 1e-9, policy)


def test_policies_are_those_of_run():
    """A policy's figures are those that run has."""
    words = [*HARDWARE, "--scheduler", "vllm-v1", "--trace", "demo", "--limit", "100", "--kv-memory", "12%"]
    whole = succeed("regret", *words, "--budget", "0", "--format", "json").json
    for policy in whole["policies"][::5]:
        run = succeed("run", *words, "--overflow", policy["overflow"], "--victim", policy["victim"], "--format", "json").json
        check_equal((policy["mean_latency_s"], policy["ttft_p99_s"], policy["preemptions"], policy["requests_per_s"]),
                    (run["e2e_s"]["mean"], run["ttft_s"]["p99"], run["preemptions"], run["requests_per_s"]))
    check("lost" not in whole["policies"][0], whole["policies"][0])
    check_equal(whole["best_found"]["mean_latency_s"], whole["policies"][0]["mean_latency_s"])
    bounds = {bound["name"]: bound for bound in whole["bounds"]}
    check_equal(set(bounds), {"unlimited-memory", "swap-free", "known-lengths"})
    check(bounds["unlimited-memory"]["mean_latency_s"] <= whole["best_found"]["mean_latency_s"], bounds)


def test_same_on_any_number_of_threads():
    """The same bytes with one thread, two and five; a run is played at most so often; more of them find no worse."""
    words = ["regret", *HARDWARE, "--scheduler", "vllm-v1", "--trace", "demo", "--limit", "100", "--kv-memory", "12%",
             "--overflow", "recompute,swap", "--victim", "newest,oldest", "--format", "json", "--budget"]
    first = succeed(*words, "200", "--jobs", "1")
    for jobs in ("2", "5"):
        check_equal(succeed(*words, "200", "--jobs", jobs).out, first.out)
    check(first.json["best_found"]["runs"] <= 200, first.json["best_found"])
    check_equal(len(first.json["policies"]), 4)
    more = succeed(*words, "600").json["best_found"]
    check(more["mean_latency_s"] <= first.json["best_found"]["mean_latency_s"], more)
    check(first.json["best_found"]["mean_latency_s"] < first.json["policies"][0]["mean_latency_s"], first.json)


def kept(path):
    """How many plays the database holds."""
    table = sqlite3.connect(path)
    try:
        return table.execute("SELECT count(*) FROM regret_play").fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    finally:
        table.close()


def counts(result):
    """Of the note: runs found, and played."""
    words = result.err.split("spillway regret: note: ")[-1].split()
    return int(words[0]), int(words[4])


def test_killed():
    """Killed at any moment it goes on with what it played, to the same bytes; then nothing is left to play."""
    words = ["regret", *HARDWARE, "--trace", "demo", "--limit", "120", "--kv-memory", "12%", "--budget", "4000"]
    plain = succeed(*words)
    process = subprocess.Popen([SPILLWAY, *words, "-o", "k.db", "--jobs", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            if kept("k.db") > 200:
                break
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = kept("k.db")
    check(before > 200, before)
    rest = succeed(*words, "-o", "k.db", "--jobs", "2")
    check_equal(rest.out, plain.out)
    found, played = counts(rest)
    check(found >= before and played == kept("k.db") - before > 0, (before, found, played))
    again = succeed(*words, "-o", "k.db")
    check_equal((again.out, counts(again)), (plain.out, (found + played, 0)))


def test_all_schedules_go_on():
    """Trying every schedule goes on from any part of it that is kept, to the same bytes; also where that is damaged."""
    words = small(3, "--scheduler", "vllm-0.33", "--exhaustive", "--overflow", "recompute,swap", "--format", "json", requests=6)
    plain = succeed(*words)
    check(plain.json["exhaustive"]["schedules"] > 300, plain.json["exhaustive"])
    whole = succeed(*words, "-o", "e.db")
    check_equal(whole.out, plain.out)
    played = sum(counts(whole))
    for i, change in enumerate(("DELETE FROM regret_play", "DELETE FROM regret_choices",
                                *("UPDATE regret_choices SET choices = " + wrong for wrong in (
                                    "'1 2'", "'1 99' || char(10)", "'99999999999 1' || char(10)", "'1  2' || char(10)",
                                    "' ' || char(10)", "x'31ff0a'", "choices || 'x'", "replace(choices, ' ', '  ') || '-'")))):
        table = sqlite3.connect("e.db")
        done = table.execute(change + " WHERE key IN (SELECT key FROM regret_choices ORDER BY key LIMIT 100 OFFSET ?)", (20 * i,))
        check_equal(done.rowcount, 100, change)
        table.commit()
        table.close()
        rest = succeed(*words, "-o", "e.db", "--jobs", str(1 + i % 3))
        check_equal(rest.out, plain.out, change)
        check_equal(sum(counts(rest)), played, change)
        check(100 <= counts(rest)[1] < played, (change, counts(rest)))


def test_all_schedules_in_time():
    """A time is one for all of it, and what was not tried is told."""
    words = small(1, "--scheduler", "vllm-0.6", "--exhaustive", "--jobs", "1", "--budget", "1s", "-o", "t.db")
    short = succeed(*words)
    check("were tried before the budget ended" in short.text, short.text)
    check(kept("t.db") > 0)


def test_other_cases_share_a_file():
    """What another scenario, another seed, or other policies' options played is not taken for it."""
    for more in (("--seed", "2"), ("--num-gpu-blocks", "24"), ("--overflow", "recompute,threshold,partial", "--swap-from-blocks", "2"),
                 ("--overflow", "recompute,threshold,partial", "--partial-ahead-blocks", "3"), ("--scheduler", "vllm-0.6")):
        words = [w for i, w in enumerate(small(1, requests=5)) if more[0] not in (small(1)[i - 1:i + 1])]
        check_equal(succeed(*words, *more, "-o", "s.db").out, succeed(*words, *more).out, more)
    write("no.db", "this is no database, whatever it is called, and it is left alone")
    check_refused(small(1, "-o", "no.db"), "no.db")
    check_refused(small(1, "--trace", "t.csv", "-o", "t.csv"), "t.csv")


def test_words():
    """The text has the table, and says what should have been done."""
    text = succeed(*small(1, "--scheduler", "vllm-v1", "--exhaustive", requests=5)).text
    for words in ("best found", "unlimited-memory", "(a bound)", "schedules were tried", "would have lowered the mean latency"):
        check(words in text, text)
    rows = succeed(*small(1, "--overflow", "recompute,swap", "--victim", "newest", "--format", "csv")).text.splitlines()
    check_equal((len(rows), rows[0][:16]), (3, "overflow,victim,"))


def test_engines_of_their_own_order():
    """An engine's own order of victims is held beside the policies, and the search goes on from there."""
    for engine, pool in ((["sglang"], ("--max-total-tokens", "320")), (["trtllm", "--capacity-policy", "max-utilization"], ())):
        result = succeed(*small(1, "--format", "json", "--scheduler", *engine, **({"pool": pool} if pool else {})))
        victims = {p["victim"] for p in result.json["policies"]}
        check("engine" in victims and "oldest" in victims and "newest" not in victims, victims)
        best = result.json["best_found"]["mean_latency_s"]
        check(all(best <= p["mean_latency_s"] for p in result.json["policies"]), result.json)


def test_refusals():
    """What is wrong is refused with status 2, in a message."""
    for more, words in ((["--overflow", "swap,swap"], ["swap twice"]), (["--overflow", "swap-free"], ["swap-free", "bound"]),
                        (["--victim", "oldest,least-left"], ["least-left", "bound"]), (["--victim", "old"], ["oldest"]),
                        (["--overflow", "recompute", "--swap-from-blocks", "3"], ["threshold", "recompute"]),
                        (["--budget", "few"], ["--budget", "few"]), (["--budget", "0s"], ["--budget", "0s"]),
                        (["--jobs", "0"], ["--jobs"]), (["--executor", "cpu"], ["cpu"]), (["--format", "xml"], ["xml"]),
                        (["--decisions", "d.jsonl"], ["--decisions"])):
        check_refused(small(1, *more), words)
    check_equal(execute(*small(1, "--num-cpu-blocks", "0", "--scheduler", "vllm-0.6", "--budget", "1")).status, 0)


main(all_tests(globals()))
