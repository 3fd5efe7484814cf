#!/usr/bin/env python3
"""Captured graphs, whole or in pieces (--cudagraph-mode)."""
from spillway_test import all_tests, check, check_close, check_equal, check_refused, main, read, run_json, source, succeed, without, write

CARD = ["--model", "llama-3.1-8b", "--device", "h100-sxm", "--scheduler", "vllm-0.11"]
LAYERS, PIECE_S = 32, 13.9e-6  # of the host unknown
PIECES = ["--cudagraph-mode", "piecewise"]
PROFILE = """# spillway-profile 1
# name: measured
# device: h100-sxm
# origin 0 source: a stopwatch
operation,dtype,shape,median_ns
"""
MEASURED = PROFILE.replace("operation,dtype", "operation,variant,dtype") + """gemm,,bfloat16,m=1;n=4096;k=4096,9000
host,vllm-v1,,sequences=1;tokens=1,400000
"""


def test_decodes():
    """A decode step takes a piece's price longer for each layer; a prefill beyond the captured graphs does not; other hosts scale it."""
    load = [*CARD, "--num-prompts", "1", "--random-input-len", "2000", "--random-output-len", "20"]
    whole, pieces, dear = run_json(*load), run_json(*load, *PIECES), run_json(*load, *PIECES, "--what-if", "host=2x")
    check_close(pieces["tpot_s"]["mean"] - whole["tpot_s"]["mean"], LAYERS * PIECE_S, relative=1e-6)
    check_equal(pieces["ttft_s"], whole["ttft_s"])
    host = run_json(*load, "--what-if", "host=2x")
    check_close(dear["tpot_s"]["mean"] - host["tpot_s"]["mean"], 2 * LAYERS * PIECE_S, relative=1e-6)
    same = run_json(*load, "--cudagraph-mode", "full-and-piecewise")
    check_equal(without(same), without(whole))
    check_equal((whole["config"]["cudagraph_mode"], pieces["config"]["cudagraph_mode"]), ("full-and-piecewise", "piecewise"))
    check(any("13.9 us a layer" in text for text in pieces["config"]["assumed"]), pieces["config"]["assumed"])


def test_short_prompt():
    """A step with a short prompt, which fits the captured graphs, takes it too."""
    load = [*CARD, "--num-prompts", "1", "--random-input-len", "100", "--random-output-len", "2"]
    check_close(run_json(*load, *PIECES)["ttft_s"]["mean"] - run_json(*load)["ttft_s"]["mean"], LAYERS * PIECE_S, relative=1e-6)


def test_versions():
    """Before vLLM 0.11 graphs are in pieces unless another mode is typed, and the run says so; whole since, and in other engines."""
    load = [*CARD[:4], "--num-prompts", "1", "--random-input-len", "2000", "--random-output-len", "20"]
    for engine, in_pieces in (("vllm-0.6", False), ("vllm-0.8", True), ("vllm-0.9", True), ("vllm-0.10", True), ("vllm-v1", True),
                              ("vllm-0.11", False), ("vllm", False), ("sglang", False), ("trtllm", False)):
        run = run_json(*load, "--scheduler", engine)
        config, text = run["config"], succeed("run", *load, "--scheduler", engine).text
        check_equal(config["cudagraph_mode"], "piecewise" if in_pieces else "full-and-piecewise", engine)
        check_equal(config["defaults"].get("cudagraph_mode"), engine if in_pieces else None)
        check_equal("graphs in pieces: 13.9 us a layer" in text, in_pieces, text)
        check_equal("cudagraph_mode " in text, in_pieces, text)
        if in_pieces:
            whole, typed = (run_json(*load, "--scheduler", engine, "--cudagraph-mode", mode) for mode in ("full-and-piecewise", "piecewise"))
            check_close(run["tpot_s"]["mean"] - whole["tpot_s"]["mean"], LAYERS * PIECE_S, relative=1e-6)
            check_equal(without(run, "config"), without(typed, "config"))
            check_equal([key in typed["config"]["defaults"] for key in ("cudagraph_mode", "block_size")], [False, True])


def test_own_host():
    """Where nobody asked, a host without a price and a profile with its own host time go on, and say what of pieces is in them."""
    load = [*CARD[:2], "--num-prompts", "1", "--random-input-len", "2000", "--random-output-len", "20", "--scheduler"]
    text = read(source("calib", "hosts", "unknown.ini")).decode()
    write("own.ini", "".join(line + "\n" for line in text.splitlines() if not line.startswith("piece_")))
    write("m.csv", MEASURED)
    for words, told in ((["--device", "h100-sxm", "--host", "own.ini"], "own has no piece_us"), (["--device", "m.csv"], "profile's host time")):
        old, new = (run_json(*load, engine, *words) for engine in ("vllm-0.10", "vllm-0.11"))
        check(any(told in line for line in old["config"]["assumed"]), old["config"]["assumed"])
        check(not any("pieces" in line for line in new["config"]["assumed"]), new["config"]["assumed"])
        check_equal(old["tpot_s"], new["tpot_s"])
    unit = run_json("--executor", "unit", "--trace", "demo", "--limit", "2", "--num-gpu-blocks", "400", "--scheduler", "vllm-0.10")
    check("cudagraph_mode" not in unit["config"] and "cudagraph_mode" not in unit["config"]["defaults"], unit["config"])


def test_profile():
    """With imported tables, whose host is nobody's, as with the roofline."""
    write("p.csv", PROFILE + "gemm,bfloat16,m=1;n=4096;k=4096,9000\n")
    load = ["--model", "llama-3.1-8b", "--scheduler", "vllm-0.11", "--num-prompts", "1", "--random-input-len", "2000", "--random-output-len", "20"]
    succeed("profile", "import", "p.csv", "-o", "p.db")
    whole, pieces = (run_json(*load, "--device", "p.db", *more) for more in ([], PIECES))
    check_close(pieces["tpot_s"]["mean"] - whole["tpot_s"]["mean"], LAYERS * PIECE_S, relative=1e-6)


def test_strides():
    """Step by step, or many at once."""
    words = [*CARD, *PIECES, "--num-prompts", "60", "--max-concurrency", "8", "--random-input-len", "300"]
    check_equal(without(run_json(*words, "--requests", "a.csv"), "config"),
                without(run_json(*words, "--no-stride", "--requests", "b.csv"), "config"))
    check_equal(read("a.csv"), read("b.csv"))


def test_launched_prompts():
    """SGLang without graphs of prompts: a step with a prompt takes 61 layers' launches at least, decodes what they took."""
    load = ["--model", "deepseek-r1", "--device", "h200", "--tensor-parallel-size", "8", "--scheduler", "sglang", "--what-if",
            "front-end=0", "--num-prompts", "1", "--random-output-len", "20", "--random-input-len"]
    launched = ["--disable-piecewise-cuda-graph"]
    for tokens, is_bound in ((1, True), (900, True), (8000, False)):
        graph, eager = run_json(*load, tokens), run_json(*load, tokens, *launched)
        check_close(eager["ttft_s"]["mean"], 61 * 1354e-6 if is_bound else graph["ttft_s"]["mean"], relative=1e-6)
        check_close(eager["tpot_s"]["mean"], graph["tpot_s"]["mean"], relative=1e-6)
        check_equal((graph["config"]["disable_piecewise_cuda_graph"], eager["config"]["disable_piecewise_cuda_graph"]), (False, True))
        check(any("1354 us a layer" in text for text in eager["config"]["assumed"]), eager["config"]["assumed"])
    write("p.csv", PROFILE.replace("h100-sxm", "h200") + "gemm,bfloat16,m=1;n=4096;k=4096,9000\n")
    succeed("profile", "import", "p.csv", "-o", "p.db")
    check_close(run_json(*load, 900, *launched, "--device", "p.db")["ttft_s"]["mean"], 61 * 1354e-6, relative=1e-6)
    many = [*load, 300, *launched, "--num-prompts", "60", "--max-concurrency", "8"]
    check_equal(without(run_json(*many), "config"), without(run_json(*many, "--no-stride"), "config"))


def test_launched_prompts_refused():
    """Other engines and models, a host without a figure, a profile of a server."""
    load = ["run", "--model", "deepseek-r1", "--device", "h200", "--tensor-parallel-size", "8", "--num-prompts", "3",
            "--disable-piecewise-cuda-graph"]
    check_refused([*load, "--scheduler", "vllm"], ["--disable-piecewise-cuda-graph", "no such thing"])
    sglang = [*load, "--scheduler", "sglang"]
    check_refused([*sglang, "--model", "llama-3.1-8b"], ["latent attention"])
    text = read(source("calib", "hosts", "unknown.ini")).decode()
    write("own.ini", "".join(line + "\n" for line in text.splitlines() if not line.startswith("latent_launch_")))
    check_refused([*sglang, "--host", "own.ini"], ["own", "latent_launch_us"])
    write("m.csv", MEASURED.replace("h100-sxm", "h200"))
    check_refused([*sglang, "--device", "m.csv"], ["as it was measured"])


LAUNCH_S = 285e-6


def test_eager():
    """Without graphs a step takes a layer's launches for each layer at least, decodes too; the pool has no graphs; other hosts scale it."""
    load = ["--model", "llama-3.1-8b", "--device", "h100-sxm", "--what-if", "front-end=0", "--num-prompts", "1", "--random-output-len", "20",
            "--random-input-len"]
    for engine, off, key in (("vllm", "--enforce-eager", "enforce_eager"), ("vllm-0.19", "--enforce-eager", "enforce_eager"),
                             ("vllm-0.10", "--enforce-eager", "enforce_eager"), ("sglang", "--disable-cuda-graph", "disable_cuda_graph"),
                             ("trtllm", "--enforce-eager", "enforce_eager")):
        for tokens, is_bound in ((100, True), (8000, False)):
            graph, eager = (run_json(*load, tokens, "--scheduler", engine, *more) for more in ([], [off]))
            check_close(eager["tpot_s"]["mean"], LAYERS * LAUNCH_S, engine, relative=1e-6)
            check(graph["tpot_s"]["mean"] < 0.9 * LAYERS * LAUNCH_S, graph["tpot_s"])
            check_close(eager["ttft_s"]["mean"], LAYERS * LAUNCH_S if is_bound else graph["ttft_s"]["mean"], engine, relative=1e-6)
            check_equal((graph["config"][key], eager["config"][key], eager["config"]["cudagraph_mode"]), (False, True, "none"))
            check(any("285 us a layer" in text and "257 to 800" in text for text in eager["config"]["assumed"]), eager["config"]["assumed"])
            check(not any("graphs in pieces" in text for text in eager["config"]["assumed"]), eager["config"]["assumed"])
            more = eager["config"]["num_gpu_blocks"] - graph["config"]["num_gpu_blocks"]
            check(more > 0 if engine in ("vllm", "vllm-0.19", "sglang") else more == 0, "%s: %d" % (engine, more))
    dear = run_json(*load[:4], *load[6:], 100, "--enforce-eager", "--what-if", "host=2x,front-end=0")
    check_close(dear["tpot_s"]["mean"], 2 * LAYERS * LAUNCH_S, relative=1e-6)
    old = run_json(*load, 100, "--enforce-eager", "--scheduler", "vllm-0.6")
    check_close(old["tpot_s"]["mean"], LAYERS * 257e-6, relative=1e-6)


def test_eager_pool():
    """It is what model show says of such a server."""
    for card, version in (("l40s", "0.28"), ("h100-sxm", "0.19")):
        words = ["--device", card, "--scheduler", "vllm-" + version, "--enforce-eager"]
        shown = succeed("model", "show", "qwen3-8b", *words, "--format", "json").json["server"]
        run = run_json("--model", "qwen3-8b", *words, "--num-prompts", "1")
        check_equal(run["config"]["num_gpu_blocks"], shown["num_gpu_blocks"])
    # SGLang keeps 2 MiB for each sequence of the largest batch of decodes, 8 for each size of prompts: 48 and 50 of them on 24 GB.
    words = ["--model", "llama-3.2-3b", "--device", "rtx-4090", "--scheduler", "sglang", "--num-prompts", "1"]
    graph, eager = (run_json(*words, *more)["config"]["mem_fraction_static"] for more in ([], ["--disable-cuda-graph"]))
    check_close((eager - graph) * 23.52 * 1024, 48 * 2 + 50 * 8, relative=0.05)


def test_eager_of_kinds():
    """Layers of latent attention have their own figure; strides agree with single steps; a mode of graphs gives way."""
    latent = ["--model", "deepseek-r1", "--device", "h200", "--tensor-parallel-size", "8", "--what-if", "front-end=0", "--num-prompts", "1",
              "--enforce-eager", "--random-input-len", "10", "--random-output-len", "20"]
    check_close(run_json(*latent)["tpot_s"]["mean"], 61 * 1354e-6, relative=1e-6)
    many = ["--model", "llama-3.2-1b", "--device", "rtx-4090", "--num-prompts", "60", "--max-concurrency", "24", "--random-input-len", "900",
            "--enforce-eager"]
    for engine in ("vllm", "vllm-0.9", "vllm-0.6"):
        check_equal(without(run_json(*many, "--scheduler", engine), "config"),
                    without(run_json(*many, "--scheduler", engine, "--no-stride"), "config"))
    result = succeed("run", *many, "--scheduler", "vllm-0.10", *PIECES)
    check("--cudagraph-mode changes nothing" in result.err, result.err)
    check("--cudagraph-mode" not in succeed("run", *many).err)
    check("no graph is captured" in succeed("compare", *many, "--overflow", "recompute").text)
    few = ["--model", "llama-3.2-1b", "--device", "h100-sxm", "--num-prompts", "40", "--slo", "tpot:p50<4500us"]  # 16 layers' launches take 4560
    graph, eager = (succeed("capacity", *few, *more, "--format", "json").json for more in ([], ["--enforce-eager"]))
    check(graph["best"] is not None and eager["best"] is None, eager["best"])
    write("s.ini", "[run]\nmodel=llama-3.2-1b\ndevice=rtx-4090\nnum-prompts=20\n[grid]\nenforce-eager=false,true\n")
    succeed("sweep", "s.ini", "-o", "s.db")


def test_eager_profile():
    """With a profile's own host time its steps that are no captured graph are taken; without such it is refused."""
    load = [*CARD[:2], "--num-prompts", "1", "--random-input-len", "100", "--random-output-len", "20", "--what-if", "front-end=0"]
    write("m.csv", MEASURED)
    check_refused(["run", *load, "--device", "m.csv", "--enforce-eager"], ["--enforce-eager", "captured graphs alone"])
    write("e.csv", MEASURED + "host,vllm-v1/eager,,sequences=1;tokens=1,5400000\n")
    graph, eager = (run_json(*load, "--device", "e.csv", *more) for more in ([], ["--enforce-eager"]))
    check_close(eager["tpot_s"]["mean"] - graph["tpot_s"]["mean"], 5e-3, relative=0.02)
    check(any("profile's host time of steps that are none" in text for text in eager["config"]["assumed"]), eager["config"]["assumed"])


def test_eager_refused():
    """Other engines' names, executors that are no servers, a host without a figure."""
    load = ["run", *CARD[:4], "--num-prompts", "3"]
    check_refused([*load, "--scheduler", "sglang", "--enforce-eager"], ["--enforce-eager", "--disable-cuda-graph"])
    check_refused([*load, "--disable-cuda-graph"], ["--disable-cuda-graph", "--enforce-eager"])
    check_refused(["run", "--executor", "unit", "--trace", "demo", "--num-gpu-blocks", "400", "--enforce-eager"], ["--enforce-eager", "unit"])
    text = read(source("calib", "hosts", "unknown.ini")).decode()
    write("own.ini", "".join(line + "\n" for line in text.splitlines() if not line.startswith("launch_")))
    check_refused([*load, "--host", "own.ini", "--enforce-eager"], ["own", "launch_us", "vllm-v1"])
    succeed(*load, "--host", "own.ini")


def test_refused():
    """Engines without pieces, a host that has no price for them, and other words."""
    load = ["run", *CARD[:4], "--num-prompts", "3"]
    check_refused([*load, "--scheduler", "sglang", *PIECES], ["--cudagraph-mode", "sglang"])
    check_refused([*load, "--scheduler", "vllm-0.6", *PIECES], ["--cudagraph-mode", "vllm-0.6"])
    check_refused([*load, "--cudagraph-mode", "none"], ["--cudagraph-mode", "'none'", "piecewise"])
    text = read(source("calib", "hosts", "unknown.ini")).decode()
    write("own.ini", "".join(line + "\n" for line in text.splitlines() if not line.startswith("piece_")))
    check_refused([*load, "--host", "own.ini", *PIECES], ["own", "piece_us"])
    succeed(*load, "--host", "own.ini")
    write("m.csv", MEASURED)
    check_refused(["run", *CARD[:2], "--device", "m.csv", "--num-prompts", "3", *PIECES], ["piecewise", "as it was measured"])
    succeed("run", *CARD[:2], "--device", "m.csv", "--num-prompts", "3")


main(all_tests(globals()))
