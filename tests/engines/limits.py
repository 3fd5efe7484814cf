#!/usr/bin/env python3
"""What a server refuses, and what it would not start with: lengths, pools, options that a version does not heed."""
import json
import re

from spillway_test import HARDWARE, HEADER, all_tests, check, check_equal, execute, main, read, run_json, succeed, write


def test_too_long():
    """A prompt that the pool can never hold is ignored, and the table says why."""
    write("long.csv", HEADER + "0,100000000,10\n1,5,5\n")
    words = [*HARDWARE, "--trace", "long.csv"]
    for scheduler in ("vllm-v1", "vllm-0.6", "vllm-0.5"):
        summary = run_json(*words, "--scheduler", scheduler)
        check_equal((summary["ignored"], summary["finished"]), (1, 1))
        text = succeed("run", *words, "--scheduler", scheduler).text
        check(re.match(r"1 request \(50\.0 % of all\) was ignored: .*max_model_len.*\. max_model_len is 4,096: the context of llama-2-7b", text), text)
    text = succeed("run", *words, "--num-gpu-blocks", "100").text
    check(re.match(r"1 request .* max_model_len is 1,(584|600): what the pool holds; more blocks", text), text)


def test_length_limit():
    """A request that is refused for its length is told the limit, where it comes from and what changes it; few are told of later."""
    config = write("scaled.json", '{"model_type":"llama","num_hidden_layers":2,"hidden_size":64,"num_attention_heads":4,'
                   '"intermediate_size":96,"vocab_size":100,"max_position_embeddings":512,'
                   '"rope_scaling":{"rope_type":"linear","factor":2.0}}')
    write("few.csv", HEADER + "0,2000,5\n" + "".join(f"{i},10,5\n" for i in range(1, 200)))
    words = ["--model", config, "--device", "a100-40gb", "--trace", "few.csv"]
    text = succeed("run", *words).text
    sentence = (r"1 request was ignored: .*\. max_model_len is 1,024: the context of scaled "
                r"\(rope_scaling: linear, 2 x max_position_embeddings 512\); --max-model-len changes it\.")
    check(not re.match("1 request", text) and re.search(sentence, text), text)
    check(re.search(r"max_model_len is 100: --max-model-len\.", succeed("run", *words, "--max-model-len", "100").text))
    check_equal(run_json(*words)["config"]["defaults"]["max_model_len"].split(" (")[0], "the context of scaled")
    check_equal(run_json(*words, "--max-model-len", "3000")["ignored"], 0)


def test_cut_outputs():
    """Outputs that end at a limit are told, with how much they lack, in text, JSON, comparisons and results; where none does nothing is said"""
    write("cut.csv", HEADER + "0,100,10\n0,100,50\n0,80,90\n0,130,5\n")
    def said(*words):
        return [one for one in run_json(*HARDWARE, "--trace", "cut.csv", *words)["config"].get("assumed", []) if "at a limit" in one]
    for scheduler, limit, count, less in (("vllm", 120, 2, 80), ("vllm-0.6", 120, 2, 78), ("trtllm", 120, 2, 80), ("vllm", 150, 1, 20)):
        text = "%d output%s at a limit, in sum %d tokens short of the trace: max_model_len is %d (--max-model-len)" % (
            count, " ends" if count == 1 else "s end", less, limit)
        check_equal(said("--scheduler", scheduler, "--max-model-len", str(limit)), [text])
    check_equal(said("--max-model-len", "200"), [])
    pool = ["--num-gpu-blocks", "11"]
    check("(what the pool holds; more blocks" in said(*pool)[0], said(*pool))
    check("the pool sets another" in said("--scheduler", "sglang", "--max-total-tokens", "140")[0], said("--scheduler", "sglang", "--max-total-tokens", "140"))
    for verb in (["run", "-o", "cut.db"], ["compare", "--overflow", "recompute,swap"]):
        text = succeed(*verb, *HARDWARE, "--trace", "cut.csv", *pool).text
        check(re.search(r"Assumed: 1 output ends at a limit, in sum \d+ tokens short", text), text)
    succeed("report", "cut.db", "-o", "cut.html")
    check(b"tokens short of the trace" in read("cut.html"), "not on the page")


def test_pool_beside_weights():
    """A KV pool that the weights leave no room for is simulated, with a note."""
    for size in (["--kv-memory", "30GiB"], ["--num-gpu-blocks", "4000"]):
        err = succeed("run", *HARDWARE, "--trace", "demo", *size).err
        check(re.search("note: a server would not start: weights of 12.6 GiB and .* a100-40gb", err), err)
    check_equal(succeed("run", *HARDWARE, "--trace", "demo", "--kv-memory", "20GiB").err, "")


def test_prefill_interval():
    """A single engine heeds the prefill interval from 0.33 on; before, a run says that it does not"""
    write("two.csv", "arrival_s,prompt_tokens,output_tokens\n0,20,30\n3,20,5\n")
    def run(*words):
        return execute("run", "--executor", "unit", "--trace", "two.csv", "--num-gpu-blocks", "30", "--no-async-scheduling",
                       "--format", "json", *words)
    def waits(*words):
        return json.loads(run(*words).out)["ttft_s"]["max"]
    paced = ["--prefill-schedule-interval", "9"]
    check_equal(waits("--scheduler", "vllm-0.33", *paced) - waits("--scheduler", "vllm-0.33"), 6)
    for old in ("vllm-0.24", "vllm-0.32"):
        check_equal(waits("--scheduler", old, *paced), waits("--scheduler", old), old)
        check("before vllm-0.33" in run("--scheduler", old, *paced).err, old)
    check_equal(run("--scheduler", "vllm-0.33", *paced).err, "")


main(all_tests(globals()))
