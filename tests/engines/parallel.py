#!/usr/bin/env python3
"""Engines and devices that share work: --data-parallel-size, --router, --enable-expert-parallel, --pipeline-parallel-size."""
import json

from spillway_test import all_tests, check, check_equal, check_refused, execute, main, read, run_json, succeed, without, write

LOAD = ["--num-prompts", "240", "--random-input-len", "600", "--random-output-len", "80", "--seed", "3"]
DENSE = ["--model", "llama-3.1-8b", "--device", "h100-sxm"]
EXPERTS = ["--model", "qwen3-30b-a3b", "--device", "h100-sxm"]


def test_engines_of_a_dense_model():
    """Two engines of a dense model share nothing but the front end: each does what one alone does with its half of the load."""
    bare = ["--what-if", "front-end=0"]
    one = run_json(*DENSE, *LOAD[2:], "--num-prompts", "120", "--max-concurrency", "16", *bare)
    two = run_json(*DENSE, *LOAD, "--max-concurrency", "32", "--data-parallel-size", "2", *bare)
    check_equal((two["finished"], two["ignored"], two["aborted"]), (240, 0, 0))
    check_equal(two["num_gpu_blocks"], one["num_gpu_blocks"])
    check(abs(two["tpot_s"]["mean"] / one["tpot_s"]["mean"] - 1) < 0.02, (one["tpot_s"], two["tpot_s"]))
    check(abs(two["makespan_s"] / one["makespan_s"] - 1) < 0.05, (one["makespan_s"], two["makespan_s"]))
    check_equal(two["config"]["data_parallel_size"], 2)
    check(any("2 engines" in sentence for sentence in two["config"]["assumed"]), two["config"]["assumed"])


def test_stride():
    """Engines that step by themselves and steps told one at a time give the same."""
    for more in ([*DENSE, "--max-concurrency", "40"], [*EXPERTS, "--enable-expert-parallel", "--request-rate", "30"],
                 [*DENSE, "--request-rate", "40", "--kv-memory", "1%"]):
        run = [*more, *LOAD, "--data-parallel-size", "3" if more[1] == DENSE[1] else "4"]
        strided, single = run_json(*run), run_json(*run, "--no-stride")
        for summary in (strided, single):
            del summary["wall_s"]
        check_equal(strided, single)


def test_routers():
    """Each router is the same with single steps, on the same seed, and deals requests out as its name says"""
    load = [*DENSE, *LOAD, "--request-rate", "60", "--kv-memory", "1%", "--data-parallel-size", "3"]
    of = lambda *words: without(run_json(*load, *words), "config")
    names = succeed("list", "routers", "--names").text.split()
    check({"engine", "round-robin", "random", "least-requests", "least-tokens", "least-kv", "two-choices", "prefix", "session"} <= set(names), names)
    runs = {name: of("--router", name) for name in names}
    for name in names:
        check_equal(of("--router", name, "--no-stride"), runs[name], name)
        check_equal(runs[name]["finished"], 240, name)
    check_equal(of(), runs["engine"])
    check_equal(runs["least-requests"], runs["engine"])  # vLLM's own
    check_equal(of("--scheduler", "sglang"), of("--scheduler", "sglang", "--router", "round-robin"))
    check_equal(runs["prefix"], runs["round-robin"])  # as long prompts as these, none of which begins as another
    check(len({json.dumps(run) for name, run in runs.items() if name not in ("prefix", "session")}) == len(names) - 3)
    check(of("--router", "random", "--seed", "4") != runs["random"])
    check(of("--router", "least-requests", "--router-waiting-weight", "0") != runs["least-requests"])
    # Where every second request is long, dealing by turn gives all of them to one engine of two.
    write("steps.csv", "arrival_s,prompt_tokens,output_tokens\n" +
          "".join("%g,64,%d\n" % (i / 40, 900 if i % 2 == 0 else 20) for i in range(200)))
    two = [*DENSE, "--trace", "steps.csv", "--data-parallel-size", "2", "--max-num-seqs", "16"]
    turn, least = (run_json(*two, "--router", name)["e2e_s"]["mean"] for name in ("round-robin", "least-requests"))
    check(turn > 1.1 * least, (turn, least))


def test_session_and_prefix():
    """Turns go where the turn before went, prompts where their prefix is; both find again what dealing in turn computes again"""
    turns = [{"session_id": str(s), **({"timestamp": 10 * s} if turn == 0 else {"delay": 200}), "input_length": 512 * (2 * turn + 2), "output_length": 40,
              "hash_ids": [1000 * s + i for i in range(2 * turn + 2)]} for turn in range(5) for s in range(7)]
    computed = {}
    for router in ("random", "session", "prefix"):
        write("s.jsonl", "".join(json.dumps(line) + "\n" for line in sorted(turns, key=lambda line: line.get("timestamp", 1e9))))
        words = [*DENSE, "--trace", "s.jsonl", "--data-parallel-size", "2", "--router", router]
        strided, single = (without(run_json(*words, *more)) for more in ([], ["--no-stride"]))
        check_equal(strided, single, router)
        check_equal(strided["finished"], 35)
        computed[router] = strided["ttft_s"]["mean"]
    check(computed["session"] < 0.8 * computed["random"] and computed["prefix"] < 0.8 * computed["random"], computed)


def test_prefix_options():
    """A threshold of all of a prompt, or a balance of one request, leaves no prefix router; a tree of a token remembers nothing"""
    trace = ["--trace", "gen:--requests 300 --rate 30 --turns 6 --prompt fixed:300 --output fixed:60", "--data-parallel-size", "2", "--router"]
    of = lambda *words: without(run_json(*DENSE, *trace, *words), "config")
    usual = of("prefix")
    check(usual["ttft_s"]["mean"] < 0.9 * of("random")["ttft_s"]["mean"])
    for option, value in (("cache-threshold", "1"), ("balance-abs-threshold", "0"), ("max-tree-size", "1")):
        more = ["--balance-rel-threshold", "0"] if option == "balance-abs-threshold" else []
        check(of("prefix", "--" + option, value, *more)["ttft_s"]["mean"] > 1.05 * usual["ttft_s"]["mean"], option)
    check(of("prefix", "--balance-abs-threshold", "0") != of("prefix", "--balance-abs-threshold", "0", "--balance-rel-threshold", "9"))
    text = succeed("run", *DENSE, *trace, "prefix").text
    check("remembers what it sent" in text, text)
    check("2 engines" in text, text)


def test_router_refused():
    """A router of one engine, and the options of another"""
    check_refused(["run", *DENSE, "--trace", "demo", "--router", "random"], ["--router", "--data-parallel-size"])
    check_refused(["run", *DENSE, "--trace", "demo", "--data-parallel-size", "2", "--router", "least"], ["'least'", "did you mean least-kv?"])
    check_refused(["run", *DENSE, "--trace", "demo", "--data-parallel-size", "2", "--router", "random", "--router-waiting-weight", "2"],
                  ["--router-waiting-weight", "least-requests", "random"])
    check_refused(["run", *DENSE, "--trace", "demo", "--data-parallel-size", "2", "--router", "session", "--cache-threshold", "0.5"],
                  ["--cache-threshold", "prefix", "session"])
    check_refused(["run", *DENSE, "--trace", "demo", "--data-parallel-size", "2", "--router", "prefix", "--cache-threshold", "1.5"],
                  ["--cache-threshold", "1.5"])


def test_experts():
    """Whole experts cost the busiest rank's rows; engines that share them hold fewer weights, and send their tokens."""
    # Known to the engine at once, so that both take the same steps.
    tp4 = [*EXPERTS, *LOAD, "--tensor-parallel-size", "4", "--what-if", "front-end=0"]
    split, whole = run_json(*tp4), run_json(*tp4, "--enable-expert-parallel")
    ratio = whole["time_s"]["linear"] / split["time_s"]["linear"]
    check(0.8 < ratio < 1.3 and ratio != 1, ratio)  # as many weights to read, other rows to compute
    check_equal(whole["time_s"]["comm"], split["time_s"]["comm"])
    check(any("busiest rank" in sentence for sentence in whole["config"]["assumed"]), whole["config"]["assumed"])
    alone = run_json(*EXPERTS, *LOAD)
    shared = run_json(*EXPERTS, *LOAD, "--data-parallel-size", "4", "--enable-expert-parallel")
    check_equal((alone["time_s"]["comm"] == 0, shared["time_s"]["comm"] > 0), (True, True))
    # Three of four parts of the experts' 54 GiB are elsewhere.
    block_bytes = 16 * 48 * 2 * 4 * 128 * 2
    more = (shared["num_gpu_blocks"] - alone["num_gpu_blocks"]) * block_bytes / 2 ** 30
    check(36 < more < 44, more)
    check_equal(run_json(*EXPERTS, *LOAD, "--data-parallel-size", "4", "--what-if", "comm=0")["time_s"]["comm"], 0.0)


def test_experts_split_and_dealt_out():
    """Between a part of every expert and whole ones lie groups: the busiest group's rows, by the ranks that share them. Sizes that mean the
    same are the same."""
    tp4 = [*EXPERTS, *LOAD, "--scheduler", "trtllm", "--tensor-parallel-size", "4"]
    runs = [run_json(*tp4, "--expert-parallel-size", size) for size in "124"]
    linear = [run["time_s"]["linear"] for run in runs]
    check(len(set(linear)) == 3 and max(linear) < 1.3 * min(linear), linear)
    for other, same in ((run_json(*tp4), runs[0]), (run_json(*tp4, "--enable-expert-parallel"), runs[2])):
        check_equal((other["time_s"], other["num_gpu_blocks"]), (same["time_s"], same["num_gpu_blocks"]))
    check_equal([run["config"]["expert_parallel_size"] for run in runs], [1, 2, 4])
    check_equal([any("busiest" in sentence for sentence in run["config"]["assumed"]) for run in runs], [False, True, True])
    # Three times as many experts, each a third as wide: 768 = 3 x 256 does not divide by 4 x 2.
    check("do not divide" in execute("run", *tp4, "--expert-parallel-size", "3").err)


def test_attention_groups():
    """SGLang's --enable-dp-attention: groups with KV of their own share experts; without it engines share nothing."""
    sglang = [*EXPERTS, *LOAD, "--scheduler", "sglang", "--what-if", "front-end=0"]
    groups = run_json(*sglang, "--tensor-parallel-size", "4", "--data-parallel-size", "2", "--enable-dp-attention")
    config = groups["config"]
    check_equal((config["tensor_parallel_size"], config["data_parallel_size"], config["enable_dp_attention"]), (4, 2, True))
    # A step's prompts, and how much is kept free, are shared out; so is --max-running-requests.
    check_equal((config["chunked_prefill_size"], config["schedule_conservativeness"]), (4096, 0.3))
    typed = run_json(*sglang, "--tensor-parallel-size", "4", "--data-parallel-size", "2", "--enable-dp-attention",
                     "--max-running-requests", "64", "--chunked-prefill-size", "2000")["config"]
    check_equal((typed["max_running_requests"], typed["chunked_prefill_size"]), (32, 1000))
    check(any("each gets a request in its turn" in sentence for sentence in config["assumed"]), config["assumed"])
    # Each group has two devices' KV heads, and a rank a fourth of the experts: more pages than two devices with half of them have.
    alone = run_json(*sglang, "--tensor-parallel-size", "2")
    check(groups["num_gpu_blocks"] > alone["num_gpu_blocks"], (groups["num_gpu_blocks"], alone["num_gpu_blocks"]))
    apart = run_json(*sglang, "--tensor-parallel-size", "2", "--data-parallel-size", "2")
    check_equal(apart["num_gpu_blocks"], alone["num_gpu_blocks"])
    check(apart["time_s"]["comm"] < groups["time_s"]["comm"], (apart["time_s"], groups["time_s"]))
    for size in "14":
        run = [*sglang, "--tensor-parallel-size", "4", "--data-parallel-size", "4", "--enable-dp-attention", "--expert-parallel-size", size]
        strided, single = run_json(*run), run_json(*run, "--no-stride")
        for summary in (strided, single):
            del summary["wall_s"]
        check_equal(strided, single)


def test_in_turn():
    """SGLang's engines get requests in turn: a long one every other time fills one engine alone."""
    lines = "".join(f"{i / 100},{4000 if i % 2 else 100},50\n" for i in range(60))
    write("t.csv", "arrival_s,prompt_tokens,output_tokens\n" + lines)
    load = [*DENSE, "--trace", "t.csv", "--data-parallel-size", "2"]
    sglang = run_json(*load, "--scheduler", "sglang", "--max-running-requests", "4", "--requests", "s.csv")
    vllm = run_json(*load, "--max-num-seqs", "4", "--requests", "v.csv")

    def latest(path, odd):
        rows = [line.split(",") for line in read(path).decode().splitlines()[1:]]
        return max(float(row[5]) for i, row in enumerate(rows) if i % 2 == odd)

    check_equal((sglang["finished"], vllm["finished"]), (60, 60))
    check(latest("s.csv", 1) > 1.5 * latest("s.csv", 0), (latest("s.csv", 0), latest("s.csv", 1)))
    check(latest("v.csv", 1) < 1.2 * latest("v.csv", 0), (latest("v.csv", 0), latest("v.csv", 1)))


def test_one_request_in_stages():
    """Alone in a pipeline a request passes all stages in turn: as long as in one, and what is sent between them."""
    alone = ["--num-prompts", "1", "--random-input-len", "800", "--random-output-len", "50", "--no-async-scheduling"]
    for model in DENSE, EXPERTS:
        times = [run_json(*model, *alone, "--pipeline-parallel-size", str(stages)) for stages in (1, 2, 4, 8)]
        for stages, staged in zip((2, 4, 8), times[1:]):
            sent = staged["time_s"]["comm"]
            check(sent > 0 and abs(staged["makespan_s"] - times[0]["makespan_s"] - sent) < 1e-6, (stages, staged, times[0]))
            check_equal(staged["steps"], times[0]["steps"])


def test_stages_work_side_by_side():
    """Many requests fill the stages: faster than one stage, slower than as many times so; no token is lost, whatever the pool."""
    load = [*LOAD, "--max-concurrency", "48", "--no-async-scheduling"]
    one = run_json(*DENSE, *load)
    for stages in 2, 3, 4:
        several = run_json(*DENSE, *load, "--pipeline-parallel-size", str(stages))
        gain = one["makespan_s"] / several["makespan_s"]
        check(1 < gain < stages, (stages, gain))
        check(several["num_gpu_blocks"] > one["num_gpu_blocks"] * stages, several["num_gpu_blocks"])
        check_equal((several["finished"], several["output_tokens_per_s"] > 0), (240, True))
        check(several["busy_s"] < stages * several["makespan_s"], several["busy_s"])
    for scheduler in "vllm-0.8", "vllm-0.19", "vllm", "vllm-v1":
        for more in ([], ["--no-enable-prefix-caching"], ["--long-prefill-token-threshold", "200"]):
            tight = run_json(*DENSE, *load, *more, "--scheduler", scheduler, "--pipeline-parallel-size", "3",
                             "--num-gpu-blocks", "200", "--requests", "r.csv")
            rows = [line.split(",") for line in read("r.csv").decode().splitlines()[1:]]
            check_equal((tight["finished"], sum(int(row[3]) for row in rows)), (240, 240 * 80))
            check(tight["preemptions"] > 0, tight["preemptions"])
            check(all(float(row[1]) <= float(row[4]) <= float(row[5]) for row in rows))
            check_equal(tight["peak_gpu_blocks"] <= 200, True)


def test_stage_sizes():
    """Layers that do not divide go to the stages before the last, and the fullest stage's pool is everybody's."""
    whole = run_json(*DENSE, "--num-prompts", "1", "--max-model-len", "2048")
    block_bytes = 16 * 32 * 2 * 8 * 128 * 2
    for stages, most in (2, 16), (3, 11), (5, 7):
        found = run_json(*DENSE, "--num-prompts", "1", "--max-model-len", "2048", "--pipeline-parallel-size", str(stages))
        pool = found["num_gpu_blocks"] * block_bytes * most / 32 / 2 ** 30
        check(pool < whole["num_gpu_blocks"] * block_bytes / 2 ** 30 + 14 and pool > 40, (stages, pool))


def test_refused():
    """What is not modelled is refused with what it is, once."""
    for words, expected in [
            ([*DENSE, "--enable-expert-parallel"], "has no experts"),
            ([*EXPERTS, "--data-parallel-size", "16"], "links between nodes"),
            ([*EXPERTS, "--tensor-parallel-size", "4", "--data-parallel-size", "4"], "links between nodes"),
            ([*DENSE, "--data-parallel-size", "2", "-o", "r.db"], "is of one engine"),
            ([*DENSE, "--data-parallel-size", "2", "--decisions", "d.jsonl"], "is of one engine"),
            ([*DENSE, "--expert-parallel-size", "2", "--scheduler", "trtllm"], "has no experts"),
            ([*EXPERTS, "--expert-parallel-size", "2"], "--enable-expert-parallel"),
            ([*EXPERTS, "--enable-expert-parallel", "--scheduler", "sglang"], "--expert-parallel-size"),
            ([*EXPERTS, "--enable-dp-attention", "--data-parallel-size", "2"], "--enable-dp-attention"),
            ([*EXPERTS, "--enable-dp-attention", "--scheduler", "sglang"], "no effect"),
            ([*EXPERTS, "--enable-dp-attention", "--data-parallel-size", "3", "--tensor-parallel-size", "4", "--scheduler", "sglang"],
             "of as many"),
            ([*DENSE, "--enable-dp-attention", "--data-parallel-size", "2", "--tensor-parallel-size", "2", "--scheduler", "sglang"],
             "has no experts"),
            ([*DENSE, "--pipeline-parallel-size", "64"], "32 layers"),
            ([*DENSE, "--pipeline-parallel-size", "8", "--tensor-parallel-size", "2"], "links between nodes"),
            ([*DENSE, "--pipeline-parallel-size", "2", "--async-scheduling"], "--async-scheduling"),
            ([*DENSE, "--pipeline-parallel-size", "2", "--scheduler", "vllm-0.6"], "from 0.8 on"),
            ([*DENSE, "--pipeline-parallel-size", "2", "--perfetto", "p.json"], "overlap"),
            ([*DENSE, "--data-parallel-size", "0"], "--data-parallel-size")]:
        result = execute("run", *words, *LOAD)
        check(result.status == 2 and expected in result.err and len(result.messages) == 1, str(result))
    check("one engine" in execute("regret", *DENSE, "--trace", "demo", "--data-parallel-size", "2").err)


def test_host_memory():
    """--kv-offloading-size is of all cards of an engine, so that a model's blocks in it are as many on two; --swap-space of each, so that they are twice
    as many. KV heads that cards repeat are kept as often"""
    def blocks(model, cards, *words):
        config = run_json("--model", model, "--device", "h200", "--num-prompts", "2", "--tensor-parallel-size", cards, *words)["config"]
        return config["num_offload_blocks"] + config["num_cpu_blocks"]
    offload, swap = ["--kv-offloading-size", "20"], ["--overflow", "swap", "--swap-space", "20"]
    check_equal([blocks("llama-3.1-8b", cards, *offload) for cards in "1248"], [10240] * 4)
    check_equal([blocks("llama-3.1-8b", cards, *swap) for cards in "124"], [10240, 20480, 40960])
    check_equal([blocks("llama-3.1-8b", cards, "--overflow", "offload", "--swap-space", "20") for cards in "12"], [10240, 20480])
    one, four = (blocks("qwen3-30b-a3b", cards, *offload) for cards in "14")  # 4 KV heads
    check_equal((one, blocks("qwen3-30b-a3b", "8", *offload)), (four, one // 2))


def test_beyond_a_node():
    """A group of more devices than a node has is told to be linked as in one"""
    for model in ("llama-3.1-70b", "deepseek-r1"):
        words = ["--model", model, "--device", "h200", "--num-prompts", "2", "--tensor-parallel-size"]
        said = [any("links between nodes are not modelled" in one for one in run_json(*words, size)["config"].get("assumed", []))
                for size in ("8", "16")]
        check_equal(said, [False, True], model)


def test_pasted():
    """A deployment's flags are taken as they are."""
    found = run_json("--device", "h100-sxm", *LOAD, "--vllm-args",
                     "vllm serve Qwen/Qwen3-30B-A3B -tp 2 -dp 2 -pp 2 --enable-expert-parallel")["config"]
    check_equal([found[key] for key in ("tensor_parallel_size", "data_parallel_size", "pipeline_parallel_size", "enable_expert_parallel")],
                [2, 2, 2, True])


main(all_tests(globals()))
