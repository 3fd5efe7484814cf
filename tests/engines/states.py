#!/usr/bin/env python3
"""Models with recurrent states that vLLM's prefix cache keeps: schedules of the scheduler of vLLM 0.31.0, 0.32.0 and 0.33.0 itself, run without a GPU on
these requests, line by line; and on which device whose kernels spare prefills a step."""
import json

from spillway_test import all_tests, check, check_equal, main, read, source, succeed, write

STATES_OF_16 = {"num_hidden_layers": 16, "hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 256,
                "intermediate_size": 512, "vocab_size": 1000}  # blocks of 16 tokens; three groups of states, one of attention
SCAN = {"hybrid_override_pattern": "MMM*" * 4, "mamba_num_heads": 1, "mamba_head_dim": 8, "n_groups": 1, "ssm_state_size": 8}
DELTA = {"moe_intermediate_size": 64, "shared_expert_intermediate_size": 64, "num_experts": 4, "num_experts_per_tok": 2,
         "linear_num_key_heads": 1, "linear_num_value_heads": 1, "linear_key_head_dim": 8, "linear_value_head_dim": 8}
SHARED = list(range(100, 107))

# Of each request arrival, prompt, output and what its blocks hold; of each line who runs how many tokens and the blocks that are free then.
ENDS = [(0, 50, 3, SHARED[:4]), (1, 80, 3, SHARED[:2] + [1, 2, 3]), (6, 64, 2, SHARED[:2] + [1, 2]), (7, 33, 2, SHARED[:2] + [9])]
TWO = [(0, 100, 4, SHARED), (0, 48, 20, [20, 21, 22]), (2, 120, 3, SHARED[:5] + [8, 9, 10]), (6, 100, 3, SHARED)]
SMALL = [(0, 100, 30, SHARED), (0, 60, 30, [20, 21, 22, 23]), (1, 40, 9, [30, 31, 32])]
ENDS_WORDS = ["--max-num-batched-tokens", 64, "--num-gpu-blocks", 60, "--no-async-scheduling"]
TWO_WORDS = ["--max-num-batched-tokens", 200, "--num-gpu-blocks", 60]
SMALL_WORDS = ["--max-num-batched-tokens", 256, "--num-gpu-blocks", 26, "--no-async-scheduling"]

WITHIN = [  # Mamba 2, 0.33: the last kept state comes within the last step
    (ENDS, ENDS_WORDS, ["0:50n 49", "0:1d 1:32n 47", "0:1d 1:48c 38", "1:1d 47", "1:1d 50", "2:16n 50", "2:16c 3:1n 42", "2:1d 3:1d 44"]),
    (TWO, TWO_WORDS, ["0:100n 1:48n 37", "0:1d 1:1d 33", "0:1d 1:1d 39", "0:1d 1:1d 2:80n 34", "1:1d 2:40c 25", "1:1d 2:1d 35", "1:1d 2:1d 41",
                      "1:1d 3:4n 28", "1:1d 3:1d 39", "1:1d 3:1d 42"]),
    (SMALL, SMALL_WORDS, ["0:100n 1:60n 2", "0:1d 1:1d 8", "0:1d 1:1d 8", "0:1d 1:1d 8", "0:1d 1:1d 8", "0:1d 1:1d 4"]),
]
BESIDE = [  # the gated delta rule, 0.33, no device: it takes a step of its own
    (ENDS, ENDS_WORDS, ["0:48n 53", "0:2c 1:32n 44", "0:1d 1:32c 42", "0:1d 1:16c 41", "1:1d 47", "1:1d 50", "2:16n 50", "2:16c 3:1n 42",
                        "2:1d 3:1d 44"]),
    (TWO, TWO_WORDS, ["0:96n 1:32n 45", "0:4c 1:16c 37", "0:1d 1:1d 33", "0:1d 1:1d 2:80n 31", "0:1d 1:1d 2:32c 29", "1:1d 2:8c 25",
                      "1:1d 2:1d 38", "1:1d 2:1d 3:4n 28"]),
    (SMALL, SMALL_WORDS, ["0:96n 1:48n 10", "0:4c 1:12c 2", "0:1d 1:1d 2:32n 3", "0:1d 1:1d 8", "0:1d 1:1d 8", "0:1d 1:1d 8", "0:1d 1:1d 4",
                          "0:1d 1:1d 2:32r 2"]),
]
BEFORE = [  # 0.31: the end of a prompt of whole blocks is a kept state's
    (ENDS, ENDS_WORDS, ["0:48n 53", "0:2c 1:32n 44", "0:1d 1:48c 41", "0:1d 1:1d 40", "1:1d 50", "2:16n 50", "2:16c 3:1n 42", "2:1d 3:1d 44"]),
    (TWO, TWO_WORDS, ["0:96n 1:48n 44", "0:4c 1:1d 36", "0:1d 1:1d 36", "0:1d 1:1d 2:80n 34", "0:1d 1:1d 2:32c 29", "1:1d 2:8c 25"]),
]
FOLLOWS = [(0, 100, 6, SHARED), (0, 110, 3, SHARED[:6] + [8])]
FOLLOWS_WORDS = ["--max-num-batched-tokens", 100, "--num-gpu-blocks", 60]
AGAIN = [(FOLLOWS, FOLLOWS_WORDS, ["0:100n 46", "0:1d 46", "0:1d 1:14n 42", "0:1d 1:1d 42"])]  # 0.32: the state is withheld for two steps
ONCE = [(FOLLOWS, FOLLOWS_WORDS, ["0:100n 46", "0:1d 1:14n 42", "0:1d 1:1d 42", "0:1d 1:1d 45"])]


def model(family, changes):
    config = json.loads(read(source("tests", "models", "families", family + ".json")))
    write("model.json", json.dumps({**config, **STATES_OF_16, **changes}))


def schedule(version, requests, words):
    write("trace.jsonl", "".join(json.dumps({"chat_id": i, "parent_chat_id": -1, "timestamp": at, "input_length": prompt, "output_length": output,
                                             "type": "text", "turn": 1, "hash_ids": hashes}) + "\n"
                                 for i, (at, prompt, output, hashes) in enumerate(requests)))
    return lines("--scheduler", version, "--trace", "trace.jsonl", "--trace-format", "bailian", *words)


def lines(*words):
    succeed("run", "--executor", "unit", "--model", "model.json", "--block-size", 16, "--max-num-seqs", 8, "--max-model-len", 400,
            "--decisions", "steps.jsonl", *words)
    steps = [json.loads(line) for line in read("steps.jsonl").splitlines()][1:-1]
    return [" ".join("%d:%d%s" % tuple(entry) for entry in step["scheduled"]) + " %d" % step["gpu_free"] for step in steps]


def test_schedules():
    """What the engine's own scheduler decides: kernels that leave a state within a step, kernels that cannot, and the rule before 0.32"""
    for family, changes, version, cases in (("nemotron-nano-9b-v2", SCAN, "vllm-0.33", WITHIN + ONCE), ("nemotron-nano-9b-v2", SCAN, "vllm-0.32", WITHIN[:1] + AGAIN),
                                            ("qwen3-next-80b-a3b", DELTA, "vllm-0.33", BESIDE), ("nemotron-nano-9b-v2", SCAN, "vllm-0.31", BEFORE)):
        model(family, changes)
        for requests, words, expected in cases:
            check_equal(schedule(version, requests, words)[:len(expected)], expected, "%s %s" % (version, words))


def test_gate():
    """Without prefix hashes, where blocks are counted: the gate asks for one state a group, not for the most that a sequence ever holds"""
    model("qwen3-next-80b-a3b", DELTA)
    write("trace.csv", "arrival_s,prompt_tokens,output_tokens\n0,261,9\n0,16,9\n0,91,9\n1,187,9\n")
    steps = lines("--scheduler", "vllm", "--trace", "trace.csv", "--max-num-batched-tokens", 2048, "--num-gpu-blocks", 59, "--no-async-scheduling")
    check_equal(steps[:2], ["0:256n 1:16n 2:80n 27", "0:5c 1:1d 2:11c 3:176n 1"])


def test_kernels():
    """The card says whether FlashInfer's kernels run, whose blocks are multiples of 64 tokens; Mamba 2's run on all"""
    write("trace.csv", "arrival_s,prompt_tokens,output_tokens\n0,2000,2\n")
    for family, version, device, tokens, within in (("qwen3-next-80b-a3b", 33, "h200", 320, True), ("qwen3-next-80b-a3b", 33, "a100-80gb", 272, False),
                                                    ("qwen3-next-80b-a3b", 32, "h200", 272, False), ("nemotron-nano-9b-v2", 32, "a100-80gb", None, True),
                                                    ("nemotron-nano-9b-v2", 31, "h200", None, False)):
        config = succeed("run", "--model", source("tests", "models", "families", family + ".json"), "--device", device, "--tensor-parallel-size", 4,
                         "--scheduler", "vllm-0.%d" % version, "--trace", "trace.csv", "--format", "json").json["config"]
        told, = [text for text in config["assumed"] if "the prefix cache has a recurrent state every" in text]
        check(tokens is None or "every %d tokens" % tokens in told, told)
        check(tokens is None or any("a page of a layer that sees all holds %d tokens, not block_size" % tokens in text for text in config["assumed"]),
              config["assumed"])
        check_equal("comes within its last step" in told, within, "%s 0.%d %s" % (family, version, device))


main(all_tests(globals()))
