#!/usr/bin/env python3
"""Servers behind one router: --instances, what each of them is, and all that counts cards and engines."""
import csv
import json

from spillway_test import all_tests, check, check_close, check_equal, check_refused, main, read, run_json, succeed, without, write

LOAD = ["--num-prompts", "180", "--random-input-len", "600", "--random-output-len", "80", "--seed", "3"]
DENSE = ["--model", "llama-3.1-8b", "--device", "h100-sxm"]
EXPERTS = ["--model", "qwen3-30b-a3b", "--device", "h100-sxm"]


def rows(*words):
    succeed("run", *words, "--requests", "r.csv")
    return [{**row, "id": ""} for row in sorted(csv.DictReader(read("r.csv").decode().splitlines()), key=lambda row: int(row["id"]))]


def test_one():
    """One instance is a run without the option, and says so"""
    one, none = (run_json(*DENSE, *LOAD, *more) for more in (["--instances", "1"], []))
    check_equal(without(one), without(none))
    check_equal((one["config"]["instances"], one["config"]["router"]), (1, None))


def test_each_alone():
    """Each of several that get requests in turn does what it would do alone with those: front end, engine and pool are its own"""
    lengths = [(i * 0.02, 50 + 731 * i % 3000, 3 + 17 * i % 90) for i in range(60)]
    line = "%g,%d,%d\n"
    for more in ([], ["--tensor-parallel-size", "2"], ["--data-parallel-size", "2"], ["--scheduler", "sglang"], ["--scheduler", "sglang", "--data-parallel-size", "3"],
                 ["--pipeline-parallel-size", "2"], ["--kv-memory", "1%", "--overflow", "swap"], ["--what-if", "front-end=30x"]):
        words = [*DENSE, *more, "--trace", "t.csv"]
        write("t.csv", "arrival_s,prompt_tokens,output_tokens\n" + "".join(line % one for one in lengths))
        together = rows(*words, "--instances", "3")
        check_equal(rows(*words, "--instances", "3", "--no-stride"), together, more)
        for i in range(3):
            write("t.csv", "arrival_s,prompt_tokens,output_tokens\n" + "".join(line % one for one in lengths[i::3]))
            check_equal(rows(*words), together[i::3], more)


def test_strides():
    """Many steps at once or one by one, by every router, of servers with several engines, in closed loops and with turns"""
    write("s.jsonl", "".join(json.dumps({"session_id": str(s), **({"timestamp": 40 * s} if turn == 0 else {"delay": 90}), "input_length": 512 * (turn + 1), "output_length": 30,
                                         "hash_ids": [100 * s + i for i in range(turn + 1)]}) + "\n" for s in range(9) for turn in range(4)))
    for router in succeed("list", "routers", "--names").text.split()[1:]:
        for load in (["--trace", "s.jsonl"], [*LOAD, "--max-concurrency", "11"], [*LOAD, "--request-rate", "40", "--data-parallel-size", "2", "--kv-memory", "1%"]):
            words = [*DENSE, *load, "--instances", "3", "--router", router, "--what-if", "front-end=5x"]
            summary = run_json(*words)
            check_equal(without(run_json(*words, "--no-stride"), "config"), without(summary, "config"), words)
            check_equal(summary["finished"], 36 if load[1] == "s.jsonl" else 180, words)


def test_experts():
    """Servers share no experts: two of two engines each are each as one of two, and of eight devices in all"""
    load = [*EXPERTS, "--enable-expert-parallel", "--tensor-parallel-size", "4", "--data-parallel-size", "2", "--num-prompts", "40", "--max-concurrency", "8"]
    one, two = run_json(*load), run_json(*load, "--instances", "2", "--router", "least-requests")
    check_equal(two["num_gpu_blocks"], one["num_gpu_blocks"])
    check_equal(two["config"]["expert_parallel_size"], one["config"]["expert_parallel_size"])
    check_equal(two["finished"], 40)


def test_router_sees_front_ends():
    """Requests that a server has not read yet count: a burst of long prompts is dealt out evenly, though none has reached an engine"""
    burst = [*DENSE, "--trace", "gen:--requests 30 --arrivals burst --prompt fixed:4000 --output fixed:9", "--instances", "3", "--what-if", "front-end=50x"]
    in_turn, least, tokens = (without(run_json(*burst, "--router", router), "config") for router in ("round-robin", "least-requests", "least-tokens"))
    check_equal(least, in_turn)
    check_equal(tokens, in_turn)


def test_told():
    """What is assumed, and the settings"""
    summary = run_json(*DENSE, "--trace", "demo", "--limit", "5", "--instances", "2", "--data-parallel-size", "2")
    check_equal([summary["config"][key] for key in ("instances", "data_parallel_size", "router")], [2, 2, "round-robin"])
    text = " ".join(summary["config"]["assumed"])
    check("2 servers, each with an API front end" in text and "2 engines of a server" in text, text)


def test_capacity():
    """Cards are those of all servers; two servers hold twice what one does"""
    write("c.ini", "[study]\nname = c\n[run]\nmodel = llama-3.1-8b\ndevice = h100-sxm\nnum-prompts = 300\nrandom-input-len = 500\n"
                   "random-output-len = 60\n[grid]\ninstances = 1,2\ntensor-parallel-size = 1,2\n")
    found = succeed("capacity", "c.ini", "--slo", "ttft:p99<500ms", "--format", "json").json["rows"]
    rows_of = {(row["settings"]["instances"], row["settings"]["tensor-parallel-size"]): row for row in found}
    check_equal({key: row["cards"] for key, row in rows_of.items()}, {("1", "1"): 1, ("1", "2"): 2, ("2", "1"): 2, ("2", "2"): 4})
    for devices in "12":
        one, two = (rows_of[instances, devices]["load"] for instances in "12")
        check(1.5 * one < two < 3.5 * one, found)


def test_sweep():
    """A grid of instances, and what of it keeps the steps of one engine"""
    write("s.ini", "[study]\nname = s\n[run]\nmodel = llama-3.1-8b\ndevice = h100-sxm\ntrace = demo\nlimit = 40\n[grid]\ninstances = 1,3\n")
    check("instances" in succeed("sweep", "s.ini", "--dry-run").text)
    succeed("sweep", "s.ini", "-o", "s.db")
    check_refused(["sweep", "s.ini", "--detail", "series", "-o", "t.db"], ["--detail series", "instances = 3"])


def test_interval():
    """A router that is told loads late: the same strided or not, by what it sent alone where nothing is ever published, and no worse the sooner it is told"""
    load = [*DENSE, "--trace", "gen:--requests 300 --rate 60 --prompt fixed:400 --output uniform:5,400", "--max-num-seqs", "16"]
    of = lambda *words: without(run_json(*load, *words), "config")
    for many in (["--instances", "3"], ["--data-parallel-size", "3"]):
        turn = of(*many, "--router", "round-robin")
        for router in ("least-tokens", "two-choices", "session", "prefix", "least-kv"):
            for closed in ([], ["--max-concurrency", "20"]):
                words = [*many, "--router", router, "--router-interval", "0.05", *closed]
                check_equal(of(*words, "--no-stride"), of(*words), words)
        check_equal(of(*many, "--router", "least-tokens", "--router-interval", "3600"), turn)
        # Every third is long: who knows only what it sent deals in turn, all of them to one.
        write("long.csv", "arrival_s,prompt_tokens,output_tokens\n" + "".join("%g,64,%d\n" % (i / 60, 20 if i % 3 else 900) for i in range(240)))
        three = [*DENSE, "--trace", "long.csv", "--max-num-seqs", "16", *many, "--router", "least-requests"]
        now, soon, late = (run_json(*three, *more)["e2e_s"]["mean"] for more in ([], ["--router-interval", "0.02"], ["--router-interval", "3600"]))
        check(max(now, soon) < 0.9 * late, (now, soon, late))
    config = run_json(*load, "--data-parallel-size", "3", "--router-interval", "0.1")["config"]
    check_equal(config["router_interval"], 0.1)
    check(any("every 0.1 s" in sentence for sentence in config["assumed"]), config["assumed"])
    for words, wanted in ((["--instances", "2"], "round-robin looks at no load"), (["--data-parallel-size", "2", "--router", "round-robin"], "round-robin looks at no load"),
                          ([], "one engine"), (["--instances", "2", "--router", "random"], "random looks at no load")):
        check_refused(["run", *load, *words, "--router-interval", "0.1"], ["--router-interval", wanted])
    check_refused(["run", *load, "--instances", "2", "--router", "prefix", "--router-interval", "1e-9"], ["1e-09", "1e-06"])


def test_refused():
    """What is of one engine, or of none, once and with what to do"""
    run = ["run", *DENSE, "--trace", "demo", "--instances", "2"]
    for option, value in (("-o", "x.db"), ("--decisions", "d.jsonl"), ("--perfetto", "p.json"), ("--kv-offloading-size", "4")):
        check_refused([*run, option, value], ["is of one engine", "--instances is 2", "--time-scale 2"])
    check_refused([*run, "--data-parallel-size", "3", "--decisions", "d.jsonl"], ["--time-scale 6"])
    check_refused([*run, "--router", "engine"], ["--router engine", "in common"])
    check_refused([*run, "--cache-threshold", "0.5"], ["--cache-threshold", "prefix", "round-robin"])
    check_refused(["run", *DENSE, "--trace", "demo", "--router", "random"], ["--router", "--instances"])
    for value in ("0", "65", "1.5", "x"):
        check_refused([*run[:-1], value], ["--instances", value, "1 to 64"])
    check_refused(["regret", *DENSE, "--trace", "study-burst", "--instances", "2"], ["--instances"])


if __name__ == "__main__":
    main(all_tests(globals()))
