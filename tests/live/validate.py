#!/usr/bin/env python3
"""validate: a scenario computed, simulated and replayed, on the CPU and on an emulated GPU."""
import json
import sqlite3
import subprocess
import sys

from live_fixture import GPU_TIGHT, TIGHT, TRACE, emulated_gpu, model, refuse
from spillway_test import all_tests, check, check_equal, main, source, succeed, write


def test_validate():
    """validate: figures of all three runs, the replay the same, the runs in the database"""
    words = ["validate", "--executor", "cpu", "--model", model("tiny-llama"), "--trace", TRACE, *TIGHT, "--overflow",
             "swap", "--scheduler", "vllm-0.6"]
    found = succeed(*words, "--format", "json", "-o", "v.db").json
    check(found["replay_identical"] is True)
    for key in ("makespan_s", "ttft_s.p99", "tpot_s.p50", "preemptions", "overhead_s.swap_out"):
        check_equal(sorted(found["figures"][key]), ["computed", "error", "simulated"], key)
    figures = found["figures"]["makespan_s"]
    check(0.5 < figures["simulated"] / figures["computed"] < 2, str(figures))
    check({"decode", "copies"} <= set(found["steps"]), str(found["steps"]))
    for key in ("linear", "attention", "swap_out", "swap_in"):
        check(found["operations"][key]["computed_s"] > 0, key)
        check_equal(found["operations"][key]["inferred"], False, key)
    check_equal(found["format"], 1)
    check_equal(list(found["targets"]), ["makespan_s", "step_s.p50", "step_s.p95", "ttft_s.p99", "tpot_s.p99"])
    for key, target in found["targets"].items():
        check_equal(list(target), ["computed", "simulated", "error", "target", "met"], key)
        check_equal(target["met"], abs(target["error"]) <= target["target"], key)
    check_equal(found["targets_met"], all(target["met"] for target in found["targets"].values()))
    check_equal(found["targets"]["makespan_s"]["computed"], found["figures"]["makespan_s"]["computed"])
    check("of the busy time)" in found["explanation"], found["explanation"])
    runs = sqlite3.connect("v.db").execute("SELECT name, makespan_s FROM run ORDER BY id").fetchall()
    check_equal([name for name, _ in runs], ["live", "simulated", "replayed"])
    check_equal(runs[0][1], runs[2][1], "the replay's makespan")
    text = succeed(*words).text
    for part in ("asked of it", "error of p95", "What the difference is made of", "What explains most of it: ",
                 "Replay: the same decisions at the same times"):
        check(part in text, text)
    lines = succeed(*words, "--format", "csv").text.split("\n")
    check_equal(lines[0], "figure,computed,simulated,error,target,met")
    check(lines[1].startswith("makespan_s,") and lines[1].split(",")[4] == "0.01", lines[1])
    refuse(["--plot: found 'x.bmp'"], *words, "--plot", "x.bmp")
    check("fitted" in text and "the roofline of" not in text, text)


def test_emulated_validate():
    """validate on an emulated GPU: the layers are one figure and their parts inferred, the host's time is fitted"""
    done = emulated_gpu("validate", *GPU_TIGHT, "--device", "h100-sxm", "--format", "json")
    if done is None:
        return
    check_equal(done.returncode, 0, done.stderr)
    found = json.loads(done.stdout)
    check(found["replay_identical"] is True)
    check("the roofline of h100-sxm; the host's time is fitted" in found["cost"], found["cost"])
    check_equal(found["operations"]["layers"]["inferred"], False)
    for key in ("linear", "attention", "elementwise"):
        check_equal(found["operations"][key]["inferred"], True, key)
    check(found["operations"]["swap_in"]["computed_s"] > 0, str(found["operations"]))
    text = emulated_gpu("validate", *GPU_TIGHT, "--device", "h100-sxm", "--what-if", "h2d=2x").stdout
    check("the roofline of h100-sxm, --what-if h2d=2x" in text and "~: the layers are timed as one" in text, text)
    done = emulated_gpu("validate", *GPU_TIGHT)
    check_equal(done.returncode, 2)
    check("--device is missing" in done.stderr, done.stderr)


def test_emulated_layer_by_layer():
    """copies beside a step's layers are simulated so, whether asked for or, under an engine that takes all as one batch, as --overlap-copies
    has always meant on a GPU"""
    words = ["validate", *GPU_TIGHT, "--scheduler", "trtllm", "--capacity-policy", "max-utilization", "--device", "h100-sxm", "--what-if",
             "host=0,h2d=0.05x,d2h=0.05x", "--format", "json"]
    simulated = []
    for more in ([], ["--layerwise-copies"], ["--overlap-copies"], ["--copy-path", "per-block"], ["--copy-path", "per-block", "--overlap-copies"]):
        done = emulated_gpu(*words, *more)
        if done is None:
            return
        check_equal(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)
        check(found["replay_identical"] is True, str(more))
        simulated.append(found["figures"]["makespan_s"]["simulated"])
    check(simulated[0] > simulated[1] == simulated[2], simulated)
    check_equal(simulated[3], simulated[4])
    refuse(["--layerwise-copies", "per-block"], "validate", "--executor", "cpu", *TIGHT, "--model", model("tiny-llama"), "--trace", TRACE,
           "--overflow", "swap", "--layerwise-copies", "--copy-path", "per-block")


def test_cpu_layer_by_layer():
    """the CPU makes copies in that order, and computes nothing meanwhile: they are simulated in turn, and replayed"""
    found = succeed("validate", "--executor", "cpu", *TIGHT, "--model", model("tiny-llama"), "--trace", TRACE, "--overflow", "swap",
                    "--layerwise-copies", "--format", "json").json
    check(found["replay_identical"] is True)
    check(found["operations"]["swap_in"]["computed_s"] > 0, str(found["operations"]))


def test_copies_beside():
    """validate --overlap-copies: copies are fitted, too, and replayed; nothing of one run is left for the next"""
    words = ["validate", "--executor", "cpu", "--model", model("tiny-llama"), "--trace", TRACE, "--num-gpu-blocks", "24", "--block-size",
             "8", "--overflow", "swap", "--scheduler", "vllm-0.8", "--overlap-copies", "--copy-block-us", "50"]
    for more in (["--num-cpu-blocks", "200"], ["--num-cpu-blocks", "200", "--swap-ahead", "8"],
                 ["--num-cpu-blocks", "6", "--num-disk-blocks", "90"]):
        found = succeed(*words, *more, "--format", "json").json
        check(found["replay_identical"] is True, str(more))
        # Steps take real time: where they are slow the host may never be full, and nothing goes on to the disk.
        ways = {"out", "in"} | ({"to_disk", "from_disk"} if "--num-disk-blocks" in more else set())
        check({"out", "in"} <= set(found["copies"]) <= ways, str(found["copies"]))
        for way, copies in found["copies"].items():
            check_equal(list(copies), ["jobs", "blocks", "computed_s", "predicted_s", "error"], way)
            check(0 < copies["jobs"] <= copies["blocks"], str(copies))
            check(abs(copies["computed_s"] - copies["blocks"] * 5e-5) < 1e-9, str(copies))
            check(abs(copies["error"]) < 1e-6, str(copies))
        check(found["steps"]["beside"]["steps"] > 0, str(found["steps"]))
        check(found["figures"]["makespan_s"]["computed"] < 5 * found["figures"]["makespan_s"]["simulated"], str(found["figures"]))
    check("Copies beside the steps, in sum" in succeed(*words, "--num-cpu-blocks", "200").text)


def test_emulated_copies_beside():
    """validate --overlap-copies on an emulated GPU: priced with what copies and steps do to each other by the profile"""
    rows = "".join("beside,%s/%s/pinned/batched/%s,,piece_bytes=4096;pieces=64,%s,,,sm_90a\n" % (kernel, way, part, ns)
                   for kernel in ("gemm", "decode") for way in ("d2h", "h2d")
                   for part, ns in (("alone", "1e4"), ("beside", "4e4"), ("copy-alone", "1e4"), ("copy-beside", "2e4")))
    write("beside.csv", """# spillway-profile 1
# name: measured
# device: h100-sxm
# note: Measured.
# origin 0 source: calibrate
operation,variant,dtype,shape,median_ns,p10_ns,p90_ns,kernel
attention,,bfloat16,prefills=1;new_tokens=128;cached_tokens=0;decodes=0;context=0;heads=2;kv_heads=1;head_dim=64,2e4,,,sm_90a
""" + rows)
    done = emulated_gpu("validate", *GPU_TIGHT, "--scheduler", "vllm-0.8", "--num-disk-blocks", "60", "--num-cpu-blocks", "4",
                        "--overlap-copies", "--device", "beside.csv", "--format", "json")
    if done is None:
        return
    check_equal(done.returncode, 0, done.stderr)
    found = json.loads(done.stdout)
    check(found["replay_identical"] is True)
    check({"in", "out"} <= set(found["copies"]) <= {"from_disk", "in", "out", "to_disk"}, str(found["copies"]))
    # Both slow each other: of a copy that would take 1, and takes 2, a step beside it takes 1.5 longer.
    for way in ("out", "in"):
        slower = found["operations"]["swap_" + way]["predicted_s"] / found["copies"][way]["predicted_s"]
        check(0 < slower <= 1.51, "%s: %f" % (way, slower))
    check(found["operations"]["swap_out"]["computed_s"] == 0, "what a step waited is not told apart")


def test_other_kernels():
    """validate and live: a profile of kernels that are not the ones that compute is refused"""
    text = """# spillway-profile 1
# name: measured
# device: h100-sxm
# note: Measured.
# origin 0 source: calibrate
# origin 0 measured_device: Emulated H100
operation,dtype,shape,median_ns,p10_ns,p90_ns,kernel
attention,bfloat16,prefills=1;new_tokens=128;cached_tokens=0;decodes=0;context=0;heads=2;kv_heads=1;head_dim=64,2e4,,,%s
"""
    write("same.csv", text % "sm_90a")
    done = emulated_gpu("validate", *GPU_TIGHT, "--device", "same.csv", "--format", "json")
    if done is None:
        return
    check_equal(done.returncode, 0, done.stderr)
    write("other.csv", text % "sm_80")
    for verb in ("validate", "live"):
        done = emulated_gpu(verb, *GPU_TIGHT, "--device", "other.csv")
        check_equal((done.returncode, done.stdout), (2, ""), done.stderr)
        check("measured with the kernels 'sm_80', and not with 'sm_90a', which compute here: set the same" in done.stderr, done.stderr)
    write("imported.csv", (text % "sm_80").replace("source: calibrate", "source: a stopwatch"))
    done = emulated_gpu("validate", *GPU_TIGHT, "--device", "imported.csv", "--format", "json")
    check_equal(done.returncode, 0, done.stderr)


def test_validation_table():
    """the script that makes tables of validations takes their JSON, and refuses other"""
    script = source("bench", "validation_table.py")
    for policy in ("recompute", "swap"):
        result = succeed("validate", "--executor", "cpu", "--model", model("tiny-llama"), "--trace", TRACE, *TIGHT,
                         "--overflow", policy, "--scheduler", "vllm-0.6", "--format", "json")
        write(policy + ".json", result.text)
    done = subprocess.run([sys.executable, script, "recompute.json", "swap.json"], capture_output=True, text=True,
                          check=True)
    lines = done.stdout.split("\n")
    check("| makespan (1 %) | step, median (2 %) |" in lines[0], lines[0])
    check(lines[2].startswith("| 24 blocks | recompute | ") and lines[3].startswith("| 24 blocks | swap | "), done.stdout)
    write("other.json", "{}")
    done = subprocess.run([sys.executable, script, "other.json"], capture_output=True, text=True, check=False)
    check(done.returncode != 0 and "other.json: found format None" in done.stderr, done.stderr)


main(all_tests(globals()))
