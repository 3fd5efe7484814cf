#!/usr/bin/env python3
"""TensorRT-LLM by its published rules: block reuse, and how contexts share a step."""
import json

from spillway_test import all_tests, check, check_equal, execute, main, read_json_lines, run_json, write

BASE = ["--executor", "unit", "--scheduler", "trtllm", "--block-size", "16", "--decisions", "log.jsonl"]
CHUNKED = ["--enable-chunked-prefill", "--no-enable-prefix-caching"]


def trace(name, *requests):
    """Each request: prompt, output, and a hash for each 16 tokens of its prompt."""
    write(name, "".join(json.dumps({"timestamp": 0, "input_length": prompt, "output_length": output, "hash_ids": hashes,
                                    "hash_block_tokens": 16}) + "\n" for prompt, output, hashes in requests))
    return ["--trace", name]


def decisions():
    return [line for line in read_json_lines("log.jsonl") if "scheduled" in line]


def steps(words, *more):
    """What each step schedules."""
    run_json(*BASE, *words, *more)
    return [line["scheduled"] for line in decisions()]


def test_who_shares_waits_a_step():
    """A context whose first new block another is computing is passed over, those behind it are not; then it finds the block."""
    words = trace("same.jsonl", (64, 4, [1, 2, 3, 4]), (64, 4, [1, 2, 3, 5]), (32, 4, [6, 7])) + ["--num-gpu-blocks", "40"]
    on = steps(words)
    check_equal(on[0], [[0, 64, "n"], [2, 32, "n"]])
    check(on[1][-1] == [1, 16, "n"] and len(on[1]) == 3, on[1])
    off = steps(words, "--no-enable-prefix-caching")
    check_equal(off[0], [[0, 64, "n"], [1, 64, "n"], [2, 32, "n"]])
    batch = steps(words, "--capacity-policy", "static-batch")
    check_equal(batch[0], off[0], "nobody is passed over in a static batch")


def test_held_blocks_are_free_of_capacity():
    """What another holds is not needed twice: the pool guarantees more requests to their ends."""
    words = trace("same.jsonl", *[(64, 16, [1, 2, 3, 4 + i]) for i in range(3)]) + ["--num-gpu-blocks", "9"]
    together = max(len(step) for step in steps(words))  # 5 blocks to the end of the first, 2 more of each other
    check_equal(together, 3)
    check_equal(max(len(step) for step in steps(words, "--no-enable-prefix-caching")), 1)


def test_a_prompt_is_found_when_all_of_it_is_computed():
    """Chunks are not found before their context has ended; who waits for them does not start."""
    words = trace("same.jsonl", (64, 4, [1, 2, 3, 4]), (64, 4, [1, 2, 3, 5])) + ["--num-gpu-blocks", "40"]
    log = steps(words, "--enable-chunked-prefill", "--max-num-batched-tokens", "32")
    check_equal(log[:3], [[[0, 32, "n"]], [[0, 32, "c"]], [[0, 1, "d"], [1, 16, "n"]]])


def test_paused_ones_find_their_blocks():
    """Under max-utilization a paused request finds what nobody has taken since, and nothing without reuse."""
    plain, hashed = [(40, 60, []), (24, 60, []), (56, 40, []), (30, 40, [])], [(40, 60, [1, 2, 3]), (24, 60, [4, 5]),
                                                                             (56, 40, [6, 7, 8, 9]), (30, 40, [10, 11])]
    pool = ["--num-gpu-blocks", "12", "--max-model-len", "192", "--capacity-policy", "max-utilization"]
    for requests in (plain, hashed):
        words = trace("four.jsonl", *requests) + pool
        on, off = run_json(*BASE, *words), run_json(*BASE, *words, "--no-enable-prefix-caching")
        check_equal([on["preemptions"], off["preemptions"]], [3, 3])
        check(on["recomputed_tokens"] < off["recomputed_tokens"], [on["recomputed_tokens"], off["recomputed_tokens"]])


def test_least_recently_used_goes_first():
    """Blocks that nobody holds are taken in the order in which they were given back, a prefix's end before its start."""
    first, second = (48, 1, [1, 2, 3]), (48, 1, [4, 5, 6])
    words = trace("lru.jsonl", first, second, (64, 1, [7, 8, 9, 10]), first, second) + [
        "--num-gpu-blocks", "8", "--max-num-seqs", "1"]
    cached = {step[0][0]: step[0][1] for step in steps(words)}
    # The third takes two blocks that were never used, then the first one's last and middle ones; the first, which comes back
    # and finds its start, takes the second one's.
    check_equal([cached[3], cached[4]], [32, 32])


def test_chunks():
    """First come, first served gives what is left in whole blocks, equal progress a block each in turn."""
    words = trace("long.jsonl", (100, 2, []), (70, 2, []), (6, 2, [])) + ["--num-gpu-blocks", "40", *CHUNKED,
                                                                             "--max-num-batched-tokens", "72"]
    check_equal(steps(words)[0], [[0, 64, "n"], [2, 6, "n"]])
    fair = steps(words, "--context-chunking-policy", "equal-progress")
    check_equal(fair[0], [[0, 32, "n"], [1, 32, "n"], [2, 6, "n"]])
    check_equal(sum(tokens for _, tokens, _ in fair[1]), 71)  # the decode, then whole blocks and what is left of the second


def test_a_context_has_all_its_blocks_at_once():
    """A context holds the blocks of its whole prompt from its first chunk on."""
    words = trace("long.jsonl", (160, 2, [])) + ["--num-gpu-blocks", "40", *CHUNKED, "--max-num-batched-tokens", "32",
                                                "--capacity-policy", "max-utilization"]
    run_json(*BASE, *words)
    check_equal([line["gpu_free"] for line in decisions()][:3], [30, 30, 30])


def test_latent_attention_without_cached_context():
    """Where its kernels of latent attention read no KV from before the step, blocks are not reused and prompts not cut"""
    words = trace("again.jsonl", (64, 4, [1, 2, 3, 4]), (64, 4, [1, 2, 3, 5])) + ["--model", "deepseek-r1", "--max-model-len", "100",
                                                                                  "--num-gpu-blocks", "40", "--max-num-seqs", "1"]
    for card, reuses in (("a100-80gb", False), ("h200", True)):
        run = execute("run", *BASE, *words, "--block-size", "16", "--device", card, "--format", "json")
        config = json.loads(run.out)["config"]
        check_equal((config["enable_prefix_caching"], config["enable_chunked_prefill"]), (reuses, False), card)
        check_equal("latent attention on Hopper" in config["defaults"]["enable_prefix_caching"], not reuses, config["defaults"])
        typed = execute("run", *BASE, *words, "--device", card, "--enable-prefix-caching", "--enable-chunked-prefill", "--format", "json")
        config = json.loads(typed.out)["config"]
        check_equal((config["enable_prefix_caching"], config["enable_chunked_prefill"]), (reuses, reuses), card)
        for option in ("--enable-prefix-caching", "--enable-chunked-prefill"):
            check_equal(option + ": trtllm turns it off on a100-80gb" in typed.err, not reuses, typed.err)
    plain = run_json(*BASE, *trace("again.jsonl", (64, 4, [1, 2, 3, 4])), "--model", "llama-2-7b", "--device", "a100-80gb",
                     "--num-gpu-blocks", "40", "--max-model-len", "100")
    check_equal(plain["config"]["enable_prefix_caching"], True)


def test_defaults():
    """What is not typed is the engine's own, and says so; the pool is a share of what all else leaves free."""
    words = ["--trace", "demo", "--limit", "2", "--model", "llama-2-7b", "--device", "a100-40gb", "--scheduler", "trtllm"]
    run = run_json(*words)
    found = {key: run["config"][key] for key in ("block_size", "max_num_seqs", "max_num_batched_tokens", "enable_prefix_caching",
                                                 "free_gpu_memory_fraction", "gpu_memory_utilization")}
    check_equal(list(found.values()), [32, 2048, 8192, True, 0.9, None])
    large = run_json("--trace", "demo", "--limit", "2", "--model", "llama-3.1-8b", "--device", "h100-sxm", "--scheduler", "trtllm")["config"]
    check_equal([large["max_num_batched_tokens"], large["max_model_len"]], [8192, 131072])  # not as many tokens as the longest prompt has
    origins = run["config"]["defaults"]
    check(all(origins[key] == "trtllm" for key in list(found)[:5]), origins)
    half = run_json(*words, "--free-gpu-memory-fraction", "0.45")["config"]["num_gpu_blocks"]
    check(abs(run["config"]["num_gpu_blocks"] - 2 * half) <= 1, half)


def test_the_budget_bounds_prompts():
    """Without chunks max_num_tokens bounds prompts, not outputs; who may be paused must fit a step with all that it has."""
    write("bounds.csv", "arrival_s,prompt_tokens,output_tokens\n0,100,90\n0,121,3\n")
    words = ["--trace", "bounds.csv", "--model", "llama-2-7b", "--device", "a100-40gb", "--scheduler", "trtllm",
             "--max-num-batched-tokens", "120"]
    for policy in ("guaranteed-no-evict", "static-batch"):
        run = run_json(*words, "--capacity-policy", policy)
        check_equal([run["finished"], run["ignored"], run["output_tokens"], run["config"]["max_model_len"]], [1, 1, 90, 4096], policy)
    run = run_json(*words, "--capacity-policy", "max-utilization")
    check_equal([run["finished"], run["ignored"], run["output_tokens"], run["config"]["max_model_len"]], [1, 1, 20, 120])
    run = run_json(*words, "--enable-chunked-prefill")
    check_equal([run["finished"], run["output_tokens"]], [2, 93])


main(all_tests(globals()))
