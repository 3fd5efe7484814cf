#!/usr/bin/env python3
"""What is doubtful in a device's file or a disk, and what is assumed of a host that nobody named and of all-reduces: every verb that runs tells it, once, however many
cells, policies, searches or seeds have it."""
import re

from spillway_test import all_tests, check, check_equal, execute, main, source, succeed, write

GEN = "gen:--requests 12 --rate 20 --prompt fixed:300 --output fixed:60"
UNIT = "is its unit right?"
DISK = ["overlap-copies = true", "kv-offloading-disk = 4GiB", "disk-read-bandwidth = 3000"]


def odd_device(name, rate="3350e6"):
    """A copy of a shipped device whose memory is a thousand times too slow."""
    with open(source("calib/devices/h100-sxm.ini")) as file:
        text = file.read()
    check("\nhbm_bytes_per_s=3350e9\n" in text)
    write(name, text.replace("\nhbm_bytes_per_s=3350e9\n", "\nhbm_bytes_per_s=%s\n" % rate))


def study(name, device, grid, *more):
    write(name, "\n".join(["[study]", "seeds = 1,2", "[run]", "model = llama-3.1-8b", "trace = " + GEN, "num-gpu-blocks = 120", "slo = ttft:p99<60s",
                           *(["device = " + device] if device else []), *more, "[grid]", *grid, ""]))


def notes(*words):
    result = execute(*words)
    check_equal(result.status, 0, result.err)
    return [line.split(": note: ", 1)[1] for line in result.err.splitlines() if ": note: " in line]


def count(found, part):
    return sum(part in note for note in found)


def test_device():
    """A doubtful device's file, where there are many cells"""
    odd_device("odd.ini")
    study("s.ini", "odd.ini", ["overflow = recompute,swap", "block-size = 16,32"])
    run = ["--model", "llama-3.1-8b", "--device", "odd.ini", "--trace", GEN, "--num-gpu-blocks", "120"]
    for words in (["run", *run], ["compare", *run], ["sweep", "s.ini", "-o", "s.db"], ["sweep", "s.ini", "-o", "s.db", "--dry-run"],
                  ["capacity", "s.ini"], ["regret", *run, "--budget", "3"],
                  ["study", "policies", "--device", "odd.ini", "--models", "qwen2.5-0.5b", "--engines", "vllm-0.6", "--pressures", "2", "--prompts", "20",
                   "--outputs", "4", "--links", "1", "--seeds", "2", "--requests", "4", "--trace", "none", "-o", "m.db"]):
        found = notes(*words)
        check_equal(count(found, "hbm_bytes_per_s is 3.35 GB/s"), 1, "%s: %s" % (words[:2], found))


def test_disk():
    """A disk that no disk is, where only some policies copy to it"""
    study("s.ini", "h100-sxm", ["overflow = recompute,swap,split"], *DISK)
    options = [word for line in DISK for word in ("--" + line.split(" = ")[0], *([line.split(" = ")[1]] if "= true" not in line else []))]
    run = ["--model", "llama-3.1-8b", "--device", "h100-sxm", "--trace", GEN, "--num-gpu-blocks", "120", *options]
    for words in (["run", *run, "--overflow", "swap"], ["compare", *run, "--overflow", "recompute,swap,split"], ["sweep", "s.ini", "-o", "s.db"],
                  ["capacity", "s.ini"]):
        found = notes(*words)
        check_equal(count(found, "the disk reads 3000 GB/s"), 1, "%s: %s" % (words[:2], found))


def test_host():
    """What is assumed of a host that nobody named, once for all cells; of one that is named nothing"""
    study("s.ini", "h100-sxm", ["overflow = recompute,swap"])
    for words in (["sweep", "s.ini", "-o", "s.db"], ["capacity", "s.ini"]):
        found = notes(*words)
        check_equal(count(found, "assumed: host unknown"), 1, "%s: %s" % (words[:2], found))
        check(not count(found, UNIT), found)
    study("n.ini", "h100-sxm", ["overflow = recompute,swap"], "host = llmservingsim-rtx-4090")
    check(not count(notes("sweep", "n.ini", "-o", "n.db"), "host unknown"))


def test_own_sums():
    """Engines without symmetric memory, among eight devices with a figure: what their all-reduces take is said, and --what-if scales it"""
    run = ["run", "--model", "llama-3.1-70b", "--trace", "gen:--requests 40 --arrivals burst --prompt fixed:16 --output fixed:2", "--format", "json"]
    cases = (("h100-sxm", "8", "sglang", True), ("h200", "8", "vllm-0.10", True), ("h100-sxm", "8", "vllm-0.11", False),
             ("h100-sxm", "8", "trtllm", False), ("h100-sxm", "4", "sglang", False), ("b200", "8", "sglang", False))
    for device, tp, scheduler, is_said in cases:
        words = [*run, "--device", device, "--tensor-parallel-size", tp, "--scheduler", scheduler]
        found = [text for text in succeed(*words).json["config"]["assumed"] if "by the engine's own kernel" in text]
        check_equal(len(found), int(is_said), words)
        if is_said:
            check("12.9 us" in found[0] and "--what-if" not in found[0], found)
            scaled = succeed(*words, "--what-if", "comm=2x").json["config"]["assumed"]
            check(any("scaled by --what-if" in text for text in scaled), scaled)


def test_many():
    """Of many different notes a dozen are told, and how many more there are"""
    devices = ["odd%d.ini" % i for i in range(14)]
    for i, name in enumerate(devices):
        odd_device(name, "%de6" % (3000 + 10 * i))
    study("s.ini", None, ["device = " + ",".join(devices)])
    found = notes("sweep", "s.ini", "-o", "s.db", "--dry-run")
    more = [re.match("([0-9]+) more such notes: ", note) for note in found]
    check_equal([one is None for one in more], [True] * 12 + [False], found)
    check(int(more[-1][1]) >= 2, found)


main(all_tests(globals()))
