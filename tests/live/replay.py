#!/usr/bin/env python3
"""Replay: recorded durations decide the same, byte for byte; others are told from where they part."""
import sqlite3

from live_fixture import LIVE, TIGHT, TRACE, model, refuse
from spillway_test import HARDWARE, HEADER, all_tests, check, check_equal, execute, main, read, succeed, without, write


def check_replayed(options, recorded, database):
    replayed = succeed("run", "--executor", "replay", "--replay", database, *options, "--decisions", "b.jsonl",
                       "--format", "json")
    check_equal(read("b.jsonl"), read("a.jsonl"), "the decision log")
    check_equal(without(replayed.json, "config", "slowdown", "latency_slowdown", "measured_share", "measured_spread"),
                without(recorded, "config", "slowdown", "latency_slowdown", "measured_share", "measured_spread"))


def test_replay():
    """replaying a run that was computed gives the same decision log, byte for byte, and the same summary"""
    for number, engine in enumerate((["--overflow", "swap"], ["--scheduler", "vllm-0.6", "--overflow", "swap"],
                                     ["--async-scheduling"], ["--enable-prefix-caching"])):
        options = ["--model", model("tiny-llama"), "--trace", TRACE, *TIGHT, *engine]
        database = "r%d.db" % number
        recorded = succeed(*LIVE, *options, "-o", database, "--decisions", "a.jsonl", "--format", "json").json
        check_replayed(options, recorded, database)
        check_replayed([*options, "--no-stride"], recorded, database + ":1")


def test_replay_of_a_replay():
    """What a replay recorded is measured where what it replayed was"""
    options = ["--model", model("tiny-llama"), "--trace", TRACE, *TIGHT]
    succeed(*LIVE, *options, "-o", "live.db")
    simulated = ["--model", "llama-2-7b", "--device", "a100-40gb", "--trace", "demo", "--limit", "20", "--kv-memory", "12%"]
    succeed("run", *simulated, "-o", "model.db", "--record-steps")
    for name, words, share in (("live", options, 1), ("model", simulated, 0)):
        run = ["run", "--executor", "replay", *words, "--format", "json"]
        first = succeed(*run, "--replay", name + ".db", "-o", name + "-2.db", "--record-steps").json
        second = succeed(*run, "--replay", name + "-2.db").json
        check_equal((first["measured_share"], second["measured_share"]), (share, share), name)


def test_replay_of_a_simulation():
    """a simulated run with --record-steps is replayed, strides and all"""
    options = ["--model", "llama-2-7b", "--device", "a100-40gb", "--trace", "demo", "--limit", "60", "--kv-memory", "12%"]
    recorded = succeed("run", *options, "-o", "r.db", "--record-steps", "--requests", "a.csv", "--format", "json").json
    replayed = succeed("run", "--executor", "replay", "--replay", "r.db", *options, "--requests", "b.csv",
                       "--format", "json").json
    check_equal(read("b.csv"), read("a.csv"))
    for key in ("makespan_s", "overhead_s", "preemptions", "ttft_s", "time_s"):
        check_equal(replayed[key], recorded[key], key)
    steps = sqlite3.connect("r.db").execute("SELECT count(*), sum(repeats) FROM step").fetchone()
    check(steps[0] < steps[1], "nothing was strided")
    check_equal(steps[1], recorded["steps"])


def test_departure():
    """a schedule that departs from its recording is told where and how, and what was set otherwise"""
    options = ["--model", model("tiny-llama"), "--trace", TRACE]
    succeed(*LIVE, *options, *TIGHT, "-o", "r.db")
    result = execute("run", "--executor", "replay", "--replay", "r.db", *options, "--num-gpu-blocks", "24",
                     "--block-size", "8", "--num-cpu-blocks", "200", "--max-num-seqs", "3")
    check_equal(result.status, 1, str(result))
    check("max_num_seqs was 256 when the run was recorded, and is 3 now" in result.err, str(result))
    check("departs from the recording at its line" in result.err and "decided was" in result.err, str(result))
    check("executor could not go on" in result.text, result.text)
    fewer = execute("run", "--executor", "replay", "--replay", "r.db", *options, *TIGHT, "--limit", "1")
    check_equal(fewer.status, 1, str(fewer))
    check("departs" in fewer.err, str(fewer))
    write("later.csv", HEADER + "0,9,5\n100,9,5\n")
    options = [*HARDWARE, "--trace", "later.csv", "--no-stride"]
    succeed("run", *options, "-o", "later.db", "--record-steps")
    left = execute("run", "--executor", "replay", "--replay", "later.db", *options, "--limit", "1")
    check(left.status == 1 and left.err.count("recorded lines are left") == 1, str(left))


def test_differences():
    """what a schedule or a figure follows from is told where it is not as it was recorded; what is the same is not"""
    options = ["--model", "llama-2-7b", "--device", "a100-40gb", "--trace", "demo", "--limit", "20", "--kv-memory", "12%"]
    succeed("run", *options, "-o", "r.db", "--record-steps")
    replay = ["run", "--executor", "replay", "--replay", "r.db", *options]
    check("was recorded" not in succeed(*replay).err, "the same settings")
    blocks = succeed(*replay, "--format", "json").json["num_gpu_blocks"]
    check("was recorded" not in succeed(*replay[:-2], "--num-gpu-blocks", str(blocks)).err, "the same pool by another option")
    for words, note in ((["--slo", "ttft:p99<2s"], "slo was not given when the run was recorded, and is ttft:p99<2s now"),
                        (["--max-num-active-seqs", "3"], "max_num_active_seqs was not given"),
                        (["--prefill-schedule-interval", "2"], "prefill_schedule_interval was 1"),
                        (["--no-scheduler-reserve-full-isl"], "scheduler_reserve_full_isl was 1"),
                        (["--watermark", "0.02"], "watermark was 0.0 when the run was recorded, and is 0.02 now"),
                        (["--admission", "watermark"], "admission_watermark was not given when the run was recorded, and is 0.05 now"),
                        (["--kv-cache-dtype", "fp8"], "kv_cache_dtype was auto"),
                        (["--tensor-parallel-size", "2"], "tensor_parallel_size was 1"),
                        (["--scheduler", "sglang", "--ignore-eos"], "ignore_eos was not given")):
        result = execute(*replay, *words)
        check("note: " + note in result.err, str(result))


def test_bad_recordings():
    """--replay without steps, without such a run, without a database"""
    options = ["--model", model("tiny-llama"), "--trace", TRACE, *TIGHT]
    succeed("run", "--model", "llama-2-7b", "--device", "a100-40gb", "--trace", "demo", "--limit", "3", "-o", "plain.db")
    succeed(*LIVE, *options, "-o", "r.db")
    write("text.db", "no database")
    replay = ["run", "--executor", "replay", *options]
    refuse(["--replay: plain.db", "step"], *replay, "--replay", "plain.db")
    refuse(["--replay: r.db: its run 7 has no recorded steps"], *replay, "--replay", "r.db:7")
    refuse(["--replay: text.db"], *replay, "--replay", "text.db")
    refuse(["--replay: none.db"], *replay, "--replay", "none.db")
    refuse(["--executor replay needs --replay"], *replay)
    refuse(["--replay needs --executor replay"], "run", *options, "--executor", "unit", "--replay", "r.db")
    refuse(["--record-steps needs -o"], "run", *options, "--executor", "unit", "--record-steps")


main(all_tests(globals()))
