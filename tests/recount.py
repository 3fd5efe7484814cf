"""A run's figures, counted anew from the files that it wrote (--requests, --decisions) and nothing else."""
import csv
import json
from decimal import Decimal
from fractions import Fraction

from spillway_test import check, check_equal

LEVELS = {"p50": Fraction(50, 100), "p90": Fraction(90, 100), "p95": Fraction(95, 100), "p99": Fraction(99, 100)}
NONE = dict.fromkeys(["mean", *LEVELS, "max"])


def picoseconds(seconds):
    return int(Decimal(seconds) * 10**12)


def distribution(values):
    """As NumPy's default: between two order statistics, linearly. In the values' unit."""
    values = sorted(values)
    if not values:
        return NONE
    found = {"mean": Fraction(sum(values), len(values)), "max": values[-1]}
    for name, level in LEVELS.items():
        place = (len(values) - 1) * level
        low = int(place)
        high = min(low + 1, len(values) - 1)
        found[name] = values[low] + (values[high] - values[low]) * (place - low)
    return found


class Request:
    """A row of --requests, and what the log says of it."""

    def __init__(self, row):
        self.status, self.preemptions = row["status"], int(row["preemptions"])
        self.prompt, self.output = int(row["prompt_tokens"]), int(row["output_tokens"])
        self.arrival = picoseconds(row["arrival_s"])
        self.first, self.finish = (picoseconds(row[key]) if row[key] else None
                                   for key in ("first_token_s", "finish_s"))
        self.first_step = None  # when it began
        self.victim = self.scheduled = 0
        self.yielded = 0
        self.computed = self.highest = self.spared = 0  # tokens; spared: found in a cache before they were ever computed
        self.is_certain = True  # how many are computed can be told

    def find(self, tokens):
        """In a cache, as it starts: so many from the first on."""
        self.computed = max(self.computed, tokens)
        self.spared += max(0, tokens - self.highest)
        self.highest = max(self.highest, tokens)

    def run(self, tokens, time):
        """Whether that yields a token."""
        if self.first_step is None:
            self.first_step = time
        self.scheduled += tokens
        self.computed += tokens
        if self.computed > self.highest:
            self.highest = self.computed
        if self.computed != self.prompt + self.yielded:  # not all that it has
            return False
        self.yielded += 1
        return True

    def lose(self, action):
        self.victim += 1
        if action in ("recompute", "offload", None):
            self.computed = 0
        elif action not in ("swap", "swap-free"):
            self.is_certain = False

    def recomputed(self):
        """Of one that finished: its KV is that of the prompt and of all tokens but the last."""
        return self.scheduled + self.spared - (self.prompt + self.output - 1)


class Recount:
    def __init__(self, requests_path, decisions_path):
        with open(requests_path, newline="") as file:
            rows = list(csv.DictReader(file))
        self.requests = [Request(row) for row in rows]
        self.by_id = {row["id"]: request for row, request in zip(rows, self.requests)}
        with open(decisions_path) as file:
            lines = [json.loads(line, parse_float=Decimal) for line in file]
        self.header, self.footer = lines[0], lines[-1]
        self.steps = [line for line in lines[1:-1] if "abort" not in line]
        self.lines = lines[1:-1]
        self.hit_tokens = 0
        self.yields = []  # a list a line: whose tokens it yields
        self.recomputing = []  # tokens a line that were computed before; None where that cannot be told
        for line in self.lines:
            self.follow(line)

    def request(self, name):
        return self.by_id[str(name)]

    def follow(self, line):
        time = picoseconds(line["t"])
        for name, action in line.get("preempted", []):
            self.request(name).lose(action)
        for name in line.get("retracted", []):
            self.request(name).lose(None)
        for name, tokens in line.get("cached", []):
            self.hit_tokens += tokens
            self.request(name).find(tokens)
        scheduled = [(name, self.request(name), tokens) for name, tokens, _ in line.get("scheduled", [])]
        self.recomputing.append(self.known(scheduled))
        self.yields.append([name for name, request, tokens in scheduled if request.run(tokens, time)])

    def known(self, scheduled):
        """Of the tokens that are computed, those that were before."""
        if self.hit_tokens or not all(request.is_certain for _, request, _ in scheduled):
            return None
        return sum(min(tokens, request.highest - request.computed) for _, request, tokens in scheduled)

    def latencies(self):
        done = [r for r in self.requests if r.status == "finished"]
        return {
            "ttft_s": [r.first - r.arrival for r in self.requests if r.first is not None],
            "e2e_s": [r.finish - r.arrival for r in done],
            "tpot_s": [Fraction(r.finish - r.first, r.output - 1) for r in done if r.output > 1],
            "queue_s": [r.first_step - r.arrival for r in self.requests if r.first_step is not None],
        }

    def end(self):
        """Of the last step, where a request finished in it: the clock may go on to requests that find no place."""
        return max((self.request(name).finish for name in self.steps[-1].get("finished", [])), default=None)

    def copied(self, key):
        return sum(blocks for step in self.steps for _, blocks in step.get(key, []))

    def decides_when_all_is_known(self):
        """Neither ahead of the step before, nor beside copies, other engines or stages."""
        settings = self.header
        return (settings["scheduler"].startswith("vllm") and not settings["async_scheduling"] and not settings["overlap_copies"]
                and not settings["num_offload_blocks"] and (settings["data_parallel_size"] or 1) == 1
                and (settings["pipeline_parallel_size"] or 1) == 1 and self.footer["end"] == "done")

    def ends(self):
        """When each step ended: somebody's last token came, or whoever runs on begins the next. None where one ran nobody."""
        if not self.steps or not self.steps[-1].get("finished") or not all(step["scheduled"] for step in self.steps):
            return None
        return [self.request(step["finished"][0]).finish if step.get("finished") else picoseconds(after["t"])
                for step, after in zip(self.steps, [*self.steps[1:], None])]

    def between_tokens(self, ends):
        """All gaps between two tokens of a request. None where the files do not tell which step yields which."""
        if len(self.steps) != len(self.lines) or any(len(names) != step["tokens"] for names, step in zip(self.yields, self.steps)):
            return None
        gaps, last = [], {}
        for names, end in zip(self.yields, ends):
            gaps += [end - last[name] for name in names if name in last]
            last.update(dict.fromkeys(names, end))
        return gaps

    def copied_serially(self):
        """Blocks out to the host and back, by what is free there. None where a step has both, or a cache spared a part."""
        if self.header["enable_prefix_caching"] or self.header["overflow"] == "swap-free" or any("preempted" in step and "swapped_in" in step for step in self.steps):
            return None
        free, out, back = self.header["num_cpu_blocks"], 0, 0
        for step in self.steps:
            out, back = out + max(0, free - step["cpu_free"]), back + max(0, step["cpu_free"] - free)
            free = step["cpu_free"]
        return out, back

    def check_disk(self, words):
        """What is on the disk is what went there and has not come back. A prefix cache may spare the way back."""
        used, written, ended = 0, {}, set()
        for step in self.steps:
            for name, blocks in step.get("copied_from_disk", []):
                check(blocks <= written.get(name, 0), "%s: %s reads %d" % (words, name, blocks))
                written[name] -= blocks
                used -= blocks
            for name, blocks in step.get("copies_to_disk", []):
                used += blocks
                written[name] = written.get(name, 0) + blocks
            if "disk_used" in step:
                check(step["disk_used"] <= used if self.header["enable_prefix_caching"] else step["disk_used"] == used,
                      "%s: step %d: %d on the disk, counted %d" % (words, step["step"], step["disk_used"], used))
            for name, blocks in step.get("copies_to_disk", []):
                used -= blocks if name in ended else 0  # its last token was on its way when it was evicted
            ended.update(step.get("finished", []))

    def peak_blocks(self):
        """Of the pool as it is when all have left it: an engine may keep a block to itself. SGLang counts tokens,
        and what its cache may drop as free."""
        if any("free" in step for step in self.steps):
            size, pool = self.header["block_size"], self.header["num_gpu_blocks"]
            return max(pool - (step["free"] + step["evictable"]) // size for step in self.steps)
        pool = self.steps[-1].get("gpu_free_end") if self.steps else None
        if self.footer["end"] != "done" or pool is None:
            return None
        return max(pool - step["gpu_free"] for step in self.steps)


def close(found, expected, what, absolute=2e-12):
    expected = float(expected)
    check(abs(found - expected) <= 2e-11 * abs(expected) + absolute, "%s: found %r, counted %r" % (what, found, expected))


def check_distribution(summary, key, values, words):
    for name, value in distribution(values).items():
        if value is None:
            check(summary[key][name] is None, "%s.%s of %s: %r of nothing" % (key, name, words, summary[key][name]))
        else:
            close(summary[key][name], Fraction(value) / 10**12, "%s.%s of %s" % (key, name, words))


def check_counts(summary, count, words):
    """What is counted is what the summary says."""
    requests = count.requests
    by_status = {status: sum(r.status == status for r in requests) for status in ("finished", "ignored", "aborted")}
    for key, value in {
            **by_status,
            "requests": len(requests),
            "output_tokens": sum(r.output for r in requests),
            "prompt_tokens": sum(r.prompt for r in requests),
            "preemptions": sum(r.victim for r in requests),
            "preempted_requests": sum(r.victim > 0 for r in requests),
            "prefix_hit_tokens": count.hit_tokens,
            "steps": len(count.steps),
            "disk_written_blocks": count.copied("copied_to_disk"),
            "disk_read_blocks": count.copied("copied_from_disk"),
            "peak_disk_blocks": max((step.get("disk_used", 0) for step in count.steps), default=0),
            "peak_gpu_blocks": count.peak_blocks()}.items():
        if value is not None:
            check_equal(summary[key], value, "%s of %s" % (key, words))
    check(all(r.victim == r.preemptions for r in requests), words)
    count.check_disk(words)
    check_equal(sum(step["tokens"] for step in count.steps), summary["output_tokens"], words)


def check_rates(summary, count, words):
    end = count.end() if count.steps else count.requests[0].arrival
    makespan = end - count.requests[0].arrival if end is not None else picoseconds(repr(summary["makespan_s"]))
    close(summary["makespan_s"], Fraction(makespan, 10**12), "makespan of %s" % words)
    if makespan > 0:
        close(summary["requests_per_s"], Fraction(summary["finished"] * 10**12, makespan), "rate of %s" % words)
        close(summary["output_tokens_per_s"], Fraction(summary["output_tokens"] * 10**12, makespan), words)
    batch = Fraction(sum(len(step["scheduled"]) for step in count.steps), max(len(count.steps), 1))
    close(summary["mean_batch"], batch, "batch of %s" % words)


def check_latencies(summary, count, words):
    """TPOT is rounded to a picosecond each; requests that were cut off have tokens whose times no file has."""
    all_done = all(r.status == "finished" or r.output < 2 for r in count.requests)
    for key, values in count.latencies().items():
        if key == "tpot_s":
            if all_done:
                check_distribution(summary, key, [int(value + Fraction(1, 2)) for value in values], words)
        else:
            check_distribution(summary, key, values, words)
    gaps = sum(r.output - 1 for r in count.requests if r.output > 1)
    if all_done and gaps > 0:
        between = sum(r.finish - r.first for r in count.requests if r.output > 1 and r.finish is not None)
        close(summary["itl_s"]["mean"], Fraction(between, gaps * 10**12), "itl of %s" % words)


BUCKETS = 1024  # of the histogram of gaps between tokens, to a factor of two


def check_steps(summary, count, words):
    """How long steps took, tokens are apart, and what was copied, where steps are decided one after the other."""
    ends = count.ends() if count.decides_when_all_is_known() else None
    if ends is None:
        return
    durations = [end - picoseconds(step["t"]) for step, end in zip(count.steps, ends)]
    close(summary["busy_s"], Fraction(sum(durations), 10**12), "busy time of %s" % words)
    gaps = count.between_tokens(ends)
    if gaps:
        for name, value in distribution(gaps).items():
            close(summary["itl_s"][name], Fraction(value) / 10**12, "itl_s.%s of %s" % (name, words),
                  0 if name in ("mean", "max") else float(value) / 10**12 / BUCKETS)
    blocks = count.copied_serially()
    if blocks is not None:
        check_equal((summary["swapped_out_blocks"], summary["swapped_in_blocks"]), blocks, words)


def check_sums(summary, count, words):
    """What adds up: the parts of the busy time, bytes and their blocks, time that was waited for copies."""
    if count.header["model"] is not None and not count.header["overlap_copies"] and not count.header["num_offload_blocks"] \
            and (count.header["pipeline_parallel_size"] or 1) == 1 and summary["time_s"]["linear"] > 0:
        close(summary["busy_s"], Fraction(sum(Decimal(repr(value)) for value in summary["time_s"].values())), "parts of %s" % words, 1e-9)
    close(summary["copy_wait_s"], sum(Decimal(step.get("waited_for_copies_s", 0)) for step in count.steps), "waiting for copies, %s" % words)
    if summary["swapped_out_blocks"] > 0 and summary["swapped_out_bytes"] is not None:
        each = Fraction(Decimal(repr(summary["swapped_out_bytes"]))) / summary["swapped_out_blocks"]
        close(summary["swapped_in_bytes"], each * summary["swapped_in_blocks"], "bytes in of %s" % words)


def limits_of(slo):
    """[(figure, "p99" and its like, picoseconds)] of "ttft:p99<2s,tpot:mean<50ms"."""
    units = {"us": 10**6, "ms": 10**9, "s": 10**12}
    for text in slo.split(","):
        what, time = text.split("<")
        unit = next(unit for unit in units if time.endswith(unit))
        yield what.split(":")[0], int(Decimal(time[:-len(unit)]) * units[unit])


def is_good(request, limits):
    own = {"ttft": request.first - request.arrival, "e2e": request.finish - request.arrival,
           "tpot": Fraction(request.finish - request.first, max(1, request.output - 1)) if request.output > 1 else 0}
    return all(own[what] < limit for what, limit in limits)


def check_goodput(summary, count, words):
    slo = count.header["slo"]
    if slo is None:
        return check_equal((summary["goodput_per_s"], summary["good_share"]), (None, None), words)
    limits = list(limits_of(slo))
    if any(what not in ("ttft", "e2e", "tpot") for what, _ in limits):
        return None
    if summary["makespan_s"] == 0:
        return check_equal((summary["goodput_per_s"], summary["good_share"]), (None, None), words)
    good = sum(r.status == "finished" and is_good(r, limits) for r in count.requests)
    close(summary["good_share"], Fraction(good, len(count.requests)), "good share of %s" % words)
    return close(summary["goodput_per_s"], good / summary["makespan_s"], "goodput of %s" % words)


def recomputed(count):
    """None where the files do not tell: KV that came back in part beside KV from a cache, or a run cut off."""
    worked = [r for r in count.requests if r.scheduled > 0]
    if any(r.status != "finished" for r in worked) or (count.hit_tokens and not all(r.is_certain for r in worked)):
        return None
    return sum(r.recomputed() for r in worked)


def check_recount(summary, requests_path, decisions_path, words):
    """Every figure that the files tell."""
    count = Recount(requests_path, decisions_path)
    check_counts(summary, count, words)
    check_rates(summary, count, words)
    check_latencies(summary, count, words)
    check_steps(summary, count, words)
    check_sums(summary, count, words)
    check_goodput(summary, count, words)
    tokens = recomputed(count)
    if tokens is not None and summary["config"]["num_offload_blocks"] in (0, None):
        check_equal(summary["recomputed_tokens"], tokens, "recomputed tokens of %s" % words)
    return count
