#!/usr/bin/env python3
"""What a file's own object says of a decoder within it, and kinds of models that are refused by name."""
import json

from spillway_test import all_tests, check, check_equal, check_refused, execute, main, read, source, succeed, write


def show(**config):
    write("x.json", json.dumps(config))
    return succeed("model", "show", "x.json", "--format", "json").json


def example(name):
    return json.loads(read(source("tests", "models", "families", name + ".json")))


def test_defaults_within():
    """A decoder within a file leaves out what its class has by default; a file's own object leaves out nothing, and is refused."""
    mistral = dict(model_type="mistral", num_hidden_layers=40, hidden_size=5120, head_dim=128)
    found = show(model_type="llava", text_config=dict(mistral, sliding_window=None))
    check_equal((found["kv_bytes_per_token"], found["max_position"]), (40 * 2 * 8 * 128 * 2, 131072))
    check_equal(show(model_type="llava", text_config=dict(mistral, num_key_value_heads=4))["kv_bytes_per_token"], 40 * 2 * 4 * 128 * 2)
    # Of a class without a default for KV heads there are as many as heads.
    check_equal(show(model_type="llava", text_config=dict(model_type="llama", num_attention_heads=16))["kv_bytes_per_token"],
                32 * 2 * 4096 * 2)
    write("x.json", json.dumps(dict(mistral, num_key_value_heads=8)))
    check_refused(["model", "show", "x.json"], ["vocab_size", "found nothing"])


def test_thinker():
    """Of an omni model the thinker is read; what the whole says of quantization and of ties counts for it."""
    whole = example("qwen3-omni-30b-a3b")
    plain = show(**whole)
    inner = whole["thinker_config"]["text_config"]
    check_equal(plain["kv_bytes_per_token"], 48 * 2 * 4 * 128 * 2)
    check_equal(plain["family"], "qwen3_omni_moe_text")
    eight = show(**dict(whole, quantization_config={"quant_method": "fp8", "weight_block_size": [128, 128],
                                                   "modules_to_not_convert": ["visual"]}))
    check(eight["weight_bytes"] < 0.6 * plain["weight_bytes"], (eight["weight_bytes"], plain["weight_bytes"]))
    del inner["tie_word_embeddings"]
    tied = show(**dict(whole, tie_word_embeddings=True))
    check_equal(plain["parameters"] - tied["parameters"], inner["vocab_size"] * inner["hidden_size"])
    write("omni.json", json.dumps(whole))
    text = succeed("model", "show", "omni.json").text
    check("not counted" in text and "tower for sound" in text, text)


def test_shared_layers():
    """Gemma 3n: its last layers read the KV of others and have k and v all the same; the tower is not Gemma 3's."""
    config = example("gemma-3n-e2b")
    shared = show(**config)
    alone = show(**dict(config, num_kv_shared_layers=0))
    check_equal(shared["parameters"], alone["parameters"])
    check_equal(shared["kv_bytes_per_token"] * 30, alone["kv_bytes_per_token"] * 20)
    whole = dict(model_type="gemma3n", text_config=config, vision_config={"architecture": "mobilenetv5_300m_enc"})
    write("x.json", json.dumps(whole))
    text = succeed("model", "show", "x.json").text
    check("not counted" in text and "its vision tower" in text, text)
    write("x.json", json.dumps(dict(config, intermediate_size=[8192] * 29)))
    check_refused(["model", "show", "x.json"], ["intermediate_size", "each layer"])


def test_heads_by_layer():
    """Laguna: heads of each layer, gates of heads or of elements; MiniCPM-V: the decoder's kind by the file's version."""
    config = example("laguna-xs-2.1")
    plain = show(**config)["parameters"]
    check_equal(show(**dict(config, gating="per-element"))["parameters"] - plain, 2048 * 127 * (10 * 48 + 30 * 64))
    check_equal(plain - show(**dict(config, gating=False))["parameters"], 2048 * (10 * 48 + 30 * 64))
    check_equal(show(**dict(config, num_attention_heads_per_layer=None))["parameters"], plain - 30 * 16 * (2 * 2048 * 128 + 2048))
    check_equal(show(**dict(config, mlp_layer_types=None))["parameters"], plain)
    other = example("minicpm-v-4.5")
    check_equal(show(**other)["parameters"] - show(**dict(other, version=4.0))["parameters"], 36 * 2 * 128)
    for changes, expected in ((dict(config, num_attention_heads_per_layer=[48] * 39), "num_attention_heads_per_layer"),
                              (dict(config, gating="per-layer"), "gating"), (dict(other, version=9.5), "version")):
        write("x.json", json.dumps(changes))
        check_refused(["model", "show", "x.json"], [expected])
    check("its \"embd_layer\" describes" in succeed("model", "show", source("tests", "models", "families", "phi-4-multimodal.json")).text, "")


def test_states():
    """States of lightning attention and of short convolutions by hand; a scan beside attention is a layer of its own."""
    check_equal(show(**example("minimax-m1"))["state_bytes_per_sequence"], 70 * 64 * 128 * 128 * 2)
    check_equal(show(**example("lfm2-8b-a1b"))["state_bytes_per_sequence"], 18 * 2048 * 2 * 2)
    check_equal(show(**example("ling-2.6-flash"))["state_bytes_per_sequence"], 28 * 32 * 128 * 128 * 2)
    check_equal(show(**example("ling-3.0-tiny"))["state_bytes_per_sequence"], 18 * (16 * 128 * 128 * 4 + 3 * 2048 * 3 * 2))
    check_equal(show(**example("ring-mini-linear-2.0"))["state_bytes_per_sequence"], 16 * 16 * 128 * 128 * 2)
    found = show(**example("falcon-h1-34b"))
    check_equal(found["layers"], 2 * 72)
    check_equal(found["state_bytes_per_sequence"], 72 * 2 * (32 * 128 * 256 + 3 * (4096 + 2 * 2 * 256)))
    for name, changes, expected in (("minimax-m1", dict(attn_type_list=[1]), "attn_type_list"),
                                    ("lfm2-8b-a1b", dict(layer_types=["conv"] * 23 + ["mamba"]), "layer_types"),
                                    ("falcon-h1-34b", dict(mamba_d_ssm=4095), "mamba_d_ssm"),
                                    ("ling-3.0-tiny", dict(gated_attention_proj_granularity_type="per_layer"), "head_wise"),
                                    ("ling-2.6-flash", dict(layer_group_size=None), "layer_group_size"),
                                    ("bamba-9b", dict(attn_layer_indices=[]), "attn_layer_indices")):
        write("x.json", json.dumps(dict(example(name), **changes)))
        check_refused(["model", "show", "x.json"], [expected])
    for name in ("minimax-m1", "lfm2-8b-a1b", "falcon-h1-34b", "longcat-flash", "gemma-3n-e2b", "k-exaone-236b", "ling-3.0-tiny",
                 "step3-321b"):
        tp = "8" if name in ("minimax-m1", "longcat-flash", "k-exaone-236b", "step3-321b") else "1"
        succeed("run", "--model", source("tests", "models", "families", name + ".json"), "--device", "b200",
                "--tensor-parallel-size", tp, "--num-gpu-blocks", "4000", "--trace", "demo", "--limit", "5")


def test_kinds():
    """Encoders, encoders with decoders, models without attention and models that give vectors are refused in one short line."""
    llama = json.loads(read(source("models", "llama-3.1-8b.json")))
    for changes, expected in (
            (dict(model_type="bert", architectures=["BertModel"]), "an encoder: it generates nothing"),
            (dict(model_type="xlm-roberta"), "an encoder: it generates nothing"),
            (dict(model_type="t5", architectures=["T5ForConditionalGeneration"]), "cross-attention"),
            (dict(model_type="whisper"), "cross-attention"),
            (dict(model_type="mamba2"), "without attention"),
            (dict(architectures=["LlamaModel"]), '"LlamaModel", which gives vectors or scores'),
            (dict(architectures=["LlamaBidirectionalModel"]), "gives vectors or scores"),
            (dict(architectures=["LlamaForSequenceClassification"]), "gives vectors or scores"),
            (dict(model_type="qwen2", architectures=["Qwen2ForRewardModel"]), "gives vectors or scores"),
            (dict(model_type="git", architectures=["GitForCausalLM"]), "Grok1ForCausalLM")):
        write("x.json", json.dumps(dict(llama, **changes)))
        check_refused(["model", "show", "x.json"], [expected])
        check(len(execute("model", "show", "x.json").err) < 250, expected)
    check_equal(show(**dict(llama, architectures=["LlamaForCausalLM"]))["family"], "llama")


def test_unknown_family():
    """A family that is not known is refused in one line that names those whose names begin alike, and where the others are listed."""
    names = succeed("list", "families").text.split()
    check(len(names) > 100 and "qwen3_next" in names and "longcat_flash" in names, names)
    write("x.json", json.dumps({"model_type": "qwen3_8_flash_next"}))
    check_refused(["model", "show", "x.json"], ["\"qwen3_8_flash_next\", whose layers are not known", "qwen3_moe",
                                                "spillway list families"])


main(all_tests(globals()))
