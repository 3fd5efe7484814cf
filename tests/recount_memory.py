"""What too little memory cost a run, counted anew: from its files, from the steps that a database keeps, and from a run that has room.

recount.py counts the rest."""
import sqlite3
from fractions import Fraction

from recount import Recount, close, picoseconds
from spillway_test import check, check_equal, execute

ROOM = "24GiB"  # more than all requests of these tests hold


def one_by_one(settings):
    """Steps are decided by one engine, one after the other."""
    return (not settings["async_scheduling"] and (settings["data_parallel_size"] or 1) == 1
            and (settings["pipeline_parallel_size"] or 1) == 1)


def check_fallbacks(summary, count, words):
    """Of --overflow swap each victim that is computed again; others may have wanted that."""
    actions = [action for step in count.steps for _, action in step.get("preempted", [])]
    again = actions.count("recompute")
    overflow = count.header["overflow"]
    if overflow in ("recompute", "swap", "swap-free"):
        check_equal(summary["swap_fallbacks"], again if overflow != "recompute" else 0, "fallbacks of %s" % words)
    check(summary["swap_fallbacks"] <= again, "fallbacks of %s: %d, computed again %d" % (words, summary["swap_fallbacks"], again))


def check_starved(summary, count, words):
    """Who waits for blocks does so from one decision to the next, whether the device works meanwhile or stands still."""
    if not count.header["overlap_copies"]:
        check_equal(summary["starved_s"], 0, "starved of %s" % words)
    elif one_by_one(count.header) and count.footer["end"] == "done":
        waits = [(step, len(step.get("wait_for_copies", []))) for step in count.lines]
        check(not waits or waits[-1][1] == 0, "starved at the end: %s" % words)
        starved = sum(n * (picoseconds(after["t"]) - picoseconds(step["t"])) for (step, n), (after, _) in zip(waits, waits[1:]))
        close(summary["starved_s"], Fraction(starved, 10**12), "starved of %s" % words)


def disk_waits(count):
    """Between what, in picoseconds, they lie in sum: the log tells of what began or ended at the decision behind it. None where
    copies are begun ahead of need, whose decisions it does not tell."""
    least = most = before = 0
    evicted, reading = {}, {}
    for step in count.lines:
        now = picoseconds(step["t"])
        for name, _ in step.get("preempted", []):
            evicted[name] = now
        for name, _ in step.get("copies_out", []):
            if name not in evicted:
                return None
            least += max(0, before - evicted[name])
            most += now - evicted[name]
        for name, _ in step.get("copied_from_disk", []):
            least += max(0, before - reading[name])
            most += now - evicted[name]  # it may have waited for other reads before its own
        reading.update((name, now) for name, _ in step.get("copies_from_disk", []))
        before = now
    return least, most


def check_disk_wait(summary, count, words):
    if not count.header["num_disk_blocks"]:
        check_equal(summary["disk_wait_s"], 0, "disk waits of %s" % words)
    elif one_by_one(count.header) and count.footer["end"] == "done" and not count.header["swap_ahead"]:
        bounds = disk_waits(count)
        if bounds is not None:
            found = picoseconds(repr(summary["disk_wait_s"]))
            check(bounds[0] - 9 <= found <= bounds[1] + 9, "disk waits of %s: found %d, counted %d to %d" % (words, found, *bounds))


PARTS = ["linear", "attention", "elementwise", "head", "comm", "host", "swap_out", "swap_in"]


def check_stored_steps(summary, count, path, words):
    """The steps of a database are those of the log, and what they say of their time adds up to the summary's."""
    database = sqlite3.connect(path)
    if not database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'step'").fetchone():
        return
    rows = database.execute("SELECT step, repeats, first_ps, growth_ps, recompute_overhead_ps, preemptions, tokens, %s FROM step "
                            "ORDER BY sequence" % ", ".join(part + "_ps" for part in PARTS)).fetchall()
    database.close()
    durations, overhead, sums = [], 0, dict.fromkeys(PARTS, 0)
    by_step = {step["step"]: i for i, step in enumerate(count.lines)}
    for step, repeats, first, growth, again, victims, tokens, *parts in rows:
        durations += [first + i * growth for i in range(repeats)]
        overhead += again
        for part, time in zip(PARTS, parts):
            sums[part] += repeats * time + (growth * repeats * (repeats - 1) // 2 if part == "attention" else 0)
        line = count.lines[by_step[step]]
        check_equal((victims, tokens), (len(line.get("preempted", line.get("retracted", []))), sum(n for _, n, _ in line["scheduled"])), "step %d of %s" % (step, words))
        check(0 <= again <= first, "step %d of %s: %d of %d ps computed again" % (step, words, again, first))
        recomputed = count.recomputing[by_step[step]]
        check(again == 0 or recomputed is None or recomputed > 0, "step %d of %s computes nothing again" % (step, words))
    close(summary["overhead_s"]["recompute"], Fraction(overhead, 10**12), "overhead of recomputing, %s" % words)
    for part, time in sums.items():
        close(summary["time_s"][part], Fraction(time, 10**12), "%s of %s" % (part, words))
    for way in ("swap_out", "swap_in"):
        close(summary["overhead_s"][way], Fraction(sums[way], 10**12), "overhead of %s, %s" % (way, words))
    ends = count.ends() if count.decides_when_all_is_known() else None
    if ends is not None:
        check_equal(durations, [end - picoseconds(step["t"]) for step, end in zip(count.steps, ends)], "durations of %s" % words)


def check_memory(summary, count, words, database=None):
    check_fallbacks(summary, count, words)
    check_starved(summary, count, words)
    check_disk_wait(summary, count, words)
    if database is not None:
        check_stored_steps(summary, count, database, words)


def with_room(words):
    """The same with a pool that never says no."""
    kept = list(words)
    for option in ("--kv-memory", "--overflow", "--num-offload-blocks"):
        if option in kept:
            at = kept.index(option)
            del kept[at:at + 2]
    return [*kept, "--kv-memory", ROOM]


def check_slowdown(summary, count, words, memory):
    """Against the same with room for all, which is run here; memory: of what was run before."""
    if summary["slowdown"] is None:
        return
    key = tuple(with_room(words) + ["--max-model-len", str(count.header["max_model_len"])])
    if key not in memory:
        result = execute("run", *key, "--format", "json", "--requests", "room.csv", "--decisions", "room.jsonl")
        check_equal(result.status, 0, str(result))
        memory[key] = Recount("room.csv", "room.jsonl")
        check(all(r.preemptions == 0 for r in memory[key].requests), key)
    room = memory[key]
    ratio = Fraction(count.end() - count.requests[0].arrival, room.end() - room.requests[0].arrival)
    close(summary["slowdown"], ratio, "slowdown of %s" % words)
    mean, mean_of_room = (Fraction(sum(found.latencies()["e2e_s"]), len(found.latencies()["e2e_s"])) for found in (count, room))
    close(summary["latency_slowdown"], mean / mean_of_room, "slowdown of latency, %s" % words)
