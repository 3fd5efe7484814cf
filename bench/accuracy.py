#!/usr/bin/env python3
"""The tables and the picture of doc/accuracy.md. What a part runs is kept in BENCH_OUT and not run again: remove it there, and it is.

usage: SPILLWAY=build/spillway BENCH_OUT=FOLDER BENCH_SHARED=FOLDER bench/accuracy.py PART... [doc/accuracy.md]
parts: runs servers loads groups latency doubts worst held picture
BENCH_SHARED has servers/points.csv, and the published tables and runs in data/profiles. With a page the parts' tables are put into it, between
<!-- PART --> and <!-- end of PART -->.
"""
import csv
import json
import os
import statistics
import sys

from parts import kept, main, path, screenshot, spillway, table

DATA = os.environ.get("BENCH_SHARED", "")
TABLES = os.path.join(DATA, "data", "profiles")
# A card's run: its folder, its profile, and the server's settings.
RUNS = [("RTX PRO 6000", "rtxpro6000-llama-3.1-8b", ["--max-num-seqs", "128"]),
        ("RTX 4090", "rtx4090-llama-3.1-8b", ["--num-gpu-blocks", "2588", "--max-num-seqs", "256", "--max-model-len", "32768"])]
# Dense models of published points: parameters, and values that a token keeps. The H100's nominal rates: bytes and dense 16-bit FLOPs a second.
DENSE = {"Qwen3-32B": (32.76e9, 64 * 2 * 8 * 128), "Llama-3.1-70B": (70.55e9, 80 * 2 * 8 * 128)}
H100_BYTES, H100_FLOPS = 3.35e12, 989e12
# Tables whose points are held out: a title, a name for the file, what is imported.
HELD = [("LLMServingSim, RTX PRO 6000", "rtxpro6000-llama-3.1-8b", ["llmservingsim/rtxpro6000-llama-3.1-8b"]),
        ("LLMServingSim, RTX 4090", "rtx4090-llama-3.1-8b", ["llmservingsim/rtx4090-llama-3.1-8b"]),
        ("aiconfigurator, H100, vLLM 0.19", "h100", ["aiconfigurator-0.19", "--device", "h100-sxm"]),
        ("aiconfigurator, A100, vLLM 0.14", "a100", ["aiconfigurator", "--device", "a100-80gb"]),
        ("Frontier, A800", "a800", ["frontier"])]


def profile(name, sources):
    """The path of a profile in OUT, imported where it is missing."""
    words = [word if word.startswith("--") or sources[i - 1:i] == ["--device"] else os.path.join(TABLES, word)
             for i, word in enumerate(sources)]
    if not os.path.exists(path(name + ".db")):
        spillway("profile", "import", *words, "-o", path(name + ".db"))
    return path(name + ".db")


def signed(value):
    return ("%+.2f %%" % (100 * value)).replace("-", "−")


def rough(values, as_signed=False):
    """Median of the absolute values, or of the values, in percent."""
    if not values:
        return "–"
    middle = 100 * statistics.median(values if as_signed else map(abs, values))
    return (("%+.1f %%" if as_signed else "%.1f %%") % middle).replace("-", "−")


def against(folder, options, *more):
    base = os.path.join(TABLES, "llmservingsim", folder)
    name = "-".join(["against", folder, *(word.strip("-") for word in more)]) + ".json"
    db = profile(folder, ["llmservingsim/" + folder])
    return kept(name, lambda: spillway("run", "--model", "llama-3.1-8b", "--device", db, "--trace", os.path.join(base, "bench", "trace.jsonl"),
                                       "--scheduler", "vllm-0.19", "--max-num-batched-tokens", "2048", *options, *more, "--against",
                                       os.path.join(base, "bench", "requests.jsonl"), "--format", "json"))


def part_runs():
    rows = []
    for title, folder, options in RUNS:
        for more in ([], ["--host", "unknown", "--what-if", "front-end=0"]):
            whole = against(folder, options, *more)
            found = whole["against"]
            rows.append([title + (", host unknown" if more else ""),
                         *(signed(found[kind][stat]["error"]) for kind, stats in (("ttft_s", ("mean", "p50", "p99")),
                                                                                   ("tpot_s", ("mean", "p50", "p99")), ("e2e_s", ("mean", "p99")))
                           for stat in stats), whole["preemptions"]])
    text = table(["", "TTFT mean", "p50", "p99", "TPOT mean", "p50", "p99", "latency mean", "p99", "preemptions"], rows)
    rows = [[title, *("%.2f s" % s for s in against(folder, options)["against"]["first_request"].values())] for title, folder, options in RUNS]
    return text + "\n" + table(["the run's first request, to its first token", "measured", "simulated"], rows)


def predicted(way):
    """Points with their errors: by the roofline, or by the tables of the H100."""
    points = os.path.join(DATA, "servers", "points.csv")
    words = [] if way == "roofline" else ["--profile", profile("h100", ["aiconfigurator-0.19", "--device", "h100-sxm"])]
    answers = kept("servers-%s.json" % way, lambda: spillway("servers", points, *words, "-o", path("servers-%s.html" % way), "--format", "json"))
    with open(points, encoding="utf-8") as file:
        known = {row["id"]: row for row in csv.DictReader(file)}
    found = []
    for answer in answers["points"]:
        point = {**known[answer["id"]], **answer, "name": known[answer["id"]]["model_path"].split("/")[-1]}
        if answer["refused"] is None:
            for kind in ("ttft", "tpot"):
                told = answer["published_%s_ms" % kind]
                point[kind] = answer["predicted_%s_ms" % kind] / told - 1 if told else None
            found.append(point)
    return found


def errors(points, kind):
    return [p[kind] for p in points if p[kind] is not None]


def cells(points, way):
    """Median absolute and signed errors. TTFT of TensorRT-LLM's client is another thing."""
    comparable = [p for p in points if p["backend"] != "trtllm"]
    return [rough(errors(points, "tpot")), rough(errors(points, "tpot"), True),
            rough(errors(comparable, "ttft")), rough(errors(comparable, "ttft"), True)] if points and way else ["–"] * 4


def two_ways(groups):
    """A row a group (title, what it takes), by the roofline and, of H100s, by the tables."""
    rows = []
    roofline, tables = predicted("roofline"), predicted("tables")
    for title, takes in groups:
        by_roofline = [p for p in roofline if takes(p)]
        by_tables = [p for p in tables if takes(p) and p["system"] == "h100_sxm"]
        if by_roofline:
            rows.append([title, len(by_roofline), *cells(by_roofline, True), len(by_tables) or "–", *cells(by_tables, bool(by_tables))])
    return table(["", "n", "TPOT, roofline", "signed", "TTFT", "signed", "n, tables", "TPOT, tables", "signed", "TTFT", "signed"], rows)


def is_dense(point):
    return not any(word in point["name"] for word in ("gpt-oss", "A22B", "DeepSeek"))


def part_servers():
    ours = ("vllm", "sglang")
    return two_ways([("all that run", lambda p: True),
                     ("of them vLLM and SGLang", lambda p: p["backend"] in ours),
                     ("of them dense models on H100", lambda p: p["backend"] in ours and is_dense(p) and p["system"] == "h100_sxm"),
                     ("of them experts", lambda p: p["backend"] in ours and not is_dense(p))])


def part_groups():
    keys = sorted({(p["name"], p["backend"], p["system"], int(p["tp_size"])) for p in predicted("roofline")})
    return two_ways([("%s, %s, %s, TP %d" % (name, backend, system.split("_")[0].upper(), tp),
                      lambda p, key=(name, backend, system, tp): (p["name"], p["backend"], p["system"], int(p["tp_size"])) == key)
                     for name, backend, system, tp in keys])


def part_loads():
    """vLLM and SGLang by ISL and by concurrency, what the errors hang on."""
    def ours(p):
        return p["backend"] in ("vllm", "sglang")
    points = [p for p in predicted("roofline") if ours(p)]
    groups = [("ISL %d" % isl, lambda p, isl=isl: ours(p) and int(p["isl"]) == isl) for isl in sorted({int(p["isl"]) for p in points})]
    groups += [("%d under way" % n, lambda p, n=n: ours(p) and int(p["batch_size"]) == n) for n in sorted({int(p["batch_size"]) for p in points})]
    return two_ways(groups)


def mean_latency(point, kind):
    """Milliseconds of a request of the mean length, to its last token; kind: published or predicted."""
    return point[kind + "_ttft_ms"] + (mean_lengths(point)[1] - 1) * point[kind + "_tpot_ms"]


def mean_lengths(point):
    """Lengths of a dump of public benchmarks are 80 to 100 % of the nominal ones."""
    share = 0.9 if point["id"][:4].isdigit() and point["id"][4] == "_" else 1
    return share * int(point["isl"]), share * int(point["osl"])


def part_latency():
    """Dense models on H100 by the tables: the whole of a request, and what of it TTFT is off."""
    points = [p for p in predicted("tables") if p["backend"] != "trtllm" and p["system"] == "h100_sxm" and is_dense(p)]
    rows = []
    for title in ["all"] + sorted({"%s, %s, TP %s" % (p["name"], p["backend"], p["tp_size"]) for p in points}):
        group = [p for p in points if title in ("all", "%s, %s, TP %s" % (p["name"], p["backend"], p["tp_size"]))]
        whole = [mean_latency(p, "predicted") / mean_latency(p, "published") - 1 for p in group]
        late = [(p["predicted_ttft_ms"] - p["published_ttft_ms"]) / mean_latency(p, "published") for p in group]
        rows.append([title, len(group), rough(whole), rough(whole, True), rough(errors(group, "ttft")), "%.2f %%" % (100 * statistics.median(map(abs, late)))])
    return table(["", "n", "latency", "signed", "TTFT", "the same, of the latency"], rows)


def least_latency(point, kv_bytes):
    """Milliseconds that one request of a closed loop takes at least where reads and products go at the card's nominal rates: all but
    two steps a prompt decode alone and read the weights and the KV of what decodes, and each prompt is computed once."""
    parameters, kv = DENSE[point["name"]]
    wide = 1 if point["precision"] == "fp8" else 2
    isl, osl = mean_lengths(point)
    under_way, tp = int(point["batch_size"]), int(point["tp_size"])
    step = (parameters * wide + at_once(point, "published") * (isl + osl / 2) * kv * kv_bytes) / tp / H100_BYTES
    prompt = 2 * parameters * isl / tp / (H100_FLOPS * 2 / wide)
    return 1000 * (max(osl - 2 * under_way, 0) * step + under_way * prompt)


def at_once(point, kind):
    """Little's law: of those under way, those that decode."""
    return int(point["batch_size"]) * (1 - point[kind + "_ttft_ms"] / mean_latency(point, kind))


def part_doubts():
    """Dense models on H100 whose figures do not go with what is said of them."""
    rows = []
    for p in predicted("tables"):
        if p["system"] != "h100_sxm" or p["name"] not in DENSE:
            continue
        takes, told, ours = mean_latency(p, "published"), at_once(p, "published"), at_once(p, "predicted")
        if least_latency(p, 2) > takes or (p["backend"] != "trtllm" and abs(ours / told - 1) > 0.1):
            rows.append(["%s, %s, %s" % (p["name"], p["backend"], p["tp_size"]), "%s / %s, %s" % (p["isl"], p["osl"], p["batch_size"]), "%.1f s" % (takes / 1000),
                         *("%.1f s" % (least_latency(p, width) / 1000) for width in (2, 1)), "%.1f" % told, "%.1f" % ours])
    return table(["model, engine, TP", "ISL / OSL, under way", "latency published", "at nominal rates at least", "with KV at 8 bits", "decode at once, published", "predicted"], rows)


def part_worst():
    """The ten worst by TPOT, vLLM and SGLang, by the roofline."""
    points = sorted((p for p in predicted("roofline") if p["backend"] != "trtllm"), key=lambda p: -abs(p["tpot"]))[:10]
    return table(["model, engine, card, TP", "ISL / OSL, under way", "TPOT published", "predicted", "TTFT published", "predicted"],
                 [["%s, %s, %s, %s" % (p["name"], p["backend"], p["system"].split("_")[0].upper(), p["tp_size"]),
                   "%s / %s, %s" % (p["isl"], p["osl"], p["batch_size"]),
                   *("%.1f ms" % p[key] for key in ("published_tpot_ms", "predicted_tpot_ms", "published_ttft_ms", "predicted_ttft_ms"))]
                  for p in points])


def part_held():
    rows = []
    for title, name, sources in HELD:
        db = profile(name, sources)
        for found in kept("held-%s.json" % name, lambda db=db: spillway("profile", "check", db, "--format", "json"))["operations"]:
            if found["n"] > 0:
                rows.append([title, "%s %s" % (found["operation"].replace("_", " "), found["variant"]), found["dtype"], "{:,}".format(found["n"]),
                             "%.1f %%" % (100 * found["median"]), "%.1f %%" % (100 * found["p95"])])
                title = ""
    return table(["tables", "operation", "dtype", "held out", "median", "p95"], rows)


def part_picture():
    """The scatters of the page, TTFT and TPOT, as a PNG, by a browser that draws them."""
    predicted("roofline")
    screenshot("servers-roofline.html",
               "(() => { const [a, b] = [...document.querySelectorAll('canvas')].map((e) => e.getBoundingClientRect());"
               "return { x: a.left - 16, y: a.top - 52, width: a.width + 32, height: b.bottom - a.top + 60, scale: 1 }; })()",
               "accuracy.png")
    return ""


PARTS = {"runs": part_runs, "servers": part_servers, "loads": part_loads, "groups": part_groups, "latency": part_latency,
         "doubts": part_doubts, "worst": part_worst, "held": part_held, "picture": part_picture}


if __name__ == "__main__":
    main(PARTS if DATA else {}, __doc__, sys.argv[1:])
