#!/usr/bin/env python3
"""live and run --executor cpu: what is computed, against a decoder in plain Python and itself."""
import json
import os
import pty
import struct
import subprocess

from live_fixture import GPU, GPU_TIGHT, LIVE, TIGHT, TRACE, emulated_gpu, model, refuse
from plain_decoder import Decoder, make_checkpoint, make_weights, safetensors
from spillway_test import SPILLWAY, Skip, all_tests, check, check_equal, execute, main, read, read_json_lines, succeed, write

PROMPTS = [[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3], [2, 7], [31, 8, 28, 18, 28, 45]]


def write_prompts(n_output):
    write("trace.csv", "arrival_s,prompt_tokens,output_tokens\n" +
          "".join("0,%d,%d\n" % (len(p), n_output) for p in PROMPTS))
    write("ids.jsonl", "".join(json.dumps({"id": i, "prompt_token_ids": p}) + "\n" for i, p in enumerate(PROMPTS)))
    return ["--trace", "trace.csv", "--token-ids", "ids.jsonl", "--output-token-ids", "out.jsonl"]


def test_against_plain_python():
    """checkpoints of every kind and type, sharded or not, give the tokens that plain Python computes"""
    words = write_prompts(20)
    kinds = [("tiny-llama", "BF16", 1), ("tiny-llama3", "F16", 3), ("tiny-yarn", "F32", 1),
             ("tiny-qwen2", "BF16", 2), ("tiny-qwen3", "F32", 1)]
    for name, dtype, shards in kinds:
        config, tensors = make_checkpoint(name, dtype, name, shards)
        succeed(*LIVE, "--model", name, "--load-format", "safetensors", "--num-gpu-blocks", "9", "--block-size", "8",
                *words)
        found = {line["id"]: line["output_token_ids"] for line in read_json_lines("out.jsonl")}
        for i, prompt in enumerate(PROMPTS):
            check_equal(found[i], Decoder(config, tensors).generate(prompt, 20), "%s, request %d" % (name, i))


def test_same_tokens_whatever_the_memory():
    """outputs do not depend on memory, policy, scheduler, block size, chunking or prefix caching"""
    common = ["--model", model("tiny-llama"), "--trace", TRACE, "--temperature", "1", "--output-token-ids", "out.jsonl"]
    succeed(*LIVE, *common, "--num-gpu-blocks", "2000")
    expected = read("out.jsonl")
    check(len(set(token for line in read_json_lines("out.jsonl") for token in line["output_token_ids"])) > 20)
    preempted = 0
    for options in (TIGHT, TIGHT + ["--overflow", "swap"],
                    TIGHT + ["--scheduler", "vllm-0.6", "--overflow", "swap"],
                    TIGHT + ["--scheduler", "vllm-0.6", "--overflow", "swap", "--layerwise-copies"],
                    TIGHT + ["--overflow", "split", "--no-enable-prefix-caching", "--layerwise-copies", "--copy-path", "batched"],
                    TIGHT + ["--scheduler", "vllm-0.5", "--enable-chunked-prefill", "--max-num-batched-tokens", "24"],
                    TIGHT + ["--enable-prefix-caching", "--overflow", "swap", "--copy-path", "per-block"],
                    TIGHT + ["--scheduler", "trtllm", "--capacity-policy", "max-utilization"],
                    TIGHT + ["--scheduler", "trtllm", "--capacity-policy", "max-utilization", "--overflow", "swap",
                             "--enable-chunked-prefill", "--max-num-batched-tokens", "24"],
                    TIGHT + ["--scheduler", "trtllm", "--capacity-policy", "max-utilization", "--overflow", "swap",
                             "--enable-chunked-prefill", "--max-num-batched-tokens", "24", "--no-enable-prefix-caching"],
                    TIGHT + ["--scheduler", "trtllm", "--capacity-policy", "max-utilization", "--overflow", "swap", "--layerwise-copies"],
                    TIGHT + ["--async-scheduling", "--long-prefill-token-threshold", "7"]):
        result = succeed(*LIVE, *common, *options, "--format", "json").json
        preempted += result["preemptions"] > 0
        check_equal(read("out.jsonl"), expected, " ".join(options))
    check(preempted >= 10, "only %d runs preempted" % preempted)


BESIDE = ["--overlap-copies", "--copy-block-us"]


def beside(log):
    """Of a log: blocks that were copied beside the steps, by their ways"""
    counts = dict.fromkeys(("copied_out", "copied_ahead", "copied_in", "copied_to_disk", "copied_from_disk"), 0)
    for line in read_json_lines(log):
        for key in counts:
            counts[key] += sum(blocks for _, blocks in line.get(key, []))
    return counts


def test_same_tokens_beside_the_steps():
    """copies beside the steps, ahead of need, and a disk behind the host: really made, and the tokens are those without any"""
    common = ["--model", model("tiny-llama"), "--trace", TRACE, "--temperature", "1", "--output-token-ids", "out.jsonl"]
    succeed(*LIVE, *common, "--num-gpu-blocks", "2000")
    expected = read("out.jsonl")
    seen = dict.fromkeys(("copied_out", "copied_ahead", "copied_in", "copied_to_disk", "copied_from_disk"), 0)
    for overflow in (["swap"], ["split"], ["auto"], ["threshold", "--swap-from-blocks", "3"]):
        for options in (BESIDE + ["30"], BESIDE + ["2000"], BESIDE + ["300", "--swap-ahead", "8"],
                        BESIDE + ["20", "--num-cpu-blocks", "3", "--num-disk-blocks", "60"], ["--overlap-copies"],
                        BESIDE + ["300", "--enable-prefix-caching", "--no-async-scheduling"], BESIDE + ["300", "--victim", "longest"]):
            run = succeed(*LIVE, *common, *TIGHT[:4], *options, *([] if "--num-cpu-blocks" in options else TIGHT[4:]), "--overflow", *overflow,
                          "--decisions", "log.jsonl", "--format", "json").json
            check_equal(read("out.jsonl"), expected, " ".join(overflow + options))
            check_equal(run["finished"], run["requests"])
            for key, blocks in beside("log.jsonl").items():
                seen[key] += blocks
    check(min(seen.values()) > 0, seen)


def test_seed():
    """the seed decides weights, prompts and samples; the same one gives the same tokens"""
    common = [*LIVE, "--model", model("tiny-qwen3"), "--trace", "gen:--requests=3 --arrivals=burst --prompt=fixed:9 --output=fixed:9",
              "--num-gpu-blocks", "200", "--temperature", "0.8", "--top-k", "20", "--top-p", "0.9",
              "--output-token-ids", "out.jsonl"]
    outputs = []
    for seed in (4, 4, 5):
        succeed(*common, "--seed", seed)
        outputs.append(read("out.jsonl"))
    check_equal(outputs[0], outputs[1])
    check(outputs[0] != outputs[2], "another seed changes nothing")


def test_bad_models():
    """models that can be simulated and not computed, and options that mean nothing"""
    run = [*LIVE, "--trace", TRACE, "--num-gpu-blocks", "50"]
    for name in ("mixtral-8x7b", "opt-13b"):
        refuse(["model_type", "can be simulated, not run"], *run, "--model", name)
    refuse(["--model is missing"], *run)
    tiny = [*run, "--model", model("tiny-llama")]
    refuse(["--load-format", "found 'npz'"], *tiny, "--load-format", "npz")
    refuse(["--load-format safetensors", "no .safetensors file"], *tiny, "--load-format", "safetensors")
    refuse(["--tensor-parallel-size"], *tiny, "--tensor-parallel-size", "2")
    refuse(["mean nothing to the executor cpu"], *tiny, "--copy-method", "batch")
    refuse(["--copy-block-us", "--overlap-copies"], *tiny, "--copy-block-us", "5")
    refuse(["radix cache", "--disable-radix-cache"], *LIVE, "--trace", TRACE, "--model", model("tiny-llama"), "--scheduler", "sglang",
           "--max-total-tokens", "400")
    refuse(["--kv-cache-dtype"], *tiny, "--kv-cache-dtype", "fp8")
    refuse(["--temperature", "computes nothing"], "run", "--executor", "unit", "--trace", TRACE, "--num-gpu-blocks",
           "9", "--temperature", "1")
    refuse(["--executor: found 'unit', expected gpu or cpu"], "live", "--executor", "unit", "--trace", "demo")
    refuse(["unknown option --against"], "validate", "--executor", "cpu", "--trace", TRACE, "--against", "measured.csv")
    refuse(["expected model or unit"], "compare", *tiny[1:])


def test_bad_checkpoints():
    """checkpoints that lack a tensor, have another shape or type, or are cut short"""
    words = [*LIVE, *write_prompts(2), "--num-gpu-blocks", "50", "--model", "m"]
    config, _ = make_checkpoint("tiny-qwen2", "BF16", "m")
    tensors = make_weights(config, "tiny-qwen2")
    file = os.path.join("m", "model.safetensors")
    whole = read(file)
    missing = {name: t for name, t in tensors.items() if "layers.1.mlp.down" not in name}
    write(file, safetensors(missing, "BF16"))
    refuse([file, "no tensor model.layers.1.mlp.down_proj.weight"], *words)
    write(file, safetensors({**tensors, "model.norm.weight": ([31], [1.0] * 31)}, "BF16"))
    refuse([file, "model.norm.weight: found 1 dimensions, 31 x 1, expected 32"], *words)
    write(file, safetensors(tensors, "I16"))
    refuse([file, "found the type I16, expected F32, F16 or BF16"], *words)
    write(file, whole[:-100])
    refuse([file, "data_offsets", "cut short"], *words)
    write(file, whole[:40])
    refuse([file, "header"], *words)
    write(file, struct.pack("<Q", 3) + b"[1]")
    refuse([file, "no JSON object"], *words)
    write(os.path.join("m", "model.safetensors.index.json"), json.dumps({"weight_map": {"lm_head.weight": "x"}}))
    refuse(["index.json: weight_map: found nothing for model.embed_tokens.weight"], *words)


def test_bad_token_ids():
    """--token-ids: lines that are no JSON, of another length, out of the vocabulary, twice or missing"""
    words = [*LIVE, *write_prompts(2), "--num-gpu-blocks", "50", "--model", model("tiny-llama")]
    good = [json.dumps({"id": i, "prompt_token_ids": p}) for i, p in enumerate(PROMPTS)]
    succeed(*words)
    write("ids.jsonl", "".join(json.dumps(p) + "\n" for p in PROMPTS))
    succeed(*words)
    for lines, expected in ((good[:1] + ["{"] + good[1:], ["ids.jsonl:2: column"]),
                            (good[:2], ["no token ids for request 2"]),
                            (good + good[:1], ["ids.jsonl:4: request 0: found twice"]),
                            (good[:2] + ['{"id": 2, "prompt_token_ids": [1]}'], ["found 1 token ids, expected 6"]),
                            (good[:1] + ['{"id": 1, "prompt_token_ids": [2, 67]}'] + good[2:],
                             ["ids.jsonl:2: request 1: token 1", "from 0 to 66"]),
                            (good[:1] + ['{"prompt_token_ids": [2, 7]}'], ["found no id"])):
        write("ids.jsonl", "".join(line + "\n" for line in lines))
        refuse(expected, *words)


def test_prefixes_that_differ():
    """token ids that contradict the trace's prefix hashes are refused where prefixes are shared"""
    write("trace.jsonl", "".join(
        json.dumps({"timestamp": 0, "input_length": 512 + n, "output_length": 3, "hash_ids": [1, 9 + n]}) + "\n"
        for n in (1, 2)))
    write("ids.jsonl", "".join(json.dumps([(i * (n if i == 100 else 1)) % 60 for i in range(512 + n)]) + "\n"
                               for n in (1, 2)))
    words = [*LIVE, "--model", model("tiny-llama"), "--trace", "trace.jsonl", "--token-ids", "ids.jsonl",
             "--num-gpu-blocks", "90", "--max-model-len", "1000"]
    succeed(*words, "--no-enable-prefix-caching")
    refuse(["begins with the same 512 tokens"], *words, "--enable-prefix-caching")


def test_progress():
    """a terminal is told of throughput, KV in use and queues while a run computes"""
    try:
        master, slave = pty.openpty()
    except OSError as error:
        raise Skip("no pseudo-terminal: %s" % error) from None
    command = [SPILLWAY, *LIVE, "--model", model("tiny-llama"), "--num-gpu-blocks", "60", "--trace",
               "gen:--requests=300 --rate=5000 --prompt=uniform:30,60 --output=uniform:30,60"]
    done = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        shown += piece
    check_equal(done.wait(), 0)
    check(b"tokens/s, KV " in shown and b"waiting " in shown, repr(shown[:500]))


def test_memory():
    """a model that the host's memory does not hold is refused with what it would need"""
    result = execute(*LIVE, "--model", "llama-2-70b", "--load-format", "dummy", "--trace", "demo", "--num-gpu-blocks",
                     "100000000")
    check_equal(result.status, 1, str(result))
    for part in ("the host has", "this run needs", "weights as floats", "the device's pool",
                 "(where memory grows as it is used: SPILLWAY_HOST_MEMORY_GROWS=1)"):
        check(part in result.err, str(result))


def test_emulated_copies():
    """on an emulated GPU: whatever the copies, tokens are those without any; the run is replayed byte for byte"""
    done = emulated_gpu("live", *GPU, "--num-gpu-blocks", "400", "--output-token-ids", "out.jsonl")
    if done is None:
        return
    check_equal(done.returncode, 0, done.stderr)
    expected = read("out.jsonl")
    beside = ["--overlap-copies", "--copy-path"]
    for copies in (["--copy-method", "pieces"], ["--copy-method", "batch"], ["--copy-method", "kernel"],
                   ["--copy-method", "pieces", "--host-memory", "pageable"], [*beside, "batched"], ["--layerwise-copies"],
                   ["--layerwise-copies", "--copy-path", "batched", "--copy-method", "kernel"],
                   [*beside, "per-layer", "--copy-method", "kernel"], [*beside, "per-block", "--host-memory", "pageable"],
                   [*beside, "per-block", "--num-cpu-blocks", "3", "--num-disk-blocks", "60"],
                   [*beside, "batched", "--scheduler", "vllm-0.8", "--swap-ahead", "6"]):
        done = emulated_gpu("live", *GPU_TIGHT, *copies, "--output-token-ids", "out.jsonl", "-o", "gpu.db", "--decisions",
                            "a.jsonl", "--format", "json")
        check_equal(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)
        check(found["swapped_out_blocks"] > 0, done.stdout)
        check_equal(found["disk_read_blocks"] > 0, "--num-disk-blocks" in copies, done.stdout)
        check_equal(b"copied_ahead" in read("a.jsonl"), "--swap-ahead" in copies)
        check_equal(read("out.jsonl"), expected, " ".join(copies))
        if "--overlap-copies" not in copies:
            check_equal(found["config"]["live"]["layerwise_copies"], "--layerwise-copies" in copies)
            succeed("run", "--executor", "replay", "--replay", "gpu.db", *GPU_TIGHT, "--decisions", "b.jsonl")
            check_equal(read("b.jsonl"), read("a.jsonl"), "the decision log")
        os.remove("gpu.db")


def test_emulated_overlap_within_steps():
    """on an emulated GPU, under an engine that takes all that runs as one batch: copies beside the layers of their step"""
    words = ["--model", model("tiny-gpu"), "--trace", "gen:--requests=6 --arrivals=burst --prompt=uniform:5,30 --output=uniform:8,16",
             "--scheduler", "sglang", "--disable-radix-cache", "--overflow", "swap", "--page-size", "8", "--max-total-tokens", "120",
             "--num-cpu-blocks", "100", "--output-token-ids", "out.jsonl"]
    done = emulated_gpu("live", *words)
    if done is None:
        return
    check_equal(done.returncode, 0, done.stderr)
    expected = read("out.jsonl")
    done = emulated_gpu("live", *words, "--overlap-copies", "--copy-path", "batched")
    check_equal(done.returncode, 0, done.stderr)
    check("each step's copies run beside its own layers" in done.stderr, done.stderr)
    check_equal(read("out.jsonl"), expected)
    done = emulated_gpu("live", *words, "--overlap-copies", "--swap-ahead", "3")
    check_equal(done.returncode, 2, done.stderr)
    check("--swap-ahead: known for vllm-0.8 and later" in done.stderr, done.stderr)


def has_gpu():
    return os.path.exists("/dev/nvidiactl")


def test_without_a_gpu():
    """the verbs and the executor that need a GPU say so, and what can be done without one, with spillway-gpu or not"""
    if has_gpu():
        return
    for words in (["live"], ["validate"], ["run", "--executor", "gpu"]):
        for more in (["--model", model("tiny-llama"), "--trace", "demo"], []):
            result = execute(*words, *more)
            check_equal(result.status, 1, str(result))
            check("spillway-gpu" in result.err and "--executor cpu" in result.err, str(result))
            check_equal(result.err.count("\n"), 1, result.err)


main(all_tests(globals()))
