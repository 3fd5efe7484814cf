#!/usr/bin/env python3
"""The command line as a user types it: help, names, traces in and out, and real engines' recordings."""
import gzip
import json
import os
import re
import subprocess
import sys

from spillway_test import (HARDWARE, HEADER, SHARED, SPILLWAY, Skip, all_tests, check,
                           check_equal, check_refused, execute, main, options_of_help, read, run_json, source,
                           succeed, without, write)

VERBS = [["run"], ["live"], ["validate"], ["selfcheck"], ["compare"], ["regret"], ["crossover"], ["sweep"], ["capacity"], ["servers"], ["merge"], ["explain"], ["report"],
         ["plot"], ["study", "poster"],
         ["trace", "gen"], ["trace", "convert"], ["trace", "show"], ["profile", "list"],
         ["profile", "show"], ["profile", "import"],
         ["profile", "export"], ["profile", "check"], ["profile", "plot"], ["calibrate"], ["model"],
         ["list"]]

# What an operator pastes from a vLLM deployment, and what scripts rely on.
RUN_OPTIONS = """model device trace trace-format limit time-scale max-concurrency num-prompts
request-rate burstiness random-input-len random-output-len random-range-ratio seed scheduler overflow victim block-size
num-gpu-blocks kv-memory kv-cache-dtype gpu-memory-utilization swap-space num-cpu-blocks max-num-seqs max-num-batched-tokens
max-model-len enable-chunked-prefill no-enable-chunked-prefill block-manager watermark enable-prefix-caching
long-prefill-token-threshold async-scheduling tensor-parallel-size executor what-if no-stride format output decisions perfetto perfetto-window
requests against help""".split()


def test_no_arguments():
    """Without arguments: the help on standard error, status 2."""
    result = execute()
    check_equal(result.status, 2)
    check_equal(result.out, b"")
    check_equal(result.err, succeed("--help").text)


def test_version():
    """--version is one line."""
    check(re.fullmatch(r"spillway \d+\.\d+\.\d+\n", succeed("--version").text))
    check_equal(succeed("version").text, succeed("--version").text)
    check_equal(succeed("help", "run").text, succeed("run", "--help").text)


def test_help_of_the_program():
    """--help names every verb, and so does list verbs."""
    text = succeed("--help").text
    verbs = succeed("list", "verbs", "--names").text.split()
    check_equal(re.findall(r"^  ([a-z]+)  ", text.partition("Options:")[0], re.M), verbs)
    check_equal({verb[0] for verb in VERBS}, set(verbs), "VERBS of this test")
    for verb in verbs:
        check("Usage:\n  spillway %s" % verb in succeed(verb, "--help").text, verb)


def test_help_of_verbs():
    """A verb's --help and -h are the same, with usage, examples and every line's option accepted."""
    for verb in VERBS:
        result = succeed(*verb, "--help")
        check_equal(result.err, "", verb)
        check_equal(succeed(*verb, "-h").out, result.out, verb)
        check_equal(succeed(*verb, "--format", "nonsense", "--help").out, result.out, verb)
        check("Usage:\n  spillway %s" % " ".join(verb) in result.text, result.text)
        check("Examples:\n  spillway %s" % verb[0] in result.text, result.text)
        for option, has_value in options_of_help(result.text).items():
            if option == "--help":
                continue
            words = [option + "=nonsense", "--stop-here"] if has_value else [option, "--stop-here"]
            message = execute(*verb, *words).err
            check("unknown option --stop-here" in message or "nonsense" in message, message)
            check("unknown option %s" % option not in message, message)


def test_options_of_run():
    """run and compare have the options that other programs rely on."""
    for verb in ("run", "compare"):
        missing = set("--" + name for name in RUN_OPTIONS) - set(
            options_of_help(succeed(verb, "--help").text))
        check(not missing, "%s lacks %s" % (verb, missing))
    check("-o, --output=" in succeed("run", "--help").text)


def test_man_pages():
    """Man pages list the options that --help lists."""
    pages = os.path.join(os.environ.get("SPILLWAY_BUILDDIR", ""), "doc", "man")
    if not os.path.exists(os.path.join(pages, "spillway-run.1")):
        raise Skip("no man pages were built (help2man)")
    for verb in VERBS:
        text = read(os.path.join(pages, "spillway-%s.1" % verb[0])).decode()
        listed = set(re.findall(r"^(?:\\fB-\w\\fR, )?\\fB(--[a-z-]+)", text.replace("\\-", "-"), re.M))
        missing = set(options_of_help(succeed(*verb, "--help").text)) - listed
        check(not missing, "spillway-%s(1) lacks %s" % (verb[0], missing))


def test_unknown_names():
    """An unknown name is told with the nearest one, status 2."""
    demo = ["run", *HARDWARE, "--trace", "demo"]
    for words, near in [
            (["rnu"], "run"), (["compair"], "compare"), (["--verison"], "--version"),
            (["trace", "gne"], "gen"), (["model", "shwo"], "show"), (["list", "device"], "devices"),
            (["run", "--modle", "x"], "--model"), (["crossover", "--tokns=5"], "--tokens"),
            (["trace", "gen", "--request=5"], "--requests"), (["list", "--nmes"], "--names"),
            (demo + ["--scheduler", "vllm-v2"], "vllm-v1"), (demo + ["--overflow", "swop"], "swap"),
            (demo + ["--victim", "newst"], "newest"), (demo + ["--executor", "units"], "unit"),
            (demo + ["--trace-format", "mooncak"], "mooncake"),
            (demo + ["--model", "llama-2-7"], "llama-2-7b"), (demo + ["--device", "rtx-409"], "rtx-4090"),
            (demo + ["--trace", "dmeo"], "demo"), (demo + ["--trace", "gen:--rat=5"], "--rate"),
            (["compare"] + demo[1:] + ["--overflow", "swap,recompte"], "recompute"),
            (["crossover", "--model", "qwen3-8", "--device", "l40s"], "qwen3-8b"),
            (["trace", "convert", "demo", "-o", "-", "--to", "azur"], "azure"),
            (["trace", "gen", "--arrivals", "gama", "--requests", "5", "--rate", "1"], "gamma"),
            (["model", "show", "mixtral"], "mixtral-8x7b")]:
        result = execute(*words)
        check(result.status == 2 and "did you mean %s?" % near in result.err, "%s\n%s" % (near, result))
        check(result.out == b"" and len(result.messages) == 1, str(result))


def test_pasted_flags():
    """Flags of vLLM: underscores are dashes, and one that is not here is told what to do instead."""
    demo = ["run", *HARDWARE, "--trace", "demo", "--format", "json"]
    check_equal(succeed(*demo, "--max_num_seqs=64").json["config"]["max_num_seqs"], 64)
    for flag, expected in [("--preemption-mode", "--overflow"), ("--host=0.0.0.0", "leave it out"),
                           ("--enforce_eager", "--what-if"), ("--dtype=auto", "config.json")]:
        result = execute(*demo, flag)
        check(result.status == 2 and expected in result.err and len(result.messages) == 1, str(result))


def test_gpu_verbs():
    """A verb that needs a GPU starts spillway-gpu; one message says what is missing, that or a GPU"""
    if os.path.exists("/dev/nvidiactl"):
        raise Skip("there is a GPU, and it would be used")
    demo = ["--model", "qwen2.5-0.5b", "--trace", "demo", "--limit", "3", "--device"]
    write("some.csv", "# spillway-profile 1\n# name: x\n# device: h100-sxm\n# origin 0 source: x\noperation,dtype,shape,median_ns\n"
          "gemm,bfloat16,m=1;n=8;k=8,9\n")
    for words in (["calibrate", "--quick", "-o", "x.db"], ["live", *demo, "h100-sxm"], ["validate", *demo, "some.csv"]):
        result = execute(*words)
        check(result.status == 1 and result.out == b"" and len(result.messages) == 1, str(result))
        check("spillway-gpu" in result.err or "driver" in result.err or "no GPU" in result.err, str(result))
    check_equal(os.listdir(), ["some.csv"], "files left behind")
    result = execute("calibrate")
    check(result.status == 2 and "-o FILE.db" in result.err, str(result))


def test_selfcheck():
    """selfcheck passes where there is a GPU, and else says what is missing."""
    result = execute("selfcheck", "--quick", "--no-timings", "--only", "stream-copy")
    if result.status == 0:
        check("all passed" in result.text, result.text)
    else:
        check(any(word in result.err for word in ("driver", "finds no GPU", "spillway-gpu", "capability")), str(result))
        check_equal(result.out, b"")
    for words in (["--case", "1"], ["--only", "decode,gemm", "--case", "1"], ["--format", "csv"], ["--seed", "x"],
                  ["x"]):
        result = execute("selfcheck", *words)
        check_equal(result.status, 2, words)
        check(words[-2] in result.err if len(words) > 1 else "'x'" in result.err, str(result))


def test_lists():
    """list shows each kind; --names only names, which options take."""
    kinds = re.findall(r"^([a-z-]+) \(", succeed("list").text, re.M)
    check({"schedulers", "overflow", "victims", "executors", "figures", "trace-formats", "devices",
           "models", "traces"} <= set(kinds), kinds)
    for kind in kinds:
        names = succeed("list", kind, "--names").text.split()
        check(names or kind == "profiles", kind)
        check_equal([line.split()[0] for line in succeed("list", kind).text.splitlines() if line[2] != " "], names)
    for model in succeed("list", "models", "--names").text.split():
        check_equal(succeed("model", "show", model, "--format", "json").json["name"], model)
    for device in succeed("list", "devices", "--names").text.split():
        run_json("--model", "qwen2.5-0.5b", "--device", device, "--trace", "demo", "--limit", 3)


def test_policy_options():
    """An option that one policy has: listed, in the help, checked, in the settings; no other policy's."""
    words = [*HARDWARE, "--trace", "demo", "--kv-memory", "12%"]
    check("--swap-from-blocks N" in succeed("list", "overflow").text)
    check("--swap-from-blocks" in options_of_help(succeed("run", "--help").text))
    one = run_json(*words, "--overflow", "threshold", "--swap-from-blocks", "100")
    check_equal(one["config"]["swap_from_blocks"], 100)
    swap, recompute = run_json(*words, "--overflow", "swap"), run_json(*words)
    check("swap_from_blocks" not in swap["config"])
    check(0 < one["swapped_out_blocks"] < swap["swapped_out_blocks"])
    check(0 < one["recomputed_tokens"] < recompute["recomputed_tokens"])
    for blocks, other in ((0, swap), (4294967295, recompute)):
        ends = run_json(*words, "--overflow", "threshold", "--swap-from-blocks", str(blocks))
        check_equal(ends["makespan_s"], other["makespan_s"])
    for value, said in (("-1", "-1"), ("1.5", "1.5"), ("many", "many")):
        check_refused(["run", *words, "--overflow", "threshold", "--swap-from-blocks", value], ["--swap-from-blocks", said])
    check_refused(["run", *words, "--swap-from-blocks", "1"], ["--overflow threshold", "recompute"])
    check_refused(["compare", *words, "--swap-from-blocks", "1"], ["--overflow threshold", "recompute"])
    runs = succeed("compare", *words, "--overflow", "all", "--swap-from-blocks", "100", "--format", "json").json["runs"]
    check_equal([run["policy"] for run in runs], succeed("list", "overflow", "--names").text.split())
    check_equal(next(run for run in runs if run["policy"] == "threshold")["config"], one["config"])


def test_crossover():
    """crossover in three formats tells the same costs."""
    words = ["crossover", *HARDWARE, "--tokens", "256..1k", "--block-size", "16,32"]
    whole = succeed(*words, "--format", "json").json
    check_equal(whole["model"], "llama-2-7b")
    rows = succeed(*words, "--format", "csv").text.splitlines()
    check(len({row.count(",") for row in rows}) == 1 and len(rows) == 1 + 3 * 2, rows)
    check("llama-2-7b" in succeed(*words).text)


def test_kv_cache_dtype():
    """crossover and model take --kv-cache-dtype as run does: half the bits, half the bytes"""
    words = ["model", "show", "llama-2-7b", "--format", "json"]
    whole, half = succeed(*words).json, succeed(*words, "--kv-cache-dtype", "fp8").json
    check_equal(whole["kv_bytes_per_token"], 2 * half["kv_bytes_per_token"])
    words = ["crossover", *HARDWARE, "--tokens", "4k", "--block-size", "16", "--format", "csv"]
    check(succeed(*words).text != succeed(*words, "--kv-cache-dtype", "fp8").text)
    for words in (["model", "list"], ["model", "show", "llama-2-7b"], ["crossover", *HARDWARE]):
        result = execute(*words, "--kv-cache-dtype", "fp9")
        check(result.status == 2 and "--kv-cache-dtype: found 'fp9'" in result.err, str(result))


def test_shipped_traces():
    """Shipped traces are what the commands in their comments make, byte for byte."""
    folder = source("traces", "shipped")
    commands = {"chat-turns.jsonl": re.search(r"^    spillway (trace gen .*) -o chat-turns.jsonl$",
                                              read(os.path.join(folder, "README.md")).decode(),
                                              re.M).group(1) + " --to mooncake"}
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.endswith(".csv"):
            commands[name] = read(path).decode().splitlines()[1].removeprefix("# spillway ")
    check_equal(sorted(name.partition(".")[0] for name in commands),
                sorted(succeed("list", "traces", "--names").text.split()))
    for name, command in commands.items():
        check(succeed(*command.split()).out == read(os.path.join(folder, name)), name)


GEN = ["trace", "gen", "--requests", "60", "--rate", "2", "--arrivals", "gamma", "--cv", "2",
       "--prompt", "lognormal:mean=300,median=200", "--output", "uniform:1,90"]


def test_gen():
    """trace gen: the seed decides, and nothing else does."""
    first = succeed(*GEN).out
    check_equal(succeed(*GEN).out, first)
    check_equal(succeed(*GEN, "--seed", 1).out, first)
    check(succeed(*GEN, "--seed", 2).out != first)
    succeed(*GEN, "-o", "t.csv")
    succeed(*GEN, "-o", "t.csv.gz")
    check_equal(read("t.csv"), first)
    check_equal(gzip.decompress(read("t.csv.gz")), first)


def rows_of(path):
    return [line for line in read(path).splitlines() if not line.startswith(b"#")]


def test_convert():
    """convert: every form that is written is read again, with the same requests."""
    succeed(*GEN, "-o", "t.csv")
    write("whole.csv", HEADER + "0,5,6\n3,7,8\n10,9,1\n")
    for form in ("spillway", "azure", "vidur", "mooncake", "benchmark", "steps", "binary"):
        path = "whole.csv" if form == "steps" else "t.csv"
        succeed("trace", "convert", path, "-o", form, "--to", form)
        shown = [succeed("trace", "show", "--format", "json", path).json["traces"][0]
                 for path in (path, form)]
        check_equal(shown[1]["format"], form)
        for key in ("requests", "total_prompt_tokens", "total_output_tokens", "prompt_tokens",
                    "output_tokens"):
            check_equal(shown[1][key], shown[0][key], form + " " + key)
        rounding_s = 1e-3 if form == "mooncake" else 1e-6
        check(abs(shown[1]["duration_s"] - shown[0]["duration_s"]) <= rounding_s, form)
        succeed("trace", "convert", form, "-o", "back.csv")
        if rounding_s < 1e-3:
            check_equal(rows_of("back.csv"), rows_of(path), form)


def test_binary_traces():
    """A trace and its binary form give the same run, from a file, gzip or standard input."""
    turns = ["gen", "--requests", "40", "--rate", "1", "--turns", "3", "--shared-prefix", "90", "--prompt",
             "uniform:1,90", "--output", "uniform:1,90"]
    succeed(*GEN, "-o", "plain.csv")
    succeed("trace", *turns, "-o", "turns.jsonl")
    write("ids.csv", HEADER.replace("\n", ",id,priority\n") + "3,7,8,b,-2\n0,5,6,a,1\n3,7,8,\"a,c\",0\n")
    write("numbers.csv", HEADER.replace("\n", ",id\n") + "3,7,8,-9\n0,5,6,70\n3,7,8,-10\n")
    for source_name in ("plain.csv", "turns.jsonl", "ids.csv", "numbers.csv"):
        succeed("trace", "convert", source_name, "-o", "t.bin")
        succeed("trace", "convert", "t.bin", "-o", "t.bin.gz")
        check(gzip.decompress(read("t.bin.gz")) == read("t.bin"), source_name)
        words = [*HARDWARE, "--enable-prefix-caching", "--kv-memory", "4%", "--requests"]
        expected = run_json(*words, "text.csv", "--trace", source_name)
        for path, stdin in [("t.bin", b""), ("t.bin.gz", b""), ("-", read("t.bin"))]:
            found = run_json(*words, "binary.csv", "--trace", path, stdin=stdin)
            check_equal(found["config"].pop("trace"), path)
            check_equal(without(found, "config"), without(expected, "config"), source_name)
            check_equal({**found["config"], "trace": source_name}, expected["config"])
            check_equal(read("binary.csv"), read("text.csv"), source_name)
    succeed("trace", *turns, "-o", "made.bin")
    succeed("trace", "convert", "made.bin", "-o", "made.jsonl")
    check_equal(read("made.jsonl"), read("turns.jsonl"))
    err = succeed("trace", "convert", "made.bin", "-o", "less.csv").err
    check("does not hold the trace's prefix hashes" in err, err)


def test_trace_max_tokens():
    """max_tokens: made, shown, carried by the forms that hold it, refused where it is less than the output."""
    limits_of = lambda path: [int(row.rsplit(b",", 1)[1]) for row in rows_of(path)[1:]]
    succeed(*GEN, "-o", "plain.csv")
    succeed(*GEN, "--max-tokens", "2.5x", "-o", "limits.csv")
    check_equal(rows_of("limits.csv")[0], b"arrival_s,prompt_tokens,output_tokens,max_tokens")
    check_equal([row.rsplit(b",", 1)[0] for row in rows_of("limits.csv")], rows_of("plain.csv"))
    check_equal(limits_of("limits.csv"), [-(-5 * output // 2) for output in limits_of("plain.csv")])
    for form in ("mooncake", "benchmark", "binary"):
        succeed("trace", "convert", "limits.csv", "--to", form, "-o", form)
        succeed("trace", "convert", form, "--to", "spillway", "-o", "back.csv")
        check_equal(limits_of("back.csv"), limits_of("limits.csv"), form)
    lost = succeed("trace", "convert", "limits.csv", "--to", "vidur", "-o", "vidur")
    check("does not hold the trace's max_tokens" in lost.err, lost.err)
    succeed(*GEN, "--max-tokens", "empirical:limits.csv", "-o", "drawn.csv")
    shown = succeed("trace", "show", "--format", "json", "drawn.csv", "plain.csv").json["traces"]
    check("max_tokens" in shown[0] and "max_tokens" not in shown[1], str(shown))
    check("allowed" in succeed("trace", "show", "limits.csv").out.decode())
    check_equal(execute(*GEN, "--max-tokens", "0.5x").status, 2)


def test_engines_page():
    """doc/engines.md: its runs come out as it says, and its lines are in their logs."""
    page = read(source("doc", "engines.md")).decode()
    write("four.csv", re.search(r"printf '(.*)' > four.csv", page)[1].replace("\\n", "\n"))
    logged = []
    rows = re.findall(r"^\| `(--scheduler [^`]*)`[^|]* \| (\d+) \| (\d+) s \|$", page, re.M)
    check(len(rows) > 11, str(rows))
    for words, preempted, seconds in rows:
        run = run_json("--executor", "unit", "--trace", "four.csv", *words.split(), "--decisions", "log.jsonl")
        check_equal([run["preemptions"], run["makespan_s"]], [int(preempted), int(seconds)], words)
        logged += [json.loads(line) for line in read("log.jsonl").splitlines()]
    write("same.jsonl", "\n".join(re.findall(r"'(\{[^']*\})'", re.search(r"printf '%s.*> same.jsonl", page)[0])) + "\n")
    shared = re.search(r"spillway run (--executor unit --trace same.jsonl .*)", page)[1]
    run_json(*shared.split(), "--decisions", "log.jsonl")
    logged += [json.loads(line) for line in read("log.jsonl").splitlines()]
    costed = re.findall(r"^\| `((?:vllm|sglang|trtllm)[^`]*)`[^|]* \| (\d+) \| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", page, re.M)
    check(len(costed) > 8, str(costed))
    for words, preempted, again, *seconds in costed:
        run = run_json("--trace", "demo", "--model", "llama-2-7b", "--device", "a100-40gb", "--kv-memory", "3GiB", "--scheduler",
                       *words.split())
        check_equal([str(run["preemptions"]), "{:,}".format(run["recomputed_tokens"])], [preempted, again], words)
        check_equal(["%.1f" % s for s in (run["makespan_s"], run["ttft_s"]["p50"], run["e2e_s"]["mean"])], seconds, words)
    lines = [json.loads(line) for line in re.findall(r"^    (\{.*\})$", page, re.M)]
    check(len(lines) > 5, str(lines))
    for line in lines:
        check(any(all(entry.get(key) == line[key] for key in line) for entry in logged), str(line))


def test_prefill_interval():
    """A single engine heeds the prefill interval from 0.33 on; before, a run says that it does not"""
    write("two.csv", "arrival_s,prompt_tokens,output_tokens\n0,20,30\n3,20,5\n")
    def run(*words):
        return execute("run", "--executor", "unit", "--trace", "two.csv", "--num-gpu-blocks", "30", "--no-async-scheduling",
                       "--format", "json", *words)
    def waits(*words):
        return json.loads(run(*words).out)["ttft_s"]["max"]
    paced = ["--prefill-schedule-interval", "9"]
    check_equal(waits("--scheduler", "vllm-0.33", *paced) - waits("--scheduler", "vllm-0.33"), 6)
    for old in ("vllm-0.24", "vllm-0.32"):
        check_equal(waits("--scheduler", old, *paced), waits("--scheduler", old), old)
        check("before vllm-0.33" in run("--scheduler", old, *paced).err, old)
    check_equal(run("--scheduler", "vllm-0.33", *paced).err, "")


def test_trace_sources():
    """A trace from a file, gzip, standard input or generated in place gives the same run."""
    succeed(*GEN, "-o", "t.csv")
    write("t.gz", read("t.csv"), packed=True)
    expected = without(run_json(*HARDWARE, "--trace", "t.csv"), "config")
    for trace, stdin in [("t.gz", b""), ("-", read("t.csv")), ("-", read("t.gz")),
                         ("gen:" + " ".join(GEN[2:]), b"")]:
        found = without(run_json(*HARDWARE, "--trace", trace, stdin=stdin), "config")
        check_equal(found, expected, trace)


def test_seed():
    """--seed decides a generated trace, and is kept with the results."""
    trace = "gen:" + " ".join(GEN[2:])
    one, two = (run_json(*HARDWARE, "--trace", trace, "--seed", seed) for seed in (1, 2))
    check(one["prompt_tokens"] != two["prompt_tokens"])
    check_equal((one["config"]["seed"], two["config"]["seed"]), (1, 2))
    succeed(*GEN, "--seed", 2, "-o", "two.csv")
    check_equal(without(run_json(*HARDWARE, "--trace", "two.csv"), "config"), without(two, "config"))


def test_limit_and_time_scale():
    """--limit and --time-scale do what convert does."""
    for options in (["--limit", "7"], ["--time-scale", "0.25"], ["--limit", "9", "--time-scale", "3"]):
        succeed("trace", "convert", "demo", "-o", "cut.csv", *options)
        cut = run_json(*HARDWARE, "--trace", "cut.csv")
        check_equal(without(run_json(*HARDWARE, "--trace", "demo", *options), "config"),
                    without(cut, "config"), options)
        check_equal(cut["requests"], int(options[1]) if options[0] == "--limit" else 400)


def test_backward_times():
    """Arrivals that go backward are sorted, with a note, and the run goes on."""
    write("back.csv", HEADER + "5,10,10\n1,20,3\n")
    result = succeed("run", *HARDWARE, "--trace", "back.csv", "--requests", "r.csv")
    check(re.search(r"note: back.csv: .*line 3; sorted", result.err), result.err)
    check_equal([row.split(b",")[:4] for row in rows_of("r.csv")[1:]],
                [[b"1", b"1", b"20", b"3"], [b"0", b"5", b"10", b"10"]])


def test_too_long():
    """A prompt that the pool can never hold is ignored, and the table says why."""
    write("long.csv", HEADER + "0,100000000,10\n1,5,5\n")
    words = [*HARDWARE, "--trace", "long.csv"]
    for scheduler in ("vllm-v1", "vllm-0.6", "vllm-0.5"):
        summary = run_json(*words, "--scheduler", scheduler)
        check_equal((summary["ignored"], summary["finished"]), (1, 1))
        text = succeed("run", *words, "--scheduler", scheduler).text
        check(re.match(r"1 request \(50\.0 % of all\) was ignored: .*max_model_len.*\. max_model_len is 4,096: the context of llama-2-7b", text), text)
    text = succeed("run", *words, "--num-gpu-blocks", "100").text
    check(re.match(r"1 request .* max_model_len is 1,(584|600): what the pool holds; more blocks", text), text)


def test_length_limit():
    """A request that is refused for its length is told the limit, where it comes from and what changes it; few are told of later."""
    config = write("scaled.json", '{"model_type":"llama","num_hidden_layers":2,"hidden_size":64,"num_attention_heads":4,'
                   '"intermediate_size":96,"vocab_size":100,"max_position_embeddings":512,'
                   '"rope_scaling":{"rope_type":"linear","factor":2.0}}')
    write("few.csv", HEADER + "0,2000,5\n" + "".join(f"{i},10,5\n" for i in range(1, 200)))
    words = ["--model", config, "--device", "a100-40gb", "--trace", "few.csv"]
    text = succeed("run", *words).text
    sentence = (r"1 request was ignored: .*\. max_model_len is 1,024: the context of scaled "
                r"\(rope_scaling: linear, 2 x max_position_embeddings 512\); --max-model-len changes it\.")
    check(not re.match("1 request", text) and re.search(sentence, text), text)
    check(re.search(r"max_model_len is 100: --max-model-len\.", succeed("run", *words, "--max-model-len", "100").text))
    check_equal(run_json(*words)["config"]["defaults"]["max_model_len"].split(" (")[0], "the context of scaled")
    check_equal(run_json(*words, "--max-model-len", "3000")["ignored"], 0)


def test_pool_beside_weights():
    """A KV pool that the weights leave no room for is simulated, with a note."""
    for size in (["--kv-memory", "30GiB"], ["--num-gpu-blocks", "4000"]):
        err = succeed("run", *HARDWARE, "--trace", "demo", *size).err
        check(re.search("note: a server would not start: weights of 12.6 GiB and .* a100-40gb", err), err)
    check_equal(succeed("run", *HARDWARE, "--trace", "demo", "--kv-memory", "20GiB").err, "")


def test_standard_output_full():
    """Output that cannot be written is told, status 1."""
    for words in (["list"], ["run", "--help"], ["run", *HARDWARE, "--trace", "demo"],
                  ["trace", "show", "demo"], GEN, ["trace", "convert", "demo", "-o", "-"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([SPILLWAY, *words], stdout=full, stderr=subprocess.PIPE)
        check_equal(done.returncode, 1, words)
        check(b"No space left" in done.stderr and done.stderr.count(b"\n") == 1, done.stderr)


def test_recordings():
    """A dozen schedules recorded from real engines are reproduced."""
    golden = os.path.join(SHARED or "", "golden", "check")
    if SHARED is None or not os.path.exists(golden):
        raise Skip("the recordings do not ship, and are not at hand")
    done = subprocess.run([sys.executable, golden, "--spillway", SPILLWAY, "--only", "/fuzz00",
                           "--jobs", "2"], capture_output=True, text=True)
    check(re.search(r"^\d\d passed, 0 failed", done.stdout, re.M), done.stdout + done.stderr)


main(all_tests(globals()))
