#!/usr/bin/env python3
"""The command line as a user types it: help, names, lists, and real engines' recordings."""
import os
import re
import subprocess
import sys

from spillway_test import (HARDWARE, SHARED, SPILLWAY, Skip, all_tests, check, check_equal, check_refused,
                           execute, main, options_of_help, read, run_json, succeed, write)

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
        check(not result.text.endswith("\n\n"), "%s: an empty line at the end" % verb)
        check("Examples:\n  spillway %s" % verb[0] in result.text, result.text)
        check_accepted(verb, [option + ("=nonsense" if has_value else "") for option, has_value in options_of_help(result.text).items()
                              if option != "--help"])


def check_accepted(verb, words):
    """The verb knows all of these options. They are read in order, up to the first whose value is told to be wrong."""
    while words:
        message = execute(*verb, *words, "--stop-here").err
        if "unknown option --stop-here" in message:
            return
        refused = [i for i, word in enumerate(words) if re.search(word.partition("=")[0] + r"(:|$)", message, re.M)]
        check(refused and "nonsense" in message, message)
        words = words[refused[0] + 1:]


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
                           ("--cuda_graph_sizes=8", "--cudagraph-mode"), ("--dtype=auto", "16 bits"), ("--hf-overrides={}", "config.json")]:
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


def test_trace_forms():
    """The help of --to names the forms that can be written, which are those that the list does not call read only."""
    gen = ["trace", "gen", "--requests", "3", "--arrivals", "burst", "--prompt", "fixed:5", "--output", "fixed:5"]
    helps = [" ".join(succeed("trace", verb, "--help").text.split()) for verb in ("gen", "convert")]
    written = []
    for line in succeed("list", "trace-formats").text.splitlines():
        if not line.startswith("  ") or line[2] == " ":
            continue
        name = line.split()[0]
        result = execute(*gen, "--to", name)
        check_equal(result.status == 0, "(read only)" not in line, str(result))
        if result.status == 0:
            written.append(name)
    check_equal(written[0], "spillway")
    check({"mooncake", "binary"} <= set(written), written)
    for text in helps:
        forms = re.search(r"the form to write: ([a-z]+(?: \([^)]*\))?(?:, [a-z]+(?: \([^)]*\))?)*)", text).group(1)
        check_equal(re.sub(r" \([^)]*\)", "", forms).split(", "), written, text)
        for ending in (".jsonl", ".bin"):
            check(f"(where -o ends in {ending})" in forms, forms)


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


def test_standard_output_full():
    """Output that cannot be written is told, status 1."""
    for words in (["list"], ["run", "--help"], ["run", *HARDWARE, "--trace", "demo"],
                  ["trace", "show", "demo"], ["trace", "gen", "--requests", "60", "--rate", "2", "--prompt", "fixed:9", "--output", "fixed:9"],
                  ["trace", "convert", "demo", "-o", "-"]):
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
