#!/usr/bin/env python3
"""The proof without a GPU: a run of a real server, replayed on tables that others measured on its card, is held
against what the server did.

The bounds are the aims, not what the simulator was seen to reach; they may be narrowed, never widened to pass.
"""
import os

from spillway_test import SHARED, Skip, all_tests, check, check_equal, main, run_json, succeed

# Of each latency's mean, as a fraction of the measured.
BOUNDS = {"ttft_s": 0.01, "tpot_s": 0.01, "e2e_s": 0.01}

# meta.json of the run; the rest are the defaults of vLLM 0.19.
ENGINE = ["--max-num-seqs", "128", "--max-num-batched-tokens", "2048", "--enable-prefix-caching",
          "--async-scheduling"]


def replay():
    folder = os.path.join(SHARED or "", "data", "profiles", "llmservingsim", "rtxpro6000-llama-3.1-8b")
    if SHARED is None or not os.path.exists(os.path.join(folder, "bench", "requests.jsonl")):
        raise Skip("the measured run does not ship, and is not at hand")
    succeed("profile", "import", folder, "-o", "tables.db")
    return run_json("--model", "llama-3.1-8b", "--device", "./tables.db",
                    "--trace", os.path.join(folder, "bench", "trace.jsonl"), *ENGINE,
                    "--against", os.path.join(folder, "bench", "requests.jsonl"))["against"]


def test_measured_run():
    """Mean TTFT, TPOT and latency of a run of vLLM 0.19 on an RTX PRO 6000 are met."""
    against = replay()
    check_equal((against["requests"], against["left_out"]), (300, 0))
    for key, bound in BOUNDS.items():
        error = against[key]["mean"]["error"]
        print("# %s: mean %+.2f %% of the measured, at most %.1f %%" % (key, error * 100, bound * 100))
    for key, bound in BOUNDS.items():
        error = against[key]["mean"]["error"]
        check(abs(error) <= bound, "%s: off by %+.2f %%, at most %.1f %%" % (key, error * 100, bound * 100))


def test_measured_column():
    """The measured figures are those that were published with the run."""
    # summary.txt of the run. It counts from queued_ts, which is up to a step after the arrival.
    published = {"ttft_s": 7.0972, "tpot_s": 0.0325, "e2e_s": 28.2007}
    against = replay()
    for key, mean_s in published.items():
        found = against[key]["mean"]["measured"]
        check(abs(found / mean_s - 1) < 0.005, "%s: %g, published %g" % (key, found, mean_s))


main(all_tests(globals()))
