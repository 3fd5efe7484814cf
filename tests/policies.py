#!/usr/bin/env python3
"""Policies: that each does what its name says, found from the log of decisions alone."""
import itertools

from spillway_test import all_tests, check, check_equal, main, read_json_lines, succeed, write

ENGINES = [["--scheduler", "vllm-v1"], ["--scheduler", "vllm-v1", "--max-num-batched-tokens", "256"],
           ["--scheduler", "vllm-0.6"], ["--scheduler", "vllm-0.5", "--enable-chunked-prefill"]]

# The victim is one for whom this is greatest: request, of which r has the arrival's place, prompt and output tokens.
RANKS = {
    "oldest": lambda r: -r.index,
    "fewest-outputs": lambda r: (-r.generated, r.prompt),
    "longest": lambda r: r.prompt + r.generated,
    "shortest": lambda r: -r.prompt - r.generated,
    "least-computed": lambda r: -r.computed,
    "least-left": lambda r: r.generated - r.output,
    "most-left": lambda r: r.output - r.generated,
}


class Request:
    """What the log says of a request up to a step."""

    def __init__(self, index, prompt, output):
        self.index, self.prompt, self.output = index, prompt, output
        self.generated = self.computed = 0
        self.runs = False

    def run(self, tokens):
        """A step worked on it."""
        self.runs = True
        self.computed += tokens
        if self.computed == self.prompt + self.generated:
            self.generated += 1


def small_trace():
    """Forty requests of unlike lengths, that come close behind each other."""
    rows = ["arrival_s,prompt_tokens,output_tokens"]
    rows += ["%d,%d,%d" % (i, 20 + i * 37 % 180, 10 + i * 53 % 90) for i in range(40)]
    write("small.csv", "\n".join(rows) + "\n")
    return [Request(i, *map(int, row.split(",")[1:])) for i, row in enumerate(rows[1:])]


def check_victims(path, requests, rank):
    """Each victim of the log is the greatest by `rank` of those that run; how many of them there were."""
    seen = 0
    for step in read_json_lines(path):
        if "step" not in step:
            continue
        for number, action in step.get("preempted", []):
            victim = requests[number]
            best = max((r for r in requests if r.runs), key=lambda r: (rank(r), r.index))
            check(victim is best, "step %d: %d went, not %d" % (step["step"], number, best.index))
            victim.runs = False
            victim.computed *= action == "swap"
            seen += 1
        for number, tokens, _ in step.get("scheduled", []):
            requests[number].run(tokens)
        for number in step.get("finished", []) + step.get("ignored", []):
            requests[number].runs = False
    return seen


def test_victims():
    """Each victim policy takes the one that its name says, under each engine, recomputed or swapped."""
    check_equal(set(RANKS) | {"newest"}, set(succeed("list", "victims", "--names").text.split()))
    for (name, rank), engine, overflow in itertools.product(RANKS.items(), ENGINES, ("recompute", "swap")):
        requests = small_trace()
        succeed("run", "--executor", "unit", "--trace", "small.csv", *engine, "--overflow", overflow, "--victim", name,
                "--num-gpu-blocks", "60", "--num-cpu-blocks", "400", "--decisions", "log.jsonl", "--format", "json")
        check(check_victims("log.jsonl", requests, rank) > 5, "%s %s" % (name, engine))


main(all_tests(globals()))
