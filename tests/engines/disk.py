#!/usr/bin/env python3
"""A disk behind the host (--kv-offloading-disk): where swapped blocks go on to, and what that costs."""
import sqlite3

from recount import check_recount
from spillway_test import (HARDWARE, all_tests, check, check_close, check_equal, check_refused, execute, main, read, read_json_lines,
                           run_json, succeed, without, write)

# A host with room for a victim or two, and enough of them that want it.
TIGHT = [*HARDWARE, "--trace", "demo", "--kv-memory", "12%", "--num-cpu-blocks", "100", "--overlap-copies"]
SWAP = [*TIGHT, "--overflow", "swap"]
DISK = ["--kv-offloading-disk", "100"]
BLOCK_BYTES = 2 * 32 * 4096 * 16 * 2


def steps_of(path):
    return [step for step in read_json_lines(path) if "step" in step]


def check_order(path, has_gaps=False):
    """Nothing goes on before it has landed on the host, or returns before all of it is back there or has been read; a gap before what
    is copied is computed meanwhile."""
    landed, reading, writing, copying = {}, {}, {}, {}
    counts = {"to_disk": 0, "waited": 0}
    for step in steps_of(path):
        for request, blocks in step.get("copied_out", []):
            landed[request] = landed.get(request, 0) + blocks
            copying[request] -= blocks
        for request, blocks in step.get("copied_to_disk", []):
            writing[request] -= blocks
        for request, blocks in step.get("copied_from_disk", []):
            reading[request] -= blocks
        for request, blocks in step.get("copied_in", []):
            landed.pop(request)
        victims = [victim for victim, _ in step.get("preempted", [])]
        for request, blocks in step.get("copies_out", []):
            copying[request] = copying.get(request, 0) + blocks
            counts["waited"] += request not in victims
        for request, blocks in step.get("copies_to_disk", []):
            check(blocks <= landed.get(request, 0), "%d blocks of %d have not landed" % (blocks, request))
            writing[request] = writing.get(request, 0) + blocks
            counts["to_disk"] += blocks
        for request, blocks in step.get("copies_from_disk", []):
            check(writing.get(request) == 0, "%d is read while it is written" % request)
            reading[request] = reading.get(request, 0) + blocks
        for request, _ in step.get("copies_in", []):
            check(writing.get(request, 0) + reading.get(request, 0) + copying.get(request, 0) == 0, "%d has not come" % request)
        for request in step.get("swapped_in", []):
            landed.pop(request, None)  # not copied in where the prefix cache had all of it
        for request, _, kind in step["scheduled"]:
            check(request not in landed or (has_gaps and kind == "c"), "%d runs while it is away" % request)
    return counts


def test_by_hand():
    """A schedule that was found by hand: who waits for room on the host, and what is read before its turn"""
    # Three prompts of three tokens in blocks of two, seven of them beside the engine's own, three on the host; copies take a
    # second. At 2 s the last request goes. At 5 s the second follows with three blocks, and the host has one free: the two of the
    # last go on to the disk until 6 s, and those three are copied out until 7 s. At 10 s the first has ended, the second is copied
    # in and the last, for which the pool has room, too, while the host is full, is read past the host's pool: it is
    # copied in a second later.
    write("three.csv", "arrival_s,prompt_tokens,output_tokens\n0,3,9\n0,3,6\n0,3,6\n")
    succeed("run", "--executor", "unit", "--scheduler", "vllm-0.33", "--trace", "three.csv", "--block-size", "2", "--num-gpu-blocks", "8",
            "--num-cpu-blocks", "3", "--num-disk-blocks", "4", "--overflow", "swap", "--overlap-copies", "--unit-copy-steps", "1",
            "--no-async-scheduling", "--no-enable-prefix-caching", "--decisions", "three.jsonl")
    steps = [without(step, "step", "waiting", "running", "swapped", "gpu_free_end", "tokens") for step in steps_of("three.jsonl")]
    check_equal(steps[2:13], [
        {"t": 2, "scheduled": [[0, 1, "d"]], "preempted": [[2, "swap"]], "copies_out": [[2, 2]], "wait_for_copies": [1],
         "gpu_free": 0, "cpu_free": 1, "disk_used": 0},
        {"t": 3, "scheduled": [[0, 1, "d"], [1, 1, "d"]], "copied_out": [[2, 2]], "gpu_free": 1, "cpu_free": 1, "disk_used": 0},
        {"t": 4, "scheduled": [[0, 1, "d"], [1, 1, "d"]], "gpu_free": 0, "cpu_free": 1, "disk_used": 0},
        {"t": 5, "scheduled": [[0, 1, "d"]], "preempted": [[1, "swap"]], "copies_to_disk": [[2, 2]], "gpu_free": 0, "cpu_free": 1,
         "disk_used": 2},
        {"t": 6, "scheduled": [], "copied_to_disk": [[2, 2]], "copies_out": [[1, 3]], "wait_for_copies": [0], "gpu_free": 0,
         "cpu_free": 0, "disk_used": 2},
        {"t": 7, "scheduled": [[0, 1, "d"]], "copied_out": [[1, 3]], "waited_for_copies_s": 1, "gpu_free": 2, "cpu_free": 0,
         "disk_used": 2},
        {"t": 8, "scheduled": [[0, 1, "d"]], "gpu_free": 2, "cpu_free": 0, "disk_used": 2},
        {"t": 9, "scheduled": [[0, 1, "d"]], "gpu_free": 1, "cpu_free": 0, "disk_used": 2, "finished": [0]},
        {"t": 10, "scheduled": [], "copies_in": [[1, 3]], "copies_from_disk": [[2, 2]], "gpu_free": 0, "cpu_free": 0, "disk_used": 2},
        {"t": 11, "scheduled": [[1, 1, "s"]], "swapped_in": [1], "copied_in": [[1, 3]], "copied_from_disk": [[2, 2]],
         "copies_in": [[2, 2]], "waited_for_copies_s": 1, "gpu_free": 0, "cpu_free": 3, "disk_used": 0},
        {"t": 12, "scheduled": [[1, 1, "d"], [2, 1, "s"]], "swapped_in": [2], "copied_in": [[2, 2]], "gpu_free": 0, "cpu_free": 3,
         "disk_used": 0, "finished": [1]},
    ])


def test_order():
    """What goes on has landed, what returns has come back, each figure is that of the log; in single steps the same bytes"""
    settings = ([], ["--swap-ahead", "40"], ["--num-cpu-blocks", "9"], ["--no-async-scheduling", "--kv-offloading-disk", "512MiB"])
    for i, overflow in enumerate(("swap", "split", "auto")):
        for j, more in enumerate(settings):
            caching = ("--enable-prefix-caching", "--no-enable-prefix-caching")[(i + j) % 2]
            words = [*TIGHT, "--overflow", overflow, caching, *DISK, *more]
            runs = [run_json(*words, "--decisions", log, "--requests", "requests.csv", *stride)
                    for log, stride in (("a.jsonl", []), ("b.jsonl", ["--no-stride"]))]
            check_equal(without(runs[0], "wall_s"), without(runs[1], "wall_s"))
            check_equal(read("a.jsonl"), read("b.jsonl"))
            check_recount(runs[0], "requests.csv", "a.jsonl", " ".join(map(str, words)))
            if "--swap-ahead" in more:
                continue
            counts = check_order("a.jsonl", has_gaps=overflow == "split")
            if overflow == "swap":
                check(counts["to_disk"] > 20 and counts["waited"] > 0, counts)


def test_never_full():
    """With a disk nobody is recomputed for want of room on the host, not even what is larger than that; a disk can be full, too"""
    alone = run_json(*SWAP, "--no-enable-prefix-caching")
    check(alone["swap_fallbacks"] > 0 and alone["recomputed_tokens"] > 0, alone)
    for host in (100, 9):
        run = run_json(*SWAP, "--num-cpu-blocks", host, "--no-enable-prefix-caching", *DISK)
        check_equal((run["swap_fallbacks"], run["recomputed_tokens"], run["finished"]), (0, 0, run["requests"]))
        check(run["disk_written_blocks"] > 0 and run["peak_cpu_blocks"] <= host, run)
    small = run_json(*SWAP, "--no-enable-prefix-caching", "--num-disk-blocks", 30)
    check(0 < small["swap_fallbacks"] and small["peak_disk_blocks"] <= 30, small)


def test_speed():
    """Small blocks, one in flight, do not reach the bandwidth; a slower disk is waited for longer"""
    slow, fast = (run_json(*SWAP, "--no-enable-prefix-caching", *DISK, *more)["disk_wait_s"]
                  for more in (["--disk-read-bandwidth", "0.5", "--disk-write-bandwidth", "0.5"], ["--disk", "nvme-pcie5"]))
    check(slow > 3 * fast, (slow, fast))
    # One victim of 20 blocks at a time: what it waits for is the write of another's 20, by rounds of latency or by bytes.
    write("pair.csv", "arrival_s,prompt_tokens,output_tokens\n" + "".join("0,310,100\n" for _ in range(5)))
    words = [*HARDWARE, "--trace", "pair.csv", "--num-gpu-blocks", "102", "--overflow", "swap", "--overlap-copies", "--num-cpu-blocks", "20",
             "--no-enable-prefix-caching", *DISK, "--disk-latency", "20000", "--disk-read-bandwidth", "8", "--disk-write-bandwidth", "8"]
    for depth in (1, 4, 64):
        run = run_json(*words, "--disk-queue-depth", depth, "--decisions", "log.jsonl")
        block_s = BLOCK_BYTES / 8e9
        written = [blocks for step in steps_of("log.jsonl") for _, blocks in step.get("copies_to_disk", [])]
        check(written, run)
        # An idle device goes to the end of the copy: the time stood still is the copy's.
        alone = max(0.02 + written[0] * block_s, -(-written[0] // depth) * (0.02 + block_s))
        check(run["disk_wait_s"] >= alone, (depth, run["disk_wait_s"], alone))
    waits = [run_json(*words, "--disk-queue-depth", depth)["disk_wait_s"] for depth in (1, 4, 64)]
    check(waits[0] > 2 * waits[1] and waits[1] > 1.5 * waits[2], waits)


def test_prices():
    """A disk that is slow is dear: `auto` sends less to it"""
    copied = [run_json(*TIGHT, "--overflow", "auto", "--no-enable-prefix-caching", *DISK, "--disk-latency", latency,
                       "--disk-queue-depth", "1")["disk_written_blocks"] for latency in (10, 20000, 1000000)]
    check(copied[0] > copied[1] >= copied[2], copied)
    succeed("run", *SWAP, *DISK, "--disk-latency", "5000", "-o", "disk.db")
    row = sqlite3.connect("disk.db").execute("SELECT sequence FROM preemption ORDER BY free_s DESC LIMIT 1").fetchone()
    text = succeed("explain", "disk.db", "--preemption", row[0]).text
    check("gone on to the disk" in text, text)


def test_figures():
    """Bytes each way, time and the peak: in JSON, in words, in a comparison, in the results and on the page"""
    run = run_json(*SWAP, *DISK, "-o", "figures.db")
    check_close(run["disk_written_bytes"], run["disk_written_blocks"] * BLOCK_BYTES)
    check_close(run["disk_read_bytes"], run["disk_read_blocks"] * BLOCK_BYTES)
    check_equal(run["num_disk_blocks"], 100 * 2**30 // BLOCK_BYTES)
    check_equal((run["config"]["disk"], run["config"]["disk_queue_depth"], run["config"]["disk_read_bandwidth"]), ("nvme-pcie4", 32, 6.8))
    check(any("Micron" in sentence and "not measured" in sentence for sentence in run["config"]["assumed"]), run["config"]["assumed"])
    text = succeed("run", *SWAP, *DISK).text
    check("to the disk" in text and "for the disk" in text and "disk blocks" in text, text)
    check("blocks to the disk" in succeed("compare", *TIGHT, *DISK, "--overflow", "swap,auto").text)
    check_equal(sqlite3.connect("figures.db").execute("SELECT disk_written_blocks FROM run").fetchall(), [(run["disk_written_blocks"],)])
    succeed("report", "figures.db", "-o", "page.html")
    check(b"blocks to the disk" in read("page.html"))
    # Two cards send a block's halves to the machine's one disk.
    two = run_json(*SWAP, *DISK, "--tensor-parallel-size", "2")
    check_close(two["disk_written_bytes"], two["disk_written_blocks"] * BLOCK_BYTES)


def test_described():
    """A disk is described in a file, as devices are; each shipped one is listed"""
    check("nvme-pcie5" in succeed("list", "disks").text)
    write("mine.ini", "[disk]\nformat=1\nqueue_depth=2\n[read]\nbytes_per_s=1e9\nlatency_us=7\n[write]\nbytes_per_s=2e9\nlatency_us=9\n")
    config = run_json(*SWAP, *DISK, "--disk", "mine.ini", "--disk-queue-depth", "3")["config"]
    check_equal([config[key] for key in ("disk", "disk_read_bandwidth", "disk_write_bandwidth", "disk_read_latency_us",
                                         "disk_write_latency_us", "disk_queue_depth")], ["mine", 1.0, 2.0, 7.0, 9.0, 3])
    write("bad.ini", "[disk]\nformat=1\nqueue_depth=0\n[read]\nbytes_per_s=1e9\nlatency_us=7\n[write]\nbytes_per_s=2e9\nlatency_us=9\n")
    check_refused(["run", *SWAP, *DISK, "--disk", "bad.ini"], ["bad.ini", "queue_depth"])
    check_refused(["run", *SWAP, *DISK, "--disk", "nvme-pcie3"], ["--disk", "nvme-pcie4"])


def test_refused():
    """Where it cannot be done it is refused, and said where it changes nothing"""
    check_refused(["run", *without_overlap(SWAP), *DISK], ["--kv-offloading-disk", "--overlap-copies"])
    check_refused(["run", *SWAP, "--disk-latency", "9"], ["--disk-latency", "--kv-offloading-disk"])
    check_refused(["run", *SWAP, *DISK, "--num-disk-blocks", "9"], ["--num-disk-blocks", "contradict"])
    check_refused(["run", *TIGHT, "--scheduler", "vllm-0.33", "--kv-offloading-size", "4", *DISK], ["--kv-offloading-disk", "offload"])
    check_refused(["run", "--executor", "unit", "--scheduler", "vllm-0.33", "--trace", "demo", "--num-gpu-blocks", "99", "--num-cpu-blocks",
                   "9", "--overflow", "swap", "--overlap-copies", "--num-disk-blocks", "9", "--disk-latency", "9"], ["--disk-latency", "unit"])
    said = execute("run", *TIGHT, "--overflow", "recompute", *DISK)
    check("--kv-offloading-disk changes nothing" in said.err, said.err)
    said = execute("run", *SWAP, *DISK, "--disk-read-bandwidth", "7000", "--disk-write-bandwidth", "0.01").err
    check("the disk reads 7000 GB/s" in said and "the disk writes 0.01 GB/s" in said, said)
    said = execute("run", *SWAP, *DISK, "--disk-read-bandwidth", "500", "--disk-write-bandwidth", "0.05").err
    check("is its unit right" not in said, said)


def without_overlap(words):
    return [word for word in words if word != "--overlap-copies"]


main(all_tests(globals()))
