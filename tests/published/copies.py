#!/usr/bin/env python3
"""doc/copies.md: what its tables have as ours is what the commands beside them print."""
import re

from spillway_test import all_tests, check_equal, main, read, run_json, source, succeed

PAGE = read(source("doc", "copies.md")).decode()


def row(start):
    """The cells of the one row that begins so, without its first."""
    found = [line for line in PAGE.splitlines() if line.startswith("| " + start)]
    check_equal(len(found), 1, start)
    return [cell.strip() for cell in found[0].strip().strip("|").split("|")][1:]


def check_printed(told, value, what):
    """The page's figure is the value at as many digits as the page has."""
    digits = len(told.partition(".")[2])
    check_equal(told.replace(",", ""), "%.*f" % (digits, value), what)


def crossover(*words):
    return succeed("crossover", *words, "--format", "json").json["block_sizes"]


def test_rates():
    """Rates of an H100 by path, and of a GH200."""
    for card, path, start, column in (("h100-sxm", "per-layer", "H100, `per-layer`", 1), ("h100-sxm", "per-block", "H100, `per-block`", 1),
                                      ("h100-sxm", "batched", "H100, `batched`", 1), ("gh200", "per-block", "GH200, large, in", 1)):
        point = crossover("--model", "llama-3.1-8b", "--device", card, "--tokens", "4096", "--block-size", "16", "--copy-path", path)[0]
        told = row(start)[column]
        told = re.search(r"\((\d+) in pieces", told).group(1) if "(" in told else told
        check_printed(told, 4096 * 131072 / 1e9 / point["points"][0]["swap_in_s"], start)


def test_ratios():
    """Recomputing over a swap, by block size and link."""
    for start, scale in (("PCIe 4, 25 GB/s", None), ("15 GB/s", "h2d=0.6x,d2h=0.6x"), ("12.5 GB/s", "h2d=0.5x,d2h=0.5x")):
        sizes = crossover("--model", "opt-13b", "--device", "a100-40gb", "--tokens", "256", "--block-size", "1,4,8,16,32,64,128,256",
                          *(["--what-if", scale] if scale else []))
        cells = row(start)
        check_equal(len(cells), len(sizes))
        for told, size in zip(cells, sizes):
            point = size["points"][0]
            if told:
                check_printed(told, point["recompute_s"] / (point["swap_in_s"] + point["swap_out_s"]), (start, size["block_size"]))


def test_loading():
    """Loading KV against computing it."""
    points = crossover("--model", "llama-3.1-8b", "--device", "h100-sxm", "--tokens", "512,2k,8k,32k,128k", "--block-size", "16",
                       "--copy-path", "per-block")[0]["points"]
    for start, figure in (("computing, ms", lambda p: 1000 * p["recompute_s"]), ("loading, ms", lambda p: 1000 * p["swap_in_s"]),
                          ("ratio", lambda p: p["recompute_s"] / p["swap_in_s"])):
        for told, point in zip(row(start), points):
            check_printed(told, figure(point), (start, point["tokens"]))


def test_disk():
    """A disk behind a host that is full."""
    words = ["--model", "llama-2-7b", "--device", "a100-40gb", "--trace", "demo", "--kv-memory", "12%", "--no-enable-prefix-caching",
             "--overflow", "swap", "--overlap-copies"]
    host, disk = ["--num-cpu-blocks", "100"], ["--kv-offloading-disk", "100"]
    for start, more in (("100 host blocks", host), ("and `nvme-pcie4`", host + disk), ("and `nvme-pcie5`", host + disk + ["--disk", "nvme-pcie5"]),
                        ("and one block", host + disk + ["--disk-queue-depth", "1", "--disk-latency", "2000"]),
                        ("a host that is never full", ["--swap-space", "32"])):
        told, found = row(start), run_json(*words, *more)
        check_printed(told[0], found["e2e_s"]["mean"], start)
        recomputed = re.match(r"([\d,]+)(?: \((\d+) victims\))?$", told[1])
        check_printed(recomputed.group(1), found["recomputed_tokens"], start)
        if recomputed.group(2):
            check_equal(int(recomputed.group(2)), found["swap_fallbacks"])
        for cell, value in ((told[2], found["disk_written_bytes"] / 1e9), (told[3], found["disk_wait_s"])):
            if cell == "–":
                check_equal(value, 0, start)
            else:
                check_printed(cell, value, start)
        check_printed(told[4], found["copy_wait_s"], start)


def test_layer_by_layer():
    """Copies before their step, and beside its layers."""
    words = ["--model", "llama-2-7b", "--device", "a100-40gb", "--trace", "demo", "--kv-memory", "12%", "--no-enable-prefix-caching"]
    slow = ["--what-if", "h2d=0.7x,d2h=0.7x"]
    for start, more in (("`swap` |", ["swap"]), ("`auto` |", ["auto"]), ("`split` |", ["split"]), ("`auto`, the link at 0.7", ["auto", *slow]),
                        ("`split`, the link at 0.7", ["split", *slow])):
        told = row(start)[-6:]
        for place, layers in enumerate(([], ["--layerwise-copies"])):
            found = run_json(*words, "--overflow", *more, *layers)
            check_printed(told[place], found["overhead_s"]["swap_out"] + found["overhead_s"]["swap_in"], start)
            check_printed(told[2 + place], found["e2e_s"]["mean"], start)
            check_printed(told[4 + place], found["recomputed_tokens"], start)


main(all_tests(globals()))
