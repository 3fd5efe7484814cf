"""A decoder in plain Python, from the published definitions, and checkpoints of random weights for it."""
import json
import math
import os
import random
import struct

from live_fixture import model
from spillway_test import read, write


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
