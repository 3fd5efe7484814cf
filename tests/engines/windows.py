#!/usr/bin/env python3
"""SGLang's pool of layers that see a window: what is free there at each step, recounted by the engine's rules of when a
sequence gives back; which models have it, and its size by each way to say it."""
import json

from spillway_test import all_tests, check, check_close, check_equal, main, read, source, succeed, write

OSS = source("tests", "models", "families", "gpt-oss-20b.json")
WINDOW, INTERVAL = 127, 128  # of 128 tokens, the newest not counted; tokens that a decode lets gather


def run(*words):
    succeed("run", "--executor", "unit", "--model", OSS, "--scheduler", "sglang", "--trace", "one.csv", "--decisions",
            "steps.jsonl", *words)
    return [json.loads(line) for line in read("steps.jsonl").splitlines()][1:-1]


def paged(tokens, page):
    return -(-tokens // page) * page


class Alone:
    """The window pool as one sequence uses it (free_swa_out_of_window_slots, maybe_evict_swa)."""

    def __init__(self, page, radix, overlap, chunk):
        self.page, self.radix, self.overlap, self.chunk = page, radix, overlap, chunk
        self.gone = self.computed = self.cached = self.extends = self.decodes = 0
        self.nodes = []  # of the tree: first, end, with a window

    def pass_window(self, known, interval=1):
        if known - WINDOW < self.gone + interval:
            return
        self.gone = max(self.gone, self.cached)
        kept = paged(max(WINDOW, self.page), self.page) if self.radix else WINDOW
        self.gone = max(self.gone, known - kept) // self.page * self.page

    def publish(self):
        """What it has computed of its prompt is the tree's in whole pages: what is gone has a node of its own, and so has the last window."""
        if not self.radix:
            return
        self.pass_window(self.computed - 1)
        first, end = self.cached, self.computed // self.page * self.page
        live, tail = max(first, self.gone), end - paged(WINDOW, self.page)
        cuts = [first, *([live] if first < live < end else []), *([tail] if live < tail else []), end]
        self.nodes += [(a, b, a >= live) for a, b in zip(cuts, cuts[1:]) if a < b]
        self.cached = end

    def evictable(self):
        """What it does not lock: it locks nodes from the last one up until they hold a window."""
        free, covered = 0, 0
        for first, end, live in reversed(self.nodes):
            free += end - first if live and covered >= WINDOW else 0
            covered += end - first
        return free

    def extend(self, tokens):
        if not self.radix and self.overlap and self.extends >= 2:
            self.pass_window(self.computed - self.chunk)
        elif not self.radix and not self.overlap:
            self.pass_window(self.computed)
        self.extends += 1
        self.computed += tokens

    def decode(self, in_flight):
        if self.decodes > 0:
            self.pass_window(self.computed - in_flight, INTERVAL)
        self.decodes += 1
        self.computed += 1

    def taken(self):
        """Its own and the tree's."""
        own = paged(self.computed, self.page) - max(self.gone, self.cached)
        return own + sum(end - first for first, end, live in self.nodes if live)


def test_given_back():
    """One request, alone: its slots there at each step, with pages and chunks, with and without a radix cache and overlap"""
    prompt, output = 700, 900
    write("one.csv", "arrival_s,prompt_tokens,output_tokens\n0,%d,%d\n" % (prompt, output))
    for page in (1, 16, 64, 256):
        for radix in (False, True):
            for overlap in (False, True):
                for chunk in (128, 256, -1):
                    words = ["--page-size", page, "--chunked-prefill-size", chunk, "--max-total-tokens", 4096,
                             *([] if radix else ["--disable-radix-cache"]), *([] if overlap else ["--disable-overlap-schedule"])]
                    if chunk != -1 and chunk < page:
                        continue
                    steps = run(*words)
                    total = int(4096 * 0.8) // page * page
                    alone, before = Alone(page, radix, overlap, max(chunk, 0)), None
                    for step in steps:
                        # A part of a prompt is published at the next decision, a whole one when it lands.
                        (request, tokens, kind), = step["scheduled"]
                        if before == "extend" and (kind != "d" or not overlap):
                            alone.publish()
                        if kind == "d":
                            alone.decode(1 if overlap and before == "decode" else 0)
                        else:
                            alone.extend(tokens)
                        check_equal((step["swa_free"], step["swa_evictable"]), (total - alone.taken(), alone.evictable()),
                                    "%s at step %d" % (words, step["step"]))
                        if before == "extend" and kind == "d" and overlap:
                            alone.computed -= 1
                            alone.publish()
                            alone.computed += 1
                        before = step["mode"]
                    check_equal(alone.decodes, output - 1, words)


def pools(model, *words):
    config = succeed("run", "--model", model, "--device", "h200", "--scheduler", "sglang", "--trace", "demo", "--limit", 1,
                     "--format", "json", *words).json["config"]
    return config["max_total_tokens"], config["swa_max_total_num_tokens"], config


def test_sizes():
    """Both pools by the memory, by the tokens of one, and by what --max-running-requests requests hold at most"""
    words = ["--page-size", 16]
    full, window, config = pools(OSS, *words, "--kv-memory", "20GiB")
    bytes_each = 12 * 8 * 2 * 64 * 2  # half of the layers are of each kind
    check_equal((full, window), (int(20 * 2**30 / (1.8 * bytes_each)) // 16 * 16, full * 4 // 5 // 16 * 16))
    check("12 of 24 layers see a window and have a pool of their own, of %d tokens" % window in " ".join(config["assumed"]), config["assumed"])
    check_equal(pools(OSS, *words, "--max-total-tokens", 1000, "--swa-full-tokens-ratio", "0.5")[:2], (992, 496))
    most = paged((WINDOW + INTERVAL + 32) * 40 + 2 * 512 + 16, 16)
    capped = [*words, "--disable-radix-cache", "--max-running-requests", 40, "--chunked-prefill-size", 512]
    full, window, config = pools(OSS, *capped, "--kv-memory", "20GiB")
    check_equal((full, window), (int(20 * 2**30 / bytes_each - most) // 16 * 16, most))
    check("what 40 requests hold at most" in config["defaults"]["swa_max_total_num_tokens"], config["defaults"])
    check_equal(pools(OSS, *capped, "--disable-overlap-schedule", "--kv-memory", "20GiB")[1], most - 512)
    check_equal(pools(OSS, *capped[:-2], "--chunked-prefill-size", -1, "--max-total-tokens", 1600)[1], 1280)


def test_models():
    """Families with a pool of windows, and those that keep all: each says so"""
    for name, has_pool in (("gpt-oss-120b", True), ("gemma-4-31b", True), ("mimo-v2-flash", True), ("step-3.5-flash", True),
                           ("llama-4-scout", True), ("gemma-3-27b", False), ("gemma-2-9b", False), ("command-a", False),
                           ("exaone-4.0-32b", False), ("olmo-3-7b", False)):
        model = source("tests", "models", "families", name + ".json")
        words = ["--tensor-parallel-size", 8, "--max-total-tokens", 90000]
        _, window, config = pools(model, *words)
        said = " ".join(config["assumed"])
        check_equal(window is not None, has_pool, name)
        check(("have a pool of their own" if has_pool else "as on a server: SGLang 0.5.23 has no window pool") in said, "%s: %s" % (name, said))
        if has_pool:
            _, window, config = pools(model, *words, "--disable-hybrid-swa-memory")
            check(window is None and "--disable-hybrid-swa-memory says so" in " ".join(config["assumed"]), name)


def test_slowdown():
    """What a run is slower than with memory for all: with a window pool that never says no, too."""
    write("many.csv", "arrival_s,prompt_tokens,output_tokens\n" + "".join("%.1f,%d,%d\n" % (i / 10, 900 - 20 * i, 100) for i in range(20)))
    words = ["run", "--model", OSS, "--device", "h100-sxm", "--scheduler", "sglang", "--trace", "many.csv", "--format", "json",
             "--disable-radix-cache", "--swa-full-tokens-ratio", "0.4"]
    small, large = (succeed(*words, "--max-total-tokens", tokens).json for tokens in ("3000", "100000"))
    check(small["slowdown"] > 1.01, small["slowdown"])
    check_close(small["slowdown"], small["makespan_s"] / large["makespan_s"], "the slowdown", relative=1e-9)
    check_equal(large["slowdown"], 1)


main(all_tests(globals()))
