"""How a figure is taken: the program is started as a user would, several times; the best and the median are kept, and
how far apart the runs were. The machine is never quiet enough for one run.
"""
import collections
import json
import os
import shlex
import statistics
import tempfile
import time

SPILLWAY = os.environ["SPILLWAY"]

Run = collections.namedtuple("Run", "elapsed_s cpu_share peak_rss_bytes out")
Times = collections.namedtuple("Times", "best median spread count cpu_share busy")


def run_once(words):
    """One run with its wall time and its peak memory; its standard output where it is JSON."""
    with tempfile.TemporaryFile() as out:
        actions = [(os.POSIX_SPAWN_DUP2, out.fileno(), 1)]
        start = time.perf_counter()
        pid = os.posix_spawn(SPILLWAY, ["spillway", *words], os.environ, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        elapsed_s = time.perf_counter() - start
        if status != 0:
            raise SystemExit("bench: failed: %s" % command(words))
        out.seek(0)
        cpu_share = (usage.ru_utime + usage.ru_stime) / elapsed_s
        return Run(elapsed_s, cpu_share, usage.ru_maxrss * 1024, out.read())


def command(words):
    """The words as a user would type them."""
    return shlex.join(["spillway", *words])


def times_of(values, cpu_shares=None):
    """Spread: the distance of the quartiles as a share of the median. cpu_share: how much of the time the program had a
    processor; well below 1, it waited for others and the median says little. busy: the median of the time on one.
    """
    cpu_shares = cpu_shares or [1.0] * len(values)
    busy = statistics.median(value * min(share, 1.0) for value, share in zip(values, cpu_shares))
    values = sorted(values)
    median = statistics.median(values)
    quarter = len(values) // 4
    return Times(values[0], median, (values[-1 - quarter] - values[quarter]) / median if median else 0.0, len(values),
                 statistics.median(cpu_shares), busy)


def repeat(words, repeats, value, at_least_s=0.0):
    """value(run) of so many runs, more of them while they are short."""
    values, cpu_shares, start = [], [], time.monotonic()
    while len(values) < repeats or (time.monotonic() - start < at_least_s and len(values) < 10 * repeats):
        run = run_once(words)
        values.append(value(run))
        cpu_shares.append(run.cpu_share)
    return times_of(values, cpu_shares)


def replay(words, repeats):
    """A run's summary, and the time of its replay alone: what reads the trace and prints is not in wall_s."""
    summaries = []

    def wall_s(run):
        summaries.append(json.loads(run.out))
        return summaries[-1]["wall_s"]

    times = repeat([*words, "--format", "json"], repeats, wall_s, at_least_s=0.5)
    return summaries[0], times
