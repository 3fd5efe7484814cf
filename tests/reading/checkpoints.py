#!/usr/bin/env python3
"""What published checkpoints say in other places than most: quantization beside config.json or under other keys, parts that
are not the decoder, and contexts that engines take differently."""
import json
import os

from spillway_test import all_tests, check, check_equal, check_refused, execute, main, run_json, source, succeed, write

LLAMA = dict(model_type="llama", num_hidden_layers=4, hidden_size=1024, num_attention_heads=8, num_key_value_heads=2,
             intermediate_size=4096, vocab_size=32000, max_position_embeddings=8192, torch_dtype="bfloat16")
# Products of a layer, fused: (outputs, inputs); everything else has 16 bits.
PRODUCTS = [(1024 + 2 * 2 * 128, 1024), (1024, 1024), (2 * 4096, 1024), (1024, 4096)]
QUANTIZED = 4 * sum(n * k for n, k in PRODUCTS)
REST = 2 * (2 * 32000 * 1024 + 4 * 2 * 1024 + 1024)
FP8 = {"quant_method": "compressed-tensors", "format": "float-quantized", "ignore": ["lm_head"],
       "config_groups": {"group_0": {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "float", "strategy": "channel"}}}}
FP8_BYTES = REST + QUANTIZED + 4 * sum(4 * n for n, k in PRODUCTS)
GPTQ_BYTES = REST + QUANTIZED // 2 + 4 * sum(n * (k // 128) * 2 for n, k in PRODUCTS)
AWQ_BYTES = GPTQ_BYTES + 4 * sum(n * (k // 128) // 2 for n, k in PRODUCTS)


def show(path, **changes):
    if changes:
        write(path, json.dumps(dict(LLAMA, **changes)))
    return succeed("model", "show", path, "--format", "json").json


def test_keys():
    """The first compressed-tensors files say `compression_config`; what no engine here loads is refused, never taken for 16 bits."""
    check_equal(show("plain.json", quantization_config={})["weight_bytes"], REST + 2 * QUANTIZED)
    for changes in (dict(quantization_config=FP8), dict(compression_config=FP8), dict(quantization_config=None, compression_config=FP8)):
        check_equal(show("x.json", **changes)["weight_bytes"], FP8_BYTES)
    write("x.json", json.dumps(dict(LLAMA, quantization={"group_size": 64, "bits": 4})))
    check_refused(["model", "show", "x.json"], ["x.json: quantization", "MLX"])
    for method in ("exl2", "hqq", "experts_int8", "bitnet", "aqlm"):
        write("x.json", json.dumps(dict(LLAMA, compression_config={"quant_method": method, "bits": 4})))
        check_refused(["model", "show", "x.json"], ["compression_config", '"%s"' % method])


MXFP4 = {"dtype": "fp4", "qscheme": "per_group", "group_size": 32, "scale_format": "e8m0", "is_dynamic": False}


def quark(weight, exclude=("lm_head",), **layers):
    """As amd/DeepSeek-R1-0528-MXFP4 and amd/Kimi-K2.5-MXFP4 say it."""
    return {"quant_method": "quark", "global_quant_config": {"weight": weight, "input_tensors": {"is_dynamic": True}}, "exclude": list(exclude),
            "layer_quant_config": {name: {"weight": own, "output_tensors": {"dtype": "fp8_e4m3", "qscheme": "per_tensor"}}
                                   for name, own in layers.items()},
            "layer_type_quant_config": {}, "export": {"kv_cache_group": list(layers), "pack_method": "reorder"}}


def test_quark():
    """Quark's formats by hand; what is left out; layers with their own; the KV cache has vLLM's width unless --kv-cache-dtype says fp8."""
    attention, rest = sum(n * k for n, k in PRODUCTS[:2]), sum(n * k for n, k in PRODUCTS[2:])
    fp8 = {"dtype": "fp8_e4m3", "qscheme": "per_tensor"}
    for weight, wanted in (
            (MXFP4, REST + QUANTIZED * 17 // 32),
            (dict(fp8, qscheme="per_channel"), FP8_BYTES),
            ({"dtype": "int8", "qscheme": "per_channel"}, FP8_BYTES),
            ([dict(MXFP4, group_size=16), fp8], REST + QUANTIZED * 9 // 16),
            (None, REST + 2 * QUANTIZED)):
        found = show("x.json", quantization_config=quark(weight))
        check_equal((weight, found["weight_bytes"], found["kv_bytes_per_token"]), (weight, wanted, 4 * 2 * 2 * 128 * 2))
    check_equal(show("x.json", quantization_config=quark(MXFP4, ["lm_head", "*self_attn*"]))["weight_bytes"], REST + 4 * (2 * attention + rest * 17 // 32))
    check_equal(show("x.json", quantization_config=quark(None, **{"*mlp*": MXFP4}))["weight_bytes"], REST + 4 * (2 * attention + rest * 17 // 32))
    for weight in (dict(MXFP4, dtype="fp6_e3m2"), {"dtype": "int4", "qscheme": "per_group", "group_size": 128}, [MXFP4, fp8], "fp8"):
        write("x.json", json.dumps(dict(LLAMA, quantization_config=quark(weight))))
        check_refused(["model", "show", "x.json"], ["quantization_config", "fp8_e4m3"])
    write("x.json", json.dumps(dict(LLAMA, quantization_config={"quant_method": "quark", "exclude": []})))
    check_refused(["model", "show", "x.json"], ["global_quant_config"])


def ao(name, **data):
    return {"_type": name, "_version": 2, "_data": data}


def test_torchao():
    """torchao's classes, for the whole model and by module: names before expressions before the default."""
    rows, row = {"_type": "PerRow", "_version": 1, "_data": {}}, 4 * sum(4 * n for n, k in PRODUCTS)
    int4 = REST + QUANTIZED // 2 + 4 * sum(n * (k // 128) * 4 for n, k in PRODUCTS)
    down = 1024 * 4096
    mixed = {"_default": ao("Int4WeightOnlyConfig", group_size=128), "re:model\\.layers\\.[0-2]\\.mlp\\.down_proj": ao("Int8WeightOnlyConfig"),
             "model.layers.1.mlp.down_proj": None}
    for config, wanted in (
            (ao("Int4WeightOnlyConfig", group_size=128), int4),
            (ao("Float8DynamicActivationFloat8WeightConfig", granularity=[rows, rows]), REST + QUANTIZED + row),
            (ao("Int8DynamicActivationInt8WeightConfig"), REST + QUANTIZED + row),
            (ao("ModuleFqnToConfig", module_fqn_to_config=mixed),
             int4 - 3 * (down // 2 + down // 128 * 4) + 2 * (down + 4 * 1024) + 2 * down)):
        named = {"quant_method": "torchao", "quant_type": {"default": config}, "modules_to_not_convert": None}
        check_equal((config, show("x.json", quantization_config=named)["weight_bytes"]), (config, wanted))
        check_equal(show("x.json", quantization_config=dict(named, modules_to_not_convert=["layers"]))["weight_bytes"], REST + 2 * QUANTIZED)
    for kind, word in (("int4_weight_only", "_type"), ({"default": ao("Int8DynamicActivationIntxWeightConfig")}, "Int4WeightOnlyConfig")):
        write("x.json", json.dumps(dict(LLAMA, quantization_config={"quant_method": "torchao", "quant_type": kind})))
        check_refused(["model", "show", "x.json"], ["quantization_config", word])


def test_auto_round_layers():
    """Keys of extra_config are names, or expressions that are found anywhere in one."""
    attention, rest = sum(n * k for n, k in PRODUCTS[:2]), sum(n * k for n, k in PRODUCTS[2:])
    wanted = REST + 4 * (2 * attention + rest // 2 + sum(n * (k // 128) * 2 for n, k in PRODUCTS[2:]))
    for keys in ([".*self_attn.*"], ["self_attn\\.[qkvo]_proj$"], ["model.layers.%d.self_attn.%s_proj" % (i, p) for i in range(4) for p in "qkvo"]):
        config = {"quant_method": "auto-round", "bits": 4, "group_size": 128, "sym": True, "extra_config": {k: {"bits": 16} for k in keys}}
        check_equal((keys, show("x.json", quantization_config=config)["weight_bytes"]), (keys, wanted))


def test_modelopt_by_producer():
    """ModelOpt 0.31 wrote who made the file in place of `quant_method`, and the KV scheme as a word."""
    config = {"config_groups": {"group_0": {"weights": {"dynamic": False, "num_bits": 8, "type": "float"}}}, "ignore": ["lm_head"],
              "quant_algo": "FP8", "kv_cache_scheme": "FP8", "producer": {"name": "modelopt", "version": "0.31.0"}}
    named = {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8", "ignore": ["lm_head"]}
    found, wanted = (show("x.json", quantization_config=c) for c in (config, named))
    for key in ("weight_bytes", "kv_bytes_per_token"):
        check_equal((key, found[key]), (key, wanted[key]))
    write("x.json", json.dumps(dict(LLAMA, quantization_config=dict(config, kv_cache_scheme="INT2"))))
    check_refused(["model", "show", "x.json"], ["kv_cache_scheme"])


def test_beside():
    """Files from before config.json said it: AutoGPTQ's, and AutoAWQ's under both of its names; config.json goes first."""
    os.mkdir("old")
    write("old/config.json", json.dumps(LLAMA))
    awq = {"zero_point": True, "q_group_size": 128, "w_bit": 4, "version": "GEMM"}
    for name, content, wanted in (
            ("quantize_config.json", {"bits": 4, "group_size": 128, "damp_percent": 0.1, "desc_act": False, "sym": True}, GPTQ_BYTES),
            ("quantize_config.json", awq, AWQ_BYTES), ("quant_config.json", awq, AWQ_BYTES)):
        write("old/" + name, json.dumps(content))
        check_equal((name, show("old")["weight_bytes"]), (name, wanted))
        refused = execute("run", "--model", "old", "--device", "h100-sxm", "--trace", "demo", "--quantization", "fp8")
        check(refused.status == 2 and name in refused.err and "says itself" in refused.err, str(refused))
        write("old/config.json", json.dumps(dict(LLAMA, quantization_config=FP8)))
        check_equal((name, show("old")["weight_bytes"]), (name, FP8_BYTES))
        write("old/config.json", json.dumps(LLAMA))
        os.remove("old/" + name)
    write("old/quantize_config.json", '{"bits": 3, "group_size": 128}')
    check_refused(["model", "show", "old"], ["quantize_config.json", "4 or 8"])


def test_side_file_and_option():
    """--quantization does not hide what a file beside config.json says: FP8 KV would be counted twice."""
    os.mkdir("nvidia")
    write("nvidia/config.json", json.dumps(LLAMA))
    write("nvidia/hf_quant_config.json", json.dumps({"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8",
                                                                      "exclude_modules": ["lm_head"]}}))
    words = ["--model", "nvidia", "--device", "h100-sxm", "--trace", "demo", "--limit", "2"]
    check_equal(run_json(*words, "--quantization", "modelopt")["config"]["num_gpu_blocks"], run_json(*words)["config"]["num_gpu_blocks"])
    check_refused(["run", *words, "--quantization", "fp8"], ["hf_quant_config.json", "modelopt"])


def test_parts():
    """Parts of a file that are no decoder are said not to be counted, under whatever key."""
    inner = dict(LLAMA)
    for outer, said in (({"vit_config": {"hidden_size": 9}}, "vit_config"), ({"visual_tokenizer_config": {"a": 1}}, "visual_tokenizer_config"),
                        ({"encoder_config": {"hidden_dim": 9}, "projector_config": {"a": 1}}, "encoder_config"),
                        ({"audio_config": {"a": 1}}, "its tower for sound"), ({"vision_config": {"a": 1}}, "its vision tower"),
                        ({"vision_config": {"a": 1}, "audio_config": {"a": 1}}, "vision and sound"),
                        ({"vit_config": {}, "quantization_config": FP8, "generation_config": {"a": 1}}, None)):
        write("x.json", json.dumps({"model_type": "something", "text_config": inner, **outer}))
        text = succeed("model", "show", "x.json").text
        check(("not counted" in text) == (said is not None) and (said or "") in text, text)
    write("x.json", json.dumps(dict(LLAMA, visual={"layers": 48})))
    check("not counted" in succeed("model", "show", "x.json").text)


def served(scheduler, *words):
    run = run_json("--model", "x.json", "--device", "h100-sxm", "--trace", "demo", "--limit", "2", "--scheduler", scheduler, *words)
    return run["config"]["max_model_len"]


# rope scaling, other keys, and what vLLM 0.11, vLLM, and SGLang serve of it.
CONTEXTS = [
    (None, {}, 8192, 8192, 8192),
    ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096}, {}, 16384, 16384, 8192),
    ({"rope_type": "yarn", "factor": 4.0}, {}, 32768, 32768, 32768),
    ({"type": "linear", "factor": 4.0}, {}, 32768, 32768, 32768),
    ({"type": "linear", "factor": 4.0}, {"max_sequence_length": 32768}, 32768, 32768, 131072),
    ({"type": "dynamic", "factor": 2.0}, {}, 16384, 16384, 16384),
    ({"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 1024}, {}, 8192, 8192, 8192),
    ({"type": "longrope", "short_factor": [1.0], "long_factor": [1.0]}, {"original_max_position_embeddings": 2048}, 8192, 2048, 8192),
    ({"type": "su", "short_factor": [1.0], "long_factor": [1.0]}, {"original_max_position_embeddings": 2048}, 8192, 2048, 8192),
    ({"type": "longrope", "original_max_position_embeddings": 2048}, {}, 8192, 8192, 8192),
]


def test_contexts():
    """vLLM's _get_and_verify_max_len before and since it serves LongRoPE unstretched, and SGLang's get_context_length."""
    for scaling, more, old, new, sglang in CONTEXTS:
        write("x.json", json.dumps(dict(LLAMA, rope_scaling=scaling, **more)))
        found = show("x.json")
        check_equal((scaling, found["max_position"], found["default_context"]), (scaling, old, {"vllm": new, "sglang": sglang}))
        check_equal((scaling, more, [served(s) for s in ("vllm-0.11", "vllm-0.12", "vllm", "sglang")]),
                    (scaling, more, [old, new, new, sglang]))
        text = succeed("model", "show", "x.json").text
        check(("SGLang" in text) == (sglang != old) and ("0.11.1" in text) == (new != old), text)


def test_refused_for_length():
    """A request beyond what the engine serves by itself is refused, and told why; the longest that may be asked for is taken."""
    write("x.json", json.dumps(dict(LLAMA, rope_scaling={"type": "longrope"}, original_max_position_embeddings=2048)))
    write("long.csv", "arrival_s,prompt_tokens,output_tokens\n0,3000,10\n0,100,10\n")
    words = ["run", "--model", "x.json", "--device", "h100-sxm", "--trace", "long.csv"]
    text = succeed(*words).text
    check("1 request (50.0 % of all) was ignored" in text and "longrope" in text and "to 8192 at most" in text, text)
    check_equal(run_json(*words[1:], "--max-model-len", "8192")["ignored"], 0)
    check("a server would not start" not in succeed(*words, "--max-model-len", "8192").err)
    note = succeed(*words, "--max-model-len", "8193").err
    check("a server would not start: max_model_len 8193 is beyond the context of x, 8192 (max_position_embeddings)" in note, note)


def test_fbgemm():
    """Llama 3.1 405B as Meta has it in FP8: its attention and two feed-forward parts stay, within 2 % of a log's 57.75 GiB a card."""
    base = json.loads(open(source("models", "llama-3.1-70b.json")).read())
    base.update(num_hidden_layers=126, hidden_size=16384, num_attention_heads=128, intermediate_size=53248)
    left = ["model.layers.%d.self_attn.%s_proj" % (i, name) for i in range(126) for name in "qkvo"]
    left += ["model.layers.%d.mlp.%s_proj" % (i, name) for i in (0, 125) for name in ("gate", "up", "down")]
    base["quantization_config"] = {"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0, "modules_to_not_convert": left}
    write("405b.json", json.dumps(base))
    found = succeed("model", "show", "405b.json", "--device", "h100-sxm", "--tensor-parallel-size", "8", "--format", "json").json
    check(abs(found["server"]["weight_bytes"] / 2**30 / 57.75 - 1) < 0.02, found["server"]["weight_bytes"] / 2**30)


main(all_tests(globals()))
