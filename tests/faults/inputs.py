#!/usr/bin/env python3
"""Inputs without an end, huge, cut or with names that do harm, and causes behind causes: doc/reliability.md has the table."""
import csv
import gzip
import io
import json
import os
import resource
import shutil
import struct
import zlib

from common import (LIBRARY, POINTS, PROFILE, RUN, STUDY, limited, make_run, refused, rows)
from spillway_test import (HARDWARE, all_tests, check, check_equal, execute, main, read, source, succeed, write)


def readers_of_files(name):
    """Every way in for a file that is read."""
    yield ["profile", "show", name]
    yield ["profile", "import", name, "-o", "new.db"]
    yield ["run", "--model", name, "--device", "a100-40gb", "--trace", "demo"]
    yield ["run", "--model", "llama-2-7b", "--device", name, "--trace", "demo"]
    yield ["run", *HARDWARE, "--trace", name]
    yield [*RUN, "--against", name]
    yield [*RUN, "--executor", "replay", "--replay", name]
    yield ["trace", "show", name]
    yield ["sweep", name, "-o", "new.db"]
    yield ["report", name, "-o", "page.html"]
    yield ["explain", name]
    yield ["merge", name, "-o", "new.db"]
    yield [*RUN, "--host", name]
    yield [*RUN, "--overlap-copies", "--overflow", "swap", "--kv-offloading-disk", "4", "--disk", name]
    yield ["model", "show", "llama-2-7b", "--device", "a100-40gb", "--log", name]
    yield ["model", "show", name]
    yield ["crossover", "--model", "llama-2-7b", "--device", name]
    yield ["capacity", name]
    yield ["servers", name]
    yield ["study", "policies", "--trace", name, "--prompts", "none", "--seeds", "1", "-o", "new.db"]
    yield ["trace", "gen", "--requests", "2", "--rate", "1", "--prompt", "empirical:" + name, "--output", "fixed:2"]
    yield ["trace", "convert", name, "-o", "new.csv"]
    yield ["profile", "export", name, "-o", "new.csv"]
    yield ["run", "--executor", "cpu", "--model", source("tests", "models", "tiny-llama.json"), "--num-gpu-blocks", "50",
           "--trace", "gen:--requests 2 --rate 1 --prompt fixed:4 --output fixed:2", "--token-ids", name]


def test_files_that_never_end():
    """a device that never ends is refused by every reader, in bounded memory"""
    for words in readers_of_files("/dev/zero"):
        limited(4000000, *words)
    make_run()
    if LIBRARY:
        limited(4000000, "report", "r.db", "-o", "page.html", "--chart-js", "/dev/zero", status=1)


def test_small_files_that_unpack():
    """a small file makes no large allocation: gzip of zeros, a file of holes"""
    with open("bomb.gz", "wb") as file:  # 4 GiB in some 4 MB, which is 1 KB's share many times over
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        part = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)  # needs nothing that is before it
        file.write(b"\x1f\x8b\x08" + bytes(7) + 256 * part + packer.flush())
        file.write(struct.pack("<II", 0xd202ef8d, 0))  # the CRC of so many zeros, and the low half of their number
    with open("holes", "wb") as file:
        file.truncate(1 << 36)
    for name in ("bomb.gz", "holes"):
        for words in readers_of_files(name):
            limited(4000000, *words)
    for name in ("bomb.gz", "holes"):
        os.unlink(name)


def test_behind_the_end_of_gzip():
    """bytes behind the end of a gzip file are told, and padding is not"""
    write("hand.csv", PROFILE)
    trace = "arrival_s,prompt_tokens,output_tokens\n0,100,10\n1,200,20\n"
    succeed("run", *HARDWARE, "--trace", write("t.csv", trace), "--requests", "measured.csv")
    succeed("trace", "convert", "t.csv", "-o", "t.bin")
    files = {"t.csv.gz": (trace.encode(), ["trace", "show"]), "t.bin.gz": (read("t.bin"), ["trace", "show"]),
             "p.csv.gz": (PROFILE.encode(), ["profile", "show"]),
             "m.csv.gz": (read("measured.csv"), ["run", *HARDWARE, "--trace", "t.csv", "--against"])}
    for name, (content, words) in files.items():
        packed = gzip.compress(content)
        for behind in (b"", bytes(512), gzip.compress(b"")):
            write(name, packed + behind)
            succeed(*words, name)
        for behind in (b"garbage", bytes(512) + b"x", b"\x1f\x8bxxxxxxxxxxxx", b"\n"):
            write(name, packed + behind)
            refused(*words, name, expected=[name, "gzip data"])
        write(name, packed[:-5])
        refused(*words, name, expected=[name, "gzip data"])


ESCAPE = "\x1b[31mred\x07\x9b"


def test_control_bytes():
    """names with control bytes are shown, not obeyed: on every text for people, and quoted in CSV"""
    write("t.jsonl", "".join('{"timestamp": %d, "input_length": 100, "output_length": 900}\n' % i for i in range(9)))
    write("names.csv", "id,arrival_s,prompt_tokens,output_tokens\n" +
          "".join('"%s%d",%d,100,900\n' % (ESCAPE, i, i) for i in range(9)))
    os.rename("names.csv", "names" + ESCAPE + ".csv")
    words = [*HARDWARE, "--trace", "names" + ESCAPE + ".csv", "--num-gpu-blocks", "120", "-o", "r.db"]
    outs = [succeed("run", *words, "--requests", "requests.csv"), succeed("compare", *words), succeed("explain", "r.db"),
            succeed("explain", "r.db", "--request", ESCAPE + "3"), succeed("explain", "r.db", "--preemption", "0"),
            succeed("trace", "show", "names" + ESCAPE + ".csv")]
    write("device.ini", read(source("calib", "devices", "h100-sxm.ini")).decode().replace("title=", "title=" + ESCAPE))
    write("study.ini", STUDY.replace("name = memory", "name = " + ESCAPE))
    write("points.csv", POINTS.replace("\na,", "\n" + ESCAPE + ","))
    named = ["--model", "llama-2-7b", "--device", "device.ini"]
    outs += [succeed("run", *named, "--trace", "t.jsonl"), succeed("crossover", *named), succeed("sweep", "study.ini", "-o", "s.db"),
             succeed("sweep", "study.ini", "-o", "s.db", "--dry-run"), succeed("servers", "points.csv"),
             succeed("servers", "points.csv", "--commands", "--model", "nothing"),
             succeed("capacity", "study.ini", "--slo", "e2e:p99<9s"), succeed("regret", *named, "--trace", "t.jsonl", "--budget", "2")]
    for out in outs:
        check(not any(ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 for c in out.text), str(out) + out.text)
    check("\\x1b[31mred" in outs[2].text, outs[2].text)
    with open("requests.csv", newline="") as file:
        text = file.read()
    check(text.count('"%s' % ESCAPE) == 9, text)
    check_equal([row["id"] for row in csv.DictReader(io.StringIO(text))][:2], [ESCAPE + "0", ESCAPE + "1"])


def test_safetensors_places():
    """weights that overlap, leave a gap, or end before the file does are refused"""
    os.mkdir("m")
    shutil.copy(source("tests", "models", "tiny-llama.json"), "m/config.json")
    words = ["run", "--executor", "cpu", "--model", "m", "--num-gpu-blocks", "50", "--load-format", "safetensors", "--trace",
             "gen:--requests 1 --rate 1 --prompt fixed:4 --output fixed:2"]
    good = {"a": [0, 8], "b": [8, 16]}
    for offsets, length, part in ((dict(good, b=[4, 12]), 16, "overlap"), (dict(good, b=[0, 8]), 16, "overlap"),
                                  (dict(good, b=[10, 18]), 18, "gap"), (dict(a=[1, 9], b=[9, 17]), 17, "gap"),
                                  (good, 20, "follow its last tensor")):
        header = json.dumps({name: {"dtype": "F32", "shape": [2], "data_offsets": place}
                             for name, place in offsets.items()}).encode()
        write("m/model.safetensors", len(header).to_bytes(8, "little") + header + bytes(length))
        refused(*words, expected=["model.safetensors", part])


def test_true_causes():
    """messages name the true cause"""
    refused("run", "--model", "llama-3.1-8b", "--device", "l4", "--num-gpu-blocks", "100", "--trace", "demo", "--scheduler",
            "vllm-0.5", "--max-num-batched-tokens", "1", expected=["--max-num-batched-tokens: found 1"])
    refused("sweep", "x.ini", "-o", "x.db", "-j1", expected=["found -j1", "-j 1"])
    for word in ("--help", "-h"):
        refused("run", *HARDWARE, "--trace", "gen:" + word, expected=["found " + word, "trace gen --help"])
    write("hand.csv", PROFILE.replace("13345.6", "1e308"))
    refused("profile", "import", "hand.csv", "-o", "p.db", expected=["hand.csv:6", "not a time"])
    write("t.csv", "arrival_s,prompt_tokens,output_tokens\n0,100,10\n1,200,20\n2,100,10\n")
    measured = "id,arrival_s,prompt_tokens,output_tokens,first_token_s,finish_s,preemptions,status\n0,0,100,10,.1,.2,0,finished\n1,1,200,20,1.1,%s,0,%s\n2,2,100,10,2.1,2.4,0,finished\n"
    results = []
    for finish, status in (("1.4", "aborted"), ("", "aborted"), ("1.4", "finished")):
        write("m.csv", measured % (finish, status))
        results.append(succeed("run", *HARDWARE, "--trace", "t.csv", "--against", "m.csv", "--format", "json").json["against"])
    check_equal(results[0], results[1], "an unfinished request has no latency")
    check(results[0] != results[2])


def test_queued_until_the_first_step():
    """queue_s ends where the decision log's first step of the request starts, also with --async-scheduling"""
    for words in ([], ["--async-scheduling"], ["--async-scheduling", "--enable-prefix-caching", "--no-stride"]):
        succeed(*RUN, *words, "--decisions", "log.jsonl", "-o", "q.db")
        first = {}
        with open("log.jsonl") as file:
            for line in map(json.loads, file):
                for entry in line.get("scheduled", ()):
                    first.setdefault(str(entry[0]), line["t"])
        starts = dict(rows("q.db", "SELECT CAST(request AS TEXT), first_scheduled_s FROM request"
                                   " WHERE run_id = (SELECT max(id) FROM run)"))
        check(len(starts) == 60 and starts.keys() == first.keys(), len(starts))
        for request, start_s in starts.items():
            check(abs(first[request] - start_s) < 1e-9, (words, request, first[request], start_s))


def processor_s():
    """Of the programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_livelock_is_told_in_time():
    """a livelock ends the run in time, whether or not a request is still to arrive"""
    for later in ("", "900000,10,10\n"):
        write("t.csv", "arrival_s,prompt_tokens,output_tokens\n0,133,71\n0,294,51\n" + later)
        before = processor_s()
        result = execute("run", "--model", "llama-2-7b", "--executor", "unit", "--trace", "t.csv", "--num-gpu-blocks", "12",
                         "--max-num-batched-tokens", "32", "--scheduler", "vllm-v1", "--decisions", "log.jsonl")
        check(result.status == 1 and "livelock" in result.err, str(result))
        check(os.path.getsize("log.jsonl") < 50e6 and processor_s() - before < 10, os.path.getsize("log.jsonl"))


if __name__ == "__main__":
    main(all_tests(globals()))
