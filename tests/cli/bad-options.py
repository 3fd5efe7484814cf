#!/usr/bin/env python3
"""Bad command lines: one message that names what was found and what was expected, status 2, and nothing else.

Cases are rows: the words, then what the message must hold.
"""
from spillway_test import HARDWARE, all_tests, check, check_refused, check_table, execute, main, source, write

RUN = ["run", *HARDWARE, "--trace", "demo"]
UNIT = ["run", "--executor", "unit", "--trace", "demo"]
OLD = RUN + ["--scheduler", "vllm-0.6"]
CROSSOVER = ["crossover", *HARDWARE]


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
        (RUN + ["--mamba-ssm-cache-dtype", "fp8"], "--mamba-ssm-cache-dtype", "'fp8'", "float32"),
        (UNIT + ["--num-gpu-blocks", "99", "--mamba-ssm-cache-dtype", "auto"], "--mamba-ssm-cache-dtype", "needs --model"),
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
            ([*base, "--num-gpu-blocks", "99", "--disable-hybrid-swa-memory"], "--disable-hybrid-swa-memory", "no such thing"),
            ([*sglang, "--swa-full-tokens-ratio", "1.5"], "--swa-full-tokens-ratio", "'1.5'"),
            ([*sglang, "--swa-full-tokens-ratio", "0.5", "--model", "llama-2-7b"], "--swa-full-tokens-ratio", "no layer", "window"),
            ([*sglang, "--swa-full-tokens-ratio", "0.5", "--model", source("tests", "models", "families", "gemma-3-4b.json")],
             "--swa-full-tokens-ratio", "one pool", "family"),
            ([*sglang, "--swa-full-tokens-ratio", "0.01", "--model", "gpt-oss-120b"], "pool of windows", "90 tokens", "127"),
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


def test_next_step():
    """What a stranger types first is told what to type next"""
    card, model = ["--device", "h100-sxm"], ["--model", "llama-3.1-8b"]
    write("own.csv", "time,in,out\n1,2,3\n")
    for words, part in ((["run", *model, "--device", "H100"], "did you mean h100-nvl, h100-pcie or h100-sxm?\nFor hardware"),
                        (["run", *card, "--model", "meta-llama/Llama-3.1-8B"], "the shipped model is called llama-3.1-8b"),
                        (["run", *card, "--model", "meta-llama/Llama-3.1-8B-Instruct"], "or give its config.json"),
                        (["run", *card, "--model", "Llama-3.1-8B-Instruct"], "the shipped model is called llama-3.1-8b, whose layers"),
                        (["run", *card, *model, "trace", "demo"], "did you mean --trace?"),
                        (["run", *card, *model, "demo"], "options begin with --"),
                        (["run", *model, "--device", "NVIDIA H100"], "did you mean h100-nvl, h100-pcie or h100-sxm?"),
                        (["run", *model, "--device", "4090"], "did you mean rtx-4090?"),
                        (["run", *model, "--device", "8xH100"], "several are --tensor-parallel-size 8"),
                        (["plot", "r.db", "--chart", "latency"], "'latency', expected throughput, kv, "),
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
                        (["crossover", *model], "--device is missing"), (["profile", "plot"], "a profile is missing"),
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


def test_messages_are_one_line():
    """Whatever a name or file holds, a message is one line without control characters."""
    write("d.ini", b"\x1b[31mred\x07\n")
    for words in (["run\n"], RUN + ["--format", "a\nb\x1b[31m"], RUN + ["--trace", b"a\nb\xff"],
                  ["run", "--model", "llama-2-7b", "--device", "d.ini", "--trace", "demo"]):
        result = execute(*words)
        check(result.status == 2 and result.err.count("\n") == 1, str(result))
        check(all(c.isprintable() for c in result.err.rstrip("\n")), repr(result.err))


main(all_tests(globals()))
