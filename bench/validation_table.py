#!/usr/bin/env python3
"""Makes the tables of doc/validation.md from what 'spillway validate --format json' printed.

    bench/validation_table.py FILE.json… > table.md

A row a file, in their order: errors, in bold where they are beyond what is asked; preemptions and overhead as computed
and as simulated. A second table says what explains each difference.
"""
import json
import sys

FORMAT = 1
TARGETS = [("makespan_s", "makespan"), ("step_s.p50", "step, median"), ("step_s.p95", "step, p95"),
           ("ttft_s.p99", "TTFT p99"), ("tpot_s.p99", "TPOT p99")]


def read(path):
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    if found.get("format") != FORMAT:
        sys.exit("%s: found format %s, expected %d: what validate --format json prints" %
                 (path, found.get("format"), FORMAT))
    return found


def error(target):
    if target["error"] is None:
        return "-"
    text = "%+.1f %%" % (100 * target["error"])
    return text if target["met"] else "**%s**" % text


def memory(config):
    return config.get("kv_memory") or "%d blocks" % config["num_gpu_blocks"]


def policy(config):
    """Copies go before the step unless it says so."""
    return config["overflow"] + (", beside" if config.get("overlap_copies") else "")


def overhead(figures, which):
    """What recomputing and copies took, of the makespan."""
    seconds = sum(figures["overhead_s." + kind][which] or 0 for kind in ("recompute", "swap_out", "swap_in"))
    return "%.2f %%" % (100 * seconds / figures["makespan_s"][which]) if figures["makespan_s"][which] else "-"


def pair(figures, key):
    return "%d / %d" % (figures[key]["computed"], figures[key]["simulated"])


def row(cells):
    return "| " + " | ".join(cells) + " |"


def errors_table(all_found):
    asked = next(iter(all_found))["targets"]
    head = ["KV memory", "policy", "makespan"]
    head += ["%s (%.0f %%)" % (name, 100 * asked[key]["target"]) for key, name in TARGETS]
    head += ["preemptions", "overhead", "all met"]
    lines = [row(head), row(["---", "---"] + ["---:"] * (len(head) - 3) + ["---"])]
    for found in all_found:
        figures, config = found["figures"], found["config"]
        lines.append(row(
            [memory(config), policy(config), "%.4g s" % figures["makespan_s"]["computed"]] +
            [error(found["targets"][key]) for key, _ in TARGETS] +
            [pair(figures, "preemptions"), "%s / %s" % (overhead(figures, "computed"), overhead(figures, "simulated")),
             "yes" if found["targets_met"] else "no"]))
    return lines


def reasons_table(all_found):
    lines = [row(["KV memory", "policy", "what explains most of it", "replay"]), row(["---"] * 4)]
    for found in all_found:
        lines.append(row([memory(found["config"]), policy(found["config"]), found["explanation"],
                          "the same" if found["replay_identical"] else "**another schedule**"]))
    return lines


def main(paths):
    if not paths:
        sys.exit(__doc__.strip())
    all_found = [read(path) for path in paths]
    print("\n".join(errors_table(all_found) + [""] + reasons_table(all_found)))


main(sys.argv[1:])
