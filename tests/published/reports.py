#!/usr/bin/env python3
"""What users of real engines reported happens here, too: its direction and its size, not its digits."""
from spillway_test import all_tests, check, check_equal, main, run_json


def test_admission_without_a_gate():
    """Eight prompts of 100,000 tokens in a pool of 4.4, nothing cached: before vLLM 0.19, which asks for a whole prompt's room, requests are evicted
    hundreds of times, and throughput falls to a quarter and less"""
    words = ["--model", "llama-3.1-8b", "--device", "h100-sxm", "--num-prompts", "8", "--random-input-len", "100000", "--random-output-len", "2000",
             "--num-gpu-blocks", "27500", "--no-enable-prefix-caching"]
    before, after = (run_json(*words, "--scheduler", version) for version in ("vllm-0.18", "vllm-0.19"))
    without = run_json(*words, "--scheduler", "vllm-0.33", "--no-scheduler-reserve-full-isl")
    check_equal(after["preemptions"], 0)
    for run in (before, without):
        check(run["preemptions"] > 200 and run["output_tokens_per_s"] < 0.3 * after["output_tokens_per_s"], (run["preemptions"], run["makespan_s"]))


def test_more_sequences():
    """16 requests a second: with 32 sequences a token takes some percent longer than with 16, and the first token comes in less than a fifth of the time"""
    words = ["--model", "llama-2-7b", "--device", "a100-40gb", "--num-prompts", "400", "--request-rate", "16", "--random-input-len", "128"]
    few, many = (run_json(*words, "--max-num-seqs", number) for number in ("16", "32"))
    check(1.05 < many["tpot_s"]["mean"] / few["tpot_s"]["mean"] < 1.25, (few["tpot_s"], many["tpot_s"]))
    check(few["ttft_s"]["mean"] > 5 and many["ttft_s"]["mean"] < few["ttft_s"]["mean"] / 5, (few["ttft_s"], many["ttft_s"]))


main(all_tests(globals()))
