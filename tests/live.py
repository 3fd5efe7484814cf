#!/usr/bin/env python3
"""live, run --executor cpu and replay, validate: what is computed, against a decoder in plain Python and itself."""
import json
import math
import os
import pty
import random
import sqlite3
import struct
import subprocess
import sys

from spillway_test import (SPILLWAY, Skip, all_tests, check, check_equal, execute, main, read, read_json_lines, source, succeed,
                           without, write)

LIVE = ["live", "--executor", "cpu"]
TRACE = "gen:--requests=14 --rate=3000 --prompt=uniform:3,40 --output=uniform:8,40"
TIGHT = ["--num-gpu-blocks", "24", "--block-size", "8", "--num-cpu-blocks", "200"]


def model(name):
    return source("tests", "models", name + ".json")


def refuse(expected, *words):
    result = execute(*words)
    check_equal(result.status, 2, str(result))
    for text in expected:
        check(text in result.err, "%r is not in\n%s" % (text, result))


# A decoder in plain Python, from the published definitions.

def rope_frequencies(config, head_dim):
    theta, scaling = config.get("rope_theta", 10000.0), config.get("rope_scaling") or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    plain = [1.0 / theta ** (i / head_dim) for i in range(0, head_dim, 2)]
    if kind == "llama3":
        original, result = scaling["original_max_position_embeddings"], []
        for f in plain:
            wavelength = 2 * math.pi / f
            if wavelength > original / scaling["low_freq_factor"]:
                result.append(f / scaling["factor"])
            elif wavelength < original / scaling["high_freq_factor"]:
                result.append(f)
            else:
                smooth = ((original / wavelength - scaling["low_freq_factor"]) /
                          (scaling["high_freq_factor"] - scaling["low_freq_factor"]))
                result.append((1 - smooth) * f / scaling["factor"] + smooth * f)
        return result, 1.0
    if kind == "yarn":
        original, factor = scaling["original_max_position_embeddings"], scaling["factor"]

        def dimension(turns):
            return head_dim * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))
        low, high = max(math.floor(dimension(32)), 0), min(math.ceil(dimension(1)), head_dim - 1)
        high = high if high != low else high + 0.001
        ramp = [min(max((i - low) / (high - low), 0), 1) for i in range(head_dim // 2)]
        return ([f / factor * r + f * (1 - r) for f, r in zip(plain, ramp)], 0.1 * math.log(factor) + 1)
    return plain, 1.0


def times(rows, x):
    return [sum(a * b for a, b in zip(row, x)) for row in rows]


def norm(x, weight, epsilon):
    scale = 1 / math.sqrt(sum(v * v for v in x) / len(x) + epsilon)
    return [v * scale * w for v, w in zip(x, weight)]


class Decoder:
    def __init__(self, config, tensors):
        self.c, self.t = config, tensors
        self.heads = config["num_attention_heads"]
        self.kv_heads = config.get("num_key_value_heads", self.heads)
        self.dim = config.get("head_dim", config["hidden_size"] // self.heads)
        self.epsilon = config.get("rms_norm_eps", 1e-6)
        self.frequencies, self.scale = rope_frequencies(config, self.dim)
        self.cache = [([], []) for _ in range(config["num_hidden_layers"])]

    def rotate(self, head, position):
        half, out = self.dim // 2, list(head)
        for i, f in enumerate(self.frequencies):
            cos, sin = self.scale * math.cos(position * f), self.scale * math.sin(position * f)
            out[i] = head[i] * cos - head[half + i] * sin
            out[half + i] = head[half + i] * cos + head[i] * sin
        return out

    def project(self, name, x):
        out = times(self.t[name + ".weight"], x)
        bias = self.t.get(name + ".bias")
        return [a + b for a, b in zip(out, bias)] if bias else out

    def attend(self, prefix, cache, x, position):
        split = lambda v: [v[i:i + self.dim] for i in range(0, len(v), self.dim)]
        q, k, v = (split(self.project(prefix + "self_attn.%s_proj" % n, x)) for n in "qkv")
        if prefix + "self_attn.q_norm.weight" in self.t:
            q = [norm(h, self.t[prefix + "self_attn.q_norm.weight"], self.epsilon) for h in q]
            k = [norm(h, self.t[prefix + "self_attn.k_norm.weight"], self.epsilon) for h in k]
        cache[0].append([self.rotate(h, position) for h in k])
        cache[1].append(v)
        out = []
        for h, query in enumerate(self.rotate(h, position) for h in q):
            kv = h // (self.heads // self.kv_heads)
            scores = [sum(a * b for a, b in zip(query, key[kv])) / math.sqrt(self.dim) for key in cache[0]]
            weights = [math.exp(s - max(scores)) for s in scores]
            out += [sum(w * value[kv][i] for w, value in zip(weights, cache[1])) / sum(weights)
                    for i in range(self.dim)]
        return self.project(prefix + "self_attn.o_proj", out)

    def step(self, token, position):
        x = self.t["model.embed_tokens.weight"][token]
        for i, cache in enumerate(self.cache):
            prefix = "model.layers.%d." % i
            h = self.attend(prefix, cache, norm(x, self.t[prefix + "input_layernorm.weight"], self.epsilon), position)
            x = [a + b for a, b in zip(x, h)]
            h = norm(x, self.t[prefix + "post_attention_layernorm.weight"], self.epsilon)
            gate, up = (self.project(prefix + "mlp.%s_proj" % n, h) for n in ("gate", "up"))
            h = self.project(prefix + "mlp.down_proj", [g / (1 + math.exp(-g)) * u for g, u in zip(gate, up)])
            x = [a + b for a, b in zip(x, h)]
        head = "model.embed_tokens.weight" if self.c.get("tie_word_embeddings") else "lm_head.weight"
        return times(self.t[head], norm(x, self.t["model.norm.weight"], self.epsilon))

    def generate(self, prompt, n):
        for position, token in enumerate(prompt):
            logits = self.step(token, position)
        out = []
        while len(out) < n:
            out.append(logits.index(max(logits)))
            logits = self.step(out[-1], len(prompt) + len(out) - 1) if len(out) < n else None
        return out


def shapes(config):
    """The tensors of a checkpoint of that model."""
    hidden, ffn = config["hidden_size"], config["intermediate_size"]
    heads = config["num_attention_heads"]
    dim = config.get("head_dim", hidden // heads)
    q, kv = heads * dim, config.get("num_key_value_heads", heads) * dim
    tensors = {"model.embed_tokens.weight": [config["vocab_size"], hidden], "model.norm.weight": [hidden]}
    if not config["tie_word_embeddings"]:
        tensors["lm_head.weight"] = [config["vocab_size"], hidden]
    for i in range(config["num_hidden_layers"]):
        layer = {"input_layernorm.weight": [hidden], "post_attention_layernorm.weight": [hidden],
                 "self_attn.q_proj.weight": [q, hidden], "self_attn.k_proj.weight": [kv, hidden],
                 "self_attn.v_proj.weight": [kv, hidden], "self_attn.o_proj.weight": [hidden, q],
                 "mlp.gate_proj.weight": [ffn, hidden], "mlp.up_proj.weight": [ffn, hidden],
                 "mlp.down_proj.weight": [hidden, ffn]}
        if config["model_type"] == "qwen2":
            layer.update({"self_attn.%s_proj.bias" % n: [q if n == "q" else kv] for n in "qkv"})
        if config["model_type"] == "qwen3":
            layer.update({"self_attn.q_norm.weight": [dim], "self_attn.k_norm.weight": [dim]})
        tensors.update({"model.layers.%d.%s" % (i, name): shape for name, shape in layer.items()})
    return tensors


def pack(values, dtype):
    if dtype == "BF16":
        return b"".join(struct.pack("<f", v)[2:] for v in values)
    return struct.pack("<%d%s" % (len(values), "f" if dtype == "F32" else "e"), *values)


def safetensors(tensors, dtype):
    """tensors: name → (shape, values). The values are exact in all of the types."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (shape, values) in tensors.items():
        piece = pack(values, dtype)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(piece)]}
        data += piece
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def make_weights(config, seed):
    rng = random.Random(seed)
    made = {}
    for name, shape in shapes(config).items():
        n = math.prod(shape)
        is_norm = "norm" in name
        made[name] = (shape, [1 + rng.randrange(-4, 5) / 32 if is_norm else rng.randrange(-127, 128) / 512
                              for _ in range(n)])
    return made


def rows_of(tensors):
    return {name: values if len(shape) == 1 else [values[i:i + shape[1]] for i in range(0, len(values), shape[1])]
            for name, (shape, values) in tensors.items()}


def make_checkpoint(name, dtype, folder, shards=1):
    config = json.loads(read(model(name)))
    tensors = make_weights(config, name)
    os.mkdir(folder)
    write(os.path.join(folder, "config.json"), json.dumps(config))
    if shards == 1:
        write(os.path.join(folder, "model.safetensors"), safetensors(tensors, dtype))
    else:
        names = list(tensors)
        parts = [names[i::shards] for i in range(shards)]
        files = ["model-%d.safetensors" % i for i in range(shards)]
        for file, part in zip(files, parts):
            write(os.path.join(folder, file), safetensors({n: tensors[n] for n in part}, dtype))
        write(os.path.join(folder, "model.safetensors.index.json"), json.dumps(
            {"weight_map": {n: file for file, part in zip(files, parts) for n in part}}))
    return config, rows_of(tensors)


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
                    TIGHT + ["--scheduler", "vllm-0.5", "--enable-chunked-prefill", "--max-num-batched-tokens", "24"],
                    TIGHT + ["--enable-prefix-caching", "--overflow", "swap", "--copy-path", "per-block"],
                    TIGHT + ["--async-scheduling", "--long-prefill-token-threshold", "7"]):
        result = succeed(*LIVE, *common, *options, "--format", "json").json
        preempted += result["preemptions"] > 0
        check_equal(read("out.jsonl"), expected, " ".join(options))
    check(preempted >= 4, "only %d runs preempted" % preempted)


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
    refuse(["mean nothing to the executor cpu"], *tiny, "--overlap-copies")
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


def test_validate():
    """validate: figures of all three runs, the replay the same, the runs in the database"""
    words = ["validate", "--executor", "cpu", "--model", model("tiny-llama"), "--trace", TRACE, *TIGHT, "--overflow",
             "swap", "--scheduler", "vllm-0.6"]
    found = succeed(*words, "--format", "json", "-o", "v.db").json
    check(found["replay_identical"] is True)
    for key in ("makespan_s", "ttft_s.p99", "tpot_s.p50", "preemptions", "overhead_s.swap_out"):
        check_equal(sorted(found["figures"][key]), ["computed", "error", "simulated"], key)
    figures = found["figures"]["makespan_s"]
    check(0.5 < figures["simulated"] / figures["computed"] < 2, str(figures))
    check({"decode", "copies"} <= set(found["steps"]), str(found["steps"]))
    for key in ("linear", "attention", "swap_out", "swap_in"):
        check(found["operations"][key]["computed_s"] > 0, key)
        check_equal(found["operations"][key]["inferred"], False, key)
    check_equal(found["format"], 1)
    check_equal(list(found["targets"]), ["makespan_s", "step_s.p50", "step_s.p95", "ttft_s.p99", "tpot_s.p99"])
    for key, target in found["targets"].items():
        check_equal(list(target), ["computed", "simulated", "error", "target", "met"], key)
        check_equal(target["met"], abs(target["error"]) <= target["target"], key)
    check_equal(found["targets_met"], all(target["met"] for target in found["targets"].values()))
    check_equal(found["targets"]["makespan_s"]["computed"], found["figures"]["makespan_s"]["computed"])
    check("of the busy time)" in found["explanation"], found["explanation"])
    runs = sqlite3.connect("v.db").execute("SELECT name, makespan_s FROM run ORDER BY id").fetchall()
    check_equal([name for name, _ in runs], ["live", "simulated", "replayed"])
    check_equal(runs[0][1], runs[2][1], "the replay's makespan")
    text = succeed(*words).text
    for part in ("asked of it", "error of p95", "What the difference is made of", "What explains most of it: ",
                 "Replay: the same decisions at the same times"):
        check(part in text, text)
    lines = succeed(*words, "--format", "csv").text.split("\n")
    check_equal(lines[0], "figure,computed,simulated,error,target,met")
    check(lines[1].startswith("makespan_s,") and lines[1].split(",")[4] == "0.01", lines[1])
    refuse(["--plot: found 'x.bmp'"], *words, "--plot", "x.bmp")
    check("fitted" in text and "the roofline of" not in text, text)


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
    for part in ("the host has", "this run needs", "weights as floats", "the device's pool"):
        check(part in result.err, str(result))


def emulated_gpu(*words):
    """spillway-gpu with an emulated GPU, which make check builds where there is a C++ compiler; None: it is not there"""
    program = os.path.join(os.path.dirname(SPILLWAY), "tests", "emulated-gpu")
    if not os.path.exists(program):
        return None
    return subprocess.run([program, *[str(word) for word in words]], capture_output=True, text=True, check=False)


GPU = ["--model", model("tiny-gpu"), "--trace", "gen:--requests=8 --arrivals=burst --prompt=uniform:5,40 --output=uniform:8,20",
       "--scheduler", "vllm-0.6", "--overflow", "swap", "--block-size", "8", "--max-num-seqs", "8"]
GPU_TIGHT = [*GPU, "--num-gpu-blocks", "20", "--num-cpu-blocks", "100"]


def test_emulated_copies():
    """on an emulated GPU: whatever the copies, tokens are those without any; the run is replayed byte for byte"""
    done = emulated_gpu("live", *GPU, "--num-gpu-blocks", "400", "--output-token-ids", "out.jsonl")
    if done is None:
        return
    check_equal(done.returncode, 0, done.stderr)
    expected = read("out.jsonl")
    for copies in (["--copy-method", "pieces"], ["--copy-method", "batch"], ["--copy-method", "kernel"],
                   ["--copy-method", "pieces", "--host-memory", "pageable"],
                   ["--overlap-copies", "--copy-path", "batched"], ["--overlap-copies", "--copy-method", "kernel"],
                   ["--overlap-copies", "--copy-path", "per-block"]):
        done = emulated_gpu("live", *GPU_TIGHT, *copies, "--output-token-ids", "out.jsonl", "-o", "gpu.db", "--decisions",
                            "a.jsonl", "--format", "json")
        check_equal(done.returncode, 0, done.stderr)
        check(json.loads(done.stdout)["swapped_in_blocks"] > 0, done.stdout)
        check_equal(read("out.jsonl"), expected, " ".join(copies))
        succeed("run", "--executor", "replay", "--replay", "gpu.db", *GPU_TIGHT, "--decisions", "b.jsonl")
        check_equal(read("b.jsonl"), read("a.jsonl"), "the decision log")
        os.remove("gpu.db")


def test_emulated_validate():
    """validate on an emulated GPU: the layers are one figure and their parts inferred, the host's time is fitted"""
    done = emulated_gpu("validate", *GPU_TIGHT, "--device", "h100-sxm", "--format", "json")
    if done is None:
        return
    check_equal(done.returncode, 0, done.stderr)
    found = json.loads(done.stdout)
    check(found["replay_identical"] is True)
    check("the roofline of h100-sxm; the host's time is fitted" in found["cost"], found["cost"])
    check_equal(found["operations"]["layers"]["inferred"], False)
    for key in ("linear", "attention", "elementwise"):
        check_equal(found["operations"][key]["inferred"], True, key)
    check(found["operations"]["swap_in"]["computed_s"] > 0, str(found["operations"]))
    text = emulated_gpu("validate", *GPU_TIGHT, "--device", "h100-sxm", "--what-if", "h2d=2x").stdout
    check("the roofline of h100-sxm, --what-if h2d=2x" in text and "~: the layers are timed as one" in text, text)
    done = emulated_gpu("validate", *GPU_TIGHT)
    check_equal(done.returncode, 2)
    check("--device is missing" in done.stderr, done.stderr)


def test_validation_table():
    """the script that makes tables of validations takes their JSON, and refuses other"""
    script = source("bench", "validation_table.py")
    for policy in ("recompute", "swap"):
        result = succeed("validate", "--executor", "cpu", "--model", model("tiny-llama"), "--trace", TRACE, *TIGHT,
                         "--overflow", policy, "--scheduler", "vllm-0.6", "--format", "json")
        write(policy + ".json", result.text)
    done = subprocess.run([sys.executable, script, "recompute.json", "swap.json"], capture_output=True, text=True,
                          check=True)
    lines = done.stdout.split("\n")
    check("| makespan (1 %) | step, median (2 %) |" in lines[0], lines[0])
    check(lines[2].startswith("| 24 blocks | recompute | ") and lines[3].startswith("| 24 blocks | swap | "), done.stdout)
    write("other.json", "{}")
    done = subprocess.run([sys.executable, script, "other.json"], capture_output=True, text=True, check=False)
    check(done.returncode != 0 and "other.json: found format None" in done.stderr, done.stderr)


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
