#!/usr/bin/env python3
"""The API front end before the scheduler: one prompt read after the other, from the time at which a client sent it."""
import csv
import re

from spillway_test import (all_tests, check, check_close, check_equal, check_refused, main, read, read_json_lines, run_json, source,
                           succeed, without, write)

CARD = ["--model", "llama-3.1-8b", "--device", "h100-sxm"]
REQUEST_S, TOKEN_S = 2e-3, 1.5e-6  # of the host unknown


def rows(path):
    return sorted(csv.DictReader(read(path).decode().splitlines()), key=lambda row: int(row["id"]))


def test_lone():
    """A request that is alone gets its first token later by what the front end takes, and takes as long from there on."""
    for tokens in (7, 5000):
        load = [*CARD, "--num-prompts", "1", "--random-input-len", tokens, "--random-output-len", "20"]
        behind, bare = run_json(*load), run_json(*load, "--what-if", "front-end=0")
        dear = run_json(*load, "--what-if", "front-end=3x")
        takes_s = REQUEST_S + tokens * TOKEN_S
        check_close(behind["ttft_s"]["mean"] - bare["ttft_s"]["mean"], takes_s, relative=1e-6)
        check_close(dear["ttft_s"]["mean"] - bare["ttft_s"]["mean"], 3 * takes_s, relative=1e-6)
        check_equal(behind["tpot_s"], bare["tpot_s"])
        check_close(behind["config"]["front_end_request_ps"], REQUEST_S * 1e12)
        check_equal(bare["config"]["front_end_token_ps"], 0)


def test_burst():
    """Requests that are sent at once are read one by one: the k-th is known to the engine k prompts later."""
    trace = [*CARD, "--trace", "gen:--requests 9 --arrivals burst --prompt fixed:100000 --output fixed:2", "--max-num-seqs", "1"]
    run_json(*trace, "--no-enable-prefix-caching", "--no-async-scheduling", "--what-if", "front-end=100x", "--requests", "r.csv")
    found = rows("r.csv")
    check_equal({float(row["arrival_s"]) for row in found}, {0.0}, "the time that the client sent it")
    for before, row in zip(found, found[1:]):
        gap = float(row["first_token_s"]) - float(before["first_token_s"])
        check_close(gap, 100 * 100000 * TOKEN_S, relative=1e-6)
    check(float(found[0]["first_token_s"]) > 100 * (REQUEST_S + 100000 * TOKEN_S), found[0])


def test_strides():
    """Many steps at once, or one by one, with requests that wait in the front end, closed loops and several engines."""
    for words in (["--trace", "demo"], ["--num-prompts", "90", "--max-concurrency", "7"],
                  ["--num-prompts", "60", "--max-concurrency", "9", "--data-parallel-size", "3"],
                  ["--trace", "demo", "--limit", "90", "--num-gpu-blocks", "400", "--max-model-len", "4000"],
                  ["--scheduler", "sglang", "--num-prompts", "60", "--max-concurrency", "8", "--random-input-len", "300"]):
        words = [*CARD, *words, "--what-if", "front-end=20x"]
        check_equal(without(run_json(*words, "--requests", "a.csv"), "config"),
                    without(run_json(*words, "--no-stride", "--requests", "b.csv"), "config"))
        check_equal(read("a.csv"), read("b.csv"))


def test_replay():
    """A replayed run has the front end of the run that was recorded, so that it decides the same again."""
    words = ["--trace", "demo", "--limit", "60", "--num-gpu-blocks", "600", "--max-model-len", "4000"]
    succeed("run", *CARD, *words, "--what-if", "front-end=9x", "--record-steps", "-o", "r.db", "--decisions", "a.jsonl")
    succeed("run", *CARD, *words, "--executor", "replay", "--replay", "r.db", "--decisions", "b.jsonl")
    decided, again = ([line for line in read_json_lines(name) if "step" in line] for name in ("a.jsonl", "b.jsonl"))
    check(len(decided) > 60, len(decided))
    check_equal(again, decided)


def test_told():
    """It is told as assumed; hosts whose runs were measured behind it have none, nor has the executor unit."""
    check("Assumed: API front end: 2000 us a request, 1.5 a prompt token (known" in succeed("run", *CARD, "--trace", "demo", "--limit", "3").text)
    for words in (["--host", "llmservingsim-rtx-4090"], ["--what-if", "front-end=0"], ["--scheduler", "vllm-0.6"]):
        text = succeed("run", *CARD, "--trace", "demo", "--limit", "3", *words).text
        check("API front end" not in text, text)
    unit = run_json("--executor", "unit", "--trace", "demo", "--limit", "3", "--num-gpu-blocks", "999", "--max-model-len", "9000")
    check_equal(unit["config"]["front_end_request_ps"], 0)


def test_host_file():
    """Another host's figures, and what is no figure."""
    host = re.sub(r"^api_\w+_(least|most)_us=.*\n", "", read(source("calib", "hosts", "unknown.ini")).decode(), flags=re.M).replace("api_request_us=2000", "api_request_us=50").replace("api_token_us=1.5", "api_token_us=0")
    write("own.ini", host)
    load = [*CARD, "--num-prompts", "1", "--random-output-len", "2"]
    check_close(run_json(*load, "--host", "own.ini")["ttft_s"]["mean"] - run_json(*load, "--what-if", "front-end=0")["ttft_s"]["mean"],
                50e-6, relative=1e-6)
    write("own.ini", host.replace("api_token_us=0", "api_token_us=-1"))
    check_refused(["run", *load, "--host", "own.ini"], ["own.ini", "api_token_us"])


if __name__ == "__main__":
    main(all_tests(globals()))
