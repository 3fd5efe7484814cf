#!/usr/bin/env python3
"""What runs print and write: JSON, CSV, logs and databases, held against each other and themselves."""
import contextlib
import csv
import fcntl
import gzip
import itertools
import json
import os
import pty
import re
import sqlite3
import struct
import subprocess
import sys
import termios

from spillway_test import (HARDWARE, SPILLWAY, Skip, all_tests, check, check_close, check_equal, execute, main, options_of_help,
                           read, read_json_lines, run_json, source, succeed, without, write)

DEMO = [*HARDWARE, "--trace", "demo", "--kv-memory", "12%"]
QUANTILES = ["mean", "p50", "p90", "p95", "p99", "max"]
COUNTS = ["requests", "finished", "ignored", "aborted", "preemptions", "recomputed_tokens",
          "swapped_out_blocks", "swapped_in_blocks", "num_gpu_blocks", "num_cpu_blocks",
          "peak_gpu_blocks", "steps"]
REALS = ["makespan_s", "requests_per_s", "output_tokens_per_s", "measured_share", "wall_s"]
OBJECTS = dict.fromkeys(["ttft_s", "tpot_s", "itl_s", "e2e_s", "queue_s"], QUANTILES)
OBJECTS["overhead_s"] = ["recompute", "swap_out", "swap_in"]

# Settings of what is computed, in an object of their own.
OF_LIVE = {"--load-format", "--token-ids", "--temperature", "--top-k", "--top-p", "--copy-method"}

# Settings that decide a result; where output goes and how steps are taken do not.
NOT_CONFIG = {"--output-token-ids", "--record-steps", "--replay", "--help", "--output", "--decisions", "--requests", "--against", "--format",
              "--perfetto", "--perfetto-window", "--vllm-args", "--dry-run"}

ENGINES = [["--scheduler", "vllm-v1"],
           ["--scheduler", "vllm-v1", "--no-enable-chunked-prefill"],
           ["--scheduler", "vllm-v1", "--enable-prefix-caching"],
           ["--scheduler", "vllm-v1", "--long-prefill-token-threshold", "100"],
           ["--scheduler", "vllm-v1", "--async-scheduling"],
           *(["--scheduler", scheduler, "--block-manager", manager, chunked]
             for scheduler, manager, chunked in itertools.product(
                 ["vllm-0.6", "vllm-0.5"], ["1", "2"],
                 ["--enable-chunked-prefill", "--no-enable-chunked-prefill"]))]
OVERFLOW = [["--overflow", "recompute"], ["--overflow", "swap"]]
TRACES = [["--trace", "study-burst", "--limit", "9", "--num-gpu-blocks", "600"],
          ["--trace", "demo", "--limit", "150", "--num-gpu-blocks", "500"],
          ["--trace", "chat-turns", "--limit", "150", "--time-scale", "0.1", "--num-gpu-blocks", "300"],
          ["--trace", "chat-hour", "--limit", "200", "--num-gpu-blocks", "700", "--block-size", "8"],
          ["--trace", "code-hour", "--limit", "80", "--num-gpu-blocks", "900", "--max-num-seqs", "20"]]


def check_types(summary):
    for key in COUNTS:
        check(type(summary[key]) is int, key)
    for key in REALS:
        check(type(summary[key]) is float, key)
    for key, members in OBJECTS.items():
        check_equal(sorted(summary[key]), sorted(members), key)
        for member in members:
            check(type(summary[key][member]) is float, key + "." + member)


def test_json_of_run():
    """run --format json: the keys that other programs rely on, of the right types."""
    summary = run_json(*DEMO)
    check_types(summary)
    check_equal(summary["requests"],
                summary["finished"] + summary["ignored"] + summary["aborted"])
    check(0 <= summary["measured_share"] <= 1)
    for key in ("ttft_s", "tpot_s", "itl_s", "e2e_s", "queue_s"):
        ordered = [summary[key][name] for name in QUANTILES[1:]]
        check_equal(ordered, sorted(ordered), key)


def test_config():
    """config holds every setting, the profile's identity and the program's version."""
    config = run_json(*DEMO, "--seed", 5)["config"]
    of_policies = set(re.findall(r"^    (--[a-z-]+) ", succeed("list").text, re.M))
    for option in options_of_help(succeed("run", "--help").text):
        if not option.startswith("--no-") and option not in NOT_CONFIG | OF_LIVE | of_policies:
            check(option[2:].replace("-", "_") in config, "config lacks " + option)
    check_equal(config["live"], None)
    live = succeed("live", "--executor", "cpu", "--model", source("tests", "models", "tiny-llama.json"), "--trace",
                   "demo", "--limit", "1", "--num-gpu-blocks", "9", "--format", "json").json["config"]["live"]
    check_equal(OF_LIVE | {"--copy-path", "--host-memory", "--overlap-copies"}, {"--" + key.replace("_", "-") for key in live})
    check_equal(config["seed"], 5)
    check_equal(config["program_version"], succeed("--version").text.split()[1])
    check_equal(sorted(config["profile"]), ["format", "host_time", "kind", "name", "sha256"])
    check_equal(config["profile"]["host_time"]["of"], "host unknown")
    check("RTX PRO 6000" in config["profile"]["host_time"]["source"], config["profile"]["host_time"])
    check_equal(config["profile"]["name"], "a100-40gb")


def test_max_concurrency():
    """At most N are under way, each that waited came when another left; a limit that binds nobody changes nothing."""
    words = ["run", *HARDWARE, "--trace", "demo", "--kv-memory", "12%", "--format", "json"]
    free = succeed(*words, "--requests", "free.csv").json
    loose = succeed(*words, "--max-concurrency", "400", "--requests", "loose.csv").json
    check_equal(without(loose, "config"), without(free, "config"))
    check_equal(read("loose.csv"), read("free.csv"))
    asked = [float(line.split(b",")[1]) for line in read("free.csv").splitlines()[1:]]
    for engine in ([], ["--scheduler", "vllm-0.6"], ["--async-scheduling"]):
        succeed(*words, *engine, "--max-concurrency", "5", "--requests", "five.csv")
        rows = [(float(row[1]), float(row[5])) for row in (line.decode().split(",") for line in read("five.csv").splitlines()[1:])]
        for i, (arrival, _) in enumerate(rows):
            check(sum(a <= arrival < end for a, end in rows[:i]) < 5, i)
            check(arrival == asked[i] or arrival > asked[i] and arrival in {end for _, end in rows}, i)
        check(any(arrival > then for (arrival, _), then in zip(rows, asked)))


def test_json_of_compare():
    """compare --format json: a run a policy, each what run says, and the best of each figure."""
    whole = succeed("compare", *DEMO, "--format", "json").json
    check_equal([run["policy"] for run in whole["runs"]], ["recompute", "swap"])
    for run in whole["runs"]:
        check_types(run)
        alone = run_json(*DEMO, "--overflow", run["policy"])
        check_equal(without(run, "policy"), without(alone), run["policy"])
    makespans = {run["makespan_s"]: run["policy"] for run in whole["runs"]}
    check_equal(whole["best"]["makespan_s"], makespans[min(makespans)])


def flatten(value, prefix=""):
    if not isinstance(value, dict):
        return {prefix: value}
    return {key: leaf for name, member in value.items()
            for key, leaf in flatten(member, prefix + "." + name if prefix else name).items()}


def test_csv():
    """--format csv: the JSON's figures, a row a run."""
    expected = flatten(run_json(*DEMO))
    rows = list(csv.DictReader(succeed("run", *DEMO, "--format", "csv").text.splitlines()))
    check_equal(len(rows), 1)
    check_equal(sorted(rows[0]), sorted(expected))
    for key, value in expected.items():
        if isinstance(value, float) and key != "wall_s":
            check_close(float(rows[0][key]), value, key)
        elif isinstance(value, (int, str)) and not isinstance(value, (bool, float)):
            check_equal(rows[0][key], str(value), key)
    rows = list(csv.DictReader(succeed("compare", *DEMO, "--format", "csv").text.splitlines()))
    check_equal([row["policy"] for row in rows], ["recompute", "swap"])


def test_table():
    """The table: what ran, what came of it, and the best of each row marked."""
    text = succeed("run", *DEMO).text
    for words in ("llama-2-7b on a100-40gb", "400 requests", "preemptions", "first token",
                  "recompute", "modelled"):
        check(words in text, "no '%s' in\n%s" % (words, text))
    text = succeed("compare", *DEMO).text
    check("recompute" in text and "swap" in text and "*" in text, text)
    check(max(map(len, text.splitlines())) <= 120, text)


def test_wide_table():
    """compare --overflow all: in parts no wider than the terminal, or 120; every policy in one of them, with all rows."""
    words = ["compare", *DEMO, "--overflow", "all"]
    policies = succeed("list", "overflow", "--names").text.split()
    whole = succeed(*words).text
    for width in (None, 80, 132):
        text = whole if width is None else in_terminal(width, *words)
        lines = text[:text.index("* best of its row")].splitlines()
        heads = [i for i, line in enumerate(lines) if re.match(" {20}.* change$", line)]
        check_equal([word for i in heads for word in lines[i].split() if word != "change"], policies, str(width))
        parts = [[line[:22].strip() for line in lines[start + 1:end] if line]
                 for start, end in zip(heads, [*heads[1:], len(lines)])]
        check(len(parts) > 1 and all(part == parts[0] for part in parts) and len(parts[0]) > 20, parts)
        check(max(map(len, lines[heads[0]:])) <= (width or 120), text)


def in_terminal(width, *words):
    """What it prints on a terminal so wide."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    with subprocess.Popen([SPILLWAY, *map(str, words)], stdout=follower, stderr=subprocess.DEVNULL) as process:
        os.close(follower)
        text = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while part := os.read(leader, 65536):
                text += part
        check_equal(process.wait(), 0, text)
    os.close(leader)
    return text.decode().replace("\r", "")


def test_same_twice():
    """The same command gives the same bytes, wall_s aside."""
    for words in (["run", *DEMO, "--overflow", "swap"], ["compare", *DEMO]):
        first, second = (without_wall(succeed(*words, "--format", "json").text) for _ in "12")
        check_equal(second, first)
        if words[0] == "run":
            check_equal(succeed(*words).out, succeed(*words).out)


def without_wall(text):
    return [line for line in text.splitlines() if '"wall_s"' not in line]


def run_with_files(name, words):
    result = execute("run", *words, "--format", "json", "--requests", name + ".csv",
                     "--decisions", name + ".jsonl")
    check(result.status in (0, 1) and len(result.messages) == result.status, str(result))
    return result


def check_stride(words):
    """Step by step, and many steps at once: the same output of every kind; and it adds up."""
    strides, steps = run_with_files("a", words), run_with_files("b", [*words, "--no-stride"])
    check_equal(without_wall(steps.text), without_wall(strides.text), words)
    check(steps.err == strides.err and steps.status == strides.status, words)
    for kind in (".csv", ".jsonl"):
        check(read("a" + kind) == read("b" + kind), "%s differs: %s" % (kind, words))
    summary = strides.json
    check_equal(summary["requests"],
                summary["finished"] + summary["ignored"] + summary["aborted"], words)
    check_requests("a.csv", summary, words)
    check_decisions("a.jsonl", summary, words)


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def check_requests(path, summary, words):
    """The file of requests against the summary."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    check_equal(list(rows[0]), "id,arrival_s,prompt_tokens,output_tokens,first_token_s,finish_s,"
                               "preemptions,status".split(","))
    finished = [row for row in rows if row["status"] == "finished"]
    check_equal(len(rows), summary["requests"], words)
    for status in ("finished", "ignored", "aborted"):
        check_equal(sum(row["status"] == status for row in rows), summary[status], words)
    check_equal(sum(int(row["preemptions"]) for row in rows), summary["preemptions"], words)
    check_equal(sum(int(row["output_tokens"]) for row in rows), summary["output_tokens"], words)
    check(all(float(row["arrival_s"]) <= float(row["first_token_s"]) <= float(row["finish_s"])
              for row in finished), words)
    if summary["end"] != "done" or not finished:
        return
    first = float(rows[0]["arrival_s"])
    check_close(max(float(row["finish_s"]) for row in finished) - first, summary["makespan_s"], words)
    check_close(mean(float(row["first_token_s"]) - float(row["arrival_s"])
                     for row in rows if row["first_token_s"]), summary["ttft_s"]["mean"], words)
    check_close(mean(float(row["finish_s"]) - float(row["arrival_s"]) for row in finished),
                summary["e2e_s"]["mean"], words)
    rest = [row for row in finished if int(row["output_tokens"]) > 1]
    check_close(mean((float(row["finish_s"]) - float(row["first_token_s"])) /
                     (int(row["output_tokens"]) - 1) for row in rest), summary["tpot_s"]["mean"], words)


def check_decisions(path, summary, words):
    """The log of decisions against the summary."""
    header, *steps, footer = read_json_lines(path)
    check(header["kind"] == "header" and header["format"] == 1, header)
    decided = {key: value for key, value in summary["config"].items() if key not in ("executor", "live", "defaults")}
    check_equal({key: header[key] for key in decided}, decided, words)
    check(not {"executor", "live", "defaults"} & set(header), words)
    for key in ("finished", "ignored", "preemptions"):
        check_equal(footer[key], summary[key], "%s %s" % (words, key))
    check_equal((footer["end"], footer["unfinished"], footer["lines"]),
                (summary["end"], summary["aborted"], len(steps)), words)
    check_equal(sum(step.get("tokens", 0) for step in steps), summary["output_tokens"], words)
    check_equal(sum(len(step.get("preempted", [])) for step in steps), summary["preemptions"], words)
    times = [step["t"] for step in steps] + [footer["end_s"]]
    check(times == sorted(times), "times go backward: %s" % words)
    numbers = [step["step"] for step in steps]
    check(numbers == sorted(set(numbers)), "steps repeat: %s" % words)
    ended = [name for step in steps for name in step.get("finished", [])]
    check(len(set(ended)) == len(ended) == summary["finished"], words)
    check(all(0 <= step["gpu_free"] <= summary["num_gpu_blocks"] and
              0 <= step["cpu_free"] <= summary["num_cpu_blocks"]
              for step in steps if "abort" not in step), words)


def test_strides():
    """--no-stride changes nothing, and every output agrees with the others, for many engines."""
    traces = itertools.cycle(TRACES)
    for engine, overflow in itertools.product(ENGINES, OVERFLOW):
        for trace in itertools.islice(traces, 2):
            check_stride([*HARDWARE, *engine, *overflow, *trace])


def test_strides_to_the_end_of_the_clock():
    """Steps of minutes: where the clock ends, both forms end with the same step."""
    write("long.csv", "arrival_s,prompt_tokens,output_tokens\n0,1000000000,1000000000\n0,1,1000000000\n5,999999999,3\n")
    room = ["--num-gpu-blocks", 4294967295, "--block-size", 65536, "--max-model-len", 2147483647,
            "--max-num-batched-tokens", 4294967295]
    for more in ([], ["--async-scheduling"]):
        check_stride([*HARDWARE, "--trace", "long.csv", *room, *more])
        check_equal(read_json_lines("a.jsonl")[-1]["end"], "abort")


def test_strides_of_the_unit_executor():
    """The same with one second a step, where no model or device is needed."""
    traces = itertools.cycle(TRACES[:4])
    for engine, overflow in itertools.product(ENGINES, OVERFLOW):
        check_stride(["--executor", "unit", *engine, *overflow, *next(traces),
                      "--num-cpu-blocks", "200", "--max-model-len", "4096"])


def test_packed_decisions():
    """A log of decisions that ends in .gz is the same, compressed; compare writes one a policy."""
    succeed("run", *DEMO, "--decisions", "a.jsonl")
    succeed("run", *DEMO, "--decisions", "a.jsonl.gz")
    check(gzip.decompress(read("a.jsonl.gz")) == read("a.jsonl"))
    succeed("compare", *DEMO, "--decisions", "c.jsonl", "--requests", "c.csv")
    check(read("c.recompute.jsonl") == read("a.jsonl"))
    check(read("c.swap.jsonl") != read("a.jsonl") and read("c.swap.csv") != read("c.recompute.csv"))


def rows_of(database, query):
    database.row_factory = sqlite3.Row
    return [dict(row) for row in database.execute(query)]


def check_row(database, row, summary):
    expected = flatten(without(summary, "config", "policy", "host_time"))  # host_time follows from time_s and config
    for key, value in expected.items():
        found = row[key.replace(".", "_")]
        if isinstance(value, float):
            check_close(found, value, key)
        else:
            check_equal(found, value, key)
    stored = {key: value for key, value in database.execute(
        "SELECT key, value FROM config WHERE run_id = %d" % row["run_id"])}
    for key, value in flatten(summary["config"]).items():
        value = json.dumps(value, separators=(",", ":")) if isinstance(value, list) else value
        check(stored[key] == value, "%s: %r is not %r" % (key, stored[key], value))


def test_database():
    """-o: tables and views are there, runs are added, and each holds what was printed."""
    first = run_json(*DEMO, "-o", "r.db")
    both = succeed("compare", *DEMO, "-o", "r.db", "--format", "json").json["runs"]
    database = sqlite3.connect("r.db")
    objects = dict(database.execute("SELECT name, type FROM sqlite_master"))
    for name in ("meta", "run", "config", "request", "preemption", "series"):
        check_equal(objects.get(name), "table", name)
    for name in ("run_summary", "component", "preemption_by_request", "preemption_choice",
                 "preemption_by_length", "policy", "full_pool"):
        check_equal(objects.get(name), "view", name)
        database.execute("SELECT * FROM " + name).fetchall()
    rows = rows_of(database, "SELECT * FROM run_summary ORDER BY run_id")
    check_equal(len(rows), 3)
    for row, summary in zip(rows, [first, *both]):
        check_row(database, row, summary)
        for table, count in (("request", summary["requests"]), ("preemption", summary["preemptions"])):
            query = "SELECT count(*) FROM %s WHERE run_id = %d" % (table, row["run_id"])
            check_equal(database.execute(query).fetchone()[0], count, table)
    database.close()


def test_defaults():
    """What was not typed is the version's and the card's, and says where it is from; what was typed says nothing"""
    def config(*words):
        return run_json("--model", "llama-3.1-8b", "--trace", "demo", "--limit", "2", *words)["config"]
    h100 = config("--device", "h100-sxm", "--scheduler", "vllm-v1")
    check_equal([h100[key] for key in ("max_num_seqs", "max_num_batched_tokens", "enable_prefix_caching",
                                       "async_scheduling", "gpu_memory_utilization")],
                [1024, 8192, True, False, 0.9])
    check_equal(h100["defaults"]["max_num_seqs"], "vllm-v1, cards of 70 GiB and more but the A100")
    a100 = config("--device", "a100-80gb", "--scheduler", "vllm-v1", "--offline", "--max-num-seqs", "7",
                  "--no-enable-prefix-caching")
    check_equal((a100["max_num_seqs"], a100["max_num_batched_tokens"], a100["offline"]), (7, 8192, True))
    check("max_num_seqs" not in a100["defaults"] and "enable_prefix_caching" not in a100["defaults"], a100["defaults"])
    check("offline" in a100["defaults"]["max_num_batched_tokens"], a100["defaults"])
    new = config("--device", "b200", "--scheduler", "vllm-0.33")
    check_equal([new[key] for key in ("max_num_seqs", "max_num_batched_tokens", "enable_prefix_caching",
                                      "async_scheduling", "gpu_memory_utilization")],
                [1024, 16384, True, True, 0.92])
    old = config("--device", "h100-sxm", "--scheduler", "vllm-0.6", "--max-model-len", "4000")
    check_equal((old["max_num_seqs"], old["max_num_batched_tokens"], old["enable_prefix_caching"]), (256, 4000, False))
    unit = run_json("--executor", "unit", "--scheduler", "vllm-v1", "--num-gpu-blocks", "400", "--trace", "demo", "--limit", "2")["config"]
    check_equal((unit["enable_prefix_caching"], unit["async_scheduling"]), (False, False))
    check_equal(unit["defaults"]["async_scheduling"], "vllm-v1")
    text = succeed("run", "--model", "llama-3.1-8b", "--device", "l4", "--trace", "demo", "--limit", "2",
                   "--kv-memory", "1GiB").text
    for line in ("max_num_seqs +256 +.*cards below 70 GiB", "enable_prefix_caching +true", "max_model_len +[0-9]+  "):
        check(re.search(line, text), "%s\n%s" % (line, text))
    check("gpu_memory_utilization" not in text, text)
    result = execute("run", *HARDWARE, "--trace", "demo", "--scheduler", "vllm-0.6", "--offline")
    check(result.status == 2 and "--offline: vllm-0.6" in result.err, str(result))


def test_preemptions_in_the_database():
    """-o: the times that victims were away add up to their requests', and both actions have a price."""
    words = [*HARDWARE, "--trace", "study-burst", "--kv-memory", "20%", "--swap-space", "64", "-o", "r.db"]
    for engine in ENGINES:
        if os.path.exists("r.db"):
            os.remove("r.db")
        for overflow in OVERFLOW:
            run_json(*words, *engine, *overflow)
        database = sqlite3.connect("r.db")
        away = database.execute(
            "SELECT preempted_s, sum(resumed_s - time_s) FROM request JOIN preemption AS p"
            " ON p.run_id = request.run_id AND victim = request GROUP BY p.run_id, victim").fetchall()
        check(len(away) > 5, engine)
        for preempted_s, sum_s in away:
            # An asynchronous decision is made while the step before it runs, up to 0.15 s of it.
            check_close(sum_s, preempted_s, str(engine),
                        relative=0.05 if "--async-scheduling" in engine else 1e-9)
        # A victim whose blocks the prefix cache kept computes its last token alone, as it would have.
        for action, cost, other in database.execute(
                "SELECT action, cost_s, other_cost_s FROM preemption WHERE tokens_lost - found_tokens > 1"):
            check(cost > 0 and other > 0, (engine, action))
        database.close()


def test_questions_of_the_documentation():
    """doc/results.md: its queries and its Python example answer on a real database."""
    succeed("compare", *HARDWARE, "--trace", "study-burst", "--scheduler", "vllm-0.6", "--kv-memory",
            "20%", "--swap-space", "64", "-o", "results.db")
    text = read(source("doc", "results.md")).decode()
    database = sqlite3.connect("results.db")
    policy, choice, length, suffered, full = [
        rows_of(database, query) for query in re.findall(r"```sql\n(.*?)```", text, re.S)]
    check_equal([row["runs"] for row in policy], [1, 1])
    check(policy[0]["makespan_s"] < policy[1]["makespan_s"], policy)
    check_equal({row["action"] for row in choice}, {"recompute", "swap"})
    for row in choice:
        check(0 <= row["other_cheaper"] <= row["preemptions"] and row["lost_by_choice_s"] >= 0, row)
    check_equal([(row["prompt_from"], row["requests"]) for row in length], [(1024, 32)] * 2)
    check_equal(len(suffered), 10)
    check(suffered[0]["preempted_s"] >= suffered[9]["preempted_s"] > 0, suffered)
    check_equal(len(full), 2)
    for row in full:
        check(0 < row["share"] <= 1 and row["waiting_max"] > 0, row)
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import pandas"], capture_output=True).returncode == 0:
            break
    else:
        raise Skip("its queries hold; pandas, for its example, is not installed")
    example = re.search(r"```python\n(.*?)```", text, re.S).group(1)
    done = subprocess.run([python, "-c", example], capture_output=True, text=True)
    check(done.returncode == 0, done.stderr)
    for words in ("overflow", "recompute", "swap", "away_s", "mean"):
        check(words in done.stdout, done.stdout)


def test_database_of_a_bad_end():
    """A run that ended badly is told, status 1, and kept in the database all the same."""
    words = ["run", *HARDWARE, "--trace", "study-burst", "--scheduler", "vllm-0.6", "--overflow",
             "swap", "--num-gpu-blocks", "400", "--num-cpu-blocks", "50"]
    result = execute(*words, "--format", "json", "-o", "r.db")
    check(result.status == 1 and len(result.messages) == 1, str(result))
    check("abort" in result.messages[0], result.err)
    summary = result.json
    check(summary["aborted"] > 0 and summary["end_reason"] != "", summary)
    row = rows_of(sqlite3.connect("r.db"), "SELECT * FROM run_summary")[0]
    check_equal((row["end"], row["aborted"]), ("abort", summary["aborted"]))
    check("ended early (abort)" in execute(*words).text)


def test_against():
    """--against an earlier run: nothing differs; against a faster one, by what is faster."""
    plain = run_json(*DEMO, "--requests", "plain.csv.gz")
    against = run_json(*DEMO, "--against", "plain.csv.gz")["against"]
    check_equal((against["file"], against["requests"], against["left_out"]), ("plain.csv.gz", 400, 0))
    for key in ("ttft_s", "tpot_s", "e2e_s"):
        check_equal(set(against[key]), {"mean", "p50", "p90", "p95", "p99"})
        check_equal(set(against["per_request"][key].values()), {0.0})
        for statistic, figure in against[key].items():
            check_close(figure["measured"], plain[key][statistic], key)
            check_equal((figure["error"], figure["simulated"]), (0.0, figure["measured"]), key)
    slower = run_json(*DEMO, "--what-if", "hbm=0.5x", "--against", "plain.csv.gz")
    error = slower["against"]["e2e_s"]["mean"]["error"]
    check(error > 0.1, error)
    check_close(error, slower["e2e_s"]["mean"] / plain["e2e_s"]["mean"] - 1, "error")
    text = succeed("compare", *DEMO, "--limit", "100", "--against", "plain.csv.gz")
    for policy in ("recompute", "swap"):
        check("\n%s against plain.csv.gz, 100 requests\n" % policy in text.text, text.text)
    check_equal(text.err.count("note: plain.csv.gz: 300 of its 400 requests"), 1)
    runs = succeed("compare", *DEMO, "--against", "plain.csv.gz", "--format", "csv").text.split("\n")
    check("against.per_request.tpot_s.p90_abs_error" in runs[0].split(","))


# All arrive at once, so that durations decide nothing: what a scale does not reach stays as it is.
BURST = [*HARDWARE, "--trace", "study-burst", "--scheduler", "vllm-0.6", "--overflow", "swap",
         "--num-gpu-blocks", "1200", "--swap-space", "32"]
COMPUTE = {"linear", "attention", "elementwise", "head"}
SCALES = {"host=0": {"host"}, "host=2x": {"host"}, "h2d=2x": {"swap_in"}, "d2h=0.5x": {"swap_out"},
          "copy-launch=0": {"swap_in", "swap_out"}, "comm=0": set(), "hbm=2x": COMPUTE,
          "flops=2x": COMPUTE, "launch=0": COMPUTE, "h2d=0,d2h=0": {"swap_in", "swap_out"}}


def test_what_if():
    """--what-if changes what it names, and only that."""
    plain = run_json(*BURST)
    check(plain["time_s"]["swap_in"] > 0)
    for scale, reaches in SCALES.items():
        summary = run_json(*BURST, "--what-if", scale)
        changed = {part for part, time_s in summary["time_s"].items()
                   if time_s != plain["time_s"][part]}
        check(changed <= reaches and bool(changed) == bool(reaches), "%s: %s" % (scale, changed))
        check_equal(summary["steps"], plain["steps"], scale)
        check_equal(summary["config"]["what_if"], scale)
    check_equal(run_json(*BURST, "--what-if", "host=0")["time_s"]["host"], 0.0)
    both = ["--tensor-parallel-size", "2"]
    check(run_json(*BURST, *both)["time_s"]["comm"] > 0)
    check_equal(run_json(*BURST, *both, "--what-if", "comm=0")["time_s"]["comm"], 0.0)


PROFILE = """# spillway-profile 1
# name: own
# device: h100-sxm
# origin 0 source: my table
operation,variant,dtype,shape,median_ns,origin
gemm,,float16,m=1;n=28672;k=4096,90000,0
gemm,,float16,m=64;n=28672;k=4096,95000,0
"""
HOST = "host,vllm-v1,,sequences=1;tokens=1,400000,0\n"


def test_host_time():
    """Whose host time it is stands in each summary and in an import's note, with its share; own samples are the profile's."""
    run = ["--model", "llama-3.1-8b", "--trace", "demo", "--limit", "20"]
    for name, text, of in (("lacks", PROFILE, "host unknown"), ("has", PROFILE + HOST, "the profile")):
        path = name + ".csv"
        write(path, text)
        summary = run_json(*run, "--device", path)
        check_equal(summary["host_time"]["of"], of)
        check_equal(summary["config"]["profile"]["host_time"]["of"], of)
        share = summary["time_s"]["host"] / summary["busy_s"]
        check(abs(summary["host_time"]["share"] - share) < 1e-9 and share > 0.01)
        for verb, more in (("run", []), ("compare", ["--overflow", "recompute,swap"])):
            said = succeed(verb, *run, "--device", path, *more).text
            check("host time: of %s, " % of in said, said)
            check("in float16, which stands in for bfloat16" in said, said)
    table = "gemm.csv"
    write(table, "framework,version,device,op_name,kernel_source,gemm_dtype,m,n,k,latency\n"
                 "VLLM,0.19.0,NVIDIA H100 80GB HBM3,gemm,a,fp8_block,1,4096,4096,0.01\n")
    note = succeed("profile", "import", table, "-o", "gemm.db").text
    check("host unknown" in note, note)
    said = succeed("run", *run, "--device", "rtx-pro-6000").text
    check("host time: of host unknown, " in said and "Assumed: host unknown: 220 us a step (known hosts: 0 to 440)" in said, said)
    said = succeed("run", *run, "--device", "rtx-pro-6000", "--host", "llmservingsim-rtx-pro-6000").text
    check("host time: of the machine of LLMServingSim" in said and "Assumed: host" not in said, said)


main(all_tests(globals()))
