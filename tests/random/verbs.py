#!/usr/bin/env python3
"""Random command lines of the verbs that studies.py leaves out: trace gen, show and convert, replays, servers, study
policies, live, validate, crossover, model show, merge, report and explain. Sound statuses, JSON and counts; the same bytes again.

TEST_VERBS: how many of each (4); TEST_SEED: the first seed (1). A failure names the seed of its line, which TEST_SEED with
TEST_VERBS=1 tries again.
"""
import os
import random
import shlex
import sqlite3

from random_words import DEVICES, FAMILIES, NO_NUMBER, all_choices, maybe, parse, random_words, seeded
from spillway_test import all_tests, check, check_close, check_equal, execute, main, options_of_help, read, read_json_lines, source, succeed, write

VERBS = int(os.environ.get("TEST_VERBS", "4"))
SEED = int(os.environ.get("TEST_SEED", "1"))


def each_seed(try_one, always=0.0):
    """Runs try_one(chance) for each seed, each in an empty folder; at least that share is not refused."""
    done = 0
    for seed in range(SEED, SEED + VERBS):
        for name in os.listdir("."):
            os.unlink(name)
        with seeded(seed, "TEST_VERBS=1"):
            done += bool(try_one(random.Random(seed)))
    check(VERBS < 20 or done >= max(1, always * VERBS), "%d of %d were run" % (done, VERBS))


def some(chance, *options):
    """Of (share, option, values), each with its chance and one of its values; no values: a switch."""
    words = []
    for share, option, *values in options:
        words += maybe(chance, share, option, *([chance.choice(values)] if values else []))
    return [str(word) for word in words]


def sound(*words, told=True):
    """Done, or ended with one message (told: on standard error). None where it was refused."""
    result = execute(*words)
    check(result.status in (0, 1, 2) and (len(result.messages) == 1 or result.status == 0 or not told), str(result))
    check(result.status != 2 or result.out == b"", str(result))
    return None if result.status == 2 else result


def same(result, again, *names):
    """The same again, but for how long it took and the names of files."""
    def lines(text):
        for name in names:
            text = text.replace(name, "FILE")
        return [line for line in text.splitlines() if "wall_s" not in line]
    check_equal(again.status, result.status, str(again))
    check_equal(lines(again.text), lines(result.text), str(again))


LENGTHS = ["fixed:1", "fixed:900", "uniform:1,1", "uniform:3,400", "lognormal:mean=100,median=60", "lognormal:mean=50,median=50,max=90",
           "empirical:study-burst", "uniform:9,2"]


def generated(chance):
    amount = [word for option in chance.sample([["--requests", chance.choice([1, 2, 40, 300])], ["--duration", chance.choice(["5", "0.5", "100"])],
                                                ["--rate", chance.choice(["1", "0.01", "500"])]], 2) for word in option]
    return [str(word) for word in amount] + some(chance,
                (0.4, "--arrivals", "poisson", "gamma", "uniform", "burst"), (0.1, "--burstiness", "0.3", "1", "5"), (0.1, "--cv", "2", "0.5"),
                (0.95, "--prompt", *LENGTHS), (0.95, "--output", *LENGTHS), (0.3, "--max-tokens", "4x", "1x", "uniform:400,500", "fixed:1"),
                (0.2, "--turns", 1, 3, 8), (0.1, "--think-time", "0", "2"), (0.2, "--shared-prefix", 0, 16, 300), (0.1, "--prefix-groups", 1, 4),
                (0.1, "--hash-block-tokens", 1, 16, 512), (0.5, "--seed", 0, 7))


def requests_of(name):
    return parse(succeed("trace", "show", name, "--format", "json").text)["traces"][0]["requests"]


def test_generated_traces():
    """A generated trace is the same again, has what was asked for, and is the same trace in every form that keeps it"""
    def try_one(chance):
        words = [*generated(chance), *some(chance, (0.4, "--to", "spillway", "mooncake", "binary", "azure"))]
        first = sound("trace", "gen", *words, "-o", "a.bin" if chance.random() < 0.3 else "a.jsonl" if chance.random() < 0.5 else "a.csv")
        if first is None:
            return False
        name = os.listdir(".")[0]
        again = execute("trace", "gen", *words, "-o", "b" + name[1:])
        check_equal((again.status, read("b" + name[1:])), (first.status, read(name)), str(again))
        count = requests_of(name)
        if "--requests" in words and "--duration" not in words:
            check_equal(count, int(words[words.index("--requests") + 1]), words)
        for form in ("binary", "mooncake"):
            succeed("trace", "convert", name, "-o", "c", "--to", form)
            check_equal(requests_of("c"), count, words)
        limit, scale = chance.choice([1, 5, 10000]), chance.choice(["0.5", "3"])
        part = sound("trace", "convert", name, "-o", "d", "--limit", limit, "--time-scale", scale)
        check(part is None or requests_of("d") == min(limit, count), words)
        return True
    each_seed(try_one, 0.05)


def costless(words):
    """Less the options of costs, which a replay has none of."""
    gone = [at for at, word in enumerate(words) if word in ("--what-if", "--copy-path", "--host-memory", "--host", "--cudagraph-mode")]
    return [word for at, word in enumerate(words) if at not in gone and at - 1 not in gone]


def test_replays():
    """A run that was recorded is replayed to the same decisions at the same times, by single steps too"""
    choices = all_choices()

    def try_one(chance):
        words = random_words(chance, choices)
        if "unit" in words:  # the scheduler alone: a replay has a server's front end before it
            return False
        if sound("run", *words, "--record-steps", "-o", "r.db", "--decisions", "a.jsonl", "--requests", "a.csv", "--format", "json") is None:
            return False
        first = execute("run", *words, "--format", "json")
        for more in ([], ["--no-stride"]):
            line = [*costless(words), *more, "--executor", "replay", "--replay", "r.db", "--decisions", "b.jsonl", "--requests", "b.csv", "--format", "json"]
            again = sound("run", *line)
            if again is None:
                return False
            check_equal(again.status, first.status, str(again))
            check(read("b.csv") == read("a.csv") and read_json_lines("b.jsonl")[1:] == read_json_lines("a.jsonl")[1:],
                  "another schedule: %s" % line)
            ours, theirs = parse(again.text), parse(first.text)
            for key in ("makespan_s", "ttft_s", "tpot_s", "e2e_s", "steps", "preemptions", "finished", "peak_gpu_blocks"):
                check_equal(ours[key], theirs[key], key)
        return True
    each_seed(try_one, 0.02)


POINT_COLUMNS = ["id", "model_path", "system", "backend", "backend_version", "precision", "mode", "isl", "osl", "gemm_quant_mode",
                 "batch_size", "tp_size", "pp_size", "attention_dp_size", "silicon_ttft_ms", "silicon_tpot_ms"]


def random_point(chance, number):
    draw = chance.choice
    return [str(number), draw(["Qwen/Qwen3-32B", "meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-70B", "nobody/x"]),
            draw(["h100_sxm", "h200_sxm", "b200_sxm", "a100_sxm", "abacus"]), draw(["vllm", "sglang", "trtllm", "tgi"]),
            draw(["", "0.12.0", "0.5.1.post1", "9.9", "x"]), draw(["", "fp8"]), draw(["agg", "agg", "disagg"]), str(draw([1, 64, 300])),
            str(draw([1, 2, 32])), draw(["", "fp8", "fp8_block", "nvfp4"]), str(draw([1, 2, 8])), str(draw([1, 2, 8])), str(draw([1, 1, 2])),
            draw(["", "1", "2"]), draw(["", "200", "0.5"]), draw(["", "15"])]


def test_servers():
    """Random points under random options: each predicted or told why not, the same on any number of workers"""
    def try_one(chance):
        rows = [random_point(chance, n) for n in range(chance.choice([1, 3, 6]))]
        write("p.csv", "\n".join(",".join(row) for row in [POINT_COLUMNS, *rows]) + "\n")
        words = ["servers", "p.csv", "--format", "json",
                 *some(chance, (0.1, "--device", *DEVICES), (0.1, "--num-prompts", 1, 30), (0.1, "--max-num-seqs", 1, 3), (0.1, "--victim", "oldest"),
                       (0.1, "--overflow", "swap"), (0.1, "--kv-memory", "2%", "4GiB"), (0.1, "--scheduler", "vllm-0.6", "sglang"),
                       (0.1, "--what-if", "flops=2x,hbm=2x", "host=0"), (0.1, "--host", "unknown"), (0.1, "--slo", "ttft:p99<2s"), (0.1, "--no-stride"),
                       (0.1, "--async-scheduling"), (0.1, "--max-concurrency", 1, 50))]
        first = sound(*words, "--jobs", "1")
        if first is None:
            return False
        found = parse(first.text)
        same(first, execute(*words, "--jobs", "3"))
        check_equal([point["id"] for point in found["points"]], [row[0] for row in rows])
        for point in found["points"]:
            check((point["refused"] is None) == (point["predicted_ttft_ms"] is not None), point)
            check(point["refused"] is not None or 0 < point["predicted_ttft_ms"] < 1e9, point)
        commands = succeed(*[word for word in words if word not in ("--format", "json")], "--commands").text.splitlines()
        check_equal(len(commands), len(rows), commands)
        for point, command in zip(found["points"], commands):
            if point["refused"] is None:
                run = parse(succeed(*shlex.split(command)[1:], "--format", "json").text)
                check_close(point["predicted_ttft_ms"], 1000 * run["ttft_s"]["mean"], command)
        return True
    each_seed(try_one, 0.02)


def test_studies_of_policies():
    """Random maps: the same on any number of workers, and where they go on from what is stored"""
    def try_one(chance):
        draw = chance.choice
        words = ["study", "policies", "--models", draw(["llama-3.1-8b", "llama-3.1-8b:fp8", "qwen2.5-0.5b"]), "--engines",
                 draw(["vllm", "vllm:uncached", "vllm-0.6", "sglang", "trtllm", "vllm-0.14"]), "--pressures", draw(["1.25", "2", "6"]), "--prompts",
                 draw(["64", "300", "none"]), "--outputs", draw(["8", "100"]), "--links", draw(["1", "0.1", "9"]), "--seeds", draw(["1", "2"]), "--requests",
                 draw(["1", "20", "40"]), "--format", draw(["json", "csv", "table"]), "--trace", draw(["none", "none", "t.csv"]),
                 *some(chance, (0.4, "--device", *DEVICES), (0.5, "--figure", "e2e_s.mean", "ttft_s.p99", "tpot_s.mean", "output_tokens_per_s"))]
        succeed("trace", "gen", "--requests", "20", "--rate", "30", "--prompt", "uniform:10,300", "--output", "uniform:5,60", "-o", "t.csv")
        first = sound(*words, "--jobs", "1", "-o", "a.db")
        if first is None:
            return False
        check_equal(first.status, 0, str(first))
        if "json" in words:
            parse(first.text)
        same(first, execute(*words, "--jobs", "2", "-o", "b.db"), "a.db", "b.db")
        same(first, execute(*words, "-o", "a.db"), "a.db")
        return True
    each_seed(try_one, 0.05)


TINY = ["--model", source("tests", "models", "tiny-llama.json"), "--block-size", "8"]


def computed(chance):
    engine = chance.choice(["vllm-0.5", "vllm-0.6", "vllm-0.14", "vllm-0.33", "vllm-v1", "trtllm", "sglang"])
    return ["--executor", "cpu", *TINY, "--scheduler", engine, "--num-gpu-blocks", str(chance.choice([1, 9, 14, 60])),
            "--trace", "gen:--requests=%d --rate=2000 --prompt=uniform:1,40 --output=uniform:1,20" % chance.choice([1, 6, 10]),
            *some(chance, (0.6, "--overflow", "swap", "partial", "recompute", "split", "swap-free"), (0.4, "--victim", "oldest", "longest", "cheapest"),
                  (0.5, "--num-cpu-blocks", 0, 5, 200), (0.3, "--temperature", "1", "0.3"), (0.2, "--top-k", 1, 5), (0.2, "--top-p", "0.5"),
                  (0.3, "--enable-prefix-caching"), (0.3, "--enable-chunked-prefill"), (0.2, "--max-num-batched-tokens", 24, 300),
                  (0.2, "--async-scheduling"), (0.3, "--overlap-copies"), (0.15, "--copy-block-us", "50"), (0.15, "--swap-ahead", 2),
                  (0.15, "--num-disk-blocks", 5, 90), (0.2, "--copy-path", "per-block", "batched"), (0.2, "--max-num-seqs", 1, 3),
                  (0.1, "--admission", "whole-prompt", "watermark"), (0.1, "--max-concurrency", 2), (0.2, "--seed", 5))]


def test_live():
    """Random scenarios computed: every request gets the same tokens again, whatever the times; counts add up"""
    def try_one(chance):
        words = ["live", *computed(chance), "--format", "json"]
        first = sound(*words, "--output-token-ids", "a.jsonl", "--requests", "a.csv", "-o", "r.db", "--decisions", "d.jsonl")
        if first is None:
            return False
        found = parse(first.text)
        check_equal(found["requests"], found["finished"] + found["ignored"] + found["aborted"], words)
        again = execute(*words, "--output-token-ids", "b.jsonl")
        if first.status == 0 and again.status == 0:
            check_equal(read_json_lines("b.jsonl"), read_json_lines("a.jsonl"), words)
            check_equal(sum(len(line["output_token_ids"]) for line in read_json_lines("a.jsonl")), found["output_tokens"], words)
        succeed("explain", "r.db")
        return True
    each_seed(try_one, 0.05)


def test_validate():
    """Random scenarios validated: the replay decides the same, and the tables have no NaN"""
    def try_one(chance):
        words = ["validate", *computed(chance)]
        first = sound(*words, "--format", chance.choice(["json", "csv", "table"]), "-o", "v.db", "--requests", "a.csv", "--decisions", "d.jsonl")
        if first is None:
            return False
        check(not NO_NUMBER.search(first.text), first.text)
        if first.text.startswith("{"):
            check(first.status == 1 or parse(first.text)["replay_identical"] is True, str(first))
        return True
    each_seed(try_one, 0.02)


def test_costs():
    """crossover and model show over their options: JSON without NaN, times above 0, the same again"""
    def try_one(chance):
        model, device = chance.choice(FAMILIES), chance.choice(DEVICES)
        line = ["crossover", "--model", model, "--device", device, "--format", chance.choice(["json", "csv", "table"]),
                *some(chance, (0.3, "--tokens", "1..64", "256,300", "1k..8k", "9..1"), (0.4, "--block-size", "1", "16,64", "7"), (0.3, "--copy-path",
                      "per-block", "batched", "per-layer"), (0.2, "--host-memory", "pageable"), (0.3, "--what-if", "h2d=2x,d2h=0", "flops=0", "copy-launch=0",
                      "front-end=0", "hbm=0.001x"), (0.2, "--tensor-parallel-size", 2, 4, 7), (0.2, "--kv-cache-dtype", "fp8", "bfloat16"))]
        first = sound(*line)
        if first is not None:
            check_equal(first.status, 0, str(first))
            same(first, execute(*line))
            if "json" in line:
                parse(first.text)
        line = ["model", "show", model, "--format", "json", *some(chance, (0.6, "--device", device), (0.3, "--block-size", 1, 16, 128), (0.3,
                "--scheduler", "vllm-0.9", "vllm-0.33", "vllm-0.6", "sglang"), (0.2, "--tensor-parallel-size", 2, 8), (0.2, "--gpu-memory-utilization", "0.5",
                "0.97"), (0.2, "--max-num-batched-tokens", 100, 9000), (0.2, "--max-num-seqs", 1, 900), (0.1, "--offline"), (0.1, "--enforce-eager"), (0.2, "--kv-cache-dtype",
                "fp8"), (0.1, "--speculative-config", '{"method":"mtp","num_speculative_tokens":2}'))]
        second = sound(*line)
        if second is not None:
            parse(second.text)
            same(second, execute(*line))
        return first is not None and second is not None
    each_seed(try_one, 0.05)


def test_kept_runs():
    """Runs of random scenarios kept with any detail, merged: told by explain, request by request, with the figures that run has"""
    choices = all_choices()

    def try_one(chance):
        made = 0
        for name in ("a.db", "b.db"):
            words = random_words(chance, choices)
            result = sound("run", *words, "-o", name, "--format", "json", *some(chance, (0.5, "--record-steps")))
            if result is None:
                continue
            made += 1
            found = parse(result.text)
            database = sqlite3.connect(name)
            kept = database.execute("SELECT requests, finished, preemptions, makespan_s, steps FROM run").fetchall()
            ids = [row[0] for row in database.execute("SELECT id FROM request")]
            evictions = database.execute("SELECT count(*) FROM preemption").fetchone()[0]
            database.close()
            check_equal([row[:3] + row[4:] for row in kept], [(found["requests"], found["finished"], found["preemptions"], found["steps"])], words)
            check_close(kept[0][3], found["makespan_s"], str(words))
            for more in ([], ["--top", "3"], ["--request", chance.choice(ids)], ["--preemption", 0], ["--preemption", max(0, evictions - 1)]):
                told = execute("explain", name, *more)
                check(told.status == (2 if evictions == 0 and "--preemption" in more else 0), str(told))
                check(not NO_NUMBER.search(told.text), told.text)
        inputs = [name for name in ("a.db", "b.db") if os.path.exists(name)]
        if made == 2:
            succeed("merge", *inputs, "-o", "c.db")
            check_equal(sqlite3.connect("c.db").execute("SELECT count(*) FROM run").fetchone(), (2,))
        return made
    each_seed(try_one, 0.05)


def test_every_option_is_drawn():
    """Each own option of these verbs is among what is drawn here, but for those that only name files"""
    with open(__file__, encoding="utf-8") as file:
        text = file.read()
    of_run = options_of_help(succeed("run", "--help").text)
    files = ["--chart-js", "--help", "--log", "--model-dir", "--out", "--page", "--plot", "--profile", "--trace-format", "--output", "--budget"]
    own = {option for verb in (["trace", "gen"], ["trace", "convert"], ["servers"], ["study", "policies"], ["crossover"], ["model", "show"])
           for option in options_of_help(succeed(*verb, "--help").text) if option not in of_run}
    check(len(own) > 25, own)
    check_equal([option for option in sorted(own) if '"%s"' % option not in text and option not in files], [])


if __name__ == "__main__":
    main(all_tests(globals()))
