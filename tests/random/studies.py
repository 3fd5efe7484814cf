#!/usr/bin/env python3
"""Random grids and searches, over all options of sweep, capacity, regret and compare: sound statuses, JSON and counts; the same
bytes again, on one thread and two, with single steps, and where they go on; figures that are those of `run`.

TEST_STUDIES: how many of each (4); TEST_SEED: the first seed (1). A failure names the seed of its scenario, which TEST_SEED
with TEST_STUDIES=1 tries again.
"""
import os
import random
import sqlite3

from random_words import NO_NUMBER, all_choices, maybe, parse, random_words, seeded
from spillway_test import all_tests, check, check_close, check_equal, execute, main, options_of_help, succeed, write

STUDIES = int(os.environ.get("TEST_STUDIES", "4"))
SEED = int(os.environ.get("TEST_SEED", "1"))
GRIDS = {"overflow": ["recompute", "swap", "auto", "partial"], "victim": ["newest", "oldest", "longest"],
         "num-gpu-blocks": ["7", "40", "600"], "max-num-seqs": ["2", "60"], "time-scale": ["0.1", "1"]}
LIMITS = ["ttft:p99<2s,tpot:p99<100ms", "e2e:p90<20s", "tpot:mean<60ms", "ttft:p50<1us", "e2e:max<9999s"]


def pairs_of(words, flags):
    """[(option, value or None)] of a command line."""
    pairs, at = [], 0
    while at < len(words):
        takes = flags.get(words[at], True)
        pairs.append((words[at], words[at + 1] if takes else None))
        at += 2 if takes else 1
    return pairs


def without(words, flags, *options):
    """The words less some options, with what belongs to them."""
    kept = [pair for pair in pairs_of(words, flags) if pair[0] not in options]
    return [word for pair in kept for word in pair if word is not None]


def each_seed(try_one):
    """Runs try_one(chance, words, flags) for each seed, and for more until one is not refused."""
    choices = all_choices()
    flags = options_of_help(succeed("run", "--help").text)
    done = tried = 0
    while tried < STUDIES or (done == 0 and 4 <= STUDIES and tried < 10 * STUDIES):
        seed = SEED + tried
        tried += 1
        chance = random.Random(seed)
        words = random_words(chance, choices)
        for name in os.listdir("."):
            os.unlink(name)
        with seeded(seed, "TEST_STUDIES=1"):
            done += bool(try_one(chance, words, flags))
    check(done > 0 or STUDIES < 4, "none of %d was run" % tried)


def same(result, name=""):
    """What a repeat has to have as well: not how long it took, nor the database's name."""
    return result.status, [line.replace(name, "") for line in result.text.splitlines() if "wall_s" not in line]


def said(result):
    """What it said, less notes: of how much was done, and where."""
    return [message for message in result.err.splitlines() if ": note: " not in message]


def sound(result):
    """Refused with one message; or JSON without NaN. None where it was refused."""
    if result.status == 2:
        check(len(result.messages) == 1 and result.out == b"", str(result))
        return None
    check(result.status == 0 or said(result), str(result))
    return parse(result.text) if result.out else {}


def study_file(chance, words, flags):
    """The same options as a study, with one or two of them in a grid."""
    axes = chance.sample(sorted(GRIDS), chance.choice([1, 2]))
    lines = ["[study]", "name = random", "seeds = %s" % chance.choice(["3", "1,2"]), "[run]"]
    for option, value in pairs_of(words, flags):
        if option[2:] not in axes and option != "--seed":
            lines.append("%s = %s" % (option[2:], "true" if value is None else value))
    lines.append("[grid]")
    for axis in axes:
        lines.append("%s = %s" % (axis, ",".join(chance.sample(GRIDS[axis], 2))))
    write("study.ini", "\n".join(lines) + "\n")


def rows(path, query):
    database = sqlite3.connect(path)
    found = database.execute(query).fetchall()
    database.close()
    return found


def check_cells(words, flags, path):
    """Counts add up; a cell's figures are those of `run`."""
    check_equal(rows(path, "SELECT id FROM run WHERE finished + ignored + aborted != requests"), [], path)
    for run_id, seed, steps, makespan in rows(path, "SELECT r.id, c.seed, r.steps, r.makespan_s FROM cell AS c JOIN run AS r ON"
                                              " c.run_id = r.id WHERE c.state = 'done' ORDER BY c.id LIMIT 1"):
        settings = rows(path, "SELECT s.option, s.value FROM cell_setting AS s JOIN cell ON cell.id = s.cell_id WHERE run_id = %d"
                        % run_id)
        line = without(words, flags, "--seed", *("--" + option for option, _ in settings))
        again = parse(succeed("run", *line, "--seed", seed, *(word for option, value in settings
                                                              for word in ("--" + option, value)), "--format", "json").text)
        check_equal(again["steps"], steps, settings)
        check_close(again["makespan_s"], makespan, str(settings), 1e-10)


FIGURES = "SELECT c.name, c.seed, c.state, r.steps, r.makespan_s FROM cell AS c LEFT JOIN run AS r ON r.id = c.run_id ORDER BY c.name, c.seed"


def test_sweeps():
    """Grids of random scenarios: each cell as `run` has it, the same on any number of workers, and where it goes on"""
    def try_one(chance, words, flags):
        study_file(chance, words, flags)
        line = ["sweep", "study.ini", "--format", "json", *maybe(chance, 0.5, "--detail", chance.choice(["figures", "series", "all"]))]
        first = execute(*line, "-o", "a.db", "--jobs", "1")
        second = execute(*line, "-o", "b.db", "--jobs", "2")
        check_equal(same(second, "b.db"), same(first, "a.db"), str(first))
        if sound(first) is None:
            return False
        for shard in maybe(chance, 0.3, "1/2", "2/2"):
            sound(execute(*line, "-o", "c.db", "--shard", shard))
        if os.path.exists("c.db"):
            check_equal(rows("c.db", FIGURES), rows("a.db", FIGURES), str(first))
        again = execute(*line, "-o", "a.db")
        check("0 cells run now" in again.err or first.status == 1, str(again))
        check_equal(same(again), same(first), str(again))
        check_cells(words, flags, "a.db")
        return rows("a.db", "SELECT 1 FROM run LIMIT 1")
    each_seed(try_one)


def test_capacities():
    """Loads of random scenarios: within their intervals, the same on any number of workers, and from what is stored"""
    def try_one(chance, words, flags):
        line = without(words, flags, "--request-rate", "--max-concurrency", "--time-scale", "--seed", "--burstiness")
        line = ["capacity", *line, "--slo", chance.choice(LIMITS), "--seeds", "1", *maybe(chance, 0.4, "--search", "concurrency"),
                "--format", "json"]
        first = execute(*line, "--jobs", "1", "-o", "a.db")
        found = sound(first)
        write("chart.js", "/* Chart.js v3.9.1 */ var Chart = function () {};")
        for more in (["--jobs", "2"], ["--no-stride"], ["-o", "a.db"], ["-o", "a.db", "--page", "page.html", "--chart-js", "chart.js"]):
            again = execute(*line, *more)
            check_equal(same(again), same(first), str(again))
        if not found:
            return False
        for row in found["rows"]:
            low, high = row["interval"] or (None, None)
            load = row["load"]
            check(load is None or (low is None or low <= load) and (high is None or load <= high), row)
            check(load is not None or row["unlimited"] or found["best"] is None, row)
        return True
    each_seed(try_one)


def test_regrets():
    """Searches for schedules of random scenarios: no policy beats what is found, the same on any number of threads"""
    def try_one(chance, words, flags):
        line = without(words, flags, "--overflow", "--victim", "--swap-from-blocks", "--split-cuts", "--partial-ahead-blocks")
        size = chance.choice([["--limit", "20"], ["--limit", "3", "--exhaustive"]])
        line = ["regret", *line, *size, "--budget", chance.choice(["0", "7", "60"]), "--format", "json"]
        first = execute(*line, "--jobs", "1")
        found = sound(first)
        for more in (["--jobs", "2"], ["--no-stride"], ["-o", "a.db"], ["-o", "a.db", "--jobs", "2"]):
            again = execute(*line, *more)
            check_equal(same(again), same(first), str(again))
        if not found:
            return False
        best = found["best_found"]["mean_latency_s"]
        for policy in found["policies"]:
            if policy["mean_latency_s"] is not None:
                check(policy["mean_latency_s"] >= best * (1 - 1e-9) and policy["regret"] >= 0, policy)
        return True
    each_seed(try_one)


def test_every_option_is_drawn():
    """Each option that these verbs have and run has not is among what is drawn here"""
    of_run = options_of_help(succeed("run", "--help").text)
    with open(__file__, encoding="utf-8") as file:
        text = file.read()
    own = {option for verb in ("sweep", "capacity", "regret", "compare") for option in options_of_help(succeed(verb, "--help").text)
           if option not in of_run}
    check(len(own) > 8, own)
    check_equal([option for option in sorted(own) if '"%s"' % option not in text], [])


def test_comparisons():
    """Random scenarios under several policies: each as `run` has it, with single steps too, and told in words without NaN"""
    def try_one(chance, words, flags):
        line = without(words, flags, "--overflow", "--swap-from-blocks", "--split-cuts", "--partial-ahead-blocks")
        policies = chance.sample(["recompute", "swap", "partial", "auto", "swap-free"], 2)
        line = ["compare", *line, "--overflow", ",".join(policies), "--format", "json"]
        first = execute(*line)
        found = sound(first)
        steps = execute(*line, "--no-stride")
        check_equal(same(steps), same(first), str(steps))
        told = execute(*line[:-2])
        check(told.status == first.status and not NO_NUMBER.search(told.text), "%s\n%s" % (told, told.text))
        if not found:
            return False
        for run in found["runs"]:
            check_equal(run["requests"], run["finished"] + run["ignored"] + run["aborted"], line)
        return True
    each_seed(try_one)


if __name__ == "__main__":
    main(all_tests(globals()))
