#!/usr/bin/env python3
"""Models, devices and measured runs that cannot be used: each refused in one message."""
import os
import re
import shutil

from spillway_test import HARDWARE, all_tests, check, check_equal, check_refused, check_table, execute, main, read, source, succeed, write

RUN = ["run", *HARDWARE, "--trace", "demo"]


def test_models():
    """A config.json that is cut, foreign, without its keys, or none."""
    whole = read(source("models", "llama-2-7b.json")).decode()
    os.mkdir("folder")
    for content, *expected in [
            (whole[:200], "m.json:", "expected a model's config.json"), ("", "m.json:"), ("[1]", "m.json:1"),
            (bytes(range(256)), "m.json:1:1"), ("{}", "m.json: model_type: found nothing", "llama"),
            ('{"model_type": "none"}', '"none"', "known are llama"), ('{"model_type": "bert"}', '"bert"', "keeps no KV cache"),
            ('{"model_type": "llama"}', "num_hidden_layers: found nothing", "whole number"),
            (whole.replace('"hidden_size": 4096', '"hidden_size": -4096'), "hidden_size: found -4096"),
            (whole.replace('"hidden_size": 4096', '"hidden_size": 1e99'), "hidden_size: found 9.99"),
            (whole.replace('"hidden_size": 4096', '"hidden_size": "4096"'), 'hidden_size: found "4096"')]:
        write("m.json", content)
        check_refused(["run", "--model", "m.json", "--device", "h200", "--trace", "demo"],
                      ["--model: m.json", *expected])
        check_refused(["model", "show", "./m.json"], expected)
    for path in ("./gone.json", "folder"):
        check_refused(["crossover", "--model", path, "--device", "h200"],
                      ["--model: " + path, "No such file", "config.json"])


def test_devices():
    """A device file that is broken, cut, newer, or none."""
    whole = read(source("calib", "devices", "a100-40gb.ini")).decode()
    memory = next(line for line in whole.splitlines() if line.startswith("memory_bytes="))
    os.mkdir("folder")
    for content, *expected in [
            (whole[:whole.index("hbm_bytes_per_s")], "found nothing", "expected a number"), ("", "format: found nothing"),
            ("hello\n", "d.ini:1: found 'hello'", "[device]"), (bytes(range(256)), "d.ini:"),
            (whole + "hello\n", "d.ini:%d: found 'hello'" % (whole.count("\n") + 1), "KEY=VALUE"),
            (whole.replace("format=1", "format=2"), "format: found '2'", "reads 1"),
            (whole.replace(memory, "memory_bytes=-5"), "memory_bytes: found '-5'", "number from"),
            (whole.replace(memory, "memory_bytes=nan"), "memory_bytes: found 'nan'", "number from"),
            (whole.replace(memory, "memory_byte=5"), "memory_byte", "unknown key")]:
        write("d.ini", content)
        check_refused(["run", "--model", "llama-2-7b", "--device", "d.ini", "--trace", "demo"],
                      ["--device: d.ini", *expected])
    for path, reason in (("./gone.ini", "No such file"), ("folder", "folder")):
        check_refused(["crossover", "--model", "llama-2-7b", "--device", path], ["--device: " + path, reason])


def test_own_hardware():
    """A device that is not there: what to begin with is named, and a copy of it is a device."""
    for name in ("my-card", "./mine.ini"):
        result = execute("run", "--model", "llama-2-7b", "--device", name, "--trace", "demo")
        found = re.search(r"copy (\S+/h100-sxm\.ini), and give the copy", result.err)
        check(result.status == 2 and found and name in result.err and len(result.messages) == 1, str(result))
    shutil.copy(found.group(1), "mine.ini")
    succeed("run", "--model", "llama-2-7b", "--device", "mine.ini", "--trace", "demo", "--limit", "3")
    result = execute("run", "--model", "llama-2-7b", "--device", "h100-sxn", "--trace", "demo")
    check("did you mean h100-sxm?" in result.err, str(result))


def test_devices_page():
    """doc/devices.md has each key of a device file, and which may be absent: so it is when it is left out."""
    page = read(source("doc", "devices.md")).decode()
    said = {key: absent.strip() for key, absent in re.findall(r"^\| `(\w+)` \|.*\|([^|]*)\|$", page, re.M)}
    known = set(re.findall(r'^ +\{"\w+", "(\w+)"', read(source("calib", "devices", "device.c")).decode(), re.M))
    check_equal(sorted(said), sorted(known))
    whole = read(source("calib", "devices", "b200.ini")).decode()
    for key, absent in said.items():
        write("without.ini", re.sub(r"^%s=.*$" % key, "", whole, flags=re.M))
        words = ["run", "--model", "qwen3-0.6b", "--device", "without.ini", "--trace", "demo", "--dry-run"]
        if absent and not (absent == "none" and key.endswith("compute_efficiency")):
            succeed(*words)
        else:
            check_refused(words, ["without.ini", key])


def test_against():
    """--against a file that is missing, of no use, or of another trace."""
    write("a.csv", "id,arrival_s,prompt_tokens,output_tokens,first_token_s,finish_s\n0,0,1,1,1,1\n")
    write("b.jsonl", '{"input_toks": 1}\n')
    check_table([
        (RUN + ["--against", "none.jsonl"], "--against: cannot read none.jsonl"),
        (RUN + ["--against", "."], "--against: cannot read ."),
        (RUN + ["--against", "b.jsonl"], "b.jsonl:1: found no output_toks"),
        (RUN + ["--against", "a.csv"], "a.csv:2: found 1 prompt tokens", "is it a run of this trace?"),
        (["compare", *RUN[1:], "--against", "a.csv"], "a.csv:2:"),
    ])


main(all_tests(globals()))
