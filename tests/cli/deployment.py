#!/usr/bin/env python3
"""What an operator does first: paste a server's command line, and look at what would be run."""
import csv
import io
import os

from spillway_test import (HARDWARE, all_tests, check, check_equal, check_refused, execute, main, read, run_json, source,
                           succeed, write)

CARD = ["run", "--device", "h100-sxm", "--trace", "demo", "--limit", "20"]
PASTED = """VLLM_USE_V1=1 vllm serve meta-llama/Llama-3.1-8B \\
    --max-model-len 16k --max_num_seqs=64 -tp 2 --no-enable-prefix-caching \\
    --gpu-memory-utilization 0.85 --num-gpu-blocks-override 4000 \\
    --host 0.0.0.0 --port 8000 --served-model-name a b --dtype auto --seed 3 \\
    --enforce-eager --compilation-config.mode 3 -O3 --speculative-config '{"method": "ngram"}' --no-such-flag 1 2"""
TYPED = ["--model", "llama-3.1-8b", "--max-model-len", "16000", "--max-num-seqs", "64", "--tensor-parallel-size", "2",
         "--no-enable-prefix-caching", "--num-gpu-blocks", "4000", "--enforce-eager"]


def settings(*words):
    """What --dry-run shows: setting → (value, where from)."""
    rows = csv.DictReader(io.StringIO(succeed(*words, "--dry-run", "--format", "csv").text))
    return {row["setting"]: (row["value"], row["from"]) for row in rows}


def test_pasted():
    """--vllm-args is as if its flags had been typed; every other flag is named in a note."""
    pasted = succeed(*CARD, "--vllm-args", PASTED, "--format", "json")
    typed = succeed(*CARD, *TYPED, "--format", "json")
    ours, theirs = pasted.json, typed.json
    for summary in (ours, theirs):
        del summary["wall_s"]
    check_equal(ours, theirs)
    check_equal(typed.err, "")
    for flag in ("--host", "--port", "--served-model-name", "--dtype", "--seed", "--compilation-config.mode",
                 "-O3", "--speculative-config", "--no-such-flag", "VLLM_USE_V1", "--gpu-memory-utilization"):
        check(flag in pasted.err, flag + " is not named: " + pasted.err)
    for flag in ("--max-model-len", "max_num_seqs", "-tp", "--num-gpu-blocks-override", "--enforce-eager"):
        check(flag not in pasted.err, flag + " is named: " + pasted.err)


def test_forms():
    """The other ways in which servers are started: python -m, docker, flags alone, 0.6's switches with a value."""
    for before in ("python3 -m vllm.entrypoints.openai.api_server --model meta-llama/Llama-3.1-8B",
                   "docker run --gpus all -p 8000:8000 vllm/vllm-openai:latest --model=meta-llama/Llama-3.1-8B",
                   "--trust-remote-code meta-llama/Llama-3.1-8B", "--model llama-3.1-8b"):
        found = settings(*CARD, "--vllm-args", before + " --max-num-seqs 7")
        check_equal([found["model"], found["max_num_seqs"]], [("llama-3.1-8b", "--vllm-args"), ("7", "--vllm-args")], before)
    for text, chunked in (("--enable-chunked-prefill False", "false"), ("--enable-chunked-prefill", "true"),
                          ("--enable-chunked-prefill=True --use-v2-block-manager", "true")):
        found = settings("run", *HARDWARE, "--trace", "demo", "--scheduler", "vllm-0.6", "--vllm-args", text)
        check_equal(found["enable_chunked_prefill"], (chunked, "--vllm-args"), text)
        check_equal(found["block_manager"][0], "2" if "v2" in text else "1", text)
    os.mkdir("my_model=1")
    write("my_model=1/config.json", read(source("tests", "models", "tiny-llama.json")))
    check_equal(settings(*CARD, "--vllm-args", "--model my_model=1 --max-num-seqs 7")["model"][0], "my_model=1")
    for text, tokens in (("32k", "32000"), ("32K", "32768"), ("1.5k", "1500"), ("4096", "4096")):
        found = settings(*CARD, "--vllm-args", "llama-3.1-8b --max-num-batched-tokens " + text)
        check_equal(found["max_num_batched_tokens"][0], tokens, text)
    found = settings(*CARD, "--vllm-args", "llama-3.1-8b --kv-cache-memory-bytes 4G --gpu-memory-utilization 0.5")
    check_equal(found["num_gpu_blocks"], (str(4 * 2**30 // (128 * 1024 * 16)), "--vllm-args"))


def test_typed_first():
    """What is typed goes before what is pasted, whatever the order, and a note says what gave way."""
    paste = ["--vllm-args", "llama-2-7b --max-num-seqs 9 --gpu-memory-utilization 0.5 --enable-prefix-caching"]
    typed = ["--model", "llama-3.1-8b", "--max-num-seqs", "3", "--kv-memory", "10%", "--no-enable-prefix-caching"]
    for words in (paste + typed, typed + paste):
        found = settings(*CARD, *words)
        check_equal(found["max_num_seqs"], ("3", "--max-num-seqs"))
        check_equal(found["enable_prefix_caching"], ("false", "--no-enable-prefix-caching"))
        check_equal(found["num_gpu_blocks"][1], "--kv-memory")
        check_equal(found["model"], ("llama-3.1-8b", "--model"))
        notes = succeed(*CARD, *words).err
        for flag in ("--max-num-seqs 9", "--gpu-memory-utilization 0.5", "--enable-prefix-caching"):
            check(flag + " gives way" in notes, notes)


def test_refused():
    """What no server would take, and a model that does not ship, end with one message."""
    for text, found in (("--max-num-seqs", "--max-num-seqs"), ("--max-num-seqs many", "'many'"), ("--port '8000", "quot"),
                        ("llama-2-7b another", "another"), (" ", "empty"), ("--watermark 7", "'7'")):
        check_refused([*CARD, "--vllm-args", text], ["--vllm-args", found])
    for command in ("vllm serve", "serve", "/opt/bin/vllm serve"):
        result = execute(*CARD, "--vllm-args", command + " Qwen/Qwen9-1T")
        check(result.status == 2 and "Qwen/Qwen9-1T does not ship" in result.err and "--model is missing" in result.err, str(result))
    for model in ("meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Meta-Llama-3-8B-Instruct"):
        result = execute(*CARD, "--vllm-args", "vllm serve " + model)
        nearest = model.split("/")[1].lower().removeprefix("meta-").removesuffix("-instruct")
        check(result.status == 2 and "or --model %s, whose layers" % nearest in result.err, str(result))
        succeed(*CARD, "--vllm-args", "vllm serve " + model, "--model", nearest)
    check_equal(settings(*CARD, "--tensor-parallel-size", "8", "--max-num-seqs", "64", "--trtllm-args", "trtllm-serve nvidia/DeepSeek-R1-FP4")["model"],
                ("deepseek-r1-nvfp4", "--trtllm-args"))
    for option in ("vllm-args", "sglang-args", "trtllm-args"):
        write("study.ini", "[study]\nname = x\n[run]\nmodel = llama-2-7b\n%s = --port 1\n" % option)
        check_refused(["sweep", "study.ini", "--dry-run"], ["study.ini:5", option])


COMPOSE = """services:
  vllm:
    image: vllm/vllm-openai:v0.11.0
    command: >
      --model meta-llama/Llama-3.1-8B
      --max-num-seqs 77
    ports:
      - "8000:8000"
"""
SCRIPT = """spec:
  containers:
  - name: vllm
    image: "vllm/vllm-openai:v0.11.2"
    command: ["/bin/sh", "-c"]
    args:
    - |
      set -e
      vllm serve meta-llama/Llama-3.1-8B \\
        --served-model-name "my model" \\
        --max-num-seqs 77 > /var/log/vllm 2>&1
    ports:
    - containerPort: 8000
"""
ARGS_FIRST = """  - args:
    - --model=meta-llama/Llama-3.1-8B
    # as many as fit
    - '--max-num-seqs'
    - "77"
    - --compilation-config
    - '{"level": 3}'
    command:
    - python3
    - -m
    - vllm.entrypoints.openai.api_server
    image: vllm/vllm-openai:v0.11.0-x86_64
"""
INSPECTED = """"Image": "vllm/vllm-openai:v0.11.0",
"Entrypoint": ["vllm", "serve"],
"Cmd": ["meta-llama/Llama-3.1-8B",
        "--max-num-seqs", "77", "--hf-overrides", "{\\"a\\": [1, 2]}"]
"""
SEVERAL = """services:
  proxy:
    image: nginx
    command: nginx -g 'daemon off;'
  vllm:
    command: ["--model", "llama-3.1-8b",
              "--max-num-seqs", 77]   # in flow
    image: vllm/vllm-openai:v0.11.0
    environment:
      - X=1
  other:
    image: vllm/vllm-openai:v0.9.0
    command: --model qwen2.5-0.5b
"""
SEVERAL_LISTED = """containers:
- name: proxy
  image: nginx
  args: [-c, x]
- args:
  - --model
  - llama-3.1-8b
  - --max-num-seqs=77
  name: server
  image: vllm/vllm-openai:v0.11.0
- name: sidecar
  image: busybox
  command: [sleep, infinity]
"""


def test_deployments():
    """The command and args of docker compose and Kubernetes, lists in brackets and with dashes, scripts of a shell"""
    for text, version in ((COMPOSE, "vllm-0.11"), (SCRIPT, "vllm-0.11"), (ARGS_FIRST, "vllm-0.11"), (INSPECTED, "vllm-0.11"),
                          (SEVERAL, "vllm-0.11"), (SEVERAL_LISTED, "vllm-0.11"),
                          ("command:\n  --model llama-3.1-8b\n  --max-num-seqs 77\nports:\n- 8000:8000\n", "vllm-0.33"),
                          ("command:\n  [\"--model\", llama-3.1-8b,\n   --max-num-seqs, 77]\nports: [80]\n", "vllm-0.33"),
                          ("args:\n- --model=llama-3.1-8b   # the model\n- \"--max-num-seqs\"  # and\n- '77' # so many\n", "vllm-0.33"),
                          ("- --model\n- llama-3.1-8b\n- --max-num-seqs=77\n", "vllm-0.33"),
                          ("[\n  \"--model\", \"llama-3.1-8b\",\n  '--max-num-seqs', '77'\n]", "vllm-0.33"),
                          ("command: 'vllm serve llama-3.1-8b\n  --max-num-seqs 77'", "vllm-0.33"),
                          ("extraArgs: [serve, llama-3.1-8b, --max-num-seqs, 77]", "vllm-0.33"),
                          ("bash -lc 'vllm serve llama-3.1-8b --max-num-seqs 77'", "vllm-0.33"),
                          ("cd /srv && . venv/bin/activate && vllm serve llama-3.1-8b --max-num-seqs 77 2>&1 | tee log &", "vllm-0.33"),
                          ("docker run --gpus all vllm/vllm-openai:v0.10.1.1 --model llama-3.1-8b --max-num-seqs 77", "vllm-0.10"),
                          ("docker run vllm/vllm-openai:latest --model llama-3.1-8b --max-num-seqs 77", "vllm-0.33")):
        found = settings(*CARD, "--vllm-args", text)
        check_equal([found[key][0] for key in ("model", "max_num_seqs", "scheduler")], ["llama-3.1-8b", "77", version], text)
        check_equal(found["max_num_seqs"][1], "--vllm-args", text)
    notes = succeed(*CARD, "--vllm-args", SCRIPT).err
    check("> and what is behind it are the shell's" in notes and "--served-model-name" in notes and "not known" not in notes, notes)
    check_equal(settings(*CARD, "--vllm-args", COMPOSE, "--scheduler", "vllm-0.14")["scheduler"], ("vllm-0.14", "--scheduler"))
    result = succeed(*CARD, "--vllm-args", "docker run vllm/vllm-openai:v9.9 --model llama-3.1-8b")
    check("v9.9 the version is not taken" in result.err and "newest known" in result.err, str(result))
    for text, found in (("args:", "no word"), ("args: []", "no word"), ("[", "no word"), ("args: 'x", "quot"), ("- ", "no word")):
        check_refused([*CARD, "--vllm-args", text], ["--vllm-args", found])


def test_hybrid_manager_off():
    """--disable-hybrid-kv-cache-manager is left out, and the note is true: layers with a window give KV back with it, too."""
    words = ["--trace", "gen:--requests 8 --arrivals burst --prompt fixed:4000 --output fixed:50", "--kv-memory", "1GiB", "--model", "gpt-oss-120b"]
    line = "vllm serve openai/gpt-oss-120b"
    results = [succeed("run", "--device", "h100-sxm", *words, "--vllm-args", text, "--format", "json")
               for text in (line, line + " --disable-hybrid-kv-cache-manager")]
    check("--disable-hybrid-kv-cache-manager is left out: from vllm-0.10 on layers with a window give KV back" in results[1].err,
          results[1].err)
    check_equal(results[1].json["makespan_s"], results[0].json["makespan_s"])


SGLANG = """SGLANG_X=1 python3 -m sglang.launch_server --model-path meta-llama/Llama-3.1-8B --tp 2 --context-length 16384 \\
    --mem-fraction-static 0.8 --max_running_requests=64 --chunked-prefill-size -1 --disable-radix-cache --page-size 16 \\
    --schedule-policy lpm --host 0.0.0.0 --port 30000 --dtype auto --cuda-graph-bs 1 2 4 --enable-metrics \\
    --speculative-algorithm EAGLE --no-such-flag 1"""
TRTLLM = """docker run --gpus all nvcr.io/nvidia/tensorrt-llm/release:1.0.0 trtllm-serve meta-llama/Llama-3.1-8B --tp_size 2 \\
    --max_batch_size 64 --max_num_tokens 8192 --max_seq_len 16384 --kv_cache_free_gpu_memory_fraction 0.8 --backend pytorch \\
    --port 8000 --extra_llm_api_options x.yml"""


def test_other_engines():
    """--sglang-args and --trtllm-args: the command lines of these, as if their flags had been typed; the engine is theirs."""
    of_sglang = ["--scheduler", "sglang", "--model", "llama-3.1-8b", "--tensor-parallel-size", "2", "--max-model-len", "16384",
                 "--mem-fraction-static", "0.8", "--max-running-requests", "64", "--chunked-prefill-size", "-1",
                 "--disable-radix-cache", "--page-size", "16"]
    of_trtllm = ["--scheduler", "trtllm", "--model", "llama-3.1-8b", "--tensor-parallel-size", "2", "--max-num-seqs", "64",
                 "--max-num-batched-tokens", "8192", "--max-model-len", "16384", "--free-gpu-memory-fraction", "0.8"]
    for option, text, typed, told in (
            ("--sglang-args", SGLANG, of_sglang, ("--schedule-policy is left out: requests are served in order", "--host", "--dtype",
                                                  "--cuda-graph-bs", "--speculative-algorithm", "left out: --no-such-flag", "SGLANG_X")),
            ("--trtllm-args", TRTLLM, of_trtllm, ("--backend", "--port", "the file x.yml is not here"))):
        pasted, alone = (succeed(*CARD, *words, "--format", "json") for words in ([option, text], typed))
        ours, theirs = pasted.json, alone.json
        for summary in (ours, theirs):
            del summary["wall_s"]
        check_equal(ours, theirs, option)
        for flag in told:
            check(flag in pasted.err, flag + " is not named: " + pasted.err)
        check("--tp" not in pasted.err and "max_batch" not in pasted.err, pasted.err)
        found = settings(*CARD, option, text, "--model", "llama-2-7b")
        check_equal([found["scheduler"], found["model"]], [(typed[1], option), ("llama-2-7b", "--model")])
        check_refused([*CARD, option, text, "--scheduler", "vllm"], [option, "--scheduler", "another engine"])
        check_refused([*CARD, option, text, "--vllm-args", "llama-2-7b"], ["one server"])
    lines = {"--vllm-args": "vllm serve x", "--sglang-args": "python -m sglang.launch_server --model-path x", "--trtllm-args": "trtllm-serve x"}
    for option in lines:
        for other, text in lines.items():
            if other != option:
                check_refused([*CARD, option, text], [option, other + " takes that"])
    check_equal(settings(*CARD, "--sglang-args", "sglang serve --model llama-2-7b --tp-size 2")["tensor_parallel_size"], ("2", "--sglang-args"))
    for option, text, found in (("--sglang-args", "--page-size", "--page-size"), ("--trtllm-args", "llama-2-7b --max_batch_size x", "'x'"),
                                ("--trtllm-args", "llama-2-7b --max_seq_len 2k", "--max_seq_len: --max-model-len: found '2k'")):
        check_refused([*CARD, option, text], [option, found])
    for command in ("trtllm-serve llama-2-7b", "trtllm-serve serve llama-2-7b", "/opt/bin/trtllm-serve serve llama-2-7b"):
        found = settings(*CARD, "--trtllm-args", command + " --free_gpu_memory_fraction 0.5")
        check_equal([found[key][0] for key in ("model", "free_gpu_memory_fraction")], ["llama-2-7b", "0.5"], command)
    found = settings(*CARD, "--trtllm-args", "trtllm-serve llama-2-7b --free_gpu_memory_fraction 0.5", "--kv-memory", "10%")
    check_equal(found["num_gpu_blocks"][1], "--kv-memory")


def test_variables():
    """A shell's variables have the values that the text gives them; a flag that matters and has none is refused."""
    script = "MODEL=llama-3.1-8b\nexport TP=2 X=1\nmore='--max-num-seqs 7 --block-size 32'\nvllm serve $MODEL --tensor-parallel-size ${TP} "
    for rest in ("$more", "$more --port $PORT", "--max-num-seqs=${SEQS:-7} --block-size 3$(TP)"):
        result = succeed(*CARD, "--vllm-args", script + rest, "--dry-run", "--format", "csv")
        found = {row["setting"]: row["value"] for row in csv.DictReader(io.StringIO(result.text))}
        check_equal([found[key] for key in ("model", "tensor_parallel_size", "max_num_seqs", "block_size")],
                    ["llama-3.1-8b", "2", "7", "32"], rest)
        check("environment are left out: X" in result.err.replace("more, ", ""), result.err)
    for text, name in (("vllm serve $MODEL", "$MODEL"), ("vllm serve llama-2-7b -tp ${TP}", "${TP}"), ("vllm serve llama-2-7b $MORE", "$MORE"),
                       ("args: [$(MODEL_PATH), --port, 1]", "$(MODEL_PATH)")):
        check_refused([*CARD, "--vllm-args", text], ["--vllm-args", "the variable " + name, "expected its value"])
    check_equal(settings(*CARD, "--vllm-args", "vllm serve $MODEL -tp $TP --max-num-seqs 7", "--model", "llama-2-7b",
                         "--tensor-parallel-size", "2")["max_num_seqs"][0], "7")


CHART = """servingEngineSpec:
  modelSpec:
  - name: "llama"
    repository: "vllm/vllm-openai"
    tag: "v0.11.0"
    modelURL: "llama-3.1-8b"
    requestGPU: 1
    vllmConfig:
      enableChunkedPrefill: false   # a comment
      enablePrefixCaching: true
      maxModelLen: 4096
      maxNumSeqs: 32
      gpuMemoryUtilization: 0.8
      extraArgs: ["--disable-log-requests", "--max-num-batched-tokens", "8192"]
  - name: "other"
    modelURL: "llama-2-7b"
    vllmConfig:
      maxNumSeqs: 64
      extraArgs: ["--block-size", "32"]
"""


def test_chart():
    """The values of vLLM's Helm chart: its first model, with all of its settings; a list of a shell's lines."""
    found = settings(*CARD, "--vllm-args", CHART)
    check_equal({key: found[key][0] for key in ("model", "scheduler", "enable_chunked_prefill", "enable_prefix_caching", "max_model_len",
                                                "max_num_seqs", "gpu_memory_utilization", "max_num_batched_tokens", "block_size")},
                {"model": "llama-3.1-8b", "scheduler": "vllm-0.11", "enable_chunked_prefill": "false", "enable_prefix_caching": "true",
                 "max_model_len": "4096", "max_num_seqs": "32", "gpu_memory_utilization": "0.8", "max_num_batched_tokens": "8192",
                 "block_size": "16"})
    text = "type: service\ncommands:\n  - pip list\n  - vllm serve\n     llama-3.1-8b\n     --max-num-seqs 7\nport: 8000\n"
    check_equal(settings(*CARD, "--vllm-args", text)["max_num_seqs"][0], "7")


TRTLLM_FILE = """# of the deployment
enable_chunked_prefill: true
max_batch_size: 32
print_iter_log: true
kv_cache_config:
  dtype: fp8
  free_gpu_memory_fraction: 0.85
  enable_block_reuse: false
  tokens_per_block: 64
scheduler_config:
  capacity_scheduler_policy: MAX_UTILIZATION
  context_chunking_policy: "EQUAL_PROGRESS"
speculative_config:
  decoding_type: MTP
  num_nextn_predict_layers: 3
cuda_graph_config:
  batch_sizes:
  - 1
  - max: 2
    min: 3
disable_overlap_scheduler: false
no_such_thing:
    within: 3
"""


def test_files_of_settings():
    """The file that a command line names: TensorRT-LLM's goes before flags, those of vLLM and SGLang behind them."""
    write("opts.yml", TRTLLM_FILE)
    for flag in ("--extra_llm_api_options opts.yml", "--config=opts.yml"):
        words = [*CARD, "--trtllm-args", "trtllm-serve llama-3.1-8b --max_batch_size 64 --max_num_tokens 4096 " + flag]
        found = settings(*words)
        check_equal({key: found[key] for key in ("enable_chunked_prefill", "max_num_seqs", "max_num_batched_tokens", "kv_cache_dtype", "block_size",
                                                 "free_gpu_memory_fraction", "enable_prefix_caching", "capacity_policy", "context_chunking_policy")},
                    {key: (value, "--trtllm-args") for key, value in (
                        ("enable_chunked_prefill", "true"), ("max_num_seqs", "32"), ("max_num_batched_tokens", "4096"), ("kv_cache_dtype", "fp8"),
                        ("block_size", "64"), ("free_gpu_memory_fraction", "0.85"), ("enable_prefix_caching", "false"),
                        ("capacity_policy", "max-utilization"), ("context_chunking_policy", "equal-progress"))})
        notes = succeed(*words).err
        for text in ("speculative_config.decoding_type (opts.yml:14) is left out: speculative", "cuda_graph_config.batch_sizes (opts.yml:18) is left out",
                     "nothing that is simulated: print_iter_log (opts.yml:4), disable_overlap_scheduler (opts.yml:21)",
                     "not known, and left out: no_such_thing.within (opts.yml:23)"):
            check(text in notes, text + " is not in " + notes)
        check("num_nextn" not in notes and "min" not in notes, notes)
    check_equal(settings(*words, "--max-num-seqs", "5")["max_num_seqs"], ("5", "--max-num-seqs"))
    write("vllm.yaml", "model: llama-3.1-8b\nmax-num-seqs: 32\nblock_size: 32\nenable-prefix-caching: false\nno-enable-chunked-prefill: true\nport: 8000\n")
    for option, flag, extra in (("--vllm-args", "--max-num-seqs", "enable_chunked_prefill"), ("--vllm-args", "", "")):
        text = "vllm serve --config vllm.yaml " + (flag + " 9" if flag else "")
        found = settings(*CARD, option, text)
        check_equal([found[key][0] for key in ("model", "max_num_seqs", "block_size", "enable_prefix_caching", "enable_chunked_prefill")],
                    ["llama-3.1-8b", "9" if flag else "32", "32", "true", "false"])
    write("sglang.yaml", "model-path: llama-3.1-8b\npage-size: 64\ndisable-radix-cache: true\n")
    found = settings(*CARD, "--sglang-args", "sglang serve --config sglang.yaml --page-size 16")
    check_equal([found[key][0] for key in ("model", "page_size", "disable_radix_cache")], ["llama-3.1-8b", "16", "true"])
    write("quotes.yaml", 'max_batch_size: "7"  # a comment\nprint_iter_log: "not closed\\"\n')
    check_equal(settings(*CARD, "--trtllm-args", "trtllm-serve llama-2-7b --config quotes.yaml")["max_num_seqs"][0], "7")
    write("bad.yaml", "max_batch_size: many\n")
    write("empty.yaml", "nothing\n")
    write("bytes.yaml", b"a: \xff\n")
    for name, found in (("bad.yaml", "max_batch_size (bad.yaml:1): --max-num-seqs: found 'many'"), ("empty.yaml", "no setting"),
                        ("bytes.yaml", "UTF-8"), ("", "found nothing")):
        check_refused([*CARD, "--trtllm-args", "trtllm-serve llama-2-7b --config %s" % name], ["--trtllm-args", found])


def test_of_other_versions():
    """A flag that the version has not: refused by its command line's name, but for one that newer versions ignore."""
    check_refused([*CARD, "--model", "llama-2-7b", "--vllm-args", "docker run vllm/vllm-openai:v0.6.6 --enable-prefix-caching"],
                  ["--vllm-args: --enable-prefix-caching: the prefix cache of vllm-0.6 is not simulated"])
    result = succeed(*CARD, "--vllm-args", "vllm serve llama-2-7b --use-v2-block-manager")
    check("nothing that is simulated: --use-v2-block-manager" in result.err, result.err)


def test_reasons():
    """Flags that are left out for one reason are told in one sentence; a type of 16 bits changes nothing."""
    text = "vllm serve llama-2-7b --enable-lora --max-loras 4 --max-lora-rank 64 --swap-space 4 --dtype "
    err = succeed(*CARD, "--vllm-args", text + "half").err
    check("--enable-lora, --max-loras, --max-lora-rank are left out: adapters" in err, err)
    check("nothing that is simulated: --dtype" in err, err)
    err = succeed(*CARD, "--vllm-args", text + "float32").err
    check("--dtype is left out: computing is at 16 bits" in err, err)


def test_short_names():
    """Flags by the short names, and the one that vLLM's log calls its pool's size by."""
    words = ["run", "--device", "h100-sxm", "--trace", "demo"]
    found = settings(*words, "--vllm-args", "vllm serve mixtral-8x7b -tp 2 -ep --kv-cache-memory=22976439705")
    check_equal([found[key] for key in ("enable_expert_parallel", "kv_memory")], [("true", "--vllm-args"), ("22976439705", "--vllm-args")])


def test_values():
    """Values by the names of each engine, and Python's None, which is as if the flag were not there."""
    for option, text, dtype in (("--sglang-args", "--model-path llama-2-7b --kv-cache-dtype bf16", "bfloat16"),
                                ("--vllm-args", "vllm serve llama-2-7b --kv-cache-dtype fp8_ds_mla", "fp8"),
                                ("--vllm-args", "vllm serve llama-2-7b --quantization=None", "auto")):
        check_equal(settings(*CARD, option, text)["kv_cache_dtype"][0], dtype, text)


def test_contexts():
    """A context that the command line stretches is taken: no note says that such a server would not start."""
    yarn = '{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":32768}'
    words = [*CARD, "--vllm-args"]
    for flag in ("--rope-scaling '%s'" % yarn, "--hf-overrides '{\"rope_parameters\": %s}'" % yarn,
                 "--hf-overrides '{\"text_config\": {\"max_position_embeddings\": 131072}}'"):
        result = succeed(*words, "vllm serve qwen3-8b --max-model-len 131072 " + flag)
        check("would not start" not in result.err and "the context is taken, 131072 tokens" in result.err, result.err)
        check_equal(settings(*words, "vllm serve qwen3-8b " + flag)["max_model_len"][0], "131072", flag)
    for flag in ("--max-model-len 131073 --rope-scaling '%s'" % yarn, "--max-model-len 131072"):
        check("would not start" in succeed(*words, "vllm serve qwen3-8b " + flag).err, flag)
    result = succeed(*words, "vllm serve qwen3-8b --hf-overrides '{\"architectures\": [\"X\"]}'")
    check("--hf-overrides is left out: the model's config.json" in result.err, result.err)
    text = "--model-path qwen3-8b --context-length 131072 --json-model-override-args '{\"rope_scaling\": %s}'" % yarn
    check("would not start" not in succeed(*CARD, "--sglang-args", text).err)


def test_modules():
    """A module that takes an engine's flags is no model; of SGLang and TensorRT-LLM an image's version is not taken, which is said."""
    for option, text in (("--vllm-args", "X_Y=1 python3 -m dynamo.vllm --model llama-2-7b"), ("--sglang-args", "/usr/bin/python -m dynamo.sglang --model-path llama-2-7b")):
        check("does not ship" not in succeed(*CARD, option, text).err, text)
    for option, image, text in (("--sglang-args", "lmsysorg/sglang:v0.5.3", "--model-path llama-2-7b"),
                                ("--trtllm-args", "nvcr.io/nvidia/tensorrt-llm/release:1.0.0", "trtllm-serve llama-2-7b")):
        err = succeed(*CARD, option, "docker run %s %s" % (image, text)).err
        check("of the image %s the version is not taken: of" % image in err, err)
    err = succeed(*CARD, "--sglang-args", "docker run lmsysorg/sglang:latest --model-path llama-2-7b").err
    check("version" not in err, err)


def test_clients():
    """A benchmark's command line is a client's: it is said what to do with it."""
    for option, text in (("--vllm-args", "vllm bench serve --model llama-2-7b"), ("--sglang-args", "python -m sglang.bench_serving --model x"),
                         ("--vllm-args", "python benchmarks/benchmark_serving.py --model llama-2-7b")):
        check_refused([*CARD, option, text], [option, "a benchmark's command line", "--request-rate"])


def test_graph_modes():
    """Of --compilation-config the mode of CUDA graphs is taken, where it is simulated."""
    for text, mode, told in (('--compilation-config \'{"cudagraph_mode": "PIECEWISE"}\'', ("piecewise", "--vllm-args"), "cudagraph_mode alone is taken"),
                             ('-O \'{"level": 3, "cudagraph_mode":"FULL_AND_PIECEWISE"}\'', ("full-and-piecewise", "--vllm-args"), "of -O cudagraph_mode"),
                             ("-cc.cudagraph_mode=PIECEWISE", ("piecewise", "--vllm-args"), ""),
                             ('--compilation-config \'{"level": 3}\'', ("full-and-piecewise", "default"), "is left out: CUDA graphs")):
        words = [*CARD, "--vllm-args", "vllm serve llama-2-7b " + text]
        check_equal(settings(*words)["cudagraph_mode"], mode, text)
        check(told in succeed(*words).err, text)
    check_equal(settings(*CARD, "--vllm-args", "vllm serve llama-2-7b -cc.cudagraph_mode=PIECEWISE", "--cudagraph-mode", "full-and-piecewise")["cudagraph_mode"],
                ("full-and-piecewise", "--cudagraph-mode"))


def test_without_graphs():
    """Whether a server captures graphs is taken of each engine's command line and files."""
    for text in ("-O0", "-O 0", "--optimization-level 0", "--compilation-config.cudagraph_mode NONE", '-cc \'{"cudagraph_mode":"NONE"}\''):
        check_equal(settings(*CARD, "--vllm-args", "vllm serve llama-2-7b " + text)["enforce_eager"], ("true", "--vllm-args"), text)
    check_equal(settings(*CARD, "--vllm-args", "vllm serve -O3 llama-2-7b")["model"][0], "llama-2-7b")
    check_equal(settings(*CARD, "--vllm-args", "vllm serve llama-2-7b -O3")["enforce_eager"][0], "false")
    write("eager.yaml", "enforce-eager: true\n")
    write("null.yaml", "cuda_graph_config: null\n")
    write("off.yaml", "use_cuda_graph: False\n")
    write("loud.yaml", "use_cuda_graph: FALSE\n")
    write("null-loud.yaml", "cuda_graph_config: Null\n")
    write("on.yaml", "use_cuda_graph: true\ncuda_graph_config:\n  enable_padding: false\n  max_batch_size: null\n")
    for key, words, value in (("enforce_eager", ["--vllm-args", "vllm serve llama-2-7b --enforce-eager"], "true"),
                              ("enforce_eager", ["--vllm-args", "vllm serve llama-2-7b --config eager.yaml"], "true"),
                              ("disable_cuda_graph", ["--sglang-args", "--model-path llama-2-7b --disable-cuda-graph"], "true"),
                              ("enforce_eager", ["--trtllm-args", "trtllm-serve llama-2-7b --config null.yaml"], "true"),
                              *(("enforce_eager", ["--trtllm-args", "trtllm-serve llama-2-7b --config %s.yaml" % name], "true")
                                for name in ("off", "loud", "null-loud")),
                              ("enforce_eager", ["--trtllm-args", "trtllm-serve llama-2-7b --config on.yaml"], "false")):
        check_equal(settings(*CARD, *words)[key], (value, words[0] if value == "true" else "default"), words)
        result = succeed(*CARD, *words)
        check("graph" not in result.err.replace("cuda_graph_config.", "") or value == "false", result.err)


def test_distilled():
    """What is distilled from a model is not offered that model's layers."""
    result = execute(*CARD, "--vllm-args", "vllm serve deepseek-ai/DeepSeek-R1-Distill-Llama-70B")
    check(result.status == 2 and "does not ship" in result.err and "deepseek-r1," not in result.err, str(result))
    check("or --model deepseek-r1," in execute(*CARD, "--vllm-args", "vllm serve deepseek-ai/DeepSeek-R1-0528").err)


def test_dry_run():
    """--dry-run shows the configuration of the run, every key with its origin, and writes nothing."""
    words = [*HARDWARE, "--trace", "demo", "--kv-memory", "12%", "--max-num-seqs", "32"]
    dry = succeed("run", *words, "--dry-run", "--format", "json", "-o", "x.db", "--decisions", "d", "--requests", "r").json
    check_equal(os.listdir(), [])
    check_equal(dry["scenarios"][0]["config"], run_json(*words)["config"])
    origins = dry["scenarios"][0]["from"]
    check_equal(set(key for key, value in dry["scenarios"][0]["config"].items() if value not in (None, {})) -
                {"defaults", "program_version", "profile"}, {key for key in origins if "." not in key})
    check_equal([origins[key] for key in ("model", "num_gpu_blocks", "max_num_seqs", "seed", "profile.name")],
                ["--model", "--kv-memory", "--max-num-seqs", "default", "--device"])
    check("vllm-0.33" in origins["max_num_batched_tokens"], origins)
    text = succeed("run", *words, "--dry-run").text
    check("max_num_seqs" in text and "makespan" not in text, text)


def test_dry_run_of_what_computes():
    """run, live and validate --dry-run need neither a GPU nor a computation."""
    small = ["--model", source("tests", "models", "tiny-llama.json"), "--num-gpu-blocks", "9", "--trace", "demo", "--limit", "3"]
    check_equal(settings("run", *small, "--executor", "gpu")["executor"], ("gpu", "--executor"))
    check_equal(settings("live", *small)["executor"], ("gpu", "spillway live"))
    check_equal(settings("live", *small, "--executor", "cpu")["executor"], ("cpu", "--executor"))
    write("x.db", "not touched")
    computed = settings("validate", *small, "--executor", "cpu", "--output", "x.db", "--plot", "x.svg")
    check_equal((computed["executor"], computed["num_gpu_blocks"]), (("cpu", "--executor"), ("9", "--num-gpu-blocks")))
    check_equal(settings("validate", *small, "--device", "h100-sxm")["executor"], ("gpu", "spillway validate"))
    check_refused(["validate", *small, "--dry-run"], ["--device is missing"])
    check_equal((os.listdir(), open("x.db").read()), (["x.db"], "not touched"))


def test_dry_run_of_compare():
    """compare --dry-run: what all policies have once, and under each policy what is its own."""
    words = ["compare", *HARDWARE, "--trace", "demo", "--overflow", "recompute,offload", "--dry-run"]
    rows = list(csv.DictReader(io.StringIO(succeed(*words, "--format", "csv").text)))
    check_equal({row["setting"] for row in rows if row["policy"] == "offload"},
                {"overflow", "num_offload_blocks", "offload_prompt_only", "eviction_policy", "store_threshold"})
    check_equal(sum(row["setting"] == "max_num_seqs" for row in rows), 1)
    check("under offload:" in succeed(*words).text)
    check_equal(len(succeed(*words, "--format", "json").json["scenarios"]), 2)


main(all_tests(globals()))
