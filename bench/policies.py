#!/usr/bin/env python3
"""The figures of doc/policies.md: the map, what became of the field's claims, the regret of policies, and how near the search of
regret comes to the best of all schedules. Each part is kept in BENCH_OUT and not run again: remove it there, and it is.

usage: SPILLWAY=build/spillway BENCH_OUT=FOLDER bench/policies.py PART... [doc/policies.md]    parts: map traces public claims regret gap picture
With a page the parts' tables are put into it, between <!-- PART --> and <!-- end of PART -->.
"""
import json
import os
import statistics
import sys

from parts import kept, main, path, screenshot, spillway, table

HOUR = "gen:--duration 3600 --rate 1.2 --prompt lognormal:mean=1155,median=1020,max=3500 --output lognormal:mean=211,median=129,max=590"
CARD = ["--model", "llama-2-7b", "--device", "a100-40gb"]
BURST = ["--model", "yarn-llama-2-7b-64k", "--device", "a100-40gb", "--trace", "study-burst"]
# Traffic, its short name, its options and the budget.
REGRET = [("the study's burst", "burst", BURST, "20000"),
          ("the same, vllm-0.6", "burst-0.6", [*BURST, "--scheduler", "vllm-0.6"], "20000"),
          ("an hour of conversation", "conversation", [*CARD, "--trace", HOUR], "4000")]
SHARES = ["12%", "20%", "30%"]
# Engines, cases, and the lengths of outputs: vllm-0.6 keeps a block free a sequence and evicts so often that most cases have too many schedules.
GAP = [(["vllm-v1"], 60, "20,90"), (["vllm-0.33"], 60, "20,90"), (["vllm-0.33", "--no-enable-prefix-caching"], 60, "20,90"),
       (["vllm-0.6"], 20, "10,45")]
KINDS = ["overflow", "victim", "admission"]


def percent(value):
    return "–" if value is None else "%+.1f %%" % (100 * value) if abs(value) >= 5e-4 else "0"


def the_map():
    """The study as one JSON object; its page is written beside it."""
    if not os.path.exists(path("policies.json")):
        text = spillway("study", "policies", "-o", path("policies.db"), "--page", path("policies.html"), "--format", "json")
        with open(path("policies.json"), "w", encoding="utf-8") as file:
            file.write(text)
    with open(path("policies.json"), encoding="utf-8") as file:
        return json.load(file)


def name_of(choice):
    return "the engine's own" if choice["kind"] == "own" else "%s %s" % (choice["kind"], choice["policy"])


def best_of(whole, point, kind=None):
    """The choice of that kind that gains most, its gain, and whether that counts."""
    best = (0, 0.0, False)
    for i, gain in enumerate(point["gains"]):
        choice = whole["choices"][i]
        if gain and i and not choice["bound"] and kind in (None, choice["kind"]) and gain[0] > best[1]:
            best = (i, gain[0], gain[0] >= whole["least_gain"] and (gain[1] is None or gain[0] > gain[1]))
    return best


def gains_of(whole, kind, policy, where=lambda point: True):
    """The gains of a policy at the map's points of which that holds."""
    at = next(i for i, c in enumerate(whole["choices"]) if (c["kind"], c["policy"]) == (kind, policy))
    return [p["gains"][at][0] for p in whole["points"] if not p["trace"] and p["gains"] and p["gains"][at] and where(p)]


def usual(whole, points, kind=None):
    """The policy that is best most often at these points, in how many, and what it gains there in the middle."""
    seen = {}
    for point in points:
        choice, gain, counts = best_of(whole, point, kind)
        seen.setdefault(choice if counts else 0, []).append(gain)
    choice = max(seen, key=lambda c: (len(seen[c]), -c))
    words = "nothing gains" if choice == 0 else name_of(whole["choices"][choice])
    gain = "" if choice == 0 else ", %s" % percent(statistics.median(seen[choice]))
    return "%s: %d of %d%s" % (words, len(seen[choice]), len(points), gain)


def part_map():
    whole = the_map()
    rows, points = [], [p for p in whole["points"] if not p["trace"] and p["gains"]]
    for key, title in (("engine", "engine"), ("model", "model"), ("pressure", "memory pressure"), ("prompt_tokens", "tokens in"),
                       ("output_tokens", "tokens out"), ("link", "link, times")):
        for value in sorted({p[key] for p in points}, key=lambda v: (isinstance(v, str), v if not isinstance(v, str) else
                                                                    (whole["engines"] + whole["models"]).index(v))):
            of = [p for p in points if p[key] == value]
            median = [percent(statistics.median(best_of(whole, p, kind)[1] for p in of)) for kind in [*KINDS, None]]
            rows.append(["%s %s" % (title, value if isinstance(value, str) else "%g" % value),
                         "%d of %d" % (sum(best_of(whole, p)[2] for p in of), len(of)), *median, usual(whole, of, "overflow")])
    text = table(["", "where anything counts", *KINDS, "any one", "overflow, most often best"], rows)
    rows = []
    for i, choice in enumerate(whole["choices"][1:], 1):
        gains = [p["gains"][i][0] for p in points if p["gains"][i]]
        won = sum(best_of(whole, p)[0] == i and best_of(whole, p)[2] for p in points)
        rows.append([name_of(choice) + (" (a bound)" if choice["bound"] else ""), len(gains), "–" if choice["bound"] else won,
                     percent(min(gains)), percent(statistics.median(gains)), percent(max(gains))])
    return text + "\n" + table(["in place of the engine's own", "points", "best in", "least", "median", "most"], rows)


def trace_table(whole, model):
    rows = []
    for point in whole["points"]:
        if point["trace"] and point["gains"] and point["model"] == model:
            cells = []
            for kind in [None, "overflow"]:
                choice, gain, _ = best_of(whole, point, kind)
                cells.append("–" if choice == 0 or gain < 5e-4 else "%s %s" % (name_of(whole["choices"][choice]), percent(gain)))
            rows.append([os.path.basename(point["trace"]), "{:,.0f}".format(point["own"]["finished"]), point["engine"], "%g" % point["pressure"],
                         "%d" % point["own"]["preemptions"], "%.2f s" % point["own"]["e2e_s.mean"], *cells])
    return table(["trace", "requests", "engine", "pressure", "evictions", "mean latency", "best of all", "best overflow"], rows)


def part_traces():
    whole = the_map()
    return trace_table(whole, whole["models"][1])


def part_public():
    """Rows of the traces in BENCH_TRACES, as published, ':' between them."""
    names = os.environ.get("BENCH_TRACES", "").split(":")
    whole = kept("public.json", lambda: spillway(
        "study", "policies", "-o", path("public.db"), "--prompts", "none", "--models", "llama-3.1-8b", "--format", "json",
        *(word for name in names for word in ("--trace", name))))
    return trace_table(whole, whole["models"][0])


def claim_rows(whole):
    """A claim, the figures that speak to it, and what they say."""
    def told(gains, limit=0.005):
        return "median %s, %s to %s; better by %g %% at %d, worse at %d of %d" % (
            percent(statistics.median(gains)), percent(min(gains)), percent(max(gains)), 100 * limit,
            sum(g >= limit for g in gains), sum(g <= -limit for g in gains), len(gains))

    def vllm(kind, policy, where):
        return told(gains_of(whole, kind, policy, lambda p: p["engine"] != "sglang" and where(p)))

    for name, engine in (("vLLM, with prefix caching", "vllm"), ("vLLM, without", "vllm:uncached"), ("vLLM 0.6", "vllm-0.6"), ("SGLang", "sglang")):
        yield ("recomputing is always fine" if engine == "vllm" else "", "what free copies (a bound) gain over it: %s" % name,
               told(gains_of(whole, "overflow", "swap-free", lambda p, engine=engine: p["engine"] == engine)))
    longest = max(whole["prompt_tokens"])
    for name, where in (("long prompts (%d)" % longest, lambda p: p["prompt_tokens"] == longest),
                        ("short ones (%d)" % min(whole["prompt_tokens"]), lambda p: p["prompt_tokens"] == min(whole["prompt_tokens"])),
                        ("long outputs (%d)" % max(whole["output_tokens"]), lambda p: p["output_tokens"] == max(whole["output_tokens"])),
                        ("a link of 8 times", lambda p: p["link"] == max(whole["links"])),
                        ("a link of a quarter", lambda p: p["link"] == min(whole["links"]))):
        yield ("swapping wins for long sequences" if name.startswith("long p") else "", "swap, %s" % name,
               vllm("overflow", "swap", where))
    for pressure in whole["pressures"]:
        yield ("a small watermark buys most" if pressure == whole["pressures"][0] else "", "watermark, pressure %g" % pressure,
               vllm("admission", "watermark", lambda p, pressure=pressure: p["pressure"] == pressure))
    yield ("", "of the best admission's gain, where one counts: the share that the watermark gets", watermark_share(whole))
    for link in whole["links"]:
        yield ("native offload helps latency" if link == whole["links"][0] else "", "offload, link %g" % link,
               told(gains_of(whole, "overflow", "offload", lambda p, link=link: p["link"] == link)))


def watermark_share(whole):
    at = next(i for i, c in enumerate(whole["choices"]) if c["policy"] == "watermark")
    points = [p for p in whole["points"] if not p["trace"] and p["gains"] and p["engine"] != "sglang" and best_of(whole, p, "admission")[2]]
    shares = [max(0, p["gains"][at][0]) / best_of(whole, p, "admission")[1] for p in points]
    return "median %.0f %% at %d points" % (100 * statistics.median(shares), len(points))


def part_claims():
    return table(["claim", "figure", "gain in mean latency over the engine's own"], claim_rows(the_map()))


def part_regret():
    rows = []
    for title, short, words, budget in REGRET:
        for share in SHARES:
            name = "regret-%s-%s.json" % (short, share.rstrip("%"))
            whole = kept(name, lambda words=words, share=share, budget=budget: spillway(
                "regret", *words, "--kv-memory", share, "--swap-space", "64", "--budget", budget, "-o", path("regret.db"), "--format", "json"))
            by = {(p["overflow"], p["victim"]): p for p in whole["policies"]}
            own, best = by["recompute", "newest"], whole["policies"][0]
            bounds = {b["name"]: b["mean_latency_s"] for b in whole["bounds"]}
            found = whole["best_found"]["mean_latency_s"]
            rows.append(["%s, %s" % (title, share), "%d" % own["preemptions"], "%.2f s" % own["mean_latency_s"], percent(own["regret"]),
                         "%s, %s %s" % (best["overflow"], best["victim"], percent(best["regret"])), "%.2f s" % found,
                         "%.2f s" % bounds["swap-free"], "%.2f s" % bounds["unlimited-memory"], whole["best_found"]["runs"]])
    return table(["traffic, memory", "evictions", "the engine's own", "its regret", "best policy, its regret", "best schedule found",
                  "swap-free, best victim (a bound)", "unlimited memory (a bound)", "runs"], rows)


def gap_case(engine, seed, outputs):
    words = ["regret", *CARD, "--scheduler", *engine, "--num-gpu-blocks", "22", "--max-model-len", "300", "--seed", str(seed), "--trace",
             "gen:--requests %d --rate 30 --prompt uniform:60,160 --output uniform:%s" % (4 + seed % 2 * (engine != ["vllm-0.6"]), outputs),
             "--exhaustive", "--format", "json"]
    every = json.loads(spillway(*words))["exhaustive"]
    return {"engine": engine, "seed": seed, "all": every["all"], "schedules": every["schedules"], "gap": every.get("gap")}


def gap_cases():
    """Cases in which there is something to decide: a line each, kept as they are made."""
    have = []
    if os.path.exists(path("regret-gap.jsonl")):
        with open(path("regret-gap.jsonl"), encoding="utf-8") as file:
            have = [json.loads(line) for line in file]
    with open(path("regret-gap.jsonl"), "a", encoding="utf-8") as file:
        for engine, n_cases, outputs in GAP:
            seed = max((case["seed"] for case in have if case["engine"] == engine), default=0)
            while sum(case["engine"] == engine and counts(case) for case in have) < n_cases:
                seed += 1
                have.append(gap_case(engine, seed, outputs))
                file.write(json.dumps(have[-1]) + "\n")
                file.flush()
    return have


def counts(case):
    return case["all"] and case["schedules"] > 3


def part_gap():
    rows, cases = [], gap_cases()
    for engine in [*(of[0] for of in GAP), None]:
        of = [case for case in cases if counts(case) and engine in (None, case["engine"])]
        gaps = [case["gap"] for case in of]
        rows.append([" ".join(engine) if engine else "all", len(of), "%d to %d" % (min(c["schedules"] for c in of), max(c["schedules"] for c in of)),
                     sum(gap <= 1e-9 for gap in gaps), "%.2f %%" % (100 * statistics.mean(gaps)), "%.2f %%" % (100 * max(gaps)),
                     sum(case["engine"] == engine or engine is None for case in cases if not case["all"])])
    return table(["engine", "cases", "schedules", "the best was found", "mean gap", "largest gap", "left out: more than 50,000 schedules"], rows)


def part_picture():
    """The page's maps as a PNG, by a browser that draws them."""
    the_map()
    screenshot("policies.html",
               "(() => { const a = byId('legend').getBoundingClientRect(), b = byId('traces').getBoundingClientRect();"
               "return { x: a.left - 6, y: a.top - 6, width: a.width + 12, height: b.bottom - a.top + 12, scale: 1 }; })()",
               "policies.png")
    return ""


PARTS = {"map": part_map, "traces": part_traces, "public": part_public, "claims": part_claims, "regret": part_regret, "gap": part_gap, "picture": part_picture}


if __name__ == "__main__":
    main(PARTS, __doc__, sys.argv[1:])
