#!/usr/bin/env python3
"""Policies: that each does what its name says, found from the log of decisions alone."""
import itertools
import re

from spillway_test import (HARDWARE, all_tests, check, check_equal, check_refused, execute, main, read, read_json_lines, run_json, source,
                           succeed, write)

ENGINES = [["--scheduler", "vllm-v1"], ["--scheduler", "vllm-v1", "--max-num-batched-tokens", "256"],
           ["--scheduler", "vllm-0.6"], ["--scheduler", "vllm-0.5", "--enable-chunked-prefill"],
           ["--scheduler", "trtllm", "--capacity-policy", "max-utilization", "--no-enable-prefix-caching"]]
# Its decisions are logged in another way, and its pool is counted in tokens.
SGLANG = ["--scheduler", "sglang", "--disable-radix-cache", "--page-size", "16", "--schedule-conservativeness", "0.1"]

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
# Whose choice does not follow from the log's tokens: the engine's own, and what has a test of its own.
RANKED_ELSEWHERE = {"newest", "cheapest"}


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
    lacking = set(succeed("list", "victims", "--names").text.split()) - set(RANKS) - RANKED_ELSEWHERE
    check(not lacking, "RANKS says whom a victim policy takes, and lacks %s (or RANKED_ELSEWHERE does)" % ", ".join(lacking))
    for (name, rank), engine, overflow in itertools.product(RANKS.items(), ENGINES, ("recompute", "swap")):
        requests = small_trace()
        succeed("run", "--executor", "unit", "--trace", "small.csv", *engine, "--overflow", overflow, "--victim", name,
                "--num-gpu-blocks", "60", "--num-cpu-blocks", "400", "--decisions", "log.jsonl", "--format", "json")
        check(check_victims("log.jsonl", requests, rank) > 5, "%s %s" % (name, engine))


def test_cheapest():
    """Without a cost model a token costs the same anywhere: what costs least has the fewest computed."""
    for engine in ENGINES:
        logs = []
        for name in ("least-computed", "cheapest"):
            small_trace()
            succeed("run", "--executor", "unit", "--trace", "small.csv", *engine, "--victim", name, "--num-gpu-blocks", "60",
                    "--decisions", "log.jsonl", "--format", "json")
            logs.append(list(read_json_lines("log.jsonl"))[1:])
        check(any("preempted" in step for step in logs[0]))
        check_equal(logs[0], logs[1])
    check(overflow("auto", "--victim", "cheapest")["preemptions"] > 0)


def overflow(policy, *words):
    """A run that overflows, under the policy."""
    return run_json(*HARDWARE, "--trace", "demo", "--kv-memory", "12%", "--overflow", policy, *words)


def test_auto_takes_the_cheaper():
    """auto and split become swap where copies cost nothing, recompute where they cost much; between, they mix."""
    plain = ["--scheduler", "vllm-v1", "--no-async-scheduling", "--no-enable-prefix-caching"]
    free, dear = ["--what-if", "h2d=0,d2h=0,copy-launch=0"], ["--what-if", "h2d=0.001x,d2h=0.001x"]
    for policy, engine in itertools.product(("auto", "split"), (plain, ["--scheduler", "vllm-0.6"])):
        words = [*engine, "--swap-space", "64"]
        check_equal(overflow(policy, *words, *free)["makespan_s"], overflow("swap", *words, *free)["makespan_s"])
        check_equal(overflow(policy, *words, *dear)["makespan_s"], overflow("recompute", *words, *dear)["makespan_s"])
    for policy in ("auto", "split"):
        mixed = overflow(policy, *plain, "--swap-space", "64")
        check(mixed["swapped_out_blocks"] > 0 and mixed["recomputed_tokens"] > 0, mixed)


def test_no_host_for_what_is_copied():
    """Where the host is full, a what-if recomputes under every engine, and none dies."""
    engines = [["--scheduler", "vllm-v1"], ["--scheduler", "vllm-0.6"], ["--scheduler", "vllm-0.5"], ENGINES[-1], SGLANG,
               ["--scheduler", "sglang"]]
    for policy, engine in itertools.product(("threshold", "auto", "split"), engines):
        run = overflow(policy, *engine, "--num-cpu-blocks", "0", "--what-if", "h2d=0,d2h=0,copy-launch=0")
        check_equal((run["finished"] + run["ignored"], run["swapped_out_blocks"]), (400, 0), policy)
        check(run["recomputed_tokens"] > 0)


def test_bound():
    """swap-free needs no host, computes nothing twice, costs nothing, and beats swap and recompute here."""
    for engine in (["--scheduler", "vllm-v1"], ["--scheduler", "vllm-0.6"], ENGINES[-1]):
        free = overflow("swap-free", *engine, "--num-cpu-blocks", "0")
        check_equal((free["recomputed_tokens"], set(free["overhead_s"].values())), (0, {0.0}))
        check(free["preemptions"] > 0)
        for policy in ("recompute", "swap"):
            check(free["makespan_s"] < overflow(policy, *engine)["makespan_s"], policy)


def test_partial_keeps_the_front():
    """partial computes less again than recompute does, the less the fewer blocks it drops ahead."""
    for engine in (["--scheduler", "vllm-v1", "--no-enable-prefix-caching"], ["--scheduler", "vllm-0.6"], ["--scheduler", "vllm-0.5"],
                   ENGINES[-1], SGLANG):
        lost = [overflow("partial", *engine, "--partial-ahead-blocks", ahead)["recomputed_tokens"]
                for ahead in ("0", "4294967295")]
        check(0 < lost[0] < lost[1], lost)
        check_equal(lost[1], overflow("recompute", *engine)["recomputed_tokens"])


ADMITTED = """arrival_s,prompt_tokens,output_tokens,max_tokens
""" + "\n".join("%.1f,%d,%d,%d" % (i / 10, 200 + i * 97 % 900, 20 + i * 53 % 300, 400) for i in range(120)) + "\n"


def admission(policy, *words):
    """A run that overflows under the engine's own rule, with clients that allow more than is generated."""
    write("admitted.csv", ADMITTED)
    return run_json(*HARDWARE, "--trace", "admitted.csv", "--kv-memory", "10%", "--admission", policy, *words)


def test_admission():
    """no-evict and known lengths never preempt, a watermark and a reserve the less the more they hold back."""
    for engine in (["--scheduler", "vllm-v1"], ["--scheduler", "vllm-v1", "--async-scheduling"], ["--scheduler", "vllm-0.6"],
                   ["--scheduler", "vllm-0.5", "--enable-chunked-prefill"], ENGINES[-1]):
        own = admission("engine", *engine)
        check(own["preemptions"] > 10, own["preemptions"])
        for policy, words in (("watermark", ["--admission-watermark", "0"]), ("reserve", ["--reserve-share", "0", "--reserve-learning", "0"])):
            check(admission(policy, *engine, *words)["preemptions"] > 10, policy)
        few = [admission("watermark", *engine, "--admission-watermark", x)["preemptions"] for x in ("0.02", "0.3")]
        check(own["preemptions"] > few[0] >= few[1], few)
        few = [admission("reserve", *engine, "--reserve-share", x, "--reserve-learning", "0")["preemptions"]
               for x in ("0.1", "0.3", "1")]
        check(own["preemptions"] > few[0] >= few[1] >= few[2] == 0, few)
        few = [admission("past-future", *engine, "--past-future-quantile", x)["preemptions"] for x in ("0", "1")]
        check(own["preemptions"] > few[0] >= few[1], few)
        careful, knowing = admission("no-evict", *engine), admission("known-lengths", *engine)
        check_equal((careful["preemptions"], careful["finished"]), (0, 120))
        check(knowing["preemptions"] <= 1, knowing["preemptions"])
        check(knowing["e2e_s"]["mean"] < careful["e2e_s"]["mean"])
    for chunk in ("64", "256"):
        tight = ["--scheduler", "vllm-v1", "--max-num-batched-tokens", chunk]
        check(admission("whole-prompt", *tight)["preemptions"] < admission("engine", *tight)["preemptions"], chunk)


def test_sglang():
    """What was copied comes back whole, but for a token in flight; who goes is as the victim policy says, or SGLang's own order."""
    sglang = ["--scheduler", "sglang", "--schedule-conservativeness", "0.1"]
    for more in ([], ["--disable-radix-cache"], ["--disable-overlap-schedule"], ["--page-size", "16", "--enable-mixed-chunk"]):
        own = overflow("recompute", *sglang, *more)
        check_equal((own["config"]["victim"], own["finished"]), ("engine", 399)) # one is as long as the context
        for policy in ("swap", "swap-free", "split", "auto", "threshold", "partial"):
            words = [*sglang, *more, "--swap-space", "64", "--victim", "oldest"]
            run, single = overflow(policy, *words), overflow(policy, *words, "--no-stride")
            for key in ("makespan_s", "preemptions", "recomputed_tokens", "swapped_out_blocks", "swapped_in_blocks", "e2e_s"):
                check_equal(run[key], single[key], key)
            check_equal((run["finished"], run["config"]["victim"]), (399, "oldest"))
            check(run["preemptions"] > 0, run["preemptions"])
            if policy in ("swap", "swap-free"):
                check(run["recomputed_tokens"] <= run["preemptions"] and run["swapped_out_blocks"] > 0, run)
                check(run["swapped_in_blocks"] <= run["swapped_out_blocks"], run)
                check("--disable-radix-cache" not in more or run["swapped_in_blocks"] == run["swapped_out_blocks"], run)
    orders = {victim: overflow("swap", *sglang, "--victim", victim)["makespan_s"]
              for victim in ("newest", "oldest", "fewest-outputs", "longest", "least-computed", "cheapest")}
    check(len(set(orders.values())) > 3, orders)


def test_bounds_are_never_best():
    """compare marks no bound, and says which are."""
    words = ["compare", *HARDWARE, "--trace", "demo", "--kv-memory", "12%", "--overflow", "recompute,swap-free,swap"]
    text, whole = succeed(*words).text, succeed(*words, "--format", "json").json
    check("swap-free: a bound" in text, text)
    check("swap-free" not in whole["best"].values(), whole["best"])
    for policies in ("recompute,swap-free", "swap-free,recompute"):
        text = succeed(*words[:-1], policies).text
        check("at the same time" not in text and "Only one run that ended well is no bound" in text and "mean latency under recompute" in text, text)


def test_bounds_alone():
    """Where all are bounds they are held against each other, in a comparison's words and on a page."""
    text = succeed("compare", *HARDWARE, "--trace", "demo", "--kv-memory", "12%", "--victim", "least-left", "--overflow", "recompute,swap").text
    check("recompute: a bound: no server can reach it\n" in text and "* best of its row" in text, text)
    for what in ("The first token's p99", "The mean time from arrival to finish"):
        found = re.search(what + r" was lowest under (recompute|swap): ([0-9.]+) s, against ([0-9.]+) s under (recompute|swap)\.", text)
        check(found and found[1] != found[4] and 0 < float(found[2]) < float(found[3]), text)
    write("alone.ini", "[run]\nmodel = llama-2-7b\ndevice = a100-40gb\noverflow = swap-free\n"
          "trace = gen:--requests 40 --rate 20 --prompt fixed:300 --output fixed:100\n[grid]\nnum-gpu-blocks = 200,400\n")
    succeed("sweep", "alone.ini", "-o", "alone.db")
    page = execute("report", "alone.db", "-o", "alone.html")
    if page.status == 0:
        check("num-gpu-blocks 400 finished" in read("alone.html").decode(), "the words are not on the page")


def test_bounds_in_studies():
    """A sweep marks no bound as best and capacity answers with none; both, explain and the page name it as one, unless there is nothing else."""
    head = ("[run]\nmodel = llama-2-7b\ndevice = a100-40gb\nscheduler = vllm-0.6\nnum-gpu-blocks = 200\nslo = ttft:p99<2s\n"
            "trace = gen:--requests 40 --rate 20 --prompt fixed:300 --output fixed:100\n[grid]\noverflow = ")
    write("both.ini", head + "recompute, swap-free, swap\n")
    write("bounds.ini", head + "swap-free\nvictim = newest, oldest\n")
    text = succeed("sweep", "both.ini", "-o", "r.db").text
    row = next(line for line in text.splitlines() if line.startswith("swap-free"))
    check(row.startswith("swap-free (a bound)") and "*" not in row and "*" in text, text)
    check_equal([point["bound"] for point in succeed("sweep", "both.ini", "-o", "r.db", "--format", "json").json["points"]], [False, True, False])
    text, found = succeed("capacity", "both.ini").text, succeed("capacity", "both.ini", "--format", "json").json
    check(found["best"]["settings"]["overflow"] != "swap-free" and "overflow=swap-free (a bound)" in text, text)
    check_equal([(row["bound"], row["on_front"]) for row in found["rows"] if row["bound"] or row is found["rows"][0]], [(False, True), (True, False)])
    check("*" in succeed("sweep", "bounds.ini", "-o", "b.db").text)
    check_equal(succeed("capacity", "bounds.ini", "--format", "json").json["best"]["settings"]["overflow"], "swap-free")
    succeed("run", *HARDWARE, "--trace", "demo", "--kv-memory", "12%", "--overflow", "swap-free", "-o", "one.db")
    check(succeed("explain", "one.db").text.split("\n")[0].endswith(", overflow swap-free (a bound)."))
    page = execute("report", "r.db", "-o", "page.html")
    if page.status == 0:
        check("swap-free (a bound)" in read("page.html").decode())


def test_all_that_there_is():
    """compare --overflow all: what the engine has not is left out with a note, under every engine; a name of its own is refused."""
    for engine in (["vllm-0.6"], ["vllm-0.18"], ["sglang"], ["trtllm", "--capacity-policy", "max-utilization"]):
        words = ["compare", *HARDWARE, "--trace", "demo", "--limit", "40", "--kv-memory", "12%", "--scheduler", *engine]
        result = succeed(*words, "--overflow", "all", "--format", "json")
        check("left out: --overflow offload" in result.err, result.err)
        names = [run["config"]["overflow"] for run in result.json["runs"]]
        check_equal(set(names), set(succeed("list", "overflow", "--names").text.split()) - {"offload"})
        check_refused([*words, "--overflow", "recompute,offload"], ["offload"])


def test_what_no_engine_does():
    """It is said that a policy is a what-if; an executor that computes refuses what it cannot carry out."""
    result = succeed("run", *HARDWARE, "--trace", "demo", "--limit", "5", "--overflow", "auto")
    check("what-if" in result.err, result)
    check_refused(["live", "--executor", "cpu", "--model", source("tests", "models", "tiny-llama.json"), "--trace", "demo",
                   "--limit", "1", "--num-gpu-blocks", "99", "--overflow", "swap-free"], ["cpu", "swap-free"])


main(all_tests(globals()))
