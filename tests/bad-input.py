#!/usr/bin/env python3
"""Bad input: one message that names what was found and what was expected, status 2, and nothing else.

Cases are rows: the words of the command line, then what the message must hold. Files that the words name are
made by make_files().
"""
import os
import re
import shutil
import sqlite3
import subprocess

from spillway_test import (HARDWARE, HEADER, SPILLWAY, TIMEOUT_S, all_tests, check, check_equal,
                           check_refused, execute, main, read, source, succeed, write)

RUN = ["run", *HARDWARE, "--trace", "demo"]
UNIT = ["run", "--executor", "unit", "--trace", "demo"]
OLD = RUN + ["--scheduler", "vllm-0.6"]
CROSSOVER = ["crossover", *HARDWARE]
GEN = ["trace", "gen", "--requests", "5", "--rate", "1"]


def check_table(table):
    for words, *expected in table:
        check_refused(words, expected)


def trace(content, packed=False):
    """The words of a run on a trace of that content."""
    return ["run", *HARDWARE, "--trace", write("t.csv", content, packed)]


def test_broken_traces():
    """Traces that are missing, empty, cut, packed badly, binary or folders."""
    packed = write("whole.gz", HEADER + "0,10,10\n" * 500, packed=True)
    os.mkdir("folder")
    check_refused(["run", *HARDWARE, "--trace", "missing.csv"], ["missing.csv", "no such file"])
    check_refused(["run", *HARDWARE, "--trace", "./gone/t.csv"], ["./gone/t.csv", "No such file"])
    check_refused(["run", *HARDWARE, "--trace", "folder"], ["folder", "directory", "expected a trace"])
    check_refused(["run", *HARDWARE, "--trace", "-"], ["standard input", "empty", "expected a trace"])
    for content, *expected in [
            (b"", "t.csv", "empty", "expected a trace"), (b"\n\n", "empty", "expected a trace"),
            (HEADER, "found no requests", "expected at least one"),
            (HEADER + "0,10", "t.csv:2:1", "'0,10'", "3 fields", "none for output_tokens"),
            (read(packed)[:30], "t.csv", "truncated"), (b"\x1f\x8b\x08", "t.csv", "truncated"),
            (read(packed)[:20] + b"xxxx" + read(packed)[24:], "t.csv", "damaged"),
            (bytes(range(256)) * 4, "t.csv:1:1", "the first line", "arrival_s,prompt_tokens"),
            (HEADER.encode() + b"0,\xff\xfe,10\n", "t.csv:2:3", r"\xff\xfe", "prompt_tokens"),
            ("a,b,c\n1,2,3\n", "t.csv:1:1", "'a,b,c'", "arrival_s,prompt_tokens,output_tokens"),
            ("arrival_s,prompt_tokens\n0,1\n", "t.csv:1:1", "it lacks output_tokens"),
            ("# spillway-trace 2\n" + HEADER + "0,1,1\n", "t.csv:1", "'2'", "later version"),
            ('{"timestamp": 0, "input_length": 4', "t.csv:1:1", "JSON lines with timestamp"),
            ('{"timestamp": 0, "output_length": 4}\n', "t.csv:1", "input_length"),
            (HEADER.replace("\n", ",id\n") + "0,1,1,a\n1,1,1,a\n", "t.csv:3", "'a'", "line 2", "unique")]:
        check_refused(trace(content), expected)


def test_broken_fields():
    """Fields that are no number, too large, negative; too many or too few of them."""
    for text in ("-1", "nan", "inf", "0x10", "99999999999999999999", "abc", "", "1 2", "1e999"):
        found = "'%s'" % text if text else "found nothing"
        check_refused(trace(HEADER + "0,1,1\n%s,10,10\n" % text), ["t.csv:3:1", found, "arrival_s", "seconds"])
        for column, name in ((1, "prompt_tokens"), (2, "output_tokens")):
            fields = ["0", "7", "7"]
            fields[column] = text
            check_refused(trace(HEADER + ",".join(fields)),
                          ["t.csv:2:%d" % (2 * column + 1), found, name, "a whole number from 1 to"])
    for text in ("0", "1.5", "4294967296", "-0.5"):
        check_refused(trace(HEADER + "0,%s,1\n" % text), ["t.csv:2:3", "'%s'" % text, "whole number"])
    check_refused(trace(HEADER + "0,1,1,1\n"), ["t.csv:2:1", "'0,1,1,1'", "3 fields", "there are 4"])
    check_refused(trace(HEADER + "0,1\n"), ["t.csv:2:1", "'0,1'", "3 fields", "only 2"])
    check_refused(trace(HEADER + '0,"1,1\n'), ["t.csv:2:3", "quotes that pair"])


def test_engines_options():
    """Options of one engine under another, with the name that the other has; and SGLang's and TensorRT-LLM's own."""
    base = ["run", "--executor", "unit", "--trace", "demo"]
    sglang = [*base, "--scheduler", "sglang", "--max-total-tokens", "9000"]
    for words, *expected in [
            ([*base, "--num-gpu-blocks", "99", "--page-size", "16"], "--page-size", "--block-size"),
            ([*base, "--num-gpu-blocks", "99", "--ignore-eos"], "--ignore-eos", "no such thing"),
            ([*base, "--num-gpu-blocks", "99", "--capacity-policy", "static-batch"], "--capacity-policy", "no such thing"),
            ([*sglang, "--max-num-seqs", "8"], "--max-num-seqs", "--max-running-requests"),
            ([*sglang, "--num-gpu-blocks", "8"], "--num-gpu-blocks", "--max-total-tokens"),
            ([*sglang, "--no-async-scheduling"], "--no-async-scheduling", "--disable-overlap-schedule"),
            ([*sglang, "--chunked-prefill-size", "0"], "--chunked-prefill-size", "'0'"),
            ([*sglang, "--kv-memory", "1GiB"], "--max-total-tokens", "--kv-memory", "contradict"),
            ([*sglang, "--overflow", "offload", "--num-cpu-blocks", "9"], "offload", "sglang"),
            ([*base, "--scheduler", "trtllm", "--num-gpu-blocks", "999", "--capacity-policy", "maximum"],
             "'maximum'", "max-utilization"),
            ([*base, "--num-gpu-blocks", "99", "--context-chunking-policy", "equal-progress"],
             "--context-chunking-policy", "no such thing"),
            ([*base, "--scheduler", "trtllm", "--num-gpu-blocks", "999", "--enable-chunked-prefill",
              "--context-chunking-policy", "fair"], "'fair'", "equal-progress"),
            ([*base, "--scheduler", "trtllm", "--gpu-memory-utilization", "0.5"], "--gpu-memory-utilization", "--free-gpu-memory-fraction"),
            ([*base, "--free-gpu-memory-fraction", "0.5"], "--free-gpu-memory-fraction", "no such thing"),
            ([*base, "--scheduler", "trtllm", "--num-gpu-blocks", "999", "--free-gpu-memory-fraction", "0.5"],
             "--free-gpu-memory-fraction", "contradict"),
            ([*base, "--scheduler", "trtllm", "--num-gpu-blocks", "999", "--context-chunking-policy", "equal-progress"],
             "--context-chunking-policy", "--enable-chunked-prefill")]:
        check_refused(words, expected)


def test_broken_binary_traces():
    """Binary traces that are cut, longer than they say, changed, of another format number, or none."""
    succeed("trace", "convert", "demo", "-o", "whole.bin")
    whole = read("whole.bin")
    for content, *expected in [
            (whole[:7], "t.csv:1:1", "the first line", "spillway list trace-formats"),
            (whole[:8], "after 8 bytes", "truncated"), (whole[:63], "after 63 bytes", "truncated"),
            (whole[:-1], "found %d bytes" % (len(whole) - 1), "expected %d" % len(whole), "400 requests", "truncated"),
            (whole + b"\n", "found %d bytes" % (len(whole) + 1), "appended"),
            (whole[:-20] + b"\1" + whole[-19:], "damaged"),
            (whole[:8] + b"\3" + whole[9:], "format number 3", "expected 1 to 2", "later version"),
            (whole.replace(b"\r\n", b"\n", 1), "the first line", "spillway list trace-formats")]:
        check_refused(trace(content), ["t.csv", *expected])
    check_refused(["trace", "show", "-"], ["standard input", "truncated"], stdin=whole[:-8])
    check_refused(["trace", "show", "-"], ["standard input", "expected the end"], stdin=whole + whole)
    check_refused(["trace", "show", "whole.bin", "--trace-format", "azure"], ["whole.bin:1:1", "TIMESTAMP"])
    check_refused(["trace", "show", write("t.csv", HEADER + "0,1,1\n"), "--trace-format", "binary"],
                  ["t.csv", "'arrival_'", "expected a binary trace"])


def test_trace_forms():
    """A trace that is not of the form that was given."""
    write("t.csv", HEADER + "0,1,1\n")
    check_table([
        (["run", *HARDWARE, "--trace", "t.csv", "--trace-format", "mooncake"], "t.csv:1", "JSON object"),
        (["run", *HARDWARE, "--trace", "t.csv", "--trace-format", "azure"], "t.csv:1", "TIMESTAMP"),
        (["trace", "show", "t.csv", "--trace-format", "cvs"], "--trace-format", "'cvs'", "spillway, azure"),
        (["trace", "show"], "which trace?"), (["trace", "show", "demo", "--format", "xml"], "'xml'", "json"),
        (["trace", "convert", "demo"], "-o FILE"), (["trace", "convert", "-o", "x"], "one trace"),
        (["trace", "convert", "demo", "-o", "x", "--to", "burstgpt"], "'burstgpt'", "only be read", "azure"),
        (["trace", "convert", "demo", "-o", "x", "--limit", "0"], "--limit", "'0'", "from 1 to"),
        (["trace"], "gen, convert or show"), (["trace", "x"], "'x'", "gen, convert or show")])


def test_generated_traces():
    """trace gen, and gen: in a run, with options that make no trace."""
    lengths = ["--prompt", "fixed:5", "--output", "fixed:5"]
    check_table([
        (["trace", "gen"], "--requests"), (["trace", "gen", "--requests", "5"], "--rate"), (GEN, "--prompt"),
        (GEN + lengths + ["x"], "'x'"), (GEN + lengths + ["--seed", "-1"], "--seed", "'-1'", "whole number"),
        (["trace", "gen", "--requests", "0", "--rate", "1"] + lengths, "--requests", "'0'", "from 1"),
        (GEN + ["--prompt", "fixed:0"], "--prompt", "'fixed:0'", "fixed:N"),
        (GEN + ["--prompt", "norm:5"], "--prompt", "'norm:5'", "lognormal:mean=M"),
        (GEN + ["--prompt", "uniform:9,3"], "--prompt", "uniform:9,3"),
        (GEN + ["--prompt", "empirical:gone", "--output", "fixed:5"], "--prompt", "gone", "No such file"),
        (GEN + lengths + ["--turns", "3"], "--turns", "mooncake"),
        (["run", *HARDWARE, "--trace", "gen:"], "--trace gen", "--requests"),
        (["run", *HARDWARE, "--trace", "gen:x"], "--trace gen", "'x'", "expected only options"),
        (["run", *HARDWARE, "--trace", "gen:--requests 5 -o x"], "--trace gen", "'-o'"),
        (["run", *HARDWARE, "--trace", "gen:'"], "--trace gen")])


def test_missing_options():
    """What must be given, and was not."""
    check_table([
        (["run"], "--model", "spillway list models"),
        (["run", "--model", "llama-2-7b"], "--device", "spillway list devices"),
        (["run", *HARDWARE], "--trace", "spillway list traces"), (RUN + ["--model"], "--model", "NAME|FILE"),
        (RUN + ["-o"], "-o", "FILE.db"), (["crossover"], "--model", "spillway list models"),
        (UNIT, "--num-gpu-blocks"), (UNIT + ["--kv-memory", "4GiB"], "--kv-memory", "needs --model"),
        (UNIT + ["--num-gpu-blocks", "99", "--overflow", "swap"], "--num-cpu-blocks"),
        (UNIT + ["--num-gpu-blocks", "99", "--kv-cache-dtype", "fp8"], "--kv-cache-dtype", "needs --model"),
        (RUN + ["--kv-cache-dtype", "fp9"], "--kv-cache-dtype", "'fp9'", "fp8"),
        (UNIT + ["--num-gpu-blocks", "99", "--swap-space", "4"], "--swap-space", "needs --model"),
        (["model"], "list or show"), (["model", "show"], "spillway model list"),
        (["model", "show", "nonsense"], "'nonsense'", "config.json")])


def test_unexpected_words():
    """Words, options and values that do not belong."""
    check_table([
        (["nonsense"], "'nonsense'", "--help"), (["-q"], "-q", "--help"), ([""], "''"),
        (RUN + ["x"], "'x'"), (RUN + ["--", "--x"], "unexpected argument"), (RUN + ["-q"], "-q", "--help"),
        (RUN + ["--no-stride=1"], "--no-stride", "'1'", "no value"),
        (RUN + ["--enable-chunked-prefill=false"], "--enable-chunked-prefill", "'false'", "no value"),
        (RUN + ["--format", "xml"], "--format", "'xml'", "table, json or csv"),
        (CROSSOVER + ["x"], "'x'"), (CROSSOVER + ["--format", "xml"], "--format", "'xml'", "table, json or csv"),
        (["list", "nonsense"], "'nonsense'"), (["list", "devices", "x"], "'x'"), (["model", "list", "x"], "'x'"),
        (["model", "list", "--format", "csv"], "--format", "'csv'", "table or json")])


def test_contradictions():
    """Options that contradict each other, or that an engine or executor has no use for."""
    unit = UNIT + ["--num-gpu-blocks", "99"]
    check_table([
        (RUN + ["--num-gpu-blocks", "100", "--kv-memory", "12%"], "--num-gpu-blocks", "--kv-memory", "one of them"),
        (RUN + ["--num-gpu-blocks", "100", "--gpu-memory-utilization", "0.5"], "one of them"),
        (RUN + ["--kv-memory", "5%", "--gpu-memory-utilization", "0.5"], "one of them"),
        (RUN + ["--swap-space", "4", "--num-cpu-blocks", "9"], "--swap-space", "--num-cpu-blocks", "one of them"),
        (RUN + ["--enable-chunked-prefill", "--no-enable-chunked-prefill"], "one of them"),
        (RUN + ["--enable-prefix-caching", "--no-enable-prefix-caching"], "one of them"),
        (RUN + ["--block-manager", "2"], "--block-manager", "vllm-0.33"),
        (RUN + ["--scheduler", "vllm-0.18.1", "--no-scheduler-reserve-full-isl"], "--no-scheduler-reserve-full-isl", "vllm-0.19"),
        (RUN + ["--scheduler", "vllm-0.30", "--max-num-active-seqs", "9"], "--max-num-active-seqs", "vllm-0.31"),
        (RUN + ["--max-num-seqs", "8", "--max-num-active-seqs", "9"], "--max-num-active-seqs", "9", "max_num_seqs, 8"),
        (RUN + ["--watermark", "1"], "--watermark", "less than 1"),
        (RUN + ["--scheduler", "sglang", "--offline"], "--offline", "sglang"),
        (RUN + ["--scheduler", "trtllm", "--offline"], "--offline", "trtllm"),
        (["run", "--trace", "demo", "--model", "qwen3-30b-a3b", "--device", "h100-sxm", "--data-parallel-size", "2",
          "--prefill-schedule-interval", "2"], "--prefill-schedule-interval", "share experts"),
        (RUN + ["--scheduler", "vllm-0.99"], "vllm-0.99", "vllm-0.33"),
        (RUN + ["--scheduler", "vllm-0.20", "--num-offload-blocks", "9"], "native offload", "vllm-0.20"),
        (RUN + ["--scheduler", "vllm-0.20", "--overflow", "offload"], "native offload", "vllm-0.20"),
        (RUN + ["--num-offload-blocks", "9", "--overflow", "swap"], "native offload", "swap"),
        (RUN + ["--scheduler", "vllm-1.0"], "vllm-1.0", "vllm-0.33"),
        (RUN + ["--no-offload-prompt-only"], "native offload", "--num-offload-blocks"),
        (RUN + ["--eviction-policy", "arc"], "--eviction-policy", "--num-offload-blocks"),
        (RUN + ["--store-threshold", "2"], "--store-threshold", "--num-offload-blocks"),
        (RUN + ["--num-offload-blocks", "9", "--eviction-policy", "lfu"], "--eviction-policy", "lfu", "lru or arc"),
        (RUN + ["--num-offload-blocks", "9", "--unit-copy-steps", "3"], "--unit-copy-steps", "model"),
        (RUN + ["--watermark", "0.1", "--scheduler", "vllm-v1"], "--watermark", "vllm-0.24"),
        (OLD + ["--enable-prefix-caching"], "--enable-prefix-caching", "vllm-0.6"),
        (OLD + ["--long-prefill-token-threshold", "5"], "--long-prefill-token-threshold", "vllm-0.6"),
        (unit + ["--what-if", "host=0"], "--what-if", "unit"), (unit + ["--copy-path", "batched"], "--copy-path"),
        (unit + ["--host-memory", "pinned"], "--host-memory", "unit"),
        (["compare"] + RUN[1:] + ["--overflow", "swap,swap"], "--overflow", "swap twice")])


def test_numbers():
    """Numbers that are out of range, of another kind, or missing."""
    for option, bad in {
            "--block-size": "0 -1 1.5 65537 x", "--limit": "0 -1 1.5 4294967296", "--max-num-seqs": "0 -5 1e3",
            "--num-gpu-blocks": "0 -1 4294967296 0x10 99999999999999999999", "--max-model-len": "1 2147483648",
            "--num-cpu-blocks": "-1 4294967296", "--max-num-batched-tokens": "0 4294967296",
            "--time-scale": "0 -1 inf nan 0x1p3 1e10 x", "--gpu-memory-utilization": "0 -1 1.1 nan x",
            "--tensor-parallel-size": "0 65", "--seed": "-1 x 99999999999999999999"}.items():
        for text in bad.split() + [""]:
            found = "'%s'" % text if text else "found nothing"
            check_refused(RUN + ["%s=%s" % (option, text)], [option, found, "number from"])
    for text in ("0", "3", "x"):
        check_refused(OLD + ["--block-manager", text], ["--block-manager", "'%s'" % text, "from 1 to 2"])
    for text in ("-0.1", "1.1", "nan"):
        check_refused(OLD + ["--watermark", text], ["--watermark", "'%s'" % text, "from 0 to 1"])
    check_table([
        (RUN + ["--tensor-parallel-size", "3"], "llama-2-7b", "tensor-parallel"),
        (RUN + ["--num-gpu-blocks", "1"], "1 block", "vllm-0.33"),
        (RUN + ["--num-gpu-blocks", "2", "--block-size", "1"], "1 token"),
        (CROSSOVER + ["--tokens", "x"], "--tokens", "'x'", "whole number"),
        (CROSSOVER + ["--tokens", ""], "--tokens", "found nothing"),
        (CROSSOVER + ["--tokens", "9..3"], "--tokens", "'9..3'", "ascends"),
        (CROSSOVER + ["--block-size", "0"], "--block-size", "'0'", "from 1 to"),
        (CROSSOVER + ["--tensor-parallel-size", "0"], "--tensor-parallel-size", "'0'"),
        (["model", "show", "llama-2-7b", "--block-size", "0"], "--block-size", "'0'")])


def test_empty_values():
    """An option with nothing for a value."""
    for option in ("model", "device", "trace", "trace-format", "scheduler", "overflow", "victim", "kv-memory",
                   "swap-space", "executor", "copy-path", "host-memory", "what-if", "output", "decisions",
                   "requests", "replay", "load-format", "token-ids", "copy-method", "output-token-ids"):
        check_refused(RUN + ["--%s=" % option], ["--" + option, "found nothing", "expected"])
    check_refused(["compare"] + RUN[1:] + ["--overflow", "swap,"], ["--overflow", "found nothing"])


def test_memory():
    """Amounts of memory that are none, and models that do not fit."""
    for text in ("0%", "101%", "-5%", "nan%"):
        check_refused(RUN + ["--kv-memory", text], ["--kv-memory", "'%s'" % text, "expected"])
    check_table([
        (RUN + ["--kv-memory", "abc"], "--kv-memory", "'abc'", "4GiB"),
        (RUN + ["--kv-memory", "4XB"], "--kv-memory", "'4XB'", "4GiB"),
        (RUN + ["--kv-memory", "500GiB"], "--kv-memory", "500GiB", "a100-40gb"),
        (RUN + ["--kv-memory", "1KiB"], "--kv-memory", "1KiB", "of a block"),
        (RUN + ["--swap-space", "-1"], "--swap-space", "'-1'", "4GiB"),
        (RUN + ["--swap-space", "x"], "--swap-space", "'x'", "4GiB"),
        (["run", "--model", "llama-3-70b", "--device", "rtx-4090", "--trace", "demo"],
         "llama-3-70b does not fit", "rtx-4090", "131.4 GiB", "--tensor-parallel-size"),
        (RUN + ["--gpu-memory-utilization", "0.1"], "llama-2-7b does not fit", "10%")])


def test_what_if():
    """--what-if, --copy-path and --host-memory with names and scales that do not exist."""
    check_table([
        (RUN + ["--what-if", "pcie=2x"], "--what-if", "'pcie=2x'", "h2d, d2h"),
        (RUN + ["--what-if", "h2d"], "'h2d'", "h2d=Nx"), (RUN + ["--what-if", "h2d=2"], "'h2d=2'", "h2d=Nx"),
        (RUN + ["--what-if", "h2d=-2x"], "'h2d=-2x'"), (RUN + ["--what-if", "h2d=infx"], "'h2d=infx'"),
        (RUN + ["--what-if", "h2d=2x,h2d=2x"], "h2d twice"), (RUN + ["--what-if", "host=0,"], "expected one of"),
        (RUN + ["--copy-path", "x"], "--copy-path", "'x'", "per-layer"),
        (RUN + ["--host-memory", "x"], "--host-memory", "'x'", "pinned or pageable")])


def test_models():
    """A config.json that is cut, foreign, without its keys, or none."""
    whole = read(source("models", "llama-2-7b.json")).decode()
    os.mkdir("folder")
    for content, *expected in [
            (whole[:200], "m.json:", "expected a model's config.json"), ("", "m.json:"), ("[1]", "m.json:1"),
            (bytes(range(256)), "m.json:1:1"), ("{}", "m.json: model_type: found nothing", "llama"),
            ('{"model_type": "bert"}', '"bert"', "known are llama"),
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


def test_next_step():
    """What a stranger types first is told what to type next"""
    card, model = ["--device", "h100-sxm"], ["--model", "llama-3.1-8b"]
    write("own.csv", "time,in,out\n1,2,3\n")
    for words, part in ((["run", *model, "--device", "H100"], "did you mean h100-nvl, h100-pcie or h100-sxm?\nFor hardware"),
                        (["run", *card, "--model", "meta-llama/Llama-3.1-8B"], "the shipped model is called llama-3.1-8b"),
                        (["run", *card, "--model", "meta-llama/Llama-3.1-8B-Instruct"], "or give its config.json"),
                        (["run", *card, *model, "trace", "demo"], "did you mean --trace?"),
                        (["run", *card, *model, "demo"], "options begin with --"),
                        (["run", *model, "--device", "NVIDIA H100"], "did you mean h100-nvl, h100-pcie or h100-sxm?"),
                        (["run", *model, "--device", "4090"], "did you mean rtx-4090?"),
                        *((["run", *card, *model, "--trace", "demo", "--scheduler", name], "did you mean %s?" % meant)
                          for name, meant in (("vllm==0.9.1", "vllm-0.9.1"), ("v0.11", "vllm-0.11"), ("0.11.2", "vllm-0.11.2"),
                                              ("vllm-v0", "vllm-0.6"), ("TensorRT-LLM", "trtllm"), ("sgl", "sglang"))),
                        *((["run", *card, *model, "--trace", "demo", *typed.split()], "did you mean --%s?" % meant)
                          for typed, meant in (("--qps 5", "request-rate"), ("--rate 5", "request-rate"), ("--policy swap", "overflow"),
                                               ("--concurrency 3", "max-concurrency"), ("--json", "format json"), ("--gpu a100", "device"),
                                               ("--model-path x", "model"), ("--prefix-caching", "enable-prefix-caching"))),
                        (["run", *card, *model, "--trace", "demo", "--plot"], "--help lists all"),
                        (["run", *card, *model, "--trace", "demo", "--quantization", "awq"], "run: --quantization: found 'awq'"),
                        (["run", *card, *model, "--trace", "demo", "--quantization", "awq"], "(AWQ, GPTQ)"),
                        (["run", "--scheduler", "sglang", "--executor", "unit", "--max-total-tokens", "90", "--trace", "demo",
                          "--data-parallel-size", "2", "--tensor-parallel-size", "2", "--enable-dp-attention"], "--enable-dp-attention needs --model"),
                        (["trace", "list"], "'spillway list traces'"), (["study", "study.ini"], "'spillway sweep'"),
                        (["regret", *card, *model, "trace", "demo"], "did you mean --trace?"),
                        (["run", *card, *model, "--trace", "demo", "--overflow", "recompute,swap"], "'spillway compare --overflow'"),
                        (["regret", *card, *model, "--trace", "demo", "--budget", "x"], "--budget: found 'x', expected a number of runs, at most 1e+09, or a time such as 5m"),
                        (["servers", "own.csv"], "published points"), (["crossover"], "--model is missing"),
                        (["crossover", *model], "--device is missing"), (["profile", "plot"], "which profile?"),
                        (["study", "poster"], "-o is missing"), (["list", "policies"], "overflow, victims, admission"),
                        (["compare", "results.db"], "'spillway report'"), (["explain", "x.db", "--run", "1,2"], "'spillway report'"),
                        *((["run", *card, *model, "--trace", "demo", *typed.split()], "the [grid] of a study file several")
                          for typed in ("--scheduler vllm,sglang", "--max-num-seqs 64,128", "--tensor-parallel-size 1,2",
                                        "--gpu-memory-utilization 0.8,0.9"))):
        check_refused(words, [part])
    write("slo.ini", "[study]\nslo = ttft:p99<1s\n[run]\nmodel = llama-3.1-8b\n")
    check_refused(["capacity", "slo.ini"], ["slo.ini:2: found slo in [study]", "below [run]"])
    write("own.jsonl", '{"ts": 1.5, "usage": {"prompt_tokens": 12, "completion_tokens": 5}}\n')
    check_refused(["trace", "show", "own.jsonl"], ["jq makes a CSV", "jq -r '[.TIME, .IN, .OUT] | @csv' FILE"])


def test_names_of_other_kinds():
    """A database or a page under a name that says it is something else: refused, and not made"""
    write("study.ini", "[study]\nname = x\n[run]\nmodel = llama-2-7b\ndevice = l4\nnum-gpu-blocks = 300\ntrace = demo\nlimit = 3\n")
    succeed(*RUN, "-o", "r.db")
    for words, name in ((["sweep", "study.ini", "-o"], "r.csv"), (["merge", "r.db", "-o"], "r.json"),
                        (["capacity", "study.ini", "--slo", "ttft:p99<2s", "-o"], "r.html"),
                        (["capacity", "study.ini", "--slo", "ttft:p99<2s", "--page"], "page.pdf"),
                        (["report", "r.db", "-o"], "page.csv")):
        check_refused([*words, name], ["'%s'" % name, name[name.index("."):]])
        check(not os.path.exists(name), name)
    check_summary_in_spite(RUN + ["-o", "r.csv"], "'r.csv'", "FILE.db")
    os.rename("r.db", "r.txt")
    succeed("merge", "r.txt", "-o", "b.db")
    succeed(*RUN, "-o", "r.txt")  # it is there, and is one


def test_own_hardware():
    """A device that is not there: what to begin with is named, and a copy of it is a device."""
    for name in ("my-card", "./mine.ini"):
        result = execute("run", "--model", "llama-2-7b", "--device", name, "--trace", "demo")
        found = re.search(r"copy (\S+/h100-sxm\.ini), whose comments", result.err)
        check(result.status == 2 and found and name in result.err and len(result.messages) == 1, str(result))
    shutil.copy(found.group(1), "mine.ini")
    succeed("run", "--model", "llama-2-7b", "--device", "mine.ini", "--trace", "demo", "--limit", "3")
    result = execute("run", "--model", "llama-2-7b", "--device", "h100-sxn", "--trace", "demo")
    check("did you mean h100-sxm?" in result.err, str(result))


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


def check_summary_in_spite(words, *expected, **options):
    """Files that cannot be written: told, status 2, and the summary is printed all the same."""
    result = execute(*words, **options)
    check(result.status == 2 and len(result.messages) == 1, str(result))
    check_equal(result.out, succeed(*RUN).out, words)
    for text in expected:
        check(text in result.err, "no '%s'\n%s" % (text, result))


def test_results_files():
    """A results file that is foreign, newer, a folder or full: the summary all the same, status 2."""
    succeed(*RUN, "-o", "newer.db")
    for path, statement in (("newer.db", "UPDATE meta SET value = 99 WHERE key = 'format'"),
                            ("foreign.db", "CREATE TABLE theirs (x)")):
        with sqlite3.connect(path) as database:
            database.execute(statement)
        database.close()
    write("text.db", "these are no results\n" * 100)
    os.mkdir("folder")
    before = {path: read(path) for path in ("newer.db", "foreign.db", "text.db")}
    for path, *expected in [("text.db", "not a results database"), ("foreign.db", "another program"),
                            ("newer.db", "format 99", "newer program"), ("folder", "folder", "name a file"),
                            ("gone/r.db", "gone/r.db", "folder"), ("/dev/full", "/dev/full", "full")]:
        check_summary_in_spite(RUN + ["-o", path], *expected)
    check_equal({path: read(path) for path in before}, before)
    succeed(*RUN, "-o", "kept.db")
    size = os.path.getsize("kept.db")
    check_summary_in_spite(RUN + ["-o", "kept.db"], "kept.db", file_blocks=size // 512 + 8)
    check_equal(sqlite3.connect("kept.db").execute("SELECT count(*) FROM run").fetchone()[0], 1)


def test_logs():
    """--decisions and --requests that cannot be written: the summary all the same, status 2."""
    os.mkdir("folder")
    for option in ("--decisions", "--requests"):
        check_summary_in_spite(RUN + [option, "/dev/full"], "/dev/full", "No space left")
        check_summary_in_spite(RUN + [option, "gone/x"], "gone/x", "No such file")
        check_summary_in_spite(RUN + [option, "folder"], "folder", "directory")
        check_summary_in_spite(RUN + [option, "cut"], "cut", "File too large", file_blocks=8)
    check_summary_in_spite(RUN + ["--decisions", "cut.gz"], "cut.gz", "File too large", file_blocks=8)


def test_outputs_over_inputs():
    """A log or a table of requests does not replace the trace that it is of."""
    content = HEADER + "0,10,10\n"
    write("t.csv", content)
    for option in ("--requests", "--decisions"):
        check_refused(["run", *HARDWARE, "--trace", "t.csv", option, "./t.csv"], "./t.csv is what is read, too")
        check_equal(read("t.csv").decode(), content)


def test_messages_are_one_line():
    """Whatever a name or file holds, a message is one line without control characters."""
    write("d.ini", b"\x1b[31mred\x07\n")
    for words in (["run\n"], RUN + ["--format", "a\nb\x1b[31m"], RUN + ["--trace", b"a\nb\xff"],
                  ["run", "--model", "llama-2-7b", "--device", "d.ini", "--trace", "demo"]):
        result = execute(*words)
        check(result.status == 2 and result.err.count("\n") == 1, str(result))
        check(all(c.isprintable() for c in result.err.rstrip("\n")), repr(result.err))


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


def test_locked_results():
    """A results file that another program writes to: waited for. After 10 s (TEST_SLOW=1) given up."""
    paths = ("soon.db", "never.db")
    locks = []
    for path in paths:
        succeed(*RUN, "-o", path)
        locks.append(sqlite3.connect(path, isolation_level=None))
        locks[-1].execute("BEGIN EXCLUSIVE")
    soon, never = (subprocess.Popen([SPILLWAY, *RUN, "-o", path], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE) for path in paths)
    locks[0].execute("COMMIT")
    check_equal((soon.communicate(timeout=TIMEOUT_S)[1], soon.returncode), (b"", 0))
    if "TEST_SLOW" not in os.environ:
        never.kill()
        never.communicate()
        return
    out, err = never.communicate(timeout=TIMEOUT_S)
    check_equal(never.returncode, 2)
    check(b"never.db is locked" in err and err.count(b"\n") == 1, err)
    check_equal(out, succeed(*RUN).out)


main(all_tests(globals()))
